//! AES-GCM and chacha20-poly1305@openssh.com.

use ring::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

use crate::chacha::{self, ChaChaPoly};
use crate::gcm;
use crate::provider::Unspecified;

/// "Less safe" because nonces are ours to count: [`gcm`] does.
pub(super) struct Gcm(LessSafeKey);

impl gcm::Gcm for Gcm {
    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return Err(Unspecified),
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| Unspecified)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    fn seal(
        &self,
        nonce: &[u8; gcm::NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; gcm::TAG_LEN], Unspecified> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .seal_in_place_separate_tag(nonce, Aad::from(associated), body)
            .map_err(|_| Unspecified)?
            .as_ref()
            .try_into()
            .map_err(|_| Unspecified)
    }

    fn open(
        &self,
        nonce: &[u8; gcm::NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8; gcm::TAG_LEN],
    ) -> Result<(), Unspecified> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(associated), Tag::from(*tag), body, 0..)
            .map_err(|_| Unspecified)?;
        Ok(())
    }
}

/// ring has two types for the directions, which hold the same keys.
pub(super) struct ChaCha {
    sealing: SealingKey,
    opening: OpeningKey,
}

impl ChaChaPoly for ChaCha {
    fn new(key: &[u8; chacha::KEY_LEN]) -> Self {
        Self {
            sealing: SealingKey::new(key),
            opening: OpeningKey::new(key),
        }
    }

    fn seal(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &mut [u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        // Cannot panic: the packet has at least its packet_length, and is far below 256 GiB.
        self.sealing.seal_in_place(seq, packet, tag);
        Ok(())
    }

    fn packet_length(&self, seq: u32, first: [u8; 4]) -> [u8; 4] {
        self.opening.decrypt_packet_length(seq, first)
    }

    fn open(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &[u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        self.opening
            .open_in_place(seq, packet, tag)
            .map_err(|_| Unspecified)?;
        Ok(())
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
        assert!(size_of::<ChaCha>() <= 256, "{}", size_of::<ChaCha>());
    }
}
