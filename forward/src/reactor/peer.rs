//! One SSH connection on the loop, and its turn: flush, one fill of the receive buffer, control
//! messages, one packet for each channel that has data, flush. Nothing runs until it is dry, so
//! that peers and channels are served alike; and where much came for many channels, a turn leaves
//! some of it to the next, so that the peer works on what came of the first meanwhile.

use core::time::Duration;
use std::io::{ErrorKind, Read};

use adit_connection::ChannelId;

use super::context::Context;
use super::desk::Desk;
use super::local::{Queued, Seen};
use super::ready::{Readiness, Ready};
use super::rounds::Round;
use super::state::{Cause, State};
use super::stream::{ShortReads, Stream};
use super::timer::{Armed, Timer};
use crate::error::Error;
use crate::observer::{Authenticated, Program};
use crate::relay::{self, Locals as _};
use crate::retry::retry;
use crate::session::Session;

/// Sealed bytes from which on a turn seals no more before it has sent some. Measured: less costs
/// writes, more makes what is typed wait behind what is copied.
pub(super) const FLUSH_MARK: usize = 256 * 1024;

/// One SSH connection.
pub(super) struct Peer {
    pub(super) stream: Stream,
    source: usize,
    ready: Ready,
    pub(super) session: Session,
    pub(super) state: State,
    pub(super) armed: Armed,
    /// It has ended, and has this long to send its last words.
    pub(super) closing: Option<Duration>,
    /// In the loop's run queue.
    pub(super) queued: Queued,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// Whether a session can go on without a new event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    Runnable,
    Wait,
}

impl Peer {
    pub(super) fn new(
        stream: Stream,
        source: usize,
        ready: Ready,
        session: Session,
        state: State,
    ) -> Self {
        Self {
            stream,
            source,
            ready,
            session,
            state,
            armed: Armed::default(),
            closing: None,
            queued: Queued::No,
            received: 0,
            sent: 0,
        }
    }

    /// What an event says of its socket.
    pub(super) fn note(&mut self, event: Readiness) {
        self.ready.note(event);
    }

