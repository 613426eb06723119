//! Names to addresses, through the system's resolver, on threads. Literals never go there.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::policy::{Host, Permitted, PermittedTo};

/// Threads that look names up. getaddrinfo(3) may hold one for half a minute.
pub(super) const THREADS_MAX: usize = 14;
/// Look-ups of one session that may be in flight, so that one with dead names leaves threads to
/// the others.
pub(super) const PER_SESSION_MAX: usize = 2;
/// From the request to an answer, the wait for a thread included; the client hears
/// SSH_OPEN_CONNECT_FAILED then, whatever the resolver is still doing.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of a destination without asking anyone.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// Nothing to look up.
    Known(SocketAddr),
    /// This name and port.
    Name(String, u16),
    /// This Unix socket.
    Path(PathBuf),
}

impl Target {
    /// A host as a person names it.
    pub(super) fn of(host: &str, port: u16) -> Self {
        match host.parse() {
            Ok(address) => Self::Known(SocketAddr::new(address, port)),
            Err(_) => Self::Name(host.to_owned(), port),
        }
    }
}

impl From<&Permitted> for Target {
    fn from(permitted: &Permitted) -> Self {
        match permitted.to() {
            PermittedTo::Tcp { host, port } => match host {
                Host::Address(address) => Self::Known(SocketAddr::new(*address, *port)),
                Host::Name(name) => Self::Name(name.clone(), *port),
            },
            PermittedTo::Unix(path) => Self::Path(path.clone()),
        }
    }
}

/// What a look-up came to: addresses, or the resolver's words.
pub(super) type Resolved = Result<Vec<SocketAddr>, String>;

/// Whether somebody still waits for a look-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    pub(super) fn give_up(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks a name up. Waits.
pub(super) fn look_up(name: &str, port: u16, wanted: &Wanted) -> Resolved {
    if wanted.given_up() {
        return Err(String::new());
    }
    match (name, port).to_socket_addrs() {
        Ok(addresses) => {
            let addresses: Vec<_> = addresses.map(canonical).collect();
            if addresses.is_empty() {
                return Err("no address".to_owned());
            }
            Ok(addresses)
        }
        Err(error) => Err(reason(&error)),
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(IpAddr::V4(v4), address.port()),
        IpAddr::V6(_) => address, // with its scope
    }
}

/// The resolver's own words, without std's in front of them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(": ") {
        Some((_, reason)) => reason.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_auth::Permissions;

    use crate::policy::{AllowForwarding, Policy};

    #[test]
    fn a_literal_needs_no_resolver() {
        let policy = Policy::new(Some(AllowForwarding::Yes), None);
        let target = |host: &str| {
            Target::from(
                &policy
                    .direct_tcpip(host.as_bytes(), 80, &Permissions::ALL)
                    .unwrap(),
            )
        };
        assert_eq!(
            target("10.1.2.3"),
            Target::Known("10.1.2.3:80".parse().unwrap())
        );
        assert_eq!(target("::1"), Target::Known("[::1]:80".parse().unwrap()));
        assert_eq!(
            target("localhost"),
            Target::Name("localhost".to_owned(), 80)
        );
    }

    #[test]
    fn localhost_has_an_address() {
        let addresses = look_up("localhost", 80, &Wanted::default()).unwrap();
        assert!(
            addresses
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 80)
        );
    }

    #[test]
    fn what_nobody_wants_is_not_looked_up() {
        let wanted = Wanted::default();
        wanted.give_up();
        assert_eq!(look_up("localhost", 80, &wanted), Err(String::new()));
    }

    #[test]
    fn the_resolvers_words_stand_alone() {
        let error =
            io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(reason(&error), "Name or service not known");
        assert_eq!(reason(&io::Error::other("words")), "words");
    }
}
