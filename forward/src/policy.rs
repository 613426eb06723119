//! What a server forwards for its clients: the keywords of `sshd_config(5)` about it, except that
//! where nothing is said nothing is forwarded. Pure: it looks at what was asked for, never at what
//! a name resolves to, and it never asks a resolver.
//!
//! Both must permit: the server's configuration, and the line of the key
//! ([`adit_auth::Permissions`]). How a request is compared with their lists is told in
//! [`adit_auth::permits`]. A list names all that may be opened (or listened on), Unix sockets too:
//! with OpenSSH a list of ports to listen on leaves every path open.

mod allow;
mod display;
mod listen;
mod login;

use core::fmt;
use std::path::PathBuf;

use adit_auth::Permissions;
use adit_auth::permits::PortForwarding;
pub use adit_auth::permits::{
    BadPermit, HOST_MAX, Host, ListenHost, ListenPermit, PERMITS_MAX, Permit, PermitListen,
    PermitOpen, is_socket_path,
};
use adit_proto::reason::OpenFailure;

use allow::Rule;
pub use allow::{AllowForwarding, DisableForwarding};
pub use listen::{Bind, GatewayPorts, Overridden, PermittedListen};
pub use login::{Login, RunsAs};

/// A destination that a [`Policy`] permitted; nothing else can make one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permitted(PermittedTo);

/// Where to connect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PermittedTo {
    /// A TCP port; never 0.
    Tcp {
        /// A name is to be looked up once, and only those addresses tried.
        host: Host,
        /// Its port.
        port: u16,
    },
    /// A Unix socket, by its absolute path.
    Unix(PathBuf),
}

/// Why something was not permitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Denied {
    /// Neither an address nor a name.
    BadHost,
    /// Not the path of a socket.
    BadPath,
    /// Not 1 to 65535; when listening 0 is one too.
    BadPort,
    /// The key forwards nothing.
    KeyForwardsNothing,
    /// Not among those that the key's `permitlisten` names.
    KeyListenNotListed,
    /// Not among those that the key's `permitopen` names.
    KeyNotListed,
    /// A name, which would have to be looked up, to listen on.
    ListenName,
    /// Not among those that `PermitListen` names.
    ListenNotListed,
    /// No Unix socket is listened on here at all.
    ListenNoSockets,
    /// This server listens on nothing at all for its clients.
    ListenNothing,
    /// A port below 1024, which is root's, for somebody else.
    ListenRootsPort,
    /// A path, with root's rights, for somebody else.
    ListenRootsSocket,
    /// No Unix socket is opened here at all.
    NoSockets,
    /// Not among those that `PermitOpen` names.
    NotListed,
    /// This server opens nothing at all.
    NothingAllowed,
    /// A Unix socket, with root's rights, for somebody else.
    RootsSocket,
}

/// What may be forwarded; by default nothing. `None` is a keyword that was not given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// `AllowTcpForwarding`.
    pub allow_tcp: Option<AllowForwarding>,
    /// `AllowStreamLocalForwarding`.
    pub allow_streamlocal: Option<AllowForwarding>,
    /// `DisableForwarding`.
    pub disable: DisableForwarding,
    /// `GatewayPorts`.
    pub gateway_ports: GatewayPorts,
    /// `PermitListen`.
    pub permit_listen: Option<PermitListen>,
    /// `PermitOpen`.
    pub permit_open: Option<PermitOpen>,
    /// Whose rights the process has.
    pub runs_as: RunsAs,
}

impl Policy {
    /// From the two keywords about opening TCP ports. With neither nothing may be opened; with
    /// `PermitOpen` alone what it names.
    #[must_use]
    pub const fn new(allow: Option<AllowForwarding>, permit_open: Option<PermitOpen>) -> Self {
        Self {
            allow_tcp: allow,
            allow_streamlocal: None,
            disable: DisableForwarding::No,
            gateway_ports: GatewayPorts::No,
            permit_listen: None,
            permit_open,
            runs_as: RunsAs::User,
        }
    }

