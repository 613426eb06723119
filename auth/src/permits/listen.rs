//! Where a server may listen for a client: `PermitListen`, `permitlisten`.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use adit_proto::pattern::{Case, matches};

use super::{
    BadPermit, HOST_MAX, Host, ListenHost, PERMITS_MAX, PathPermit, fmt_port, parse_port, split,
};

/// `PermitListen`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PermitListen {
    /// `any`.
    Any,
    /// `none`.
    Nothing,
    /// These places.
    Only(Vec<ListenPermit>),
}

/// One place: `[host:]port`, or the path of a Unix socket, which OpenSSH has no rule for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenPermit(What);

#[derive(Clone, Debug, Eq, PartialEq)]
enum What {
    Tcp {
        host: ListenPattern,
        /// `None`: `*`, any port, and alone in permitting 0, which lets the server choose.
        port: Option<u16>,
    },
    Unix(PathPermit),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum ListenPattern {
    /// `*`, which is also the wildcard address.
    Any,
    Exact(Host),
    /// With `*` and `?` in it; compared with the address as it is printed.
    Pattern(String),
}

impl PermitListen {
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
                .map(|word| ListenPermit::parse(word).map_err(|bad| (bad, *word)))
                .collect::<Result<_, _>>()
                .map(Self::Only),
        }
    }
}

impl ListenPermit {
    /// From `port`, which is that of any address, `host:port` or `[host]:port`, where the host may
    /// have `*` and `?`, or from an absolute path, `/*` for any.
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
        let (host, port) = match split(word)? {
            (port, None) => ("*", port),
            (host, Some(port)) => (host, port),
        };
        let host = match host {
            "" => return Err(BadPermit::MissingHost),
            "*" => ListenPattern::Any,
            host if host.contains(['*', '?']) => ListenPattern::parse(host)?,
            host => ListenPattern::Exact(Host::parse(host.as_bytes()).ok_or(BadPermit::BadHost)?),
        };
        let port = parse_port(port)?;
        Ok(Self(What::Tcp { host, port }))
    }

    /// Whether it is this port of this address; 0 is whichever the server chooses.
    #[must_use]
    pub fn permits_tcp(&self, host: &ListenHost, port: u16) -> bool {
        match &self.0 {
            What::Tcp {
                host: own_host,
                port: own_port,
            } => own_port.is_none_or(|own| own == port) && own_host.permits(host),
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

impl ListenPattern {
    fn parse(host: &str) -> Result<Self, BadPermit> {
        let may_match = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'*' | b'?')
        };
        if host.len() > HOST_MAX || !host.bytes().all(may_match) {
            return Err(BadPermit::BadHost);
        }
        Ok(Self::Pattern(host.to_ascii_lowercase()))
    }

    fn permits(&self, host: &ListenHost) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(Host::Address(own)) => {
                matches!(host, ListenHost::Address(address) if address == own)
            }
            Self::Exact(Host::Name(own)) => match host {
                ListenHost::Localhost => own == "localhost",
                ListenHost::Name(name) => own == name,
                ListenHost::Address(_) | ListenHost::Wildcard => false,
            },
            Self::Pattern(pattern) => {
                let text = host.to_string();
                matches(pattern.as_bytes(), text.as_bytes(), Case::Exact)
            }
        }
    }
}

impl fmt::Display for ListenPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            What::Unix(path) => write!(f, "{path}"),
            What::Tcp { host, port } => {
                match host {
                    ListenPattern::Any => f.write_str("*:")?,
                    ListenPattern::Exact(Host::Address(IpAddr::V6(address))) => {
                        write!(f, "[{address}]:")?;
                    }
                    ListenPattern::Exact(host) => write!(f, "{host}:")?,
                    ListenPattern::Pattern(pattern) => write!(f, "[{pattern}]:")?,
                }
                fmt_port(*port, f)
            }
        }
    }
}
