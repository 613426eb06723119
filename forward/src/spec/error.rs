//! What is wrong with a specification, and with which part of it.

use std::fmt;

/// Why a specification is not one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SpecError {
    /// A `[` without its `]`, or something between `]` and the next colon.
    Bracket,
    /// A name of more than [`HOST_MAX`](super::HOST_MAX) bytes.
    HostTooLong,
    /// The port to listen on.
    ListenPort(String),
    /// The destination has no host.
    NoHost,
    /// A path where an address, a host or a port has to be.
    Path(String),
    /// No path of a socket: there is a NUL in it.
    PathNul,
    /// A path of more than [`SOCKET_PATH_MAX`](super::SOCKET_PATH_MAX) bytes.
    PathTooLong,
    /// The destination's port.
    Port(String),
    /// Too few fields; this is needed.
    TooFewFields(&'static str),
    /// Too many fields; this is what there may be.
    TooManyFields(&'static str),
    /// Ends in a backslash that quotes nothing.
    TrailingBackslash,
    /// A variable that is not set.
    UnknownVariable(String),
    /// `${` without `}`, or nothing or far too much between them.
    Variable,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bracket => f.write_str("'[' needs a ']' at the end of its field"),
            Self::HostTooLong => f.write_str("host name too long"),
            Self::ListenPort(text) => write!(
                f,
                "the port to listen on, '{text}', is not a number from 0 to 65535 or a service"
            ),
            Self::NoHost => f.write_str("the destination has no host"),
            Self::Path(text) => write!(f, "'{text}' is a path where none can be"),
            Self::PathNul => f.write_str("a path cannot have a NUL in it"),
            Self::PathTooLong => f.write_str("path of a socket too long"),
            Self::Port(text) => write!(
                f,
                "the destination's port, '{text}', is not a number from 1 to 65535 or a service"
            ),
            Self::TooFewFields(shape) => write!(f, "{shape} is needed"),
            Self::TooManyFields(shape) => write!(
                f,
                "more fields than {shape}; an IPv6 address goes in [brackets]"
            ),
            Self::TrailingBackslash => f.write_str("nothing follows the last backslash"),
            Self::UnknownVariable(name) => write!(f, "environment variable {name} is not set"),
            Self::Variable => f.write_str("'${' needs a name and a '}'"),
        }
    }
}

impl std::error::Error for SpecError {}
