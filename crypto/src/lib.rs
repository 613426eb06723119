//! What adit asks of cryptography, as traits, and two providers that give it: `ring` and `pure`.
//!
//! A [`Provider`] is a value that is passed in, never global: a test or a fuzz target brings its
//! own. Failures carry no detail ([`Unspecified`]). Secrets that adit holds are wiped on drop, have
//! no `Debug`, and are compared in constant time; what a provider's own types hold is theirs.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cipher;
mod hash;
mod kex;
mod provider;
mod random;
mod secret;
mod sign;
mod verify;

// What the providers have in common: the SSH side of each algorithm.
#[cfg(any(feature = "ring", feature = "pure"))]
mod chacha;
#[cfg(any(
    feature = "pure",
    all(feature = "ring", chacha20_avx512, target_arch = "x86_64")
))]
mod chacha_crates;
#[cfg(any(feature = "ring", feature = "pure"))]
mod construction;
#[cfg(all(
    any(feature = "ctr", feature = "encrypted-keys"),
    any(feature = "ring", feature = "pure")
))]
mod ctr;
#[cfg(any(feature = "ring", feature = "pure-nist"))]
mod ecdh;
#[cfg(any(feature = "ring", feature = "pure-nist"))]
mod ecdsa;
#[cfg(any(feature = "ring", feature = "pure"))]
mod ed25519;
#[cfg(all(feature = "ctr", any(feature = "ring", feature = "pure")))]
mod etm;
#[cfg(any(feature = "ring", feature = "pure"))]
mod gcm;
#[cfg(any(feature = "ring", feature = "pure"))]
mod hybrid;
#[cfg(any(feature = "ring", feature = "pure-nist"))]
mod keys;
#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "pure")))]
mod passphrase;
#[cfg(any(feature = "ring", feature = "pure-nist"))]
mod rsa;
#[cfg(any(feature = "ring", feature = "pure"))]
mod small_order;
#[cfg(any(feature = "ring", feature = "pure"))]
mod x25519;

#[cfg(feature = "pure")]
mod pure;
#[cfg(feature = "ring")]
mod ring;

pub use adit_proto::blob::NistCurve;
pub use cipher::{Cipher, KeyBlock, KeyShape, Open, Seal};
pub use hash::{HASH_MAX, Hash, HashContext, digest};
pub use kex::{ActiveKex, Kex, SecretEncoding, SharedSecret};
pub use provider::{PassphraseCipher, Provider, Unspecified, encoded};
pub use random::SecureRandom;
pub use secret::{Secret, equal};
pub use sign::{KeyLoader, LoadError, PrivateKey, RsaPrivate, SigningKey, Verifier};
pub use verify::{SignatureVerified, verify};

#[cfg(all(feature = "encrypted-keys", any(feature = "ring", feature = "pure")))]
pub use crate::passphrase::{BCRYPT_ROUNDS_MAX, passphrase_cipher};
#[cfg(feature = "pure")]
pub use crate::pure::PURE;
#[cfg(feature = "ring")]
pub use crate::ring::RING;
