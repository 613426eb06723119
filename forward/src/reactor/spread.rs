//! Which loop a session goes to: the one with the fewest. It stays there.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::door::Startup;
use super::inbox::{Note, Outlet};
use super::stream::Stream;
use crate::observer::PeerId;

/// How many sessions a loop has, and will have when it reads its notes.
#[derive(Clone, Debug, Default)]
pub(super) struct Load(Arc<AtomicUsize>);

/// One session's part of a load, until this is dropped.
#[derive(Debug)]
pub(super) struct Burden(Load);

impl Load {
    /// One more.
    pub(super) fn add(&self) -> Burden {
        // Relaxed, here and below: nothing else is ordered by it, and only one thread adds.
        self.0.fetch_add(1, Ordering::Relaxed);
        Burden(self.clone())
    }

    fn sessions(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Burden {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client that was let in, on the way to its loop.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) stream: Stream,
    pub(super) address: SocketAddr,
    /// Our end of it.
    pub(super) local: Option<SocketAddr>,
    pub(super) id: PeerId,
    /// When; every loop of a process counts from the same start.
    pub(super) accepted: Duration,
    pub(super) startup: Startup,
}

/// Another loop, as the first one knows it.
#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) notes: Outlet,
    pub(super) load: Load,
}

/// The loops that sessions are spread over, as the one knows them that accepts.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// Its own.
    pub(super) load: Load,
    pub(super) others: Vec<Neighbour>,
    /// How many of those have not ended.
    pub(super) others_up: usize,
}

impl Spread {
    /// Sends a newcomer to the loop with the fewest sessions. It comes back where that is this one,
    /// which is taken of several: then no other thread has to be woken.
    pub(super) fn place(&self, newcomer: Newcomer) -> Option<(Newcomer, Burden)> {
        let fewest = self.others.iter().min_by_key(|other| other.load.sessions());
        match fewest {
            Some(other) if other.load.sessions() < self.load.sessions() => {
                let burden = other.load.add();
                other.notes.send(Note::Newcomer(newcomer, burden));
                None
            }
            Some(_) | None => Some((newcomer, self.load.add())),
        }
    }

    /// The same to all others.
    pub(super) fn tell(&self, note: impl Fn() -> Note) {
        for other in &self.others {
            other.notes.send(note());
        }
    }
}
