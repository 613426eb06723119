//! What other threads tell the loop: a list, and mio's waker to say that something is in it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Notes that the loop has not read; `None` once it is gone. The standard library's channel would do
/// the same, with three kinds of channels in the program for the one that is used.
struct Notes(Mutex<Option<VecDeque<Note>>>);

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Note>>> {
        // Nothing that can fail is done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the loop reads them.
pub(super) struct Inbox(Arc<Notes>);

impl Inbox {
    /// The oldest.
    pub(super) fn next(&self) -> Option<Note> {
        self.0.lock().as_mut()?.pop_front()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let unread = self.0.lock().take();
        // Not under the lock: what a note holds may have something to say when it is dropped.
        drop(unread);
    }
}

/// Where notes go.
#[derive(Clone)]
pub(super) struct Outlet {
    notes: Arc<Notes>,
    waker: Arc<Waker>,
}

impl core::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Outlet")
    }
}

impl Outlet {
    pub(super) fn new(waker: Waker) -> (Self, Inbox) {
        let notes = Arc::new(Notes(Mutex::new(Some(VecDeque::new()))));
        let inbox = Inbox(Arc::clone(&notes));
        let waker = Arc::new(waker);
        (Self { notes, waker }, inbox)
    }

    /// Sends, and wakes the loop. A loop that is gone does not mind.
    pub(super) fn send(&self, note: Note) {
        match self.notes.lock().as_mut() {
            Some(notes) => notes.push_back(note),
            None => return,
        }
        // Nobody else would wake the loop for this note.
        let _ = retry(|| self.waker.wake());
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
