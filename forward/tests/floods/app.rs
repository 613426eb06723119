//! The local sides of a session's channels, all alike.

use core::time::Duration;
use std::io::{self, ErrorKind, IoSlice, Write};

use adit_connection::ChannelId;
use adit_forward::relay::{Locals, Outlet};
use adit_forward::session::{Event, Session};
use adit_forward::{Error, Spill};
use adit_proto::reason::OpenFailure;

/// Whether somebody takes what there is for him: the peer of what it is sent, or an application of
/// what its socket gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Takes {
    All,
    Nothing,
}

/// What becomes of a channel that the peer asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    Accept,
    Refuse,
    /// It waits for [`Flooded::decide`].
    Wait,
}

/// The local sides of all channels.
pub(crate) struct App {
    pub(crate) takes: Takes,
    pub(crate) asked: Asked,
    pub(crate) waiting: Vec<ChannelId>,
    pub(crate) open: Vec<ChannelId>,
    /// What was told, but for data.
    pub(crate) events: usize,
    /// Bytes of data that were taken.
    pub(crate) taken: usize,
    pub(crate) rekeyed: usize,
    spills: Vec<Spill>,
    stalled: Vec<ChannelId>,
    writable: bool,
    sink: Sink,
}

impl App {
    /// For so many channels; their lists never grow.
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            takes: Takes::All,
            asked: Asked::Refuse,
            waiting: Vec::with_capacity(channels),
            open: Vec::with_capacity(channels),
            events: 0,
            taken: 0,
            rekeyed: 0,
            spills: (0..channels).map(|_| Spill::default()).collect(),
            stalled: Vec::with_capacity(channels),
            writable: true,
            sink: Sink::default(),
        }
    }

    /// Sockets that take something again get what is held for them.
    pub(crate) fn drain(&mut self, session: &mut Session, now: Duration) {
        if self.takes == Takes::Nothing {
            return;
        }
        for id in self.stalled.drain(..) {
            let n = self.spills[id.index()].clear();
            session.delivered(id, n, now);
            self.taken += n;
        }
    }
}

#[derive(Default)]
pub(crate) struct Sink {
    is_full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_full {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Locals for App {
    type Sink = Sink;

    fn outlet(&mut self, id: ChannelId) -> Option<Outlet<'_, Sink>> {
        self.writable = true;
        self.sink.is_full = self.takes == Takes::Nothing;
        let spill = &mut self.spills[id.index()];
        if self.sink.is_full && spill.is_empty() {
            self.stalled.push(id);
        }
        Some(Outlet {
            sink: &mut self.sink,
            spill,
            writable: &mut self.writable,
        })
    }

    fn took(&mut self, _: ChannelId, n: usize) {
        self.taken += n;
    }

    fn failed(&mut self, _: &mut Session, id: ChannelId, error: io::Error) {
        panic!("{id:?}: {error}");
    }

    fn event(&mut self, session: &mut Session, event: Event) -> Result<(), Error> {
        self.events += 1;
        match event {
            Event::OpenAsked { id, .. } => match self.asked {
                Asked::Accept => session.accept(id),
                Asked::Refuse => session.refuse(id, OpenFailure::ConnectFailed, "refused"),
                Asked::Wait => self.waiting.push(id),
            },
            Event::Closed(id) | Event::OpenRefused { id, .. } => {
                self.spills[id.index()].clear();
                session.release(id);
            }
            Event::OpenConfirmed(id) => self.open.push(id),
            Event::Rekeyed => self.rekeyed += 1,
            _ => {}
        }
        Ok(())
    }
}
