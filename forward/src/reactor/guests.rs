//! Applications on a port whose destination they choose themselves (`-D`), until they have said it:
//! connections without a channel. What they say is looked at in their socket and only their
//! request is taken out of it, so that whatever they sent ahead is read as if it came later.
//!
//! ```text
//!               Greeting ── request ──► a channel is opened ── confirmed ──► a Local
//! accept(2) ──►    │            └ no room: Waiting ┘               │
//!                  └── refused, or too slow ──► Leaving ◄── refused ┘
//!                                              reply, FIN, what comes is dropped
//! ```

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use adit_connection::{ChannelId, NotOpened, OpenKind};

use super::arena::Arena;
use super::carry::originator;
use super::context::Context;
use super::guest::{About, Guest, Stage, Turn};
use super::local::{Local, Socket, Subject, Way};
use super::peer::Peer;
use super::ready::Readiness;
use super::timer::{Armed, Timer};
use super::whither::destination_of;
use super::{Reactor, Side, Source};
use crate::observer::{Event, Program};
use crate::socks::{Greeting, Refusal, Request, Version};

/// Connections that have no channel yet. Whoever speaks is through within milliseconds; browsers
/// open dozens at once.
pub(super) const GUESTS_MAX: usize = 256;

/// From accept to a request that is through. People type slower, but applications do not.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// How long who has got no connection may take to read why.
pub(super) const LEAVE_TIME: Duration = Duration::from_secs(5);

/// All guests of a loop.
#[derive(Debug, Default)]
pub(super) struct Guests {
    arena: Arena<Guest>,
    /// Those whose request waits for a channel, longest waiting first.
    waiting: VecDeque<usize>,
}

impl Guests {
    /// The batch is over.
    pub(super) fn end_batch(&mut self) {
        self.arena.end_batch();
    }

    /// Whether somebody waits for a channel: nobody else is let in before.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Who waits longest for a channel, where it came from, and what it asks for.
    fn first_waiting(&self) -> Option<(usize, Option<SocketAddr>, &Request)> {
        let slot = *self.waiting.front()?;
        let guest = self.arena.get(slot)?;
        match &guest.stage {
            Stage::Waiting(request) => Some((slot, guest.about.from, request)),
            Stage::Greeting(_) | Stage::Leaving { .. } => None,
        }
    }

    /// It waits no longer, and is no guest any more.
    fn take_waiting(&mut self, slot: usize) -> Option<(Socket, About, Request)> {
        self.waiting.retain(|n| *n != slot);
        let guest = self.arena.remove(slot)?;
        match guest.stage {
            Stage::Waiting(request) => Some((guest.socket, guest.about, request)),
            Stage::Greeting(_) | Stage::Leaving { .. } => None,
        }
    }

    /// Room is made at the cost of whose time is over first: it had most of it, and whoever comes
    /// now may be about to speak.
    fn first_to_go(&self) -> Option<usize> {
        let dated = |n: usize| {
            let guest = self.arena.get(n)?;
            match guest.stage {
                Stage::Greeting(_) | Stage::Leaving { .. } => Some((guest.until, n)),
                Stage::Waiting(_) => None,
            }
        };
        let first = self.arena.numbers().into_iter().filter_map(dated).min();
        first.map(|(_, n)| n)
    }
}

impl Context {
    /// Lets an application in. Its request is read when its first event comes.
    pub(super) fn welcome(&mut self, socket: Socket, about: About, program: &mut dyn Program) {
        let until = self.now.saturating_add(REQUEST_TIME);
        let stage = Stage::Greeting(Greeting::default());
        self.seat(socket, about, stage, until, program);
    }

    /// Tells an application why it gets no connection: the server has refused its channel.
    pub(super) fn see_off(
        &mut self,
        socket: Socket,
        about: About,
        reply: Vec<u8>,
        program: &mut dyn Program,
    ) {
        let until = self.now.saturating_add(LEAVE_TIME);
        let slot = self.seat(socket, about, Stage::LEAVING, until, program);
        if let Some(guest) = self.guests.arena.get_mut(slot) {
            guest.reply = reply;
        }
        self.guest_turn(slot, program);
    }

    fn seat(
        &mut self,
        socket: Socket,
        about: About,
        stage: Stage,
        until: Duration,
        program: &mut dyn Program,
    ) -> usize {
        while self.guests.arena.iter().count() >= GUESTS_MAX
            && let Some(first) = self.guests.first_to_go()
        {
            self.turn_out(first, program);
        }
        let source = socket.source;
        let slot = self.guests.arena.insert(Guest {
            socket,
            about,
            stage,
            reply: Vec::new(),
            until,
            armed: Armed::default(),
        });
        if let Some(entry) = self.sources.get_mut(source) {
            *entry = Source::Guest(slot);
        }
        if let Some(guest) = self.guests.arena.get_mut(slot) {
            let timer = Timer::Guest(slot);
            self.timers.arm(timer, &mut guest.armed, Some(until));
        }
        slot
    }

    /// What an event says of a guest's socket.
    pub(super) fn guest_event(&mut self, slot: usize, event: Readiness, program: &mut dyn Program) {
        if let Some(guest) = self.guests.arena.get_mut(slot) {
            guest.socket.ready.note(event);
            self.guest_turn(slot, program);
        }
    }

