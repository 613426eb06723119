use std::string::ToString;

use adit_crypto::{PURE, RING};

use super::*;
use crate::Fingerprint;
use crate::public_key::PublicKey;
use crate::tests::Random;

const ED25519: &[u8] = include_bytes!("../../tests/data/ed25519");
const ED25519_PUB: &[u8] = include_bytes!("../../tests/data/ed25519.pub");
const NO_COMMENT: &[u8] = include_bytes!("../../tests/data/ed25519_no_comment");
const NO_PADDING: &[u8] = include_bytes!("../../tests/data/ed25519_no_padding");
const ENCRYPTED: &[u8] = include_bytes!("../../tests/data/ed25519_encrypted");
const ENCRYPTED_PUB: &[u8] = include_bytes!("../../tests/data/ed25519_encrypted.pub");
const ENCRYPTED_AEAD: &[u8] = include_bytes!("../../tests/data/ed25519_encrypted_aead");

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

fn error(text: &[u8]) -> KeyFileError {
    KeyFile::parse(text).err().unwrap()
}

/// The text of a file with this inside.
fn text(file: &[u8]) -> Secret {
    wrapped(base64::encode(file).as_bytes())
}

/// The check number that ssh-keygen drew.
fn check_of(text: &[u8]) -> [u8; 4] {
    let file = decode(text).unwrap();
    let outer = Outer::read(&file).unwrap();
    *outer.private.first_chunk().unwrap()
}

/// A file of the golden key with the private section changed by `change`.
fn with_private(change: impl FnOnce(&mut Vec<u8>)) -> Secret {
    let file = decode(ED25519).unwrap();
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
    let key = KeyFile::parse(ED25519).unwrap();
    let public = PublicKey::parse_file(ED25519_PUB).unwrap();
    assert_eq!(key.public_blob(), public.blob);
    assert_eq!(key.comment(), b"bob@example.com");
    assert_eq!(KeyFile::parse(NO_COMMENT).unwrap().comment(), b"");
    assert_eq!(KeyFile::parse(NO_PADDING).unwrap().comment(), b"exact");
    for provider in [&RING, &PURE] {
        let fingerprint = Fingerprint::of(provider, &key.public_blob());
        assert_eq!(
            fingerprint.to_string(),
            "SHA256:UC0bx0LGJqcAIzK6lMinh+M7HAoOH1JXOvap07qWIDU"
        );
    }
}

#[test]
fn a_file_is_written_as_ssh_keygen_writes_it_to_the_byte() {
    for golden in [ED25519, NO_COMMENT, NO_PADDING] {
        let key = KeyFile::parse(golden).unwrap();
        let written = key.to_text(&Fixed(check_of(golden))).unwrap();
        assert!(written.expose() == golden);
    }
}

#[test]
fn a_key_that_was_read_signs_with_every_provider() {
    let key = KeyFile::parse(ED25519).unwrap();
    let signers = [&RING, &PURE].map(|p| key.load(p.keys).unwrap());
    let signatures = signers.map(|signer| {
        assert_eq!(signer.public_blob(), key.public_blob());
        signer.sign("ssh-ed25519", b"message").unwrap()
    });
    assert_eq!(signatures[0], signatures[1]);
    for provider in [&RING, &PURE] {
        let [signature, _] = &signatures;
        let blob = key.public_blob();
        let _ =
            adit_crypto::verify(provider, b"ssh-ed25519", &blob, b"message", signature).unwrap();
    }
}

#[test]
fn a_new_key_comes_back_from_its_text() {
    for provider in [&RING, &PURE] {
        for comment in ["", "a", "bob@host", "with words", &"long".repeat(50)] {
            let key = KeyFile::generate(provider, provider.random, comment).unwrap();
            let text = key.to_text(provider.random).unwrap();
            let again = KeyFile::parse(text.expose()).unwrap();
            assert_eq!(again.public_blob(), key.public_blob());
            assert_eq!(again.comment(), comment.as_bytes());
            assert!(*again.seed == *key.seed);
            assert!(again.load(provider.keys).is_ok());
        }
    }
}

