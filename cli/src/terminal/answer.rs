//! An answer while it is being read: memory of a fixed size that is wiped.

use std::io::{self, Read};

use adit_crypto::Secret;

use super::NoAnswer;

/// Longest answer, in bytes. ssh's own: it keeps 1023.
pub const ANSWER_MAX: usize = 1023;

/// What was read so far. It never moves, so that nothing of it is left behind anywhere.
pub(super) struct Answer {
    /// Longer than an answer by its line end.
    bytes: Vec<u8>,
    len: usize,
    /// Bytes that there was no room for were dropped.
    cut: bool,
}

impl Answer {
    pub(super) fn new() -> Self {
        let bytes = vec![0; ANSWER_MAX + 1];
        Self {
            bytes,
            len: 0,
            cut: false,
        }
    }

    /// Reads once; how many bytes came.
    pub(super) fn read(&mut self, mut from: impl Read) -> io::Result<usize> {
        if self.len == self.bytes.len() {
            // Over the last byte, to find the end of the line.
            self.len -= 1;
            self.cut = true;
        }
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let n = from.read(room)?;
        self.len = self.len.saturating_add(n);
        Ok(n)
    }

    /// The last byte that came.
    pub(super) fn last(&self) -> Option<u8> {
        self.read_so_far().last().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether no more fits.
    pub(super) fn is_full(&self) -> bool {
        self.len == self.bytes.len()
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }

    fn read_so_far(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The first line, without its end.
    pub(super) fn into_secret(mut self) -> Result<Secret, NoAnswer> {
        let line = self.read_so_far();
        let ends = |b: &u8| matches!(b, b'\n' | b'\r');
        let end = line.iter().position(ends).unwrap_or(line.len());
        if self.cut || end > ANSWER_MAX {
            return Err(NoAnswer::TooLong);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(end);
        Ok(Secret::new(bytes)) // which wipes what is behind the end, too
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        drop(Secret::new(std::mem::take(&mut self.bytes)));
    }
}
