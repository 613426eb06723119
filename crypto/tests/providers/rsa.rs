//! RSA with SHA-256 and SHA-512 across all pairs of providers, and what is refused.

use std::time::{Duration, Instant};

use adit_crypto::{LoadError, PrivateKey, Provider, RsaPrivate, SigningKey, encoded, verify};
use adit_proto::Mpint;
use adit_proto::blob::{OneString, RsaKeyBlob, SSH_RSA};
use adit_testkit::on_every_provider;
use adit_vectors::{RSA, RSA_REFUSED, RSA_SIZES, Record, records};

use crate::{each_bit_turned, providers};

on_every_provider! {
    real:
    signatures_are_verified_as_published
    signatures_that_were_published_as_false_are_refused
    what_is_signed_here_is_as_published
    keys_that_do_not_sign_here_are_unsupported
    one_turned_bit_is_found_anywhere
    a_signature_without_its_leading_zeros_is_taken
    a_signature_not_below_the_modulus_is_refused
    a_message_that_was_not_padded_is_refused
    sha_1_is_never_accepted
    blobs_with_more_or_less_are_refused
    keys_out_of_range_are_refused_in_no_time
    numbers_that_do_not_belong_together_are_not_loaded
    a_key_signs_with_its_own_algorithms_only
}

fn key_blob(e: &[u8], n: &[u8]) -> Vec<u8> {
    encoded(&RsaKeyBlob {
        name: SSH_RSA,
        e: Mpint::from_unsigned(e),
        n: Mpint::from_unsigned(n),
    })
}

fn signature_blob(name: &str, value: &[u8]) -> Vec<u8> {
    let name = name.as_bytes();
    encoded(&OneString { name, value })
}

fn algorithm(record: &Record) -> &'static str {
    match record.bytes("hash") {
        [1, 0] => "rsa-sha2-256",
        _ => "rsa-sha2-512",
    }
}

/// Whether the record is good with this signature, this message and this modulus.
fn is_good(
    provider: &Provider,
    record: &Record,
    n: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let name = algorithm(record);
    let key = key_blob(record.bytes("e"), n);
    let signature = signature_blob(name, signature);
    verify(provider, name.as_bytes(), &key, message, &signature).is_ok()
}

fn is_good_as_it_is(provider: &Provider, record: &Record) -> bool {
    let [n, message, signature] = ["n", "message", "signature"].map(|name| record.bytes(name));
    is_good(provider, record, n, message, signature)
}

/// The records with private numbers.
fn private_keys() -> Vec<Record> {
    let records = records(RSA).into_iter();
    records
        .filter(|record| record.find("d").is_some())
        .collect()
}

fn numbers(record: &Record) -> RsaPrivate<'_> {
    let [n, e, d, p, q, iqmp] = ["n", "e", "d", "p", "q", "iqmp"].map(|name| record.bytes(name));
    RsaPrivate {
        n,
        e,
        d,
        p,
        q,
        iqmp,
    }
}

fn load(provider: &Provider, numbers: RsaPrivate<'_>) -> Result<Box<dyn SigningKey>, LoadError> {
    provider.keys.load(&PrivateKey::Rsa(numbers))
}

fn signatures_are_verified_as_published(here: &Provider) {
    for record in records(RSA).into_iter().chain(records(RSA_SIZES)) {
        assert!(is_good_as_it_is(here, &record), "line {}", record.line);
    }
}

fn signatures_that_were_published_as_false_are_refused(here: &Provider) {
    for record in records(RSA_REFUSED) {
        assert!(!is_good_as_it_is(here, &record), "line {}", record.line);
    }
}

