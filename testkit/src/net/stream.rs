//! The calls on one end of a connection.

use core::fmt;
use core::net::SocketAddr;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

use super::end::Connecting;
use super::listener::stream_address;
use super::{Host, Net};

/// How a connection is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closing {
    /// With FIN.
    Orderly,
    /// With RST.
    Reset,
}

/// One end of a connection. Dropped, it is closed.
pub struct Stream {
    net: Net,
    id: usize,
    family: Family,
}

/// Which kind of socket a program takes it for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// With addresses.
    Tcp,
    /// Without.
    Unix,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.net.lock().end_ref(self.id).fmt(f)
    }
}

impl Stream {
    pub(super) fn new(net: Net, id: usize) -> Self {
        net.lock().end(id).is_taken = true;
        let family = Family::Tcp;
        Self { net, id, family }
    }

    pub(super) const fn on_path(mut self) -> Self {
        self.family = Family::Unix;
        self
    }

    /// A Unix socket breaks off as one of TCP here, so that it is seen which end a program chose.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    pub(super) const fn id(&self) -> usize {
        self.id
    }

    /// Has its events come with this token.
    ///
    /// # Errors
    /// Never.
    pub fn register(&self, token: usize) -> io::Result<()> {
        let mut inner = self.net.lock();
        let end = inner.end(self.id);
        end.token = Some(token);
        end.calls.registers += 1;
        end.wake();
        Ok(())
    }

    /// What closing it will send (SO_LINGER with no time, or none).
    pub fn set_linger(&self, closing: Closing) {
        self.net.lock().end(self.id).resets_on_close = closing == Closing::Reset;
    }

    /// Sends FIN behind what was written.
    ///
    /// # Errors
    /// There is no connection any more.
    pub fn shutdown(&self) -> io::Result<()> {
        let mut inner = self.net.lock();
        let end = inner.end(self.id);
        if end.is_dead {
            return Err(ErrorKind::NotConnected.into());
        }
        if !end.has_finished {
            end.has_finished = true;
            inner.end(self.id ^ 1).is_fin_coming = true;
            inner.progress += 1;
        }
        Ok(())
    }

    /// What went wrong while nobody called, once.
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        self.net.lock().end(self.id).error.take().map(Into::into)
    }

    /// The other end's address, over TCP.
    ///
    /// # Errors
    /// Not connected yet.
    pub fn peer_addr(&self) -> io::Result<Option<SocketAddr>> {
        let inner = self.net.lock();
        let end = inner.end_ref(self.id);
        match end.connecting {
            Connecting::Done => Ok(self.known(end.from.unwrap_or(stream_address(self.id ^ 1)))),
            Connecting::Begun(_) | Connecting::Lost => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// This end's own address, over TCP, which is what the other end calls its peer's.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        let bound = self.net.lock().end_ref(self.id ^ 1).from;
        self.known(bound.unwrap_or(stream_address(self.id)))
    }

    fn known(&self, address: SocketAddr) -> Option<SocketAddr> {
        (self.family == Family::Tcp).then_some(address)
    }
}

impl Stream {
    /// Reads what stays there to be read again (MSG_PEEK).
    ///
    /// # Errors
    /// As a read.
    pub fn peek(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.receive(space, Then::Stays)
    }

    fn receive(&mut self, space: &mut [u8], then: Then) -> io::Result<usize> {
        let mut inner = self.net.lock();
        if inner.is_interrupted(self.id) {
            return Err(ErrorKind::Interrupted.into());
        }
        // Something may come between two calls.
        if inner.end_ref(self.id).is_expecting() && inner.dice.one_in(8) {
            inner.arrive(self.id);
        }
        let end = inner.end(self.id);
        if space.is_empty() {
            return Ok(0);
        }
        if end.arrived.is_empty() {
            if let Some(error) = end.error.take() {
                inner.progress += 1;
                return Err(error.into());
            }
            if end.is_fin_here || end.is_dead {
                end.calls.reads += 1;
                return Ok(0);
            }
            end.calls.vain_reads += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        // As the system does: whatever is there, however it lies.
        end.arrived.make_contiguous();
        if then == Then::Stays {
            return end.arrived.clone().read(space);
        }
        end.calls.reads += 1;
        let n = end.arrived.read(space)?;
        inner.progress += 1;
        let sender = inner.end(self.id ^ 1);
        if core::mem::take(&mut sender.awaits_room) {
            sender.wake();
        }
        Ok(n)
    }
}

/// What becomes of bytes that were read.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Then {
    Gone,
    Stays,
}

impl Read for Stream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.receive(space, Then::Gone)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut inner = self.net.lock();
        if inner.is_interrupted(self.id) {
            return Err(ErrorKind::Interrupted.into());
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let weather = inner.weather;
        let free = inner.end_ref(self.id ^ 1).free();
        let calm = inner.end_ref(self.id).host == Host::Apps;
        let mut n = offered.min(free);
        if !calm && inner.dice.one_in(weather.full) {
            n = 0;
        } else if !calm && inner.dice.one_in(weather.short) {
            n = inner.dice.below(n + 1);
        }
        let end = inner.end(self.id);
        if let Some(error) = end.error.take() {
            inner.progress += 1;
            return Err(error.into());
        }
        if end.is_dead || end.has_finished {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if offered == 0 {
            return Ok(0);
        }
        if end.connecting != Connecting::Done {
            n = 0;
        }
        if n < offered {
            // Full: its event comes when some was read, or, where there is room, in its time.
            end.awaits_room = n == free;
            if n < free {
                end.wake();
            }
        }
        if n == 0 {
            end.calls.vain_writes += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        end.calls.writes += 1;
        inner.progress += 1;
        let bytes = slices.iter().flat_map(|slice| slice.iter()).take(n);
        inner.end(self.id ^ 1).flying.extend(bytes);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut inner = self.net.lock();
        inner.progress += 1;
        let end = inner.end(self.id);
        end.is_closed = true;
        let is_clean = !end.resets_on_close && end.arrived.is_empty();
        let (is_dead, has_finished) = (end.is_dead, end.has_finished);
        end.arrived.clear();
        if is_dead {
            return;
        }
        if end.connecting != Connecting::Done {
            return; // nobody knows of it
        }
        let keeps = inner.dice.next();
        let other = inner.end(self.id ^ 1);
        if is_clean {
            other.is_fin_coming |= !has_finished;
        } else {
            // RST passes what is on its way: some of that never arrives.
            let flying = other.flying.len();
            let kept = usize::try_from(keeps % 8).unwrap_or(0) * flying / 7;
            other.flying.truncate(kept.min(flying));
            other.is_reset_coming = true;
        }
    }
}