#[test]
fn a_file_that_cannot_be_used_says_what_it_is() {
    for (text, expected) in [
        (ENCRYPTED, KeyFileError::Encrypted),
        (ENCRYPTED_AEAD, KeyFileError::Encrypted),
        (
            include_bytes!("../../tests/data/rsa"),
            KeyFileError::UnsupportedType("RSA"),
        ),
        (
            include_bytes!("../../tests/data/ecdsa"),
            KeyFileError::UnsupportedType("ECDSA"),
        ),
        (
            include_bytes!("../../tests/data/rsa_pem"),
            KeyFileError::OtherFormat,
        ),
        (
            include_bytes!("../../tests/data/rsa_pkcs8"),
            KeyFileError::OtherFormat,
        ),
        (
            include_bytes!("../../tests/data/rsa_pkcs8_encrypted"),
            KeyFileError::Encrypted,
        ),
        (
            b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n",
            KeyFileError::OtherFormat,
        ),
        (ED25519_PUB, KeyFileError::PublicKey),
        (b"", KeyFileError::NotAPrivateKey),
        (b"\0\x01\x02", KeyFileError::NotAPrivateKey),
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
fn the_public_half_can_be_read_from_any_file() {
    let public = PublicKey::parse_file(ENCRYPTED_PUB).unwrap();
    assert_eq!(public_blob(ENCRYPTED).unwrap(), public.blob);
    let rsa = public_blob(include_bytes!("../../tests/data/rsa")).unwrap();
    assert_eq!(blob_name(&rsa), Ok(&b"ssh-rsa"[..]));
}

#[test]
fn line_ends_and_line_widths_do_not_matter() {
    let text = str::from_utf8(ED25519).unwrap();
    for other in [
        text.replace('\n', "\r\n"),
        text.trim_end().into(),
        text.replace('\n', ""),
        text.replace('\n', "\n\n"),
        std::string::String::from(text) + "\nanything\n",
    ] {
        assert!(KeyFile::parse(other.as_bytes()).is_ok(), "{other}");
    }
}

#[test]
fn no_truncation_is_a_key() {
    let end = ED25519.len() - 1;
    for n in 0..end {
        assert!(KeyFile::parse(&ED25519[..n]).is_err(), "{n}");
    }
    let file = decode(ED25519).unwrap();
    for n in 0..file.len() {
        assert!(KeyFile::parse(text(&file[..n]).expose()).is_err(), "{n}");
    }
    let longer = [&file[..], &[7]].concat();
    let expected = KeyFileError::Malformed(Malformed::TrailingBytes);
    assert_eq!(error(text(&longer).expose()), expected);
}

#[test]
fn a_changed_private_section_is_an_error() {
    let same = with_private(|_| ());
    assert!(KeyFile::parse(same.expose()).is_ok());
    let malformed = |m| Some(KeyFileError::Malformed(m));
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let text = with_private(change);
        KeyFile::parse(text.expose()).err()
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
    assert!(KeyFile::parse(padded(254).expose()).is_ok());
    assert!(KeyFile::parse(padded(262).expose()).is_err());
}

#[test]
fn a_seed_of_another_key_does_not_load() {
    // The seed is bytes 63 to 94: check numbers, type and public key stand before it.
    let text = with_private(|p| p[70] ^= 1);
    let key = KeyFile::parse(text.expose()).unwrap();
    for provider in [&RING, &PURE] {
        let loaded = key.load(provider.keys).err();
        assert_eq!(loaded, Some(KeyFileError::HalvesDiffer));
    }
}

#[test]
fn a_file_has_exactly_one_key() {
    let file = decode(ED25519).unwrap();
    let at = MAGIC.len() + 8 + 8 + 4 + 3;
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
        assert_eq!(KeyFile::parse(&text).err(), expected);
    }
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    // What can change unseen is the comment, the padding's absence, and the case of nothing.
    let file = decode(ED25519).unwrap();
    let golden = KeyFile::parse(ED25519).unwrap();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut file = file.to_vec();
            file[at] ^= 1 << bit;
            if let Ok(key) = KeyFile::parse(text(&file).expose())
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
    let mut random = Random::new(15);
    let file = decode(ED25519).unwrap();
    for _ in 0..10_000 {
        let _ = KeyFile::parse(&random.mutate(ED25519));
        let _ = KeyFile::parse(text(&random.mutate(&file)).expose());
        let _ = public_blob(text(&random.mutate(&file)).expose());
    }
}
