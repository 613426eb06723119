//! Ciphers: what seals and opens one packet in place (RFC 4253 §6).
//!
//! ```text
//!   packet_length (4) | padding_length (1) | payload | padding || tag
//!   \------------------------- packet -----------------------/
//! ```

use alloc::boxed::Box;

use crate::provider::Unspecified;

/// Lengths asked of the key derivation (RFC 4253 §7.2), in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyShape {
    /// Of the encryption key.
    pub key_len: usize,
    /// Of the initial IV.
    pub iv_len: usize,
    /// Of the integrity key; 0 for an AEAD.
    pub mac_key_len: usize,
}

/// Keys of one direction, of the lengths that [`KeyShape`] says.
#[derive(Clone, Copy)]
pub struct KeyBlock<'a> {
    /// Encryption key.
    pub key: &'a [u8],
    /// Initial IV.
    pub iv: &'a [u8],
    /// Integrity key.
    pub mac_key: &'a [u8],
}

/// A cipher, with its MAC where it needs one.
pub trait Cipher: Send + Sync {
    /// Its name in KEXINIT.
    fn name(&self) -> &'static str;
    /// Its MAC's name in KEXINIT; `None` for an AEAD, for which no MAC is negotiated.
    fn mac(&self) -> Option<&'static str>;
    /// Whether a prefix of the stream can be cut off unseen without strict key exchange
    /// (CVE-2023-48795): chacha20-poly1305 and encrypt-then-MAC.
    fn needs_strict_kex(&self) -> bool;
    /// How many bytes one key may seal, as [RFC 4344 §3.2] allows: 2^(block bits / 4) blocks, or
    /// 1 GiB where blocks have under 16 bytes.
    ///
    /// [RFC 4344 §3.2]: https://www.rfc-editor.org/rfc/rfc4344#section-3.2
    fn bytes_per_key(&self) -> u64;
    /// What it needs.
    fn key_shape(&self) -> KeyShape;
    /// The sending half.
    ///
    /// # Errors
    /// When the keys do not have the lengths of [`Cipher::key_shape`].
    fn sealer(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Seal>, Unspecified>;
    /// The receiving half.
    ///
    /// # Errors
    /// As [`Cipher::sealer`].
    fn opener(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Open>, Unspecified>;
}

/// The sending half of a cipher under one key.
pub trait Seal: Send {
    /// `packet.len() - clear_len()` must be a multiple of this (RFC 4253 §6: at least 8).
    fn block_len(&self) -> usize;
    /// Length of the tag behind the packet.
    fn tag_len(&self) -> usize;
    /// 4 where packet_length lies outside the cipher blocks (AEAD, -etm), 0 where it does not.
    fn clear_len(&self) -> usize;
    /// Encrypts `packet` in place and fills `tag`.
    ///
    /// # Errors
    /// When a length is not what this cipher needs; the packet is then of no use.
    fn seal(&mut self, seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified>;
}

/// The receiving half of a cipher under one key.
pub trait Open: Send {
    /// As [`Seal::block_len`].
    fn block_len(&self) -> usize;
    /// As [`Seal::tag_len`].
    fn tag_len(&self) -> usize;
    /// As [`Seal::clear_len`].
    fn clear_len(&self) -> usize;
    /// packet_length, from a packet's first four bytes. **Not authenticated**: bound it before use.
    fn packet_length(&self, seq: u32, first: [u8; 4]) -> u32;
    /// Authenticates, then decrypts `packet` in place, but for the first [`Open::clear_len`] bytes:
    /// those stay as they arrived, since [`Open::packet_length`] has told what they say.
    ///
    /// # Errors
    /// When the tag is not the packet's. The packet is then all zeros, so that nothing
    /// unauthenticated can be read from it.
    fn open(&mut self, seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified>;
}