    /// A guest's time is over.
    pub(super) fn guest_too_slow(&mut self, slot: usize, program: &mut dyn Program) {
        let Some(guest) = self.guests.arena.get_mut(slot) else {
            return;
        };
        guest.armed.fired();
        if self.now < guest.until {
            let due = Some(guest.until);
            return self.timers.arm(Timer::Guest(slot), &mut guest.armed, due);
        }
        match &guest.stage {
            Stage::Greeting(_) => self.refuse_guest(slot, Refusal::TooSlow, program),
            Stage::Waiting(_) => {}
            Stage::Leaving { .. } => self.let_go(slot),
        }
    }

    /// There are too many: without waiting for anything, but with a word where there is one.
    fn turn_out(&mut self, slot: usize, program: &mut dyn Program) {
        if let Some(guest) = self.guests.arena.get(slot)
            && let Stage::Greeting(_) = guest.stage
        {
            self.refuse_guest(slot, Refusal::Crowded, program);
        }
        self.let_go(slot);
    }

    fn refuse_guest(&mut self, slot: usize, why: Refusal, program: &mut dyn Program) {
        if let Some(guest) = self.guests.arena.get_mut(slot)
            && let Stage::Greeting(greeting) = &guest.stage
        {
            let (version, reply) = (greeting.version(), greeting.refuse(why));
            guest.sent_away(reply);
            guest.until = self.now.saturating_add(LEAVE_TIME);
            tell_refused(guest.about, version, why, program);
            self.guest_turn(slot, program);
        }
    }

    fn guest_turn(&mut self, slot: usize, program: &mut dyn Program) {
        let Some(guest) = self.guests.arena.get_mut(slot) else {
            return;
        };
        match guest.turn() {
            Turn::Gone => return self.let_go(slot),
            Turn::Stays => {}
            Turn::Asked(request) => {
                guest.stage = Stage::Waiting(request);
                self.guests.waiting.push_back(slot);
            }
            Turn::Refused(why, version) => {
                guest.until = self.now.saturating_add(LEAVE_TIME);
                tell_refused(guest.about, version, why, program);
                return self.guest_turn(slot, program);
            }
        }
        let due = match guest.stage {
            Stage::Greeting(_) | Stage::Leaving { .. } => Some(guest.until),
            Stage::Waiting(_) => None,
        };
        self.timers.arm(Timer::Guest(slot), &mut guest.armed, due);
    }

    fn let_go(&mut self, slot: usize) {
        if let Some(mut guest) = self.guests.arena.remove(slot) {
            self.timers.disarm(Timer::Guest(slot), &mut guest.armed);
            self.sources.remove(guest.socket.source);
            if let Stage::Waiting(_) = guest.stage {
                self.guests.waiting.retain(|n| *n != slot);
                self.open_doors();
            }
        }
    }

    /// When nobody waits for a channel any more, others are let in again.
    fn open_doors(&mut self) {
        if !self.guests.is_waiting() {
            for slot in self.listeners.numbers() {
                self.look_at(slot, |_| {});
            }
        }
    }

    /// Resets all that have no channel: nothing is carried any more.
    pub(super) fn clear_guests(&mut self) {
        for slot in self.guests.arena.numbers() {
            self.let_go(slot);
        }
        self.guests.waiting.clear();
    }
}

fn tell_refused(about: About, version: Option<Version>, why: Refusal, program: &mut dyn Program) {
    program.observe(&Event::GuestRefused {
        from: about.from,
        forward: about.forward,
        version,
        why,
    });
}

impl Reactor {
    /// Opens channels for requests that are through, as long as there are channels.
    pub(super) fn admit_guests(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &self.side else {
            return;
        };
        let Some(slot) = client.peer() else { return };
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let mut opened = 0;
        while let Some((first, from, request)) = self.context.guests.first_waiting() {
            let (originator, originator_port) = originator(from);
            let open = peer.session.open(OpenKind::DirectTcpip {
                host: &request.host,
                port: request.port,
                originator: &originator,
                originator_port,
            });
            match open {
                Ok(channel) => {
                    peer.take_guest(channel, first, &mut self.context, program);
                    opened += 1;
                }
                Err(NotOpened::Full) => break,
                // Not reached: no request has a host that is longer than a message takes.
                Err(NotOpened::BadName) => self.context.let_go(first),
            }
        }
        if opened > 0 {
            self.context.open_doors();
            self.schedule(slot);
        }
    }
}

impl Peer {
    /// Gives a guest's socket to the channel that was opened for it.
    fn take_guest(
        &mut self,
        channel: ChannelId,
        guest: usize,
        context: &mut Context,
        program: &mut dyn Program,
    ) {
        let Some((socket, about, request)) = context.guests.take_waiting(guest) else {
            return; // not reached: a channel is opened for somebody who is there
        };
        program.observe(&Event::Requested {
            peer: self.state.info(),
            channel: channel.slot().into(),
            from: about.from,
            forward: about.forward,
            version: request.version,
            to: destination_of(&request),
        });
        if let Some(entry) = context.sources.get_mut(socket.source) {
            *entry = Source::Local {
                peer: self.state.slot,
                channel,
            };
        }
        let subject = Subject::Guest(Box::new((about, request)));
        let local = Local::new(channel, Way::Socket(socket), subject, context.now);
        self.state.locals.insert(local);
    }
}