fn what_is_signed_here_is_as_published(here: &Provider) {
    let records = private_keys();
    assert_eq!(records.len(), 6);
    for record in records {
        let Ok(key) = load(here, numbers(&record)) else {
            assert_eq!(here.name, "pure");
            continue;
        };
        let blob = key_blob(record.bytes("e"), record.bytes("n"));
        assert_eq!(key.public_blob(), blob, "line {}", record.line);
        assert_eq!(key.algorithms(), ["rsa-sha2-512", "rsa-sha2-256"]);
        let (name, message) = (algorithm(&record), record.bytes("message"));
        let signature = key.sign(name, message).unwrap();
        assert_eq!(signature, signature_blob(name, record.bytes("signature")));
        for name in key.algorithms() {
            let signature = key.sign(name, b"another").unwrap();
            for there in providers() {
                assert!(verify(there, name.as_bytes(), &blob, b"another", &signature).is_ok());
            }
        }
    }
}

fn keys_that_do_not_sign_here_are_unsupported(here: &Provider) {
    let unsupported = Some(LoadError::Unsupported);
    let record = &private_keys()[0];
    let good = numbers(record);
    if here.name == "pure" {
        assert_eq!(load(here, good).err(), unsupported);
        return;
    }
    assert_eq!(load(here, good).err(), None);
    // 35 is what OpenSSH made for years, 37 what PuTTY did.
    for e in [&[3][..], &[35], &[37], &[0xff, 0xff], &[2, 0, 0, 0, 1]] {
        assert_eq!(load(here, RsaPrivate { e, ..good }).err(), unsupported);
    }
    for bits in [1024, 2040, 2056, 2560, 4104, 5120, 8192, 16384] {
        let mut n = vec![0xff; bits / 8];
        assert_eq!(load(here, RsaPrivate { n: &n, ..good }).err(), unsupported);
        *n.last_mut().unwrap() = 0xfe;
        assert_eq!(load(here, RsaPrivate { n: &n, ..good }).err(), unsupported);
    }
}

fn one_turned_bit_is_found_anywhere(here: &Provider) {
    let record = &records(RSA)[0];
    let [n, message, signature] = ["n", "message", "signature"].map(|name| record.bytes(name));
    assert!(is_good(here, record, n, message, signature));
    let found = |turned: Vec<u8>| !is_good(here, record, n, message, &turned);
    assert!(each_bit_turned(signature).all(found));
    let found = |turned: Vec<u8>| !is_good(here, record, n, &turned, signature);
    assert!(each_bit_turned(message).all(found));
    let found = |turned: Vec<u8>| !is_good(here, record, &turned, message, signature);
    assert!(each_bit_turned(n).step_by(3).all(found));
}

fn a_signature_without_its_leading_zeros_is_taken(here: &Provider) {
    // Made by whoever can: the smallest message whose signature begins with a zero.
    let record = &private_keys()[0];
    let Some(key) = providers()
        .into_iter()
        .find_map(|there| load(there, numbers(record)).ok())
    else {
        return;
    };
    let name = "rsa-sha2-256";
    let value_of = |blob: Vec<u8>| blob[4 + name.len() + 4..].to_vec();
    let (message, value) = (0_u32..4000)
        .map(|i| (i.to_be_bytes(), key.sign(name, &i.to_be_bytes()).unwrap()))
        .map(|(message, blob)| (message, value_of(blob)))
        .find(|(_, value)| value[0] == 0)
        .unwrap();
    let verdict = |value: &[u8]| {
        let signature = signature_blob(name, value);
        verify(
            here,
            name.as_bytes(),
            key.public_blob(),
            &message,
            &signature,
        )
        .is_ok()
    };
    assert!(verdict(&value));
    assert!(verdict(&value[1..]));
    assert!(!verdict(&value[2..]));
    assert!(!verdict(&[&[0], &value[..]].concat()));
    assert!(!verdict(&[&value[1..], &[0]].concat()));
    assert!(!verdict(&[]));
}

/// a + b in as many bytes, if it fits.
fn sum(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut out = a.to_vec();
    let mut carry = 0;
    for (a, b) in out.iter_mut().zip(b).rev() {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        *a = sum as u8;
    }
    (carry == 0).then_some(out)
}

