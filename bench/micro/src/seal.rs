//! Sealing and opening packets, with each cipher of each provider.

use std::hint::black_box;
use std::time::{Duration, Instant};

use adit_crypto::{Cipher, KeyBlock, PURE, RING};

use crate::{BATCH, TIME_EACH, seconds_each};

/// A prompt, a small page, both sides of where the provider ring changes its ChaCha20, and what a
/// full data packet has.
const PACKET_LENS: [usize; 5] = [68, 4 + 1024, 4 + 4 * 1024, 4 + 8 * 1024, 4 + 32 * 1024];

pub fn measure() {
    println!("MB/s: seal / open, by length of packet {PACKET_LENS:?}");
    for provider in [&RING, &PURE] {
        for cipher in provider.ciphers {
            let name = [cipher.name(), cipher.mac().unwrap_or_default()].join(" ");
            print!("{:5} {name:40}", provider.name);
            for len in PACKET_LENS {
                print!(
                    "  {:6.0} / {:6.0}",
                    sealing(*cipher, len),
                    opening(*cipher, len)
                );
            }
            println!();
        }
    }
}

/// Megabytes a second.
fn sealing(cipher: &dyn Cipher, len: usize) -> f64 {
    let mut seal = with_keys(cipher, |keys| cipher.sealer(keys).expect("a sealer"));
    let (mut packet, mut tag) = (vec![0; len], vec![0; seal.tag_len()]);
    let mut seq = 0_u32;
    let seconds = seconds_each(|| {
        seal.seal(seq, &mut packet, &mut tag)
            .expect("a sealed packet");
        seq = seq.wrapping_add(1);
    });
    len as f64 / 1e6 / seconds
}

/// A failure costs as much as a success but for deciphering, so packets must be real: a batch is
/// sealed again each time, outside the measured time.
fn opening(cipher: &dyn Cipher, len: usize) -> f64 {
    let mut seal = with_keys(cipher, |keys| cipher.sealer(keys).expect("a sealer"));
    let mut open = with_keys(cipher, |keys| cipher.opener(keys).expect("an opener"));
    let mut batch = vec![(vec![0; len], vec![0; seal.tag_len()]); BATCH];
    let (mut spent, mut n, mut seq) = (Duration::ZERO, 0, 0_u32);
    while spent < TIME_EACH {
        for ((packet, tag), seq) in batch.iter_mut().zip(seq..) {
            seal.seal(seq, packet, tag).expect("a sealed packet");
        }
        let start = Instant::now();
        for (packet, tag) in &mut batch {
            let first = *packet.first_chunk().expect("a length");
            black_box(open.packet_length(seq, first));
            open.open(seq, packet, tag).expect("an opened packet");
            seq = seq.wrapping_add(1);
        }
        spent += start.elapsed();
        n += BATCH;
    }
    n as f64 * len as f64 / 1e6 / spent.as_secs_f64()
}

fn with_keys<T>(cipher: &dyn Cipher, make: impl FnOnce(&KeyBlock<'_>) -> T) -> T {
    let shape = cipher.key_shape();
    make(&KeyBlock {
        key: &vec![7; shape.key_len],
        iv: &vec![0; shape.iv_len],
        mac_key: &vec![7; shape.mac_key_len],
    })
}
