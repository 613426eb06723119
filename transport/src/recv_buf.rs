//! The receive buffer: linear, of fixed size, and what is in it moves only when the last, partial
//! packet cannot be completed where it lies.
//!
//! ```text
//!   0         start                 end             capacity
//!   | released | packet packet pack |   space        |
//! ```

use alloc::boxed::Box;
use alloc::vec;

/// Bytes that arrived and are not released yet.
pub(crate) struct RecvBuf {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl RecvBuf {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// The same bytes in a buffer of another size, which is made large enough for them.
    pub(crate) fn resized(&self, capacity: usize) -> Self {
        let pending = self.pending();
        let mut new = Self::new(capacity.max(pending.len()));
        for (to, from) in new.bytes.iter_mut().zip(pending) {
            *to = *from;
        }
        new.end = pending.len();
        new
    }

    /// Where the next read goes, so that `still_needed` bytes fit if they can. Positions of
    /// released packets are of no use after this.
    pub(crate) fn space(&mut self, still_needed: usize) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.bytes.len().saturating_sub(self.end) < still_needed && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or(&mut [])
    }

    /// `n` bytes were written to the front of [`RecvBuf::space`].
    pub(crate) fn filled(&mut self, n: usize) {
        debug_assert!(
            n <= self.bytes.len() - self.end,
            "more was read than there was space"
        );
        self.end = self.end.saturating_add(n).min(self.bytes.len());
    }

    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or(&[])
    }

    /// The first `n` pending bytes, and where they are; `None` when fewer have arrived.
    pub(crate) fn front_mut(&mut self, n: usize) -> Option<(usize, &mut [u8])> {
        let pending = self.bytes.get_mut(self.start..self.end)?;
        Some((self.start, pending.get_mut(..n)?))
    }

    /// `len` bytes at a position that was handed out; nothing when there are no such bytes.
    pub(crate) fn at(&self, at: usize, len: usize) -> &[u8] {
        self.bytes
            .get(at..)
            .and_then(|b| b.get(..len))
            .unwrap_or(&[])
    }

    /// The first `n` pending bytes are done with.
    pub(crate) fn release(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buf: &mut RecvBuf, bytes: &[u8]) {
        buf.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        buf.filled(bytes.len());
    }

    #[test]
    fn a_partial_packet_moves_only_when_it_cannot_be_completed_where_it_lies() {
        let mut buf = RecvBuf::new(10);
        fill(&mut buf, b"abcdefgh");
        buf.release(6);
        assert_eq!(buf.front_mut(2).unwrap().0, 6);
        buf.space(2);
        assert_eq!(buf.front_mut(2).unwrap().0, 6);
        assert_eq!(buf.space(3).len(), 8);
        let (at, bytes) = buf.front_mut(2).unwrap();
        assert_eq!((at, &*bytes), (0, &b"gh"[..]));
    }

    #[test]
    fn an_empty_buffer_starts_again_at_the_front() {
        let mut buf = RecvBuf::new(4);
        fill(&mut buf, b"abcd");
        assert!(buf.space(1).is_empty());
        buf.release(4);
        assert_eq!(buf.space(1).len(), 4);
    }

    #[test]
    fn resizing_keeps_what_is_pending() {
        let mut buf = RecvBuf::new(8);
        fill(&mut buf, b"abcdefgh");
        buf.release(3);
        assert_eq!(buf.resized(100).pending(), b"defgh");
        assert_eq!(buf.resized(1).pending(), b"defgh");
    }
}
