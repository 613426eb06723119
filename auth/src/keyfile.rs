//! Private key files: what keys they hold, in which of the formats that people have them in.
//!
//! ```text
//!   text ─ armour ─┬─ openssh ─┬─ KeyFile        without a passphrase
//!                  │           └─ LockedKey      with one: its public half is known
//!                  └─ pem ─ der ─ KeyFile        PKCS#1, SEC 1, PKCS#8; never encrypted
//! ```
//!
//! What is written is OpenSSH's format. Everything that holds a secret is wiped when dropped, the
//! decoded file included. The text of the file is the caller's: keep it in a [`Secret`].

mod armour;
mod der;
mod error;
mod locked;
mod openssh;
mod parts;
mod pem;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use adit_crypto::{
    KeyLoader, LoadError, Provider, Secret, SecureRandom, SigningKey, Unspecified, encoded,
};

use armour::Armour;
pub use error::{About, KeyFileError};
pub use locked::{LockedKey, ROUNDS_DEFAULT, ROUNDS_MAX};
use openssh::{NONE, Outer, PLAIN_BLOCK_LEN, Section};
use parts::Parts;

use crate::public_key::PublicKey;
use crate::signed::signature_algorithms;

/// Longest file that is read. A key of RSA with 16384 bits has 13 KiB.
pub const FILE_MAX: usize = 64 * 1024;

/// A private key from a file, or for one.
pub struct KeyFile {
    parts: Parts,
    comment: Vec<u8>,
}

/// What a file holds.
pub enum Parsed {
    /// A key.
    Plain(KeyFile),
    /// A key, once its passphrase is known.
    Locked(LockedKey),
}

impl Parsed {
    /// The key where there is nobody to ask for a passphrase.
    ///
    /// # Errors
    /// [`KeyFileError::Locked`].
    pub fn plain(self) -> Result<KeyFile, KeyFileError> {
        match self {
            Self::Plain(key) => Ok(key),
            Self::Locked(_) => Err(KeyFileError::Locked),
        }
    }
}

impl KeyFile {
    /// From the text of a file. `keys` computes the public half of an Ed25519 key where PKCS#8
    /// leaves it out.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse(text: &[u8], keys: &dyn KeyLoader) -> Result<Parsed, KeyFileError> {
        let armour = armour(text)?;
        if armour.label == armour::OPENSSH {
            return openssh::read(&armour.decode()?);
        }
        Ok(Parsed::Plain(Self {
            parts: pem::read(armour, keys)?,
            comment: Vec::new(),
        }))
    }

    /// A new Ed25519 key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(
        provider: &Provider,
        random: &dyn SecureRandom,
        comment: &str,
    ) -> Result<Self, Unspecified> {
        let (seed, public) = provider.keys.generate_ed25519(random)?;
        let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
        Ok(Self {
            parts: Parts::ed25519(seed.expose(), &public).map_err(|_| Unspecified)?,
            comment: comment.into_bytes(),
        })
    }

    /// `ssh-ed25519`, …
    #[must_use]
    pub const fn key_type(&self) -> &'static str {
        self.parts.key_type()
    }

    /// The public half, as a key blob.
    #[must_use]
    pub fn public_blob(&self) -> Vec<u8> {
        self.parts.public_blob()
    }

    /// Signature algorithms that keys of its type go with, best first.
    #[must_use]
    pub const fn algorithms(&self) -> &'static [&'static str] {
        signature_algorithms(self.key_type().as_bytes())
    }

    /// What its owner wrote behind it; any bytes.
    #[must_use]
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// Makes it a key that signs. The public half is computed from the private one and compared: a
    /// signature under a public key that is not the private key's would give that away.
    ///
    /// # Errors
    /// [`KeyFileError::HalvesDiffer`], or [`KeyFileError::Unsigned`].
    pub fn load(&self, keys: &dyn KeyLoader) -> Result<Box<dyn SigningKey>, KeyFileError> {
        let key = self.parts.private_key().ok_or(KeyFileError::HalvesDiffer)?;
        keys.load(&key).map_err(|error| match error {
            LoadError::HalvesDiffer => KeyFileError::HalvesDiffer,
            LoadError::Unsupported | _ => KeyFileError::Unsigned,
        })
    }

    /// The text of a file without a passphrase. Write it where nobody else can read it.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn to_text(&self, random: &dyn SecureRandom) -> Result<Secret, Unspecified> {
        let mut check = [0; 4];
        random.fill(&mut check)?;
        let private = Secret::new(encoded(&Section {
            check,
            parts: &self.parts,
            comment: &self.comment,
            block_len: PLAIN_BLOCK_LEN,
        }));
        let file = Secret::new(encoded(&Outer {
            ciphername: NONE,
            kdfname: NONE,
            kdfoptions: &[],
            public_blob: &self.public_blob(),
            private: private.expose(),
        }));
        Ok(armour::text(file.expose()))
    }

    /// The text of a file that this passphrase protects, with aes256-ctr and so many rounds of
    /// bcrypt: [`ROUNDS_DEFAULT`], unless somebody wants others.
    ///
    /// # Errors
    /// When there is no randomness, the passphrase is empty, the rounds are none or more than
    /// [`ROUNDS_MAX`], or this program was built without passphrases.
    pub fn to_locked_text(
        &self,
        passphrase: &Secret,
        rounds: u32,
        provider: &Provider,
        random: &dyn SecureRandom,
    ) -> Result<Secret, Unspecified> {
        let file = locked::file(self, passphrase, rounds, provider, random)?;
        Ok(armour::text(&file))
    }
}

/// The public half of a file in OpenSSH's format, as a key blob: it can be read even where the
/// private one cannot, and an agent may have the rest.
///
/// # Errors
/// [`KeyFileError`].
pub fn public_blob(text: &[u8]) -> Result<Vec<u8>, KeyFileError> {
    let armour = armour(text)?;
    if armour.label != armour::OPENSSH {
        return Err(KeyFileError::NoPublicHalf);
    }
    let file = armour.decode()?;
    let blob = openssh::public_blob(&file)?;
    adit_proto::blob::blob_name(blob)?;
    Ok(blob.to_vec())
}

fn armour(text: &[u8]) -> Result<Armour<'_>, KeyFileError> {
    if text.len() > FILE_MAX {
        return Err(KeyFileError::TooLong);
    }
    match Armour::find(text) {
        Some(found) => Ok(found?),
        None if text.starts_with(b"PuTTY-User-Key-File-") => Err(KeyFileError::Putty),
        None if PublicKey::parse_file(text).is_ok() => Err(KeyFileError::PublicKey),
        None => Err(KeyFileError::NotAPrivateKey),
    }
}

#[cfg(test)]
mod tests;
