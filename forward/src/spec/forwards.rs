//! What each kind of specification says, by the number of its fields and which of them are paths.

use core::net::IpAddr;

use super::Names;
use super::bind::Bind;
use super::error::SpecError;
use super::fields::{self, Field, host_length};

const STATIC: &str = "[bind_address:]port:host:hostport";
const DYNAMIC: &str = "[bind_address:]port";
const STDIO: &str = "host:port";

/// What this machine listens on for a destination as the server sees it (`-L`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalForward {
    /// Where to listen.
    pub listen: Listen,
    /// Where to, from the server.
    pub to: Target,
}

/// What this machine listens on for destinations that each connection names itself (`-D`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DynamicForward {
    /// Where to listen.
    pub listen: Listen,
}

/// What the server is asked to listen on, for destinations as this machine sees them (`-R`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RemoteForward {
    /// Where the server is to listen.
    pub listen: RemoteListen,
    /// Where to, from here. `None`: each connection names it.
    pub to: Option<Target>,
}

/// Standard input and output as one connection (`-W`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StdioForward {
    /// Where to, from the server.
    pub to: Target,
}

/// Where this machine listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// On a port.
    Tcp {
        /// At which addresses.
        bind: Bind,
        /// 0: any that is free.
        port: u16,
    },
    /// On a Unix socket of that path.
    Unix(String),
}

/// Where a server is to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RemoteListen {
    /// On a port.
    Tcp {
        /// As it was given, except that `*` is the empty string. `None`: nothing was.
        bind: Option<String>,
        /// 0: the server chooses.
        port: u16,
    },
    /// On a Unix socket of that path.
    Unix(String),
}

/// Where a connection goes on to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// To a port.
    Tcp {
        /// A name or literal, as it is written.
        host: String,
        /// Never 0.
        port: u16,
    },
    /// To the Unix socket of that path.
    Unix(String),
}

impl LocalForward {
    /// Reads what `-L` takes.
    ///
    /// # Errors
    /// [`SpecError`], which says which field is wrong.
    pub fn parse(spec: &str, names: &dyn Names) -> Result<Self, SpecError> {
        let fields = fields::read(spec, names)?;
        let (at, to) = halves(&fields)?;
        let to = target(to, names)?;
        let listen = Listen::read(at, names)?;
        Ok(Self { listen, to })
    }
}

impl DynamicForward {
    /// Reads what `-D` takes.
    ///
    /// # Errors
    /// As [`LocalForward::parse`].
    pub fn parse(spec: &str, names: &dyn Names) -> Result<Self, SpecError> {
        let fields = fields::read(spec, names)?;
        match fields.as_slice() {
            [] => Err(SpecError::TooFewFields(DYNAMIC)),
            [_] | [_, _] => Ok(Self {
                listen: Listen::read(&fields, names)?,
            }),
            _ => Err(SpecError::TooManyFields(DYNAMIC)),
        }
    }
}

impl RemoteForward {
    /// Reads what `-R` takes: a destination, or none.
    ///
    /// # Errors
    /// As [`LocalForward::parse`].
    pub fn parse(spec: &str, names: &dyn Names) -> Result<Self, SpecError> {
        let fields = fields::read(spec, names)?;
        let (at, to) = match fields.as_slice() {
            [] => return Err(SpecError::TooFewFields(DYNAMIC)),
            [_] => (fields.as_slice(), None),
            [bind, port] if !bind.is_path && !port.is_path => (fields.as_slice(), None),
            _ => {
                let (at, to) = halves(&fields)?;
                (at, Some(target(to, names)?))
            }
        };
        let listen = RemoteListen::read(at, names)?;
        Ok(Self { listen, to })
    }
}

impl StdioForward {
    /// Reads what `-W` takes. A port alone, which ssh accepts and then does nothing with, is refused.
    ///
    /// # Errors
    /// As [`LocalForward::parse`].
    pub fn parse(spec: &str, names: &dyn Names) -> Result<Self, SpecError> {
        let fields = fields::read(spec, names)?;
        let to = match fields.as_slice() {
            [field] if !field.is_path => return Err(SpecError::TooFewFields(STDIO)),
            [] => return Err(SpecError::TooFewFields(STDIO)),
            [_] | [_, _] => target(&fields, names)?,
            _ => return Err(SpecError::TooManyFields(STDIO)),
        };
        Ok(Self { to })
    }
}

