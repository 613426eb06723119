//! Keys with a passphrase.

use std::time::{Duration, Instant};

use adit_proto::{Reader, Writer};

use super::*;

const ED25519_LOCKED: &[u8] = include_bytes!("../../../tests/data/ed25519_encrypted");
const ED25519_LOCKED_PUB: &[u8] = include_bytes!("../../../tests/data/ed25519_encrypted.pub");
const ECDSA256_LOCKED: &[u8] = include_bytes!("../../../tests/data/ecdsa256_encrypted");
const ECDSA384_LOCKED: &[u8] = include_bytes!("../../../tests/data/ecdsa384_encrypted");
const RSA_LOCKED: &[u8] = include_bytes!("../../../tests/data/rsa_encrypted");

fn locked(text: &[u8]) -> LockedKey {
    match KeyFile::parse(text, RING.keys).unwrap() {
        Parsed::Locked(key) => key,
        Parsed::Plain(_) => panic!("it has no passphrase"),
    }
}

fn unlocked(text: &[u8], passphrase: &[u8]) -> Result<KeyFile, KeyFileError> {
    locked(text).unlock(&Secret::copy_of(passphrase), &RING)
}

/// The golden file with other key derivation options.
fn with_options(kdfoptions: &[u8]) -> Secret {
    let file = inside(ED25519_LOCKED);
    let outer = Outer::read(&file).unwrap();
    text(&encoded(&Outer {
        kdfoptions,
        ..outer
    }))
}

fn options(salt_len: usize, rounds: u32) -> Vec<u8> {
    let mut out = vec![0; 4 + salt_len + 4];
    let mut writer = Writer::new(&mut out);
    writer.string(&vec![7; salt_len]);
    writer.u32(rounds);
    out
}

/// Gives these bytes, one after the other.
struct Given(std::sync::Mutex<Vec<u8>>);

impl SecureRandom for Given {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let mut bytes = self.0.lock().unwrap();
        let rest = bytes.split_off(out.len());
        out.copy_from_slice(&bytes);
        *bytes = rest;
        Ok(())
    }
}

#[test]
fn the_public_half_is_known_without_the_passphrase_and_the_rest_with_it() {
    for (text, plain) in [
        (ECDSA256_LOCKED, ECDSA256),
        (ECDSA384_LOCKED, ECDSA384),
        (RSA_LOCKED, RSA),
    ] {
        let plain = parse(plain).unwrap();
        let key = locked(text);
        assert_eq!(key.public_blob(), plain.public_blob());
        assert_eq!(key.key_type(), plain.key_type());
        assert_eq!(key.algorithms(), plain.algorithms());
        let key = key.unlock(&Secret::copy_of(b"secret"), &PURE).unwrap();
        assert_eq!(key.public_blob(), plain.public_blob());
        assert_eq!(key.comment(), b"bob@example.com");
        let written = [&key, &plain].map(|key| key.to_text(&Fixed([7; 4])).unwrap());
        assert!(written[0].expose() == written[1].expose());
    }
    let public = PublicKey::parse_file(ED25519_LOCKED_PUB).unwrap();
    assert_eq!(locked(ED25519_LOCKED).public_blob(), public.blob);
    let key = unlocked(ED25519_LOCKED, b"secret").unwrap();
    assert!(key.load(RING.keys).is_ok());
}

#[test]
fn a_wrong_passphrase_is_told_from_a_broken_file() {
    for wrong in [&b""[..], b"Secret", b"secret\n", b"secret ", &[0xff; 2000]] {
        let error = unlocked(ED25519_LOCKED, wrong).err();
        assert_eq!(error, Some(KeyFileError::WrongPassphrase));
    }
    // The first bits of the comment's length, behind numbers that agree.
    let file = inside(ED25519_LOCKED);
    let outer = Outer::read(&file).unwrap();
    let mut private = outer.private.to_vec();
    let at = 8 + 4 + 11 + 4 + 32 + 4 + 64;
    private[at] ^= 0x80;
    let text = text(&encoded(&Outer {
        private: &private,
        ..outer
    }));
    assert_eq!(
        unlocked(text.expose(), b"secret").err(),
        Some(KeyFileError::Malformed(Malformed::TooShort))
    );
}

#[test]
fn a_locked_file_is_written_as_ssh_keygen_writes_it_to_the_byte() {
    let key = parse(ECDSA256).unwrap();
    let file = inside(ECDSA256_LOCKED);
    let outer = Outer::read(&file).unwrap();
    let salt = Reader::new(outer.kdfoptions).string().unwrap();
    let mut private = outer.private.to_vec();
    adit_crypto::passphrase_cipher(b"secret", salt, 24, &mut private).unwrap();
    let given = Given([&private[..4], salt].concat().into());
    let written = key.to_locked_text(&Secret::copy_of(b"secret"), 24, &RING, &given);
    assert!(written.unwrap().expose() == ECDSA256_LOCKED);
}

