//! What the tests of several modules share.

use alloc::vec::Vec;

use adit_crypto::encoded;
use adit_proto::blob::{OneString, SSH_ED25519};

/// A seeded xorshift: properties that fail can be repeated.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    /// `bytes` with a few changes: bits, bytes, cuts, repetitions.
    pub(crate) fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len() + 1);
            let byte = self.next().to_le_bytes()[0];
            match self.below(6) {
                0 => out.truncate(at),
                1 => out.insert(at, byte),
                2 => out.insert(at, b"\n \t,\"\\|@!*?=/"[usize::from(byte) % 13]),
                3 if at < out.len() => out[at] = byte,
                4 if at < out.len() => out[at] ^= 1 << (byte % 8),
                5 if at < out.len() => {
                    let end = at + self.below(out.len() - at) + 1;
                    let part = out[at..end].to_vec();
                    let at = self.below(out.len() + 1);
                    out.splice(at..at, part);
                }
                _ => {}
            }
        }
        out
    }
}

/// A key blob of 32 equal bytes.
pub(crate) fn ed25519_blob(seed: u8) -> Vec<u8> {
    encoded(&OneString {
        name: SSH_ED25519,
        value: &[seed; 32],
    })
}