/// The fields that say where to listen, and those that say where to go on to.
fn halves(fields: &[Field]) -> Result<(&[Field], &[Field]), SpecError> {
    let (first, last) = match fields {
        [] | [_] => return Err(SpecError::TooFewFields(STATIC)),
        [first, .., last] => (first, last),
    };
    let at = match (first.is_path, last.is_path, fields.len()) {
        // A path is a half by itself.
        (true, _, 2 | 3) => 1,
        (false, true, len @ (2 | 3)) => len - 1,
        (false, false, 2) => return Err(SpecError::TooFewFields(STATIC)),
        (false, false, 3) => 1,
        (_, _, 4) => 2,
        _ => return Err(SpecError::TooManyFields(STATIC)),
    };
    fields
        .split_at_checked(at)
        .ok_or(SpecError::TooFewFields(STATIC))
}

fn target(fields: &[Field], names: &dyn Names) -> Result<Target, SpecError> {
    match fields {
        [path] if path.is_path => Ok(Target::Unix(path.path()?)),
        [host, port] => {
            let host = host.word()?;
            if host.is_empty() {
                return Err(SpecError::NoHost);
            }
            host_length(host)?;
            Ok(Target::Tcp {
                host: host.to_owned(),
                port: port.port(names)?,
            })
        }
        [] | [_] => Err(SpecError::TooFewFields(STATIC)),
        _ => Err(SpecError::TooManyFields(STATIC)),
    }
}

impl Target {
    /// Whether what a server connects to there is on another machine: unprotected by this tunnel,
    /// from there. `server` is the name by which the server itself was reached.
    #[must_use]
    pub fn leaves_server(&self, server: &str) -> bool {
        let host = match self {
            Self::Tcp { host, .. } => host.as_str(),
            Self::Unix(_) => return false,
        };
        let itself = host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(server);
        let loopback = host.parse().is_ok_and(|a: IpAddr| a.is_loopback());
        !itself && !loopback
    }
}

impl Listen {
    fn read(fields: &[Field], names: &dyn Names) -> Result<Self, SpecError> {
        match fields {
            [path] if path.is_path => Ok(Self::Unix(path.path()?)),
            [port] => Ok(Self::Tcp {
                bind: Bind::Unsaid,
                port: port.listen_port(names)?,
            }),
            [bind, port] => Ok(Self::Tcp {
                bind: Bind::parse(bind.word()?)?,
                port: port.listen_port(names)?,
            }),
            [] => Err(SpecError::TooFewFields(DYNAMIC)),
            _ => Err(SpecError::TooManyFields(DYNAMIC)),
        }
    }
}

impl RemoteListen {
    fn read(fields: &[Field], names: &dyn Names) -> Result<Self, SpecError> {
        match fields {
            [path] if path.is_path => Ok(Self::Unix(path.path()?)),
            [port] => Ok(Self::Tcp {
                bind: None,
                port: port.listen_port(names)?,
            }),
            [bind, port] => {
                let bind = bind.word()?;
                host_length(bind)?;
                Ok(Self::Tcp {
                    bind: Some(if bind == "*" { "" } else { bind }.to_owned()),
                    port: port.listen_port(names)?,
                })
            }
            [] => Err(SpecError::TooFewFields(DYNAMIC)),
            _ => Err(SpecError::TooManyFields(DYNAMIC)),
        }
    }

    /// The address to bind as a tcpip-forward says it (RFC 4254 §7.1): nothing was given is
    /// `localhost`, everything is the empty string, and the rest is for the server to understand.
    #[must_use]
    pub fn address_on_wire(&self) -> Option<&str> {
        match self {
            Self::Tcp { bind, .. } => Some(bind.as_deref().unwrap_or("localhost")),
            Self::Unix(_) => None,
        }
    }
}
