//! ECDSA over nistp256 and nistp384. ring takes a nonce's randomness from the system and hedges it
//! with the key and the message.

use adit_proto::blob::NistCurve;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, UnparsedPublicKey,
};

use crate::ecdsa;
use crate::provider::Unspecified;

pub(super) struct P256(EcdsaKeyPair);
pub(super) struct P384(EcdsaKeyPair);

impl ecdsa::Ecdsa for P256 {
    const CURVE: NistCurve = NistCurve::P256;

    fn from_halves(private: &[u8], point: &[u8]) -> Result<Self, Unspecified> {
        from_halves(&ECDSA_P256_SHA256_FIXED_SIGNING, private, point).map(Self)
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Unspecified> {
        sign(&self.0, message, signature)
    }

    fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        verify(&ECDSA_P256_SHA256_FIXED, point, message, signature)
    }
}

impl ecdsa::Ecdsa for P384 {
    const CURVE: NistCurve = NistCurve::P384;

    fn from_halves(private: &[u8], point: &[u8]) -> Result<Self, Unspecified> {
        from_halves(&ECDSA_P384_SHA384_FIXED_SIGNING, private, point).map(Self)
    }

    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Unspecified> {
        sign(&self.0, message, signature)
    }

    fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        verify(&ECDSA_P384_SHA384_FIXED, point, message, signature)
    }
}

fn from_halves(
    algorithm: &'static EcdsaSigningAlgorithm,
    private: &[u8],
    point: &[u8],
) -> Result<EcdsaKeyPair, Unspecified> {
    // It computes the point of the private half and compares.
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, point, &random)
        .map_err(|_| Unspecified)
}

fn sign(pair: &EcdsaKeyPair, message: &[u8], out: &mut [u8]) -> Result<(), Unspecified> {
    let made = pair
        .sign(&SystemRandom::new(), message)
        .map_err(|_| Unspecified)?;
    if made.as_ref().len() != out.len() {
        return Err(Unspecified);
    }
    out.copy_from_slice(made.as_ref());
    Ok(())
}

fn verify(
    algorithm: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Unspecified> {
    UnparsedPublicKey::new(algorithm, point)
        .verify(message, signature)
        .map_err(|_| Unspecified)
}
