//! X25519 and Ed25519.

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::ed25519::{self, KEY_LEN, SIGNATURE_LEN};
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;
use crate::x25519::{self, SHARE_LEN};

pub(super) struct X25519;

impl x25519::X25519 for X25519 {
    // Used once all the same: the library makes its one-time type from its own kind of randomness
    // only, which cannot fail.
    type Private = StaticSecret;

    fn generate(
        random: &dyn SecureRandom,
    ) -> Result<(Self::Private, [u8; SHARE_LEN]), Unspecified> {
        let mut scalar = Zeroizing::new([0; SHARE_LEN]);
        random.fill(&mut *scalar)?;
        let private = StaticSecret::from(*scalar);
        let share = PublicKey::from(&private).to_bytes();
        Ok((private, share))
    }

    fn agree(private: Self::Private, peer: &[u8; SHARE_LEN]) -> Result<Secret, Unspecified> {
        let result = private.diffie_hellman(&PublicKey::from(*peer));
        Ok(Secret::copy_of(result.as_bytes()))
    }
}

pub(super) struct Ed25519(SigningKey);

impl ed25519::Ed25519 for Ed25519 {
    fn from_seed(seed: &[u8; KEY_LEN]) -> Result<Self, Unspecified> {
        Ok(Self(SigningKey::from_bytes(seed)))
    }

    fn public(&self) -> Result<[u8; KEY_LEN], Unspecified> {
        Ok(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Unspecified> {
        self.0
            .try_sign(message)
            .map(|signature| signature.to_bytes())
            .map_err(|_| Unspecified)
    }

    fn verify(
        public: &[u8; KEY_LEN],
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), Unspecified> {
        // Not `verify_strict`: what it refuses besides was refused for every provider alike.
        VerifyingKey::from_bytes(public)
            .and_then(|key| key.verify(message, &Signature::from_bytes(signature)))
            .map_err(|_| Unspecified)
    }
}

#[cfg(test)]
mod tests {
    use adit_vectors::records;

    use super::*;
    use crate::x25519::X25519 as _;

    #[test]
    fn x25519_is_as_rfc_7748_publishes_it() {
        // ring takes no scalar from outside: what it computes is compared by exchanges with this.
        for record in records(adit_vectors::X25519) {
            let scalar: [u8; SHARE_LEN] = record.bytes("scalar").try_into().unwrap();
            let u = record.bytes("u").try_into().unwrap();
            let result = X25519::agree(scalar.into(), u).unwrap();
            assert_eq!(result.expose(), record.bytes("result"));
        }
    }
}
