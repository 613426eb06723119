//! What can end a transport, sorted by who is to blame, and the reason a peer is told.

use core::fmt;

use adit_proto::Malformed;
use adit_proto::reason::Disconnect;

/// Why a transport went no further. All but [`Error::Full`] and [`Error::Ended`] are final: tell
/// the peer with [`crate::Transport::disconnect`] and [`Error::reason`], flush, drop it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A cryptographic step failed. It does not say how.
    Crypto(CryptoFailure),
    /// Nothing is sent after [`crate::Transport::disconnect`] or after the peer's DISCONNECT.
    Ended,
    /// No room, or an exchange holds the sender. Nothing was sent; ask again after a flush.
    Full,
    /// Our own fault.
    Internal(Internal),
    /// A message or line that cannot be read.
    Malformed(Malformed),
    /// Both sides have nothing in common in one list of KEXINIT; see
    /// [`crate::Transport::peer_offer`].
    NoCommon(List),
    /// This cipher would be used without strict key exchange (CVE-2023-48795).
    NoStrictKex {
        /// The one that was agreed on.
        cipher: &'static str,
    },
    /// The peer broke the protocol.
    PeerMisbehaved(PeerMisbehaved),
    /// The peer took too long.
    TimedOut(TimedOut),
}

/// Which cryptographic step failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CryptoFailure {
    /// The signature over the exchange hash is not the host key's.
    HostKeySignature,
    /// The peer's share is not one.
    Kex,
    /// One key sealed or opened as many packets as it ever may.
    KeyExhausted,
    /// Keys could not be made or used.
    Keys,
    /// A protected packet: its tag, its length or its padding. One value for all of them, so that
    /// nobody learns which (RFC 4253 has one reason for them, too).
    Packet,
    /// There is no randomness.
    Random,
    /// Our host key did not sign.
    Sign,
}

/// What we did wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Internal {
    /// A message did not have the length that it said.
    Encode,
    /// The key exchange found no room although room is kept for it.
    NoRoom,
    /// A configuration with an empty or impossible list, or a server without a usable host key.
    NothingToOffer,
    /// A call that does not fit the state, such as trusting a key that was not offered.
    Order,
}

/// One of the lists in KEXINIT (RFC 4253 §7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// kex_algorithms
    Kex,
    /// server_host_key_algorithms
    HostKey,
    /// encryption_algorithms_client_to_server
    CipherToServer,
    /// encryption_algorithms_server_to_client
    CipherToClient,
    /// mac_algorithms_client_to_server
    MacToServer,
    /// mac_algorithms_server_to_client
    MacToClient,
    /// compression_algorithms_client_to_server
    CompressionToServer,
    /// compression_algorithms_server_to_client
    CompressionToClient,
}

impl List {
    /// What its names are, in the words that ssh uses.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Kex => "key exchange method",
            Self::HostKey => "host key type",
            Self::CipherToServer | Self::CipherToClient => "cipher",
            Self::MacToServer | Self::MacToClient => "MAC",
            Self::CompressionToServer | Self::CompressionToClient => "compression method",
        }
    }
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// Another host key than in the first exchange.
    HostKeyChanged,
    /// A host key that is none of its algorithm, or of a size that nobody takes.
    HostKeyUnfit,
    /// A second KEXINIT in one exchange.
    KexInitAgain,
    /// A packet before KEXINIT under strict key exchange.
    KexInitNotFirst,
    /// A KEXINIT longer than is accepted.
    KexInitTooLong,
    /// packet_length out of bounds, or not a whole number of blocks.
    PacketLength,
    /// padding_length under four, or more than there is.
    Padding,
    /// A key exchange before authentication succeeded.
    RekeyTooEarly,
    /// More than one EXT_INFO from a client, or two from a server.
    TooManyExtInfo,
    /// A message that this role may not get now.
    UnexpectedMessage {
        /// Its number.
        number: u8,
    },
    /// SERVICE_REQUEST or SERVICE_ACCEPT for anything but ssh-userauth.
    UnknownService,
}

/// What took too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TimedOut {
    /// A key exchange after authentication.
    Exchange,
}

