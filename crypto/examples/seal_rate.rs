//! How fast one core seals and opens: `cargo run --release --all-features --example seal_rate`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement, not a library"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use adit_crypto::{Cipher, KeyBlock, Provider};

/// A prompt, a small page, and what a full data packet has.
const PACKET_LENS: [usize; 4] = [68, 4 + 1024, 4 + 16 * 1024, 4 + 32 * 1024];
const TIME_EACH: Duration = Duration::from_millis(300);

fn main() {
    let providers: &[&Provider] = &[
        #[cfg(feature = "ring")]
        &adit_crypto::RING,
        #[cfg(feature = "pure")]
        &adit_crypto::PURE,
    ];
    println!("MB/s: seal / open, by length of packet {PACKET_LENS:?}");
    for provider in providers {
        for cipher in provider.ciphers {
            let name = [cipher.name(), cipher.mac().unwrap_or_default()].join(" ");
            print!("{:5} {name:40}", provider.name);
            for len in PACKET_LENS {
                let (seal, open) = rates(*cipher, len);
                print!("  {seal:6.0} / {open:6.0}");
            }
            println!();
        }
    }
}

/// Megabytes a second, sealing and opening.
fn rates(cipher: &dyn Cipher, len: usize) -> (f64, f64) {
    let shape = cipher.key_shape();
    let keys = KeyBlock {
        key: &vec![7; shape.key_len],
        iv: &vec![0; shape.iv_len],
        mac_key: &vec![7; shape.mac_key_len],
    };
    let mut seal = cipher.sealer(&keys).unwrap();
    let mut packet = vec![0; len];
    let mut tag = vec![0; seal.tag_len()];
    let sealing = packets_a_second(|seq| seal.seal(seq, &mut packet, &mut tag).unwrap());

    // A failure costs as much as a success but for deciphering, so packets must be real: a batch is
    // sealed again each time, outside the measured time.
    let mut seal = cipher.sealer(&keys).unwrap();
    let mut open = cipher.opener(&keys).unwrap();
    let (mut spent, mut n, mut seq) = (Duration::ZERO, 0_u32, 0_u32);
    while spent < TIME_EACH {
        let first = seq;
        let mut batch: Vec<_> = (0..64)
            .map(|_| {
                let (mut packet, mut tag) = (vec![0; len], vec![0; seal.tag_len()]);
                seal.seal(seq, &mut packet, &mut tag).unwrap();
                seq = seq.wrapping_add(1);
                (packet, tag)
            })
            .collect();
        let start = Instant::now();
        for (seq, (packet, tag)) in (first..).zip(&mut batch) {
            black_box(open.packet_length(seq, *packet.first_chunk().unwrap()));
            open.open(seq, packet, tag).unwrap();
        }
        spent += start.elapsed();
        n += 64;
    }
    let opening = f64::from(n) / spent.as_secs_f64();
    let megabytes = len as f64 / 1e6;
    (sealing * megabytes, opening * megabytes)
}

fn packets_a_second(mut step: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    let mut n = 0;
    while start.elapsed() < TIME_EACH {
        for _ in 0..64 {
            step(n);
            n = n.wrapping_add(1);
        }
    }
    f64::from(n) / start.elapsed().as_secs_f64()
}
