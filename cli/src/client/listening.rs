//! Forwards as the event loop takes them: names of this machine looked up, tokens replaced. For
//! messages, each beside what a person said.

use std::path::PathBuf;

use adit_forward::reactor::{Forward, Listen, RemoteForward, RemoteListen, To};
use adit_forward::spec::{self, Bind, Family, GatewayPorts, ListenOn, SOCKET_PATH_MAX, Target};

use crate::client::about::Forwarded;
use crate::client::options::Options;
use crate::client::paths::Tokens;
use crate::client::run::{Fatal, OTHER_FAMILY, addresses};
use crate::escape::escaped;
use crate::report::Report;

const FAILED: &str = "Could not request local forwarding.";

/// What is forwarded from here, as said and as it is made; the same ones in the same order. What
/// cannot be made is told of.
///
/// # Errors
/// When one cannot be made, and must.
pub(super) fn local(
    options: &Options,
    here: &Tokens,
    report: &Report,
) -> Result<(Vec<Forwarded>, Vec<Forward>), Fatal> {
    let local = options.local_forwards.iter().map(|forward| Forwarded {
        listen: forward.listen.clone(),
        to: Some(forward.to.clone()),
    });
    let dynamic = options.dynamic_forwards.iter().map(|forward| Forwarded {
        listen: forward.listen.clone(),
        to: None,
    });
    let (mut said, mut made) = (Vec::new(), Vec::new());
    for forward in local.chain(dynamic) {
        let target = to(forward.to.as_ref(), here).map_err(|why| format!("{forward}: {why}"));
        let parts = listen(&forward.listen, options, here).and_then(|listen| Ok((listen, target?)));
        match parts {
            Ok((listen, to)) => {
                made.push(Forward { listen, to });
                said.push(forward);
            }
            Err(why) => {
                report.error(why);
                if options.exits_on_forward_failure() {
                    return Err(Fatal(FAILED.to_owned()));
                }
                report.error(FAILED);
            }
        }
    }
    Ok((said, made))
}

/// What the server is to listen on, in the order in which it was said.
///
/// # Errors
/// When a path has a token that is none, or gets too long.
pub(super) fn remote(options: &Options, here: &Tokens) -> Result<Vec<RemoteForward>, Fatal> {
    let made = options.remote_forwards.iter().map(|forward| {
        let bad = |why| {
            Fatal(format!(
                "Bad remote forwarding specification '{forward}': {why}"
            ))
        };
        let listen = match &forward.listen {
            spec::RemoteListen::Tcp { port, .. } => RemoteListen::Tcp {
                address: forward.listen.address_on_wire().unwrap_or_default().into(),
                port: *port,
            },
            spec::RemoteListen::Unix(socket) => {
                RemoteListen::Unix(path(socket, here).map_err(bad)?)
            }
        };
        let to = to(forward.to.as_ref(), here).map_err(bad)?;
        Ok(RemoteForward { listen, to })
    });
    made.collect()
}

/// Where to listen, or why not in a line of ssh's.
fn listen(listen: &spec::Listen, options: &Options, here: &Tokens) -> Result<Listen, String> {
    let family: Family = options.address_family.unwrap_or_default();
    let gateway: GatewayPorts = options.gateway_ports.unwrap_or_default();
    let (bind, port) = match listen {
        spec::Listen::Tcp { bind, port } => (bind, *port),
        spec::Listen::Unix(socket) => {
            let path = path(socket, here).map_err(|why| format!("unix_listener: {why}"));
            return path.map(Listen::Unix);
        }
    };
    let found = match bind.listen_on(port, gateway, family) {
        ListenOn::Addresses(addresses) if addresses.is_empty() => Err(OTHER_FAMILY.to_owned()),
        ListenOn::Addresses(addresses) => Ok(addresses),
        ListenOn::Name(name, port) => addresses(&name, port, family),
    };
    found.map(Listen::Tcp).map_err(|why| {
        let name = match bind {
            Bind::Address(address) => address.to_string(),
            Bind::Name(name) => escaped(name.as_bytes()).to_string(),
            Bind::Localhost | Bind::Unsaid => "localhost".to_owned(),
            Bind::Wildcard => "*".to_owned(),
        };
        format!("channel_setup_fwd_listener_tcpip: getaddrinfo({name}): {why}")
    })
}

/// Where a forward leads to; `None`: each connection says it.
pub(super) fn to(target: Option<&Target>, here: &Tokens) -> Result<To, String> {
    Ok(match target {
        None => To::Dynamic,
        Some(Target::Tcp { host, port }) => To::Tcp {
            host: host.clone(),
            port: *port,
        },
        Some(Target::Unix(socket)) => To::Unix(path(socket, here)?),
    })
}

/// Where a Unix socket is: as in ssh, tokens stand for something in its path, and `~` does not.
fn path(text: &str, here: &Tokens) -> Result<PathBuf, String> {
    let path = here.replace(text).map_err(|error| error.to_string())?;
    if path.len() > SOCKET_PATH_MAX {
        return Err(format!("path '{path}' too long for a socket"));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tokens;

    fn refused(bind: Bind, options: &Options) -> String {
        let here = tokens();
        listen(&spec::Listen::Tcp { bind, port: 1 }, options, &here).unwrap_err()
    }

    #[test]
    fn an_address_that_cannot_be_listened_on_is_told_as_ssh_tells_it() {
        let at = "channel_setup_fwd_listener_tcpip: getaddrinfo";
        let only_ipv4 = Options {
            address_family: Some(Family::Inet),
            ..Options::default()
        };
        let why = "Address family for hostname not supported";
        let address = Bind::Address("::1".parse().unwrap());
        assert_eq!(refused(address, &only_ipv4), format!("{at}(::1): {why}"));
        // No name has an empty label, so nobody is asked about it.
        let name = Bind::Name("no..name".to_owned());
        let said = refused(name, &Options::default());
        assert!(said.starts_with(&format!("{at}(no..name): ")), "{said}");
    }

    #[test]
    fn a_path_that_gets_too_long_is_told() {
        let path = format!("/{}", "x".repeat(SOCKET_PATH_MAX));
        let listen = listen(&spec::Listen::Unix(path), &Options::default(), &tokens());
        let said = listen.unwrap_err();
        assert!(said.starts_with("unix_listener: path '/xxx"), "{said}");
        assert!(said.ends_with("' too long for a socket"), "{said}");
    }
}
