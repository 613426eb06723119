//! An application that was accepted on its way into a channel: one opened for it, or none yet where
//! it says itself where to.

use core::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

use adit_connection::{ChannelId, OpenKind, UNKNOWN_ORIGINATOR};
use mio::Token;

use super::context::Context;
use super::forwards::To;
use super::guest::About;
use super::local::{Local, Seen, Socket, Subject, Way};
use super::peer::Peer;
use super::ready::Ready;
use super::stream::Stream;
use super::{Reactor, Side, Source};
use crate::observer::{Event, Program};

impl Reactor {
    /// Lets in an application that says where to.
    pub(super) fn seat(
        &mut self,
        mut stream: Stream,
        from: Option<SocketAddr>,
        forward: usize,
        program: &mut dyn Program,
    ) {
        let source = self.context.sources.insert(Source::Waker);
        if stream
            .register(&self.context.registry, Token(source))
            .is_err()
        {
            self.context.sources.remove(source);
            stream.reset();
            program.observe(&Event::Debug {
                peer: None,
                text: "a connection was reset: the system has no memory to watch it",
            });
            return;
        }
        stream.adopt();
        let socket = Socket {
            stream,
            source,
            ready: Ready {
                writable: true,
                ..Ready::default()
            },
        };
        let about = About { from, forward };
        self.context.welcome(socket, about, program);
    }

    /// Opens a channel for an application. Gives the socket back when there is none left.
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
        let Ok(channel) = opened else {
            return Some(stream);
        };
        let subject = Subject::Forward { forward, from };
        if peer.attach(channel, stream, subject, &mut self.context, program) == Seen::No {
            return None;
        }
        program.observe(&Event::Accepted {
            peer: peer.state.info(),
            channel: channel.number(),
            from,
            forward,
        });
        self.schedule(slot);
        None
    }
}

impl Peer {
    /// Gives a socket to a channel that was opened for it. `Seen::No` when both are gone again.
    pub(super) fn attach(
        &mut self,
        channel: ChannelId,
        mut stream: Stream,
        subject: Subject,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Seen {
        let source = context.sources.insert(Source::Local {
            peer: self.state.slot,
            channel,
        });
        let registered = stream.register(&context.registry, Token(source));
        if registered.is_err() {
            context.sources.remove(source);
            stream.reset();
            self.session.close(channel);
            self.session.release(channel);
            program.observe(&Event::Debug {
                peer: Some(self.state.info()),
                text: "a connection was reset: the system has no memory to watch it",
            });
            return Seen::No;
        }
        stream.adopt();
        let way = Way::Socket(Socket {
            stream,
            source,
            ready: Ready {
                writable: true,
                ..Ready::default()
            },
        });
        let local = Local::new(channel, way, subject, context.now);
        self.state.locals.insert(local);
        Seen::Yes
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
