//! What [`Channels::handle`](crate::Channels::handle) answers: plain data without lifetimes, so
//! that a caller can hold the table, the buffer and a socket at once. Bytes are ranges of the
//! payload that was handled.

use core::ops::Range;

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
    /// The peer's window was closed and is open again: there is a grant.
    WindowOpened(ChannelId),
}

/// What a channel is for that the peer asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AskedKind {
    /// A connection from here to somewhere (RFC 4254 §7.2); the data is an
    /// [`adit_proto::msg::DirectTcpip`] with a port from 1 to 65535 and a plausible host.
    DirectTcpip,
}

/// How much may be sent on a channel now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Grant {
    /// The peer's number for the channel.
    pub recipient_channel: u32,
    /// Most bytes in one message, never 0.
    pub max: usize,
}
