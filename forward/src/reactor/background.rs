//! What a program needs to go to the background (`-f`): a loop that can be left when its forwards
//! stand, with no thread beside it, and taken up again in another process.

use std::io;

use mio::Events;
use mio::unix::SourceFd;

use super::local::Seen;
use super::signal::Signals;
use super::{EVENTS_MAX, End, Reactor, Side};
use crate::observer::Program;

impl Reactor {
    /// Runs until a client's forwards listen, or until the end. `None`: they do, all of them where
    /// [`OnForwardFailure::End`](super::OnForwardFailure::End) asks for it, and [`Reactor::run`]
    /// goes on from there. A server is ready at once.
    ///
    /// # Errors
    /// As [`Reactor::run`].
    pub fn run_until_ready(&mut self, program: &mut dyn Program) -> io::Result<Option<End>> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.start(program);
        loop {
            if let Some(end) = self.ended() {
                return Ok(Some(end));
            }
            if self.is_ready() {
                return Ok(None);
            }
            self.wake(&mut events, program)?;
        }
    }

    fn is_ready(&self) -> bool {
        match &self.side {
            Side::Client(client) => self.ending.is_none() && client.forwards_tried == Seen::Yes,
            Side::Server(_) => true,
        }
    }

    /// Waits until no thread of this loop is left: fork(2) would take none along. Threads are
    /// started again when there is work for them.
    pub fn quiesce(&mut self) {
        self.context.people.join();
        self.context.files.join();
        self.context.names.join();
    }

    /// Takes signals from a new descriptor. One that was made before fork(2) tells of its parent's.
    ///
    /// # Errors
    /// When the descriptor cannot be registered.
    pub fn renew_signals(&mut self, signals: Signals) -> io::Result<()> {
        if let Some(old) = self.signals.take() {
            self.context.registry.deregister(&mut SourceFd(&old.fd()))?;
        }
        self.watch_signals(signals)
    }
}