impl Error {
    /// What to tell the peer; `None` when there is nothing to tell.
    #[must_use]
    pub const fn reason(self) -> Option<Disconnect> {
        match self {
            Self::Ended | Self::Full => None,
            Self::Crypto(CryptoFailure::Packet) => Some(Disconnect::MacError),
            Self::Internal(_) => Some(Disconnect::ByApplication),
            Self::Malformed(Malformed::BadIdent) => Some(Disconnect::ProtocolVersionNotSupported),
            Self::Crypto(_) | Self::NoCommon(_) | Self::NoStrictKex { .. } | Self::TimedOut(_) => {
                Some(Disconnect::KeyExchangeFailed)
            }
            Self::PeerMisbehaved(PeerMisbehaved::HostKeyChanged | PeerMisbehaved::HostKeyUnfit) => {
                Some(Disconnect::HostKeyNotVerifiable)
            }
            Self::PeerMisbehaved(PeerMisbehaved::UnknownService) => {
                Some(Disconnect::ServiceNotAvailable)
            }
            Self::Malformed(_) | Self::PeerMisbehaved(_) => Some(Disconnect::ProtocolError),
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Crypto(failure) => failure.text(),
            Self::Ended => "the connection has ended",
            Self::Full => "no room to send now",
            Self::Internal(Internal::Encode) => "internal error: wrong message length",
            Self::Internal(Internal::NoRoom) => "internal error: no room for the key exchange",
            Self::Internal(Internal::NothingToOffer) => "no algorithm or no host key to offer",
            Self::Internal(Internal::Order) => "internal error: wrong order of calls",
            Self::Malformed(malformed) => malformed.text(),
            Self::NoCommon(list) => list.noun(),
            Self::NoStrictKex { cipher } => cipher,
            Self::PeerMisbehaved(misbehaved) => misbehaved.text(),
            Self::TimedOut(TimedOut::Exchange) => "key exchange took too long",
        }
    }
}

impl CryptoFailure {
    const fn text(self) -> &'static str {
        match self {
            Self::HostKeySignature => "host key signature is not valid",
            Self::Kex => "key exchange share is not valid",
            Self::KeyExhausted => "too many packets under one key",
            Self::Keys => "keys could not be made",
            Self::Packet => "message authentication failed",
            Self::Random => "no randomness",
            Self::Sign => "host key did not sign",
        }
    }
}

impl PeerMisbehaved {
    const fn text(self) -> &'static str {
        match self {
            Self::HostKeyChanged => "host key changed during the connection",
            Self::HostKeyUnfit => "unfit host key: RSA has 2048 to 8192 bits, others one size",
            Self::KexInitAgain => "second KEXINIT in one key exchange",
            Self::KexInitNotFirst => "strict key exchange: KEXINIT was not the first packet",
            Self::KexInitTooLong => "KEXINIT too long",
            Self::PacketLength => "bad packet length",
            Self::Padding => "bad padding length",
            Self::RekeyTooEarly => "key exchange before authentication",
            Self::TooManyExtInfo => "too many EXT_INFO messages",
            Self::UnexpectedMessage { .. } => "unexpected message",
            Self::UnknownService => "unknown service",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommon(list) => write!(f, "no matching {} found", list.noun()),
            Self::NoStrictKex { cipher } => {
                write!(f, "{cipher} without strict key exchange (CVE-2023-48795)")
            }
            Self::PeerMisbehaved(PeerMisbehaved::UnexpectedMessage { number }) => {
                match adit_proto::number::name(*number) {
                    Some(name) => write!(f, "unexpected message {number} ({name})"),
                    None => write!(f, "unexpected message {number}"),
                }
            }
            Self::Crypto(_)
            | Self::Ended
            | Self::Full
            | Self::Internal(_)
            | Self::Malformed(_)
            | Self::PeerMisbehaved(_)
            | Self::TimedOut(_) => f.write_str(self.text()),
        }
    }
}

impl core::error::Error for Error {}

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

impl From<CryptoFailure> for Error {
    fn from(failure: CryptoFailure) -> Self {
        Self::Crypto(failure)
    }
}

impl From<Internal> for Error {
    fn from(internal: Internal) -> Self {
        Self::Internal(internal)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_error_is_one_line_and_names_what_it_is_about() {
        let unexpected = |number| Error::from(PeerMisbehaved::UnexpectedMessage { number });
        for (error, line) in [
            (
                Error::NoCommon(List::HostKey),
                "no matching host key type found",
            ),
            (
                Error::NoCommon(List::CipherToClient),
                "no matching cipher found",
            ),
            (
                Error::NoStrictKex {
                    cipher: "aes256-ctr",
                },
                "aes256-ctr without strict key exchange (CVE-2023-48795)",
            ),
            (unexpected(80), "unexpected message 80 (GLOBAL_REQUEST)"),
            (unexpected(77), "unexpected message 77"),
            (Error::Malformed(Malformed::TrailingBytes), "trailing bytes"),
            (
                CryptoFailure::Packet.into(),
                "message authentication failed",
            ),
        ] {
            assert_eq!(error.to_string(), line);
        }
    }

    #[test]
    fn a_peer_is_told_a_reason_for_all_but_what_is_not_final() {
        assert_eq!(Error::Full.reason(), None);
        assert_eq!(Error::Ended.reason(), None);
        assert_eq!(
            Error::from(CryptoFailure::Packet).reason(),
            Some(Disconnect::MacError)
        );
        assert_eq!(
            Error::NoStrictKex { cipher: "c" }.reason(),
            Some(Disconnect::KeyExchangeFailed)
        );
    }
}
