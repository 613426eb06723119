//! What a client asks its server to listen on, what is granted of it, and the connections that the
//! server hands on (RFC 4254 §7.1, §7.2; OpenSSH, PROTOCOL §2.4).
//!
//! A server may open a channel for what was asked for *and* granted, and for nothing else: it would
//! choose where this machine connects to.

use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use adit_connection::{Answer, ChannelId, ForwardRequest, REQUESTS_MAX, RequestId};
use adit_proto::Decode;
use adit_proto::msg::{ForwardedStreamlocal, ForwardedTcpip};
use adit_proto::reason::OpenFailure;

use super::asking::Asking;
use super::context::Context;
use super::desk::Desk;
use super::forwards::{RemoteForward, RemoteListen, To};
use super::local::{Seen, Subject, kept};
use super::peer::Peer;
use super::resolve::Target;
use super::whither::{NOWHERE, destination_of, whither};
use crate::error::Error;
use crate::observer::{Destination, Event as Told, Program};
use crate::session::{Session, Span};

/// Most connections that a server has handed on and that are on their way to where they go. One to
/// this machine is there at once; of others this many may wait for a host that does not answer.
pub(super) const OPENING_MAX: usize = 256;

/// Said of one more.
pub(super) const TOO_MANY: &str = "too many connections are being made";

/// Said to a server that would choose where this machine connects to.
const NOT_ASKED_FOR: &str = "this was not asked to be forwarded";

/// A client's remote forwards, and how far each is.
pub(super) struct RemoteForwards {
    forwards: Arc<[RemoteForward]>,
    standings: Vec<Standing>,
    /// Requests without an answer, and which forwards they are for.
    in_flight: VecDeque<(RequestId, usize)>,
    /// The server answered since the loop last looked.
    news: Seen,
    /// Held once more by each connection that is on its way.
    opening: Opening,
}

/// What is counted of connections that are on their way.
type Opening = Arc<()>;

/// How far a forward is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// The server has not answered.
    Pending,
    /// It listens; for TCP, on this port.
    Granted(u16),
    /// It does not.
    Refused,
}

/// How far all of them are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// Answers are missing.
    Open,
    /// All were granted.
    Granted,
    /// At least one was refused.
    Refused,
}

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
    pub(super) fn new(forwards: Arc<[RemoteForward]>) -> Self {
        Self {
            forwards,
            standings: Vec::new(),
            in_flight: VecDeque::new(),
            news: Seen::No,
            opening: Arc::default(),
        }
    }

    /// Whether an answer has come since this was last asked.
    pub(super) fn take_answered(&mut self) -> Seen {
        core::mem::replace(&mut self.news, Seen::No)
    }

    /// The first refusal decides; before, the last answer.
    pub(super) fn outcome(&self) -> Outcome {
        if self.standings.contains(&Standing::Refused) {
            Outcome::Refused
        } else if self.standings.len() < self.forwards.len() || !self.in_flight.is_empty() {
            Outcome::Open
        } else {
            Outcome::Granted
        }
    }

    /// The next one to be asked for, while more may be in flight.
    fn next(&self) -> Option<(usize, &RemoteListen)> {
        let next = self.standings.len();
        let forward = self.forwards.get(next)?;
        (self.in_flight.len() < REQUESTS_MAX).then_some((next, &forward.listen))
    }

    /// Which forward an answer is about, and on which port the server listens now. A place that it
    /// grants twice is one place: the second forward would never hear of a connection.
    fn answered(&mut self, id: RequestId, answer: Answer) -> Option<(usize, Standing)> {
        let at = self.in_flight.iter().position(|(there, _)| *there == id)?;
        let (_, forward) = self.in_flight.remove(at)?;
        self.news = Seen::Yes;
        let listen = &self.forwards.get(forward)?.listen;
        let standing = match (answer, listen) {
            (Answer::Refused, _) => Standing::Refused,
            (Answer::Granted { port }, RemoteListen::Tcp { port: asked, .. }) => {
                Standing::Granted(port.unwrap_or(*asked))
            }
            (Answer::Granted { .. }, RemoteListen::Unix(_)) => Standing::Granted(0),
        };
        let standing = match standing {
            Standing::Granted(port) if self.has(listen, port) => Standing::Refused,
            Standing::Granted(_) | Standing::Pending | Standing::Refused => standing,
        };
        *self.standings.get_mut(forward)? = standing;
        Some((forward, standing))
    }

    /// Whether the server listens there for another forward already.
    fn has(&self, listen: &RemoteListen, port: u16) -> bool {
        self.granted()
            .any(|(_, there, granted)| match (there, listen) {
                (RemoteListen::Tcp { address, .. }, RemoteListen::Tcp { address: other, .. }) => {
                    address == other && granted == port
                }
                (RemoteListen::Unix(path), RemoteListen::Unix(other)) => path == other,
                (RemoteListen::Tcp { .. }, RemoteListen::Unix(_))
                | (RemoteListen::Unix(_), RemoteListen::Tcp { .. }) => false,
            })
    }

    fn granted(&self) -> impl Iterator<Item = (usize, &RemoteListen, u16)> {
        let both = self.forwards.iter().zip(&self.standings).enumerate();
        both.filter_map(|(n, (forward, standing))| match standing {
            Standing::Granted(port) => Some((n, &forward.listen, *port)),
            Standing::Pending | Standing::Refused => None,
        })
    }

    /// The forward that a connection to there belongs to. The address is to be what was asked for
    /// (RFC 4254 §7.2); as some servers say instead what it means to them, a port that only one
    /// forward has is enough.
    fn find(&self, at: Destination<'_>) -> Option<usize> {
        match at {
            Destination::Unix { path } => self.granted().find_map(|(n, listen, _)| {
                let RemoteListen::Unix(there) = listen else {
                    return None;
                };
                (there.as_os_str().as_bytes() == path).then_some(n)
            }),
            Destination::Tcp { host, port } => {
                let mut on_port = self.granted().filter_map(|(n, listen, granted)| {
                    let RemoteListen::Tcp { address, .. } = listen else {
                        return None;
                    };
                    (u32::from(granted) == port).then_some((n, address.as_bytes()))
                });
                let first = on_port.next()?;
                let second = on_port.next();
                let mut all = [first].into_iter().chain(second).chain(on_port);
                match all.find(|(_, address)| *address == host) {
                    Some((n, _)) => Some(n),
                    None if second.is_none() => Some(first.0),
                    None => None,
                }
            }
        }
    }

    /// A connection of that forward, which does not go anywhere yet.
    fn handed_on(&self, forward: usize, originator: &[u8], port: u32) -> Forwarded {
        Forwarded {
            forwards: Arc::clone(&self.forwards),
            forward,
            originator: kept(originator),
            originator_port: port,
            opening: None,
            asking: None,
        }
    }

    /// For one more that sets out, unless too many are on their way.
    pub(super) fn begin(&self) -> Option<Opening> {
        // One is held here.
        let opening = Arc::strong_count(&self.opening).saturating_sub(1);
        (opening < OPENING_MAX).then(|| Arc::clone(&self.opening))
    }

    /// What is to be listened on no longer.
    fn cancels(&self) -> impl Iterator<Item = ForwardRequest<'_>> {
        self.granted().map(|(_, listen, port)| match listen {
            RemoteListen::Tcp { address, .. } => ForwardRequest::CancelTcpipForward {
                address: address.as_bytes(),
                port,
            },
            RemoteListen::Unix(path) => ForwardRequest::CancelStreamlocalForward {
                path: path.as_os_str().as_bytes(),
            },
        })
    }
}

