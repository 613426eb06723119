//! Between a session and the local sockets: `pull` reads a socket straight into the packet that
//! carries its bytes away, `push` writes what arrived from where it was decrypted, `flush` sends.
//! Generic over `Read` and `Write`: no sockets here, and no loop runs until dry.

use core::time::Duration;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

use adit_connection::ChannelId;

use crate::error::Error;
use crate::retry::retry;
use crate::session::{Event, Session, Span};
use crate::spill::{Spill, write_some};

/// Most bytes of one channel in one packet and one turn: RFC 4253 §6.1 has every implementation
/// take 32768 bytes of payload, and OpenSSH's channels announce exactly that as their maximum.
pub const QUANTUM: usize = 32 * 1024;

/// Packets for one channel that are written together. `IOV_MAX` is 1024; past a few dozen nothing
/// is gained, since one fill of the receive buffer holds eight of 32 KiB.
const GATHER: usize = 64;
/// What one fill of the receive buffer holds of the largest packets.
const FEW: usize = 8;

/// What one turn of one channel came to. `NoWindow` parks the channel, `NoRoom` the whole round:
/// mixing the two up would let one stalled channel hold up all of them.
#[derive(Debug)]
pub enum Pull {
    /// The local side has sent its last byte; EOF is on its way.
    Ended,
    /// The local side broke; CLOSE is on its way.
    Failed(io::Error),
    /// `n` bytes are sealed. `filled`: they took all the room there was, so more may be waiting.
    Moved {
        /// How many.
        n: usize,
        /// Whether the read filled what it was given.
        filled: bool,
    },
    /// No room in the send buffer, or a key exchange is under way.
    NoRoom,
    /// The peer's window is closed, or the channel is not open for sending.
    NoWindow,
    /// The local side has nothing to read.
    NotReady,
}

/// One turn of one channel, local side to peer: one read, no copy.
///
/// # Errors
/// Only what ends the session. A local side that fails ends its channel: [`Pull::Failed`].
pub fn pull(session: &mut Session, id: ChannelId, source: &mut impl Read) -> Result<Pull, Error> {
    let Some(grant) = session.channels.grant(id) else {
        return Ok(Pull::NoWindow);
    };
    let Some(mut slot) = session.transport.tx().reserve(grant.max.min(QUANTUM)) else {
        return Ok(Pull::NoRoom);
    };
    let body = slot.body();
    let room = body.len();
    let n = match retry(|| source.read(body)) {
        Ok(0) => {
            session.channels.finish_sending(id);
            return Ok(Pull::Ended);
        }
        Ok(n) => n,
        Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Pull::NotReady),
        // A reset local connection ends its channel, never the session.
        Err(e) => {
            session.channels.close(id);
            return Ok(Pull::Failed(e));
        }
    };
    slot.seal(grant.recipient_channel, n)?;
    session.channels.sent(id, n);
    Ok(Pull::Moved {
        n,
        filled: n == room,
    })
}

/// The local sides of a session's channels.
pub trait Locals {
    /// What a local side is written through.
    type Sink: Write;

    /// Where a channel's bytes go, or `None` when there is nobody left to take them: then they
    /// are dropped, and the peer may send as many again.
    fn outlet(&mut self, id: ChannelId) -> Option<Outlet<'_, Self::Sink>>;

    /// Where a channel's bytes wait that has no sink yet; `None` where nobody waits for them.
    fn keep(&mut self, id: ChannelId) -> Option<&mut Spill> {
        let _ = id;
        None
    }

    /// There are more of those.
    fn kept(&mut self, session: &mut Session, id: ChannelId) {
        let _ = (session, id);
    }

    /// A local side took `n` bytes of what arrived.
    fn took(&mut self, id: ChannelId, n: usize);

    /// A local side did not take what arrived for it, which is given up. Its channel is to be
    /// closed, at once or when what the local side sent before has been read.
    fn failed(&mut self, session: &mut Session, id: ChannelId, error: io::Error);

    /// Everything but data, in its order among the data.
    ///
    /// # Errors
    /// What ends the session.
    fn event(&mut self, session: &mut Session, event: Event) -> Result<(), Error>;

    /// Whether what follows is to wait, so that what came of the rest is sent first.
    fn pauses(&mut self) -> bool {
        false
    }
}

/// Where one channel's bytes go.
pub struct Outlet<'a, S> {
    /// The local socket.
    pub sink: &'a mut S,
    /// What it has not taken yet.
    pub spill: &'a mut Spill,
    /// Whether it may take something now; cleared when it does not take all it is offered.
    pub writable: &'a mut bool,
}

