//! A local socket in memory: what an application would have at the other end of a TCP connection.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// The side of a fake connection that a relay reads and writes. The test plays the application
/// through its fields.
#[derive(Debug, Default)]
pub struct FakeSocket {
    /// What the application has written and the relay has not read.
    pub to_read: VecDeque<u8>,
    /// The application will write no more.
    pub read_closed: bool,
    /// What the relay has written.
    pub written: Vec<u8>,
    /// How many bytes the socket takes before it is full; `None` takes all.
    pub room: Option<usize>,
    /// Most bytes moved in one call; `None` moves all.
    pub at_most: Option<usize>,
    /// Every call from now on fails like this.
    pub broken: Option<ErrorKind>,
    /// Calls of `read`.
    pub reads: usize,
    /// Calls of `write` or `write_vectored`.
    pub writes: usize,
}

impl Read for FakeSocket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        if self.to_read.is_empty() {
            return if self.read_closed {
                Ok(0)
            } else {
                Err(ErrorKind::WouldBlock.into())
            };
        }
        let n = out.len().min(self.at_most.unwrap_or(usize::MAX));
        let out = out.get_mut(..n).unwrap_or_default();
        self.to_read.read(out)
    }
}

impl Write for FakeSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes += 1;
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let n = offered
            .min(self.room.unwrap_or(usize::MAX))
            .min(self.at_most.unwrap_or(usize::MAX));
        if n == 0 && offered > 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.written
            .extend(slices.iter().flat_map(|slice| slice.iter()).take(n));
        if let Some(room) = &mut self.room {
            *room -= n;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
