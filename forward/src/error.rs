//! Why a session ended, whichever layer found it.

use core::fmt;

use adit_proto::{Malformed, reason};

/// What ends a session. Small and `Copy`: it is kept, compared and shown, never unwound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// From user authentication.
    Auth(adit_auth::Error),
    /// From the connection protocol.
    Connection(adit_connection::Error),
    /// From the transport protocol.
    Transport(adit_transport::Error),
    /// The peer gave no sign of life.
    Silent,
}

impl Error {
    /// What the peer is told, if it is told anything.
    #[must_use]
    pub fn reason(self) -> Option<reason::Disconnect> {
        match self {
            Self::Auth(error) => error.reason(),
            Self::Connection(error) => error.reason(),
            Self::Transport(error) => error.reason(),
            Self::Silent => Some(reason::Disconnect::ConnectionLost),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auth(error) => error.fmt(f),
            Self::Connection(error) => error.fmt(f),
            Self::Transport(error) => error.fmt(f),
            Self::Silent => f.write_str("the other side does not answer"),
        }
    }
}

impl std::error::Error for Error {}

impl From<adit_auth::Error> for Error {
    fn from(error: adit_auth::Error) -> Self {
        Self::Auth(error)
    }
}

impl From<adit_connection::Error> for Error {
    fn from(error: adit_connection::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<adit_transport::Error> for Error {
    fn from(error: adit_transport::Error) -> Self {
        Self::Transport(error)
    }
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Self {
        Self::Transport(error.into())
    }
}
