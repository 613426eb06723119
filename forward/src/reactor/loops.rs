//! A server on several cores: one event loop and one thread for each of them.
//!
//! ```text
//!                     ┌ loop 0: accepts, decides who may begin (door) ─ its sessions
//!     one process ────┼ loop 1: ◄─ newcomers (inbox) ─────────────────── its sessions
//!                     └ loop 2: ◄─ newcomers (inbox) ─────────────────── its sessions
//! ```
//!
//! A session lives on one loop from its first byte to its last, with its channels, listeners and
//! connections. What loops share is counters (the door's, each loop's number of sessions, the book),
//! turns at making files, and the threads that wait for names and files.

use core::convert::Infallible;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use super::config::ServerConfig;
use super::inbox::{Handle, Note, Outlet};
use super::pool::Pool;
use super::resolve::THREADS_MAX;
use super::server::Server;
use super::signal::Signals;
use super::spread::{Neighbour, Spread};
use super::{End, FILE_THREADS_MAX, Reactor};
use crate::observer::Program;

/// Most loops. One process with more serves no better: accept(2) is on one of them, and what they
/// serve is bounded by the memory and the network of one machine.
pub const LOOPS_MAX: usize = 64;

/// How long the other loops may take to close what they have, once the first one is over.
const END_TIME: Duration = Duration::from_millis(200);

/// How many loops a server has: from 1 to [`LOOPS_MAX`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoopCount(NonZeroUsize);

impl LoopCount {
    /// One.
    pub const ONE: Self = Self(NonZeroUsize::MIN);

    /// `None` for 0, and for more than [`LOOPS_MAX`].
    #[must_use]
    pub fn new(n: usize) -> Option<Self> {
        NonZeroUsize::new(n)
            .filter(|n| n.get() <= LOOPS_MAX)
            .map(Self)
    }

    /// One for each core that this process may use, as far as the system says.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(cores.min(LOOPS_MAX)).unwrap_or(Self::ONE)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0.get()
    }
}

/// What all loops of one server use.
#[derive(Clone)]
pub(super) struct Commons {
    /// The clock's start, so that a time means the same on each of them.
    pub(super) epoch: Instant,
    /// One pool of threads for all of them: however many loops there are, no more threads than one
    /// has, and all of those for the loop that has work.
    pub(super) names: Arc<Pool>,
    pub(super) files: Arc<Pool>,
}

impl Default for Commons {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            names: Arc::new(Pool::new("adit-resolve", THREADS_MAX)),
            files: Arc::new(Pool::new("adit-files", FILE_THREADS_MAX)),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Loops {
    first: Reactor,
    others: Vec<Reactor>,
}

impl Loops {
    /// A server on sockets that listen already: see [`listen`](super::listen).
    ///
    /// # Errors
    /// When the system does not give what the loops need, randomness among it.
    pub fn server(
        config: ServerConfig,
        listeners: Vec<TcpListener>,
        count: LoopCount,
    ) -> io::Result<Self> {
        let mut server = Server::new(config)?;
        let commons = Commons::default();
        let mut others = Vec::new();
        let mut neighbours = Vec::new();
        for _ in 1..count.get() {
            let beside = server.beside();
            let load = beside.spread.load.clone();
            let other = Reactor::serving(beside, Vec::new(), commons.clone())?;
            let notes = other.context.notes.clone();
            neighbours.push(Neighbour { notes, load });
            others.push(other);
        }
        server.spread = Spread {
            others_up: neighbours.len(),
            others: neighbours,
            ..Spread::default()
        };
        let first = Reactor::serving(server, listeners, commons)?;
        Ok(Self { first, others })
    }

    /// Lets these signals end all loops.
    ///
    /// # Errors
    /// When the descriptor cannot be registered.
    pub fn watch_signals(&mut self, signals: Signals) -> io::Result<()> {
        self.first.watch_signals(signals)
    }

    /// What stops it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.first.handle()
    }

    /// Runs until the end: the first loop here, each other one on a thread of its own. Each has a
    /// program of its own, made here and told the loop's number; the first one, 0, is the one that
    /// accepts. All end together. One that does not come to its end within a second, because its
    /// program holds it, is left behind with its thread.
    ///
    /// # Errors
    /// When a loop fails (no peer and no local socket can cause that), or a thread cannot be had.
    pub fn run<P: Program + Send + 'static>(
        self,
        mut program: impl FnMut(usize) -> P,
    ) -> io::Result<End> {
        let Self { first, others } = self;
        let (alive, ended) = mpsc::channel();
        let notes = first.context.notes.clone();
        let outlets: Vec<Outlet> = others
            .iter()
            .map(|other| other.context.notes.clone())
            .collect();
        let started = (1..).zip(others).try_for_each(|(n, other)| {
            let farewell = Farewell {
                first: notes.clone(),
                how: None,
                _alive: alive.clone(),
            };
            spawn(n, other, program(n), farewell)
        });
        drop(alive);
        let end = started.and_then(|()| first.run(&mut program(0)));
        for outlet in outlets {
            outlet.send(Note::StopNow);
        }
        wait_for(&ended);
        end
    }
}

/// What a loop's thread leaves behind, however it ends.
struct Farewell {
    first: Outlet,
    /// `None` where it panicked.
    how: Option<io::Result<()>>,
    /// Dropped behind everything else that the thread had.
    _alive: Sender<Infallible>,
}

impl Farewell {
    /// The loop has ended so.
    fn leave(mut self, how: io::Result<End>) {
        self.how = Some(how.map(|_| ()));
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let how = self.how.take();
        let how = how.unwrap_or_else(|| Err(io::Error::other("a loop panicked")));
        self.first.send(Note::LoopOver(how));
    }
}

fn spawn(
    n: usize,
    other: Reactor,
    mut program: impl Program + Send + 'static,
    farewell: Farewell,
) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("adit-loop-{n}"))
        .spawn(move || {
            let how = other.run(&mut program);
            drop(program);
            farewell.leave(how);
        })
        .map(drop)
}

/// Until nobody is left who could send, but no longer than that.
fn wait_for(ended: &Receiver<Infallible>) {
    // Nothing is ever sent: it is over or it takes too long.
    let _ = ended.recv_timeout(END_TIME);
}
