//! Connections being made: the sockets of a [`Race`]. The first that connects wins; the others are
//! closed.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::Source;
use super::context::Context;
use super::race::{Race, Step};
use super::ready::{Readiness, Ready};
use super::stream::Stream;
use super::timer::{Armed, Timer};

/// Between the first two looks whether a Unix socket has room for another connection. Each further
/// wait is twice as long, up to [`PATH_RETRY_MAX`]: a peer may have thousands of channels wait.
pub(super) const PATH_RETRY: Duration = Duration::from_millis(50);

/// Longest wait between two looks: what it adds to a wait that is as long already is not noticed.
pub(super) const PATH_RETRY_MAX: Duration = Duration::from_secs(1);

/// A socket that is connected, with its place among the sources.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: Stream,
    /// Over TCP.
    pub(super) address: Option<SocketAddr>,
    pub(super) source: usize,
    pub(super) ready: Ready,
}

impl Connected {
    /// Nobody wants it any more. RST: who accepted it must not take it for a connection that was
    /// used and ended in order.
    pub(super) fn give_up(self, context: &mut Context) {
        self.stream.reset();
        context.sources.remove(self.source);
    }
}

/// Why no address could be reached.
#[derive(Debug)]
pub(super) enum Failed {
    /// The last address's error; the others' are like it.
    Connect(io::Error),
    TooLate,
}

/// Hears of an attempt that begins (no error), and of one that failed.
pub(super) type Tell<'a> = &'a mut dyn FnMut(SocketAddr, Option<&io::Error>);

