//! AES-GCM.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};

use crate::gcm;
use crate::provider::Unspecified;

/// One of the two lengths of key.
pub(super) enum Gcm {
    Aes128(Aes128Gcm),
    Aes256(Aes256Gcm),
}

impl gcm::Gcm for Gcm {
    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        match key.len() {
            16 => Aes128Gcm::new_from_slice(key).map(Self::Aes128),
            _ => Aes256Gcm::new_from_slice(key).map(Self::Aes256),
        }
        .map_err(|_| Unspecified)
    }

    fn seal(
        &self,
        nonce: &[u8; gcm::NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; gcm::TAG_LEN], Unspecified> {
        let (nonce, body) = (nonce.into(), body.into());
        match self {
            Self::Aes128(key) => key.encrypt_inout_detached(nonce, associated, body),
            Self::Aes256(key) => key.encrypt_inout_detached(nonce, associated, body),
        }
        .map(Into::into)
        .map_err(|_| Unspecified)
    }

    fn open(
        &self,
        nonce: &[u8; gcm::NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8; gcm::TAG_LEN],
    ) -> Result<(), Unspecified> {
        let (nonce, body, tag) = (nonce.into(), body.into(), tag.into());
        match self {
            Self::Aes128(key) => key.decrypt_inout_detached(nonce, associated, body, tag),
            Self::Aes256(key) => key.decrypt_inout_detached(nonce, associated, body, tag),
        }
        .map_err(|_| Unspecified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcm_is_as_nist_publishes_it() {
        gcm::tests::gcm_is_as_nist_publishes_it::<Gcm>();
    }

    #[test]
    fn a_direction_costs_less_than_two_kilobytes() {
        // Boxed once for each key; seal and open have nothing else to allocate.
        assert!(size_of::<Gcm>() <= 2048, "{}", size_of::<Gcm>());
    }
}
