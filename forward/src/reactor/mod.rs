//! The event loop: readiness from mio, sockets, the clock, and the sessions that it drives.
//!
//! One loop belongs to one thread and one program, client or server; a process may have several.
//! Nothing here is global. A batch of events is noted first; then each session that can do
//! something takes one turn, so that peers, and channels within a peer, are served alike.

mod accept;
mod agent;
mod arena;
mod client;
mod config;
mod context;
mod desk;
mod dial;
mod inbox;
mod keys;
mod limits;
mod listener;
mod local;
mod opens;
mod peer;
mod pool;
mod race;
mod ready;
mod resolve;
mod server;
mod signal;
mod state;
mod timer;

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use adit_connection::ChannelId;
use mio::event::Event as Readiness;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::observer::{Authenticated, Event, Program};
use accept::Listening;
use arena::Arena;
use client::Client;
pub use config::{
    AgentConfig, AgentKeys, ClientConfig, Forward, Identities, KeepAlive, LoadedKey, MaxStartups,
    OnForwardFailure, ServerConfig, SshConfig,
};
use context::{Context, Owner};
use dial::Progress;
pub use inbox::Handle;
use inbox::{Note, Outlet};
pub use limits::raise_descriptor_limit;
pub use listener::listen;
use local::Queued;
use peer::{Next, Peer};
use pool::Pool;
use server::Server;
pub use signal::Signals;
use state::{Cause, Letter};
use timer::{Armed, Timer, Timers};

/// Events taken at once. More wait in the kernel for the next call.
const EVENTS_MAX: usize = 1024;
/// Threads for files: reading authorized_keys is short, unless the file system hangs.
const FILE_THREADS_MAX: usize = 2;
/// Sessions get this long to send their last words.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// What a mio token stands for: `Token(n)` is slot n of the sources.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The client's ssh-agent.
    Agent,
    /// A connection being made; the slot of its dial.
    Attempt(usize),
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
}

/// What a loop is for.
enum Side {
    Client(Box<Client>),
    Server(Box<Server>),
}

/// The event loop.
pub struct Reactor {
    poll: Poll,
    context: Context,
    inbox: Receiver<Note>,
    peers: Arena<Box<Peer>>,
    listeners: Arena<Listening>,
    /// Sessions that can make progress, longest waiting first.
    run: VecDeque<usize>,
    side: Side,
    signals: Option<Signals>,
    ending: Option<Ending>,
    close_timer: Armed,
    peers_made: u64,
    epoch: Instant,
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
    /// When the system does not give what a loop needs.
    pub fn client(config: ClientConfig) -> io::Result<Self> {
        Self::new(Side::Client(Box::new(Client::new(config))))
    }

    /// A server on sockets that listen already: see [`listen`].
    ///
    /// # Errors
    /// When the system does not give what a loop needs, randomness among it.
    pub fn server(config: ServerConfig, listeners: Vec<TcpListener>) -> io::Result<Self> {
        let mut reactor = Self::new(Side::Server(Box::new(Server::new(config)?)))?;
        for listener in listeners {
            reactor.listen_for_peers(listener)?;
        }
        Ok(reactor)
    }

