//! The send buffer: two regions, so that packets are contiguous, memory is fixed, nothing ever
//! moves, and all of it goes out in one `write_vectored` of two slices. It takes its memory when
//! something is about to be sealed: little, then enough for one packet, then all that it may have.
//!
//! ```text
//!   0        b_end     a_start          a_end        capacity, or less of it
//!   |BBBBBBBB|.........|AAAAAAAAAAAAAAAA|............|        out: A, then B
//! ```

use alloc::boxed::Box;
use alloc::vec;

/// What it has at first: what a dozen of control messages or of typed bytes need.
const SEND_FIRST: usize = 4 * 1024;
/// What it has next: the largest packet of data, and control messages. Sizes in between leave holes
/// where they were, in which nothing fits that is taken later.
const SEND_PACKET: usize = 36 * 1024;

/// Sealed bytes on their way out.
pub(crate) struct SendBuf {
    /// None at rest.
    bytes: Box<[u8]>,
    capacity: usize,
    a_start: usize,
    a_end: usize,
    b_end: usize,
}

/// A contiguous free part of the buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Hole {
    pub(crate) at: usize,
    pub(crate) len: usize,
}

impl SendBuf {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: Box::default(),
            capacity,
            a_start: 0,
            a_end: 0,
            b_end: 0,
        }
    }

    /// The same bytes in a buffer of another size, which is made large enough for them.
    pub(crate) fn resized(&self, capacity: usize) -> Self {
        let mut new = Self::new(capacity.max(self.len()));
        for part in self.pending() {
            if let Some(to) = new.hole_mut(new.a_end, part.len()) {
                to.copy_from_slice(part);
                new.a_end = new.a_end.saturating_add(part.len());
            }
        }
        new
    }

    /// Whether there is memory to give back, since nothing waits.
    pub(crate) fn can_rest(&self) -> bool {
        self.len() == 0 && !self.bytes.is_empty()
    }

    /// Gives the memory back if it can.
    pub(crate) fn rest(&mut self) {
        if self.can_rest() {
            *self = Self::new(self.capacity);
        }
    }

    pub(crate) fn pending(&self) -> [&[u8]; 2] {
        [
            self.bytes.get(self.a_start..self.a_end).unwrap_or(&[]),
            self.bytes.get(..self.b_end).unwrap_or(&[]),
        ]
    }

    pub(crate) fn len(&self) -> usize {
        // Cannot overflow: the regions are parts of one buffer that do not overlap.
        self.a_end
            .saturating_sub(self.a_start)
            .saturating_add(self.b_end)
    }

    #[cfg(test)]
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The hole that a packet goes to which needs `wanted` bytes: one of at least that size when
    /// there is one, and otherwise the largest. It does not get smaller by consuming.
    pub(crate) fn hole(&self, wanted: usize) -> Hole {
        let behind_a = self.capacity.saturating_sub(self.a_end);
        let before_a = self.a_start.saturating_sub(self.b_end);
        if self.b_end == 0 && (behind_a >= wanted || behind_a >= before_a) {
            Hole {
                at: self.a_end,
                len: behind_a,
            }
        } else {
            Hole {
                at: self.b_end,
                len: before_a,
            }
        }
    }

    /// `n` bytes from `at` on, where a hole is.
    pub(crate) fn hole_mut(&mut self, at: usize, n: usize) -> Option<&mut [u8]> {
        let end = at.checked_add(n)?;
        if end > self.bytes.len() {
            self.grow(end);
        }
        self.bytes.get_mut(at..)?.get_mut(..n)
    }

    /// Makes at least `end` bytes of what it may have.
    #[cold]
    fn grow(&mut self, end: usize) {
        let sizes = [SEND_FIRST, SEND_PACKET].into_iter();
        let size = sizes
            .map(|size| size.min(self.capacity))
            .find(|size| *size >= end);
        let size = size.unwrap_or(self.capacity);
        let mut bytes = vec![0; size].into_boxed_slice();
        for (to, from) in bytes.iter_mut().zip(&self.bytes) {
            *to = *from;
        }
        self.bytes = bytes;
    }

    /// The first `n` bytes of the hole at `at` are waiting now.
    pub(crate) fn commit(&mut self, at: usize, n: usize) {
        if self.b_end == 0 && at == self.a_end {
            self.a_end = self.a_end.saturating_add(n).min(self.capacity);
        } else {
            debug_assert_eq!(at, self.b_end, "committed where no hole was");
            self.b_end = self.b_end.saturating_add(n).min(self.a_start);
        }
    }

    /// The first `n` bytes went out.
    pub(crate) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.len(), "more went out than was waiting");
        let a_len = self.a_end.saturating_sub(self.a_start);
        let from_a = n.min(a_len);
        self.a_start = self.a_start.saturating_add(from_a);
        if self.a_start == self.a_end {
            // B is now the first to go out.
            self.a_start = n.saturating_sub(from_a).min(self.b_end);
            self.a_end = self.b_end;
            self.b_end = 0;
        }
        if self.a_start == self.a_end {
            self.a_start = 0;
            self.a_end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::vec::Vec;

    use super::*;
    use crate::tests::numbers;

    #[test]
    fn it_is_a_queue_whatever_the_sizes() {
        let mut next = numbers(2024);
        for capacity in [1, 7, 64, 1000] {
            let mut buf = SendBuf::new(capacity);
            let mut model: VecDeque<u8> = VecDeque::new();
            for step in 0..20_000_u32 {
                if next().is_multiple_of(2) {
                    let wanted = next() % (capacity + 2);
                    let hole = buf.hole(wanted);
                    assert!(hole.len <= buf.hole(usize::MAX).len.max(wanted).max(hole.len));
                    let n = wanted.min(hole.len);
                    let bytes: Vec<u8> = (0..n)
                        .map(|i| (step as usize + i).to_le_bytes()[0])
                        .collect();
                    buf.hole_mut(hole.at, n).unwrap().copy_from_slice(&bytes);
                    buf.commit(hole.at, n);
                    model.extend(&bytes);
                } else {
                    let n = next() % (buf.len() + 1);
                    let before = buf.hole(usize::MAX).len;
                    let [a, b] = buf.pending();
                    let out: Vec<u8> = a.iter().chain(b).copied().take(n).collect();
                    assert!(out.iter().eq(model.iter().take(n)), "capacity {capacity}");
                    model.drain(..n);
                    buf.consume(n);
                    assert!(
                        buf.hole(usize::MAX).len >= before,
                        "a hole shrank by consuming"
                    );
                }
                assert_eq!(buf.len(), model.len());
                if buf.len() == 0 {
                    assert_eq!(buf.hole(1).len, capacity);
                }
                // Whenever it comes: what waits stays, and what is free remains so.
                if next().is_multiple_of(4) {
                    let (hole, could) = (buf.hole(1), buf.can_rest());
                    buf.rest();
                    assert_eq!((buf.hole(1), buf.len()), (hole, model.len()));
                    assert!(!buf.can_rest() && (!could || buf.bytes.is_empty()));
                }
            }
        }
    }

    #[test]
    fn it_has_little_then_room_for_a_packet_then_all_and_keeps_what_was_written() {
        let mut buf = SendBuf::new(3 * SEND_PACKET);
        for (end, has) in [
            (1, SEND_FIRST),
            (SEND_FIRST, SEND_FIRST),
            (SEND_FIRST + 1, SEND_PACKET),
            (SEND_PACKET, SEND_PACKET),
            (SEND_PACKET + 1, 3 * SEND_PACKET),
            (3 * SEND_PACKET, 3 * SEND_PACKET),
        ] {
            let hole = buf.hole_mut(0, end).unwrap();
            assert!(end == 1 || hole[0] == b'x');
            hole[0] = b'x';
            assert_eq!(buf.bytes.len(), has, "{end}");
        }
        assert_eq!(buf.hole_mut(0, 3 * SEND_PACKET + 1), None);
        assert_eq!(SendBuf::new(8).hole_mut(0, 8).unwrap().len(), 8);
    }

    #[test]
    fn resizing_keeps_order_across_both_regions() {
        let mut buf = SendBuf::new(8);
        buf.hole_mut(0, 8).unwrap().copy_from_slice(b"abcdefgh");
        buf.commit(0, 8);
        buf.consume(5);
        let hole = buf.hole(4);
        assert_eq!(hole, Hole { at: 0, len: 5 });
        buf.hole_mut(0, 2).unwrap().copy_from_slice(b"ij");
        buf.commit(0, 2);
        let new = buf.resized(20);
        assert_eq!(new.pending(), [&b"fghij"[..], b""]);
        assert_eq!(new.hole(1), Hole { at: 5, len: 15 });
    }
}
