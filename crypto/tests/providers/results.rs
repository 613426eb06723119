//! Both providers with the same keys and bytes: the same result, or none.

use adit_crypto::{Cipher, HASH_MAX, KeyBlock, PURE, Provider, RING, digest};
use adit_testkit::dice::Dice;
use adit_testkit::seeds;

use crate::Script;
use crate::both::{BOTH, agreed};
use crate::mutation::{made_up, mutated};

/// RFC 7748 §5: a u that is not reduced is taken for its remainder, and its top bit for nothing. ring
/// takes no scalar from outside, so that it has to find out from a share whose scalar is known: the
/// base point, and multiples of it.
#[test]
fn x25519_reads_a_share_in_one_way() {
    // 5 L - 1, with L the order of the base point, whose u is 9: it gives -1 times that, and -P has
    // the u of P. A scalar is a multiple of 8 from 2^254 on (§5), and this is one.
    const OF_NINE: [u8; 32] = [
        0xa0, 0x23, 0xcd, 0xd0, 0x83, 0xef, 0x5b, 0xb8, 0x2f, 0x10, 0xd6, 0x2e, 0x59, 0xe1, 0x5a,
        0x68, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50,
    ];
    let name = b"curve25519-sha256";
    let with = |there: &Provider, share: &[u8]| {
        let active = there.kex(name).unwrap().start(there.random).unwrap();
        let theirs = active.share().to_vec();
        (theirs, active.finish(share).unwrap())
    };
    let own = |scalar: &[u8]| {
        PURE.kex(name)
            .unwrap()
            .start(&Script::new(&[scalar]))
            .unwrap()
    };
    let nine = own(&OF_NINE).share().to_vec();
    let mut expected = [0; 32];
    expected[0] = 9;
    assert_eq!(nine, expected);
    // 2^255 - 10, which is 9 modulo 2^255 - 19.
    let mut not_reduced = [0xff; 32];
    (not_reduced[0], not_reduced[31]) = (0xf6, 0x7f);
    let share = own(&[7; 32]).share().to_vec();
    for (scalar, share) in [
        (&OF_NINE, nine),
        (&OF_NINE, not_reduced.to_vec()),
        (&[7; 32], share),
    ] {
        for top_bit in [0, 0x80] {
            let mut share = share.clone();
            share[31] |= top_bit;
            for there in BOTH {
                let (theirs, secret) = with(there, &share);
                let ours = own(scalar).finish(&theirs).unwrap();
                assert_eq!(ours.bytes.expose(), secret.bytes.expose(), "{}", there.name);
            }
        }
    }
}

/// The same cipher of both.
fn pairs_of_ciphers() -> impl Iterator<Item = [&'static dyn Cipher; 2]> {
    RING.ciphers.iter().map(|cipher| {
        let mac = cipher.mac().map(str::as_bytes);
        BOTH.map(|there| there.cipher(cipher.name().as_bytes(), mac).unwrap())
    })
}

/// Where a carry runs on, or the number begins again.
const SEQUENCE_NUMBERS: [u32; 12] = [
    0,
    1,
    0xff,
    0x100,
    0xffff,
    0x1_0000,
    0xff_ffff,
    0x100_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

#[test]
fn packets_are_the_same_bytes_and_open_or_do_not() {
    seeds::each(2, 200, |seed| {
        let (mut opened, mut dice) = (0, Dice::new(seed));
        for ciphers in pairs_of_ciphers() {
            let shape = ciphers[0].key_shape();
            assert_eq!(shape, ciphers[1].key_shape());
            let [key, iv, mac_key] =
                [shape.key_len, shape.iv_len, shape.mac_key_len].map(|len| made_up(&mut dice, len));
            let (key, iv, mac_key) = (&key, &iv, &mac_key);
            let keys = KeyBlock { key, iv, mac_key };
            let ends = || {
                ciphers.map(|cipher| (cipher.sealer(&keys).unwrap(), cipher.opener(&keys).unwrap()))
            };
            let mut pairs = ends();
            let (block_len, tag_len) = (pairs[0].0.block_len(), pairs[0].0.tag_len());
            for round in 0..80 {
                let name = (ciphers[0].name(), ciphers[0].mac(), round);
                let seq = match dice.one_in(4) {
                    true => dice.pick(&SEQUENCE_NUMBERS),
                    false => dice.next() as u32,
                };
                // Whole blocks as the transport makes them, and what nobody should.
                let len = match dice.below(5) {
                    0 => dice.below(5 * block_len),
                    1 => 4 + 35_000 / block_len * block_len,
                    _ => 4 + dice.below(40) * block_len,
                };
                let clear = made_up(&mut dice, len);
                let sealed = pairs.each_mut().map(|(seal, _)| {
                    let (mut packet, mut tag) = (clear.clone(), vec![0; tag_len]);
                    let result = seal.seal(seq, &mut packet, &mut tag);
                    result.map(|()| (packet, tag))
                });
                assert_eq!(sealed[0], sealed[1], "{name:?}");
                let Ok((packet, tag)) = &sealed[0] else {
                    continue;
                };
                let (mut packet, mut tag, mut heard) = (packet.clone(), tag.clone(), seq);
                match dice.below(8) {
                    0 => packet = mutated(&mut dice, &packet),
                    1 => tag = mutated(&mut dice, &tag),
                    2 => heard = seq.wrapping_add(dice.pick(&[1, 0x100, 0x8000_0000, u32::MAX])),
                    _ => {}
                }
                let first = *packet.first_chunk().unwrap_or(&[7; 4]);
                let results = pairs.each_mut().map(|(_, open)| {
                    let mut packet = packet.clone();
                    let announced = open.packet_length(heard, first);
                    let result = open.open(heard, &mut packet, &tag);
                    (announced, result, packet)
                });
                assert_eq!(results[0], results[1], "{name:?}");
                // A packet that does not open is the last of its connection.
                if results[0].1.is_ok() {
                    opened += 1;
                } else {
                    pairs = ends();
                }
            }
        }
        // But for those whose invocation counter began at its end.
        assert!(opened > 20 * RING.ciphers.len() / 2, "{opened}");
    });
}

#[test]
fn hashes_are_the_same_however_the_bytes_come() {
    let hashes = |there: &Provider| {
        let p384 = there.kex(b"ecdh-sha2-nistp384").unwrap();
        [there.sha256, there.sha512, p384.hash()]
    };
    let mut dice = Dice::new(1);
    let lens = (0..300).chain([1000, 4096, 35_000]);
    for len in lens {
        let bytes = made_up(&mut dice, len);
        let (one, two) = bytes.split_at(dice.below(len + 1));
        for which in 0..3 {
            let whole = agreed(&len, |there| digest(hashes(there)[which], &[&bytes]));
            let pieces = agreed(&len, |there| {
                let mut context = hashes(there)[which].start();
                context.update(one);
                context.update(two);
                let mut out = [0; HASH_MAX];
                let len = context.finish(&mut out);
                out[..len].to_vec()
            });
            assert_eq!(whole, pieces);
        }
        // Keys around the length of a block, too, beyond which the key is hashed (RFC 2104 §2).
        let key = made_up(&mut dice, len.min(200));
        agreed(&len, |there| (there.hmac_sha1)(&key, &bytes));
    }
}