    /// Whether direct-tcpip to `host` and `port`, as they stand in the request (RFC 4254 §7.2),
    /// may be opened with that key.
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub fn direct_tcpip(
        &self,
        host: &[u8],
        port: u32,
        key: &Permissions,
    ) -> Result<Permitted, Denied> {
        // First, so that a server that opens nothing tells nothing about what it was asked.
        let rule = self.open_tcp().ok_or(Denied::NothingAllowed)?;
        forwards(key)?;
        let port = u16::try_from(port).ok().filter(|port| *port != 0);
        let port = port.ok_or(Denied::BadPort)?;
        let host = Host::parse(host).ok_or(Denied::BadHost)?;
        if !rule.has(|permit| permit.permits_tcp(&host, port)) {
            return Err(Denied::NotListed);
        }
        if !key.permit_open_has_tcp(&host, port) {
            return Err(Denied::KeyNotListed);
        }
        Ok(Permitted(PermittedTo::Tcp { host, port }))
    }

    /// Whether direct-streamlocal@openssh.com to `path` may be opened by that login.
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub fn direct_streamlocal(&self, path: &[u8], login: Login<'_>) -> Result<Permitted, Denied> {
        let rule = self.open_paths().ok_or(Denied::NoSockets)?;
        forwards(login.key)?;
        let owned = socket_path(path)?;
        if !rule.has(|permit| permit.permits_path(path)) {
            return Err(Denied::NotListed);
        }
        if !login.key.permit_open_has_path(path) {
            return Err(Denied::KeyNotListed);
        }
        let is_named = |permit: &Permit| permit.is_exact() && permit.permits_path(path);
        if !self.runs_as.suits(login) && !rule.names(is_named) {
            return Err(Denied::RootsSocket);
        }
        Ok(Permitted(PermittedTo::Unix(owned)))
    }

    /// Whether tcpip-forward on `address` and `port`, as they stand in the request (RFC 4254
    /// §7.1), may be granted to that login, and where it then listens.
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub fn tcpip_forward(
        &self,
        address: &[u8],
        port: u32,
        login: Login<'_>,
    ) -> Result<PermittedListen, Denied> {
        let rule = self.listen_tcp().ok_or(Denied::ListenNothing)?;
        forwards(login.key)?;
        let port = u16::try_from(port).map_err(|_| Denied::BadPort)?;
        let host = ListenHost::parse(address).ok_or(Denied::BadHost)?;
        if !rule.has(|permit| permit.permits_tcp(&host, port)) {
            return Err(Denied::ListenNotListed);
        }
        if !login.key.permit_listen_has_tcp(&host, port) {
            return Err(Denied::KeyListenNotListed);
        }
        let is_named = |permit: &ListenPermit| permit.is_exact() && permit.permits_tcp(&host, port);
        if login::is_roots_port(port) && !self.runs_as.suits(login) && !rule.names(is_named) {
            return Err(Denied::ListenRootsPort);
        }
        self.gateway_ports.apply(&host, port)
    }

    /// Whether streamlocal-forward@openssh.com on `path` may be granted to that login.
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub fn streamlocal_forward(
        &self,
        path: &[u8],
        login: Login<'_>,
    ) -> Result<PermittedListen, Denied> {
        let rule = self.listen_paths().ok_or(Denied::ListenNoSockets)?;
        forwards(login.key)?;
        let owned = socket_path(path)?;
        if !rule.has(|permit| permit.permits_path(path)) {
            return Err(Denied::ListenNotListed);
        }
        if !login.key.permit_listen_has_path(path) {
            return Err(Denied::KeyListenNotListed);
        }
        let is_named = |permit: &ListenPermit| permit.is_exact() && permit.permits_path(path);
        if !self.runs_as.suits(login) && !rule.names(is_named) {
            return Err(Denied::ListenRootsSocket);
        }
        Ok(PermittedListen::unix(owned))
    }

    fn open_tcp(&self) -> Option<Rule<'_, Permit>> {
        let allowed = self.disable.or(self.allow_tcp, AllowForwarding::opens);
        allow::tcp(allowed, &self.permit_open)
    }

    fn open_paths(&self) -> Option<Rule<'_, Permit>> {
        let allowed = self
            .disable
            .or(self.allow_streamlocal, AllowForwarding::opens);
        allow::paths(allowed, &self.permit_open)
    }

    fn listen_tcp(&self) -> Option<Rule<'_, ListenPermit>> {
        let allowed = self.disable.or(self.allow_tcp, AllowForwarding::listens);
        allow::tcp(allowed, &self.permit_listen)
    }

    fn listen_paths(&self) -> Option<Rule<'_, ListenPermit>> {
        let allowed = self
            .disable
            .or(self.allow_streamlocal, AllowForwarding::listens);
        allow::paths(allowed, &self.permit_listen)
    }
}

