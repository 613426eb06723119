//! ecdsa-sha2-nistp256 and ecdsa-sha2-nistp384 (RFC 5656 §3) over a provider's ECDSA.
//!
//! Blobs are taken apart and put together here; a provider sees points and signatures of fixed
//! length. Each algorithm is of one curve and takes the keys of that curve alone.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use adit_proto::Mpint;
use adit_proto::blob::{EcdsaPublic, EcdsaSignature, NistCurve, ecdsa_public, ecdsa_signature};

use crate::provider::{Unspecified, encoded};
use crate::sign::{LoadError, SigningKey, Verifier};

/// r and s of the longest curve.
const SIGNATURE_LEN_MAX: usize = 2 * 48;

/// ECDSA over one curve, with the hash that RFC 5656 §6.2.1 gives it, as a provider does it.
pub(crate) trait Ecdsa: Send + Sync + Sized + 'static {
    /// The curve.
    const CURVE: NistCurve;
    /// A key pair from its halves, each as long as the curve says, if they belong together.
    fn from_halves(private: &[u8], point: &[u8]) -> Result<Self, Unspecified>;
    /// r ‖ s into `signature`, each as long as the curve says.
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Unspecified>;
    /// SEC 1 §4.1.4, with the point and r ‖ s as long as the curve says: the point is on the curve,
    /// r and s are from 1 to n - 1, and the equation holds.
    fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Unspecified>;
}

/// Verifier of a provider's ECDSA over one curve.
pub(crate) struct EcdsaVerifier<E>(PhantomData<fn() -> E>);

impl<E: Ecdsa> EcdsaVerifier<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: Ecdsa> Verifier for EcdsaVerifier<E> {
    fn algorithm(&self) -> &'static str {
        E::CURVE.key_type()
    }

    fn key_type(&self) -> &'static str {
        E::CURVE.key_type()
    }

    fn accepts_key(&self, key_blob: &[u8]) -> bool {
        ecdsa_public(key_blob).is_ok_and(|key| key.curve == E::CURVE)
    }

    fn verify(
        &self,
        key_blob: &[u8],
        message: &[u8],
        signature_blob: &[u8],
    ) -> Result<(), Unspecified> {
        let key = ecdsa_public(key_blob).map_err(|_| Unspecified)?;
        let signature = ecdsa_signature(signature_blob).map_err(|_| Unspecified)?;
        if key.curve != E::CURVE || signature.curve != E::CURVE {
            return Err(Unspecified);
        }
        let mut fixed = [0; SIGNATURE_LEN_MAX];
        let (r, s) = halves::<E>(&mut fixed)?;
        left_pad(signature.r, r)?;
        left_pad(signature.s, s)?;
        E::verify(key.point, message, fixed_part::<E>(&fixed)?)
    }
}

/// A key from the parts of a file.
pub(crate) fn load<E: Ecdsa>(
    private: &[u8],
    public: &[u8],
) -> Result<Box<dyn SigningKey>, LoadError> {
    let curve = E::CURVE;
    if private.len() != curve.field_len() || public.len() != curve.point_len() {
        return Err(LoadError::HalvesDiffer);
    }
    let pair = E::from_halves(private, public).map_err(|Unspecified| LoadError::HalvesDiffer)?;
    Ok(Box::new(Key {
        pair,
        public_blob: encoded(&EcdsaPublic {
            curve,
            point: public,
        }),
    }))
}

struct Key<E> {
    pair: E,
    public_blob: Vec<u8>,
}

impl<E: Ecdsa> SigningKey for Key<E> {
    fn algorithms(&self) -> &'static [&'static str] {
        match E::CURVE {
            NistCurve::P256 => &["ecdsa-sha2-nistp256"],
            NistCurve::P384 => &["ecdsa-sha2-nistp384"],
        }
    }

    fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let curve = E::CURVE;
        if algorithm != curve.key_type() {
            return Err(Unspecified);
        }
        let mut fixed = [0; SIGNATURE_LEN_MAX];
        let signature = fixed.get_mut(..2 * curve.field_len()).ok_or(Unspecified)?;
        self.pair.sign(message, signature)?;
        let (r, s) = halves::<E>(&mut fixed)?;
        let signature = encoded(&EcdsaSignature {
            curve,
            r: Mpint::from_unsigned(r),
            s: Mpint::from_unsigned(s),
        });
        // A processor that errs while it signs gives the private key away, to whoever sees two
        // signatures of one message. What does not verify never leaves.
        EcdsaVerifier::<E>::new().verify(&self.public_blob, message, &signature)?;
        Ok(signature)
    }
}

/// r ‖ s as long as the curve says.
fn fixed_part<E: Ecdsa>(fixed: &[u8; SIGNATURE_LEN_MAX]) -> Result<&[u8], Unspecified> {
    fixed.get(..2 * E::CURVE.field_len()).ok_or(Unspecified)
}

/// Where r and s go.
fn halves<E: Ecdsa>(
    fixed: &mut [u8; SIGNATURE_LEN_MAX],
) -> Result<(&mut [u8], &mut [u8]), Unspecified> {
    let len = E::CURVE.field_len();
    fixed
        .get_mut(..2 * len)
        .and_then(|both| both.split_at_mut_checked(len))
        .ok_or(Unspecified)
}

/// A number with zeros before it; `out` has been zeros.
fn left_pad(number: Mpint<'_>, out: &mut [u8]) -> Result<(), Unspecified> {
    let magnitude = number.magnitude();
    let start = out.len().checked_sub(magnitude.len()).ok_or(Unspecified)?;
    out.get_mut(start..)
        .ok_or(Unspecified)?
        .copy_from_slice(magnitude);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errs when it signs `fault`; every signature of sevens is good.
    struct Faulty;

    impl Ecdsa for Faulty {
        const CURVE: NistCurve = NistCurve::P384;

        fn from_halves(_: &[u8], _: &[u8]) -> Result<Self, Unspecified> {
            Ok(Self)
        }

        fn sign(&self, message: &[u8], out: &mut [u8]) -> Result<(), Unspecified> {
            out.fill(7);
            if message == b"fault"
                && let Some(byte) = out.last_mut()
            {
                *byte ^= 1;
            }
            Ok(())
        }

        fn verify(_: &[u8], _: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
            let is_good = signature.iter().all(|byte| *byte == 7);
            is_good.then_some(()).ok_or(Unspecified)
        }
    }

    #[test]
    fn a_false_signature_is_never_given_out() {
        let key = load::<Faulty>(&[1; 48], &[4; 97]).unwrap();
        for algorithm in key.algorithms() {
            assert!(key.sign(algorithm, b"message").is_ok());
            assert_eq!(key.sign(algorithm, b"fault"), Err(Unspecified));
        }
    }
}
