//! What protects a private key in a file with a passphrase: bcrypt_pbkdf, then aes256-ctr (OpenSSH's
//! PROTOCOL.key and bcrypt_pbkdf(3)).
//!
//! ```text
//!   key (32) | IV (16) = bytes 0, 1, 2, … of two outputs of 32 bytes, taken by turns
//!   output i = H(salt | i) ^ H(its hash) ^ …, `rounds` of them    H: bcrypt of two SHA-512 hashes
//! ```

use blowfish::Blowfish;
use zeroize::Zeroizing;

use crate::ctr::{BLOCK_LEN, KeyStream};
use crate::hash::{HASH_MAX, Hash};
use crate::provider::Unspecified;
#[cfg(not(feature = "ring"))]
use crate::pure::SHA512;
#[cfg(feature = "ring")]
use crate::ring::SHA512;

/// Most rounds of bcrypt that a key file may ask for. ssh-keygen makes 16 or 24, and people who set
/// `-a` some hundreds; a thousand are about ten seconds.
pub const BCRYPT_ROUNDS_MAX: u32 = 1024;

/// Length of a key of aes256-ctr.
const KEY_LEN: usize = 32;
/// Length of one output of bcrypt's hash.
const OUTPUT_LEN: usize = 32;
/// bcrypt enciphers its text this many times, and expands its key as often: 2^6.
const EXPANSIONS: usize = 64;
/// The text that bcrypt enciphers here.
const TEXT: &[u8; OUTPUT_LEN] = b"OxychromaticBlowfishSwatDynamite";

/// A wiped place for a hash.
type Digest = Zeroizing<[u8; HASH_MAX]>;

/// Enciphers or deciphers `data` in place with the key that comes of `passphrase`, `salt` and
/// `rounds`. A wrong passphrase is no error here: the result is then noise.
///
/// # Errors
/// When passphrase or salt are empty, or `rounds` is 0 or above [`BCRYPT_ROUNDS_MAX`]. `data` is
/// then as it was.
pub fn passphrase_cipher(
    passphrase: &[u8],
    salt: &[u8],
    rounds: u32,
    data: &mut [u8],
) -> Result<(), Unspecified> {
    let block = key_block(&SHA512, passphrase, salt, rounds)?;
    let (key, iv) = block.split_at(KEY_LEN);
    let iv = iv.try_into().map_err(|_| Unspecified)?;
    KeyStream::new(key, iv)?.apply(data);
    Ok(())
}

/// bcrypt_pbkdf, for as many bytes as aes256-ctr needs.
fn key_block(
    sha512: &dyn Hash,
    passphrase: &[u8],
    salt: &[u8],
    rounds: u32,
) -> Result<Zeroizing<[u8; KEY_LEN + BLOCK_LEN]>, Unspecified> {
    if passphrase.is_empty() || salt.is_empty() || !are_rounds_allowed(rounds) {
        return Err(Unspecified);
    }
    let passphrase = digest(sha512, &[passphrase]);
    let outputs = [
        output(sha512, &passphrase, salt, 1, rounds),
        output(sha512, &passphrase, salt, 2, rounds),
    ];
    let mut block = Zeroizing::new([0; KEY_LEN + BLOCK_LEN]);
    for (i, pair) in block.chunks_exact_mut(outputs.len()).enumerate() {
        for (byte, output) in pair.iter_mut().zip(&outputs) {
            *byte = output.get(i).copied().unwrap_or_default();
        }
    }
    Ok(block)
}

/// A file asks for as many as it likes, and each round costs milliseconds.
fn are_rounds_allowed(rounds: u32) -> bool {
    (1..=BCRYPT_ROUNDS_MAX).contains(&rounds)
}

/// One output: `rounds` hashes, each salted with the one before it, combined.
fn output(
    sha512: &dyn Hash,
    passphrase: &Digest,
    salt: &[u8],
    index: u32,
    rounds: u32,
) -> Zeroizing<[u8; OUTPUT_LEN]> {
    let mut salt = digest(sha512, &[salt, &index.to_be_bytes()]);
    let mut last = bcrypt_hash(passphrase, &salt);
    let mut output = last.clone();
    for _ in 1..rounds {
        salt = digest(sha512, &[&*last]);
        last = bcrypt_hash(passphrase, &salt);
        for (byte, last) in output.iter_mut().zip(&*last) {
            *byte ^= last;
        }
    }
    output
}

