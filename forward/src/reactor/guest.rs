//! An application that is yet to say where to: how its request is read, and how it is told why there
//! is no connection. Its socket alone; nothing here knows of the others.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, Write as _};

use super::local::{Seen, Socket};
use super::stream::ShortReads;
use super::timer::Armed;
use crate::retry::retry;
use crate::socks::{Greeting, Refusal, Request, Step, Version};

/// What is read and dropped of one that leaves, so that closing does not reset the connection while
/// the reply is on its way.
pub(super) const DROPPED_MAX: usize = 256 * 1024;

/// Looked at in one call.
const PIECE: usize = 1024;

/// An application without a channel.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) socket: Socket,
    pub(super) about: About,
    pub(super) stage: Stage,
    /// To be sent to it.
    pub(super) reply: Vec<u8>,
    pub(super) until: Duration,
    pub(super) armed: Armed,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    Greeting(Greeting),
    Waiting(Request),
    Leaving {
        /// FIN is behind the reply.
        finished: Seen,
        dropped: usize,
    },
}

/// Who an application is.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// Over TCP.
    pub(super) from: Option<SocketAddr>,
    /// The forward it came in by.
    pub(super) forward: usize,
}

/// What a turn of a guest came to.
#[derive(Debug)]
pub(super) enum Turn {
    Asked(Request),
    Gone,
    Refused(Refusal, Option<Version>),
    Stays,
}

/// How much of a reply has gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    All,
    Part,
}

impl Stage {
    pub(super) const LEAVING: Self = Self::Leaving {
        finished: Seen::No,
        dropped: 0,
    };
}

impl Guest {
    /// Goes on until nothing more can be done. Bounded: a request has a longest length, and so has
    /// what is dropped behind a reply.
    pub(super) fn turn(&mut self) -> Turn {
        loop {
            match self.send() {
                Ok(Sent::All) => {}
                Ok(Sent::Part) => return Turn::Stays,
                Err(_) => return Turn::Gone,
            }
            let came = match &mut self.stage {
                Stage::Greeting(_) => self.listen(),
                // Its socket is read once it has a channel; until then only its end is of interest.
                Stage::Waiting(_) if self.socket.ready.failed => Some(Turn::Gone),
                Stage::Waiting(_) => Some(Turn::Stays),
                Stage::Leaving { .. } => self.leave(),
            };
            if let Some(turn) = came {
                return turn;
            }
        }
    }

    /// Sends what is to be sent, as far as there is room.
    fn send(&mut self) -> io::Result<Sent> {
        while !self.reply.is_empty() {
            if !self.socket.ready.writable {
                return Ok(Sent::Part);
            }
            let (stream, reply) = (&mut self.socket.stream, &self.reply);
            match retry(|| stream.write(reply)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.reply.drain(..n.min(self.reply.len()))),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.socket.ready.writable = false,
                Err(e) => return Err(e),
            }
        }
        Ok(Sent::All)
    }

    /// Takes what belongs to its request, and nothing of what is behind it.
    fn listen(&mut self) -> Option<Turn> {
        let Stage::Greeting(greeting) = &mut self.stage else {
            return Some(Turn::Stays);
        };
        let Socket { stream, ready, .. } = &mut self.socket;
        if !ready.readable {
            return Some(Turn::Stays);
        }
        let mut piece = [0; PIECE];
        let there = match retry(|| stream.peek(&mut piece)) {
            Ok(0) => return Some(Turn::Gone),
            Ok(there) => there,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                ready.read_blocked();
                return Some(Turn::Stays);
            }
            Err(_) => return Some(Turn::Gone),
        };
        let (taken, step) = greeting.handle(piece.get(..there).unwrap_or(&[]));
        let mut left = taken;
        while left > 0 {
            let space = piece.get_mut(..left).unwrap_or(&mut []);
            match retry(|| stream.read(space)) {
                Ok(n @ 1..) => left = left.saturating_sub(n),
                // It was there a moment ago.
                Ok(_) | Err(_) => return Some(Turn::Gone),
            }
        }
        match step {
            None => {
                if there < PIECE && stream.short_reads() == ShortReads::Empty {
                    ready.read_short();
                }
                None
            }
            Some(Step::Reply(reply)) => {
                self.reply.extend_from_slice(reply);
                None
            }
            Some(Step::Asked(request)) => Some(Turn::Asked(request)),
            Some(Step::Refused(why)) => {
                let (version, reply) = (greeting.version(), greeting.refuse(why));
                self.sent_away(reply);
                Some(Turn::Refused(why, version))
            }
        }
    }

    /// From now on it only hears why.
    pub(super) fn sent_away(&mut self, reply: Vec<u8>) {
        self.reply.extend(reply);
        self.stage = Stage::LEAVING;
    }

    /// FIN behind the reply, and then whatever comes until its end.
    fn leave(&mut self) -> Option<Turn> {
        let Stage::Leaving { finished, dropped } = &mut self.stage else {
            return Some(Turn::Stays);
        };
        let Socket { stream, ready, .. } = &mut self.socket;
        if *finished == Seen::No {
            *finished = Seen::Yes;
            if stream.shutdown().is_err() {
                return Some(Turn::Gone);
            }
        }
        if !ready.readable {
            return Some(Turn::Stays);
        }
        let mut piece = [0; PIECE];
        match retry(|| stream.read(&mut piece)) {
            Ok(n @ 1..) if *dropped < DROPPED_MAX => *dropped += n,
            Ok(_) => {
                stream.end_in_order();
                return Some(Turn::Gone);
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                ready.read_blocked();
                return Some(Turn::Stays);
            }
            Err(_) => return Some(Turn::Gone),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::UnixStream;

    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

    use super::super::ready::Ready;
    use super::super::stream::Stream;
    use super::*;

    #[test]
    fn a_request_that_comes_with_descriptors_is_read_to_its_end_at_once() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        // A read stops behind the bytes that descriptors came with.
        let passed = [theirs.as_raw_fd()];
        let with = [ControlMessage::ScmRights(&passed)];
        let fd = theirs.as_raw_fd();
        let first = [IoSlice::new(b"CONNECT ")];
        sendmsg::<()>(fd, &first, &with, MsgFlags::empty(), None).unwrap();
        theirs.write_all(b"host:80 HTTP/1.1\r\n\r\n").unwrap();
        let mut guest = Guest {
            socket: Socket {
                stream: Stream::Unix(mio::net::UnixStream::from_std(ours)),
                source: 0,
                ready: Ready {
                    readable: true,
                    writable: true,
                    ..Ready::default()
                },
            },
            about: About {
                from: None,
                forward: 0,
            },
            stage: Stage::Greeting(Greeting::default()),
            reply: Vec::new(),
            until: Duration::ZERO,
            armed: Armed::default(),
        };
        let turn = guest.turn();
        let Turn::Asked(request) = turn else {
            panic!("{turn:?}");
        };
        assert_eq!((&*request.host, request.port), (&b"host"[..], 80));
    }
}
