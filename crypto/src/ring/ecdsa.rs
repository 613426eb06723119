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

/// Who knows the private key can compute every nonce: with the other provider's arithmetic.
#[cfg(all(test, feature = "pure-nist"))]
mod tests {
    use adit_vectors::{ECDSA, records};
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use p256::elliptic_curve::ff::PrimeField as _;
    use p256::elliptic_curve::ops::Reduce as _;
    use p256::{FieldBytes, Scalar};

    use super::*;
    use crate::ecdsa::Ecdsa as _;
    use crate::hash::digest;

    #[test]
    fn nonces_differ_and_have_no_bit_that_leans() {
        let record = &records(ECDSA)[0];
        let private = record.bytes("private");
        let key = P256::from_halves(private, record.bytes("public")).unwrap();
        let scalar = |bytes: &[u8]| Scalar::reduce(&FieldBytes::try_from(bytes).unwrap());
        let d = scalar(private);
        let z = scalar(&digest(&super::super::hash::SHA256, &[b"message"]));

        let nonces: Vec<_> = (0..2000)
            .map(|_| {
                let mut signature = [0; 64];
                key.sign(b"message", &mut signature).unwrap();
                let (r, s) = signature.split_at(32);
                // s = (z + r d) / k (SEC 1 §4.1.3).
                let k = (z + scalar(r) * d) * scalar(s).invert().unwrap();
                k.to_repr()
            })
            .collect();
        assert_eq!(nonces.iter().collect::<BTreeSet<_>>().len(), nonces.len());
        for bit in 0..256 {
            let ones = nonces.iter().filter(|k| k[bit / 8] >> (bit % 8) & 1 == 1);
            let ones = ones.count();
            // Seven standard deviations. n begins with 32 ones: it favours none.
            assert!((840..1160).contains(&ones), "bit {bit}: {ones}");
        }
    }
}
