//! Whom to log in to: `host`, `user@host`, `ssh://user@host:port`.
//!
//! What is written here ends up in messages, in known_hosts and in requests; a name that could be
//! taken for something else there (an option, a command) is refused, as OpenSSH does.

use std::fmt;
use std::net::Ipv6Addr;

/// A destination, and what it says beside the host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Destination {
    /// A name or an address, without brackets.
    pub host: String,
    /// Before the `@`.
    pub user: Option<String>,
    /// Of a URI.
    pub port: Option<u16>,
}

/// Why a destination is not one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DestinationError {
    /// Not of any form that is known: the usage is due.
    Form,
    /// A host that no host can have.
    Host,
    /// A user that no user should have.
    User,
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "that is not a destination",
            Self::Host => "hostname contains invalid characters",
            Self::User => "remote username contains invalid characters",
        })
    }
}

impl std::error::Error for DestinationError {}

impl Destination {
    /// Reads a destination.
    ///
    /// # Errors
    /// [`DestinationError`].
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        let destination = match strip_prefix_ignoring_case(text, "ssh://") {
            Some(rest) => Self::from_uri(rest)?,
            // The last "@": names of users may have one, names of hosts may not.
            None => match text.rsplit_once('@') {
                Some((user, host)) => Self::new(Some(user), host, None)?,
                None => Self::new(None, text, None)?,
            },
        };
        if !is_valid_host(&destination.host) {
            return Err(DestinationError::Host);
        }
        if destination
            .user
            .as_deref()
            .is_some_and(|u| !is_valid_user(u))
        {
            return Err(DestinationError::User);
        }
        Ok(destination)
    }

    /// Reads a destination that may have a port without being a URI: `user@host:port`, with brackets
    /// around an address that has colons.
    ///
    /// # Errors
    /// [`DestinationError`].
    pub fn with_port(text: &str) -> Result<Self, DestinationError> {
        let (user, authority) = match text.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, text),
        };
        let is_uri = strip_prefix_ignoring_case(text, "ssh://").is_some();
        if !is_uri && authority.contains('/') {
            return Err(DestinationError::Form);
        }
        let port = match authority.rsplit_once(':') {
            _ if is_uri || authority.ends_with(']') || is_ipv6(authority) => None,
            None => None,
            Some((_, port)) => {
                let port = crate::value::number::<u16>(port).filter(|port| *port != 0);
                Some(port.ok_or(DestinationError::Form)?)
            }
        };
        let Some(port) = port else {
            return Self::parse(text);
        };
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let host = match user {
            Some(user) => format!("{user}@{host}"),
            None => host.to_owned(),
        };
        Ok(Self {
            port: Some(port),
            ..Self::parse(&host)?
        })
    }

    fn new(user: Option<&str>, host: &str, port: Option<u16>) -> Result<Self, DestinationError> {
        // Brackets around an address are for people who are used to them from -L.
        let inside = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match inside {
            Some(inside) if is_ipv6(inside) => inside,
            Some(_) => return Err(DestinationError::Host),
            None => host,
        };
        if host.is_empty() || user.is_some_and(str::is_empty) {
            return Err(DestinationError::Form);
        }
        Ok(Self {
            host: host.to_owned(),
            user: user.map(str::to_owned),
            port,
        })
    }

    /// `[user[;parameters]@]host[:port][/]`, the user percent-encoded.
    fn from_uri(rest: &str) -> Result<Self, DestinationError> {
        let rest = match rest.split_once('/') {
            Some((rest, "")) => rest,
            // A path means nothing to a tunnel.
            Some(_) => return Err(DestinationError::Form),
            None => rest,
        };
        let (user, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => {
                let user = user.split_once(';').map_or(user, |(user, _)| user);
                (Some(percent_decoded(user)?), authority)
            }
            None => (None, rest),
        };
        let (host, port) = match authority.rsplit_once(':') {
            // The colon of an address in brackets is no port's.
            Some(_) if authority.ends_with(']') => (authority, None),
            Some((host, port)) => {
                let port = crate::value::number::<u16>(port).filter(|p| *p != 0);
                (host, Some(port.ok_or(DestinationError::Form)?))
            }
            None => (authority, None),
        };
        Self::new(user.as_deref(), host, port)
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn percent_decoded(text: &str) -> Result<String, DestinationError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(DestinationError::Form);
        };
        out.push(u8::try_from(high * 16 + low).map_err(|_| DestinationError::Form)?);
    }
    String::from_utf8(out).map_err(|_| DestinationError::Form)
}

/// Whether a host's name has nothing in it that a shell, a log or a file could mistake.
#[must_use]
pub fn is_valid_host(host: &str) -> bool {
    !host.is_empty()
        && !host.starts_with('-')
        && host
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"'`\"$\\;&<>|(){}@,#[]".contains(c))
}

/// The same for a user's name, which may have blanks and backslashes within.
#[must_use]
pub fn is_valid_user(user: &str) -> bool {
    !user.starts_with('-')
        && !user.ends_with('\\')
        && !user.contains(" -")
        && user
            .chars()
            .all(|c| !c.is_control() && !"'`\";&<>|(){}".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_three_forms() {
        for (text, user, host, port) in [
            ("h", None, "h", None),
            ("u@h", Some("u"), "h", None),
            ("u@x@h", Some("u@x"), "h", None),
            (r"DOM\u@h", Some(r"DOM\u"), "h", None),
            ("::1", None, "::1", None),
            ("u@::1", Some("u"), "::1", None),
            ("[::1]", None, "::1", None),
            ("u@[fe80::1%eth0]", Some("u"), "fe80::1%eth0", None),
            ("ssh://h", None, "h", None),
            ("ssh://h/", None, "h", None),
            ("SSH://u@h:2222", Some("u"), "h", Some(2222)),
            ("ssh://u;fp=x@h:2222/", Some("u"), "h", Some(2222)),
            ("ssh://u%40x@h", Some("u@x"), "h", None),
            ("ssh://[::1]", None, "::1", None),
            ("ssh://u@[::1]:22", Some("u"), "::1", Some(22)),
        ] {
            let expected = Destination {
                host: host.into(),
                user: user.map(String::from),
                port,
            };
            assert_eq!(Destination::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        use DestinationError::{Form, Host, User};
        for (text, error) in [
            ("", Form),
            ("@h", Form),
            ("u@", Form),
            ("ssh://", Form),
            ("ssh://@h", Form),
            ("ssh://h:0", Form),
            ("ssh://h:", Form),
            ("ssh://h:65536", Form),
            ("ssh://h/path", Form),
            ("ssh://u%4@h", Form),
            ("ssh://u%zz@h", Form),
            ("ssh://u%ff@h", Form),
            ("-h", Host),
            ("u@-oProxyCommand=x", Host),
            ("a b", Host),
            ("a;b", Host),
            ("a$(b)", Host),
            ("a\nb", Host),
            ("[h]", Host),
            ("[::1", Host),
            ("-u@h", User),
            ("u;b@h", User),
            ("u`b`@h", User),
            ("u -x@h", User),
            ("u\\@h", User),
            ("u\u{7}@h", User),
            ("ssh://u%0a@h", User),
        ] {
            assert_eq!(Destination::parse(text), Err(error), "{text:?}");
        }
    }
}
