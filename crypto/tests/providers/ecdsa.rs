//! ECDSA over nistp256 and nistp384 across all pairs of providers, and what is refused.

use adit_crypto::{LoadError, NistCurve, PrivateKey, Provider, SigningKey, encoded, verify};
use adit_proto::Mpint;
use adit_proto::blob::{EcdsaPublic, EcdsaSignature, ecdsa_signature};
use adit_testkit::on_every_provider;
use adit_vectors::{ECDSA, ECDSA_REFUSED, Record, records};

use crate::{each_bit_turned, providers};

on_every_provider! {
    real:
    signatures_are_verified_as_published
    signatures_that_were_published_as_false_are_refused
    every_provider_verifies_what_is_signed_here
    nonces_of_pure_are_those_of_rfc_6979
    numbers_that_begin_with_zeros_are_verified
    one_turned_bit_is_found_anywhere
    numbers_out_of_range_are_refused
    the_other_root_is_a_signature_too
    points_off_the_curve_are_refused
    a_key_has_one_curve
    halves_that_do_not_belong_together_are_not_loaded
    a_key_signs_with_its_own_algorithm_only
}

/// n of each curve (SEC 2 §2.4.2, §2.5.1).
fn order(curve: NistCurve) -> Vec<u8> {
    let (ones, rest): (_, &[u8]) = match curve {
        NistCurve::P256 => (
            [&[0xff; 4][..], &[0; 4], &[0xff; 8]].concat(),
            b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
        ),
        NistCurve::P384 => (
            vec![0xff; 24],
            b"\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\x58\x1a\x0d\xb2\
              \x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73",
        ),
    };
    [&ones, rest].concat()
}

/// a - b, as long as both.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = a.to_vec();
    let mut borrow = 0;
    for (a, b) in out.iter_mut().zip(b).rev() {
        let difference = i16::from(*a) - i16::from(*b) - borrow;
        borrow = i16::from(difference < 0);
        *a = difference.rem_euclid(256) as u8;
    }
    out
}

fn curve_of(point: &[u8]) -> NistCurve {
    NistCurve::ALL
        .into_iter()
        .find(|curve| curve.point_len() == point.len())
        .unwrap()
}

fn key_blob(point: &[u8]) -> Vec<u8> {
    let curve = curve_of(point);
    encoded(&EcdsaPublic { curve, point })
}

fn is_good(provider: &Provider, point: &[u8], message: &[u8], r: &[u8], s: &[u8]) -> bool {
    let curve = curve_of(point);
    let signature = encoded(&EcdsaSignature {
        curve,
        r: Mpint::from_unsigned(r),
        s: Mpint::from_unsigned(s),
    });
    let name = curve.key_type().as_bytes();
    verify(provider, name, &key_blob(point), message, &signature).is_ok()
}

fn parts(record: &Record) -> [&[u8]; 4] {
    ["public", "message", "r", "s"].map(|name| record.bytes(name))
}

/// One record of each curve with its private key.
fn one_of_each() -> [Record; 2] {
    NistCurve::ALL.map(|curve| {
        records(ECDSA)
            .into_iter()
            .find(|r| r.find("private").is_some() && curve_of(r.bytes("public")) == curve)
            .unwrap()
    })
}

fn load(
    provider: &Provider,
    private: &[u8],
    public: &[u8],
) -> Result<Box<dyn SigningKey>, LoadError> {
    provider.keys.load(&PrivateKey::Ecdsa {
        curve: curve_of(public),
        private,
        public,
    })
}

fn signatures_are_verified_as_published(here: &Provider) {
    for record in records(ECDSA) {
        let [public, message, r, s] = parts(&record);
        assert!(is_good(here, public, message, r, s), "line {}", record.line);
    }
}

fn signatures_that_were_published_as_false_are_refused(here: &Provider) {
    for record in records(ECDSA_REFUSED) {
        let [public, message, r, s] = parts(&record);
        assert!(
            !is_good(here, public, message, r, s),
            "line {}",
            record.line
        );
    }
}

