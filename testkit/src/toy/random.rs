//! Random bytes that are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use adit_crypto::{SecureRandom, Unspecified};

/// One step of splitmix64, a mixer of all bits of a word.
pub(super) const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A counter, mixed.
pub(super) struct Counting(AtomicU64);

impl SecureRandom for Counting {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        for chunk in out.chunks_mut(8) {
            let word = mix(self.0.fetch_add(1, Ordering::Relaxed)).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// A source that gives the same bytes for the same seed. It is never freed.
#[must_use]
pub fn random(seed: u64) -> &'static dyn SecureRandom {
    Box::leak(Box::new(Counting(AtomicU64::new(mix(seed)))))
}

/// The provider's own; not repeatable where tests run at the same time.
pub(super) static SHARED: Counting = Counting(AtomicU64::new(0));

/// A source that has failed.
#[derive(Debug)]
pub struct NoRandom;

impl SecureRandom for NoRandom {
    fn fill(&self, _out: &mut [u8]) -> Result<(), Unspecified> {
        Err(Unspecified)
    }
}
