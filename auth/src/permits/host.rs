//! A host in a request or a list.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

/// Longest host that may be asked for: a name in DNS has no more (RFC 1035 §2.3.4).
pub const HOST_MAX: usize = 255;

/// A host as somebody wrote it: a literal address, or a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// In canonical form: never an IPv4-mapped IPv6 address.
    Address(IpAddr),
    /// In lower case, of letters, digits, `.`, `-` and `_`; it cannot be read as an address.
    Name(String),
}

impl Host {
    /// From the bytes of a request or of a configuration; `None` when they are neither an address
    /// nor a name.
    #[must_use]
    pub fn parse(host: &[u8]) -> Option<Self> {
        if host.len() > HOST_MAX {
            return None;
        }
        let host = core::str::from_utf8(host).ok()?;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical()));
        }
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let last_label = host.strip_suffix('.').unwrap_or(host).rsplit('.').next()?;
        // "127.1", "2130706433" and "0x7f.1" are addresses to getaddrinfo(3): a list that has them
        // as names would be passed by another spelling. No top-level domain is numeric.
        if last_label.is_empty() || is_number(last_label) || !host.bytes().all(is_name) {
            return None;
        }
        Some(Self::Name(host.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Where a client asks a server to listen (RFC 4254 §7.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListenHost {
    /// `""` or `*`: every address of every family.
    Wildcard,
    /// `localhost`: loopback, of every family. What a client sends that was told no address.
    Localhost,
    /// This address, perhaps the wildcard of its family.
    Address(IpAddr),
    /// A name that would have to be looked up.
    Name(String),
}

impl ListenHost {
    /// From the bytes of a request; `None` when they are nothing of all this.
    #[must_use]
    pub fn parse(address: &[u8]) -> Option<Self> {
        if matches!(address, b"" | b"*") {
            return Some(Self::Wildcard);
        }
        Some(match Host::parse(address)? {
            Host::Address(address) => Self::Address(address),
            Host::Name(name) if name == "localhost" => Self::Localhost,
            Host::Name(name) => Self::Name(name),
        })
    }
}

/// As lists are compared with it: the wildcard is empty.
impl fmt::Display for ListenHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wildcard => Ok(()),
            Self::Localhost => f.write_str("localhost"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A number as inet_aton(3) has them: decimal, octal, or hexadecimal behind `0x`.
fn is_number(label: &str) -> bool {
    let bytes = label.as_bytes();
    match bytes {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}
