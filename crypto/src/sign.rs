//! Signatures: those that are checked and those that are made.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use adit_proto::blob::NistCurve;

use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;

/// One signature algorithm, to verify. Use [`crate::verify()`], which also gives the proof of it.
pub trait Verifier: Send + Sync {
    /// Its name, as negotiated and as in the signature blob.
    fn algorithm(&self) -> &'static str;
    /// The key type that it goes with; another name only for RSA.
    fn key_type(&self) -> &'static str;
    /// Whether `key_blob` has the form of a key that [`Verifier::verify`] takes: its type, the
    /// lengths of its parts, the size of its numbers. No arithmetic, whatever the blob says: it is
    /// asked about keys of strangers.
    fn accepts_key(&self, key_blob: &[u8]) -> bool;
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
    /// RFC 5656: the scalar, and the point that must come of it.
    Ecdsa {
        /// Whose they are.
        curve: NistCurve,
        /// Big-endian, [`NistCurve::field_len`] bytes.
        private: &'a [u8],
        /// SEC 1 §2.3.3, uncompressed: [`NistCurve::point_len`] bytes.
        public: &'a [u8],
    },
    /// RFC 8017 §3.2, of two primes.
    Rsa(RsaPrivate<'a>),
}

/// The numbers of an RSA key, as an OpenSSH file has them: big-endian, without leading zeros.
#[derive(Clone, Copy)]
pub struct RsaPrivate<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
    /// The private exponent.
    pub d: &'a [u8],
    /// The first prime.
    pub p: &'a [u8],
    /// The second prime.
    pub q: &'a [u8],
    /// The inverse of q modulo p.
    pub iqmp: &'a [u8],
}

/// Why a private key is not loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// Private and public half, or the numbers of a key, do not belong together.
    HalvesDiffer,
    /// This provider does not sign with such keys.
    Unsupported,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalvesDiffer => "private and public half do not belong together",
            Self::Unsupported => "keys of this type or size are not supported",
        })
    }
}

impl core::error::Error for LoadError {}

/// Makes keys that sign.
pub trait KeyLoader: Send + Sync {
    /// From a file's parts.
    ///
    /// # Errors
    /// As [`LoadError`] says.
    fn load(&self, key: &PrivateKey<'_>) -> Result<Box<dyn SigningKey>, LoadError>;
    /// A new Ed25519 key: its seed, and its public half.
    ///
    /// # Errors
    /// When there is no randomness.
    fn generate_ed25519(
        &self,
        random: &dyn SecureRandom,
    ) -> Result<(Secret, [u8; 32]), Unspecified>;
}
