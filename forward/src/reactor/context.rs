//! What every part of a loop may need, apart from sessions: so that one session can be worked on
//! while the rest is at hand.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use adit_connection::ChannelId;
use mio::{Registry, Token};

use super::Source;
use super::accept::Listening;
use super::arena::Arena;
use super::descriptors::Mark;
use super::dial::{Dial, Progress, Tell};
use super::guests::Guests;
use super::inbox::Outlet;
use super::pool::Pool;
use super::ready::Readiness;
use super::stream::Stream;
use super::timer::Timers;
use crate::observer::PeerId;

/// Shared state of one loop.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) registry: Registry,
    /// `Token(n)` is slot n.
    pub(super) sources: Arena<Source>,
    /// Descriptors that forwards may have.
    pub(super) mark: Mark,
    /// Connections being made.
    pub(super) dials: Arena<OwnedDial>,
    /// Sockets that listen.
    pub(super) listeners: Arena<Listening>,
    /// Those at which connections may be waiting that can be taken.
    pub(super) accepting: VecDeque<usize>,
    /// Applications without a channel.
    pub(super) guests: Guests,
    pub(super) timers: Timers,
    pub(super) notes: Outlet,
    /// Threads for the resolver.
    pub(super) names: Arc<Pool>,
    /// Threads for files; apart, so that a slow resolver delays no login.
    pub(super) files: Arc<Pool>,
    /// The one thread that may wait for a person.
    pub(super) people: Pool,
    /// Time since the loop's start, read once a batch.
    pub(super) now: Duration,
}

/// Who a connection is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// The client's session.
    Client,
    /// This peer's channel.
    Channel {
        peer: usize,
        id: PeerId,
        channel: ChannelId,
    },
}

/// A connection being made, and for whom.
#[derive(Debug)]
pub(super) struct OwnedDial {
    pub(super) owner: Owner,
    pub(super) dial: Dial,
}

impl Context {
    /// Has the events of a connection come for this source. Says its place among the sources; on an
    /// error there is none.
    pub(super) fn register(&mut self, stream: &mut Stream, source: Source) -> io::Result<usize> {
        let source = self.sources.insert(source);
        let registered = stream.register(&self.registry, Token(source));
        if registered.is_err() {
            self.sources.remove(source);
        }
        registered.map(|()| source)
    }

    /// Begins to connect. The slot stays in use only while it is pending.
    pub(super) fn dial(&mut self, dial: OwnedDial, tell: Tell<'_>) -> (usize, Progress) {
        let slot = self.dials.insert(dial);
        (slot, self.advance(slot, tell))
    }

    /// Goes on with a dial whose time has come.
    pub(super) fn advance(&mut self, slot: usize, tell: Tell<'_>) -> Progress {
        self.with_dial(slot, |dial, context| dial.advance(slot, context, tell))
    }

    /// Goes on with a dial one of whose sockets has something to say.
    pub(super) fn dial_event(&mut self, slot: usize, event: Readiness, tell: Tell<'_>) -> Progress {
        self.with_dial(slot, |dial, context| dial.event(slot, event, context, tell))
    }

    fn with_dial(
        &mut self,
        slot: usize,
        work: impl FnOnce(&mut Dial, &mut Self) -> Progress,
    ) -> Progress {
        let Some(mut owned) = self.dials.take(slot) else {
            return Progress::Pending;
        };
        let progress = work(&mut owned.dial, self);
        match progress {
            Progress::Pending => self.dials.put(slot, owned),
            Progress::Connected(_) | Progress::Failed(_) => self.dials.release(slot),
        }
        progress
    }
}