/// OpenSSH's `port-forwarding` is about all four kinds.
fn forwards(key: &Permissions) -> Result<(), Denied> {
    match key.port_forwarding {
        PortForwarding::Yes => Ok(()),
        PortForwarding::No => Err(Denied::KeyForwardsNothing),
    }
}

/// Lists are UTF-8, so what is not can be on none of them; where there is no list it is no path
/// either, since nobody could read it in a log.
fn socket_path(path: &[u8]) -> Result<PathBuf, Denied> {
    let text = core::str::from_utf8(path).map_err(|_| Denied::BadPath)?;
    is_socket_path(path)
        .then(|| PathBuf::from(text))
        .ok_or(Denied::BadPath)
}

impl Permitted {
    /// Where to connect.
    #[must_use]
    pub const fn to(&self) -> &PermittedTo {
        &self.0
    }
}

impl Denied {
    /// What the client is told beside [`Denied::reason`], and the log beside sshd's line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadHost => "the destination is neither an address nor a host name",
            Self::BadPath => "not the absolute path of a socket, of at most 107 bytes",
            Self::BadPort => "the destination port is not 1 to 65535",
            Self::KeyForwardsNothing => {
                "this key may forward nothing (restrict or no-port-forwarding)"
            }
            Self::KeyListenNotListed => "this key may not listen there (permitlisten)",
            Self::KeyNotListed => "this key may not open that destination (permitopen)",
            Self::ListenName => "a name to listen on is not looked up: give an address",
            Self::ListenNotListed => "this server does not permit listening there",
            Self::ListenNoSockets => "this server listens on no Unix sockets for its clients",
            Self::ListenNothing => "this server listens on nothing for its clients",
            Self::ListenRootsPort => {
                "ports below 1024 are for root, unless this server's PermitListen names them"
            }
            Self::ListenRootsSocket => {
                "this server runs as root and makes sockets for root alone, or where its \
                 PermitListen names them"
            }
            Self::NoSockets => "this server permits no Unix sockets",
            Self::NotListed => "this server does not permit that destination",
            Self::NothingAllowed => "this server permits no destination at all",
            Self::RootsSocket => {
                "this server runs as root and opens sockets for root alone, or those that its \
                 PermitOpen names"
            }
        }
    }

    /// What the client is told as a code (RFC 4254 §5.1). What is no destination at all is nobody's
    /// policy: who hears of one looks for it at the server, or at the key.
    #[must_use]
    pub const fn reason(self) -> OpenFailure {
        match self {
            Self::BadHost | Self::BadPath | Self::BadPort => OpenFailure::ConnectFailed,
            Self::KeyForwardsNothing
            | Self::KeyListenNotListed
            | Self::KeyNotListed
            | Self::ListenName
            | Self::ListenNotListed
            | Self::ListenNoSockets
            | Self::ListenNothing
            | Self::ListenRootsPort
            | Self::ListenRootsSocket
            | Self::NoSockets
            | Self::NotListed
            | Self::NothingAllowed
            | Self::RootsSocket => OpenFailure::AdministrativelyProhibited,
        }
    }

    /// Whether no request of that kind would be permitted to this key: sshd has other words then.
    #[must_use]
    pub const fn is_of_all(self) -> bool {
        match self {
            Self::KeyForwardsNothing
            | Self::ListenNoSockets
            | Self::ListenNothing
            | Self::NoSockets
            | Self::NothingAllowed => true,
            Self::BadHost
            | Self::BadPath
            | Self::BadPort
            | Self::KeyListenNotListed
            | Self::KeyNotListed
            | Self::ListenName
            | Self::ListenNotListed
            | Self::ListenRootsPort
            | Self::ListenRootsSocket
            | Self::NotListed
            | Self::RootsSocket => false,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Denied {}

#[cfg(test)]
mod tests;
