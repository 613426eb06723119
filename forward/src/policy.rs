//! What a server may open for its clients: `AllowTcpForwarding` and `PermitOpen` as
//! `sshd_config(5)` has them, except that where nothing is said nothing may be opened. Pure: it
//! looks at what was asked for, never at what a name resolves to, and it never asks a resolver.
//!
//! What is matched is the requested string: a literal address in its canonical form (IPv4-mapped
//! IPv6 is IPv4), a name letter by letter without regard to case. `127.0.0.1:80` does not permit
//! `localhost:80`. A permitted name is to be resolved once, and only those addresses tried.

use core::fmt;
use core::net::IpAddr;

/// Longest host that may be asked for: a name in DNS has no more (RFC 1035 §2.3.4).
pub const HOST_MAX: usize = 255;
/// Most destinations of one `PermitOpen`; OpenSSH's own limit.
pub const PERMITS_MAX: usize = 4096;

/// `AllowTcpForwarding`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AllowTcpForwarding {
    /// `yes`, `all`: whatever `PermitOpen` does not restrict.
    Yes,
    /// `no`: nothing, whatever `PermitOpen` lists.
    No,
    /// `local`: direct-tcpip, the client's `-L` and `-D`.
    Local,
    /// `remote`: the client's `-R` alone, so no direct-tcpip.
    Remote,
}

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

/// One `host:port` of `PermitOpen`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permit {
    /// `None`: `*`, any host.
    host: Option<Host>,
    /// `None`: `*`, any port.
    port: Option<u16>,
}

/// A host as somebody wrote it: a literal address, or a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// In canonical form: never an IPv4-mapped IPv6 address.
    Address(IpAddr),
    /// In lower case, of letters, digits, `.`, `-` and `_`; it cannot be read as an address.
    Name(String),
}

/// A destination that a [`Policy`] permitted; nothing else can make one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permitted {
    host: Host,
    port: u16,
}

/// Why a destination was not permitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Denied {
    /// Neither an address nor a name.
    BadHost,
    /// Not 1 to 65535.
    BadPort,
    /// Not among those that `PermitOpen` names.
    NotListed,
    /// This server opens nothing at all.
    NothingAllowed,
}

/// Why `PermitOpen` could not be read. Always fatal: a rule that is not understood must not come
/// to mean another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadPermit {
    /// Neither an address, nor a name, nor `*`.
    BadHost,
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

/// What may be opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    allow: Option<AllowTcpForwarding>,
    permit_open: Option<PermitOpen>,
}

impl Policy {
    /// From the two keywords, `None` where one was not given. With neither nothing may be opened;
    /// with `PermitOpen` alone what it names.
    #[must_use]
    pub const fn new(allow: Option<AllowTcpForwarding>, permit_open: Option<PermitOpen>) -> Self {
        Self { allow, permit_open }
    }

    /// Whether direct-tcpip to `host` and `port`, as they stand in the request (RFC 4254 §7.2),
    /// may be opened.
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub fn direct_tcpip(&self, host: &[u8], port: u32) -> Result<Permitted, Denied> {
        // First, so that a server that opens nothing tells nothing about what it was asked.
        let rule = self.rule().ok_or(Denied::NothingAllowed)?;
        let port = u16::try_from(port).ok().filter(|port| *port != 0);
        let port = port.ok_or(Denied::BadPort)?;
        let host = Host::parse(host).ok_or(Denied::BadHost)?;
        let permitted = match rule {
            Rule::Any => true,
            Rule::Only(permits) => permits.iter().any(|permit| permit.matches(&host, port)),
        };
        if permitted {
            Ok(Permitted { host, port })
        } else {
            Err(Denied::NotListed)
        }
    }

    /// Both keywords as one rule; `None` when nothing may be opened.
    fn rule(&self) -> Option<Rule<'_>> {
        let unlisted = match self.allow {
            Some(AllowTcpForwarding::Yes | AllowTcpForwarding::Local) => Some(Rule::Any),
            Some(AllowTcpForwarding::No | AllowTcpForwarding::Remote) => return None,
            None => None,
        };
        match &self.permit_open {
            Some(PermitOpen::Any) => Some(Rule::Any),
            Some(PermitOpen::Only(permits)) => Some(Rule::Only(permits)),
            Some(PermitOpen::Nothing) => None,
            None => unlisted,
        }
    }
}

