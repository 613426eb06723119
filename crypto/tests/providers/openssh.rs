//! What OpenSSH's keys sign is verified here, each by its own algorithm and its own key alone.

use adit_crypto::{LoadError, NistCurve, PrivateKey, Provider, RsaPrivate, verify};
use adit_testkit::on_every_provider;
use adit_vectors::{OPENSSH_SIGNATURES, Record, records};

use crate::providers;

on_every_provider! {
    real:
    what_ssh_agent_signed_is_verified
    only_the_diagonal_of_algorithm_key_and_signature_verifies
    keys_of_ssh_keygen_sign
    a_key_signs_with_its_primes_in_either_order
    the_verifiers_are_those_of_every_provider
}

fn what_ssh_agent_signed_is_verified(here: &Provider) {
    for record in records(OPENSSH_SIGNATURES) {
        let [algorithm, key, message, signature] = parts(&record);
        assert!(here.verifier(algorithm).unwrap().accepts_key(key));
        let verdict = verify(here, algorithm, key, message, signature);
        assert!(verdict.is_ok(), "line {}", record.line);
    }
}

fn parts(record: &Record) -> [&[u8]; 4] {
    ["algorithm", "key", "message", "signature"].map(|name| record.bytes(name))
}

fn only_the_diagonal_of_algorithm_key_and_signature_verifies(here: &Provider) {
    let records = records(OPENSSH_SIGNATURES);
    let mut good = 0;
    for (i, algorithm) in records.iter().enumerate() {
        for key in &records {
            for (k, signature) in records.iter().enumerate() {
                let [name, ..] = parts(algorithm);
                let [_, key, ..] = parts(key);
                let [own_name, own_key, message, signature] = parts(signature);
                let expected = name == own_name && key == own_key;
                let verdict = verify(here, name, key, message, signature);
                assert_eq!(verdict.is_ok(), expected, "{i} {k}");
                good += usize::from(expected);
            }
        }
    }
    // Each RSA algorithm is there four times, with a key of each size twice.
    assert_eq!(good, 3 + 2 * 4 * 4 * 2);
}

fn keys_of_ssh_keygen_sign(here: &Provider) {
    for record in records(OPENSSH_SIGNATURES) {
        let [algorithm, blob, message, _] = parts(&record);
        let loaded = if let Some(private) = record.find("private") {
            let curve = NistCurve::of_key_type(algorithm).unwrap();
            let public = record.bytes("public");
            here.keys.load(&PrivateKey::Ecdsa {
                curve,
                private,
                public,
            })
        } else if let Some(d) = record.find("d") {
            let [n, e, p, q, iqmp] = ["n", "e", "p", "q", "iqmp"].map(|name| record.bytes(name));
            here.keys.load(&PrivateKey::Rsa(RsaPrivate {
                n,
                e,
                d,
                p,
                q,
                iqmp,
            }))
        } else {
            continue;
        };
        let key = match loaded {
            Ok(key) => key,
            Err(error) => {
                assert_eq!(error, LoadError::Unsupported);
                assert!(here.name == "pure" && algorithm.starts_with(b"rsa-"));
                continue;
            }
        };
        assert_eq!(key.public_blob(), blob, "line {}", record.line);
        for name in key.algorithms() {
            let signature = key.sign(name, message).unwrap();
            for there in providers() {
                assert!(verify(there, name.as_bytes(), blob, message, &signature).is_ok());
            }
        }
    }
}

fn the_verifiers_are_those_of_every_provider(here: &Provider) {
    let names: Vec<_> = here.verifiers.iter().map(|v| v.algorithm()).collect();
    assert_eq!(
        names,
        [
            "ssh-ed25519",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp256",
            "rsa-sha2-512",
            "rsa-sha2-256"
        ]
    );
    for verifier in here.verifiers {
        let is_rsa = verifier.algorithm().starts_with("rsa-");
        let key_type = if is_rsa {
            "ssh-rsa"
        } else {
            verifier.algorithm()
        };
        assert_eq!(verifier.key_type(), key_type);
    }
}

/// Inverse of the first prime of the first RSA key modulo the second one.
const PIMQ: [u8; 128] = hex(
    b"8c542bd9c5f208db3634254859eee6e08c79975ab26895da3711d925b99ffa2f8cd24bb84f1c4213812e6edbd1fc8c31\
      92468fb564a3a2c87aab7eeee6b2e987d013564c7515693134e2f111b8d3561d5cab586e2118975f74964774b3303bc3\
      7dbd55a9ecde3dc1e1d9dbafd67e42cfdb24e8b3d91a39ee68d5d8b7efe13abd",
);

const fn hex<const N: usize>(digits: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < digits.len() {
        let digit = match digits[i] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit => digit - b'a' + 10,
        };
        out[i / 2] = out[i / 2] << 4 | digit;
        i += 1;
    }
    out
}

/// OpenSSL puts the larger prime first. Go and libgcrypt leave them as they were found.
fn a_key_signs_with_its_primes_in_either_order(here: &Provider) {
    let records = records(OPENSSH_SIGNATURES);
    let record = records.iter().find(|r| r.find("d").is_some()).unwrap();
    let [n, e, d, p, q] = ["n", "e", "d", "p", "q"].map(|name| record.bytes(name));
    let loaded = here.keys.load(&PrivateKey::Rsa(RsaPrivate {
        n,
        e,
        d,
        p: q,
        q: p,
        iqmp: &PIMQ,
    }));
    if here.name == "pure" {
        assert_eq!(loaded.err(), Some(LoadError::Unsupported));
        return;
    }
    let [algorithm, blob, message, expected] = parts(record);
    let algorithm = core::str::from_utf8(algorithm).unwrap();
    let key = loaded.unwrap();
    assert_eq!(key.public_blob(), blob);
    assert_eq!(key.sign(algorithm, message).unwrap(), expected);
}