#[test]
fn a_new_key_comes_back_with_its_passphrase() {
    let key = KeyFile::generate(&RING, RING.random, "comment").unwrap();
    for passphrase in ["s", "secret", "with words", "grüße", &"long".repeat(100)] {
        let passphrase = Secret::copy_of(passphrase.as_bytes());
        let text = key
            .to_locked_text(&passphrase, 2, &RING, RING.random)
            .unwrap();
        let again = locked(text.expose()).unlock(&passphrase, &RING).unwrap();
        assert_eq!(again.public_blob(), key.public_blob());
        assert_eq!(again.comment(), b"comment");
        assert!(again.load(RING.keys).is_ok());
    }
    for rounds in [0, ROUNDS_MAX + 1] {
        let passphrase = Secret::copy_of(b"secret");
        assert!(
            key.to_locked_text(&passphrase, rounds, &RING, RING.random)
                .is_err()
        );
    }
    let empty = Secret::copy_of(b"");
    assert!(key.to_locked_text(&empty, 2, &RING, RING.random).is_err());
}

#[test]
fn a_file_cannot_ask_for_years() {
    let (lowest, highest) = (1, 1024);
    assert_eq!(ROUNDS_MAX, highest);
    assert_eq!(ROUNDS_MAX, adit_crypto::BCRYPT_ROUNDS_MAX);
    for (rounds, is_allowed) in [
        (0, false),
        (lowest, true),
        (lowest + 1, true),
        (highest - 1, true),
        (highest, true),
        (highest + 1, false),
        (u32::MAX, false),
    ] {
        let text = with_options(&options(16, rounds));
        let begin = Instant::now();
        let parsed = KeyFile::parse(text.expose(), RING.keys);
        // It takes microseconds; bcrypt takes milliseconds a round.
        assert!(begin.elapsed() < Duration::from_millis(50));
        let expected = (!is_allowed).then_some(KeyFileError::Rounds);
        assert_eq!(parsed.err(), expected, "{rounds}");
    }
}

#[test]
fn a_salt_has_1_to_64_bytes() {
    let malformed = Some(KeyFileError::Malformed(Malformed::BadLength));
    for (len, expected) in [
        (0, malformed),
        (1, None),
        (16, None),
        (63, None),
        (64, None),
        (65, malformed),
        (4000, malformed),
    ] {
        let text = with_options(&options(len, 1));
        assert_eq!(
            parse(text.expose())
                .err()
                .filter(|e| *e != KeyFileError::Locked),
            expected
        );
        let parsed = KeyFile::parse(text.expose(), RING.keys);
        assert_eq!(parsed.err(), expected, "{len}");
    }
}

#[test]
fn key_derivation_options_are_exactly_a_salt_and_a_number() {
    let options = options(16, 16);
    for n in 0..options.len() {
        let text = with_options(&options[..n]);
        assert!(KeyFile::parse(text.expose(), RING.keys).is_err(), "{n}");
    }
    let text = with_options(&[&options[..], &[0]].concat());
    assert_eq!(
        KeyFile::parse(text.expose(), RING.keys).err(),
        Some(KeyFileError::Malformed(Malformed::TrailingBytes))
    );
}

#[test]
fn other_ciphers_are_refused_with_the_command_that_converts_them() {
    for text in [
        include_bytes!("../../../tests/data/ed25519_encrypted_aead").as_slice(),
        include_bytes!("../../../tests/data/ed25519_encrypted_cbc"),
    ] {
        let error = error(text);
        assert_eq!(error, KeyFileError::Cipher);
        assert!(
            error
                .about("/k")
                .to_string()
                .contains("\"ssh-keygen -p -f /k\""),
            "{error}"
        );
    }
}

#[test]
fn a_key_that_may_not_be_asked_for_says_why() {
    assert_eq!(error(ED25519_LOCKED), KeyFileError::Locked);
}

#[test]
fn a_build_without_passphrases_says_so() {
    let without = Provider {
        passphrase_cipher: None,
        ..RING
    };
    let key = locked(ED25519_LOCKED);
    let error = key.unlock(&Secret::copy_of(b"secret"), &without).err();
    assert_eq!(error, Some(KeyFileError::BuiltWithout));
    let key = parse(ED25519).unwrap();
    let passphrase = Secret::copy_of(b"secret");
    assert!(
        key.to_locked_text(&passphrase, 1, &without, RING.random)
            .is_err()
    );
}
