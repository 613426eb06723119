//! What a local socket has not taken yet.
//!
//! A list of chunks, allocated when bytes arrive for a socket that is full and freed as it
//! takes them. One growing buffer with an offset would pass the window under a slow, steady
//! reader: it never empties, so the part already taken is never given back.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

use crate::retry::retry;

/// Most bytes in a chunk. A page: what is taken from its front is given back a page at a time.
const CHUNK_MAX: usize = 4096;

/// Fewest. A session may have 16384 channels with a byte each: with a page for each of them they
/// would take twice what its book is for.
const CHUNK_MIN: usize = 256;

/// Chunks offered to the socket in one call. 64 KiB: what a socket that was full takes at once.
const SLICES: usize = 16;

/// Bytes that wait for a local socket, in order. Bounded by its user: a channel's window.
#[derive(Default)]
pub struct Spill {
    chunks: VecDeque<Box<[u8]>>,
    /// Where the first byte lies in the first chunk.
    start: usize,
    /// Where the last byte ends in the last chunk.
    end: usize,
    len: usize,
    /// So many of them, in front, did not come from the peer.
    ours: usize,
}

impl Spill {
    /// Bytes held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory in use for what is held: four times as many at most, and `CHUNK_MIN`.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Begins with bytes of our own, before anything is held: they are written first, and no count
    /// that is given for the peer's bytes has them.
    pub fn begin(&mut self, bytes: &[u8]) {
        debug_assert!(self.is_empty(), "the peer's bytes are behind it");
        self.add(bytes);
        self.ours = bytes.len();
    }

    /// Puts bytes behind what is held.
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.chunks.back().is_none_or(|last| last.len() == self.end) {
                // As much again as is held or comes, so that most of it is used.
                let wanted = self.len.max(bytes.len()).min(CHUNK_MAX);
                let size = wanted.next_power_of_two().max(CHUNK_MIN);
                self.chunks.push_back(vec![0; size].into_boxed_slice());
                self.end = 0;
            }
            let last = self.chunks.back_mut();
            let Some(free) = last.and_then(|last| last.get_mut(self.end..)) else {
                return;
            };
            let (now, later) = bytes.split_at(bytes.len().min(free.len()));
            if let Some(free) = free.get_mut(..now.len()) {
                free.copy_from_slice(now);
            }
            self.end += now.len();
            self.len += now.len();
            bytes = later;
        }
        self.compact();
    }

    /// Offers what is held, in one call. Says how many of the peer's bytes were taken.
    ///
    /// # Errors
    /// What the socket says, but for `WouldBlock`, which is 0.
    pub fn drain_into(&mut self, sink: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (held, slice) in self.slices().zip(slices.iter_mut()) {
            *slice = IoSlice::new(held);
            used += 1;
        }
        let taken = write_some(sink, slices.get(..used).unwrap_or(&[]))?;
        let ours = self.ours.min(taken);
        self.ours -= ours;
        self.forget(taken);
        Ok(taken - ours)
    }

    /// Gives up everything. Says how many of the peer's bytes it was.
    pub fn clear(&mut self) -> usize {
        let len = self.len - self.ours;
        *self = Self::default();
        len
    }

    /// What is held, chunk by chunk.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.chunks.len().saturating_sub(1);
        self.chunks.iter().enumerate().map(move |(i, chunk)| {
            let start = if i == 0 { self.start } else { 0 };
            let end = if i == last { self.end } else { chunk.len() };
            chunk.get(start..end).unwrap_or(&[])
        })
    }

    /// The first bytes of what is held; none when nothing is.
    #[cfg(feature = "reactor")]
    pub(crate) fn front(&self) -> &[u8] {
        self.slices().next().unwrap_or(&[])
    }

    /// So many of the first bytes were taken.
    pub(crate) fn forget(&mut self, n: usize) {
        let n = n.min(self.len);
        self.len -= n;
        self.start += n;
        while let Some(first) = self.chunks.front()
            && (self.start >= first.len() || self.len == 0)
        {
            self.start = self.start.saturating_sub(first.len());
            self.chunks.pop_front();
        }
        if self.len == 0 {
            // Also the list itself: ten thousand channels that were slow once keep nothing.
            *self = Self::default();
        }
        self.compact();
    }

    /// Little that is left in large chunks moves to small ones, as soon as [`Self::memory`] is more
    /// than it says.
    ///
    /// Only a first chunk and a last one have unused bytes, fewer than two pages together. Memory
    /// beyond `4 * len + CHUNK_MIN` therefore means `3 * len + CHUNK_MIN < 2 * CHUNK_MAX`: 2645
    /// bytes are copied at most, and there is nothing to add up while more is held. In what they
    /// are copied to only the last chunk has unused bytes, and it is smaller than twice the bytes
    /// held or is of [`CHUNK_MIN`]: `3 * len + CHUNK_MIN` at most, so that once is enough.
    fn compact(&mut self) {
        if 3 * self.len + CHUNK_MIN < 2 * CHUNK_MAX && self.memory() > 4 * self.len + CHUNK_MIN {
            let mut small = Self::default();
            for held in self.slices() {
                small.add(held);
            }
            *self = small;
        }
    }
}

