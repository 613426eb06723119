//! A provider: tables of algorithms.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use adit_proto::{Encode, Writer};

use crate::cipher::Cipher;
use crate::hash::Hash;
use crate::kex::Kex;
use crate::random::SecureRandom;
use crate::sign::{KeyLoader, Verifier};

/// Something cryptographic failed. It does not say what: that would tell an attacker (RFC 4253 has
/// one reason for all of it, too).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unspecified;

impl fmt::Display for Unspecified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cryptographic failure")
    }
}

impl core::error::Error for Unspecified {}

/// What a backend provides. Tables are in no order of preference: the configuration has that.
pub struct Provider {
    /// `ring`, `pure`, …: for messages and tests.
    pub name: &'static str,
    /// Key exchange methods.
    pub kex: &'static [&'static dyn Kex],
    /// Ciphers, one value for each (cipher, MAC) pair.
    pub ciphers: &'static [&'static dyn Cipher],
    /// SHA-256, for fingerprints and whatever is outside a key exchange.
    pub sha256: &'static dyn Hash,
    /// SHA-512.
    pub sha512: &'static dyn Hash,
    /// HMAC-SHA1 of `data` under `key`: what hashes host names in known_hosts, and nothing else.
    pub hmac_sha1: fn(key: &[u8], data: &[u8]) -> [u8; 20],
    /// [`crate::passphrase_cipher`]: opens private keys that have a passphrase. `None` without the
    /// feature `encrypted-keys`.
    pub passphrase_cipher: Option<&'static dyn PassphraseCipher>,
    /// Signature algorithms it verifies.
    pub verifiers: &'static [&'static dyn Verifier],
    /// Makes and loads private keys.
    pub keys: &'static dyn KeyLoader,
    /// The operating system's randomness.
    pub random: &'static dyn SecureRandom,
}

/// What protects a private key in a file: bcrypt_pbkdf and aes256-ctr.
pub trait PassphraseCipher: Send + Sync {
    /// As [`crate::passphrase_cipher`]: enciphers or deciphers `data` in place.
    ///
    /// # Errors
    /// When passphrase or salt are empty, or `rounds` is out of range; not when the passphrase is
    /// the wrong one.
    fn apply(
        &self,
        passphrase: &[u8],
        salt: &[u8],
        rounds: u32,
        data: &mut [u8],
    ) -> Result<(), Unspecified>;
}

/// The same for every provider.
#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "pure")))]
pub(crate) const PASSPHRASE_CIPHER: Option<&'static dyn PassphraseCipher> = Some(&Bcrypt);
#[cfg(all(
    not(feature = "encrypted-keys"),
    any(feature = "ring", feature = "pure")
))]
pub(crate) const PASSPHRASE_CIPHER: Option<&'static dyn PassphraseCipher> = None;

#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "pure")))]
struct Bcrypt;

#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "pure")))]
impl PassphraseCipher for Bcrypt {
    fn apply(
        &self,
        passphrase: &[u8],
        salt: &[u8],
        rounds: u32,
        data: &mut [u8],
    ) -> Result<(), Unspecified> {
        crate::passphrase_cipher(passphrase, salt, rounds, data)
    }
}

impl Provider {
    /// The key exchange method of that name.
    #[must_use]
    pub fn kex(&self, name: &[u8]) -> Option<&'static dyn Kex> {
        self.kex
            .iter()
            .copied()
            .find(|kex| kex.name().as_bytes() == name)
    }

    /// The cipher of that name that brings its own authentication, or the pair with that MAC.
    #[must_use]
    pub fn cipher(&self, name: &[u8], mac: Option<&[u8]>) -> Option<&'static dyn Cipher> {
        self.ciphers.iter().copied().find(|c| {
            c.name().as_bytes() == name && c.mac().is_none_or(|m| Some(m.as_bytes()) == mac)
        })
    }

    /// The verifier of that signature algorithm.
    #[must_use]
    pub fn verifier(&self, algorithm: &[u8]) -> Option<&'static dyn Verifier> {
        self.verifiers
            .iter()
            .copied()
            .find(|v| v.algorithm().as_bytes() == algorithm)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}

/// A message as bytes of its own, for what is hashed, signed or kept.
#[must_use]
pub fn encoded(message: &impl Encode) -> Vec<u8> {
    let mut out = vec![0; message.encoded_len()];
    message.encode(&mut Writer::new(&mut out));
    out
}
