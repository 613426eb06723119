//! chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305) over a provider's parts.
//!
//! ```text
//!   packet_length (4), under K_1 | body, under K_2 from block 1 on || tag (16)
//!   tag = Poly1305 of both as enciphered, under the first half of block 0 of K_2
//!   nonce = sequence number; key (64) = K_2 | K_1
//! ```

use alloc::boxed::Box;
use core::marker::PhantomData;

use crate::cipher::{Cipher, KeyBlock, KeyShape, Open, Seal};
use crate::construction::{self, Construction, PACKET_LENGTH_LEN};
use crate::provider::Unspecified;

/// K_2 and K_1, 32 bytes each.
pub(crate) const KEY_LEN: usize = 64;
/// Length of a Poly1305 tag (RFC 8439 §2.5).
pub(crate) const TAG_LEN: usize = 16;
/// A stream cipher has no blocks; RFC 4253 §6 then asks for 8.
const BLOCK_LEN: usize = 8;
/// RFC 4344 §3.2: 1 GiB, as for every cipher with blocks under 16 bytes.
const BYTES_PER_KEY: u64 = 1 << 30;

/// The construction under one key, as a provider does it. Every `packet` has its packet_length.
pub(crate) trait ChaChaPoly: Sized + Send + 'static {
    /// Takes a copy of the key.
    fn new(key: &[u8; KEY_LEN]) -> Self;
    /// Enciphers `packet` in place.
    fn seal(&self, seq: u32, packet: &mut [u8], tag: &mut [u8; TAG_LEN])
    -> Result<(), Unspecified>;
    /// Deciphers packet_length.
    fn packet_length(&self, seq: u32, first: [u8; PACKET_LENGTH_LEN]) -> [u8; PACKET_LENGTH_LEN];
    /// Checks the tag, then deciphers what follows packet_length in place.
    fn open(&self, seq: u32, packet: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), Unspecified>;
}

/// The cipher.
pub(crate) struct ChaCha20Poly1305<C>(PhantomData<fn() -> C>);

impl<C> ChaCha20Poly1305<C> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C: ChaChaPoly> ChaCha20Poly1305<C> {
    fn direction(keys: &KeyBlock<'_>) -> Result<Direction<C>, Unspecified> {
        if !keys.iv.is_empty() || !keys.mac_key.is_empty() {
            return Err(Unspecified);
        }
        let key = keys.key.try_into().map_err(|_| Unspecified)?;
        Ok(Direction(C::new(key)))
    }
}

impl<C: ChaChaPoly> Cipher for ChaCha20Poly1305<C> {
    fn name(&self) -> &'static str {
        "chacha20-poly1305@openssh.com"
    }

    fn mac(&self) -> Option<&'static str> {
        None
    }

    fn needs_strict_kex(&self) -> bool {
        true
    }

    fn bytes_per_key(&self) -> u64 {
        BYTES_PER_KEY
    }

    fn key_shape(&self) -> KeyShape {
        KeyShape {
            key_len: KEY_LEN,
            iv_len: 0,
            mac_key_len: 0,
        }
    }

    fn sealer(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Seal>, Unspecified> {
        Ok(construction::sealer(Self::direction(keys)?))
    }

    fn opener(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Open>, Unspecified> {
        Ok(construction::opener(Self::direction(keys)?))
    }
}

/// One direction under one key. The nonce is the sequence number, and the transport never lets that
/// come round under one key.
struct Direction<C>(C);

impl<C: ChaChaPoly> Construction for Direction<C> {
    const BLOCK_LEN: usize = BLOCK_LEN;
    const TAG_LEN: usize = TAG_LEN;

    fn seal(&mut self, seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified> {
        let tag = tag.try_into().map_err(|_| Unspecified)?;
        has_packet_length(packet)?;
        self.0.seal(seq, packet, tag)
    }

    fn packet_length(&self, seq: u32, first: [u8; PACKET_LENGTH_LEN]) -> u32 {
        u32::from_be_bytes(self.0.packet_length(seq, first))
    }

    fn open(&mut self, seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified> {
        let tag = tag.try_into().map_err(|_| Unspecified)?;
        has_packet_length(packet)?;
        self.0.open(seq, packet, tag)
    }
}

fn has_packet_length(packet: &[u8]) -> Result<(), Unspecified> {
    packet
        .first_chunk::<PACKET_LENGTH_LEN>()
        .map(|_| ())
        .ok_or(Unspecified)
}
