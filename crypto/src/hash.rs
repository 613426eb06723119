//! Hash functions.

use alloc::boxed::Box;
use alloc::vec::Vec;

use zeroize::Zeroizing;

/// Longest output of a hash in use, SHA-512's.
pub const HASH_MAX: usize = 64;

/// A hash function.
pub trait Hash: Send + Sync {
    /// Length of its output, at most [`HASH_MAX`].
    fn output_len(&self) -> usize;
    /// Begins.
    fn start(&self) -> Box<dyn HashContext>;
}

/// A hash under way.
pub trait HashContext: Send {
    /// Goes on with these bytes.
    fn update(&mut self, bytes: &[u8]);
    /// Ends: the first [`Hash::output_len`] bytes of `out` are the result, whose length is returned.
    fn finish(self: Box<Self>, out: &mut [u8; HASH_MAX]) -> usize;
}

/// The hash of all `parts`, one after another.
#[must_use]
pub fn digest(hash: &dyn Hash, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hash.start();
    for part in parts {
        context.update(part);
    }
    // Keys are derived this way.
    let mut out = Zeroizing::new([0; HASH_MAX]);
    let len = context.finish(&mut out);
    out.iter().copied().take(len).collect()
}
