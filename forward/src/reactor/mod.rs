//! The event loop: readiness from mio, sockets, the clock, and the sessions that it drives.
//!
//! One loop belongs to one thread and one program, client or server; a process may have several.
//! Nothing here is global but whose turn it is to make a file (`paths`). A batch of events is noted
//! first; then each session that can do something takes one turn, so that peers, and channels within
//! a peer, are served alike.

mod accept;
mod agent;
mod alarm;
mod arena;
mod asked;
mod asking;
mod background;
mod carry;
mod child;
mod client;
mod config;
mod context;
mod descriptors;
mod desk;
mod dial;
mod door;
mod events;
mod farewell;
mod forwards;
mod greet;
mod guest;
mod guests;
mod handed_on;
mod hops;
mod host;
mod inbox;
mod keys;
mod limits;
mod listener;
mod local;
mod locals;
mod login;
mod loops;
mod opening;
mod opens;
mod options;
mod paths;
mod peer;
mod pool;
mod questions;
mod race;
mod ready;
mod remotes;
mod resolve;
mod rounds;
mod server;
mod sessions;
mod signal;
mod signers;
mod spread;
mod state;
mod stdio;
mod stream;
#[cfg(test)]
mod tests;
mod timer;
mod way;
mod whither;

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::time::Instant;

use adit_connection::ChannelId;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

pub use crate::admission::{MaxStartups, PerSource};
use crate::observer::{Event, Program};
use alarm::Alarm;
use arena::Arena;
use client::Client;
pub use config::{
    AgentConfig, AgentKeys, ClientConfig, FileKey, FileKeyState, Identities, KeepAlive,
    OnForwardFailure, Room, ServerConfig, SshConfig, WINDOW_MEMORY_MIN, WindowMemory,
};
use context::Context;
use descriptors::Mark;
pub use forwards::{Forward, Listen, RemoteForward, RemoteListen, StreamLocalBind, To, Unlink};
use guests::Guests;
pub use inbox::Handle;
use inbox::{Inbox, Outlet};
pub use limits::raise_descriptor_limit;
pub use listener::listen;
use loops::Commons;
pub use loops::{LOOPS_MAX, LoopCount, Loops};
use peer::Peer;
use pool::Pool;
use ready::Readiness;
use server::Server;
pub use signal::Signals;
use timer::{Armed, Timers};
pub use way::{HopConfig, JUMPS_MAX, Proxy, Stdio, StdioForward};

/// Events taken at once. More wait in the kernel for the next call.
const EVENTS_MAX: usize = 1024;
/// Threads for files: reading authorized_keys is short, unless the file system hangs.
const FILE_THREADS_MAX: usize = 2;

/// What a mio token stands for: `Token(n)` is slot n of the sources.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The client's ssh-agent.
    Agent,
    /// A timer is due.
    Alarm,
    /// A connection being made; the slot of its dial.
    Attempt(usize),
    /// An application without a channel, by its slot.
    Guest(usize),
    /// A listening socket, by its slot.
    Listener(usize),
    /// A channel's socket.
    Local { peer: usize, channel: ChannelId },
    /// An SSH connection, by its slot.
    Peer(usize),
    /// The signal descriptor.
    Signals,
    /// Other threads have left notes.
    Waker,
}

/// Why an event loop ended. Events have said the details.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// This signal, by its number.
    Signal(i32),
    /// [`Handle::stop`].
    Stopped,
    /// Client: no address could be connected to.
    NotConnected,
    /// Client: the session ended before authentication was through. [`Event::PeerGone`] said why.
    NotAuthenticated,
    /// Client: a forward could not be opened and [`OnForwardFailure::End`] is set.
    ForwardFailed,
    /// Client: the session ended. [`Event::PeerGone`] said why.
    SessionEnded,
    /// Client: a server would not lead on to the next one, or to where standard input and output
    /// were to go. [`Event::OpenRefused`] said why.
    NotOpened,
    /// Client: standard input and output are through, in order.
    StdioDone,
    /// Client: standard output takes no more, or what was connected to it broke off.
    StdioBroken,
}

/// What a loop is for.
enum Side {
    Client(Box<Client>),
    Server(Box<Server>),
}

/// The event loop.
pub struct Reactor {
    poll: Poll,
    alarm: Alarm,
    context: Context,
    inbox: Inbox,
    peers: Arena<Box<Peer>>,
    /// Sessions that can make progress, longest waiting first.
    run: VecDeque<usize>,
    side: Side,
    signals: Option<Signals>,
    ending: Option<Ending>,
    close_timer: Armed,
    peers_made: u64,
    epoch: Instant,
    started: Started,
    /// Another loop, without which this one does not go on, has failed so.
    broken: Option<io::Error>,
}

/// Whether a loop has begun to work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Started {
    No,
    Yes,
}

impl core::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reactor")
    }
}

/// How a loop ends.
#[derive(Clone, Copy)]
enum Ending {
    /// When the sessions have had their last words.
    InOrder(End),
    /// A second signal: now.
    AtOnce(End),
}

