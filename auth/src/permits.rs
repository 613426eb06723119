//! Lists of what may be forwarded: `PermitOpen` and `PermitListen` of a server's configuration,
//! `permitopen` and `permitlisten` of a line in authorized_keys, and what such a line leaves of it
//! all. One reader for both, since a word must not mean one thing here and another there.
//!
//! Pure: what is compared is the requested string, never what it resolves to. A literal address is
//! in its canonical form (IPv4-mapped IPv6 is IPv4), a name without regard to case, the path of a
//! Unix socket byte by byte. `127.0.0.1:80` does not permit `localhost:80`.

mod host;
mod key;
mod listen;
mod open;

use core::fmt;

pub use host::{HOST_MAX, Host, ListenHost};
pub use key::{Permissions, PortForwarding};
pub use listen::{ListenPermit, PermitListen};
pub use open::{Permit, PermitOpen};

/// Most entries of one list; OpenSSH's own limit.
pub const PERMITS_MAX: usize = 4096;
/// Longest path of a Unix socket: `sun_path` has 108 bytes on Linux, one of them for the NUL.
pub const SOCKET_PATH_MAX: usize = 107;

/// Any socket, in a list.
const ANY_PATH: &str = "/*";

/// Why a list could not be read. Always fatal to what it stands in: a rule that is not understood
/// must not come to mean another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadPermit {
    /// Neither an address, nor a name, nor `*`.
    BadHost,
    /// Longer than [`SOCKET_PATH_MAX`], or with a pattern that is not `/*`.
    BadPath,
    /// Neither 1 to 65535 nor `*`.
    BadPort,
    /// An IPv6 address without `[]`, of which nobody can tell where the port begins.
    Brackets,
    /// Nothing in front of the port.
    MissingHost,
    /// No `:port`.
    MissingPort,
    /// No argument at all.
    Nothing,
    /// `any` or `none` beside something else.
    NotAlone,
    /// More than [`PERMITS_MAX`].
    TooMany,
}

impl fmt::Display for BadPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadHost => "not an address, a host name or *",
            Self::BadPath => "not the path of a socket: it is too long or has a pattern",
            Self::BadPort => "bad port number",
            Self::Brackets => "an IPv6 address needs [] around it",
            Self::MissingHost => "missing host",
            Self::MissingPort => "missing port",
            Self::Nothing => "missing argument",
            Self::NotAlone => "\"any\" and \"none\" stand alone",
            Self::TooMany => "more than 4096 destinations",
        })
    }
}

impl core::error::Error for BadPermit {}

/// Whether this can be the path of a socket that somebody asks for: absolute, since a server's
/// working directory means nothing to its clients, and such as the kernel takes whole. Names of
/// the abstract namespace begin with a NUL, so they are none.
#[must_use]
pub fn is_socket_path(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && path.len() <= SOCKET_PATH_MAX && !path.contains(&0)
}

/// `host:port` or `[host]:port` in two; no port where there is no colon.
fn split(word: &str) -> Result<(&str, Option<&str>), BadPermit> {
    match word.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or(BadPermit::BadHost)?;
            let port = behind.strip_prefix(':').ok_or(BadPermit::MissingPort)?;
            Ok((host, Some(port)))
        }
        None => match word.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => Err(BadPermit::Brackets),
            Some((host, port)) => Ok((host, Some(port))),
            None => Ok((word, None)),
        },
    }
}

/// `None` is any port.
fn parse_port(port: &str) -> Result<Option<u16>, BadPermit> {
    if port == "*" {
        return Ok(None);
    }
    // Digits alone: neither a sign nor the name of a service is a port.
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadPermit::BadPort);
    }
    let port = port.parse().ok().filter(|port| *port != 0);
    port.map(Some).ok_or(BadPermit::BadPort)
}

fn fmt_port(port: Option<u16>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match port {
        None => f.write_str("*"),
        Some(port) => write!(f, "{port}"),
    }
}

/// A socket in a list, if the word is one.
#[derive(Clone, Debug, Eq, PartialEq)]
enum PathPermit {
    Any,
    Only(alloc::string::String),
}

impl PathPermit {
    fn parse(word: &str) -> Result<Option<Self>, BadPermit> {
        if !word.starts_with('/') {
            return Ok(None);
        }
        if word == ANY_PATH {
            return Ok(Some(Self::Any));
        }
        // What looks like a pattern would be taken for one by whoever reads the list.
        if !is_socket_path(word.as_bytes()) || word.contains(['*', '?']) {
            return Err(BadPermit::BadPath);
        }
        Ok(Some(Self::Only(word.into())))
    }

    fn permits(&self, path: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Only(own) => own.as_bytes() == path,
        }
    }
}

impl fmt::Display for PathPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => ANY_PATH,
            Self::Only(path) => path,
        })
    }
}

#[cfg(test)]
mod tests;
