//! What [`Channels::handle`](crate::Channels::handle) answers: plain data without lifetimes, so
//! that a caller can hold the table, the buffer and a socket at once. Bytes are ranges of the
//! payload that was handled.

use core::ops::Range;

use adit_proto::msg;

use crate::requests::{Answer, RequestId};
use crate::table::ChannelId;

/// What a message from the peer means for the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// The peer answered our keepalive.
    Alive,
    /// The peer sent CHANNEL_CLOSE; ours is due by itself. What was received before it is still
    /// the local side's. The id stays until [`Channels::release`](crate::Channels::release).
    Closed(ChannelId),
    /// Data, to be reported as [`delivered`](crate::Channels::delivered) once it is.
    Data {
        /// The channel.
        id: ChannelId,
        /// Of the payload; never empty.
        range: Range<usize>,
    },
    /// The peer will send no more data. What was received before it is still the local side's.
    Eof(ChannelId),
    /// The peer wants us to listen somewhere for it, or no longer to. Answer with
    /// [`grant_forward`](crate::Channels::grant_forward) or
    /// [`refuse_forward`](crate::Channels::refuse_forward) at once: by the next message, either way,
    /// it is refused.
    ForwardAsked {
        /// What it asks for.
        kind: ForwardKind,
        /// Of the payload: what `kind` says. It was decoded once and will decode again.
        data: Range<usize>,
    },
    /// The peer wants a channel: answer with [`accept`](crate::Channels::accept) or
    /// [`refuse`](crate::Channels::refuse), whenever it is known which.
    OpenAsked {
        /// The channel, once it is accepted.
        id: ChannelId,
        /// What it is for.
        kind: AskedKind,
        /// Of the payload: what `kind` says. It was decoded once and will decode again.
        data: Range<usize>,
    },
    /// The peer accepted our channel.
    OpenConfirmed(ChannelId),
    /// The peer refused our channel. The id stays until
    /// [`Channels::release`](crate::Channels::release).
    OpenRefused {
        /// The channel that will not be.
        id: ChannelId,
        /// One of [`adit_proto::reason::OpenFailure`], or another.
        reason_code: u32,
        /// Of the payload: text from a stranger.
        description: Range<usize>,
    },
    /// Nothing for the caller to do, except perhaps to send what is due.
    Quiet,
    /// Not a message of this protocol: the answer is UNIMPLEMENTED (RFC 4253 §11.4).
    Unknown,
    /// The peer answered a [request](crate::Channels::request) of ours.
    RequestAnswered {
        /// Which one.
        id: RequestId,
        /// How.
        answer: Answer,
    },
    /// The peer's window was closed and is open again: there is a grant.
    WindowOpened(ChannelId),
}

/// What a channel is for, the peer's or ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AskedKind {
    /// A connection to a Unix socket where the server is (OpenSSH, PROTOCOL §2.4); the data is an
    /// [`adit_proto::msg::DirectStreamlocal`] with a path of 1 to [`PATH_MAX`](crate::PATH_MAX)
    /// bytes and no NUL.
    DirectStreamlocal,
    /// A connection from the server to somewhere (RFC 4254 §7.2); the data is an
    /// [`adit_proto::msg::DirectTcpip`] with a port from 1 to 65535 and a plausible host.
    DirectTcpip,
    /// A connection that came to a Unix socket of the server's (PROTOCOL §2.4); the data is an
    /// [`adit_proto::msg::ForwardedStreamlocal`] with a path as above.
    ForwardedStreamlocal,
    /// A connection that came to a port of the server's (RFC 4254 §7.2); the data is an
    /// [`adit_proto::msg::ForwardedTcpip`] with a port from 1 to 65535 and an address that is
    /// plausible or empty.
    ForwardedTcpip,
}

impl AskedKind {
    /// As CHANNEL_OPEN says it.
    #[must_use]
    pub const fn channel_type(self) -> &'static [u8] {
        match self {
            Self::DirectStreamlocal => msg::DIRECT_STREAMLOCAL,
            Self::DirectTcpip => msg::DIRECT_TCPIP,
            Self::ForwardedStreamlocal => msg::FORWARDED_STREAMLOCAL,
            Self::ForwardedTcpip => msg::FORWARDED_TCPIP,
        }
    }

    /// What a channel of that type is for, where it is one of these.
    pub(crate) fn of(channel_type: &[u8]) -> Option<Self> {
        [
            Self::DirectStreamlocal,
            Self::DirectTcpip,
            Self::ForwardedStreamlocal,
            Self::ForwardedTcpip,
        ]
        .into_iter()
        .find(|kind| kind.channel_type() == channel_type)
    }
}

/// What a server is asked to do about a place that it listens at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForwardKind {
    /// To listen on a path no longer (OpenSSH, PROTOCOL §2.4); the data is an
    /// [`adit_proto::msg::StreamlocalForward`] with a path of 1 to [`PATH_MAX`](crate::PATH_MAX)
    /// bytes and no NUL.
    CancelStreamlocalForward,
    /// To listen on a port no longer (RFC 4254 §7.1); the data is an
    /// [`adit_proto::msg::TcpipForward`] with a port up to 65535 and an address that is plausible or
    /// empty.
    CancelTcpipForward,
    /// To listen on a path; data as for its cancel.
    StreamlocalForward,
    /// To listen on a port; data as for its cancel. Port 0 leaves the choice to the server, and the
    /// peer waits to hear it.
    TcpipForward,
}

impl ForwardKind {
    /// As GLOBAL_REQUEST says it.
    #[must_use]
    pub const fn request_name(self) -> &'static [u8] {
        match self {
            Self::CancelStreamlocalForward => msg::CANCEL_STREAMLOCAL_FORWARD,
            Self::CancelTcpipForward => msg::CANCEL_TCPIP_FORWARD,
            Self::StreamlocalForward => msg::STREAMLOCAL_FORWARD,
            Self::TcpipForward => msg::TCPIP_FORWARD,
        }
    }

    /// What a request of that name asks for, where it is one of these.
    pub(crate) fn of(request_name: &[u8]) -> Option<Self> {
        [
            Self::CancelStreamlocalForward,
            Self::CancelTcpipForward,
            Self::StreamlocalForward,
            Self::TcpipForward,
        ]
        .into_iter()
        .find(|kind| kind.request_name() == request_name)
    }
}

/// How much may be sent on a channel now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Grant {
    /// The peer's number for the channel.
    pub recipient_channel: u32,
    /// Most bytes in one message, never 0.
    pub max: usize,
}