fn every_provider_verifies_what_is_signed_here(here: &Provider) {
    for record in one_of_each() {
        let key = load(here, record.bytes("private"), record.bytes("public")).unwrap();
        assert_eq!(key.public_blob(), key_blob(record.bytes("public")));
        let algorithm = curve_of(record.bytes("public")).key_type();
        assert_eq!(key.algorithms(), [algorithm]);
        for message in [&b""[..], b"message", &[0; 1000]] {
            let signature = key.sign(algorithm, message).unwrap();
            for there in providers() {
                let name = algorithm.as_bytes();
                assert!(verify(there, name, key.public_blob(), message, &signature).is_ok());
            }
        }
    }
}

fn nonces_of_pure_are_those_of_rfc_6979(here: &Provider) {
    for record in records(ECDSA) {
        let Some(private) = record.find("private") else {
            continue;
        };
        let [public, message, r, s] = parts(&record);
        let key = load(here, private, public).unwrap();
        let sign = || key.sign(key.algorithms()[0], message).unwrap();
        let signature = sign();
        if here.name == "pure" {
            let made = ecdsa_signature(&signature).unwrap();
            assert_eq!(made.r, Mpint::from_unsigned(r), "line {}", record.line);
            assert_eq!(made.s, Mpint::from_unsigned(s), "line {}", record.line);
        } else {
            assert_ne!(signature, sign(), "a nonce was used twice");
        }
    }
}

fn numbers_that_begin_with_zeros_are_verified(here: &Provider) {
    for record in one_of_each() {
        let [public, ..] = parts(&record);
        let curve = curve_of(public);
        let key = load(here, record.bytes("private"), public).unwrap();
        // One signature in 128 has such a number.
        let found = (0_u32..4000).find(|i| {
            let message = i.to_be_bytes();
            let blob = key.sign(curve.key_type(), &message).unwrap();
            let signature = ecdsa_signature(&blob).unwrap();
            let [r, s] = [signature.r, signature.s].map(Mpint::magnitude);
            let is_short = r.len().min(s.len()) < curve.field_len();
            if is_short {
                for there in providers() {
                    assert!(is_good(there, public, &message, r, s));
                }
            }
            is_short
        });
        assert!(found.is_some());
    }
}

fn one_turned_bit_is_found_anywhere(here: &Provider) {
    for record in one_of_each() {
        let [public, message, r, s] = parts(&record);
        assert!(is_good(here, public, message, r, s));
        assert!(!each_bit_turned(message).any(|turned| is_good(here, public, &turned, r, s)));
        assert!(!each_bit_turned(r).any(|turned| is_good(here, public, message, &turned, s)));
        assert!(!each_bit_turned(s).any(|turned| is_good(here, public, message, r, &turned)));
        assert!(!each_bit_turned(public).any(|turned| is_good(here, &turned, message, r, s)));
    }
}

fn numbers_out_of_range_are_refused(here: &Provider) {
    for record in one_of_each() {
        let [public, message, r, s] = parts(&record);
        let n = order(curve_of(public));
        let mut above = n.clone();
        *above.last_mut().unwrap() += 1;
        let longer = [&[1][..], s].concat();
        for wrong in [&[0][..], &n, &above, &vec![0xff; n.len()], &longer] {
            assert!(!is_good(here, public, message, wrong, s));
            assert!(!is_good(here, public, message, r, wrong));
            assert!(!is_good(here, public, message, wrong, wrong));
        }
    }
}

/// Whoever has a signature has (r, n - s), too. SSH keeps no account of signatures, so that this
/// does no harm; the providers agree on it.
fn the_other_root_is_a_signature_too(here: &Provider) {
    for record in one_of_each() {
        let [public, message, r, s] = parts(&record);
        let other = minus(&order(curve_of(public)), s);
        assert!(is_good(here, public, message, r, &other));
        assert!(!is_good(here, public, message, &other, r));
    }
}

fn points_off_the_curve_are_refused(here: &Provider) {
    for record in one_of_each() {
        let [public, message, r, s] = parts(&record);
        let len = public.len();
        let with = |coordinates: &dyn Fn(usize) -> u8| {
            let mut point: Vec<u8> = (0..len).map(coordinates).collect();
            point[0] = 4;
            point
        };
        for point in [
            with(&|_| 0),
            with(&|_| 0xff),
            with(&|i| u8::from(i == len - 1)),
            // The two coordinates changed places.
            [
                &[4],
                &public[len.div_ceil(2)..],
                &public[1..len.div_ceil(2)],
            ]
            .concat(),
        ] {
            assert!(!is_good(here, &point, message, r, s));
            assert!(load(here, record.bytes("private"), &point).is_err());
        }
    }
}

