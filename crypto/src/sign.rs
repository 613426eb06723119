//! Signatures: those that are checked and those that are made.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;

/// One signature algorithm, to verify. Use [`crate::verify()`], which also gives the proof of it.
pub trait Verifier: Send + Sync {
    /// Its name, as negotiated and as in the signature blob.
    fn algorithm(&self) -> &'static str;
    /// The key type that it goes with; another name only for RSA.
    fn key_type(&self) -> &'static str;
    /// Whether `signature_blob` is the signature of `message` by the key in `key_blob`. Both blobs'
    /// inner names were compared before.
    ///
    /// # Errors
    /// When it is not, or a blob is malformed.
    fn verify(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature_blob: &[u8],
    ) -> Result<(), Unspecified>;
}

/// A private key that can sign.
pub trait SigningKey: Send + Sync {
    /// Signature algorithms it can be used with, best first.
    fn algorithms(&self) -> &'static [&'static str];
    /// Its public half, as a key blob.
    fn public_blob(&self) -> &[u8];
    /// A signature blob over `message` with one of [`SigningKey::algorithms`].
    ///
    /// # Errors
    /// For another algorithm, or when signing fails.
    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified>;
}

/// The secret parts of a key, as a key file has them.
#[non_exhaustive]
pub enum PrivateKey<'a> {
    /// RFC 8032: the seed, and the public key that must come of it.
    Ed25519 {
        /// 32 bytes.
        seed: &'a [u8; 32],
        /// 32 bytes.
        public: &'a [u8; 32],
    },
}

/// Makes keys that sign.
pub trait KeyLoader: Send + Sync {
    /// From a file's parts.
    ///
    /// # Errors
    /// When the halves do not belong together, or this provider has no such keys.
    fn load(&self, key: &PrivateKey<'_>) -> Result<Box<dyn SigningKey>, Unspecified>;
    /// A new Ed25519 key: its seed, and its public half.
    ///
    /// # Errors
    /// When there is no randomness.
    fn generate_ed25519(
        &self,
        random: &dyn SecureRandom,
    ) -> Result<(Secret, [u8; 32]), Unspecified>;
}
