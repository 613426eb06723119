//! The receive buffer: linear, and what is in it moves only when the last, partial packet cannot be
//! completed where it lies. It takes its memory when somebody is about to read: little at first, then
//! enough for one packet, then all that it may have, each when a read has filled the one before.
//!
//! ```text
//!   0         start                 end             capacity, or less of it
//!   | released | packet packet pack |   space        |
//! ```

use alloc::boxed::Box;
use alloc::vec;

/// What it has at first: a key exchange, messages that control something, what is typed.
const RECV_FIRST: usize = 4 * 1024;
/// What it has next: the largest packet, and some of the one behind it.
pub(crate) const RECV_PACKET: usize = 36 * 1024;

/// Bytes that arrived and are not released yet.
pub(crate) struct RecvBuf {
    /// None at rest.
    bytes: Box<[u8]>,
    capacity: usize,
    start: usize,
    end: usize,
}

impl RecvBuf {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: Box::default(),
            capacity,
            start: 0,
            end: 0,
        }
    }

    /// It may have so much from now on.
    pub(crate) const fn resize(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Whether there is memory to give back, once `n` pending bytes are released.
    pub(crate) const fn can_rest(&self, n: usize) -> bool {
        self.start.saturating_add(n) == self.end && !self.bytes.is_empty()
    }

    /// Gives the memory back if it can. Positions of released packets are of no use after this.
    pub(crate) fn rest(&mut self) {
        if self.can_rest(0) {
            *self = Self::new(self.capacity);
        }
    }

    /// Where the next read goes, so that `still_needed` bytes fit if they can. Positions of
    /// released packets are of no use after this.
    pub(crate) fn space(&mut self, still_needed: usize) -> &mut [u8] {
        if self.end == self.bytes.len() {
            self.grow();
        }
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

    /// There is none yet, or the last read has filled it.
    #[cold]
    fn grow(&mut self) {
        let len = self.bytes.len();
        let mut sizes = [RECV_FIRST, RECV_PACKET, self.capacity].into_iter();
        let larger = sizes.find(|size| *size > len).unwrap_or(len);
        let size = larger.min(self.capacity);
        if size > len {
            let mut bytes = vec![0; size].into_boxed_slice();
            let pending = self.pending();
            for (to, from) in bytes.iter_mut().zip(pending) {
                *to = *from;
            }
            (self.start, self.end) = (0, pending.len());
            self.bytes = bytes;
        }
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
    fn it_takes_memory_to_read_and_gives_it_back_when_nothing_is_pending() {
        let mut buf = RecvBuf::new(8);
        assert!(!buf.can_rest(0), "nothing was taken yet");
        assert_eq!(buf.pending(), b"");
        assert_eq!(buf.space(1).len(), 8);
        assert!(buf.can_rest(0));
        fill(&mut buf, b"abc");
        buf.release(2);
        assert!(!buf.can_rest(0) && buf.can_rest(1));
        buf.rest();
        assert_eq!(buf.pending(), b"c");
        buf.release(1);
        buf.rest();
        assert!(buf.bytes.is_empty() && !buf.can_rest(0));
        assert_eq!(buf.at(0, 1), b"");
        fill(&mut buf, b"abcdefgh");
        assert_eq!(buf.pending(), b"abcdefgh");
    }

    #[test]
    fn a_read_that_fills_it_makes_it_larger_twice() {
        let mut buf = RecvBuf::new(RECV_PACKET);
        buf.resize(3 * RECV_PACKET);
        for _ in 0..2 {
            let mut size = 0;
            for larger in [RECV_FIRST, RECV_PACKET, 3 * RECV_PACKET] {
                let more = larger - size;
                assert_eq!(buf.space(1).len(), more);
                buf.filled(more - 1);
                assert_eq!(buf.space(1).len(), 1, "one more byte has room");
                buf.filled(1);
                size = larger;
            }
            assert!(buf.space(1).is_empty(), "that is all");
            buf.release(usize::MAX);
            assert_eq!(buf.space(1).len(), size);
            buf.rest();
        }
    }

    #[test]
    fn what_is_pending_is_kept_when_it_becomes_larger() {
        let mut buf = RecvBuf::new(RECV_PACKET);
        buf.space(1);
        buf.filled(RECV_FIRST - 1);
        buf.release(RECV_FIRST - 2);
        fill(&mut buf, b"z");
        assert_eq!(buf.space(1).len(), RECV_PACKET - 2);
        assert_eq!(buf.pending(), b"\0z");
    }
}
