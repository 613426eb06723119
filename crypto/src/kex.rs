//! Key exchange methods: two shares cross, and both sides have a secret.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::hash::Hash;
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;

/// How K enters the exchange hash and the key derivation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecretEncoding {
    /// As `mpint` (RFC 4253 §8, RFC 8731 §3).
    Mpint,
    /// As `string`: the post-quantum hybrids.
    String,
}

/// K.
pub struct SharedSecret {
    /// Its bytes, big-endian where it is a number.
    pub bytes: Secret,
    /// How it is hashed.
    pub encoding: SecretEncoding,
}

/// A key exchange method.
pub trait Kex: Send + Sync {
    /// Its name in KEXINIT.
    fn name(&self) -> &'static str;
    /// Whether it holds against a quantum computer.
    fn is_post_quantum(&self) -> bool;
    /// The hash of its exchange hash and key derivation.
    fn hash(&self) -> &'static dyn Hash;
    /// Length of the client's share.
    fn client_share_len(&self) -> usize;
    /// Length of the server's share.
    fn server_share_len(&self) -> usize;
    /// The client's first step.
    ///
    /// # Errors
    /// When there is no randomness.
    fn start(&self, random: &dyn SecureRandom) -> Result<Box<dyn ActiveKex>, Unspecified>;
    /// The server's only step: its share, and K.
    ///
    /// # Errors
    /// When the client's share is not one (length, small order, not reduced), or there is no
    /// randomness.
    fn answer(
        &self,
        random: &dyn SecureRandom,
        client_share: &[u8],
    ) -> Result<(Vec<u8>, SharedSecret), Unspecified>;
}

/// The client's side of an exchange under way. Its secrets are wiped when it is dropped.
pub trait ActiveKex: Send {
    /// Our share.
    fn share(&self) -> &[u8];
    /// The client's last step.
    ///
    /// # Errors
    /// When the server's share is not one.
    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Unspecified>;
}
