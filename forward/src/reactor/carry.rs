//! An application that was accepted on its way into a channel: one opened for it, or none yet where
//! it says itself where to.

use core::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

use adit_connection::{ChannelId, NotOpened, OpenKind, UNKNOWN_ORIGINATOR};

use super::context::Context;
use super::forwards::To;
use super::guest::About;
use super::local::{Local, Socket, Subject, Way};
use super::peer::Peer;
use super::ready::Ready;
use super::stream::Stream;
use super::{Reactor, Side, Source};
use crate::observer::{Event, Program};

/// Whether a channel has a socket now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Attached {
    /// The system would not watch it, and both are gone again.
    No,
    Yes,
}

/// Said of a socket that is reset because epoll(7) does not take it.
const UNWATCHED: &str = "a connection was reset: the system has no memory to watch it";

impl Reactor {
    /// Lets in an application that says where to.
    pub(super) fn seat(
        &mut self,
        mut stream: Stream,
        from: Option<SocketAddr>,
        forward: usize,
        program: &mut dyn Program,
    ) {
        let Ok(source) = self.context.register(&mut stream, Source::Waker) else {
            stream.reset();
            program.observe(&Event::Debug {
                peer: None,
                text: UNWATCHED,
            });
            return;
        };
        stream.adopt_accepted();
        let socket = Socket {
            stream,
            source,
            ready: Ready::writable(),
        };
        let about = About { from, forward };
        self.context.welcome(socket, about, program);
    }

    /// Opens a channel for an application. Gives the socket back when there is none left, which is
    /// to say that there may be one later.
    pub(super) fn carry(
        &mut self,
        stream: Stream,
        from: Option<SocketAddr>,
        forward: usize,
        program: &mut dyn Program,
    ) -> Option<Stream> {
        let Side::Client(client) = &self.side else {
            return None;
        };
        let (Some(slot), Some(route)) = (client.peer(), client.forwards.get(forward)) else {
            stream.reset();
            return None;
        };
        let Some(peer) = self.peers.get_mut(slot) else {
            stream.reset();
            return None;
        };
        let (originator, originator_port) = originator(from);
        let opened = peer.session.open(match &route.to {
            To::Tcp { host, port } => OpenKind::DirectTcpip {
                host: host.as_bytes(),
                port: *port,
                originator: &originator,
                originator_port,
            },
            To::Unix(path) => OpenKind::DirectStreamlocal {
                path: path.as_os_str().as_bytes(),
            },
            To::Dynamic => {
                stream.reset();
                return None;
            }
        });
        let channel = match opened {
            Ok(channel) => channel,
            Err(NotOpened::Full) => return Some(stream),
            Err(NotOpened::BadName) => {
                stream.reset();
                program.observe(&Event::Debug {
                    peer: Some(peer.state.info()),
                    text: "a connection was reset: no server can be told where it leads",
                });
                return None;
            }
        };
        let subject = Subject::Forward { forward, from };
        let attached = peer.attach(channel, stream, subject, &mut self.context, program);
        if attached == Attached::Yes {
            program.observe(&Event::Accepted {
                peer: peer.state.info(),
                channel: channel.slot().into(),
                from,
                forward,
            });
            self.schedule(slot);
        }
        None
    }
}

impl Peer {
    /// Gives a socket to a channel that was opened for it.
    pub(super) fn attach(
        &mut self,
        channel: ChannelId,
        mut stream: Stream,
        subject: Subject,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Attached {
        let entry = Source::Local {
            peer: self.state.slot,
            channel,
        };
        let Ok(source) = context.register(&mut stream, entry) else {
            stream.reset();
            self.session.close(channel);
            self.session.release(channel);
            program.observe(&Event::Debug {
                peer: Some(self.state.info()),
                text: UNWATCHED,
            });
            return Attached::No;
        };
        stream.adopt_accepted();
        let way = Way::Socket(Socket {
            stream,
            source,
            ready: Ready::writable(),
        });
        let local = Local::new(channel, way, subject, context.now);
        self.state.locals.insert(local);
        Attached::Yes
    }
}

/// Who connected, for the server (RFC 4254 §7.2).
pub(super) fn originator(from: Option<SocketAddr>) -> (Vec<u8>, u16) {
    match from {
        Some(from) => (
            from.ip().to_canonical().to_string().into_bytes(),
            from.port(),
        ),
        None => (UNKNOWN_ORIGINATOR.0.to_vec(), UNKNOWN_ORIGINATOR.1),
    }
}
