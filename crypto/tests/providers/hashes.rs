//! Hashes and HMAC-SHA1.

use adit_crypto::{HASH_MAX, Provider, digest};
use adit_testkit::on_every_provider;
use adit_vectors::{HMAC_SHA1, SHA2, records};

on_every_provider! {
    real:
    sha2_is_as_nist_publishes_it
    a_hash_does_not_depend_on_how_the_bytes_come
    hmac_sha1_is_as_rfc_2202_publishes_it
}

fn sha2_is_as_nist_publishes_it(here: &Provider) {
    for record in records(SHA2) {
        let expected = record.bytes("digest");
        let hash = match expected.len() {
            32 => here.sha256,
            // What one key exchange method alone needs comes with it.
            48 => match here.kex(b"ecdh-sha2-nistp384") {
                Some(kex) => kex.hash(),
                None => continue,
            },
            _ => here.sha512,
        };
        assert_eq!(hash.output_len(), expected.len());
        let result = digest(hash, &[record.bytes("message")]);
        assert_eq!(result, expected, "line {}", record.line);
    }
}

fn a_hash_does_not_depend_on_how_the_bytes_come(here: &Provider) {
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(300).collect();
    for hash in [here.sha256, here.sha512] {
        let whole = digest(hash, &[&bytes]);
        for at in 0..bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(digest(hash, &[a, &[], b]), whole);
        }
        let mut context = hash.start();
        context.update(&bytes);
        let mut out = [0xaa; HASH_MAX];
        let len = context.finish(&mut out);
        assert_eq!(out[..len], whole);
        assert!(out[len..].iter().all(|byte| *byte == 0xaa));
    }
}

fn hmac_sha1_is_as_rfc_2202_publishes_it(here: &Provider) {
    for record in records(HMAC_SHA1) {
        let mac = (here.hmac_sha1)(record.bytes("key"), record.bytes("message"));
        assert_eq!(mac, record.bytes("mac"), "line {}", record.line);
    }
    // Every length of key is a key.
    assert_eq!((here.hmac_sha1)(b"", b"").first(), Some(&0xfb));
}
