//! Randomness.

use crate::provider::Unspecified;

/// A source of random bytes fit for keys. Given to each session, so that one can be repeated.
pub trait SecureRandom: Send + Sync {
    /// Fills all of `out`.
    ///
    /// # Errors
    /// When it cannot; then `out` must not be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified>;
}
