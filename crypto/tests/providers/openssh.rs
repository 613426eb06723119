//! What OpenSSH's keys sign is verified here, each by its own algorithm and its own key alone.

use adit_crypto::{LoadError, NistCurve, PrivateKey, Provider, RsaPrivate, verify};
use adit_vectors::{OPENSSH_SIGNATURES, Record, records};

use crate::{on_each_provider, providers};

on_each_provider! {
    what_ssh_agent_signed_is_verified,
    only_the_diagonal_of_algorithm_key_and_signature_verifies,
    keys_of_ssh_keygen_sign,
    the_verifiers_are_those_of_every_provider,
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