/// bcrypt with a cost of 6, over a text of its own. The words come out in the other order of bytes
/// than they went in: OpenBSD's function does so, and every key file since.
fn bcrypt_hash(passphrase: &Digest, salt: &Digest) -> Zeroizing<[u8; OUTPUT_LEN]> {
    // Wiped on drop.
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(&**salt, &**passphrase);
    for _ in 0..EXPANSIONS {
        state.bc_expand_key(&**salt);
        state.bc_expand_key(&**passphrase);
    }
    let mut output = Zeroizing::new([0; OUTPUT_LEN]);
    let (to, _) = output.as_chunks_mut::<8>();
    let (text, _) = TEXT.as_chunks::<8>();
    for (to, [l0, l1, l2, l3, r0, r1, r2, r3]) in to.iter_mut().zip(text) {
        let mut pair = [
            u32::from_be_bytes([*l0, *l1, *l2, *l3]),
            u32::from_be_bytes([*r0, *r1, *r2, *r3]),
        ];
        for _ in 0..EXPANSIONS {
            pair = state.bc_encrypt(pair);
        }
        let [l, r] = pair.map(u32::to_le_bytes);
        let (left, right) = to.split_at_mut(l.len());
        left.copy_from_slice(&l);
        right.copy_from_slice(&r);
    }
    output
}

/// The hash of `parts`, one after another. Its context is the provider's, and wiped as that does.
fn digest(sha512: &dyn Hash, parts: &[&[u8]]) -> Digest {
    let mut context = sha512.start();
    for part in parts {
        context.update(part);
    }
    let mut out = Zeroizing::new([0; HASH_MAX]);
    context.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use adit_vectors::{PASSPHRASE, Record, records};

    use super::*;

    fn rounds(record: &Record) -> u32 {
        u32::from_be_bytes(record.bytes("rounds").try_into().unwrap())
    }

    fn opens_what_ssh_keygen_made(sha512: &dyn Hash) {
        for record in records(PASSPHRASE) {
            let (passphrase, salt) = (record.bytes("passphrase"), record.bytes("salt"));
            let block = key_block(sha512, passphrase, salt, rounds(&record)).unwrap();
            let iv = block[KEY_LEN..].try_into().unwrap();
            let mut data = record.bytes("sealed").to_vec();
            KeyStream::new(&block[..KEY_LEN], iv)
                .unwrap()
                .apply(&mut data);
            assert_eq!(data, record.bytes("plain"), "line {}", record.line);
        }
    }

    #[cfg(feature = "ring")]
    #[test]
    fn opens_what_ssh_keygen_made_with_ring() {
        opens_what_ssh_keygen_made(&SHA512);
    }

    #[cfg(feature = "pure")]
    #[test]
    fn opens_what_ssh_keygen_made_with_pure() {
        opens_what_ssh_keygen_made(crate::PURE.sha512);
    }

    #[test]
    fn the_same_again_seals() {
        let record = &records(PASSPHRASE)[0];
        let mut data = record.bytes("plain").to_vec();
        let (passphrase, salt) = (record.bytes("passphrase"), record.bytes("salt"));
        passphrase_cipher(passphrase, salt, rounds(record), &mut data).unwrap();
        assert_eq!(data, record.bytes("sealed"));
    }

    #[test]
    fn another_passphrase_salt_or_number_of_rounds_gives_noise() {
        let record = &records(PASSPHRASE)[0];
        let salt = record.bytes("salt");
        let open = |passphrase: &[u8], salt: &[u8], rounds| {
            let mut data = record.bytes("sealed").to_vec();
            passphrase_cipher(passphrase, salt, rounds, &mut data).unwrap();
            data
        };
        let (passphrase, rounds) = (record.bytes("passphrase"), rounds(record));
        assert_eq!(open(passphrase, salt, rounds), record.bytes("plain"));
        assert_ne!(open(b"another", salt, rounds), record.bytes("plain"));
        assert_ne!(open(passphrase, &salt[1..], rounds), record.bytes("plain"));
        assert_ne!(open(passphrase, salt, rounds + 1), record.bytes("plain"));
    }

    #[test]
    fn rounds_out_of_range_are_refused_at_once_and_leave_the_data_alone() {
        let refused = |passphrase: &[u8], salt: &[u8], rounds| {
            let mut data = [7; 32];
            let result = passphrase_cipher(passphrase, salt, rounds, &mut data);
            result == Err(Unspecified) && data == [7; 32]
        };
        for rounds in [0, BCRYPT_ROUNDS_MAX + 1, 1 << 31, u32::MAX] {
            // At a few milliseconds a round, the last would run for months.
            assert!(refused(b"passphrase", b"salt", rounds), "{rounds}");
        }
        assert!(refused(b"", b"salt", 1));
        assert!(refused(b"passphrase", b"", 1));
        assert!(!refused(b"passphrase", b"salt", 1));
    }

    #[test]
    fn most_rounds_are_as_many_as_the_limit() {
        assert!(!are_rounds_allowed(0));
        assert!(are_rounds_allowed(1));
        assert!(are_rounds_allowed(BCRYPT_ROUNDS_MAX - 1));
        assert!(are_rounds_allowed(BCRYPT_ROUNDS_MAX));
        assert!(!are_rounds_allowed(BCRYPT_ROUNDS_MAX + 1));
    }
}
