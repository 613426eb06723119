//! X25519 and Ed25519.

use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair as _};

use crate::ed25519::{self, KEY_LEN, SIGNATURE_LEN};
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;
use crate::x25519::{self, SHARE_LEN};

pub(super) struct X25519;

impl x25519::X25519 for X25519 {
    type Private = EphemeralPrivateKey;

    // ring accepts no randomness but its own.
    fn generate(
        _random: &dyn SecureRandom,
    ) -> Result<(Self::Private, [u8; SHARE_LEN]), Unspecified> {
        let private = EphemeralPrivateKey::generate(&agreement::X25519, &SystemRandom::new())
            .map_err(|_| Unspecified)?;
        let public = private.compute_public_key().map_err(|_| Unspecified)?;
        let share = public.as_ref().try_into().map_err(|_| Unspecified)?;
        Ok((private, share))
    }

    fn agree(private: Self::Private, peer: &[u8; SHARE_LEN]) -> Result<Secret, Unspecified> {
        let peer = UnparsedPublicKey::new(&agreement::X25519, peer);
        agree_ephemeral(private, &peer, Secret::copy_of).map_err(|_| Unspecified)
    }
}

pub(super) struct Ed25519(Ed25519KeyPair);

impl ed25519::Ed25519 for Ed25519 {
    fn from_seed(seed: &[u8; KEY_LEN]) -> Result<Self, Unspecified> {
        // "Unchecked" because ring cannot compare the public half, which `ed25519` does.
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Self)
            .map_err(|_| Unspecified)
    }

    fn public(&self) -> Result<[u8; KEY_LEN], Unspecified> {
        self.0
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| Unspecified)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Unspecified> {
        self.0
            .sign(message)
            .as_ref()
            .try_into()
            .map_err(|_| Unspecified)
    }

    fn verify(
        public: &[u8; KEY_LEN],
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), Unspecified> {
        signature::UnparsedPublicKey::new(&signature::ED25519, public)
            .verify(message, signature)
            .map_err(|_| Unspecified)
    }
}