fn a_signature_not_below_the_modulus_is_refused(here: &Provider) {
    let mut tried = 0;
    for record in records(RSA).into_iter().chain(records(RSA_SIZES)) {
        let [n, message, signature] = ["n", "message", "signature"].map(|name| record.bytes(name));
        // s + n has the same remainder: RFC 8017 §5.2.2, step 1 is all that refuses it.
        if let Some(larger) = sum(signature, n) {
            assert!(!is_good(here, &record, n, message, &larger));
            tried += 1;
        }
        assert!(!is_good(here, &record, n, message, n));
        assert!(!is_good(here, &record, n, message, &vec![0xff; n.len()]));
    }
    assert!(tried > 0);
}

fn a_message_that_was_not_padded_is_refused(here: &Provider) {
    for record in records(RSA).into_iter().chain(records(RSA_SIZES)) {
        let [n, message] = ["n", "message"].map(|name| record.bytes(name));
        for value in [0, 1, 2] {
            let mut number = vec![0; n.len()];
            *number.last_mut().unwrap() = value;
            assert!(!is_good(here, &record, n, message, &number));
        }
        // n - 1, whose power is itself.
        let mut number = n.to_vec();
        *number.last_mut().unwrap() -= 1;
        assert!(!is_good(here, &record, n, message, &number));
    }
}

fn sha_1_is_never_accepted(here: &Provider) {
    assert!(here.verifier(SSH_RSA).is_none());
    let record = &records(RSA)[0];
    let key = key_blob(record.bytes("e"), record.bytes("n"));
    let value = record.bytes("signature");
    let own = algorithm(record);
    for name in [
        "ssh-rsa",
        "rsa-sha2-256",
        "rsa-sha2-512",
        "ssh-rsa-cert-v01@openssh.com",
    ] {
        for inner in ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", ""] {
            let signature = signature_blob(inner, value);
            let verdict = verify(
                here,
                name.as_bytes(),
                &key,
                record.bytes("message"),
                &signature,
            );
            assert_eq!(
                verdict.is_ok(),
                name == own && inner == own,
                "{name} {inner}"
            );
        }
    }
}

fn blobs_with_more_or_less_are_refused(here: &Provider) {
    let record = &records(RSA)[0];
    let name = algorithm(record);
    let key = key_blob(record.bytes("e"), record.bytes("n"));
    let signature = signature_blob(name, record.bytes("signature"));
    let is_good = |key: &[u8], signature: &[u8]| {
        let message = record.bytes("message");
        verify(here, name.as_bytes(), key, message, signature).is_ok()
    };
    assert!(is_good(&key, &signature));
    for len in 0..key.len() {
        assert!(!is_good(&key[..len], &signature));
    }
    for len in 0..signature.len() {
        assert!(!is_good(&key, &signature[..len]));
    }
    assert!(!is_good(&[&key[..], &[0]].concat(), &signature));
    assert!(!is_good(&key, &[&signature[..], &[0]].concat()));
}

fn keys_out_of_range_are_refused_in_no_time(here: &Provider) {
    let verifier = here.verifier(b"rsa-sha2-512").unwrap();
    let odd = |bits: usize| vec![0xff; bits / 8];
    let f4: &[u8] = &[1, 0, 1];
    for bits in [2048, 3072, 4096, 8192] {
        assert!(verifier.accepts_key(&key_blob(f4, &odd(bits))));
    }
    let mut below = odd(2048);
    below[0] = 0x7f;
    let mut above = odd(8200);
    above[0] = 1;
    for (e, n) in [
        (f4, odd(16384)),
        (f4, below),
        (f4, above),
        (f4, odd(1024)),
        (f4, odd(8 * 30_000)),
        (&[1, 0, 0, 0, 0, 1], odd(2048)),
        (&[2, 0, 0, 0, 1], odd(2048)),
        (&[1], odd(2048)),
        (&[0xff; 1000], odd(8192)),
    ] {
        let key = key_blob(e, &n);
        let signature = signature_blob("rsa-sha2-512", &vec![1; n.len()]);
        let once = || {
            let start = Instant::now();
            assert!(!verifier.accepts_key(&key));
            assert!(verify(here, b"rsa-sha2-512", &key, b"", &signature).is_err());
            start.elapsed()
        };
        // The best of some: others use this machine, too.
        let best = (0..20).map(|_| once()).min().unwrap();
        assert!(best < Duration::from_millis(1), "{best:?}");
    }
}