impl Reactor {
    /// A client. Connecting begins with [`Reactor::run`].
    ///
    /// # Errors
    /// When the system does not give what a loop needs, or with more than [`JUMPS_MAX`] servers to
    /// go through.
    pub fn client(config: ClientConfig) -> io::Result<Self> {
        if config.jumps.len() > JUMPS_MAX {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "too many jump hosts",
            ));
        }
        Self::new(
            Side::Client(Box::new(Client::new(config))),
            Commons::default(),
        )
    }

    /// A server on sockets that listen already: see [`listen`]. [`Loops`] has one on several cores.
    ///
    /// # Errors
    /// When the system does not give what a loop needs, randomness among it.
    pub fn server(config: ServerConfig, listeners: Vec<TcpListener>) -> io::Result<Self> {
        Self::serving(Server::new(config)?, listeners, Commons::default())
    }

    fn serving(server: Server, listeners: Vec<TcpListener>, commons: Commons) -> io::Result<Self> {
        let mut reactor = Self::new(Side::Server(Box::new(server)), commons)?;
        for listener in listeners {
            reactor.listen_for_peers(listener)?;
        }
        Ok(reactor)
    }

    fn new(side: Side, commons: Commons) -> io::Result<Self> {
        let Commons {
            epoch,
            names,
            files,
        } = commons;
        let mark = match &side {
            Side::Client(_) => Mark::NONE,
            Side::Server(server) => server.mark(),
        };
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let mut sources = Arena::default();
        let waker = Waker::new(&registry, Token(sources.insert(Source::Waker)))?;
        let (notes, inbox) = Outlet::new(waker);
        let alarm = Alarm::new(&registry, Token(sources.insert(Source::Alarm)))?;
        Ok(Self {
            poll,
            alarm,
            context: Context {
                registry,
                sources,
                mark,
                dials: Arena::default(),
                listeners: Arena::default(),
                accepting: VecDeque::new(),
                guests: Guests::default(),
                timers: Timers::default(),
                notes,
                names,
                files,
                people: Pool::new("adit-prompt", 1),
                now: Duration::ZERO,
            },
            inbox,
            peers: Arena::default(),
            run: VecDeque::new(),
            side,
            signals: None,
            ending: None,
            close_timer: Armed::default(),
            peers_made: 0,
            epoch,
            started: Started::No,
            broken: None,
        })
    }

    /// Lets these signals end the loop.
    ///
    /// # Errors
    /// When the descriptor cannot be registered.
    pub fn watch_signals(&mut self, signals: Signals) -> io::Result<()> {
        let source = self.context.sources.insert(Source::Signals);
        self.context.registry.register(
            &mut SourceFd(&signals.fd()),
            Token(source),
            Interest::READABLE,
        )?;
        self.signals = Some(signals);
        Ok(())
    }

    /// What stops it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.context.notes.clone())
    }

    /// Runs until the end.
    ///
    /// # Errors
    /// Only when the loop itself fails: no peer and no local socket can cause that.
    pub fn run(mut self, program: &mut dyn Program) -> io::Result<End> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.start(program);
        loop {
            if let Some(end) = self.ended() {
                return Ok(end);
            }
            self.wake(&mut events, program)?;
        }
    }

    /// Why it is over, once it is.
    fn ended(&self) -> Option<End> {
        match self.ending {
            Some(Ending::AtOnce(end)) => Some(end),
            Some(Ending::InOrder(end)) if self.peers.is_empty() && self.others_are_over() => {
                Some(end)
            }
            Some(Ending::InOrder(_)) | None => None,
        }
    }

    /// Waits for something to happen, and does what follows from it.
    fn wake(&mut self, events: &mut Events, program: &mut dyn Program) -> io::Result<()> {
        let patience = if self.goes_on() {
            Some(Duration::ZERO)
        } else {
            self.alarm.set(self.context.timers.next(), self.epoch)?;
            None // until it rings
        };
        match self.poll.poll(events, patience) {
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let now = self.epoch.elapsed();
        self.batch(events.iter().map(Readiness::from), now, program);
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Does what follows from a batch of events.
    fn batch(
        &mut self,
        events: impl Iterator<Item = Readiness>,
        now: Duration,
        program: &mut dyn Program,
    ) {
        self.context.now = now;
        for event in events {
            self.note(event, program);
        }
        while let Some(timer) = self.context.timers.pop(self.context.now) {
            self.fired(timer, program);
        }
        self.accept_all(program);
        self.admit_guests(program);
        self.run_peers(program);
        self.context.sources.end_batch();
        self.context.dials.end_batch();
        self.context.guests.end_batch();
        self.peers.end_batch();
        self.context.listeners.end_batch();
    }

    /// Whether there is something to do without another event.
    fn goes_on(&self) -> bool {
        !self.run.is_empty() || self.can_accept()
    }

    /// Once: what was begun to get ready goes on.
    fn start(&mut self, program: &mut dyn Program) {
        if core::mem::replace(&mut self.started, Started::Yes) == Started::Yes {
            return;
        }
        self.context.now = self.epoch.elapsed();
        for (_, listening) in self.context.listeners.iter_mut() {
            program.observe(&Event::Listening {
                address: listening.place(),
                forward: None,
            });
        }
        if let Side::Client(_) = &self.side {
            self.start_client(program);
        }
    }
}