    /// What an event says of a channel's socket.
    pub(super) fn note_local(&mut self, id: ChannelId, event: Readiness) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let spilled = !local.spill.is_empty();
        let Some(socket) = local.socket() else { return };
        socket.ready.note(event);
        if socket.ready.writable && spilled {
            self.state.drain.push(id);
        }
        let look = socket.ready.readable || socket.ready.failed;
        if look && local.queued == Queued::No {
            local.queued = Queued::Yes;
            self.state.run.push_back(id);
        }
    }

    /// One fair share of work.
    pub(super) fn turn(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<Next, Cause> {
        let channels = self.session.channels().len();
        self.read_letters(context, program)?;
        self.flush_or_hear(context, program)?; // frees room first
        self.drain(context, program);
        self.receive(context, program)?;
        // Behind what has arrived: a program that was stopped for a while gives nobody up whose
        // answer is here.
        self.timeouts(context, program)?;
        self.answer(context, program)?;
        self.send_due(context, program)?;
        let round = self.pull_round(context, program)?;
        self.send_due(context, program)?;
        self.flush_or_hear(context, program)?;
        // A channel is over when both CLOSEs are, which may be long after its socket is gone.
        if self.session.channels().len() < channels {
            self.state.freed = Seen::Yes;
        }
        self.arm(context);
        Ok(self.next(round))
    }

    /// A peer that is held, or whose socket is full while there is no room, waits for its event,
    /// or the loop would spin.
    fn next(&mut self, round: Round) -> Next {
        let held = self.session.transport.tx().is_held();
        let pending = self.pending();
        let can_read = self.session.can_go_on()
            || self.state.behind == Seen::Yes
            || (self.ready.readable && self.session.recv_space().is_some());
        let can_pull = !self.state.run.is_empty()
            && !held
            && (self.ready.writable || (round == Round::Done && pending < FLUSH_MARK));
        let can_send = self.ready.writable && (pending > 0 || (!held && self.session.has_due()));
        if can_read || can_pull || can_send || !self.state.drain.is_empty() {
            Next::Runnable
        } else {
            Next::Wait
        }
    }

    pub(super) fn pending(&self) -> usize {
        let [a, b] = self.session.send_pending();
        a.len() + b.len()
    }

    pub(super) fn flush(&mut self) -> Result<(), Cause> {
        if self.ready.writable {
            let before = self.pending();
            let flushed = relay::flush(&mut self.session, &mut self.stream);
            self.ready.writable = flushed.map_err(Cause::Socket)?;
            self.sent = self.sent.saturating_add((before - self.pending()) as u64);
        }
        Ok(())
    }

    /// A peer that is gone may have said why: its words count for more than its socket's error.
    fn flush_or_hear(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<(), Cause> {
        let Err(gone) = self.flush() else {
            return Ok(());
        };
        while self.state.behind == Seen::Yes {
            self.receive(context, program)?;
        }
        self.ready.readable = true;
        self.receive(context, program)?;
        while self.state.behind == Seen::Yes {
            self.receive(context, program)?;
        }
        Err(gone)
    }

    /// One fill of the receive buffer, or what was left of the last one, and what is complete in it.
    fn receive(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        let now = context.now;
        self.state.calls = 0;
        let behind = core::mem::replace(&mut self.state.behind, Seen::No);
        if behind == Seen::No
            && self.ready.readable
            && let Some(space) = self.session.recv_space()
        {
            let room = space.len();
            match retry(|| self.stream.read(space)) {
                Ok(0) => return Err(Cause::Closed),
                Ok(n) => {
                    self.received = self.received.saturating_add(n as u64);
                    self.session.recv_filled(n, now);
                    if n < room && self.stream.short_reads() == ShortReads::Empty {
                        self.ready.read_short();
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.ready.read_blocked(),
                Err(e) => return Err(Cause::Socket(e)),
            }
        }
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        let pushed = relay::push(&mut self.session, now, &mut desk);
        desk.tell_ident(&self.session);
        self.checked(pushed)
    }

    /// Turns what the layers say into the end of the session, the peer's own words first.
    pub(super) fn checked(&mut self, result: Result<(), Error>) -> Result<(), Cause> {
        if let Some(cause) = self.state.cause.take() {
            return Err(cause);
        }
        result.map_err(Cause::Failed)
    }

    fn send_due(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        while let Some(event) = self.session.send_due(context.now)? {
            let mut desk = Desk {
                state: &mut self.state,
                context,
                program,
            };
            let told = desk.event(&mut self.session, event);
            self.checked(told)?;
        }
        Ok(())
    }

    fn timeouts(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        let now = context.now;
        if self.state.login_deadline.is_some_and(|at| now >= at) {
            return Err(Cause::TooSlow);
        }
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        desk.expire_look_ups(&mut self.session);
        desk.expire_askings(&mut self.session);
        if self.session.deadline().is_some_and(|at| now >= at) {
            self.session.handle_timeout(now)?;
        }
        Ok(())
    }

    fn arm(&mut self, context: &mut Context) {
        let due = [
            self.session.deadline(),
            self.state.login_deadline,
            self.state.look_ups.deadline(),
            self.state.askings.deadline(),
        ];
        let due = due.into_iter().flatten().min();
        context
            .timers
            .arm(Timer::Peer(self.state.slot), &mut self.armed, due);
    }

    /// Its timer fired; a turn follows.
    pub(super) fn fired(&mut self) {
        self.armed.fired();
    }

    /// It has ended, and only its last words wait.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether its user is authenticated.
    pub(super) fn authenticated(&self) -> Authenticated {
        match self.state.user {
            Some(_) => Authenticated::Yes,
            None => Authenticated::No,
        }
    }

    /// Whether a channel is over since this was last asked.
    pub(super) fn take_freed(&mut self) -> Seen {
        core::mem::replace(&mut self.state.freed, Seen::No)
    }

    /// Whether authentication succeeded since this was last asked.
    pub(super) fn take_authenticated(&mut self) -> Seen {
        core::mem::replace(&mut self.state.news, Seen::No)
    }

    /// Its socket's place among the sources.
    pub(super) fn source(&self) -> usize {
        self.source
    }
}
