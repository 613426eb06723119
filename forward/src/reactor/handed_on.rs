//! Connections that a server hands on to its client, to what it listens on for it (RFC 4254 §7.2;
//! OpenSSH, PROTOCOL §2.4).
//!
//! A server may open a channel for what was asked for *and* granted, and for nothing else: it would
//! choose where this machine connects to.

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use adit_connection::ChannelId;
use adit_proto::Decode;
use adit_proto::msg::{ForwardedStreamlocal, ForwardedTcpip};
use adit_proto::reason::OpenFailure;

use super::asked::{Opening, RemoteForwards, TOO_MANY};
use super::asking::Asking;
use super::desk::Desk;
use super::forwards::{RemoteForward, RemoteListen, To};
use super::local::{Subject, kept};
use super::resolve::Target;
use super::whither::{NOWHERE, destination_of, whither};
use crate::error::Error;
use crate::observer::{Destination, Event as Told};
use crate::session::{Session, Span};

/// Said to a server that would choose where this machine connects to.
const NOT_ASKED_FOR: &str = "this was not asked to be forwarded";

/// A connection that the server has handed on.
pub(super) struct Forwarded {
    forwards: Arc<[RemoteForward]>,
    forward: usize,
    originator: Vec<u8>,
    originator_port: u32,
    /// While it is on its way.
    opening: Option<Opening>,
    /// What it says of where it goes, where that is its own choice.
    pub(super) asking: Option<Box<Asking>>,
}

impl Forwarded {
    /// Where it goes.
    pub(super) fn to(&self) -> Destination<'_> {
        if let Some(asking) = &self.asking {
            return asking.request.as_ref().map_or(NOWHERE, destination_of);
        }
        let forward = self.forwards.get(self.forward);
        forward.map_or(NOWHERE, |forward| whither(&forward.to))
    }

    /// Who connected, as the server says.
    pub(super) fn originator(&self) -> Destination<'_> {
        match self.forwards.get(self.forward).map(|f| &f.listen) {
            Some(RemoteListen::Unix(path)) => Destination::Unix {
                path: path.as_os_str().as_bytes(),
            },
            Some(RemoteListen::Tcp { .. }) | None => Destination::Tcp {
                host: &self.originator,
                port: self.originator_port,
            },
        }
    }

    /// It sets out.
    pub(super) fn begun(&mut self, opening: Opening) {
        self.opening = Some(opening);
    }

    /// It is on its way no longer.
    pub(super) fn is_there_or_given_up(&mut self) {
        self.opening = None;
    }
}

impl RemoteForwards {
    /// A connection of that forward, which does not go anywhere yet.
    pub(super) fn handed_on(&self, forward: usize, originator: &[u8], port: u32) -> Forwarded {
        Forwarded {
            forwards: Arc::clone(&self.forwards),
            forward,
            originator: kept(originator),
            originator_port: port,
            opening: None,
            asking: None,
        }
    }
}

impl Desk<'_> {
    /// The server hands on a connection to a port.
    pub(super) fn forwarded_tcpip(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        data: Span,
    ) -> Result<(), Error> {
        let asked = ForwardedTcpip::decode(session.bytes(data))?;
        let at = Destination::Tcp {
            host: asked.connected_address,
            port: asked.connected_port,
        };
        let originator = (asked.originator_ip_address, asked.originator_port);
        match self.handed_on(id, at, originator) {
            Some(forwarded) => self.take_up(session, id, forwarded),
            None => session.refuse(id, OpenFailure::AdministrativelyProhibited, NOT_ASKED_FOR),
        }
        Ok(())
    }

    /// The server hands on a connection to a Unix socket.
    pub(super) fn forwarded_streamlocal(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        data: Span,
    ) -> Result<(), Error> {
        let path = ForwardedStreamlocal::decode(session.bytes(data))?.socket_path;
        match self.handed_on(id, Destination::Unix { path }, (b"", 0)) {
            Some(forwarded) => self.take_up(session, id, forwarded),
            None => session.refuse(id, OpenFailure::AdministrativelyProhibited, NOT_ASKED_FOR),
        }
        Ok(())
    }

    /// What a connection to there is, or `None` where nobody asked for any.
    fn handed_on(
        &mut self,
        id: ChannelId,
        at: Destination<'_>,
        (originator, port): (&[u8], u32),
    ) -> Option<Forwarded> {
        let remote = &self.state.remote_forwards;
        let Some(forward) = remote.find(at) else {
            self.program.observe(&Told::RemoteUnknown {
                peer: self.state.info(),
                at,
            });
            return None;
        };
        let forwarded = remote.handed_on(forward, originator, port);
        self.program.observe(&Told::RemoteConnection {
            peer: self.state.info(),
            channel: id.slot().into(),
            forward,
            originator: forwarded.originator(),
        });
        Some(forwarded)
    }

    /// Goes where its forward says, or has it say itself where to.
    fn take_up(&mut self, session: &mut Session, id: ChannelId, mut forwarded: Forwarded) {
        let remote = &self.state.remote_forwards;
        let to = remote.forwards.get(forwarded.forward).map(|f| &f.to);
        let target = match to {
            Some(To::Tcp { host, port }) => Target::of(host, *port),
            Some(To::Unix(path)) => Target::Path(path.clone()),
            Some(To::Dynamic) | None => {
                return self.ask(session, id, Subject::Forwarded(Box::new(forwarded)));
            }
        };
        let Some(opening) = remote.begin() else {
            return session.refuse(id, OpenFailure::ResourceShortage, TOO_MANY);
        };
        forwarded.begun(opening);
        self.reach(session, id, Subject::Forwarded(Box::new(forwarded)), target);
    }
}