    fn new(side: Side) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let mut sources = Arena::default();
        let waker = Waker::new(&registry, Token(sources.insert(Source::Waker)))?;
        let (notes, inbox) = Outlet::new(waker);
        Ok(Self {
            poll,
            context: Context {
                registry,
                sources,
                dials: Arena::default(),
                timers: Timers::default(),
                notes,
                names: Pool::new("adit-resolve", resolve::THREADS_MAX),
                files: Pool::new("adit-files", FILE_THREADS_MAX),
                now: Duration::ZERO,
            },
            inbox,
            peers: Arena::default(),
            listeners: Arena::default(),
            run: VecDeque::new(),
            side,
            signals: None,
            ending: None,
            close_timer: Armed::default(),
            peers_made: 0,
            epoch: Instant::now(),
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
        self.context.now = self.epoch.elapsed();
        self.start(program);
        loop {
            match self.ending {
                Some(Ending::AtOnce(end)) => return Ok(end),
                Some(Ending::InOrder(end)) if self.peers.is_empty() => return Ok(end),
                Some(Ending::InOrder(_)) | None => {}
            }
            match self.poll.poll(&mut events, self.patience()) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            self.context.now = self.epoch.elapsed();
            for event in &events {
                self.note(event, program);
            }
            while let Some(timer) = self.context.timers.pop(self.context.now) {
                self.fired(timer, program);
            }
            self.accept_all(program);
            self.run_peers(program);
            self.context.sources.end_batch();
            self.context.dials.end_batch();
            self.peers.end_batch();
            self.listeners.end_batch();
        }
    }

    /// How long nothing has to be done.
    fn patience(&self) -> Option<Duration> {
        if !self.run.is_empty() || self.can_accept() {
            return Some(Duration::ZERO);
        }
        let next = self.context.timers.next()?;
        // epoll counts milliseconds; mio rounds up, so a timer is due when this is over.
        Some(next.saturating_sub(self.epoch.elapsed()))
    }

    fn start(&mut self, program: &mut dyn Program) {
        for (_, listening) in self.listeners.iter_mut() {
            program.observe(&Event::Listening {
                address: listening.address(),
                forward: None,
            });
        }
        if let Side::Client(_) = &self.side {
            self.start_client(program);
        }
    }

    fn note(&mut self, event: &Readiness, program: &mut dyn Program) {
        let Some(source) = self.context.sources.get(event.token().0).copied() else {
            return; // closed earlier in this batch
        };
        match source {
            Source::Agent => self.agent_event(event, program),
            Source::Attempt(slot) => self.dial_event(slot, event, program),
            Source::Listener(slot) => {
                if let Some(listening) = self.listeners.get_mut(slot) {
                    listening.note();
                }
            }
            Source::Local { peer, channel } => {
                if let Some(found) = self.peers.get_mut(peer) {
                    found.note_local(channel, event);
                    self.schedule(peer);
                }
            }
            Source::Peer(peer) => {
                if let Some(found) = self.peers.get_mut(peer) {
                    found.note(event);
                    self.schedule(peer);
                }
            }
            Source::Signals => self.signalled(program),
            Source::Waker => self.read_notes(program),
        }
    }

    fn signalled(&mut self, program: &mut dyn Program) {
        while let Some(signal) = self.signals.as_ref().and_then(Signals::next) {
            let end = End::Signal(signal);
            if self.ending.is_some() {
                self.ending = Some(Ending::AtOnce(end));
                return;
            }
            self.stop(end, program);
        }
    }

    fn read_notes(&mut self, program: &mut dyn Program) {
        while let Ok(note) = self.inbox.try_recv() {
            match note {
                Note::Letter { peer, slot, letter } => {
                    if let Some(found) = self.peers.get_mut(slot)
                        && found.state.id == peer
                    {
                        found.state.letters.push(letter);
                        self.schedule(slot);
                    }
                }
                Note::Stop if self.ending.is_none() => self.stop(End::Stopped, program),
                Note::Stop => {}
            }
        }
    }

    fn fired(&mut self, timer: Timer, program: &mut dyn Program) {
        match timer {
            Timer::Agent => self.agent_too_slow(program),
            Timer::Close => {
                if let Some(Ending::InOrder(end)) = self.ending {
                    self.ending = Some(Ending::AtOnce(end));
                }
            }
            Timer::Dial(slot) => {
                if let Some(owned) = self.context.dials.get_mut(slot) {
                    owned.dial.fired();
                    let owner = owned.owner;
                    let progress = self.context.advance(slot, &mut client::tell_of(program));
                    self.dialled(owner, progress, program);
                }
            }
            Timer::Listener(slot) => {
                if let Some(listening) = self.listeners.get_mut(slot) {
                    listening.fired();
                }
            }
            Timer::Peer(slot) => {
                if let Some(peer) = self.peers.get_mut(slot) {
                    peer.fired();
                    self.schedule(slot);
                }
            }
            Timer::Retry => self.connect(program),
        }
    }

    fn dial_event(&mut self, slot: usize, event: &Readiness, program: &mut dyn Program) {
        if let Some(owned) = self.context.dials.get(slot) {
            let owner = owned.owner;
            let progress = {
                let tell = &mut client::tell_of(program);
                self.context.dial_event(slot, event, tell)
            };
            self.dialled(owner, progress, program);
        }
    }

    fn dialled(&mut self, owner: Owner, progress: Progress, program: &mut dyn Program) {
        match owner {
            Owner::Client => self.client_dialled(progress, program),
            Owner::Channel { peer, id, channel } => match self.peers.get_mut(peer) {
                Some(found) if found.state.id == id => {
                    if !matches!(progress, Progress::Pending) {
                        let letter = Letter::Dialled(channel, progress);
                        found.state.letters.push(letter);
                        self.schedule(peer);
                    }
                }
                Some(_) | None => {}
            },
        }
    }

    /// Gives a session a turn in this batch or the next.
    fn schedule(&mut self, slot: usize) {
        if let Some(peer) = self.peers.get_mut(slot)
            && peer.queued == Queued::No
        {
            peer.queued = Queued::Yes;
            self.run.push_back(slot);
        }
    }

    fn run_peers(&mut self, program: &mut dyn Program) {
        for _ in 0..self.run.len() {
            let Some(slot) = self.run.pop_front() else {
                break;
            };
            let Some(mut peer) = self.peers.take(slot) else {
                continue;
            };
            peer.queued = Queued::No;
            if peer.is_closing() {
                self.finish(slot, peer);
                continue;
            }
            let context = &mut self.context;
            // A fault in one session's turn ends that session alone.
            let turn = panic::catch_unwind(AssertUnwindSafe(|| peer.turn(context, program)));
            match turn.unwrap_or(Err(Cause::Panicked)) {
                Ok(next) => {
                    self.peers.put(slot, peer);
                    if next == Next::Runnable {
                        self.schedule(slot);
                    }
                    self.after_turn(slot, program);
                }
                Err(cause) => self.end_peer(slot, peer, &cause, program),
            }
        }
    }

    /// What a turn left to do outside its session.
    fn after_turn(&mut self, slot: usize, program: &mut dyn Program) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if peer.take_freed() == local::Seen::Yes {
            for (_, listening) in self.listeners.iter_mut() {
                listening.channel_freed();
            }
        }
        let news = peer.take_authenticated();
        match &mut self.side {
            Side::Client(_) => {
                self.ask_agent(slot);
                if news == local::Seen::Yes {
                    self.open_forwards(program);
                }
            }
            Side::Server(server) => {
                if news == local::Seen::Yes {
                    server.startup_over();
                }
            }
        }
    }

