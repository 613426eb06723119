//! Forward specifications, `[bind_address:]port:host:hostport` as ssh(1) has them, and what a bind
//! address means. Pure: variables and service names are asked of the caller, nothing is resolved.
//!
//! ```text
//! spec  = field *3( ":" field )
//! field = "[" *(any but "]") "]"               used as it is; ":" or the end must follow
//!       / *( "\" any / any but ":" )           "\" quotes the next character
//! ```
//!
//! A field with a "/" that is not quoted is the path of a Unix socket.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt;

/// Longest host name, NI_MAXHOST less its NUL, as OpenSSH has it.
pub const HOST_MAX: usize = 1024;

/// Longest name between `${` and `}` (OpenSSH's limit).
pub const VARIABLE_MAX: usize = 1024;

/// What a specification may refer to.
pub trait Names {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The port of a TCP service by name.
    fn service(&self, name: &str) -> Option<u16>;
}

/// A port of this machine that leads to a destination as the server sees it (`-L`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalForward {
    /// Where to listen.
    pub bind: Bind,
    /// Never 0.
    pub listen_port: u16,
    /// A name or literal, sent to the server as it is written.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

/// A bind address as a person gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Bind {
    /// None given: `GatewayPorts` decides.
    Unsaid,
    /// `*`, or nothing before the colon: every address.
    Wildcard,
    /// `localhost`: this machine only, in both families, without asking a resolver.
    Localhost,
    /// Any literal.
    Address(IpAddr),
    /// Any other name: every address that it resolves to.
    Name(String),
}

/// Who may connect when no bind address is given (`GatewayPorts`, `-g`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GatewayPorts {
    /// This machine.
    #[default]
    No,
    /// Everybody who reaches it.
    Yes,
}

/// Which families of addresses are used (`AddressFamily`, `-4`, `-6`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 alone.
    Inet,
    /// IPv6 alone.
    Inet6,
}

impl Family {
    /// Whether addresses of that kind are used.
    #[must_use]
    pub const fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}

/// What to listen on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListenOn {
    /// These addresses, an IPv6 one for IPv6 alone. Empty when [`Family`] leaves none.
    Addresses(Vec<SocketAddr>),
    /// Whatever this name resolves to, within [`Family`].
    Name(String, u16),
}

impl LocalForward {
    /// Reads `[bind_address:]port:host:hostport`.
    ///
    /// # Errors
    /// [`SpecError`], which says which field is wrong.
    pub fn parse(spec: &str, names: &dyn Names) -> Result<Self, SpecError> {
        let expanded = expand(spec, names)?;
        let fields = fields(expanded.trim_start_matches(|c: char| c.is_ascii_whitespace()))?;
        let (bind, listen_port, host, port) = match fields.as_slice() {
            [_, target] | [_, _, target] if target.is_path => return Err(SpecError::UnixSocket),
            [listen, ..] if listen.is_path => return Err(SpecError::UnixSocket),
            [] | [_] | [_, _] => return Err(SpecError::TooFewFields),
            [listen_port, host, port] => (None, listen_port, host, port),
            [bind, listen_port, host, port] => (Some(bind), listen_port, host, port),
            _ => return Err(SpecError::TooManyFields),
        };
        let bind = match bind {
            None => Bind::Unsaid,
            Some(field) => Bind::parse(&field.text)?,
        };
        if host.text.is_empty() {
            return Err(SpecError::NoHost);
        }
        if host.text.len() > HOST_MAX {
            return Err(SpecError::HostTooLong);
        }
        Ok(Self {
            bind,
            listen_port: tcp_port(&listen_port.text, names, SpecError::ListenPort)?,
            host: host.text.clone(),
            port: tcp_port(&port.text, names, SpecError::Port)?,
        })
    }

    /// Whether its traffic goes on from the server to another machine: unprotected by this tunnel,
    /// from there. `server` is the name by which the server itself was reached.
    #[must_use]
    pub fn leaves_server(&self, server: &str) -> bool {
        let host = self.host.as_str();
        let itself = host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(server);
        let loopback = host.parse().is_ok_and(|a: IpAddr| a.is_loopback());
        !itself && !loopback
    }
}

impl fmt::Display for LocalForward {
    /// As a specification that reads back to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bind {
            Bind::Unsaid => {}
            Bind::Wildcard => f.write_str("*:")?,
            Bind::Localhost => f.write_str("localhost:")?,
            Bind::Address(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Bind::Address(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Bind::Name(name) => write!(f, "[{name}]:")?,
        }
        let (listen_port, host, port) = (self.listen_port, &self.host, self.port);
        if host.contains([':', '\\', '[', '/']) {
            write!(f, "{listen_port}:[{host}]:{port}")
        } else {
            write!(f, "{listen_port}:{host}:{port}")
        }
    }
}