/// How far it is.
#[derive(Debug)]
pub(super) enum Progress {
    Connected(Connected),
    Failed(Failed),
    Pending,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Where<'a> {
    /// One of these addresses.
    Addresses(&'a [SocketAddr]),
    /// A Unix socket.
    Path(&'a Path),
}

/// Attempts to reach one host.
#[derive(Debug)]
pub(super) struct Dial {
    race: Race,
    /// Instead of addresses.
    path: Option<Box<Path>>,
    /// Until when a path is tried.
    path_deadline: Option<Duration>,
    /// How long it is left alone before it is tried again.
    path_retry: Duration,
    attempts: Vec<Attempt>,
    last_error: Option<io::Error>,
    armed: Armed,
}

#[derive(Debug)]
struct Attempt {
    stream: Stream,
    address: SocketAddr,
    source: usize,
    ready: Ready,
}

/// What an attempt's socket says.
enum Look {
    Connected,
    Failed(io::Error),
    NotYet,
}

impl Dial {
    pub(super) fn new(to: Where<'_>, deadline: Option<Duration>) -> Self {
        let (addresses, path) = match to {
            Where::Addresses(addresses) => (addresses, None),
            Where::Path(path) => (&[][..], Some(path.into())),
        };
        Self {
            race: Race::new(addresses, deadline),
            path,
            path_deadline: deadline,
            path_retry: PATH_RETRY,
            attempts: Vec::new(),
            last_error: None,
            armed: Armed::default(),
        }
    }

    /// Goes on as far as it can without waiting. `slot` is where this dial is (or would be) kept:
    /// events and timers name it. `tell` hears of attempts and of their failures.
    pub(super) fn advance(
        &mut self,
        slot: usize,
        context: &mut Context,
        tell: Tell<'_>,
    ) -> Progress {
        if let Some(path) = self.path.take() {
            return self.reach(slot, path, context);
        }
        loop {
            match self.race.step(context.now) {
                Step::Try(address) => {
                    tell(address, None);
                    match self.attempt(slot, address, context) {
                        Ok(None) => {}
                        Ok(Some(connected)) => {
                            self.finish(slot, context);
                            return Progress::Connected(connected);
                        }
                        Err(error) => self.failed(address, error, tell),
                    }
                }
                Step::Wait(until) => {
                    context
                        .timers
                        .arm(Timer::Dial(slot), &mut self.armed, until);
                    return Progress::Pending;
                }
                Step::Lost => {
                    self.finish(slot, context);
                    let error = self.last_error.take();
                    let error = error.unwrap_or_else(|| ErrorKind::AddrNotAvailable.into());
                    return Progress::Failed(Failed::Connect(error));
                }
                Step::TooLate => {
                    self.finish(slot, context);
                    return Progress::Failed(Failed::TooLate);
                }
            }
        }
    }

    /// An event for one of the attempts' sockets; then [`Dial::advance`].
    pub(super) fn event(
        &mut self,
        slot: usize,
        event: Readiness,
        context: &mut Context,
        tell: Tell<'_>,
    ) -> Progress {
        let source = event.source;
        let Some(n) = self.attempts.iter().position(|a| a.source == source) else {
            return Progress::Pending;
        };
        if let Some(attempt) = self.attempts.get_mut(n) {
            attempt.ready.note(event);
            match look(&attempt.stream) {
                Look::NotYet => return Progress::Pending,
                Look::Connected => {
                    let won = self.attempts.swap_remove(n);
                    self.finish(slot, context);
                    return Progress::Connected(Connected {
                        stream: won.stream,
                        address: Some(won.address),
                        source: won.source,
                        ready: Ready {
                            writable: true,
                            ..won.ready
                        },
                    });
                }
                Look::Failed(error) => {
                    let lost = self.attempts.swap_remove(n);
                    // It may be connected, and only not have been looked at.
                    lost.stream.reset();
                    context.sources.remove(lost.source);
                    self.failed(lost.address, error, tell);
                }
            }
        }
        self.advance(slot, context, tell)
    }

    /// The timer fired; then [`Dial::advance`].
    pub(super) fn fired(&mut self) {
        self.armed.fired();
    }

    /// Closes what is left of it.
    pub(super) fn finish(&mut self, slot: usize, context: &mut Context) {
        context.timers.disarm(Timer::Dial(slot), &mut self.armed);
        for attempt in self.attempts.drain(..) {
            // It may be connected by now: see `Connected::give_up`.
            attempt.stream.reset();
            context.sources.remove(attempt.source);
        }
    }

    /// A Unix socket takes a connection at once or not at all. Where it has no room for one now
    /// it is asked again: the system tells nobody when there is.
    fn reach(&mut self, slot: usize, path: Box<Path>, context: &mut Context) -> Progress {
        let connected = Stream::connect_path(&path, context.mark).and_then(|mut stream| {
            let source = context.register(&mut stream, Source::Waker)?;
            Ok(Connected {
                stream,
                address: None,
                source,
                ready: Ready::writable(),
            })
        });
        let again = context.now.saturating_add(self.path_retry);
        match connected {
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    && self.path_deadline.is_some_and(|deadline| again < deadline) =>
            {
                self.path = Some(path);
                self.path_retry = self.path_retry.saturating_mul(2).min(PATH_RETRY_MAX);
                let timers = &mut context.timers;
                timers.arm(Timer::Dial(slot), &mut self.armed, Some(again));
                Progress::Pending
            }
            Ok(connected) => {
                self.finish(slot, context);
                Progress::Connected(connected)
            }
            Err(error) => {
                self.finish(slot, context);
                Progress::Failed(Failed::Connect(error))
            }
        }
    }

    fn failed(&mut self, address: SocketAddr, error: io::Error, tell: Tell<'_>) {
        tell(address, Some(&error));
        self.last_error = Some(error);
        self.race.failed();
    }

    fn attempt(
        &mut self,
        slot: usize,
        address: SocketAddr,
        context: &mut Context,
    ) -> io::Result<Option<Connected>> {
        let mut stream = Stream::connect(address, context.mark)?;
        // On a fast path it is through already: one look saves a turn of the loop.
        let looked = look(&stream);
        if let Look::Failed(error) = looked {
            stream.reset();
            return Err(error);
        }
        let registered = context.register(&mut stream, Source::Attempt(slot));
        // It may be connected by now: see `Connected::give_up`.
        let source = registered.inspect_err(|_| stream.reset())?;
        if let Look::Connected = looked {
            return Ok(Some(Connected {
                stream,
                address: Some(address),
                source,
                ready: Ready::writable(),
            }));
        }
        self.attempts.push(Attempt {
            stream,
            address,
            source,
            ready: Ready::default(),
        });
        Ok(None)
    }
}

fn look(stream: &Stream) -> Look {
    match stream.peer_addr() {
        Ok(_) => return Look::Connected,
        Err(error) if error.kind() == ErrorKind::NotConnected => {}
        Err(error) => return Look::Failed(error),
    }
    // Only where it is not, for one call less: a connection that was made and broke has no peer
    // either.
    match stream.take_error() {
        Ok(Some(error)) | Err(error) => Look::Failed(error),
        Ok(None) => Look::NotYet,
    }
}
