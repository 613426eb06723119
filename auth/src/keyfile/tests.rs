use std::string::ToString;
use std::vec;

use adit_crypto::{PURE, Provider, RING};
use adit_proto::Malformed;
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;

use super::*;
use crate::Fingerprint;
use crate::base64;
use crate::public_key::PublicKey;
use crate::tests::mutate;
use zeroize::Zeroizing;

const ED25519: &[u8] = include_bytes!("../../tests/data/ed25519");
const ED25519_PUB: &[u8] = include_bytes!("../../tests/data/ed25519.pub");
const NO_COMMENT: &[u8] = include_bytes!("../../tests/data/ed25519_no_comment");
const NO_PADDING: &[u8] = include_bytes!("../../tests/data/ed25519_no_padding");
const ECDSA256: &[u8] = include_bytes!("../../tests/data/ecdsa256");
const ECDSA256_PUB: &[u8] = include_bytes!("../../tests/data/ecdsa256.pub");
const ECDSA384: &[u8] = include_bytes!("../../tests/data/ecdsa384");
const ECDSA384_PUB: &[u8] = include_bytes!("../../tests/data/ecdsa384.pub");
const RSA: &[u8] = include_bytes!("../../tests/data/rsa");
const RSA_PUB: &[u8] = include_bytes!("../../tests/data/rsa.pub");

/// Gives the same bytes for ever.
struct Fixed([u8; 4]);

impl SecureRandom for Fixed {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        for (to, from) in out.iter_mut().zip(self.0.iter().cycle()) {
            *to = *from;
        }
        Ok(())
    }
}

fn parse(text: &[u8]) -> Result<KeyFile, KeyFileError> {
    KeyFile::parse(text, RING.keys).and_then(Parsed::plain)
}

fn error(text: &[u8]) -> KeyFileError {
    parse(text).err().unwrap()
}

/// What is between the marks of a file.
fn inside(text: &[u8]) -> Zeroizing<Vec<u8>> {
    armour(text).unwrap().decode().unwrap()
}

/// The text of a file with this inside.
fn text(file: &[u8]) -> Secret {
    armour::text(file)
}

/// The check number that ssh-keygen drew.
fn check_of(text: &[u8]) -> [u8; 4] {
    let file = inside(text);
    let outer = Outer::read(&file).unwrap();
    *outer.private.first_chunk().unwrap()
}

/// A file of the golden key with the private section changed by `change`.
fn with_private(change: impl FnOnce(&mut Vec<u8>)) -> Secret {
    let file = inside(ED25519);
    let outer = Outer::read(&file).unwrap();
    let mut private = outer.private.to_vec();
    change(&mut private);
    text(&encoded(&Outer {
        private: &private,
        ..outer
    }))
}

#[test]
fn a_file_of_ssh_keygen_is_read() {
    let key = parse(ED25519).unwrap();
    let public = PublicKey::parse_file(ED25519_PUB).unwrap();
    assert_eq!(key.public_blob(), public.blob);
    assert_eq!(key.comment(), b"bob@example.com");
    assert_eq!(parse(NO_COMMENT).unwrap().comment(), b"");
    assert_eq!(parse(NO_PADDING).unwrap().comment(), b"exact");
}

fn a_key_has_the_fingerprint_that_ssh_keygen_shows(provider: &'static Provider) {
    let key = parse(ED25519).unwrap();
    assert_eq!(
        Fingerprint::of(provider, &key.public_blob()).to_string(),
        "SHA256:UC0bx0LGJqcAIzK6lMinh+M7HAoOH1JXOvap07qWIDU"
    );
}

#[test]
fn a_file_is_written_as_ssh_keygen_writes_it_to_the_byte() {
    for golden in [ED25519, NO_COMMENT, NO_PADDING, ECDSA256, ECDSA384, RSA] {
        let key = parse(golden).unwrap();
        let written = key.to_text(&Fixed(check_of(golden))).unwrap();
        assert!(written.expose() == golden);
    }
}

/// It signs with this one, and both verify that.
fn a_key_that_was_read_signs(provider: &'static Provider) {
    for text in [ED25519, ECDSA256, ECDSA384, RSA] {
        let key = parse(text).unwrap();
        let signer = match key.load(provider.keys) {
            Ok(signer) => signer,
            // That provider only verifies with RSA.
            Err(error) => {
                assert_eq!((provider.name, key.key_type()), ("pure", "ssh-rsa"));
                assert_eq!(error, KeyFileError::Unsigned);
                continue;
            }
        };
        assert_eq!(signer.public_blob(), key.public_blob());
        assert_eq!(signer.algorithms(), key.algorithms());
        for algorithm in key.algorithms() {
            let signature = signer.sign(algorithm, b"message").unwrap();
            for verifying in [&RING, &PURE] {
                let blob = key.public_blob();
                let algorithm = algorithm.as_bytes();
                let verified =
                    adit_crypto::verify(verifying, algorithm, &blob, b"message", &signature);
                assert!(verified.is_ok());
            }
        }
    }
}

