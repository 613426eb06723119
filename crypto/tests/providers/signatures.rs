//! Signatures across all pairs of providers, and those that are refused.

use adit_crypto::{PrivateKey, Provider, SigningKey, verify};
use adit_testkit::on_every_provider;
use adit_vectors::{ED25519, ED25519_MIXED, ED25519_REFUSED, records};

use crate::{Repeatable, Script, each_bit_turned, providers};

on_every_provider! {
    real:
    every_provider_verifies_what_is_signed_here
    signatures_are_as_published
    one_turned_bit_is_found_anywhere
    blobs_of_other_lengths_or_names_are_refused
    points_of_small_order_are_refused_as_key_and_as_r
    keys_with_a_part_of_small_order_are_judged_without_cofactor
    a_scalar_that_is_not_reduced_is_refused
    halves_that_do_not_belong_together_are_not_loaded
    a_key_signs_with_its_own_algorithm_only
    a_new_key_comes_of_the_randomness_that_was_given
}

const NAME: &str = "ssh-ed25519";

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// A key or signature blob with that name.
fn blob(name: &str, value: &[u8]) -> Vec<u8> {
    [string(name.as_bytes()), string(value)].concat()
}

/// Whether the signature is good, given without the names around it.
fn is_good(provider: &Provider, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (key, signature) = (blob(NAME, public), blob(NAME, signature));
    verify(provider, NAME.as_bytes(), &key, message, &signature).is_ok()
}

fn load(provider: &Provider, seed: &[u8], public: &[u8]) -> Option<Box<dyn SigningKey>> {
    let key = PrivateKey::Ed25519 {
        seed: seed.try_into().unwrap(),
        public: public.try_into().unwrap(),
    };
    provider.keys.load(&key).ok()
}

fn new_key(provider: &Provider) -> Box<dyn SigningKey> {
    let (seed, public) = provider.keys.generate_ed25519(provider.random).unwrap();
    load(provider, seed.expose(), &public).unwrap()
}

fn every_provider_verifies_what_is_signed_here(here: &Provider) {
    let key = new_key(here);
    assert_eq!(key.algorithms(), [NAME]);
    for message in [&b""[..], b"message", &[0; 1000]] {
        let signature = key.sign(NAME, message).unwrap();
        for there in providers() {
            let blob = key.public_blob();
            assert!(verify(there, NAME.as_bytes(), blob, message, &signature).is_ok());
        }
    }
}

fn signatures_are_as_published(here: &Provider) {
    for record in records(ED25519) {
        let (public, message) = (record.bytes("public"), record.bytes("message"));
        let signature = record.bytes("signature");
        let key = load(here, record.bytes("seed"), public).unwrap();
        assert_eq!(
            key.public_blob(),
            blob(NAME, public),
            "line {}",
            record.line
        );
        let signed = key.sign(NAME, message).unwrap();
        assert_eq!(signed, blob(NAME, signature), "line {}", record.line);
        assert!(
            is_good(here, public, message, signature),
            "line {}",
            record.line
        );
    }
}

fn one_turned_bit_is_found_anywhere(here: &Provider) {
    let record = &records(ED25519)[2];
    let (public, message) = (record.bytes("public"), record.bytes("message"));
    let signature = record.bytes("signature");
    assert!(!each_bit_turned(signature).any(|turned| is_good(here, public, message, &turned)));
    assert!(!each_bit_turned(message).any(|turned| is_good(here, public, &turned, signature)));
    assert!(!each_bit_turned(public).any(|turned| is_good(here, &turned, message, signature)));
    assert!(is_good(here, public, message, signature));
}

fn blobs_of_other_lengths_or_names_are_refused(here: &Provider) {
    let record = &records(ED25519)[1];
    let (public, message) = (record.bytes("public"), record.bytes("message"));
    let signature = record.bytes("signature");
    for len in [0, 1, 31, 33, 64, 1 << 20] {
        let mut wrong = public.to_vec();
        wrong.resize(len, 0);
        assert!(!is_good(here, &wrong, message, signature));
    }
    for len in [0, 1, 32, 63, 65, 128, 1 << 20] {
        let mut wrong = signature.to_vec();
        wrong.resize(len, 0);
        assert!(!is_good(here, public, message, &wrong));
    }
    let (key, signature) = (blob(NAME, public), blob(NAME, signature));
    let is_good = |algorithm: &str, key: &[u8], signature: &[u8]| {
        verify(here, algorithm.as_bytes(), key, message, signature).is_ok()
    };
    assert!(is_good(NAME, &key, &signature));
    for len in 0..key.len() {
        assert!(!is_good(NAME, &key[..len], &signature));
    }
    for len in 0..signature.len() {
        assert!(!is_good(NAME, &key, &signature[..len]));
    }
    assert!(!is_good(NAME, &[&key[..], &[0]].concat(), &signature));
    assert!(!is_good(NAME, &key, &[&signature[..], &[0]].concat()));
    for other in ["", "ssh-rsa", "ssh-ed2551", "ssh-ed25519 ", "SSH-ED25519"] {
        assert!(!is_good(other, &key, &signature));
        assert!(!is_good(NAME, &blob(other, public), &signature));
        assert!(!is_good(
            NAME,
            &key,
            &blob(other, record.bytes("signature"))
        ));
    }
}