impl Default for RemoteForwards {
    fn default() -> Self {
        Self::new(Arc::new([]))
    }
}

impl Peer {
    /// Has the server listen, as far as it may be asked at once.
    pub(super) fn ask_to_listen(
        &mut self,
        forwards: Arc<[RemoteForward]>,
        context: &mut Context,
        program: &mut dyn Program,
    ) {
        self.state.remote_forwards = RemoteForwards::new(forwards);
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        desk.ask_to_listen(&mut self.session);
    }

    /// At the end of the session, as far as there is room: somebody may want the ports at once.
    pub(super) fn cancel_listening(&mut self, context: &Context) {
        for cancel in self.state.remote_forwards.cancels() {
            // Nothing goes out behind what has no room.
            let told = self.session.tell(cancel).is_ok();
            let sent = self.session.send_due(context.now);
            if !told || sent.is_err() || self.session.has_due() {
                break;
            }
        }
    }
}

impl Desk<'_> {
    fn ask_to_listen(&mut self, session: &mut Session) {
        while let Some((n, listen)) = self.state.remote_forwards.next() {
            let asked = session.request(match listen {
                RemoteListen::Tcp { address, port } => ForwardRequest::TcpipForward {
                    address: address.as_bytes(),
                    port: *port,
                },
                RemoteListen::Unix(path) => ForwardRequest::StreamlocalForward {
                    path: path.as_os_str().as_bytes(),
                },
            });
            let forwards = &mut self.state.remote_forwards;
            if let Ok(id) = asked {
                forwards.in_flight.push_back((id, n));
                forwards.standings.push(Standing::Pending);
            } else {
                // There is room for one more: nobody could listen there.
                forwards.standings.push(Standing::Refused);
                self.program.observe(&Told::RemoteListenFailed {
                    peer: self.state.info(),
                    forward: n,
                });
            }
        }
    }

    pub(super) fn request_answered(
        &mut self,
        session: &mut Session,
        id: RequestId,
        answer: Answer,
    ) {
        if let Some((forward, standing)) = self.state.remote_forwards.answered(id, answer) {
            let peer = self.state.info();
            let port = match answer {
                Answer::Granted { port } => port,
                Answer::Refused => None,
            };
            self.program.observe(&match standing {
                Standing::Granted(_) => Told::RemoteListening {
                    peer,
                    forward,
                    port,
                },
                Standing::Pending | Standing::Refused => Told::RemoteListenFailed { peer, forward },
            });
        }
        self.ask_to_listen(session);
    }

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
            channel: id.number(),
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

#[cfg(test)]
mod tests;
