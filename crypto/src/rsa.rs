//! rsa-sha2-256 and rsa-sha2-512 (RFC 8332) over a provider's RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
//!
//! Blobs are taken apart here, and keys out of range are refused here, before anything is computed
//! with them. ssh-rsa is the name of the keys; signatures of that name, over SHA-1, are never made
//! and never accepted.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use adit_proto::blob::{OneString, RSA_BITS_MAX, RsaHash, RsaPublic, rsa_public, rsa_signature};

use crate::provider::{Unspecified, encoded};
use crate::sign::{LoadError, RsaPrivate, SigningKey, Verifier};

/// The longest modulus, in bytes.
const MODULUS_LEN_MAX: usize = RSA_BITS_MAX / 8;

/// RSASSA-PKCS1-v1_5 as a provider does it.
pub(crate) trait Rsa: Send + Sync + Sized + 'static {
    /// A key pair from its numbers, if they belong together. `public` is n and e, in range.
    fn from_numbers(public: &RsaPublic<'_>, key: &RsaPrivate<'_>) -> Result<Self, LoadError>;
    /// RFC 8017 §8.2.1, into `signature`, which is as long as the modulus.
    fn sign(&self, hash: RsaHash, message: &[u8], signature: &mut [u8]) -> Result<(), Unspecified>;
    /// RFC 8017 §8.2.2, with a signature as long as the modulus.
    fn verify(
        public: &RsaPublic<'_>,
        hash: RsaHash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Unspecified>;
}

/// Verifier of a provider's RSA with one hash.
pub(crate) struct RsaVerifier<R> {
    hash: RsaHash,
    provider: PhantomData<fn() -> R>,
}

impl<R: Rsa> RsaVerifier<R> {
    pub(crate) const fn new(hash: RsaHash) -> Self {
        Self {
            hash,
            provider: PhantomData,
        }
    }
}

impl<R: Rsa> Verifier for RsaVerifier<R> {
    fn algorithm(&self) -> &'static str {
        self.hash.algorithm()
    }

    fn key_type(&self) -> &'static str {
        "ssh-rsa"
    }

    fn accepts_key(&self, key_blob: &[u8]) -> bool {
        rsa_public(key_blob).is_ok()
    }

    fn verify(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature_blob: &[u8],
    ) -> Result<(), Unspecified> {
        let key = rsa_public(key_blob).map_err(|_| Unspecified)?;
        let signature = rsa_signature(signature_blob, self.hash).map_err(|_| Unspecified)?;
        // RFC 8332 §3: some signers leave leading zeros out. More bytes than the modulus has are
        // no signature, whatever is in them.
        let mut padded = [0; MODULUS_LEN_MAX];
        let padded = padded.get_mut(..key.n.len()).ok_or(Unspecified)?;
        let start = padded
            .len()
            .checked_sub(signature.len())
            .ok_or(Unspecified)?;
        padded
            .get_mut(start..)
            .ok_or(Unspecified)?
            .copy_from_slice(signature);
        R::verify(&key, self.hash, message, padded)
    }
}

/// A key from the numbers of a file.
pub(crate) fn load<R: Rsa>(key: &RsaPrivate<'_>) -> Result<Box<dyn SigningKey>, LoadError> {
    let public = RsaPublic::new(key.e, key.n).map_err(|_| LoadError::Unsupported)?;
    let loaded = Key {
        pair: R::from_numbers(&public, key)?,
        modulus_len: public.n.len(),
        public_blob: encoded(&public),
    };
    // What a provider compares says nothing of e and d. Only a signature that verifies does.
    match loaded.sign(RsaHash::Sha512.algorithm(), b"") {
        Ok(_) => Ok(Box::new(loaded)),
        Err(Unspecified) => Err(LoadError::HalvesDiffer),
    }
}

struct Key<R> {
    pair: R,
    modulus_len: usize,
    public_blob: Vec<u8>,
}

impl<R: Rsa> SigningKey for Key<R> {
    fn algorithms(&self) -> &'static [&'static str] {
        &["rsa-sha2-512", "rsa-sha2-256"]
    }

    fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let hash = RsaHash::ALL
            .into_iter()
            .find(|hash| hash.algorithm() == algorithm)
            .ok_or(Unspecified)?;
        let mut signature = [0; MODULUS_LEN_MAX];
        let signature = signature.get_mut(..self.modulus_len).ok_or(Unspecified)?;
        self.pair.sign(hash, message, signature)?;
        let signature = encoded(&OneString {
            name: algorithm.as_bytes(),
            value: signature,
        });
        // With the Chinese remainder theorem one false signature is enough to factor the modulus
        // (Boneh, DeMillo, Lipton 1997). What does not verify never leaves.
        RsaVerifier::<R>::new(hash).verify(&self.public_blob, message, &signature)?;
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errs when it signs `fault`; every signature of sevens is good.
    struct Faulty;

    impl Rsa for Faulty {
        fn from_numbers(_: &RsaPublic<'_>, _: &RsaPrivate<'_>) -> Result<Self, LoadError> {
            Ok(Self)
        }

        fn sign(&self, _: RsaHash, message: &[u8], out: &mut [u8]) -> Result<(), Unspecified> {
            out.fill(7);
            if message == b"fault"
                && let Some(byte) = out.last_mut()
            {
                *byte ^= 1;
            }
            Ok(())
        }

        fn verify(
            _: &RsaPublic<'_>,
            _: RsaHash,
            _: &[u8],
            signature: &[u8],
        ) -> Result<(), Unspecified> {
            let is_good = signature.iter().all(|byte| *byte == 7);
            is_good.then_some(()).ok_or(Unspecified)
        }
    }

    #[test]
    fn a_false_signature_is_never_given_out() {
        let key = RsaPrivate {
            n: &[0xff; 256],
            e: &[1, 0, 1],
            d: &[],
            p: &[],
            q: &[],
            iqmp: &[],
        };
        let key = load::<Faulty>(&key).unwrap();
        for algorithm in key.algorithms() {
            assert!(key.sign(algorithm, b"message").is_ok());
            assert_eq!(key.sign(algorithm, b"fault"), Err(Unspecified));
        }
    }
}