fn a_new_key_comes_back_from_its_text(provider: &'static Provider) {
    for comment in ["", "a", "bob@host", "with words", &"long".repeat(50)] {
        let key = KeyFile::generate(provider, provider.random, comment).unwrap();
        let text = key.to_text(provider.random).unwrap();
        let again = parse(text.expose()).unwrap();
        assert_eq!(again.public_blob(), key.public_blob());
        assert_eq!(again.comment(), comment.as_bytes());
        assert!(
            again.to_text(&Fixed([7; 4])).unwrap().expose()
                == key.to_text(&Fixed([7; 4])).unwrap().expose()
        );
        assert!(again.load(provider.keys).is_ok());
    }
}

#[test]
fn keys_of_each_type_are_read() {
    for (text, public, algorithms) in [
        (ED25519, ED25519_PUB, &["ssh-ed25519"][..]),
        (ECDSA256, ECDSA256_PUB, &["ecdsa-sha2-nistp256"]),
        (ECDSA384, ECDSA384_PUB, &["ecdsa-sha2-nistp384"]),
        (RSA, RSA_PUB, &["rsa-sha2-512", "rsa-sha2-256"]),
    ] {
        let key = parse(text).unwrap();
        let public = PublicKey::parse_file(public).unwrap();
        assert_eq!(key.public_blob(), public.blob);
        assert_eq!(key.key_type().as_bytes(), public.key_type);
        assert_eq!(key.algorithms(), algorithms);
        assert_eq!(key.comment(), b"bob@example.com");
    }
}

#[test]
fn a_file_that_cannot_be_used_says_what_it_is() {
    for (text, expected) in [
        (
            include_bytes!("../../tests/data/rsa1024").as_slice(),
            KeyFileError::RsaBits(1024),
        ),
        (
            include_bytes!("../../tests/data/ecdsa521"),
            KeyFileError::UnsupportedType("ECDSA P-521"),
        ),
        (
            include_bytes!("../../tests/data/dsa"),
            KeyFileError::UnsupportedType("DSA"),
        ),
        (ED25519_PUB, KeyFileError::PublicKey),
        (RSA_PUB, KeyFileError::PublicKey),
        (b"", KeyFileError::NotAPrivateKey),
        (b"\0\x01\x02", KeyFileError::NotAPrivateKey),
        (&[0xff; FILE_MAX], KeyFileError::NotAPrivateKey),
        (&[b'\n'; FILE_MAX], KeyFileError::NotAPrivateKey),
        (&[b'-'; FILE_MAX], KeyFileError::NotAPrivateKey),
        (
            b"-----BEGIN CERTIFICATE-----\n",
            KeyFileError::NotAPrivateKey,
        ),
    ] {
        let said = error(text);
        assert_eq!(said, expected);
        assert!(!said.to_string().is_empty());
    }
}

#[test]
fn the_public_half_can_be_read_from_any_file_in_openssh_s_format() {
    for (text, name) in [
        (include_bytes!("../../tests/data/dsa").as_slice(), "ssh-dss"),
        (
            include_bytes!("../../tests/data/ecdsa521"),
            "ecdsa-sha2-nistp521",
        ),
        (
            include_bytes!("../../tests/data/ed25519_encrypted_cbc"),
            "ssh-ed25519",
        ),
        (
            include_bytes!("../../tests/data/ed25519_encrypted_aead"),
            "ssh-ed25519",
        ),
    ] {
        let blob = public_blob(text).unwrap();
        let name = Ok(name.as_bytes());
        assert_eq!(adit_proto::blob::blob_name(&blob), name);
    }
}

#[test]
fn line_ends_and_line_widths_do_not_matter() {
    let text = str::from_utf8(ED25519).unwrap();
    for other in [
        text.replace('\n', "\r\n"),
        text.trim_end().into(),
        text.replace('\n', ""),
        text.replace('\n', "\n\n"),
        String::from(text) + "\nanything\n",
    ] {
        assert!(parse(other.as_bytes()).is_ok(), "{other}");
    }
}

