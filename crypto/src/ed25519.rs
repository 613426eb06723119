//! ssh-ed25519 (RFC 8709) over a provider's Ed25519 (RFC 8032).
//!
//! Blobs are taken apart here, and points that no honest signer makes are refused here, so that
//! providers whose libraries are lenient in different ways agree.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use adit_proto::Writer;
use adit_proto::blob::{SSH_ED25519, ed25519_public, ed25519_signature};
use zeroize::Zeroizing;

use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::{Secret, equal};
use crate::sign::{KeyLoader, LoadError, PrivateKey, SigningKey, Verifier};
use crate::small_order::is_point_allowed;

/// RFC 8032 §5.1.5: length of a seed and of a public key.
pub(crate) const KEY_LEN: usize = 32;
/// RFC 8032 §5.1.6: R and S.
pub(crate) const SIGNATURE_LEN: usize = 64;
/// The algorithm's and the key type's name.
const NAME: &str = "ssh-ed25519";

/// Ed25519 as a provider does it.
pub(crate) trait Ed25519: Send + Sync + Sized + 'static {
    /// A key pair from its seed.
    fn from_seed(seed: &[u8; KEY_LEN]) -> Result<Self, Unspecified>;
    /// Its public half.
    fn public(&self) -> Result<[u8; KEY_LEN], Unspecified>;
    /// A signature.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Unspecified>;
    /// The equation of RFC 8032 §5.1.7, without cofactor, with S reduced.
    fn verify(
        public: &[u8; KEY_LEN],
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), Unspecified>;
}

/// Verifier and loader of a provider's Ed25519.
pub(crate) struct Algorithm<E>(PhantomData<fn() -> E>);

impl<E> Algorithm<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: Ed25519> Verifier for Algorithm<E> {
    fn algorithm(&self) -> &'static str {
        NAME
    }

    fn key_type(&self) -> &'static str {
        NAME
    }

    fn accepts_key(&self, key_blob: &[u8]) -> bool {
        ed25519_public(key_blob).is_ok()
    }

    fn verify(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature_blob: &[u8],
    ) -> Result<(), Unspecified> {
        let public = ed25519_public(key_blob).map_err(|_| Unspecified)?;
        let signature = ed25519_signature(signature_blob).map_err(|_| Unspecified)?;
        let (r, _s) = signature
            .split_first_chunk::<KEY_LEN>()
            .ok_or(Unspecified)?;
        if !is_point_allowed(public) || !is_point_allowed(r) {
            return Err(Unspecified);
        }
        E::verify(public, message, signature)
    }
}

impl<E: Ed25519> KeyLoader for Algorithm<E> {
    fn load(&self, key: &PrivateKey<'_>) -> Result<Box<dyn SigningKey>, LoadError> {
        let PrivateKey::Ed25519 { seed, public } = key else {
            return Err(LoadError::Unsupported);
        };
        let halves = E::from_seed(seed).and_then(|pair| Ok((pair.public()?, pair)));
        let (computed, pair) = halves.map_err(|Unspecified| LoadError::HalvesDiffer)?;
        // Signing with one half and hashing another gives the private key away (RUSTSEC-2022-0093).
        if !equal(&computed, *public) {
            return Err(LoadError::HalvesDiffer);
        }
        Ok(Box::new(Key {
            public_blob: one_string(*public),
            pair,
        }))
    }

    fn generate_ed25519(
        &self,
        random: &dyn SecureRandom,
    ) -> Result<(Secret, [u8; KEY_LEN]), Unspecified> {
        let mut seed = Zeroizing::new([0; KEY_LEN]);
        random.fill(&mut *seed)?;
        let public = E::from_seed(&seed)?.public()?;
        Ok((Secret::copy_of(&*seed), public))
    }
}

struct Key<E> {
    pair: E,
    public_blob: Vec<u8>,
}

impl<E: Ed25519> SigningKey for Key<E> {
    fn algorithms(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        if algorithm != NAME {
            return Err(Unspecified);
        }
        Ok(one_string(&self.pair.sign(message)?))
    }
}

/// A blob of the algorithm's name and one string: a public key (RFC 8709 §4), a signature (§6).
fn one_string(value: &[u8]) -> Vec<u8> {
    let mut blob = alloc::vec![0; 4 + SSH_ED25519.len() + 4 + value.len()];
    let mut writer = Writer::new(&mut blob);
    writer.string(SSH_ED25519);
    writer.string(value);
    blob
}
