//! Ciphers with the frames of the real ones.

use adit_crypto::{Cipher, KeyBlock, KeyShape, Open, PassphraseCipher, Seal, Unspecified};

use super::hash::expand;
use super::random::mix;

/// What decides that a packet is the next one.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Nonce {
    /// The sequence number.
    Sequence,
    /// A counter of its own, as AES-GCM has (RFC 5647 §7.1).
    Counter,
}

/// Whether packet_length can be read on the wire.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Length {
    Clear,
    Encrypted,
}

#[derive(Clone, Copy)]
struct Frame {
    block_len: usize,
    tag_len: usize,
    clear_len: usize,
    nonce: Nonce,
    length: Length,
}

/// Protects a key file as its options say, at once.
pub(super) struct Passphrase;

impl PassphraseCipher for Passphrase {
    fn apply(
        &self,
        passphrase: &[u8],
        salt: &[u8],
        rounds: u32,
        data: &mut [u8],
    ) -> Result<(), Unspecified> {
        if passphrase.is_empty() || salt.is_empty() || rounds == 0 {
            return Err(Unspecified);
        }
        let mut stream = vec![0; data.len()];
        expand(&[passphrase, salt, &rounds.to_be_bytes()], &mut stream);
        data.iter_mut().zip(stream).for_each(|(d, s)| *d ^= s);
        Ok(())
    }
}

pub(super) struct ToyCipher {
    name: &'static str,
    mac: Option<&'static str>,
    needs_strict_kex: bool,
    frame: Frame,
}

const GCM: Frame = Frame {
    block_len: 16,
    tag_len: 16,
    clear_len: 4,
    nonce: Nonce::Counter,
    length: Length::Clear,
};
const CHACHA: Frame = Frame {
    block_len: 8,
    nonce: Nonce::Sequence,
    length: Length::Encrypted,
    ..GCM
};
const CTR_ETM: Frame = Frame {
    tag_len: 32,
    nonce: Nonce::Sequence,
    ..GCM
};

pub(super) static AES256_GCM: ToyCipher = ToyCipher {
    name: "aes256-gcm@openssh.com",
    mac: None,
    needs_strict_kex: false,
    frame: GCM,
};
pub(super) static AES128_GCM: ToyCipher = ToyCipher {
    name: "aes128-gcm@openssh.com",
    ..AES256_GCM
};
pub(super) static CHACHA20_POLY1305: ToyCipher = ToyCipher {
    name: "chacha20-poly1305@openssh.com",
    mac: None,
    needs_strict_kex: true,
    frame: CHACHA,
};
pub(super) static AES256_CTR_HMAC_SHA256_ETM: ToyCipher = ToyCipher {
    name: "aes256-ctr",
    mac: Some("hmac-sha2-256-etm@openssh.com"),
    needs_strict_kex: true,
    frame: CTR_ETM,
};
pub(super) static AES256_CTR_HMAC_SHA512_ETM: ToyCipher = ToyCipher {
    mac: Some("hmac-sha2-512-etm@openssh.com"),
    frame: Frame {
        tag_len: 64,
        ..CTR_ETM
    },
    ..AES256_CTR_HMAC_SHA256_ETM
};
/// packet_length inside the blocks: nothing real that adit has is like this, but the frame must
/// hold for it, too.
pub(super) static AES192_CTR_HMAC_SHA256: ToyCipher = ToyCipher {
    name: "aes192-ctr",
    mac: Some("hmac-sha2-256"),
    needs_strict_kex: false,
    frame: Frame {
        clear_len: 0,
        length: Length::Encrypted,
        ..CTR_ETM
    },
};

impl Cipher for ToyCipher {
    fn name(&self) -> &'static str {
        self.name
    }
    fn mac(&self) -> Option<&'static str> {
        self.mac
    }
    fn needs_strict_kex(&self) -> bool {
        self.needs_strict_kex
    }
    fn bytes_per_key(&self) -> u64 {
        1 << 30
    }
    fn key_shape(&self) -> KeyShape {
        KeyShape {
            key_len: 32,
            iv_len: 12,
            mac_key_len: if self.mac.is_some() {
                self.frame.tag_len
            } else {
                0
            },
        }
    }
    fn sealer(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Seal>, Unspecified> {
        Ok(Box::new(Keyed::new(self, keys)?))
    }
    fn opener(&self, keys: &KeyBlock<'_>) -> Result<Box<dyn Open>, Unspecified> {
        Ok(Box::new(Keyed::new(self, keys)?))
    }
}

