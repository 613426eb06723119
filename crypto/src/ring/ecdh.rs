//! Diffie-Hellman on nistp256 and nistp384.

use alloc::vec::Vec;

use adit_proto::blob::NistCurve;
use ring::agreement::{
    Algorithm, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral,
};
use ring::rand::SystemRandom;

use crate::ecdh::Ecdh;
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;

pub(super) struct EcdhP256;
pub(super) struct EcdhP384;

impl Ecdh for EcdhP256 {
    const CURVE: NistCurve = NistCurve::P256;
    type Private = EphemeralPrivateKey;

    fn generate(_random: &dyn SecureRandom) -> Result<(Self::Private, Vec<u8>), Unspecified> {
        generate(&ECDH_P256)
    }

    fn agree(private: Self::Private, peer: &[u8]) -> Result<Secret, Unspecified> {
        agree(&ECDH_P256, private, peer)
    }
}

impl Ecdh for EcdhP384 {
    const CURVE: NistCurve = NistCurve::P384;
    type Private = EphemeralPrivateKey;

    fn generate(_random: &dyn SecureRandom) -> Result<(Self::Private, Vec<u8>), Unspecified> {
        generate(&ECDH_P384)
    }

    fn agree(private: Self::Private, peer: &[u8]) -> Result<Secret, Unspecified> {
        agree(&ECDH_P384, private, peer)
    }
}

/// ring accepts no randomness but its own.
fn generate(algorithm: &'static Algorithm) -> Result<(EphemeralPrivateKey, Vec<u8>), Unspecified> {
    let private =
        EphemeralPrivateKey::generate(algorithm, &SystemRandom::new()).map_err(|_| Unspecified)?;
    let public = private.compute_public_key().map_err(|_| Unspecified)?;
    Ok((private, public.as_ref().to_vec()))
}

/// Fails for what is no point of the curve (NIST SP 800-56A §5.6.2.3).
fn agree(
    algorithm: &'static Algorithm,
    private: EphemeralPrivateKey,
    peer: &[u8],
) -> Result<Secret, Unspecified> {
    let peer = UnparsedPublicKey::new(algorithm, peer);
    agree_ephemeral(private, &peer, Secret::copy_of).map_err(|_| Unspecified)
}
