//! A key in OpenSSH's format that a passphrase protects: bcrypt_pbkdf and aes256-ctr.

use alloc::vec::Vec;

use adit_crypto::{Provider, Secret, SecureRandom, Unspecified, encoded, equal};
use adit_proto::{Encode, Field, Malformed, Reader, Writer};
use zeroize::Zeroizing;

use super::KeyFile;
use super::error::KeyFileError;
use super::openssh::{AES_BLOCK_LEN, AES256_CTR, BCRYPT, Outer, Section, section};
use crate::signed::signature_algorithms;

/// Fewest rounds of bcrypt that a file may ask for: with none there is no key.
pub(super) const ROUNDS_MIN: u32 = 1;
/// Most rounds. ssh-keygen writes 16 or 24, and `-a` some hundreds; a thousand take ten seconds.
pub const ROUNDS_MAX: u32 = 1024;
/// Rounds of files that are written, unless somebody wants others: what ssh-keygen has written since
/// OpenSSH 9.4 (16 before). Each use of the key then takes about a quarter of a second.
pub const ROUNDS_DEFAULT: u32 = 24;
/// Longest salt. ssh-keygen writes 16 bytes.
const SALT_MAX: usize = 64;
/// Length of the salt in files that are written.
const SALT_LEN: usize = 16;

/// A private key that needs its passphrase, and its public half, which does not.
pub struct LockedKey {
    key_type: &'static str,
    public_blob: Vec<u8>,
    salt: Vec<u8>,
    rounds: u32,
    /// Encrypted.
    private: Vec<u8>,
}

impl LockedKey {
    pub(super) fn new(key_type: &'static str, outer: &Outer<'_>) -> Result<Self, KeyFileError> {
        let KdfOptions { salt, rounds } = KdfOptions::read(outer.kdfoptions)?;
        if !(ROUNDS_MIN..=ROUNDS_MAX).contains(&rounds) {
            return Err(KeyFileError::Rounds);
        }
        let is_salt = (1..=SALT_MAX).contains(&salt.len());
        if !is_salt || !outer.private.len().is_multiple_of(AES_BLOCK_LEN) {
            return Err(Malformed::BadLength.into());
        }
        Ok(Self {
            key_type,
            public_blob: outer.public_blob.to_vec(),
            salt: salt.to_vec(),
            rounds,
            private: outer.private.to_vec(),
        })
    }

    /// `ssh-ed25519`, …
    #[must_use]
    pub const fn key_type(&self) -> &'static str {
        self.key_type
    }

    /// The public half, as a key blob. Only [`LockedKey::unlock`] can tell that it belongs to the
    /// private one.
    #[must_use]
    pub fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }

    /// Signature algorithms that keys of its type go with, best first.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [&'static str] {
        signature_algorithms(self.key_type.as_bytes())
    }

    /// The key. Takes tenths of a second, on purpose, and up to ten seconds where the file asks for
    /// it: never call it where others wait.
    ///
    /// # Errors
    /// [`KeyFileError::WrongPassphrase`], and all else that can be wrong with a file.
    pub fn unlock(
        &self,
        passphrase: &Secret,
        provider: &Provider,
    ) -> Result<KeyFile, KeyFileError> {
        let cipher = provider
            .passphrase_cipher
            .ok_or(KeyFileError::BuiltWithout)?;
        let mut private = Zeroizing::new(self.private.clone());
        // No file is protected by nothing, so that is never the passphrase.
        cipher
            .apply(passphrase.expose(), &self.salt, self.rounds, &mut private)
            .map_err(|Unspecified| KeyFileError::WrongPassphrase)?;
        let mut reader = Reader::new(&private);
        // Two equal numbers come out of noise once in 2^32.
        let (check, again) = (reader.array::<4>()?, reader.array::<4>()?);
        if !equal(&check, &again) {
            return Err(KeyFileError::WrongPassphrase);
        }
        section(reader, &self.public_blob)
    }
}

/// The bytes of a file that this passphrase protects.
pub(super) fn file(
    key: &KeyFile,
    passphrase: &Secret,
    rounds: u32,
    provider: &Provider,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, Unspecified> {
    let cipher = provider.passphrase_cipher.ok_or(Unspecified)?;
    let mut check = [0; 4];
    random.fill(&mut check)?;
    let mut salt = [0; SALT_LEN];
    random.fill(&mut salt)?;
    let mut private = Zeroizing::new(encoded(&Section {
        check,
        parts: &key.parts,
        comment: &key.comment,
        block_len: AES_BLOCK_LEN,
    }));
    cipher.apply(passphrase.expose(), &salt, rounds, &mut private)?;
    Ok(encoded(&Outer {
        ciphername: AES256_CTR,
        kdfname: BCRYPT,
        kdfoptions: &encoded(&KdfOptions {
            salt: &salt,
            rounds,
        }),
        public_blob: &key.public_blob(),
        private: &private,
    }))
}

/// What bcrypt is told besides the passphrase (PROTOCOL.key §2).
struct KdfOptions<'a> {
    salt: &'a [u8],
    rounds: u32,
}

impl<'a> KdfOptions<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let options = Self {
            salt: reader.string()?,
            rounds: reader.u32()?,
        };
        reader.finish()?;
        Ok(options)
    }
}

impl Encode for KdfOptions<'_> {
    fn encoded_len(&self) -> usize {
        self.salt.field_len() + 4
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.salt);
        writer.u32(self.rounds);
    }
}