fn numbers_that_do_not_belong_together_are_not_loaded(here: &Provider) {
    let records = private_keys();
    let record = &records[0];
    let good = numbers(record);
    if load(here, good).is_err() {
        return;
    }
    let differ = Some(LoadError::HalvesDiffer);
    let error = |numbers: RsaPrivate<'_>| load(here, numbers).err();
    let step = 97;
    for n in each_bit_turned(good.n).step_by(step) {
        let error = error(RsaPrivate { n: &n, ..good });
        assert!(error.is_some());
    }
    for d in each_bit_turned(good.d).step_by(step) {
        assert_eq!(error(RsaPrivate { d: &d, ..good }), differ);
    }
    for p in each_bit_turned(good.p).step_by(step) {
        assert_eq!(error(RsaPrivate { p: &p, ..good }), differ);
    }
    for q in each_bit_turned(good.q).step_by(step) {
        assert_eq!(error(RsaPrivate { q: &q, ..good }), differ);
    }
    for iqmp in each_bit_turned(good.iqmp).step_by(step) {
        assert_eq!(
            error(RsaPrivate {
                iqmp: &iqmp,
                ..good
            }),
            differ
        );
    }
    for e in [&[1, 0, 3][..], &[1, 0, 0xff], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(error(RsaPrivate { e, ..good }), differ);
    }
    let swapped = RsaPrivate {
        p: good.q,
        q: good.p,
        ..good
    };
    assert_eq!(error(swapped), differ);
    assert_eq!(error(RsaPrivate { q: good.p, ..good }), differ);
    let other = records
        .iter()
        .find(|other| other.bytes("n") != record.bytes("n"))
        .unwrap();
    assert_eq!(
        error(RsaPrivate {
            d: other.bytes("d"),
            ..good
        }),
        differ
    );
    for wrong in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[3],
        &[0; 128],
        &[0xff; 128],
        &[0xff; 256],
        &[0xff; 257],
        &[0xff; 65536],
        good.n,
    ] {
        assert_eq!(error(RsaPrivate { d: wrong, ..good }), differ);
        assert_eq!(error(RsaPrivate { p: wrong, ..good }), differ);
        assert_eq!(error(RsaPrivate { q: wrong, ..good }), differ);
        assert_eq!(
            error(RsaPrivate {
                iqmp: wrong,
                ..good
            }),
            differ
        );
        assert!(error(RsaPrivate { e: wrong, ..good }).is_some());
        let all = RsaPrivate {
            n: wrong,
            e: wrong,
            d: wrong,
            p: wrong,
            q: wrong,
            iqmp: wrong,
        };
        assert!(error(all).is_some());
    }
    let zeros = |number: &[u8]| [&[0; 9], number].concat();
    let [n, e, d, p, q, iqmp] = [good.n, good.e, good.d, good.p, good.q, good.iqmp].map(zeros);
    let padded = RsaPrivate {
        n: &n,
        e: &e,
        d: &d,
        p: &p,
        q: &q,
        iqmp: &iqmp,
    };
    let key = load(here, padded).unwrap();
    assert_eq!(key.public_blob(), key_blob(good.e, good.n));
}

fn a_key_signs_with_its_own_algorithms_only(here: &Provider) {
    let records = private_keys();
    let Ok(key) = load(here, numbers(&records[0])) else {
        return;
    };
    for other in [
        "",
        "ssh-rsa",
        "rsa-sha2-384",
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
    ] {
        assert!(key.sign(other, b"message").is_err());
    }
}
