//! What may be opened: `PermitOpen`, `permitopen`.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::{BadPermit, Host, PERMITS_MAX, PathPermit, fmt_port, parse_port, split};

/// `PermitOpen`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PermitOpen {
    /// `any`.
    Any,
    /// `none`.
    Nothing,
    /// These destinations.
    Only(Vec<Permit>),
}

/// One destination: `host:port`, or the path of a Unix socket, which OpenSSH has no rule for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permit(What);

#[derive(Clone, Debug, Eq, PartialEq)]
enum What {
    Tcp {
        /// `None`: `*`, any host.
        host: Option<Host>,
        /// `None`: `*`, any port.
        port: Option<u16>,
    },
    Unix(PathPermit),
}

impl PermitOpen {
    /// From the words behind the keyword.
    ///
    /// # Errors
    /// [`BadPermit`], and the word it is about.
    pub fn parse<'a>(words: &[&'a str]) -> Result<Self, (BadPermit, &'a str)> {
        match words {
            [] => Err((BadPermit::Nothing, "")),
            ["any"] => Ok(Self::Any),
            ["none"] => Ok(Self::Nothing),
            words if words.len() > PERMITS_MAX => Err((BadPermit::TooMany, "")),
            words => words
                .iter()
                .map(|word| Permit::parse(word).map_err(|bad| (bad, *word)))
                .collect::<Result<_, _>>()
                .map(Self::Only),
        }
    }
}

impl Permit {
    /// From `host:port` or `[host]:port`, either of which may be `*`, or from an absolute path,
    /// `/*` for any.
    ///
    /// # Errors
    /// [`BadPermit`].
    pub fn parse(word: &str) -> Result<Self, BadPermit> {
        if matches!(word, "any" | "none") {
            return Err(BadPermit::NotAlone);
        }
        if let Some(path) = PathPermit::parse(word)? {
            return Ok(Self(What::Unix(path)));
        }
        let (host, port) = split(word)?;
        let port = port.ok_or(BadPermit::MissingPort)?;
        Ok(Self(What::Tcp {
            host: match host {
                "" => return Err(BadPermit::MissingHost),
                "*" => None,
                host => Some(Host::parse(host.as_bytes()).ok_or(BadPermit::BadHost)?),
            },
            port: parse_port(port)?,
        }))
    }

    /// Whether it is this port of this host.
    #[must_use]
    pub fn permits_tcp(&self, host: &Host, port: u16) -> bool {
        match &self.0 {
            What::Tcp {
                host: own_host,
                port: own_port,
            } => {
                own_host.as_ref().is_none_or(|own| own == host)
                    && own_port.is_none_or(|own| own == port)
            }
            What::Unix(_) => false,
        }
    }

    /// Whether it is this Unix socket.
    #[must_use]
    pub fn permits_path(&self, path: &[u8]) -> bool {
        match &self.0 {
            What::Unix(own) => own.permits(path),
            What::Tcp { .. } => false,
        }
    }

    /// Whether it is about Unix sockets.
    #[must_use]
    pub const fn is_path(&self) -> bool {
        matches!(self.0, What::Unix(_))
    }

    /// Whether it names one port, or one Unix socket: neither `*` nor `/*`.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        match &self.0 {
            What::Tcp { port, .. } => port.is_some(),
            What::Unix(path) => matches!(path, PathPermit::Only(_)),
        }
    }
}

impl fmt::Display for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            What::Unix(path) => write!(f, "{path}"),
            What::Tcp { host, port } => {
                match host {
                    None => f.write_str("*:")?,
                    Some(Host::Address(IpAddr::V6(address))) => write!(f, "[{address}]:")?,
                    Some(host) => write!(f, "{host}:")?,
                }
                fmt_port(*port, f)
            }
        }
    }
}