struct Keyed {
    frame: Frame,
    key: u64,
    counter: u64,
    /// Sequence numbers only go up under one key, or a nonce repeats.
    last_seq: Option<u32>,
}

impl Keyed {
    fn new(cipher: &ToyCipher, keys: &KeyBlock<'_>) -> Result<Self, Unspecified> {
        let shape = cipher.key_shape();
        let lens = [keys.key.len(), keys.iv.len(), keys.mac_key.len()];
        if lens != [shape.key_len, shape.iv_len, shape.mac_key_len] {
            return Err(Unspecified);
        }
        let mut key = [0; 8];
        expand(
            &[cipher.name.as_bytes(), keys.key, keys.iv, keys.mac_key],
            &mut key,
        );
        let key = u64::from_le_bytes(key);
        Ok(Self {
            frame: cipher.frame,
            key,
            counter: 0,
            last_seq: None,
        })
    }

    const fn nonce(&self, seq: u32) -> u64 {
        match self.frame.nonce {
            Nonce::Sequence => seq as u64,
            Nonce::Counter => self.counter,
        }
    }

    /// Encrypts or decrypts.
    fn apply(&self, seq: u32, packet: &mut [u8]) {
        let (length, body) = packet.split_at_mut(4);
        if self.frame.length == Length::Encrypted {
            xor(mix(self.key ^ 1) ^ self.nonce(seq), length);
        }
        xor(self.key ^ mix(self.nonce(seq)), body);
    }

    fn tag(&self, seq: u32, sealed: &[u8], tag: &mut [u8]) {
        let mut sum = mix(self.key ^ 2) ^ self.nonce(seq) ^ ((sealed.len() as u64) << 32);
        for chunk in sealed.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            sum = mix(sum ^ u64::from_le_bytes(word));
        }
        tag.fill(0);
        xor(sum, tag);
    }

    fn checked(&self, packet: &[u8], tag: &[u8]) -> Result<(), Unspecified> {
        let blocks = packet
            .len()
            .checked_sub(self.frame.clear_len.max(4))
            .ok_or(Unspecified)?;
        let in_blocks = blocks + 4_usize.saturating_sub(self.frame.clear_len);
        let whole = in_blocks.is_multiple_of(self.frame.block_len);
        if whole && tag.len() == self.frame.tag_len {
            Ok(())
        } else {
            Err(Unspecified)
        }
    }
}

/// Adds a stream of bytes that `seed` decides.
fn xor(seed: u64, bytes: &mut [u8]) {
    for (i, chunk) in bytes.chunks_mut(8).enumerate() {
        let stream = mix(seed.wrapping_add(i as u64)).to_le_bytes();
        for (byte, s) in chunk.iter_mut().zip(stream) {
            *byte ^= s;
        }
    }
}

impl Seal for Keyed {
    fn block_len(&self) -> usize {
        self.frame.block_len
    }
    fn tag_len(&self) -> usize {
        self.frame.tag_len
    }
    fn clear_len(&self) -> usize {
        self.frame.clear_len
    }
    fn seal(&mut self, seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified> {
        self.checked(packet, tag)?;
        if self.frame.nonce == Nonce::Sequence && self.last_seq == Some(seq) {
            return Err(Unspecified);
        }
        self.last_seq = Some(seq);
        self.apply(seq, packet);
        self.tag(seq, packet, tag);
        self.counter += 1;
        Ok(())
    }
}

impl Open for Keyed {
    fn block_len(&self) -> usize {
        self.frame.block_len
    }
    fn tag_len(&self) -> usize {
        self.frame.tag_len
    }
    fn clear_len(&self) -> usize {
        self.frame.clear_len
    }
    fn packet_length(&self, seq: u32, mut first: [u8; 4]) -> u32 {
        if self.frame.length == Length::Encrypted {
            xor(mix(self.key ^ 1) ^ self.nonce(seq), &mut first);
        }
        u32::from_be_bytes(first)
    }
    fn open(&mut self, seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified> {
        self.checked(packet, tag)?;
        // No allocation: tests count those of the data path.
        let mut expected = [0; 64];
        let expected = &mut expected[..tag.len()];
        self.tag(seq, packet, expected);
        if expected != tag {
            packet.fill(0);
            return Err(Unspecified);
        }
        self.apply(seq, packet);
        self.counter += 1;
        Ok(())
    }
}
