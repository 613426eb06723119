//! A hash that every byte and its place change, and no more.

use adit_crypto::{HASH_MAX, Hash, HashContext};

use super::random::mix;

pub(super) static HASH32: ToyHash = ToyHash { output_len: 32 };
pub(super) static HASH48: ToyHash = ToyHash { output_len: 48 };
pub(super) static HASH64: ToyHash = ToyHash { output_len: 64 };

pub(super) struct ToyHash {
    output_len: usize,
}

struct Context {
    output_len: usize,
    lanes: [u64; 2],
}

impl Hash for ToyHash {
    fn output_len(&self) -> usize {
        self.output_len
    }
    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context::new(self.output_len))
    }
}

impl Context {
    const fn new(output_len: usize) -> Self {
        Self {
            output_len,
            lanes: [output_len as u64, 1],
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let [mut a, mut b] = self.lanes;
        for byte in bytes {
            a = (a ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            b = (b.rotate_left(9) ^ a).wrapping_add(u64::from(*byte));
        }
        self.lanes = [a, b];
    }

    fn squeeze(&self, out: &mut [u8]) {
        let [a, b] = self.lanes;
        for (i, chunk) in out.chunks_mut(8).enumerate() {
            let word = mix(mix(a ^ i as u64) ^ b).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

impl HashContext for Context {
    fn update(&mut self, bytes: &[u8]) {
        self.add(bytes);
    }
    fn finish(self: Box<Self>, out: &mut [u8; HASH_MAX]) -> usize {
        self.squeeze(&mut out[..self.output_len]);
        self.output_len
    }
}

/// As many bytes of the parts as `out` has.
pub(super) fn expand(parts: &[&[u8]], out: &mut [u8]) {
    let mut context = Context::new(0);
    for part in parts {
        context.add(&part.len().to_le_bytes());
        context.add(part);
    }
    context.squeeze(out);
}

pub(super) fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    expand(&[key, data], &mut out);
    out
}
