//! Listening sockets on the loop: what is accepted, how much in one turn, and when to stop.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::TcpListener as StdListener;

use mio::Token;
use mio::net::TcpListener;

use super::context::Context;
use super::descriptors::Mark;
use super::forwards::{Listen, StreamLocalBind};
use super::limits::{Pause, Tell, is_about_one_connection};
use super::local::Queued;
use super::remotes::RemoteId;
use super::stream::{At, Listener, Stream};
use super::timer::{Armed, Timer};
use super::{Reactor, Side, Source};
use crate::observer::{Event, Place, Program};

/// Connections accepted from one socket in one turn: a flood on one port delays nobody else long.
const ACCEPTS_MAX: usize = 16;

/// Between two looks whether there is a channel for a connection at the server's side, where only the
/// channels of other sessions leave nothing for it: when one of those is over nobody tells.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// What connections to a socket are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum For {
    /// SSH clients.
    Peers,
    /// Applications: the forward's place in the configuration.
    Forward(usize),
    /// Applications that say where to, likewise.
    Guests(usize),
    /// Connections for a client of this server: its session, and which of its [`Remotes`](super::remotes::Remotes).
    Remote { peer: usize, remote: RemoteId },
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listening {
    listener: Listener,
    at: At,
    source: usize,
    purpose: For,
    ready: Waiting,
    pause: Pause,
    armed: Armed,
    /// Accepted when there was no channel for it: nothing more is accepted before it has one.
    held: Option<(Stream, Option<SocketAddr>)>,
    full: Full,
    /// Among those that are looked at next.
    queued: Queued,
}

/// Whether connections may be waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waiting {
    No,
    Perhaps,
}

/// Whether the channel table was full when last asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Full {
    No,
    Yes,
}

/// What became of one accept(2).
enum Accepted {
    Done,
    /// Nothing more can be taken now.
    Stop,
}

impl Listening {
    pub(super) fn place(&self) -> Place<'_> {
        self.at.place()
    }

    pub(super) fn note(&mut self) {
        self.ready = Waiting::Perhaps;
    }

    pub(super) fn fired(&mut self) {
        self.armed.fired();
        self.full = Full::No;
    }

    pub(super) fn channel_freed(&mut self) {
        self.full = Full::No;
    }

    fn can_accept(&self, context: &Context) -> bool {
        let full = matches!(self.purpose, For::Guests(_)) && context.guests.is_waiting();
        (self.ready == Waiting::Perhaps || self.held.is_some())
            && !full
            && self.full == Full::No
            && !self.pause.lasts(context.now)
    }

    /// There may have been no channel for it.
    fn hold(&mut self, back: Option<Stream>, from: Option<SocketAddr>) -> Accepted {
        let Some(stream) = back else {
            return Accepted::Done;
        };
        // As every local socket, should the program be killed meanwhile.
        stream.reset();
        self.held = Some((stream, from));
        self.full = Full::Yes;
        Accepted::Stop
    }

    fn next(&mut self, mark: Mark) -> io::Result<(Stream, Option<SocketAddr>)> {
        if let Some(held) = self.held.take() {
            return Ok(held);
        }
        let (stream, from) = self.listener.accept()?;
        if let For::Remote { .. } = self.purpose
            && let Err(error) = mark.check(&stream)
        {
            stream.reset();
            return Err(error);
        }
        Ok((stream, from))
    }
}

impl Context {
    /// Opens all sockets of a forward, or none. Says where they are, and their slots.
    pub(super) fn listen_for(
        &mut self,
        listen_on: &Listen,
        how: StreamLocalBind,
        purpose: For,
    ) -> Result<Vec<(At, usize)>, (At, io::Error)> {
        let listeners = match listen_on {
            Listen::Tcp(addresses) => {
                Listener::open(addresses).map_err(|(address, error)| (At::Tcp(address), error))?
            }
            Listen::Unix(path) => {
                let opened = Listener::open_path(path, how);
                vec![opened.map_err(|error| (At::Unix(path.as_path().into()), error))?]
            }
        };
        let mut open = Vec::new();
        for listener in listeners {
            let at = listener.at().unwrap_or(At::Tcp(([0; 4], 0).into()));
            match self.watch(listener, purpose) {
                Ok(watched) => open.push(watched),
                Err(error) => {
                    for (_, slot) in open {
                        self.unlisten(slot);
                    }
                    return Err((at, error));
                }
            }
        }
        Ok(open)
    }

    pub(super) fn watch(
        &mut self,
        mut listener: Listener,
        purpose: For,
    ) -> io::Result<(At, usize)> {
        let at = listener.at()?;
        if let For::Remote { .. } = purpose {
            self.mark.check(&listener)?;
        }
        let source = self.sources.insert(Source::Waker);
        let registered = listener.register(&self.registry, Token(source));
        if let Err(error) = registered {
            self.sources.remove(source);
            return Err(error);
        }
        let slot = self.listeners.insert(Listening {
            listener,
            at: at.clone(),
            source,
            purpose,
            ready: Waiting::Perhaps,
            pause: Pause::default(),
            armed: Armed::default(),
            held: None,
            full: Full::No,
            queued: Queued::No,
        });
        if let Some(entry) = self.sources.get_mut(source) {
            *entry = Source::Listener(slot);
        }
        self.look_at(slot, |_| {});
        Ok((at, slot))
    }

