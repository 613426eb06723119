//! chacha20-poly1305@openssh.com of the crates chacha20 and poly1305: the provider `pure` has it, and
//! `ring` for long packets where that is faster.

use chacha20::cipher::consts::U64;
use chacha20::cipher::typenum::Unsigned;
use chacha20::cipher::{
    Array, BlockSizeUser, KeyInit, KeyIvInit, ParBlocks, StreamCipherBackend, StreamCipherClosure,
    StreamCipherCore,
};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;
use zeroize::Zeroizing;

use crate::chacha::{self, ChaChaPoly};
use crate::construction::PACKET_LENGTH_LEN;
use crate::provider::Unspecified;
use crate::secret::equal;

/// Length of a ChaCha20 key.
const CHACHA_KEY_LEN: usize = 32;
/// Length of a ChaCha20 block (RFC 8439 §2.3).
const CHACHA_BLOCK_LEN: usize = 64;
/// What the key stream comes in words of, when it is combined with a packet.
const WORD_LEN: usize = 8;

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
        let (mac, stream) = self.packet_keys(seq)?;
        let (packet_length, body) = packet
            .split_first_chunk_mut::<PACKET_LENGTH_LEN>()
            .ok_or(Unspecified)?;
        *packet_length = self.packet_length(seq, *packet_length);
        stream.apply(body);
        *tag = poly1305(mac, packet);
        Ok(())
    }

    fn packet_length(&self, seq: u32, first: [u8; 4]) -> [u8; 4] {
        let mut packet_length = first;
        KeyStream::new(&self.k_1, seq).apply(&mut packet_length);
        packet_length
    }

    fn open(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &[u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        let (mac, stream) = self.packet_keys(seq)?;
        if !equal(&poly1305(mac, packet), tag) {
            return Err(Unspecified);
        }
        let (_, body) = packet
            .split_first_chunk_mut::<PACKET_LENGTH_LEN>()
            .ok_or(Unspecified)?;
        stream.apply(body);
        Ok(())
    }
}

impl ChaCha {
    /// The one-time key of the tag, and the key stream for the body, at block 1.
    fn packet_keys(&self, seq: u32) -> Result<(Poly1305, KeyStream), Unspecified> {
        let mut stream = KeyStream::new(&self.k_2, seq);
        let mut block = Zeroizing::new([0; CHACHA_BLOCK_LEN]);
        stream.0.write_keystream_block((&mut *block).into());
        let key: &[u8; poly1305::KEY_SIZE] = block.first_chunk().ok_or(Unspecified)?;
        Ok((Poly1305::new(key.into()), stream))
    }
}

/// The key stream of one packet.
struct KeyStream(ChaChaCore<R20, Ietf>);

impl KeyStream {
    /// The nonce is the packet's sequence number, as a 64-bit number in OpenSSH's description;
    /// ChaCha20 with a 96-bit nonce and a 32-bit counter gives the same below 256 GiB.
    fn new(key: &[u8; CHACHA_KEY_LEN], seq: u32) -> Self {
        let [s0, s1, s2, s3] = seq.to_be_bytes();
        let nonce = [0, 0, 0, 0, 0, 0, 0, 0, s0, s1, s2, s3];
        Self(ChaChaCore::new(key.into(), &nonce.into()))
    }

    /// Combines the rest of the stream with `bytes`.
    fn apply(mut self, bytes: &mut [u8]) {
        self.0.process_with_backend(Combine(bytes));
    }
}

/// The bytes to combine with whatever comes of one backend of the crate, as many blocks at once as
/// that makes. Its own `apply_keystream` clears, copies and goes byte by byte, and is quick only
/// where the whole program's last pass vectorises loops: not in one that is linked for size.
struct Combine<'a>(&'a mut [u8]);

impl BlockSizeUser for Combine<'_> {
    type BlockSize = U64;
}

impl StreamCipherClosure for Combine<'_> {
    #[inline(always)]
    fn call<B: StreamCipherBackend<BlockSize = U64>>(self, backend: &mut B) {
        let mut blocks = ParBlocks::<B>::default();
        for part in self.0.chunks_mut(blocks.len() * CHACHA_BLOCK_LEN) {
            // A backend takes either all that it makes at once, or fewer.
            let used = part.len().div_ceil(CHACHA_BLOCK_LEN);
            match blocks.get_mut(..used) {
                Some(tail) if used < B::ParBlocksSize::USIZE => backend.gen_tail_blocks(tail),
                Some(_) | None => backend.gen_par_ks_blocks(&mut blocks),
            }
            combine(part, &blocks);
        }
    }
}

/// By words, which are quick without vectors too.
#[inline(always)]
fn combine(bytes: &mut [u8], blocks: &[Array<u8, U64>]) {
    let (words, rest) = bytes.as_chunks_mut::<WORD_LEN>();
    let (stream_words, _) = Array::slice_as_flattened(blocks).as_chunks::<WORD_LEN>();
    let mut stream_words = stream_words.iter();
    for (word, key) in words.iter_mut().zip(&mut stream_words) {
        *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(*key)).to_ne_bytes();
    }
    // What a packet's end has beyond whole words lies in the next one.
    for (byte, key) in rest
        .iter_mut()
        .zip(stream_words.next().into_iter().flatten())
    {
        *byte ^= key;
    }
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
    use alloc::vec;

    use chacha20::ChaCha20;
    use chacha20::cipher::StreamCipher;

    use super::*;

    #[test]
    fn the_stream_is_the_crates_own_for_every_length_around_its_parts() {
        let key = core::array::from_fn(|n| n.to_le_bytes()[0]);
        // The widest backend makes 16 blocks at once.
        for len in (0..2200).chain([32 * 1024 - 1, 32 * 1024, 32 * 1024 + 4]) {
            let (mut ours, mut theirs) = (vec![7; len], vec![7; len]);
            KeyStream::new(&key, 0x0102_0304).apply(&mut ours);
            let nonce = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
            ChaCha20::new(&key.into(), &nonce.into()).apply_keystream(&mut theirs);
            assert!(ours == theirs, "{len}");
        }
    }

    #[test]
    fn a_direction_costs_less_than_256_bytes() {
        // Boxed once for each key; seal and open have nothing else to allocate.
        assert!(size_of::<ChaCha>() <= 256, "{}", size_of::<ChaCha>());
    }
}
