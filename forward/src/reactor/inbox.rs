//! What other threads tell the loop: a channel, and mio's waker to say that something is in it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use mio::Waker;

use super::spread::{Burden, Newcomer};
use super::state::Letter;
use crate::observer::PeerId;
use crate::retry::retry;

/// One message to the loop.
pub(super) enum Note {
    /// An answer for a session, if it is still there.
    Letter {
        peer: PeerId,
        slot: usize,
        letter: Letter,
    },
    /// Another loop of this process has ended, and how.
    LoopOver(io::Result<()>),
    /// A client for this loop.
    Newcomer(Newcomer, Burden),
    /// Close in order.
    Stop,
    /// Close.
    StopNow,
    /// Standard output has all that it is to have, or takes no more.
    Written(io::Result<()>),
}

/// Where notes go.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    notes: Sender<Note>,
    waker: Arc<Waker>,
}

impl Outlet {
    pub(super) fn new(waker: Waker) -> (Self, Receiver<Note>) {
        let (notes, inbox) = mpsc::channel();
        let waker = Arc::new(waker);
        (Self { notes, waker }, inbox)
    }

    /// Sends, and wakes the loop. A loop that is gone does not mind.
    pub(super) fn send(&self, note: Note) {
        if self.notes.send(note).is_ok() {
            // Nobody else would wake the loop for this note.
            let _ = retry(|| self.waker.wake());
        }
    }
}

/// Stops an event loop from another thread.
#[derive(Clone, Debug)]
pub struct Handle(pub(super) Outlet);

impl Handle {
    /// The loop ends as after SIGTERM: every peer is told, and it is over within a second.
    pub fn stop(&self) {
        self.0.send(Note::Stop);
    }
}
