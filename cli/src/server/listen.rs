//! Where to listen: `ListenAddress` and `Port` as `sshd_config(5)` has them.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use adit_forward::spec::Family;

use crate::value;

/// sshd's own.
const DEFAULT_PORT: u16 = 22;

/// One `ListenAddress`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenAddress {
    host: String,
    /// `None`: every `Port`.
    port: Option<u16>,
}

/// Not a `ListenAddress`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadListenAddress;

impl ListenAddress {
    /// From `host`, `host:port`, `[host]`, `[host]:port` or a bare IPv6 address. Port 0 lets the
    /// system choose one, which sshd does not offer.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(word: &str) -> Result<Self, BadListenAddress> {
        let (host, port) = if word.matches(':').count() >= 2 && !word.starts_with('[') {
            (word, None)
        } else if let Some(rest) = word.strip_prefix('[') {
            let (host, behind) = rest.split_once(']').ok_or(BadListenAddress)?;
            match behind {
                "" => (host, None),
                behind => (
                    host,
                    Some(behind.strip_prefix(':').ok_or(BadListenAddress)?),
                ),
            }
        } else {
            match word.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (word, None),
            }
        };
        if host.is_empty() {
            return Err(BadListenAddress);
        }
        let port = match port {
            Some(port) => Some(value::number(port).ok_or(BadListenAddress)?),
            None => None,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Its addresses; a name is looked up, which may take its time.
    fn resolve(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((self.host.as_str(), port).to_socket_addrs()?.collect())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

/// Every address to listen on, in order, none twice: with no `ListenAddress` the wildcards of the
/// family, with no `Port` 22.
///
/// # Errors
/// The `ListenAddress` that cannot be looked up, and why.
pub fn addresses<'a>(
    listen: &'a [ListenAddress],
    ports: &[u16],
    family: Family,
) -> Result<Vec<SocketAddr>, (&'a ListenAddress, io::Error)> {
    let ports = if ports.is_empty() {
        &[DEFAULT_PORT]
    } else {
        ports
    };
    let mut out: Vec<SocketAddr> = Vec::new();
    let mut add = |address: SocketAddr| {
        // Two sockets with a port of the system's choosing are two sockets.
        if family.allows(address.ip()) && (address.port() == 0 || !out.contains(&address)) {
            out.push(address);
        }
    };
    if listen.is_empty() {
        for port in ports {
            add((Ipv4Addr::UNSPECIFIED, *port).into());
            add((Ipv6Addr::UNSPECIFIED, *port).into());
        }
    }
    for one in listen {
        let own = one.port.as_ref().map(std::slice::from_ref);
        for port in own.unwrap_or(ports) {
            let found = one.resolve(*port).map_err(|error| (one, error))?;
            if !found.iter().any(|address| family.allows(address.ip())) {
                // What getaddrinfo(3) says when it is asked for that family alone.
                let why = io::Error::other("Address family for hostname not supported");
                return Err((one, why));
            }
            found.into_iter().for_each(&mut add);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(words: &[&str], ports: &[u16], family: Family) -> Vec<String> {
        let listen: Vec<_> = words
            .iter()
            .map(|word| ListenAddress::parse(word).unwrap())
            .collect();
        addresses(&listen, ports, family)
            .unwrap()
            .iter()
            .map(SocketAddr::to_string)
            .collect()
    }

    #[test]
    fn an_address_is_a_host_with_or_without_a_port() {
        for (word, expected) in [
            ("host", Ok(("host", None))),
            ("host:22", Ok(("host", Some(22)))),
            ("127.0.0.1:0", Ok(("127.0.0.1", Some(0)))),
            ("[::1]:2222", Ok(("::1", Some(2222)))),
            ("[::1]", Ok(("::1", None))),
            ("::", Ok(("::", None))),
            ("::1", Ok(("::1", None))),
            ("2001:db8::1", Ok(("2001:db8::1", None))),
            ("[host]:65535", Ok(("host", Some(65_535)))),
            ("host:65536", Err(BadListenAddress)),
            ("host:ssh", Err(BadListenAddress)),
            ("host:", Err(BadListenAddress)),
            ("host:+1", Err(BadListenAddress)),
            ("[::1]22", Err(BadListenAddress)),
            ("[::1", Err(BadListenAddress)),
            ("[]:22", Err(BadListenAddress)),
            (":22", Err(BadListenAddress)),
            ("", Err(BadListenAddress)),
        ] {
            let parsed = ListenAddress::parse(word).map(|l| (l.host, l.port));
            assert_eq!(parsed, expected.map(|(h, p)| (h.to_owned(), p)), "{word:?}");
        }
    }

    #[test]
    fn without_listen_address_the_wildcards_of_the_family_listen() {
        use Family::{Any, Inet, Inet6};
        assert_eq!(listed(&[], &[], Any), ["0.0.0.0:22", "[::]:22"]);
        assert_eq!(listed(&[], &[2222], Inet), ["0.0.0.0:2222"]);
        assert_eq!(listed(&[], &[1, 2], Inet6), ["[::]:1", "[::]:2"]);
    }

    #[test]
    fn a_listen_address_without_a_port_has_every_port() {
        use Family::{Any, Inet};
        let both = ["127.0.0.1", "[::1]:7"];
        assert_eq!(
            listed(&both, &[1, 2], Any),
            ["127.0.0.1:1", "127.0.0.1:2", "[::1]:7"]
        );
        assert_eq!(listed(&both[..1], &[], Inet), ["127.0.0.1:22"]);
    }

    #[test]
    fn an_address_of_another_family_is_an_error_that_names_it() {
        for (words, family, bad) in [
            (["127.0.0.1", "::1"], Family::Inet, "::1"),
            (["127.0.0.1", "::1"], Family::Inet6, "127.0.0.1"),
        ] {
            let listen = words.map(|word| ListenAddress::parse(word).unwrap());
            let (one, why) = addresses(&listen, &[1], family).unwrap_err();
            assert_eq!(one.to_string(), bad);
            assert_eq!(why.to_string(), "Address family for hostname not supported");
        }
    }

    #[test]
    fn an_address_is_listened_on_once_unless_the_system_chooses_its_port() {
        let same = ["127.0.0.1:5", "127.0.0.1:5"];
        assert_eq!(listed(&same, &[], Family::Any), ["127.0.0.1:5"]);
        let chosen = ["127.0.0.1:0", "127.0.0.1:0"];
        assert_eq!(listed(&chosen, &[], Family::Any).len(), 2);
    }
}
