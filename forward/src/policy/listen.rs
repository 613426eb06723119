//! Where a server really listens for a client, once it may: `GatewayPorts` of `sshd_config(5)`.
//!
//! | asked for | `no` | `yes` | `clientspecified` |
//! |---|---|---|---|
//! | `localhost` | loopback | wildcard | loopback |
//! | `""`, `*` | loopback | wildcard | wildcard |
//! | `127.0.0.1`, `::1` | that one | wildcard | that one |
//! | `0.0.0.0` | loopback | wildcard | that one |
//! | another address | loopback | wildcard | that one |
//! | another name | loopback | wildcard | refused |
//!
//! Loopback and wildcard are of both families.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::{Denied, ListenHost};

/// `GatewayPorts`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GatewayPorts {
    /// `no`: loopback, whatever the client asks for, and the client is not told.
    #[default]
    No,
    /// `yes`: every address, whatever the client asks for.
    Yes,
    /// `clientspecified`: what the client asks for.
    ClientSpecified,
}

/// Where to listen for a client; only a [`Policy`](super::Policy) can make one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PermittedListen {
    bind: Bind,
    overridden: Overridden,
}

/// What to bind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Bind {
    /// These addresses, one of a family, all with the same port. Where that is 0 the system
    /// chooses one, which all must get.
    Tcp(Vec<SocketAddr>),
    /// This path, absolute.
    Unix(PathBuf),
}

/// Whether `GatewayPorts yes` put another address in place of what the client asked for. sshd
/// tells its clients so: `Forwarding listen address "%s" overridden by server GatewayPorts`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overridden {
    /// It did.
    Yes,
    /// It did not.
    No,
}

impl PermittedListen {
    pub(super) const fn unix(path: PathBuf) -> Self {
        Self {
            bind: Bind::Unix(path),
            overridden: Overridden::No,
        }
    }

    /// What to bind.
    #[must_use]
    pub const fn bind(&self) -> &Bind {
        &self.bind
    }

    /// The addresses to bind, none for a Unix socket.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        match &self.bind {
            Bind::Tcp(addresses) => addresses,
            Bind::Unix(_) => &[],
        }
    }

    /// The path to bind, none for a TCP port.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.bind {
            Bind::Tcp(_) => None,
            Bind::Unix(path) => Some(path),
        }
    }

    /// Whether the client is to be told that it got another address.
    #[must_use]
    pub const fn overridden(&self) -> Overridden {
        self.overridden
    }
}

impl GatewayPorts {
    /// From a word of the configuration.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let is = |name| word.eq_ignore_ascii_case(name);
        if is("no") {
            Some(Self::No)
        } else if is("yes") {
            Some(Self::Yes)
        } else if is("clientspecified") {
            Some(Self::ClientSpecified)
        } else {
            None
        }
    }

    /// The table above.
    pub(super) fn apply(self, host: &ListenHost, port: u16) -> Result<PermittedListen, Denied> {
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let wildcard = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let addresses: &[IpAddr] = match (self, host) {
            (Self::No | Self::ClientSpecified, ListenHost::Address(one))
                if loopback.contains(one) =>
            {
                core::slice::from_ref(one)
            }
            (Self::No, _) | (Self::ClientSpecified, ListenHost::Localhost) => &loopback,
            (Self::Yes, _) | (Self::ClientSpecified, ListenHost::Wildcard) => &wildcard,
            (Self::ClientSpecified, ListenHost::Address(one)) => core::slice::from_ref(one),
            // Nothing waits here, and what it resolves to today need not be what was permitted.
            (Self::ClientSpecified, ListenHost::Name(_)) => return Err(Denied::ListenName),
        };
        let is_other = match host {
            ListenHost::Wildcard => false,
            ListenHost::Address(address) => *address != Ipv4Addr::UNSPECIFIED,
            ListenHost::Localhost | ListenHost::Name(_) => true,
        };
        let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, port));
        Ok(PermittedListen {
            bind: Bind::Tcp(addresses.collect()),
            overridden: if self == Self::Yes && is_other {
                Overridden::Yes
            } else {
                Overridden::No
            },
        })
    }
}