    /// A session is over: last words, resets, and the line for the log.
    fn end_peer(
        &mut self,
        slot: usize,
        mut peer: Box<Peer>,
        cause: &Cause,
        program: &mut dyn Program,
    ) {
        peer.end(cause, &mut self.context, program);
        let authenticated = peer.authenticated();
        let mut text = String::new();
        program.observe(&Event::PeerGone {
            peer: peer.state.info(),
            why: cause.told(&peer.session, &mut text),
            authenticated,
            received: peer.received,
            sent: peer.sent,
        });
        self.finish(slot, peer);
        match &mut self.side {
            Side::Client(_) => {
                let end = match authenticated {
                    Authenticated::No => End::NotAuthenticated,
                    Authenticated::Yes => End::SessionEnded,
                };
                if self.ending.is_none() {
                    self.stop(end, program);
                }
            }
            Side::Server(server) => {
                if authenticated == Authenticated::No {
                    server.startup_over();
                }
            }
        }
    }

    /// Lets go of a session that has ended, once its last words are sent or nobody takes them.
    fn finish(&mut self, slot: usize, mut peer: Box<Peer>) {
        match peer.last_flush(&mut self.context) {
            Next::Runnable => {
                self.context.sources.remove(peer.source());
                self.peers.release(slot);
            }
            Next::Wait => self.peers.put(slot, peer),
        }
    }

    /// Ends all: nothing is accepted any more, every peer is told, and it is over within a second.
    fn stop(&mut self, end: End, program: &mut dyn Program) {
        self.ending = Some(Ending::InOrder(end));
        self.close_listeners();
        self.stop_client();
        for slot in self.peers.numbers() {
            if self.peers.get(slot).is_some_and(|peer| !peer.is_closing())
                && let Some(peer) = self.peers.take(slot)
            {
                self.end_peer(slot, peer, &Cause::Stopped, program);
            }
        }
        let due = self.context.now.saturating_add(CLOSE_TIME);
        let timers = &mut self.context.timers;
        timers.arm(Timer::Close, &mut self.close_timer, Some(due));
    }
}
