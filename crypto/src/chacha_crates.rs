//! chacha20-poly1305@openssh.com of the crates chacha20 and poly1305: the provider `pure` has it, and
//! `ring` for long packets where that is faster.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyInit, KeyIvInit, StreamCipher, StreamCipherSeek};
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;
use zeroize::Zeroizing;

use crate::chacha::{self, ChaChaPoly};
use crate::provider::Unspecified;
use crate::secret::equal;

/// Length of a ChaCha20 key.
const CHACHA_KEY_LEN: usize = 32;
/// Length of a ChaCha20 block (RFC 8439 §2.3): the body is enciphered from block 1 on.
const CHACHA_BLOCK_LEN: u32 = 64;

/// The crate chacha20poly1305 always pads as RFC 8439 §2.8 says, which SSH does not; these are the
/// parts that it is made of.
pub(crate) struct ChaCha {
    k_1: Zeroizing<[u8; CHACHA_KEY_LEN]>,
    k_2: Zeroizing<[u8; CHACHA_KEY_LEN]>,
}

impl ChaChaPoly for ChaCha {
    fn new(key: &[u8; chacha::KEY_LEN]) -> Self {
        let mut halves = Self {
            k_1: Zeroizing::default(),
            k_2: Zeroizing::default(),
        };
        let (k_2, k_1) = key.split_at(CHACHA_KEY_LEN);
        halves.k_2.copy_from_slice(k_2);
        halves.k_1.copy_from_slice(k_1);
        halves
    }

    fn seal(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &mut [u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        let (mac, mut body_cipher) = self.packet_keys(seq)?;
        let (packet_length, body) = packet
            .split_first_chunk_mut::<{ chacha::PACKET_LENGTH_LEN }>()
            .ok_or(Unspecified)?;
        *packet_length = self.packet_length(seq, *packet_length);
        body_cipher
            .try_apply_keystream(body)
            .map_err(|_| Unspecified)?;
        *tag = poly1305(mac, packet);
        Ok(())
    }

    fn packet_length(&self, seq: u32, first: [u8; 4]) -> [u8; 4] {
        let mut packet_length = first;
        cipher(&self.k_1, seq).apply_keystream(&mut packet_length);
        packet_length
    }

    fn open(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &[u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        let (mac, mut body_cipher) = self.packet_keys(seq)?;
        if !equal(&poly1305(mac, packet), tag) {
            return Err(Unspecified);
        }
        let (_, body) = packet
            .split_first_chunk_mut::<{ chacha::PACKET_LENGTH_LEN }>()
            .ok_or(Unspecified)?;
        body_cipher
            .try_apply_keystream(body)
            .map_err(|_| Unspecified)
    }
}

impl ChaCha {
    /// The one-time key of the tag, and the cipher for the body, at block 1.
    fn packet_keys(&self, seq: u32) -> Result<(Poly1305, ChaCha20), Unspecified> {
        let mut cipher = cipher(&self.k_2, seq);
        let mut key = Zeroizing::new([0; 32]);
        cipher.apply_keystream(&mut *key);
        cipher.try_seek(CHACHA_BLOCK_LEN).map_err(|_| Unspecified)?;
        Ok((Poly1305::new((&*key).into()), cipher))
    }
}

/// The key stream of one packet: the nonce is its sequence number, as a 64-bit number in OpenSSH's
/// description; ChaCha20 with a 96-bit nonce and a 32-bit counter gives the same below 256 GiB.
fn cipher(key: &[u8; CHACHA_KEY_LEN], seq: u32) -> ChaCha20 {
    let [s0, s1, s2, s3] = seq.to_be_bytes();
    let nonce = [0, 0, 0, 0, 0, 0, 0, 0, s0, s1, s2, s3];
    ChaCha20::new(key.into(), &nonce.into())
}

/// Poly1305 of bytes that need not be whole blocks.
fn poly1305(mut mac: Poly1305, bytes: &[u8]) -> [u8; chacha::TAG_LEN] {
    // Whole blocks go through `update`, which alone takes several at a time.
    let (blocks, rest) = poly1305::Block::slice_as_chunks(bytes);
    mac.update(blocks);
    mac.compute_unpadded(rest).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_costs_less_than_256_bytes() {
        // Boxed once for each key; seal and open have nothing else to allocate.
        assert!(size_of::<ChaCha>() <= 256, "{}", size_of::<ChaCha>());
    }
}
