//! aes128-ctr, aes192-ctr and aes256-ctr (RFC 4344 §4) with hmac-sha2-256-etm@openssh.com or
//! hmac-sha2-512-etm@openssh.com (RFC 6668, as OpenSSH's PROTOCOL §1.7 orders it) over a provider's
//! HMAC.
//!
//! ```text
//!   packet_length (4), in clear | body, enciphered || tag (32 or 64)
//!   tag = HMAC(sequence number (4) | packet_length | body as enciphered)
//! ```
//!
//! Nothing is deciphered before its tag is known to be right.

use alloc::boxed::Box;
use core::marker::PhantomData;

use zeroize::Zeroizing;

use crate::cipher::{Cipher, KeyBlock, KeyShape, Open, Seal};
use crate::construction::{self, Construction, PACKET_LENGTH_LEN};
use crate::ctr::{BLOCK_LEN, KeyStream};
use crate::hash::HASH_MAX;
use crate::provider::Unspecified;
use crate::secret::equal;

/// RFC 4344 §3.2: 2^(128 / 4) blocks of 16 bytes.
const BYTES_PER_KEY: u64 = 1 << 36;

/// HMAC under one key, as a provider does it.
pub(crate) trait Hmac: Sized + Send + 'static {
    /// The name in KEXINIT of encrypt-then-MAC with it.
    const NAME: &'static str;
    /// Length of its tag, which is that of its key, too (RFC 6668 §2).
    const LEN: usize;
    /// A key of any length.
    fn new(key: &[u8]) -> Result<Self, Unspecified>;
    /// Writes the tag of both parts, one after the other, to the first [`Hmac::LEN`] bytes of `tag`.
    fn sign(&self, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]);
}

/// The cipher and its MAC, for one length of key.
pub(crate) struct AesCtr<H> {
    name: &'static str,
    key_len: usize,
    mac: PhantomData<fn() -> H>,
}

impl<H> AesCtr<H> {
    pub(crate) const fn aes128() -> Self {
        Self::new("aes128-ctr", 16)
    }

    pub(crate) const fn aes192() -> Self {
        Self::new("aes192-ctr", 24)
    }

    pub(crate) const fn aes256() -> Self {
        Self::new("aes256-ctr", 32)
    }

    const fn new(name: &'static str, key_len: usize) -> Self {
        Self {
            name,
            key_len,
            mac: PhantomData,
        }
    }
}

impl<H: Hmac> AesCtr<H> {
    fn direction(&self, keys: &KeyBlock<'_>) -> Result<Direction<H>, Unspecified> {
        if keys.key.len() != self.key_len || keys.mac_key.len() != H::LEN {
            return Err(Unspecified);
        }
        let iv = keys.iv.try_into().map_err(|_| Unspecified)?;
        Ok(Direction {
            stream: KeyStream::new(keys.key, iv)?,
            mac: H::new(keys.mac_key)?,
        })
    }
}

impl<H: Hmac> Cipher for AesCtr<H> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn mac(&self) -> Option<&'static str> {
        Some(H::NAME)
    }

    fn needs_strict_kex(&self) -> bool {
        true
    }

    fn bytes_per_key(&self) -> u64 {
        BYTES_PER_KEY
    }

    fn key_shape(&self) -> KeyShape {
        KeyShape {
            key_len: self.key_len,
            iv_len: BLOCK_LEN,
            mac_key_len: H::LEN,
        }
    }

    fn sealer(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Seal>, Unspecified> {
        Ok(construction::sealer(self.direction(keys)?))
    }

    fn opener(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Open>, Unspecified> {
        Ok(construction::opener(self.direction(keys)?))
    }
}

/// One direction under one key. The stream goes on from packet to packet.
struct Direction<H> {
    stream: KeyStream,
    mac: H,
}

impl<H: Hmac> Direction<H> {
    fn is_tag_right(&self, seq: u32, packet: &[u8], tag: &[u8]) -> bool {
        let mut expected = Zeroizing::new([0; HASH_MAX]);
        self.mac.sign([&seq.to_be_bytes(), packet], &mut expected);
        let expected = expected.get(..H::LEN).unwrap_or_default();
        tag.len() == H::LEN && equal(expected, tag)
    }
}

/// What is enciphered of a packet: whole blocks, since the stream cannot stop within one.
fn body(packet: &mut [u8]) -> Result<&mut [u8], Unspecified> {
    match packet.split_at_mut_checked(PACKET_LENGTH_LEN) {
        Some((_, body)) if body.len().is_multiple_of(BLOCK_LEN) => Ok(body),
        Some(_) | None => Err(Unspecified),
    }
}

impl<H: Hmac> Construction for Direction<H> {
    const BLOCK_LEN: usize = BLOCK_LEN;
    const TAG_LEN: usize = H::LEN;

    fn seal(&mut self, seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified> {
        if tag.len() != H::LEN {
            return Err(Unspecified);
        }
        self.stream.apply(body(packet)?);
        let mut full = [0; HASH_MAX];
        self.mac.sign([&seq.to_be_bytes(), packet], &mut full);
        for (to, from) in tag.iter_mut().zip(full) {
            *to = from;
        }
        Ok(())
    }

    fn open(&mut self, seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified> {
        if !self.is_tag_right(seq, packet, tag) {
            return Err(Unspecified);
        }
        self.stream.apply(body(packet)?);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use adit_vectors::{HMAC_SHA2, records};

    use super::*;

    /// RFC 4231's keys are not all as long as SSH's, so they go below the cipher.
    pub(crate) fn hmac_is_as_rfc_4231_publishes_it<H: Hmac>() {
        let mut n = 0;
        for record in records(HMAC_SHA2) {
            let expected = record.bytes("mac");
            if expected.len() == H::LEN {
                let message = record.bytes("message");
                let key = H::new(record.bytes("key")).unwrap();
                for at in [0, 4, message.len()] {
                    let mut tag = [0; HASH_MAX];
                    key.sign(message.split_at(at).into(), &mut tag);
                    assert_eq!(tag[..H::LEN], *expected, "line {}", record.line);
                    assert_eq!(tag[H::LEN..], [0; HASH_MAX][H::LEN..]);
                }
                n += 1;
            }
        }
        assert_eq!(n, 6);
    }

    pub(crate) fn a_direction_costs_less_than_four_kilobytes<H: Hmac>() {
        // Boxed once for each key; seal and open have nothing else to allocate.
        let len = size_of::<Direction<H>>();
        assert!(len <= 4096, "{len}");
    }
}
