//! aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647, as OpenSSH negotiates it: by the
//! cipher's name alone) over a provider's AES-GCM.
//!
//! ```text
//!   packet_length (4), in clear: associated data | body, enciphered || tag (16)
//!   nonce (12) = fixed (4) | invocation counter (8), one more for each packet
//! ```

use alloc::boxed::Box;
use core::marker::PhantomData;

use crate::cipher::{Cipher, KeyBlock, KeyShape, Open, Seal};
use crate::construction::{self, Construction, PACKET_LENGTH_LEN};
use crate::provider::Unspecified;

/// RFC 5647 §7.1: length of the nonce.
pub(crate) const NONCE_LEN: usize = 12;
/// RFC 5647 §6.3: length of the tag.
pub(crate) const TAG_LEN: usize = 16;
/// Length of an AES block.
const BLOCK_LEN: usize = 16;
/// RFC 4344 §3.2: 2^(128 / 4) blocks of 16 bytes.
const BYTES_PER_KEY: u64 = 1 << 36;

/// AES-GCM under one key, as a provider does it.
pub(crate) trait Gcm: Sized + Send + 'static {
    /// A key of 16 or 32 bytes, whichever the cipher was made for.
    fn new(key: &[u8]) -> Result<Self, Unspecified>;
    /// Enciphers `body` in place.
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Unspecified>;
    /// Deciphers `body` in place; on failure it may hold anything.
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Unspecified>;
}

/// The cipher, for one length of key.
pub(crate) struct AesGcm<G> {
    name: &'static str,
    key_len: usize,
    backend: PhantomData<fn() -> G>,
}

impl<G> AesGcm<G> {
    pub(crate) const fn aes128() -> Self {
        Self {
            name: "aes128-gcm@openssh.com",
            key_len: 16,
            backend: PhantomData,
        }
    }

    pub(crate) const fn aes256() -> Self {
        Self {
            name: "aes256-gcm@openssh.com",
            key_len: 32,
            backend: PhantomData,
        }
    }
}

impl<G: Gcm> AesGcm<G> {
    fn direction(&self, keys: &KeyBlock<'_>) -> Result<Direction<G>, Unspecified> {
        if keys.key.len() != self.key_len || !keys.mac_key.is_empty() {
            return Err(Unspecified);
        }
        Ok(Direction {
            key: G::new(keys.key)?,
            nonces: Nonces::new(keys.iv.try_into().map_err(|_| Unspecified)?),
        })
    }
}

impl<G: Gcm> Cipher for AesGcm<G> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn mac(&self) -> Option<&'static str> {
        None
    }

    fn needs_strict_kex(&self) -> bool {
        false
    }

    fn bytes_per_key(&self) -> u64 {
        BYTES_PER_KEY
    }

    fn key_shape(&self) -> KeyShape {
        KeyShape {
            key_len: self.key_len,
            iv_len: NONCE_LEN,
            mac_key_len: 0,
        }
    }

    fn sealer(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Seal>, Unspecified> {
        Ok(construction::sealer(self.direction(keys)?))
    }

    fn opener(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Open>, Unspecified> {
        Ok(construction::opener(self.direction(keys)?))
    }
}

/// One direction under one key.
struct Direction<G> {
    key: G,
    nonces: Nonces,
}

impl<G: Gcm> Construction for Direction<G> {
    const BLOCK_LEN: usize = BLOCK_LEN;
    const TAG_LEN: usize = TAG_LEN;

    fn seal(&mut self, _seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified> {
        let tag: &mut [u8; TAG_LEN] = tag.try_into().map_err(|_| Unspecified)?;
        let (packet_length, body) = packet
            .split_first_chunk_mut::<PACKET_LENGTH_LEN>()
            .ok_or(Unspecified)?;
        *tag = self.key.seal(&self.nonces.next()?, packet_length, body)?;
        Ok(())
    }

    fn open(&mut self, _seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified> {
        let nonce = self.nonces.next()?;
        let tag = tag.try_into().map_err(|_| Unspecified)?;
        let (packet_length, body) = packet
            .split_first_chunk_mut::<PACKET_LENGTH_LEN>()
            .ok_or(Unspecified)?;
        self.key.open(&nonce, packet_length, body, tag)
    }
}

/// The nonces of one direction under one key, each once.
struct Nonces {
    fixed: [u8; 4],
    /// `None` when the last was used. The RFC would have the counter start again at 0, and nothing
    /// repeats before it is where it began; but a direction starts within 2^31 packets of the end
    /// once in 2^33 keys, and one that stops there needs no argument.
    invocation_counter: Option<u64>,
}

impl Nonces {
    const fn new(iv: &[u8; NONCE_LEN]) -> Self {
        let [f0, f1, f2, f3, c0, c1, c2, c3, c4, c5, c6, c7] = *iv;
        Self {
            fixed: [f0, f1, f2, f3],
            invocation_counter: Some(u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7])),
        }
    }

    fn next(&mut self) -> Result<[u8; NONCE_LEN], Unspecified> {
        let counter = self.invocation_counter.ok_or(Unspecified)?;
        self.invocation_counter = counter.checked_add(1);
        let [f0, f1, f2, f3] = self.fixed;
        let [c0, c1, c2, c3, c4, c5, c6, c7] = counter.to_be_bytes();
        Ok([f0, f1, f2, f3, c0, c1, c2, c3, c4, c5, c6, c7])
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use adit_vectors::{AES_GCM, records};

    use super::*;

    /// NIST's vectors have associated data that no packet has, so they go below the cipher.
    pub(crate) fn gcm_is_as_nist_publishes_it<G: Gcm>() {
        for record in records(AES_GCM) {
            let key = G::new(record.bytes("key")).unwrap();
            let nonce = record.bytes("nonce").try_into().unwrap();
            let associated = record.bytes("associated");
            let mut body = record.bytes("plain").to_vec();
            let tag = key.seal(nonce, associated, &mut body).unwrap();
            assert_eq!(body, record.bytes("sealed"), "line {}", record.line);
            assert_eq!(tag, record.bytes("tag"), "line {}", record.line);
            key.open(nonce, associated, &mut body, &tag).unwrap();
            assert_eq!(body, record.bytes("plain"), "line {}", record.line);
        }
    }

    fn nonces(counter: u64) -> Nonces {
        let mut iv = [7; NONCE_LEN];
        iv[4..].copy_from_slice(&counter.to_be_bytes());
        Nonces::new(&iv)
    }

    #[test]
    fn nonces_count_up_in_their_last_eight_bytes() {
        let mut nonces = nonces(0x00ff_ffff_ffff_ffff);
        assert_eq!(
            nonces.next(),
            Ok([7, 7, 7, 7, 0, 255, 255, 255, 255, 255, 255, 255])
        );
        assert_eq!(nonces.next(), Ok([7, 7, 7, 7, 1, 0, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn the_last_nonce_is_used_and_none_comes_after_it() {
        let mut nonces = nonces(u64::MAX - 1);
        assert!(nonces.next().is_ok());
        assert_eq!(
            nonces.next(),
            Ok([7, 7, 7, 7, 255, 255, 255, 255, 255, 255, 255, 255])
        );
        assert_eq!(nonces.next(), Err(Unspecified));
        assert_eq!(nonces.next(), Err(Unspecified));
    }
}
