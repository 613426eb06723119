//! Diffie-Hellman on nistp256 and nistp384.

use alloc::vec::Vec;

use adit_proto::blob::NistCurve;
use p256::elliptic_curve::point::AffineCoordinates as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::ecdh::Ecdh;
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;

/// How often randomness is drawn for one key. It fits at once but for one time in 2^32 with nistp256
/// (in 2^190 with nistp384), so a source that needs more is none.
const DRAWS: usize = 4;

pub(crate) struct EcdhP256;
pub(crate) struct EcdhP384;

/// As for ECDSA: the types differ in the curve alone.
macro_rules! over {
    ($name:ident, $curve:ident, $nist:expr, $field_len:literal) => {
        impl Ecdh for $name {
            const CURVE: NistCurve = $nist;
            // Wiped on drop.
            type Private = $curve::SecretKey;

            fn generate(
                random: &dyn SecureRandom,
            ) -> Result<(Self::Private, Vec<u8>), Unspecified> {
                for _ in 0..DRAWS {
                    let mut bytes = Zeroizing::new([0; $field_len]);
                    random.fill(&mut *bytes)?;
                    // Refused unless from 1 to n - 1. To reduce it would favour some keys.
                    if let Ok(private) = $curve::SecretKey::from_slice(&*bytes) {
                        let share = private.public_key().to_sec1_point(false);
                        return Ok((private, share.as_bytes().to_vec()));
                    }
                }
                Err(Unspecified)
            }

            fn agree(private: Self::Private, peer: &[u8]) -> Result<Secret, Unspecified> {
                // It is on the curve, with coordinates below p, and not the point at infinity.
                let peer = $curve::PublicKey::from_sec1_bytes(peer).map_err(|_| Unspecified)?;
                let point = peer.to_projective() * *private.to_nonzero_scalar();
                let mut affine = point.to_affine();
                let mut x = affine.x();
                let secret = Secret::copy_of(&x);
                x.as_mut_slice().zeroize();
                affine.zeroize();
                Ok(secret)
            }
        }
    };
}

over!(EcdhP256, p256, NistCurve::P256, 32);
over!(EcdhP384, p384, NistCurve::P384, 48);