/// Encodings of the eight points of small order, and of those that are not reduced (y = p, p + 1),
/// each with both signs of x.
fn small_order_points() -> Vec<[u8; 32]> {
    let with_ends = |first: u8, middle: u8, last: u8| {
        let mut y = [middle; 32];
        (y[0], y[31]) = (first, last);
        y
    };
    let order_8 = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ];
    // -y = p - y: every byte is the complement, but for the borrow that p's last 19 makes.
    let mut minus_order_8 = order_8.map(|byte: u8| !byte);
    minus_order_8[0] = minus_order_8[0].wrapping_sub(0x12);
    minus_order_8[31] &= 0x7f;
    let mut points = vec![
        with_ends(0, 0, 0),
        with_ends(1, 0, 0),
        with_ends(0xec, 0xff, 0x7f), // p - 1
        with_ends(0xed, 0xff, 0x7f), // p
        with_ends(0xee, 0xff, 0x7f), // p + 1
        order_8,
        minus_order_8,
    ];
    for mut point in points.clone() {
        point[31] |= 0x80;
        points.push(point);
    }
    points
}

fn points_of_small_order_are_refused_as_key_and_as_r(here: &Provider) {
    // A: with S = 1 the equation is B = R + k A, and R = B fits whenever k A vanishes: for each
    // message under the neutral element, for one in eight under a point of order 8.
    let mut base = [0x66; 32];
    base[0] = 0x58;
    let mut one = [0; 32];
    one[0] = 1;
    for public in small_order_points() {
        for message in 0_u8..64 {
            assert!(!is_good(here, &public, &[message], &[base, one].concat()));
        }
        // With S = 0, R of small order fits instead.
        for r in small_order_points() {
            for message in 0_u8..16 {
                assert!(!is_good(here, &public, &[message], &[r, [0; 32]].concat()));
            }
        }
    }
    for record in records(ED25519_REFUSED) {
        let (public, message) = (record.bytes("public"), record.bytes("message"));
        assert!(!is_good(here, public, message, record.bytes("signature")));
    }
}

/// RFC 8032 §5.1.7 allows both equations, so that what only one of them accepts is accepted by some
/// and not by others. Here nobody accepts it.
fn keys_with_a_part_of_small_order_are_judged_without_cofactor(here: &Provider) {
    let mut verdicts = [0; 2];
    for record in records(ED25519_MIXED) {
        let [public, message, signature] =
            ["public", "message", "signature"].map(|name| record.bytes(name));
        let good = record.bytes("good") == [1];
        let verdict = is_good(here, public, message, signature);
        assert_eq!(verdict, good, "line {}", record.line);
        verdicts[usize::from(good)] += 1;
    }
    assert_eq!(verdicts, [63, 42]);
}

fn a_scalar_that_is_not_reduced_is_refused(here: &Provider) {
    // RFC 8032 §5.1.7: S < L, or every signature had a second form.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    for record in records(ED25519) {
        let (public, message) = (record.bytes("public"), record.bytes("message"));
        let mut signature = record.bytes("signature").to_vec();
        while signature[63] < 0xe0 {
            let mut carry = 0;
            for (byte, l) in signature[32..].iter_mut().zip(L) {
                carry += u16::from(*byte) + u16::from(l);
                *byte = carry as u8;
                carry >>= 8;
            }
            assert!(!is_good(here, public, message, &signature));
        }
    }
}

fn halves_that_do_not_belong_together_are_not_loaded(here: &Provider) {
    let records = records(ED25519);
    let (one, two) = (&records[0], &records[1]);
    assert!(load(here, one.bytes("seed"), one.bytes("public")).is_some());
    assert!(load(here, one.bytes("seed"), two.bytes("public")).is_none());
    assert!(load(here, two.bytes("seed"), one.bytes("public")).is_none());
    for public in each_bit_turned(one.bytes("public")) {
        assert!(load(here, one.bytes("seed"), &public).is_none());
    }
}

fn a_key_signs_with_its_own_algorithm_only(here: &Provider) {
    let key = new_key(here);
    for other in [
        "",
        "ssh-rsa",
        "rsa-sha2-512",
        "ssh-ed25519-cert-v01@openssh.com",
    ] {
        assert!(key.sign(other, b"message").is_err());
    }
}

fn a_new_key_comes_of_the_randomness_that_was_given(here: &Provider) {
    let record = &records(ED25519)[0];
    let random = Script::new(&[record.bytes("seed")]);
    let (seed, public) = here.keys.generate_ed25519(&random).unwrap();
    assert_eq!(seed.expose(), record.bytes("seed"));
    assert_eq!(public, record.bytes("public"));
    for len in 0..32 {
        let random = Script::new(&[&Repeatable::new(3).bytes(len)]);
        assert!(here.keys.generate_ed25519(&random).is_err());
    }
}
