//! Keys of every type log in, each with the algorithms of its own, and others are never asked about.

use std::time::Duration;

use crate::common::*;
use adit_auth::{
    Client, ClientEvent, Established, Fingerprint, Need, OfferedKey, Probe, ServerEvent,
    signature_algorithms,
};
use adit_crypto::{PURE, Provider, RING, SigningKey, encoded};
use adit_proto::blob::{RsaKeyBlob, SSH_RSA, blob_name};
use adit_proto::msg::PublickeyMethod;
use adit_proto::{Mpint, Rest};
use adit_testkit::keys::private_key;
use adit_testkit::on_every_provider;
use adit_vectors::{OPENSSH_SIGNATURES, Record, records};

const NOW: Duration = Duration::from_secs(1000);

/// The keys of ssh-keygen that this provider signs with.
fn keys(provider: &Provider) -> Vec<Box<dyn SigningKey>> {
    records(OPENSSH_SIGNATURES)
        .iter()
        .filter_map(|record| load(provider, record))
        .collect()
}

fn load(provider: &Provider, record: &Record) -> Option<Box<dyn SigningKey>> {
    provider.keys.load(&private_key(record)?).ok()
}

fn ask(algorithm: &str, key_blob: &[u8]) -> Vec<u8> {
    let method = encoded(&PublickeyMethod {
        has_signature: false,
        public_key_algorithm_name: algorithm.as_bytes(),
        public_key_blob: key_blob,
        signature: Rest(b""),
    });
    request(b"bob", b"ssh-connection", b"publickey", &method)
}

/// A client whose server has said which algorithms it takes.
fn told(provider: &'static Provider, algorithms: &[u8], keys: Vec<OfferedKey>) -> Client {
    let mut client = Client::new(provider, b"bob", only_publickey());
    client.start(&Established {
        server_sig_algs: Some(algorithms),
        ..ESTABLISHED
    });
    client.offer(keys);
    client
}

fn keys_of_every_type_log_in_at_every_provider(provider: &'static Provider) {
    let keys = keys(provider);
    assert_eq!(keys.len(), if provider.name == "ring" { 5 } else { 2 });
    for key in &keys {
        let type_name = blob_name(key.public_blob()).unwrap();
        assert_eq!(signature_algorithms(type_name), key.algorithms());
        for (there, ask_first) in [(&RING, Probe::Yes), (&RING, Probe::No), (&PURE, Probe::Yes)] {
            let mut server = server(there);
            let mut client = started(provider, "bob", vec![offered(0, &**key, ask_first)]);
            let mut proof = None;
            for _ in 0..2 {
                if let Need::Sign {
                    algorithm, message, ..
                } = client.need()
                {
                    assert_eq!(algorithm, key.algorithms()[0]);
                    let signature = key.sign(algorithm, message);
                    client.signed(adit_auth::KeyId(0), signature);
                }
                let Some(request) = sent(&mut client) else {
                    continue;
                };
                let outcome = serve(&mut server, &request, NOW, |_, _| true);
                let event = client.handle(outcome.payload()).unwrap();
                if let ClientEvent::Authenticated(user) = event {
                    let theirs = outcome.events.into_iter().find_map(|event| match event {
                        ServerEvent::Authenticated(user) => Some(user),
                        _ => None,
                    });
                    proof = Some((user, theirs.unwrap()));
                }
            }
            let (ours, theirs) = proof.unwrap();
            let expected = Fingerprint::of(provider, key.public_blob());
            for user in [&ours, &theirs] {
                let (key_type, fingerprint) = key_of(user);
                assert_eq!(key_type.as_bytes(), type_name);
                assert_eq!(fingerprint, expected);
            }
        }
    }
}

fn an_rsa_key_signs_with_what_the_server_names(provider: &'static Provider) {
    let records = records(OPENSSH_SIGNATURES);
    let record = records
        .iter()
        .find(|r| r.bytes("algorithm") == b"rsa-sha2-512")
        .unwrap();
    let offer = || {
        vec![OfferedKey {
            public_blob: record.bytes("key").to_vec(),
            id: adit_auth::KeyId(0),
            ask_first: Probe::No,
            algorithms: signature_algorithms(SSH_RSA),
        }]
    };
    for (list, expected) in [
        (
            &b"ssh-ed25519,rsa-sha2-256,rsa-sha2-512"[..],
            Some("rsa-sha2-512"),
        ),
        (b"ssh-ed25519,rsa-sha2-256,ssh-rsa", Some("rsa-sha2-256")),
        (b"ssh-ed25519,ssh-rsa", None),
        (b"", None),
    ] {
        let client = told(provider, list, offer());
        let algorithm = match client.need() {
            Need::Sign { algorithm, .. } => Some(algorithm),
            _ => None,
        };
        assert_eq!(algorithm, expected);
    }
}

fn a_probe_of_the_largest_key_is_answered_with_that_key(provider: &'static Provider) {
    for record in records(OPENSSH_SIGNATURES) {
        let algorithm = std::str::from_utf8(record.bytes("algorithm")).unwrap();
        let key = record.bytes("key");
        let outcome = serve(&mut server(provider), &ask(algorithm, key), NOW, |_, _| {
            true
        });
        assert_eq!(outcome.payload(), pk_ok(algorithm.as_bytes(), key));
    }
}

fn what_is_no_key_of_its_algorithm_is_refused_without_asking(provider: &'static Provider) {
    let rsa = |e: &[u8], modulus_len| {
        let n = vec![0xff; modulus_len];
        encoded(&RsaKeyBlob {
            name: SSH_RSA,
            e: Mpint::from_unsigned(e),
            n: Mpint::from_unsigned(&n),
        })
    };
    let f4 = &[1, 0, 1];
    let mut requests = vec![
        ask("rsa-sha2-512", &rsa(f4, 2048)),
        ask("rsa-sha2-512", &rsa(f4, 1025)),
        ask("rsa-sha2-512", &rsa(f4, 128)),
        ask("rsa-sha2-512", &rsa(f4, 30_000)),
        ask("rsa-sha2-512", &rsa(&[1, 0, 0, 0, 0, 1], 256)),
        ask("rsa-sha2-512", &rsa(&[2], 256)),
        ask("ssh-rsa", &rsa(f4, 256)),
    ];
    let records = records(OPENSSH_SIGNATURES);
    for one in &records {
        let key = one.bytes("key");
        for other in &records {
            let algorithm = std::str::from_utf8(other.bytes("algorithm")).unwrap();
            if blob_name(key) != blob_name(other.bytes("key")) {
                requests.push(ask(algorithm, key));
            }
        }
        let algorithm = std::str::from_utf8(one.bytes("algorithm")).unwrap();
        requests.push(ask(algorithm, &key[..key.len() - 1]));
        requests.push(ask(algorithm, &[key, &[0]].concat()));
    }
    for request in requests {
        let asked = |_: &[u8], _: &[u8]| panic!("it was asked about");
        let outcome = serve(&mut server(provider), &request, NOW, asked);
        assert_eq!(outcome.payload(), failure("publickey", false));
    }
}

on_every_provider! {
    real:
    keys_of_every_type_log_in_at_every_provider
    an_rsa_key_signs_with_what_the_server_names
    a_probe_of_the_largest_key_is_answered_with_that_key
    what_is_no_key_of_its_algorithm_is_refused_without_asking
}