    /// Something about it has changed: perhaps it can accept.
    pub(super) fn look_at(&mut self, slot: usize, change: impl FnOnce(&mut Listening)) {
        let Some(mut listening) = self.listeners.take(slot) else {
            return;
        };
        change(&mut listening);
        if listening.queued == Queued::No && listening.can_accept(self) {
            listening.queued = Queued::Yes;
            self.accepting.push_back(slot);
        }
        self.listeners.put(slot, listening);
    }

    /// Listens there no longer. Who waits to be accepted is reset.
    pub(super) fn unlisten(&mut self, slot: usize) {
        if let Some(mut listening) = self.listeners.remove(slot) {
            self.sources.remove(listening.source);
            let timers = &mut self.timers;
            timers.disarm(Timer::Listener(slot), &mut listening.armed);
        }
    }
}

impl Reactor {
    /// Puts a listening socket on the loop.
    pub(super) fn add_listener(&mut self, listener: StdListener, purpose: For) -> io::Result<At> {
        listener.set_nonblocking(true)?;
        self.watch(Listener::Tcp(TcpListener::from_std(listener)), purpose)
    }

    pub(super) fn watch(&mut self, listener: Listener, purpose: For) -> io::Result<At> {
        self.context.watch(listener, purpose).map(|(at, _)| at)
    }

    pub(super) fn listen_for_peers(&mut self, listener: StdListener) -> io::Result<At> {
        self.add_listener(listener, For::Peers)
    }

    pub(super) fn close_listeners(&mut self) {
        for slot in self.context.listeners.numbers() {
            self.context.unlisten(slot);
        }
    }

    /// Whether something could be accepted without a new event.
    pub(super) fn can_accept(&self) -> bool {
        !self.context.accepting.is_empty()
    }

    /// A channel of that session is over: there may be one for who waits.
    pub(super) fn channel_freed(&mut self, peer: usize) {
        let slots = match (&self.side, self.peers.get(peer)) {
            (Side::Client(_), _) => self.context.listeners.numbers(),
            (Side::Server(_), Some(peer)) => peer.state.remotes.listeners(),
            (Side::Server(_), None) => return,
        };
        for slot in slots {
            self.context.look_at(slot, Listening::channel_freed);
        }
    }

    /// A share of the connections that wait, at each socket in its turn.
    pub(super) fn accept_all(&mut self, program: &mut dyn Program) {
        for _ in 0..self.context.accepting.len() {
            let Some(slot) = self.context.accepting.pop_front() else {
                break;
            };
            for _ in 0..ACCEPTS_MAX {
                let Some(mut listening) = self.context.listeners.take(slot) else {
                    break;
                };
                listening.queued = Queued::No;
                let accepted = self.accept(slot, &mut listening, program);
                self.context.listeners.put(slot, listening);
                if let Accepted::Stop = accepted {
                    break;
                }
            }
            self.context.look_at(slot, |_| {});
        }
    }

    fn accept(
        &mut self,
        slot: usize,
        listening: &mut Listening,
        program: &mut dyn Program,
    ) -> Accepted {
        if !listening.can_accept(&self.context) {
            return Accepted::Stop;
        }
        match listening.next(self.context.mark) {
            Ok((stream, from)) => {
                listening.pause.accepted();
                match listening.purpose {
                    For::Peers => {
                        // SSH clients are listened for on TCP only.
                        if let Some(from) = from {
                            self.accept_peer(stream, from, program);
                        }
                        Accepted::Done
                    }
                    For::Guests(forward) => {
                        self.seat(stream, from, forward, program);
                        Accepted::Done
                    }
                    For::Forward(forward) => {
                        let back = self.carry(stream, from, forward, program);
                        listening.hold(back, from)
                    }
                    For::Remote { peer, remote } => {
                        let back = self.carry_back(stream, from, peer, remote, program);
                        let held = listening.hold(back, from);
                        if let Accepted::Stop = held {
                            self.look_again(peer, slot, listening);
                        }
                        held
                    }
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                listening.ready = Waiting::No;
                Accepted::Stop
            }
            // The next one may be well.
            Err(e) if is_about_one_connection(&e) => Accepted::Done,
            // Mostly descriptors that ran out, which come back.
            Err(e) => {
                if listening.pause.begin(self.context.now) == Tell::Now {
                    program.observe(&Event::AcceptPaused {
                        address: listening.at.place(),
                        error: &e,
                    });
                }
                let until = listening.pause.until();
                let timers = &mut self.context.timers;
                timers.arm(Timer::Listener(slot), &mut listening.armed, until);
                Accepted::Stop
            }
        }
    }

    /// Has a listener of that session try again after a while, if nothing else would make it.
    fn look_again(&mut self, peer: usize, slot: usize, listening: &mut Listening) {
        let Some(peer) = self.peers.get(peer) else {
            return;
        };
        // Otherwise a channel of its own makes room.
        if peer.session.channels().has_place() {
            let again = self.context.now.saturating_add(FULL_RETRY);
            let timers = &mut self.context.timers;
            timers.arm(Timer::Listener(slot), &mut listening.armed, Some(again));
        }
    }
}
