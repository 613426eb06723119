//! Global requests that we make, and the answers to them, which come in the order of the requests
//! and name none (RFC 4254 §4): the first answer is to the first that has none.
//!
//! ```text
//!     rows     sent, await their answer │ due, to be sent
//!              ◄── answered      sent ──┘          asked ──►
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;

use adit_proto::msg::{
    GlobalRequest, RequestFailure, RequestSuccess, StreamlocalForward, TcpipForward,
    TcpipForwardSuccess,
};
use adit_proto::{Decode, Encode, Malformed, Rest, Writer, number};

use crate::channels::{Channels, Full};
use crate::error::{Error, PeerMisbehaved};
use crate::event::{Event, ForwardKind};
use crate::open::{self, Accepts};

/// Asks for nothing but an answer, which every SSH implementation gives, if only to refuse.
const KEEPALIVE: &[u8] = b"keepalive@openssh.com";

/// Most requests of ours, keepalives aside, that have no answer yet: twice what a peer like this one
/// owes answers for beside those about channels.
pub const REQUESTS_MAX: usize = 128;

/// One of our requests, to tell which one was answered.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(u32);

/// What a client asks its server for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForwardRequest<'a> {
    /// To listen on a path no longer (OpenSSH, PROTOCOL §2.4).
    CancelStreamlocalForward {
        /// As it was asked for.
        path: &'a [u8],
    },
    /// To listen on a port no longer (RFC 4254 §7.1).
    CancelTcpipForward {
        /// As it was asked for.
        address: &'a [u8],
        /// The one that was asked for, or granted where the choice was the server's.
        port: u16,
    },
    /// To listen on a path.
    StreamlocalForward {
        /// 1 to [`PATH_MAX`](crate::PATH_MAX) bytes, without a NUL.
        path: &'a [u8],
    },
    /// To listen on a port.
    TcpipForward {
        /// At most [`HOST_MAX`](crate::HOST_MAX) bytes; "" is every address, `localhost` those of
        /// loopback.
        address: &'a [u8],
        /// 0 leaves the choice to the server.
        port: u16,
    },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is done.
    Granted {
        /// The server's choice, where it had one.
        port: Option<u16>,
    },
    /// It is not.
    Refused,
}

/// What the peer may say when it grants a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Grants {
    /// Nothing more.
    Nothing,
    /// Which port it chose.
    Port,
    /// This port was named. RFC 4254 §7.1 has nothing to add to it, and yet servers made with
    /// paramiko or with gliderlabs/ssh repeat it.
    Named(u16),
}

#[derive(Debug)]
enum Row {
    Forward {
        id: RequestId,
        kind: ForwardKind,
        grants: Grants,
        /// Empty once it is sent.
        data: Box<[u8]>,
    },
    Keepalive,
    /// One that wants no answer, and is gone once it is sent.
    Tell {
        kind: ForwardKind,
        data: Box<[u8]>,
    },
}

/// Our requests in their order.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    rows: VecDeque<Row>,
    /// How many of them, from the front, are sent.
    sent: usize,
    is_keepalive_there: bool,
    next: u32,
    /// What the one that was sent last said.
    said: Box<[u8]>,
}

impl Requests {
    /// A sign of life is wanted, at most one at a time.
    pub(crate) fn keepalive(&mut self) {
        if !self.is_keepalive_there {
            self.is_keepalive_there = true;
            self.rows.push_back(Row::Keepalive);
        }
    }

    /// Whether one is to be sent.
    pub(crate) fn is_due(&self) -> bool {
        self.sent < self.rows.len()
    }

    /// The next one, which counts as sent.
    pub(crate) fn poll(&mut self) -> Option<GlobalRequest<'_>> {
        if let Some(Row::Tell { .. }) = self.rows.get(self.sent) {
            return self.poll_tell();
        }
        let row = self.rows.get_mut(self.sent)?;
        self.sent = self.sent.saturating_add(1);
        let request_name = match row {
            Row::Forward { kind, data, .. } => {
                self.said = core::mem::take(data);
                kind.request_name()
            }
            // The latter was dealt with above.
            Row::Keepalive | Row::Tell { .. } => {
                self.said = Box::default();
                KEEPALIVE
            }
        };
        Some(GlobalRequest {
            request_name,
            want_reply: true,
            data: Rest(&self.said),
        })
    }

    fn poll_tell(&mut self) -> Option<GlobalRequest<'_>> {
        let Some(Row::Tell { kind, data }) = self.rows.remove(self.sent) else {
            return None;
        };
        self.said = data;
        Some(GlobalRequest {
            request_name: kind.request_name(),
            want_reply: false,
            data: Rest(&self.said),
        })
    }

    /// Whether one more fits, and what it says then.
    fn check(&self, request: ForwardRequest<'_>) -> Result<Box<[u8]>, Full> {
        let data = request.to_data().ok_or(Full)?;
        let keepalives = usize::from(self.is_keepalive_there);
        if self.rows.len().saturating_sub(keepalives) >= REQUESTS_MAX {
            return Err(Full);
        }
        Ok(data)
    }

    fn push(&mut self, request: ForwardRequest<'_>) -> Result<RequestId, Full> {
        let data = self.check(request)?;
        let id = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        self.rows.push_back(Row::Forward {
            id,
            kind: request.kind(),
            grants: request.grants(),
            data,
        });
        Ok(id)
    }

    /// The one that an answer is to.
    fn pop_sent(&mut self) -> Result<Row, PeerMisbehaved> {
        self.sent = self
            .sent
            .checked_sub(1)
            .ok_or(PeerMisbehaved::UnaskedReply)?;
        self.rows.pop_front().ok_or(PeerMisbehaved::UnaskedReply)
    }

    /// The peer's answer: a REQUEST_SUCCESS or REQUEST_FAILURE.
    fn answered(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let is_granted = payload.first() == Some(&number::REQUEST_SUCCESS);
        if !is_granted {
            RequestFailure::decode(payload)?;
        }
        let (id, grants) = match self.pop_sent()? {
            // Whatever it says.
            Row::Keepalive => {
                self.is_keepalive_there = false;
                return Ok(Event::Alive);
            }
            Row::Forward { id, grants, .. } => (id, grants),
            // Never among those that are sent.
            Row::Tell { .. } => return Err(PeerMisbehaved::UnaskedReply.into()),
        };
        let answer = if is_granted {
            Answer::Granted {
                port: grants.port(payload)?,
            }
        } else {
            Answer::Refused
        };
        Ok(Event::RequestAnswered { id, answer })
    }
}

