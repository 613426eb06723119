//! What a client asks its server to listen on, and what is granted of it (RFC 4254 §7.1; OpenSSH,
//! PROTOCOL §2.4). The connections that come of it are in [`handed_on`](super::handed_on).

use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use adit_connection::{Answer, ForwardRequest, REQUESTS_MAX, RequestId};

use super::context::Context;
use super::desk::Desk;
use super::forwards::{RemoteForward, RemoteListen};
use super::local::Seen;
use super::peer::Peer;
use crate::observer::{Destination, Event as Told, Program};
use crate::session::Session;

/// Most connections that a server has handed on and that are on their way to where they go. One to
/// this machine is there at once; of others this many may wait for a host that does not answer.
pub(super) const OPENING_MAX: usize = 256;

/// Said of one more.
pub(super) const TOO_MANY: &str = "too many connections are being made";

/// A client's remote forwards, and how far each is.
pub(super) struct RemoteForwards {
    pub(super) forwards: Arc<[RemoteForward]>,
    standings: Vec<Standing>,
    /// Requests without an answer, and which forwards they are for.
    in_flight: VecDeque<(RequestId, usize)>,
    /// The server answered since the loop last looked.
    news: Seen,
    /// Held once more by each connection that is on its way.
    opening: Opening,
}

/// What is counted of connections that are on their way.
pub(super) type Opening = Arc<()>;

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
    pub(super) fn find(&self, at: Destination<'_>) -> Option<usize> {
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
}

#[cfg(test)]
mod tests;
