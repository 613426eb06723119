//! What a server listens on for its clients (RFC 4254 §7.1; OpenSSH, PROTOCOL §2.4): asked for,
//! permitted, bound, cancelled. All of it belongs to its session and is gone with it.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use adit_auth::{Permissions, UserAuthenticated};
use adit_connection::{ForwardKind, NotOpened, OpenKind};
use adit_proto::Decode;
use adit_proto::msg::{StreamlocalForward, TcpipForward};

use super::accept::For;
use super::carry::{Attached, originator};
use super::context::Context;
use super::desk::Desk;
use super::forwards::Listen;
use super::local::Subject;
use super::stream::{At, Stream};
use super::{Reactor, Side};
use crate::error::Error;
use crate::observer::{Destination, Event as Told, ListenQuestion, Place, Program};
use crate::policy::{Bind, Overridden, PermittedListen};
use crate::session::{Session, Span};

/// Most places that a server listens at for one session: what a client of this kind may ask for
/// without waiting for an answer.
pub(super) const LISTENERS_MAX: usize = 128;

/// One of a session's [`Remotes`]; never used twice in it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct RemoteId(u64);

/// A place as a client named it: the words are its own, since it knows what comes from there by
/// them.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Named {
    Tcp {
        address: Vec<u8>,
        /// The one that is bound.
        port: u16,
    },
    Unix {
        path: Vec<u8>,
    },
}

impl Named {
    /// For events and questions.
    pub(super) fn at(&self) -> Destination<'_> {
        match self {
            Self::Tcp { address, port } => Destination::Tcp {
                host: address,
                port: u32::from(*port),
            },
            Self::Unix { path } => Destination::Unix { path },
        }
    }

    fn of(kind: ForwardKind, data: &[u8]) -> Result<Self, Error> {
        Ok(match kind {
            ForwardKind::CancelStreamlocalForward | ForwardKind::StreamlocalForward => {
                let path = StreamlocalForward::decode(data)?.socket_path.to_vec();
                Self::Unix { path }
            }
            ForwardKind::CancelTcpipForward | ForwardKind::TcpipForward => {
                let asked = TcpipForward::decode(data)?;
                Self::Tcp {
                    address: asked.address_to_bind.to_vec(),
                    // No other reaches this floor.
                    port: u16::try_from(asked.port_number_to_bind).unwrap_or(0),
                }
            }
        })
    }

    const fn is_open_port(&self) -> bool {
        matches!(self, Self::Tcp { port: 0, .. })
    }
}

#[derive(Debug)]
struct Remote {
    named: Arc<Named>,
    /// The slots of its sockets, one of each family.
    slots: Vec<usize>,
}

/// What is listened on for one session.
#[derive(Debug, Default)]
pub(super) struct Remotes {
    all: BTreeMap<RemoteId, Remote>,
    next: u64,
}

impl Remotes {
    /// The slots of all sockets.
    pub(super) fn listeners(&self) -> Vec<usize> {
        let slots = self.all.values().flat_map(|remote| &remote.slots);
        slots.copied().collect()
    }

    /// The session is over.
    pub(super) fn close(&mut self, context: &mut Context) {
        for slot in self.listeners() {
            context.unlisten(slot);
        }
        self.all.clear();
    }

    /// One that a test has made.
    #[cfg(test)]
    pub(super) fn stand(&mut self, named: Named, slot: impl FnOnce(RemoteId) -> usize) -> usize {
        let id = RemoteId(self.next);
        self.next += 1;
        let slot = slot(id);
        let (named, slots) = (Arc::new(named), vec![slot]);
        self.all.insert(id, Remote { named, slots });
        slot
    }

    fn get(&self, id: RemoteId) -> Option<&Arc<Named>> {
        self.all.get(&id).map(|remote| &remote.named)
    }

    fn find(&self, named: &Named) -> Option<RemoteId> {
        let mut all = self.all.iter();
        all.find_map(|(id, remote)| (*remote.named == *named).then_some(*id))
    }
}

