//! The local side of a channel: the socket of an application or of a destination, or what leads to
//! one.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use adit_connection::{ChannelId, ORIGINATOR_MAX};
use adit_proto::msg::{DirectStreamlocal, DirectTcpip};

use super::asking::Asking;
use super::context::Context;
use super::forwards::To;
use super::guest::About;
use super::handed_on::Forwarded;
use super::hops::Joint;
use super::ready::Ready;
use super::remotes::Named;
use super::resolve::Wanted;
use super::stream::Stream;
use super::whither::{NOWHERE, came_from, destination, destination_of, entrance, whither};
use crate::observer::{ChannelEnd, ClosedChannel, Destination, Opener};
use crate::socks::Request;
use crate::spill::Spill;

/// One channel's local side.
pub(super) struct Local {
    pub(super) channel: ChannelId,
    pub(super) way: Way,
    pub(super) spill: Spill,
    /// In its session's run queue.
    pub(super) queued: Queued,
    /// The local side has sent its last byte.
    pub(super) local_eof: Seen,
    /// It takes nothing any more; what it had sent before is still read.
    pub(super) deaf: Seen,
    /// The peer has sent its last byte.
    pub(super) peer_eof: Seen,
    /// The peer's CLOSE is here.
    pub(super) peer_close: Seen,
    /// Bytes to the peer and from it.
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) since: Duration,
    pub(super) subject: Subject,
}

/// How far a local side is.
pub(super) enum Way {
    /// Nobody has said where to, or it is not to be gone there.
    Nowhere,
    /// Its name waits to be looked up, or is being looked up.
    LookUp(Box<LookUp>),
    /// It is being connected; the dial's slot.
    Dial(usize),
    /// It has a socket.
    Socket(Socket),
}

pub(super) struct LookUp {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) wanted: Wanted,
    /// When its client hears that it took too long.
    pub(super) until: Duration,
}

/// A socket, its place among the sources, and what it can do.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Stream,
    pub(super) source: usize,
    pub(super) ready: Ready,
}

/// What a channel is about.
pub(super) enum Subject {
    /// An application on a forwarded port: which forward, and who connected.
    Forward {
        forward: usize,
        /// Over TCP.
        from: Option<SocketAddr>,
    },
    /// An application that said itself where to.
    Guest(Box<(About, Request)>),
    /// A destination that the client asked for.
    Direct(Box<Direct>),
    /// A connection that a client's server has handed on.
    Forwarded(Box<Forwarded>),
    /// What a client connects itself: the next server, or standard input and output.
    Joint { joint: Joint, to: Box<To> },
    /// A connection to what a client had its server listen on.
    Remote {
        at: Arc<Named>,
        /// Over TCP.
        from: Option<SocketAddr>,
    },
}

impl Subject {
    /// Where a connection says itself where to, over its channel: what it has said.
    pub(super) fn asking(&mut self) -> Option<&mut Asking> {
        self.asking_slot()?.as_deref_mut()
    }

    /// Where that is kept.
    pub(super) fn asking_slot(&mut self) -> Option<&mut Option<Box<Asking>>> {
        match self {
            Self::Forwarded(forwarded) => Some(&mut forwarded.asking),
            Self::Guest(_)
            | Self::Direct(_)
            | Self::Forward { .. }
            | Self::Joint { .. }
            | Self::Remote { .. } => None,
        }
    }

    /// Where a channel of the peer's leads, from here.
    pub(super) fn reached(&self) -> Option<Destination<'_>> {
        match self {
            Self::Direct(direct) => Some(direct.to()),
            Self::Forwarded(forwarded) => Some(forwarded.to()),
            Self::Guest(_) | Self::Forward { .. } | Self::Joint { .. } | Self::Remote { .. } => {
                None
            }
        }
    }
}

/// direct-tcpip or direct-streamlocal@openssh.com as it was asked for (RFC 4254 §7.2; OpenSSH,
/// PROTOCOL §2.4).
pub(super) struct Direct {
    to: Named,
    originator: Vec<u8>,
    originator_port: u32,
}

