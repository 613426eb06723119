//! A provider's private keys of every type.

use alloc::boxed::Box;
use core::marker::PhantomData;

use adit_proto::blob::NistCurve;

use crate::ecdsa::{self, Ecdsa};
use crate::ed25519::{self, Ed25519, KEY_LEN};
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::rsa::{self, Rsa};
use crate::secret::Secret;
use crate::sign::{KeyLoader, LoadError, PrivateKey, SigningKey};

/// Loads each type of key with the provider's type for it.
pub(crate) struct Keys<E, P256, P384, R>(PhantomData<(E, P256, P384, R)>);

impl<E, P256, P384, R> Keys<E, P256, P384, R> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E, P256, P384, R> KeyLoader for Keys<E, P256, P384, R>
where
    E: Ed25519,
    P256: Ecdsa,
    P384: Ecdsa,
    R: Rsa,
{
    fn load(&self, key: &PrivateKey<'_>) -> Result<Box<dyn SigningKey>, LoadError> {
        match key {
            PrivateKey::Ed25519 { .. } => ed25519::Algorithm::<E>::new().load(key),
            PrivateKey::Ecdsa {
                curve: NistCurve::P256,
                private,
                public,
            } => ecdsa::load::<P256>(private, public),
            PrivateKey::Ecdsa {
                curve: NistCurve::P384,
                private,
                public,
            } => ecdsa::load::<P384>(private, public),
            PrivateKey::Rsa(numbers) => rsa::load::<R>(numbers),
        }
    }

    fn generate_ed25519(
        &self,
        random: &dyn SecureRandom,
    ) -> Result<(Secret, [u8; KEY_LEN]), Unspecified> {
        ed25519::Algorithm::<E>::new().generate_ed25519(random)
    }
}