fn a_key_has_one_curve(here: &Provider) {
    let [p256, p384] = one_of_each();
    for (record, other) in [(&p256, &p384), (&p384, &p256)] {
        let key = load(here, record.bytes("private"), record.bytes("public")).unwrap();
        let [own, others] =
            [record, other].map(|r| curve_of(r.bytes("public")).key_type().as_bytes());
        let signature = key.sign(key.algorithms()[0], b"message").unwrap();
        let is_good = |algorithm: &[u8], key: &[u8], signature: &[u8]| {
            verify(here, algorithm, key, b"message", signature).is_ok()
        };
        assert!(is_good(own, key.public_blob(), &signature));
        assert!(!is_good(others, key.public_blob(), &signature));
        assert!(here.verifier(own).unwrap().accepts_key(key.public_blob()));
        assert!(
            !here
                .verifier(others)
                .unwrap()
                .accepts_key(key.public_blob())
        );
        // The names outside and inside, one by one and together: both are as long as each other.
        let rename = |blob: &[u8], from: &[u8], to: &[u8]| {
            let mut blob = blob.to_vec();
            let at = blob.windows(from.len()).rposition(|w| w == from).unwrap();
            blob[at..at + to.len()].copy_from_slice(to);
            blob
        };
        let (own_end, others_end) = (&own[11..], &others[11..]);
        let inside = rename(key.public_blob(), own_end, others_end);
        let outside = rename(key.public_blob(), own, others);
        let both = rename(&inside, own, others);
        for key in [&inside, &outside, &both] {
            assert!(!is_good(own, key, &signature));
            assert!(!is_good(others, key, &rename(&signature, own, others)));
            assert!(!here.verifier(own).unwrap().accepts_key(key));
            assert!(!here.verifier(others).unwrap().accepts_key(key));
        }
        for len in 0..signature.len() {
            assert!(!is_good(own, key.public_blob(), &signature[..len]));
        }
        let long = [&signature[..], &[0]].concat();
        assert!(!is_good(own, key.public_blob(), &long));
    }
}

fn halves_that_do_not_belong_together_are_not_loaded(here: &Provider) {
    let differ = Some(LoadError::HalvesDiffer);
    for record in one_of_each() {
        let (private, public) = (record.bytes("private"), record.bytes("public"));
        let error = |private: &[u8], public: &[u8]| load(here, private, public).err();
        assert_eq!(error(private, public), None);
        for turned in each_bit_turned(private) {
            assert_eq!(error(&turned, public), differ);
        }
        for turned in each_bit_turned(public) {
            assert_eq!(error(private, &turned), differ);
        }
        let n = order(curve_of(public));
        for wrong in [vec![0; n.len()], vec![0xff; n.len()], n.clone()] {
            assert_eq!(error(&wrong, public), differ);
        }
        for len in (0..100).filter(|len| *len != private.len()) {
            assert_eq!(error(&vec![1; len], public), differ);
        }
        let curve = curve_of(public);
        let short = PrivateKey::Ecdsa {
            curve,
            private,
            public: &public[..public.len() - 1],
        };
        assert_eq!(here.keys.load(&short).err(), differ);
    }
    let [p256, p384] = one_of_each();
    let mixed = PrivateKey::Ecdsa {
        curve: NistCurve::P384,
        private: p256.bytes("private"),
        public: p384.bytes("public"),
    };
    assert_eq!(here.keys.load(&mixed).err(), differ);
}

fn a_key_signs_with_its_own_algorithm_only(here: &Provider) {
    let [record, _] = one_of_each();
    let key = load(here, record.bytes("private"), record.bytes("public")).unwrap();
    for other in [
        "",
        "nistp256",
        "ecdsa-sha2-nistp384",
        "ssh-ed25519",
        "rsa-sha2-512",
    ] {
        assert!(key.sign(other, b"message").is_err());
    }
}