/// Adds a forward unless the same is there already; ssh drops repetitions without a word, because
/// a configuration file and a command line often say the same.
pub fn add(forwards: &mut Vec<LocalForward>, forward: LocalForward) {
    if !forwards.contains(&forward) {
        forwards.push(forward);
    }
}

impl Bind {
    fn parse(text: &str) -> Result<Self, SpecError> {
        if text.len() > HOST_MAX {
            return Err(SpecError::HostTooLong);
        }
        Ok(match text {
            "" | "*" => Self::Wildcard,
            "localhost" => Self::Localhost,
            _ => match text.parse() {
                Ok(address) => Self::Address(address),
                Err(_) => Self::Name(text.to_owned()),
            },
        })
    }

    /// What to listen on.
    #[must_use]
    pub fn listen_on(&self, port: u16, gateway: GatewayPorts, family: Family) -> ListenOn {
        const LOOPBACK: [IpAddr; 2] = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        const WILDCARD: [IpAddr; 2] = [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ];
        let addresses: &[IpAddr] = match (self, gateway) {
            (Self::Unsaid, GatewayPorts::No) | (Self::Localhost, _) => &LOOPBACK,
            (Self::Unsaid, GatewayPorts::Yes) | (Self::Wildcard, _) => &WILDCARD,
            (Self::Address(address), _) => std::slice::from_ref(address),
            (Self::Name(name), _) => return ListenOn::Name(name.clone(), port),
        };
        ListenOn::Addresses(
            addresses
                .iter()
                .filter(|a| family.allows(**a))
                .map(|a| SocketAddr::new(*a, port))
                .collect(),
        )
    }
}

/// Why a specification is not one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SpecError {
    /// A `[` without its `]`, or something between `]` and the next colon.
    Bracket,
    /// A name of more than [`HOST_MAX`] bytes.
    HostTooLong,
    /// The port to listen on.
    ListenPort(String),
    /// The destination has no host.
    NoHost,
    /// The destination's port.
    Port(String),
    /// Fewer than three fields.
    TooFewFields,
    /// More than four fields.
    TooManyFields,
    /// Ends in a backslash that quotes nothing.
    TrailingBackslash,
    /// A path where a port or host could be: not supported yet.
    UnixSocket,
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
                "the port to listen on, '{text}', is not a number from 1 to 65535 or a service"
            ),
            Self::NoHost => f.write_str("the destination has no host"),
            Self::Port(text) => write!(
                f,
                "the destination's port, '{text}', is not a number from 1 to 65535 or a service"
            ),
            Self::TooFewFields => f.write_str("[bind_address:]port:host:hostport is needed"),
            Self::TooManyFields => {
                f.write_str("more than four fields; an IPv6 address goes in [brackets]")
            }
            Self::TrailingBackslash => f.write_str("nothing follows the last backslash"),
            Self::UnixSocket => {
                f.write_str("it names a Unix socket, and only TCP ports are forwarded so far")
            }
            Self::UnknownVariable(name) => write!(f, "environment variable {name} is not set"),
            Self::Variable => f.write_str("'${' needs a name and a '}'"),
        }
    }
}

impl std::error::Error for SpecError {}

struct Field {
    text: String,
    is_path: bool,
}

/// Replaces each `${NAME}`. Values are not looked through again.
fn expand(spec: &str, names: &dyn Names) -> Result<String, SpecError> {
    let mut out = String::with_capacity(spec.len());
    let mut rest = spec;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or(SpecError::Variable)?;
        if !(1..=VARIABLE_MAX).contains(&name.len()) {
            return Err(SpecError::Variable);
        }
        let value = names
            .variable(name)
            .ok_or_else(|| SpecError::UnknownVariable(name.to_owned()))?;
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Splits into fields. As in ssh, one colon at the very end begins no field.
fn fields(spec: &str) -> Result<Vec<Field>, SpecError> {
    let mut out = Vec::new();
    let mut rest = spec;
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('[') {
            Some(quoted) => bracketed(quoted)?,
            None => plain(rest)?,
        };
        out.push(field);
        rest = after;
    }
    Ok(out)
}

fn bracketed(quoted: &str) -> Result<(Field, &str), SpecError> {
    let (text, after) = quoted.split_once(']').ok_or(SpecError::Bracket)?;
    let field = Field {
        text: text.to_owned(),
        is_path: text.contains('/'),
    };
    match after.strip_prefix(':') {
        Some(after) => Ok((field, after)),
        None if after.is_empty() => Ok((field, after)),
        None => Err(SpecError::Bracket),
    }
}