impl Direct {
    /// Keeps of the originator what an address takes. Nothing is done with it but to show it, and
    /// a client could have us hold 30 kB of it for each of thousands of channels. The host has a
    /// limit in the layer below.
    pub(super) fn tcp(asked: &DirectTcpip<'_>) -> Self {
        Self {
            to: Named::Tcp {
                address: asked.host_to_connect.to_vec(),
                // No other reaches this floor, and nothing is at 0.
                port: u16::try_from(asked.port_to_connect).unwrap_or(0),
            },
            originator: kept(asked.originator_ip_address),
            originator_port: asked.originator_port,
        }
    }

    /// The two reserved fields are where sshd expects the originator.
    pub(super) fn streamlocal(asked: &DirectStreamlocal<'_>) -> Self {
        Self {
            to: Named::Unix {
                path: asked.socket_path.to_vec(),
            },
            originator: kept(asked.reserved),
            originator_port: asked.reserved_port,
        }
    }

    pub(super) fn to(&self) -> Destination<'_> {
        self.to.at()
    }

    pub(super) fn originator(&self) -> Destination<'_> {
        Destination::Tcp {
            host: &self.originator,
            port: self.originator_port,
        }
    }
}

/// As much of an originator as an address takes: a peer may send 30 kB of it with each channel.
pub(super) fn kept(originator: &[u8]) -> Vec<u8> {
    originator.iter().copied().take(ORIGINATOR_MAX).collect()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Queued {
    No,
    Yes,
}

/// Whether a local side needs anything more of its channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Needs {
    Channel,
    Nothing,
}

/// Whether something has happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    No,
    Yes,
}

/// How a socket is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// FIN: everything was delivered.
    Fin,
    /// RST: the application must not take a broken tunnel for a clean end.
    Reset,
}

impl Local {
    pub(super) fn new(channel: ChannelId, way: Way, subject: Subject, now: Duration) -> Self {
        Self {
            channel,
            way,
            spill: Spill::default(),
            queued: Queued::No,
            local_eof: Seen::No,
            deaf: Seen::No,
            peer_eof: Seen::No,
            peer_close: Seen::No,
            sent: 0,
            received: 0,
            since: now,
            subject,
        }
    }

