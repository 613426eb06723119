//! Bytes that nobody else may see.

use alloc::vec::Vec;
use core::hint::black_box;

use zeroize::Zeroizing;

/// Secret bytes: wiped when dropped, never shown, never compared but in constant time.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. Whoever made them wipes what copies it kept.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A copy of these bytes.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// To use them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Whether two strings of bytes are the same, in a time that their lengths alone decide.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let differing = a
        .iter()
        .zip(b)
        .fold(0, |acc, (a, b)| black_box(acc | (a ^ b)));
    black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_means_equal() {
        assert!(equal(b"", b""));
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"bbc"));
        assert!(!equal(b"abc", b"abcd"));
    }

    /// Safe code cannot read memory that was given back, so this shows as much as it can: that what
    /// holds the bytes is a type that wipes them, all of its capacity, when it is dropped.
    #[test]
    fn secrets_are_wiped_on_drop() {
        fn is_wiped_on_drop<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let Secret(bytes) = Secret::copy_of(b"secret");
        is_wiped_on_drop(&bytes);
    }
}