fn plain(rest: &str) -> Result<(Field, &str), SpecError> {
    let mut field = Field {
        text: String::new(),
        is_path: false,
    };
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => field
                .text
                .push(chars.next().ok_or(SpecError::TrailingBackslash)?),
            ':' => break,
            _ => {
                field.is_path |= c == '/';
                field.text.push(c);
            }
        }
    }
    Ok((field, chars.as_str()))
}

/// A port number, 1 to 65535, or a service's name.
fn tcp_port(
    text: &str,
    names: &dyn Names,
    error: fn(String) -> SpecError,
) -> Result<u16, SpecError> {
    let port = if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        names.service(text)
    };
    port.filter(|port| *port != 0)
        .ok_or_else(|| error(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Names for Fixed {
        fn variable(&self, name: &str) -> Option<String> {
            match name {
                "HOST" => Some("inner".into()),
                "SPEC" => Some("8080:h:80".into()),
                "AGAIN" => Some("${HOST}".into()),
                _ => None,
            }
        }
        fn service(&self, name: &str) -> Option<u16> {
            (name == "http").then_some(80)
        }
    }

    fn parse(spec: &str) -> Result<LocalForward, SpecError> {
        LocalForward::parse(spec, &Fixed)
    }

    fn forward(bind: Bind, listen_port: u16, host: &str, port: u16) -> LocalForward {
        LocalForward {
            bind,
            listen_port,
            host: host.into(),
            port,
        }
    }

    fn address(text: &str) -> Bind {
        Bind::Address(text.parse().unwrap())
    }

    #[test]
    fn specifications_are_read_as_ssh_reads_them() {
        use Bind::{Localhost, Name, Unsaid, Wildcard};
        for (spec, expected) in [
            ("8080:h:80", forward(Unsaid, 8080, "h", 80)),
            ("  8080:h:80", forward(Unsaid, 8080, "h", 80)),
            // One colon at the end begins no field.
            ("8080:h:80:", forward(Unsaid, 8080, "h", 80)),
            ("http:h:http", forward(Unsaid, 80, "h", 80)),
            ("1:h:65535", forward(Unsaid, 1, "h", 65535)),
            ("8080:[::1]:80", forward(Unsaid, 8080, "::1", 80)),
            (r"8080:\:\:1:80", forward(Unsaid, 8080, "::1", 80)),
            (r"80\80:h:80", forward(Unsaid, 8080, "h", 80)),
            (r"8080:a\/b:80", forward(Unsaid, 8080, "a/b", 80)),
            ("8080:h[1]:80", forward(Unsaid, 8080, "h[1]", 80)),
            (":8080:h:80", forward(Wildcard, 8080, "h", 80)),
            ("*:8080:h:80", forward(Wildcard, 8080, "h", 80)),
            ("[]:8080:h:80", forward(Wildcard, 8080, "h", 80)),
            ("localhost:8080:h:80", forward(Localhost, 8080, "h", 80)),
            (
                "127.0.0.2:8080:h:80",
                forward(address("127.0.0.2"), 8080, "h", 80),
            ),
            (
                "[::1]:8080:[fe80::2]:80",
                forward(address("::1"), 8080, "fe80::2", 80),
            ),
            ("me:8080:h:80", forward(Name("me".into()), 8080, "h", 80)),
            ("8080:${HOST}:80", forward(Unsaid, 8080, "inner", 80)),
            ("${SPEC}", forward(Unsaid, 8080, "h", 80)),
            ("8080:${AGAIN}:80", forward(Unsaid, 8080, "${HOST}", 80)),
            ("8080:$h$:80", forward(Unsaid, 8080, "$h$", 80)),
        ] {
            assert_eq!(parse(spec), Ok(expected), "{spec}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use SpecError as E;
        for (spec, expected) in [
            ("", E::TooFewFields),
            (":", E::TooFewFields),
            ("8080", E::TooFewFields),
            ("8080:80", E::TooFewFields),
            ("8080::80", E::NoHost),
            ("8080:[]:80", E::NoHost),
            ("a:b:c:d:e", E::TooManyFields),
            ("8080:::1:80", E::TooManyFields),
            ("0:h:80", E::ListenPort("0".into())),
            ("65536:h:80", E::ListenPort("65536".into())),
            ("-1:h:80", E::ListenPort("-1".into())),
            ("+1:h:80", E::ListenPort("+1".into())),
            ("gopher:h:80", E::ListenPort("gopher".into())),
            ("::h:80", E::ListenPort(String::new())),
            ("8080:h:0", E::Port("0".into())),
            (
                "8080:h:99999999999999999999",
                E::Port("99999999999999999999".into()),
            ),
            ("8080:h: 80", E::Port(" 80".into())),
            ("8080:h:\u{661}", E::Port("\u{661}".into())),
            ("[::1:8080:h:80", E::Bracket),
            ("[::1]x:8080:h:80", E::Bracket),
            (r"8080:h:80\", E::TrailingBackslash),
            ("/a:/b", E::UnixSocket),
            ("8080:/b", E::UnixSocket),
            ("/a:h:80", E::UnixSocket),
            ("[/a]:h:80", E::UnixSocket),
            ("me:8080:/b", E::UnixSocket),
            ("8080:${NONE}:80", E::UnknownVariable("NONE".into())),
            ("8080:${HOST:80", E::Variable),
            ("8080:${}:80", E::Variable),
        ] {
            assert_eq!(parse(spec), Err(expected), "{spec}");
        }
    }

    #[test]
    fn names_and_variables_have_a_longest_length() {
        let host = "h".repeat(HOST_MAX);
        assert!(parse(&format!("1:{host}:1")).is_ok());
        assert!(parse(&format!("{host}:1:h:1")).is_ok());
        assert_eq!(parse(&format!("1:{host}h:1")), Err(SpecError::HostTooLong));
        assert_eq!(
            parse(&format!("{host}h:1:h:1")),
            Err(SpecError::HostTooLong)
        );
        let name = "v".repeat(VARIABLE_MAX);
        let unknown = SpecError::UnknownVariable(name.clone());
        assert_eq!(parse(&format!("${{{name}}}")), Err(unknown));
        assert_eq!(parse(&format!("${{{name}v}}")), Err(SpecError::Variable));
    }

    #[test]
    fn a_forward_reads_back_from_its_own_text() {
        for spec in [
            "8080:h:80",
            "*:8080:[::1]:80",
            "localhost:1:h:2",
            "[::1]:1:h:2",
            "127.0.0.1:1:h:2",
            "me:1:h:2",
        ] {
            let forward = parse(spec).unwrap();
            assert_eq!(parse(&forward.to_string()), Ok(forward), "{spec}");
        }
    }

    #[test]
    fn repetitions_are_dropped() {
        let mut forwards = Vec::new();
        for spec in ["1:h:2", "1:h:3", "1:h:2", "*:1:h:2", "01:h:2"] {
            add(&mut forwards, parse(spec).unwrap());
        }
        let texts: Vec<String> = forwards.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["1:h:2", "1:h:3", "*:1:h:2"]);
    }

    #[test]
    fn a_bind_address_says_what_to_listen_on() {
        use Family::{Any, Inet, Inet6};
        use GatewayPorts::{No, Yes};
        for (spec, gateway, family, expected) in [
            ("1:h:2", No, Any, &["127.0.0.1:1", "[::1]:1"][..]),
            ("1:h:2", No, Inet, &["127.0.0.1:1"]),
            ("1:h:2", No, Inet6, &["[::1]:1"]),
            ("1:h:2", Yes, Any, &["0.0.0.0:1", "[::]:1"]),
            ("1:h:2", Yes, Inet6, &["[::]:1"]),
            (":1:h:2", No, Any, &["0.0.0.0:1", "[::]:1"]),
            ("*:1:h:2", No, Inet, &["0.0.0.0:1"]),
            ("localhost:1:h:2", Yes, Any, &["127.0.0.1:1", "[::1]:1"]),
            ("127.0.0.2:1:h:2", Yes, Any, &["127.0.0.2:1"]),
            ("[::1]:1:h:2", No, Inet, &[]),
        ] {
            let on = parse(spec).unwrap().bind.listen_on(1, gateway, family);
            let expected = expected.iter().map(|a| a.parse().unwrap()).collect();
            assert_eq!(
                on,
                ListenOn::Addresses(expected),
                "{spec} {gateway:?} {family:?}"
            );
        }
        let on = parse("me:1:h:2").unwrap().bind.listen_on(1, No, Any);
        assert_eq!(on, ListenOn::Name("me".into(), 1));
    }

    #[test]
    fn only_the_server_itself_is_no_further_leg() {
        for (host, leaves) in [
            ("localhost", false),
            ("LocalHost", false),
            ("127.0.0.1", false),
            ("127.3.2.1", false),
            ("[::1]", false),
            ("hostb", false),
            ("HostB", false),
            ("HostC", true),
            ("10.0.0.1", true),
            ("localhost.example", true),
            ("0.0.0.0", true),
        ] {
            let forward = parse(&format!("1:{host}:2")).unwrap();
            assert_eq!(forward.leaves_server("hostb"), leaves, "{host}");
        }
    }
}
