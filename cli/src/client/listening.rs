//! Forwards as the event loop takes them: names of this machine looked up, tokens replaced. For
//! messages, each beside what a person said.

use std::path::PathBuf;

use adit_forward::reactor::{Forward, Listen, RemoteForward, RemoteListen, To};
use adit_forward::spec::{self, Family, GatewayPorts, ListenOn, SOCKET_PATH_MAX, Target};

use crate::client::about::Forwarded;
use crate::client::options::Options;
use crate::client::paths::Tokens;
use crate::client::run::{Fatal, addresses};
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
        let parts = listen(&forward.listen, options, here)
            .and_then(|listen| Ok((listen, to(forward.to.as_ref(), here)?)));
        match parts {
            Ok((listen, to)) => {
                made.push(Forward { listen, to });
                said.push(forward);
            }
            Err(why) => {
                report.error(format_args!("{forward}: cannot listen: {why}"));
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

fn listen(listen: &spec::Listen, options: &Options, here: &Tokens) -> Result<Listen, String> {
    let family: Family = options.address_family.unwrap_or_default();
    let gateway: GatewayPorts = options.gateway_ports.unwrap_or_default();
    let (bind, port) = match listen {
        spec::Listen::Tcp { bind, port } => (bind, *port),
        spec::Listen::Unix(socket) => return path(socket, here).map(Listen::Unix),
    };
    match bind.listen_on(port, gateway, family) {
        ListenOn::Addresses(addresses) if addresses.is_empty() => {
            Err("no address of that family".to_owned())
        }
        ListenOn::Addresses(addresses) => Ok(Listen::Tcp(addresses)),
        ListenOn::Name(name, port) => addresses(&name, port, family).map(Listen::Tcp),
    }
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
