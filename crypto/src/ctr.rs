//! The key stream of AES in counter mode (RFC 4344 §4), for both providers: ring has none.
//!
//! ```text
//!   stream = AES(X) | AES(X + 1) | …        X: the IV, one number of 128 bits that wraps
//! ```
//!
//! Counting in 128 bits is the point: the IV is random, so a counter of 32 bits would go wrong in
//! one direction of 64 for each GiB. Nothing here authenticates.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::provider::Unspecified;

/// Length of an AES block, and of the IV (RFC 4344 §4).
pub(crate) const BLOCK_LEN: usize = 16;
/// How many blocks are enciphered in one go: as many as the crate aes takes at once with AVX-512.
const BLOCKS: usize = 64;

/// The block cipher, with one of its three lengths of key. Wiped on drop by the crate.
enum Aes {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl Aes {
    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        match key.len() {
            16 => Aes128::new_from_slice(key).map(Self::Aes128),
            24 => Aes192::new_from_slice(key).map(Self::Aes192),
            _ => Aes256::new_from_slice(key).map(Self::Aes256),
        }
        .map_err(|_| Unspecified)
    }

    fn encipher(&self, blocks: &mut [Block]) {
        match self {
            Self::Aes128(aes) => aes.encrypt_blocks(blocks),
            Self::Aes192(aes) => aes.encrypt_blocks(blocks),
            Self::Aes256(aes) => aes.encrypt_blocks(blocks),
        }
    }
}

/// A key stream under way.
pub(crate) struct KeyStream {
    aes: Aes,
    /// X of the next block.
    counter: u128,
    /// Where blocks of the stream are made. Here and not on the stack, so that they are wiped once
    /// and not after each packet.
    blocks: [Block; BLOCKS],
}

impl KeyStream {
    /// With a key of 16, 24 or 32 bytes.
    pub(crate) fn new(key: &[u8], iv: &[u8; BLOCK_LEN]) -> Result<Self, Unspecified> {
        Ok(Self {
            aes: Aes::new(key)?,
            counter: u128::from_be_bytes(*iv),
            blocks: [Block::default(); BLOCKS],
        })
    }

    /// Combines `data` with the stream, which both enciphers and deciphers. Of a last block that
    /// `data` does not fill, the rest is left out: what comes then begins with the next block.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        for part in data.chunks_mut(BLOCKS * BLOCK_LEN) {
            let n = part.len().div_ceil(BLOCK_LEN);
            for block in self.blocks.iter_mut().take(n) {
                *block = self.counter.to_be_bytes().into();
                self.counter = self.counter.wrapping_add(1);
            }
            self.aes
                .encipher(self.blocks.get_mut(..n).unwrap_or_default());
            for (to, stream) in part.chunks_mut(BLOCK_LEN).zip(&self.blocks) {
                for (byte, key) in to.iter_mut().zip(stream) {
                    *byte ^= key;
                }
            }
        }
    }
}

impl Drop for KeyStream {
    fn drop(&mut self) {
        self.counter.zeroize();
        for block in &mut self.blocks {
            block.as_mut_slice().zeroize();
        }
    }
}

impl ZeroizeOnDrop for KeyStream {}

#[cfg(test)]
mod tests {
    use adit_vectors::{AES_CTR, records};

    use super::*;

    #[test]
    fn the_stream_is_as_published_and_carries_through_all_bytes() {
        for record in records(AES_CTR) {
            let iv = record.bytes("iv").try_into().unwrap();
            let mut stream = KeyStream::new(record.bytes("key"), iv).unwrap();
            let mut data = record.bytes("plain").to_vec();
            stream.apply(&mut data);
            assert_eq!(data, record.bytes("sealed"), "line {}", record.line);
        }
    }

    #[test]
    fn the_stream_does_not_depend_on_how_the_blocks_come() {
        let whole = |pieces: &[usize]| {
            let mut stream = KeyStream::new(&[7; 32], &[0xff; BLOCK_LEN]).unwrap();
            let mut data = [0; 3 * BLOCKS * BLOCK_LEN];
            let (mut at, mut pieces) = (0, pieces.iter().cycle());
            while at < data.len() {
                let end = data.len().min(at + pieces.next().unwrap() * BLOCK_LEN);
                stream.apply(&mut data[at..end]);
                at = end;
            }
            data
        };
        let at_once = whole(&[3 * BLOCKS]);
        for pieces in [
            &[1][..],
            &[BLOCKS],
            &[BLOCKS - 1, 2],
            &[BLOCKS + 1, 1],
            &[5, 0, 7],
        ] {
            assert_eq!(whole(pieces), at_once, "{pieces:?}");
        }
    }

    #[test]
    fn keys_of_other_lengths_are_refused() {
        for len in 0..=64 {
            let key = KeyStream::new(&[7; 64][..len], &[0; BLOCK_LEN]);
            assert_eq!(key.is_ok(), [16, 24, 32].contains(&len), "{len}");
        }
    }

    #[test]
    fn a_stream_is_wiped_on_drop() {
        fn is_wiped_on_drop<T: ZeroizeOnDrop>() {}
        is_wiped_on_drop::<KeyStream>();
        is_wiped_on_drop::<Aes128>();
        is_wiped_on_drop::<Aes192>();
        is_wiped_on_drop::<Aes256>();
    }
}
