//! ECDSA over nistp256 and nistp384. Nonces come of the key and the message (RFC 6979), so that a
//! signature can be repeated.

use adit_proto::blob::NistCurve;
use p256::ecdsa::signature::{Signer as _, Verifier as _};

use crate::ecdsa;
use crate::provider::Unspecified;
use crate::secret::equal;

pub(crate) struct P256(p256::ecdsa::SigningKey);
pub(crate) struct P384(p384::ecdsa::SigningKey);

/// The same for both: their types differ in the curve alone, but a bound that says so for every
/// curve fills a page.
macro_rules! over {
    ($name:ident, $curve:ident) => {
        impl ecdsa::Ecdsa for $name {
            const CURVE: NistCurve = NistCurve::$name;

            fn from_halves(private: &[u8], point: &[u8]) -> Result<Self, Unspecified> {
                let key =
                    $curve::ecdsa::SigningKey::from_slice(private).map_err(|_| Unspecified)?;
                let computed = key.verifying_key().to_sec1_point(false);
                if !equal(computed.as_bytes(), point) {
                    return Err(Unspecified);
                }
                Ok(Self(key))
            }

            fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Unspecified> {
                let made: $curve::ecdsa::Signature =
                    self.0.try_sign(message).map_err(|_| Unspecified)?;
                let made = made.to_bytes();
                if made.len() != signature.len() {
                    return Err(Unspecified);
                }
                signature.copy_from_slice(&made);
                Ok(())
            }

            fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
                let key =
                    $curve::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| Unspecified)?;
                let signature =
                    $curve::ecdsa::Signature::from_slice(signature).map_err(|_| Unspecified)?;
                key.verify(message, &signature).map_err(|_| Unspecified)
            }
        }
    };
}

over!(P256, p256);
over!(P384, p384);