impl Desk<'_> {
    /// A request of the client's, which is answered here and now: the next one's answer follows it.
    pub(super) fn forward_asked(
        &mut self,
        session: &mut Session,
        kind: ForwardKind,
        data: Span,
    ) -> Result<(), Error> {
        let named = Named::of(kind, session.bytes(data))?;
        match kind {
            ForwardKind::CancelStreamlocalForward | ForwardKind::CancelTcpipForward => {
                self.cancel(session, &named);
            }
            ForwardKind::StreamlocalForward | ForwardKind::TcpipForward => {
                self.listen(session, named);
            }
        }
        Ok(())
    }

    fn listen(&mut self, session: &mut Session, named: Named) {
        let verdict = self.program.may_listen(&ListenQuestion {
            peer: self.state.info(),
            at: named.at(),
            permissions: session
                .user()
                .map_or(&Permissions::NONE, UserAuthenticated::permissions),
        });
        match verdict {
            Ok(permitted) => self.listen_where_permitted(session, named, &permitted),
            Err(why) => {
                self.program.observe(&Told::ListenDenied {
                    peer: self.state.info(),
                    at: named.at(),
                    why,
                });
                // The answer itself has no room for it (RFC 4254 §7.1).
                session.remark(why.text());
                session.refuse_forward();
            }
        }
    }

    fn listen_where_permitted(
        &mut self,
        session: &mut Session,
        mut named: Named,
        permitted: &PermittedListen,
    ) {
        let is_open_port = named.is_open_port();
        let id = RemoteId(self.state.remotes.next);
        if self.state.remotes.all.len() >= LISTENERS_MAX {
            let error = io::Error::other("this session has as many listeners as it may");
            return self.listen_failed(session, &named, None, &error);
        }
        let listen = match permitted.bind() {
            Bind::Tcp(addresses) => Listen::Tcp(addresses.clone()),
            Bind::Unix(path) => Listen::Unix(path.clone()),
        };
        let purpose = For::Remote {
            peer: self.state.slot,
            remote: id,
        };
        let how = self.state.stream_local_bind;
        let open = match self.context.listen_for(&listen, how, purpose) {
            Ok(open) => open,
            Err((at, error)) => {
                return self.listen_failed(session, &named, Some(at.place()), &error);
            }
        };
        if let (Named::Tcp { port, .. }, Some(bound)) = (&mut named, port_of(&open)) {
            *port = bound;
        }
        for (at, _) in &open {
            self.program.observe(&Told::ListenGranted {
                peer: self.state.info(),
                at: named.at(),
                address: at.place(),
            });
        }
        session.grant_forward(port_of(&open).filter(|_| is_open_port));
        remark_overridden(session, &named, permitted);
        let slots = open.into_iter().map(|(_, slot)| slot).collect();
        let remotes = &mut self.state.remotes;
        remotes.next = remotes.next.saturating_add(1);
        let named = Arc::new(named);
        remotes.all.insert(id, Remote { named, slots });
    }

    fn listen_failed(
        &mut self,
        session: &mut Session,
        named: &Named,
        address: Option<Place<'_>>,
        error: &io::Error,
    ) {
        self.program.observe(&Told::ListenRefused {
            peer: self.state.info(),
            at: named.at(),
            address,
            error,
        });
        session.refuse_forward();
    }

    /// Connections that came from there stay; who waits to be accepted is reset.
    fn cancel(&mut self, session: &mut Session, named: &Named) {
        let remotes = &mut self.state.remotes;
        let found = remotes.find(named).and_then(|id| remotes.all.remove(&id));
        let Some(remote) = found else {
            return session.refuse_forward();
        };
        for slot in remote.slots {
            self.context.unlisten(slot);
        }
        session.grant_forward(None);
        self.program.observe(&Told::ListenCancelled {
            peer: self.state.info(),
            at: named.at(),
        });
    }
}

/// sshd's words, where the address that was asked for counts for nothing.
fn remark_overridden(session: &mut Session, named: &Named, permitted: &PermittedListen) {
    if permitted.overridden() == Overridden::Yes
        && let Named::Tcp { address, .. } = named
    {
        session.remark(&format!(
            "Forwarding listen address \"{}\" overridden by server GatewayPorts",
            address.escape_ascii()
        ));
    }
}

fn port_of(open: &[(At, usize)]) -> Option<u16> {
    open.iter().find_map(|(at, _)| match at {
        At::Tcp(address) => Some(address.port()),
        At::Unix(_) => None,
    })
}

impl Reactor {
    /// Opens a channel for a connection that came to what a client had us listen on. Gives the
    /// socket back when there is no channel left.
    pub(super) fn carry_back(
        &mut self,
        stream: Stream,
        from: Option<SocketAddr>,
        slot: usize,
        remote: RemoteId,
        program: &mut dyn Program,
    ) -> Option<Stream> {
        let peer = self.peers.get_mut(slot).filter(|peer| !peer.is_closing());
        let (Some(peer), Side::Server(_)) = (peer, &self.side) else {
            stream.reset();
            return None;
        };
        let Some(named) = peer.state.remotes.get(remote).cloned() else {
            stream.reset();
            return None;
        };
        let (originator, originator_port) = originator(from);
        let opened = peer.session.open(match &*named {
            Named::Tcp { address, port } => OpenKind::ForwardedTcpip {
                address,
                port: *port,
                originator: &originator,
                originator_port,
            },
            Named::Unix { path } => OpenKind::ForwardedStreamlocal { path },
        });
        let channel = match opened {
            Ok(channel) => channel,
            Err(NotOpened::Full) => return Some(stream),
            // Not reached: the client has named it in a message.
            Err(NotOpened::BadName) => {
                stream.reset();
                return None;
            }
        };
        let at = Arc::clone(&named);
        let subject = Subject::Remote { at, from };
        let attached = peer.attach(channel, stream, subject, &mut self.context, program);
        if attached == Attached::Yes {
            program.observe(&Told::ListenAccepted {
                peer: peer.state.info(),
                channel: channel.slot().into(),
                at: named.at(),
                from,
            });
            self.schedule(slot);
        }
        None
    }
}