/// One write: `write` and not `writev` where there is one slice, which is the kernel's shorter
/// path. A full socket takes 0 bytes.
pub(crate) fn write_some(sink: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let offered = slices.iter().any(|slice| !slice.is_empty());
    let written = retry(|| match slices {
        [slice] => sink.write(slice),
        _ => sink.write_vectored(slices),
    });
    match written {
        Ok(0) if offered => Err(ErrorKind::WriteZero.into()),
        Ok(n) => Ok(n),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use adit_testkit::dice::Dice;

    use super::*;

    /// Takes at most `room` bytes a call.
    struct Slow {
        room: usize,
        got: Vec<u8>,
    }
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room);
            if n == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.got.extend_from_slice(&bytes[..n]);
            Ok(n)
        }
        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let before = self.got.len();
            for slice in slices {
                let left = self.room - (self.got.len() - before);
                self.got.extend_from_slice(&slice[..slice.len().min(left)]);
            }
            match self.got.len() - before {
                0 => Err(ErrorKind::WouldBlock.into()),
                n => Ok(n),
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_sizes() {
        let mut dice = Dice::new(7);
        let (mut spill, mut slow) = (
            Spill::default(),
            Slow {
                room: 0,
                got: Vec::new(),
            },
        );
        let mut given = Vec::new();
        for i in 0..20_000 {
            if dice.one_in(2) && spill.len() < 100_000 {
                let bytes: Vec<u8> = (0..dice.below(9000))
                    .map(|j| usize::to_le_bytes(i + j)[0])
                    .collect();
                spill.add(&bytes);
                given.extend_from_slice(&bytes);
            } else {
                slow.room = dice.below(9000);
                spill.drain_into(&mut slow).unwrap();
            }
            assert_eq!(spill.len(), given.len() - slow.got.len());
            assert!(spill.memory() <= 4 * spill.len() + CHUNK_MIN);
            // A page at each end may be partly used.
            assert!(spill.memory() <= spill.len() + 2 * CHUNK_MAX);
        }
        slow.room = usize::MAX;
        while !spill.is_empty() {
            spill.drain_into(&mut slow).unwrap();
        }
        assert!(given == slow.got);
        assert_eq!(spill.memory(), 0);
    }

    #[test]
    fn what_is_held_is_most_of_what_it_takes() {
        for n in (1..10_000).step_by(13) {
            let mut at_once = Spill::default();
            at_once.add(&vec![1; n]);
            assert!(at_once.memory() <= 2 * n + CHUNK_MIN, "{n}");
        }
        let (mut one_by_one, mut slow) = (
            Spill::default(),
            Slow {
                room: 1,
                got: Vec::new(),
            },
        );
        for n in 1..10_000_usize {
            one_by_one.add(&[n.to_le_bytes()[0]]);
            assert!(one_by_one.memory() <= 2 * n + CHUNK_MIN, "{n}");
        }
        while !one_by_one.is_empty() {
            one_by_one.drain_into(&mut slow).unwrap();
            assert!(one_by_one.memory() <= 4 * one_by_one.len() + CHUNK_MIN);
        }
        let given = (1..10_000_usize).map(|n| n.to_le_bytes()[0]);
        assert!(slow.got.into_iter().eq(given));
    }

    #[test]
    fn a_slow_and_steady_reader_never_lets_it_grow() {
        let (mut spill, mut slow) = (
            Spill::default(),
            Slow {
                room: 100,
                got: Vec::new(),
            },
        );
        spill.add(&[1; 10_000]);
        for _ in 0..100_000 {
            let taken = spill.drain_into(&mut slow).unwrap();
            spill.add(&[2; 100][..taken]);
            slow.got.clear();
            assert!(spill.memory() <= 10_000 + 2 * CHUNK_MAX);
        }
    }

    /// Adds as many as `n` says, or takes so many when it is negative.
    fn step(spill: &mut Spill, n: isize) {
        let mut slow = Slow {
            room: n.unsigned_abs(),
            got: Vec::new(),
        };
        if n > 0 {
            spill.add(&vec![1; slow.room]);
        } else {
            spill.drain_into(&mut slow).unwrap();
        }
        let (len, memory) = (spill.len(), spill.memory());
        assert!(
            memory <= 4 * len + CHUNK_MIN,
            "{memory} for {len} after {n}"
        );
    }

    #[test]
    fn a_small_chunk_between_two_large_ones_is_moved_too() {
        let mut spill = Spill::default();
        for n in [4096, -3136, 1024, 1, -959] {
            step(&mut spill, n);
        }
        assert_eq!(spill.len(), 1026);
    }

    #[test]
    fn the_bound_holds_around_every_size_of_a_chunk() {
        let mut dice = Dice::new(11);
        let sizes = [1, 255, 256, 257, 959, 1024, 3136, 4095, 4096, 4097];
        for _ in 0..20_000 {
            let (mut spill, level) = (Spill::default(), dice.below(CHUNK_MAX));
            for _ in 0..12 {
                let n = dice.pick(&sizes);
                let adds = spill.len() < level;
                step(&mut spill, if adds { n } else { -n });
            }
        }
    }

    #[test]
    fn what_is_ours_goes_first_and_is_not_counted() {
        for room in 1..=12 {
            let mut spill = Spill::default();
            spill.begin(b"ours");
            spill.add(b"theirs");
            let mut slow = Slow {
                room: 0,
                got: Vec::new(),
            };
            let mut counted = 0;
            while !spill.is_empty() {
                slow.room = room;
                counted += spill.drain_into(&mut slow).unwrap();
                assert_eq!(counted, slow.got.len().saturating_sub(4));
            }
            assert_eq!((&slow.got[..], counted), (&b"ourstheirs"[..], 6));
        }
        let mut spill = Spill::default();
        spill.begin(b"ours");
        spill.add(b"theirs");
        assert_eq!((spill.len(), spill.clear(), spill.clear()), (10, 6, 0));
    }

    #[test]
    fn a_full_socket_takes_nothing_and_loses_nothing() {
        let (mut spill, mut full) = (
            Spill::default(),
            Slow {
                room: 0,
                got: Vec::new(),
            },
        );
        spill.add(b"kept");
        assert_eq!(spill.drain_into(&mut full).unwrap(), 0);
        assert_eq!(spill.len(), 4);
        assert_eq!(spill.clear(), 4);
        assert!(spill.is_empty());
    }
}
