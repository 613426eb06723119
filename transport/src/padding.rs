//! Random padding (RFC 4253 §6) from a pool, so that not every packet is a system call.

use adit_crypto::SecureRandom;

use crate::error::CryptoFailure;

/// Some fifty packets' worth: the average is twelve bytes with blocks of sixteen.
const POOL_LEN: usize = 640;

/// Random bytes not used yet, at the end of `bytes`.
pub(crate) struct Padding {
    random: &'static dyn SecureRandom,
    bytes: [u8; POOL_LEN],
    left: usize,
}

impl Padding {
    pub(crate) const fn new(random: &'static dyn SecureRandom) -> Self {
        Self {
            random,
            bytes: [0; POOL_LEN],
            left: 0,
        }
    }

    /// Fills `out`, at most 255 bytes, with bytes that were not used before.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> Result<(), CryptoFailure> {
        if self.left < out.len() {
            self.left = 0;
            self.random
                .fill(&mut self.bytes)
                .map_err(|_| CryptoFailure::Random)?;
            self.left = POOL_LEN;
        }
        let from = self
            .left
            .checked_sub(out.len())
            .ok_or(CryptoFailure::Random)?;
        let fresh = self
            .bytes
            .get(from..self.left)
            .ok_or(CryptoFailure::Random)?;
        out.copy_from_slice(fresh);
        self.left = from;
        Ok(())
    }
}