    pub(super) fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.way {
            Way::Socket(socket) => Some(socket),
            Way::Dial(_) | Way::LookUp(_) | Way::Nowhere => None,
        }
    }

    /// Passes the peer's end of data on, once there is nothing left to write.
    pub(super) fn settle(&mut self) -> Needs {
        if !self.spill.is_empty() {
            return Needs::Channel;
        }
        if self.peer_close == Seen::Yes {
            return Needs::Nothing;
        }
        if self.peer_eof == Seen::Yes {
            if self.local_eof == Seen::Yes {
                return Needs::Nothing;
            }
            // Where bytes were given up, FIN would say that there were none.
            if self.deaf == Seen::No
                && let Some(socket) = self.socket()
            {
                // Fails only where the other end is gone, which an event tells as well.
                let _ = socket.stream.shutdown();
            }
        }
        Needs::Channel
    }

    /// Why it ended, if nothing failed.
    pub(super) fn end(&self) -> ChannelEnd {
        if self.local_eof == Seen::Yes && self.peer_eof == Seen::Yes {
            ChannelEnd::Finished
        } else {
            ChannelEnd::PeerClosed
        }
    }

    /// Closes its socket, or gives up what leads to one.
    pub(super) fn close(mut self, ending: Ending, context: &mut Context) {
        match self.way {
            Way::Nowhere => {}
            Way::LookUp(look_up) => look_up.wanted.give_up(),
            Way::Dial(slot) => {
                if let Some(mut dial) = context.dials.remove(slot) {
                    dial.dial.finish(slot, context);
                }
            }
            Way::Socket(Socket { stream, source, .. }) => {
                match ending {
                    Ending::Fin => stream.end_in_order(),
                    Ending::Reset => stream.reset(),
                }
                context.sources.remove(source);
            }
        }
        self.spill.clear();
    }

    /// Who opened its channel.
    fn opener(&self) -> Opener {
        match &self.subject {
            Subject::Direct(_) | Subject::Forwarded(_) => Opener::Peer,
            Subject::Guest(_)
            | Subject::Forward { .. }
            | Subject::Joint { .. }
            | Subject::Remote { .. } => Opener::Us,
        }
    }

    /// For the log.
    pub(super) fn told<'a>(
        &'a self,
        forwards: &'a [super::Forward],
        from: &'a mut String,
        why: ChannelEnd,
        now: Duration,
    ) -> ClosedChannel<'a> {
        let (from, to) = match &self.subject {
            Subject::Direct(direct) => (direct.originator(), direct.to()),
            Subject::Forwarded(forwarded) => (forwarded.originator(), forwarded.to()),
            Subject::Joint { to, .. } => (NOWHERE, whither(to)),
            Subject::Forward {
                forward,
                from: address,
            } => {
                let from = address.map(|address| came_from(address, from));
                (
                    from.unwrap_or_else(|| entrance(forwards, *forward)),
                    destination(forwards, *forward),
                )
            }
            Subject::Guest(guest) => {
                let (about, request) = &**guest;
                let from = about.from.map(|address| came_from(address, from));
                let from = from.unwrap_or_else(|| entrance(forwards, about.forward));
                (from, destination_of(request))
            }
            Subject::Remote { at, from: address } => {
                let from = address.map(|address| came_from(address, from));
                (from.unwrap_or_else(|| at.at()), at.at())
            }
        };
        ClosedChannel {
            channel: self.channel.slot().into(),
            opener: self.opener(),
            from,
            to,
            sent: self.sent,
            received: self.received,
            lasted: now.saturating_sub(self.since),
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};

    use adit_connection::{Accepts, Channels, Limits};

    use super::*;

    /// A local side with a socket, and who is connected to it.
    fn connected() -> (Local, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ours = std::net::TcpStream::connect(address).unwrap();
        ours.set_nonblocking(true).unwrap();
        let way = Way::Socket(Socket {
            stream: Stream::Tcp(mio::net::TcpStream::from_std(ours)),
            source: 0,
            ready: Ready::default(),
        });
        let channel = Channels::new(Limits::CLIENT, Accepts::Nothing)
            .open(adit_connection::OpenKind::DirectTcpip {
                host: b"host",
                port: 1,
                originator: b"127.0.0.1",
                originator_port: 1,
            })
            .unwrap();
        let subject = Subject::Forward {
            forward: 0,
            from: Some(address),
        };
        let local = Local::new(channel, way, subject, Duration::ZERO);
        (local, listener.accept().unwrap().0)
    }

    #[test]
    fn the_peers_end_is_passed_on_but_not_behind_bytes_that_were_given_up() {
        for (deaf, expected) in [(Seen::No, Ok(0)), (Seen::Yes, Err(ErrorKind::WouldBlock))] {
            let (mut local, mut theirs) = connected();
            local.deaf = deaf;
            local.peer_eof = Seen::Yes;
            assert_eq!(local.settle(), Needs::Channel);
            // On loopback a FIN is there when shutdown(2) returns.
            theirs.set_nonblocking(true).unwrap();
            let read = theirs.read(&mut [0]).map_err(|e| e.kind());
            assert_eq!(read, expected, "{deaf:?}");
        }
    }

    #[test]
    fn an_originator_is_kept_only_as_far_as_an_address_goes() {
        for (len, kept) in [
            (0, 0),
            (ORIGINATOR_MAX - 1, ORIGINATOR_MAX - 1),
            (ORIGINATOR_MAX, ORIGINATOR_MAX),
            (ORIGINATOR_MAX + 1, ORIGINATOR_MAX),
            (34_000, ORIGINATOR_MAX),
        ] {
            let direct = Direct::tcp(&DirectTcpip {
                host_to_connect: b"host",
                port_to_connect: 80,
                originator_ip_address: &vec![b'o'; len],
                originator_port: 1,
            });
            assert_eq!(direct.originator.len(), kept);
            assert!(direct.originator.capacity() <= ORIGINATOR_MAX);
        }
    }
}