enum Rule<'a> {
    Any,
    Only(&'a [Permit]),
}

/// For the line at start-up that says what may be opened.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Destinations written out; the line must fit a screen.
        const SHOWN: usize = 16;
        match self.rule() {
            Some(Rule::Any) => f.write_str("Clients may open any destination"),
            Some(Rule::Only(permits)) => {
                f.write_str("Clients may open")?;
                for (i, permit) in permits.iter().take(SHOWN).enumerate() {
                    write!(f, "{} {permit}", if i == 0 { "" } else { "," })?;
                }
                match permits.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            None => {
                f.write_str("Clients may open nothing")?;
                match (self.allow, &self.permit_open) {
                    (Some(AllowTcpForwarding::No), _) => f.write_str(" (AllowTcpForwarding no)"),
                    (Some(AllowTcpForwarding::Remote), _) => {
                        f.write_str(" (AllowTcpForwarding remote)")
                    }
                    (_, Some(_)) => f.write_str(" (PermitOpen none)"),
                    (_, None) => f.write_str(": set AllowTcpForwarding or PermitOpen"),
                }
            }
        }
    }
}

impl AllowTcpForwarding {
    /// From a word of the configuration.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let is = |name| word.eq_ignore_ascii_case(name);
        if is("yes") || is("all") {
            Some(Self::Yes)
        } else if is("no") {
            Some(Self::No)
        } else if is("local") {
            Some(Self::Local)
        } else if is("remote") {
            Some(Self::Remote)
        } else {
            None
        }
    }
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
    /// From `host:port` or `[host]:port`; either may be `*`.
    ///
    /// # Errors
    /// [`BadPermit`].
    pub fn parse(word: &str) -> Result<Self, BadPermit> {
        if matches!(word, "any" | "none") {
            return Err(BadPermit::NotAlone);
        }
        let (host, port) = match word.strip_prefix('[') {
            Some(rest) => {
                let (host, behind) = rest.split_once(']').ok_or(BadPermit::BadHost)?;
                (host, behind.strip_prefix(':'))
            }
            None => match word.rsplit_once(':') {
                Some((host, _)) if host.contains(':') => return Err(BadPermit::Brackets),
                Some((host, port)) => (host, Some(port)),
                None => (word, None),
            },
        };
        let port = port.ok_or(BadPermit::MissingPort)?;
        Ok(Self {
            host: match host {
                "" => return Err(BadPermit::MissingHost),
                "*" => None,
                host => Some(Host::parse(host.as_bytes()).ok_or(BadPermit::BadHost)?),
            },
            port: match port {
                "*" => None,
                port => Some(parse_port(port).ok_or(BadPermit::BadPort)?),
            },
        })
    }

    fn matches(&self, host: &Host, port: u16) -> bool {
        self.host.as_ref().is_none_or(|own| own == host) && self.port.is_none_or(|own| own == port)
    }
}

impl fmt::Display for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => f.write_str("*:")?,
            Some(Host::Address(IpAddr::V6(address))) => write!(f, "[{address}]:")?,
            Some(host) => write!(f, "{host}:")?,
        }
        match self.port {
            None => f.write_str("*"),
            Some(port) => write!(f, "{port}"),
        }
    }
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

impl Permitted {
    /// Where to connect.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// To which port; never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Denied {
    /// What the client is told beside "administratively prohibited" (RFC 4254 §5.1).
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadHost => "the destination is neither an address nor a host name",
            Self::BadPort => "the destination port is not 1 to 65535",
            Self::NotListed => "this server does not permit that destination",
            Self::NothingAllowed => "this server permits no destination at all",
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Denied {}

impl fmt::Display for BadPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadHost => "not an address, a host name or *",
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

/// Decimal digits alone, 1 to 65535. Anything else, a sign or a service name too, is no port.
fn parse_port(port: &str) -> Option<u16> {
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    port.parse().ok().filter(|port| *port != 0)
}

/// A number as inet_aton(3) has them: decimal, octal, or hexadecimal behind `0x`.
fn is_number(label: &str) -> bool {
    let bytes = label.as_bytes();
    match bytes {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests;
