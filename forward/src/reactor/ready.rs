//! What a socket can do, remembered: mio is edge-triggered, so a bit stays set until a call says
//! that it is over.

use mio::event::Event;

/// What one event says of one socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    /// Its place among the loop's sources.
    pub(super) source: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) read_closed: bool,
    pub(super) error: bool,
    pub(super) priority: bool,
}

impl From<&Event> for Readiness {
    fn from(event: &Event) -> Self {
        Self {
            source: event.token().0,
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            error: event.is_error(),
            priority: event.is_priority(),
        }
    }
}

/// Readiness of one socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    /// A read may give something.
    pub(super) readable: bool,
    /// A write may take something.
    pub(super) writable: bool,
    /// The other end is done, or gone: for good. No further event comes for that, so with it set
    /// reading goes on until 0 or an error.
    pub(super) hung_up: bool,
    /// The socket has failed: for good.
    pub(super) failed: bool,
    /// There were urgent bytes. A read stops where they are, however much lies behind them.
    pub(super) urgent: bool,
}

impl Ready {
    /// Of a socket that was just connected: there is room, and its first event says the rest.
    pub(super) fn writable() -> Self {
        Self {
            writable: true,
            ..Self::default()
        }
    }

    /// Takes over what an event says.
    pub(super) fn note(&mut self, event: Readiness) {
        self.hung_up |= event.read_closed;
        self.failed |= event.error;
        self.urgent |= event.priority;
        self.readable |= event.readable || self.hung_up || self.failed;
        // A write to a socket that failed says so.
        self.writable |= event.writable || self.failed;
    }

    /// A read did not fill what it was given: the next one would only say `WouldBlock`, unless it
    /// is the one that says how the stream ends, or the one before stopped at urgent bytes.
    pub(super) fn read_short(&mut self) {
        self.readable = self.hung_up || self.failed || self.urgent;
    }

    /// A read said `WouldBlock`.
    pub(super) fn read_blocked(&mut self) {
        self.readable = false;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::time::Duration;

    use mio::net::UnixStream;
    use mio::{Events, Interest, Poll, Token};

    use super::*;

    #[test]
    fn a_short_read_clears_the_bit_unless_an_end_or_urgent_bytes_were_seen() {
        let mut ready = Ready {
            readable: true,
            ..Ready::default()
        };
        ready.read_short();
        assert!(!ready.readable);
        for sticky in [
            Ready {
                hung_up: true,
                ..ready
            },
            Ready {
                failed: true,
                ..ready
            },
            Ready {
                urgent: true,
                ..ready
            },
        ] {
            let mut ready = Ready {
                readable: true,
                ..sticky
            };
            ready.read_short();
            assert!(ready.readable);
            ready.read_blocked();
            assert!(!ready.readable);
        }
    }

    #[test]
    fn the_end_of_a_stream_sticks() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut ours = ours;
        let mut poll = Poll::new().unwrap();
        poll.registry()
            .register(&mut ours, Token(0), Interest::READABLE | Interest::WRITABLE)
            .unwrap();
        let mut events = Events::with_capacity(8);
        let mut ready = Ready::default();
        let mut wait = |ready: &mut Ready| {
            poll.poll(&mut events, Some(Duration::from_secs(5)))
                .unwrap();
            events.iter().for_each(|event| ready.note(event.into()));
        };
        theirs.write_all(b"one").unwrap();
        wait(&mut ready);
        assert!(ready.readable && ready.writable && !ready.hung_up);
        assert_eq!(ours.read(&mut [0; 100]).unwrap(), 3);
        ready.read_short();
        assert!(!ready.readable);
        theirs.write_all(b"two").unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        wait(&mut ready);
        assert!(ready.readable && ready.hung_up);
        assert_eq!(ours.read(&mut [0; 100]).unwrap(), 3);
        ready.read_short();
        assert!(ready.readable, "the read of 0 is still to come");
        assert_eq!(ours.read(&mut [0; 100]).unwrap(), 0);
    }
}