impl<S: Write> Outlet<'_, S> {
    /// Writes what is held, at most one call. Says how many of the peer's bytes were taken.
    ///
    /// # Errors
    /// What the socket says.
    pub fn drain(&mut self) -> io::Result<usize> {
        if !*self.writable || self.spill.is_empty() {
            return Ok(0);
        }
        let held = self.spill.len();
        let taken = self.spill.drain_into(self.sink)?;
        *self.writable = self.spill.len() < held;
        Ok(taken)
    }

    /// Writes `slices` where they lie; what is not taken goes to the spill.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = 0;
        if *self.writable && self.spill.is_empty() {
            taken = write_some(self.sink, slices)?;
            // A short write says that the socket is full: no second call to hear it again. One
            // that was not tried says nothing, and may be the last to know that there is room.
            *self.writable = taken == slices.iter().map(|slice| slice.len()).sum();
        }
        let mut skip = taken;
        for slice in slices {
            let (_, left) = slice.split_at(slice.len().min(skip));
            skip = skip.saturating_sub(slice.len());
            if !left.is_empty() {
                self.spill.add(left);
            }
        }
        Ok(taken)
    }
}

/// Everything that arrived, peer to local sides. Data is written from where it was decrypted, all
/// that one fill of the buffer holds for a channel in one call. Where [`Locals::pauses`] says so, the
/// rest stays in the buffer: push again before anything more is read to it.
///
/// # Errors
/// What ends the session.
pub fn push<L: Locals>(session: &mut Session, now: Duration, locals: &mut L) -> Result<(), Error> {
    let mut gather = Gather {
        id: None,
        spans: core::mem::take(&mut session.gathered),
    };
    while !(gather.spans.is_empty() && locals.pauses()) {
        match session.poll(now)? {
            None => break,
            Some(Event::Data { id, span }) => {
                if !gather.takes(id) {
                    gather.deliver(session, now, locals);
                }
                gather.add(id, span);
            }
            Some(event) => {
                gather.deliver(session, now, locals);
                locals.event(session, event)?;
            }
        }
    }
    gather.deliver(session, now, locals);
    session.gathered = gather.spans;
    Ok(())
}

/// Data for one channel, by position.
struct Gather {
    id: Option<ChannelId>,
    /// The session's own list, so that it is made once and costs by what is put there.
    spans: Vec<Span>,
}

impl Gather {
    fn takes(&self, id: ChannelId) -> bool {
        self.spans.is_empty() || (self.id == Some(id) && self.spans.len() < GATHER)
    }

    fn add(&mut self, id: ChannelId, span: Span) {
        self.id = Some(id);
        self.spans.push(span);
    }

    fn deliver<L: Locals>(&mut self, session: &mut Session, now: Duration, locals: &mut L) {
        let Some(id) = self.id.filter(|_| !self.spans.is_empty()) else {
            return;
        };
        let spans = self.spans.iter();
        let len = spans.clone().map(Span::len).sum();
        if let Some(mut outlet) = locals.outlet(id) {
            // Room for as many slices as there are: to make all of them ready for one byte takes
            // longer than all the rest.
            let n = self.spans.len();
            let written = match n {
                1 => outlet.write(&self.slices::<1>(session)),
                2..=FEW => outlet.write(first(n, &self.slices::<FEW>(session))),
                _ => outlet.write(first(n, &self.slices::<GATHER>(session))),
            };
            match written {
                Ok(taken) => {
                    session.channels.delivered(id, taken, now);
                    locals.took(id, taken);
                }
                Err(error) => {
                    session.channels.delivered(id, len, now);
                    locals.failed(session, id, error);
                }
            }
        } else if let Some(spill) = locals.keep(id) {
            spans.for_each(|span| spill.add(session.bytes(*span)));
            locals.kept(session, id);
        } else {
            session.channels.delivered(id, len, now);
        }
        self.spans.clear();
    }

    /// Where the bytes lie, with empty slices behind them.
    fn slices<'a, const N: usize>(&self, session: &'a Session) -> [IoSlice<'a>; N] {
        let mut slices = [IoSlice::new(&[]); N];
        for (slice, span) in slices.iter_mut().zip(&self.spans) {
            *slice = IoSlice::new(session.bytes(*span));
        }
        slices
    }
}

fn first<'a, 'b>(n: usize, slices: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    slices.get(..n).unwrap_or(slices)
}

/// Sends sealed bytes: one `writev` of at most two slices for any number of packets. `false` when
/// the peer's socket is full.
///
/// # Errors
/// What the socket says.
pub fn flush(session: &mut Session, peer: &mut impl Write) -> io::Result<bool> {
    let [a, b] = session.transport.send_pending();
    let all = a.len() + b.len();
    if all == 0 {
        return Ok(true);
    }
    let (a, b) = (IoSlice::new(a), IoSlice::new(b));
    let sent = if b.is_empty() {
        write_some(peer, &[a])?
    } else {
        write_some(peer, &[a, b])?
    };
    session.transport.send_consumed(sent);
    // Less than everything: the socket is full, and asking again would only hear that.
    Ok(sent == all)
}
