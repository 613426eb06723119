//! Why an authentication cannot go on, by who is to blame.

use core::fmt;

use adit_proto::{Malformed, reason};

/// What ends a session while it authenticates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// This program called something out of turn.
    Internal(Internal),
    /// A message that is not what its number says.
    Malformed(Malformed),
    /// A message that may not come now, or not from this peer.
    PeerMisbehaved(PeerMisbehaved),
}

/// What this program did wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Internal {
    /// A call that the state does not allow, such as a decision nobody asked for.
    OutOfTurn,
    /// A request that no empty send buffer has room for: a user name, a key or an answer of many
    /// kilobytes.
    RequestTooLong,
}

/// What the peer did wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// PK_OK for another key or algorithm than the one asked about (RFC 4252 §7).
    KeyNotAsked,
    /// A request that is bound to another server's host key.
    OtherHostKey,
    /// A request for another user or service than the first one. RFC 4252 §5 lets a server flush
    /// all it knows or disconnect; only the second cannot go wrong.
    PrincipalChanged,
    /// A request for a service that is not ssh-connection.
    ServiceNotAvailable,
    /// Success, and nothing of ours has earned it.
    SuccessUnasked,
    /// More banners than are shown.
    TooManyBanners,
    /// MaxAuthTries is reached.
    TooManyFailures,
    /// More INFO_REQUESTs than any person would answer.
    TooManyQuestions,
    /// More requests than any client needs, whatever became of them.
    TooManyRequests,
    /// A message that this role does not take in this state.
    UnexpectedMessage,
    /// A user name that no system has.
    UserNameTooLong,
}

impl Error {
    /// The code for SSH_MSG_DISCONNECT (RFC 4253 §11.1), where the peer should be told.
    #[must_use]
    pub const fn reason(self) -> Option<reason::Disconnect> {
        Some(match self {
            Self::Internal(Internal::OutOfTurn | Internal::RequestTooLong) => {
                reason::Disconnect::ByApplication
            }
            Self::PeerMisbehaved(PeerMisbehaved::ServiceNotAvailable) => {
                reason::Disconnect::ServiceNotAvailable
            }
            Self::Malformed(_) | Self::PeerMisbehaved(_) => reason::Disconnect::ProtocolError,
        })
    }

    /// What happened, in the words that sshd has for it where it has any.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Internal(Internal::OutOfTurn) => "authentication step out of turn",
            Self::Internal(Internal::RequestTooLong) => "user name, key or answer too long",
            Self::Malformed(malformed) => malformed.text(),
            Self::PeerMisbehaved(misbehaved) => misbehaved.text(),
        }
    }
}

impl PeerMisbehaved {
    const fn text(self) -> &'static str {
        match self {
            Self::KeyNotAsked => "server accepts a key that was not offered",
            Self::OtherHostKey => "login meant for a server with another host key",
            Self::PrincipalChanged => "Change of username or service not allowed",
            Self::ServiceNotAvailable => "service not available",
            Self::SuccessUnasked => "server reports success though nothing was proven",
            Self::TooManyBanners => "too many banners",
            Self::TooManyFailures => "Too many authentication failures",
            Self::TooManyQuestions => "too many questions",
            Self::TooManyRequests => "too many authentication requests",
            Self::UnexpectedMessage => "unexpected authentication message",
            Self::UserNameTooLong => "user name too long",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}

impl From<Internal> for Error {
    fn from(internal: Internal) -> Self {
        Self::Internal(internal)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small() {
        assert!(size_of::<Error>() <= 2);
    }

    #[test]
    fn a_service_that_is_not_there_has_a_reason_of_its_own() {
        assert_eq!(
            Error::from(PeerMisbehaved::ServiceNotAvailable).reason(),
            Some(reason::Disconnect::ServiceNotAvailable)
        );
        assert_eq!(
            Error::from(Malformed::TooShort).reason(),
            Some(reason::Disconnect::ProtocolError)
        );
    }
}
