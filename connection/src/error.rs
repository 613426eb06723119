//! What ends a session here, by who is to blame.

use core::fmt;

use adit_proto::Malformed;
use adit_proto::reason::Disconnect;

/// Why the connection protocol cannot go on. The session ends; the process never does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not the message their number says.
    Malformed(Malformed),
    /// A message that RFC 4254 does not allow now.
    PeerMisbehaved(PeerMisbehaved),
}

/// What the peer did that it must not do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A message for a channel whose CHANNEL_CLOSE it had sent (RFC 4254 §5.3).
    ChannelClosed,
    /// CHANNEL_DATA behind CHANNEL_EOF (RFC 4254 §5.3).
    DataAfterEof,
    /// CHANNEL_EOF twice on one channel.
    EofTwice,
    /// CHANNEL_EXTENDED_DATA, which no forwarded connection has (RFC 4254 §5.2, §7.2).
    ExtendedData,
    /// An answer to a CHANNEL_OPEN that does not wait for one.
    NotOpening,
    /// A confirmation that allows messages too small to carry anything.
    PacketSizeTooSmall,
    /// More data in one message than our maximum_packet_size (RFC 4254 §5.2).
    PacketTooLarge,
    /// A port for a request to listen that named another one (RFC 4254 §7.1).
    PortNotAskedFor,
    /// A port that the peer was to choose, and that is none.
    PortOutOfRange,
    /// More requests at a time than replies can be owed.
    TooManyRequests,
    /// An answer to a request that was not made, or was answered (RFC 4254 §4, §5.4).
    UnaskedReply,
    /// A message for a channel that is not open: it never was, is not yet, or is no longer.
    UnknownChannel,
    /// More data than the window (RFC 4254 §5.2).
    WindowExceeded,
    /// A window beyond 2^32 - 1 (RFC 4254 §5.2).
    WindowOverflow,
}

impl Error {
    /// What DISCONNECT says about it (RFC 4253 §11.1). Never `None`: whatever ends a session here
    /// can be told to the peer.
    #[must_use]
    pub const fn reason(self) -> Option<Disconnect> {
        match self {
            Self::Malformed(_) | Self::PeerMisbehaved(_) => Some(Disconnect::ProtocolError),
        }
    }
}

impl PeerMisbehaved {
    /// What it did, in a few words for a log line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ChannelClosed => "message for a closed channel",
            Self::DataAfterEof => "channel data after end of file",
            Self::EofTwice => "end of file twice on a channel",
            Self::ExtendedData => "extended data on a forwarded connection",
            Self::NotOpening => "answer for a channel that was not asked for",
            Self::PacketSizeTooSmall => "maximum packet size too small",
            Self::PacketTooLarge => "channel data longer than the maximum packet size",
            Self::PortNotAskedFor => "another port than the one that was asked for",
            Self::PortOutOfRange => "a port that is none",
            Self::TooManyRequests => "too many requests at a time",
            Self::UnaskedReply => "answer to a request that was not made",
            Self::UnknownChannel => "message for an unknown channel",
            Self::WindowExceeded => "channel data beyond the window",
            Self::WindowOverflow => "window adjusted beyond 2^32 - 1",
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<PeerMisbehaved> for Error {
    fn from(misbehaved: PeerMisbehaved) -> Self {
        Self::PeerMisbehaved(misbehaved)
    }
}

impl fmt::Display for PeerMisbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::PeerMisbehaved(misbehaved) => misbehaved.fmt(f),
        }
    }
}

impl core::error::Error for PeerMisbehaved {}
impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_two_bytes() {
        assert!(size_of::<Error>() <= 2);
    }
}