impl Grants {
    fn port(self, payload: &[u8]) -> Result<Option<u16>, Error> {
        let RequestSuccess { data } = RequestSuccess::decode(payload)?;
        match self {
            Self::Nothing | Self::Named(_) if data.0.is_empty() => Ok(None),
            Self::Nothing => Err(Malformed::TrailingBytes.into()),
            Self::Named(named) => {
                let said = TcpipForwardSuccess::decode(payload)?;
                if said.port_that_was_bound == named.into() {
                    Ok(None)
                } else {
                    Err(PeerMisbehaved::PortNotAskedFor.into())
                }
            }
            Self::Port => {
                let said = TcpipForwardSuccess::decode(payload)?;
                match u16::try_from(said.port_that_was_bound) {
                    Ok(port @ 1..) => Ok(Some(port)),
                    Ok(0) | Err(_) => Err(PeerMisbehaved::PortOutOfRange.into()),
                }
            }
        }
    }
}

impl ForwardRequest<'_> {
    const fn kind(&self) -> ForwardKind {
        match self {
            Self::CancelStreamlocalForward { .. } => ForwardKind::CancelStreamlocalForward,
            Self::CancelTcpipForward { .. } => ForwardKind::CancelTcpipForward,
            Self::StreamlocalForward { .. } => ForwardKind::StreamlocalForward,
            Self::TcpipForward { .. } => ForwardKind::TcpipForward,
        }
    }

    const fn grants(&self) -> Grants {
        match *self {
            Self::TcpipForward { port: 0, .. } => Grants::Port,
            Self::TcpipForward { port, .. } => Grants::Named(port),
            Self::CancelStreamlocalForward { .. }
            | Self::CancelTcpipForward { .. }
            | Self::StreamlocalForward { .. } => Grants::Nothing,
        }
    }

    /// What GLOBAL_REQUEST says behind its name, or `None` when a message has no room for it.
    fn to_data(self) -> Option<Box<[u8]>> {
        match self {
            Self::CancelTcpipForward { address, port } | Self::TcpipForward { address, port } => {
                open::is_plausible_address(address).then(|| {
                    encoded(&TcpipForward {
                        address_to_bind: address,
                        port_number_to_bind: port.into(),
                    })
                })
            }
            Self::CancelStreamlocalForward { path } | Self::StreamlocalForward { path } => {
                open::is_plausible_path(path)
                    .then(|| encoded(&StreamlocalForward { socket_path: path }))
            }
        }
    }
}

/// What is sent later, when there is room.
pub(crate) fn encoded(data: &impl Encode) -> Box<[u8]> {
    let mut out = vec![0; data.encoded_len()].into_boxed_slice();
    data.encode(&mut Writer::new(&mut out));
    out
}

impl Channels {
    /// Asks the server for something. GLOBAL_REQUEST is due; the answer is
    /// [`Event::RequestAnswered`]. From the first of these on, the server may open channels for
    /// connections that came to what it listens at; whether it listens at *that* is the caller's to
    /// say.
    ///
    /// # Errors
    /// [`Full`] when [`REQUESTS_MAX`] have no answer, or for an address or path that is too long or
    /// cannot be one; nothing has changed then.
    pub fn request(&mut self, request: ForwardRequest<'_>) -> Result<RequestId, Full> {
        let id = self.requests.push(request)?;
        if self.accepts == Accepts::Nothing {
            self.accepts = Accepts::Forwarded;
        }
        Ok(id)
    }

    /// As [`request`](Self::request), and wants no answer: somebody who is about to go would not
    /// hear it.
    ///
    /// # Errors
    /// As there.
    pub fn tell(&mut self, request: ForwardRequest<'_>) -> Result<(), Full> {
        let data = self.requests.check(request)?;
        let kind = request.kind();
        self.requests.rows.push_back(Row::Tell { kind, data });
        Ok(())
    }

    pub(crate) fn request_answered(&mut self, payload: &[u8]) -> Result<Event, Error> {
        self.requests.answered(payload)
    }
}