#[test]
fn no_truncation_is_a_key() {
    let end = ED25519.len() - 1;
    for n in 0..end {
        assert!(parse(&ED25519[..n]).is_err(), "{n}");
    }
    let file = inside(ED25519);
    for n in 0..file.len() {
        assert!(parse(text(&file[..n]).expose()).is_err(), "{n}");
    }
    let longer = [&file[..], &[7]].concat();
    let expected = KeyFileError::Malformed(Malformed::TrailingBytes);
    assert_eq!(error(text(&longer).expose()), expected);
}

#[test]
fn a_changed_private_section_is_an_error() {
    let same = with_private(|_| ());
    assert!(parse(same.expose()).is_ok());
    let malformed = |m| Some(KeyFileError::Malformed(m));
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let text = with_private(change);
        parse(text.expose()).err()
    };
    // The check number, either one.
    assert_eq!(said(&|p| p[3] ^= 1), malformed(Malformed::BadInteger));
    assert_eq!(said(&|p| p[7] ^= 1), malformed(Malformed::BadInteger));
    // The type, the public key, and the public half of the private one.
    assert_eq!(said(&|p| p[12] ^= 1), Some(KeyFileError::HalvesDiffer));
    assert_eq!(said(&|p| p[27] ^= 1), Some(KeyFileError::HalvesDiffer));
    assert_eq!(said(&|p| p[100] ^= 1), Some(KeyFileError::HalvesDiffer));
    // The padding: its order, its first byte, and its length.
    let last = |p: &Vec<u8>| p.len() - 1;
    assert_eq!(
        said(&|p| {
            let at = last(p);
            p[at] ^= 1;
        }),
        malformed(Malformed::TrailingBytes)
    );
    assert_eq!(said(&|p| p.push(7)), malformed(Malformed::BadLength));
    assert_eq!(
        said(&|p| p.extend([7; 8])),
        malformed(Malformed::TrailingBytes)
    );
    assert_eq!(said(&|p| p.extend(7..15)), None);
}

#[test]
fn padding_ends_where_its_counter_does() {
    // 6 bytes are there; 255 is the last that a byte can count.
    let padded = |to: usize| {
        with_private(|p| {
            p.extend((7..=to).map(|i| u8::try_from(i % 256).unwrap()));
        })
    };
    assert!(parse(padded(254).expose()).is_ok());
    assert!(parse(padded(262).expose()).is_err());
}

fn a_seed_of_another_key_does_not_load(provider: &'static Provider) {
    // The seed is bytes 63 to 94: check numbers, type and public key stand before it.
    let text = with_private(|p| p[70] ^= 1);
    let key = parse(text.expose()).unwrap();
    let loaded = key.load(provider.keys).err();
    assert_eq!(loaded, Some(KeyFileError::HalvesDiffer));
}

#[test]
fn a_file_has_exactly_one_key() {
    let file = inside(ED25519);
    let at = b"openssh-key-v1\0".len() + 8 + 8 + 4 + 3;
    for n in [0, 2, 255] {
        let mut file = file.to_vec();
        assert_eq!(file[at], 1);
        file[at] = n;
        let expected = KeyFileError::Malformed(Malformed::TooMany);
        assert_eq!(error(text(&file).expose()), expected);
    }
}

#[test]
fn a_file_has_at_most_64_kib() {
    for (len, expected) in [
        (FILE_MAX - 1, None),
        (FILE_MAX, None),
        (FILE_MAX + 1, Some(KeyFileError::TooLong)),
    ] {
        let mut text = ED25519.to_vec();
        text.resize(len, b'\n');
        assert_eq!(parse(&text).err(), expected);
    }
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    // What can change unseen is the comment, the padding's absence, and the case of nothing.
    let file = inside(ED25519);
    let golden = parse(ED25519).unwrap();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut file = file.to_vec();
            file[at] ^= 1 << bit;
            if let Ok(key) = parse(text(&file).expose())
                && let Ok(signer) = key.load(RING.keys)
            {
                assert_eq!(signer.public_blob(), golden.public_blob());
                assert_ne!(key.comment(), golden.comment());
            }
        }
    }
}

#[test]
fn mutated_files_never_panic() {
    let mut dice = Dice::new(15);
    let file = inside(ED25519);
    for _ in 0..3_000 {
        let _ = parse(&mutate(&mut dice, ED25519));
        let _ = parse(text(&mutate(&mut dice, &file)).expose());
        let _ = public_blob(text(&mutate(&mut dice, &file)).expose());
    }
}

mod locked;
mod pem;

on_every_provider! {
    a_new_key_comes_back_from_its_text;
    real: a_key_has_the_fingerprint_that_ssh_keygen_shows
        a_key_that_was_read_signs
        a_seed_of_another_key_does_not_load
}
