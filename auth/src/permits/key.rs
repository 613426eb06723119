//! What the line of a key leaves of what a server permits.

use alloc::vec::Vec;

use super::{Host, ListenHost, ListenPermit, Permit};

/// What a key may forward, of what the server's own configuration permits: both must.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permissions {
    /// `port-forwarding`, or not: of all four kinds.
    pub port_forwarding: PortForwarding,
    /// `permitopen`; `None` where the line has none, and restricts nothing.
    pub permit_open: Option<Vec<Permit>>,
    /// `permitlisten`; `None` where the line has none, and restricts nothing.
    pub permit_listen: Option<Vec<ListenPermit>>,
}

/// Whether a key may forward at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PortForwarding {
    /// It may.
    Yes,
    /// `restrict` or `no-port-forwarding`.
    No,
}

impl Permissions {
    /// Of a line without options: it restricts nothing.
    pub const ALL: Self = Self {
        port_forwarding: PortForwarding::Yes,
        permit_open: None,
        permit_listen: None,
    };

    /// Of nobody.
    pub const NONE: Self = Self {
        port_forwarding: PortForwarding::No,
        permit_open: None,
        permit_listen: None,
    };

    /// Whether `permitopen` leaves this port of this host.
    #[must_use]
    pub fn permit_open_has_tcp(&self, host: &Host, port: u16) -> bool {
        let list = self.permit_open.as_ref();
        list.is_none_or(|list| list.iter().any(|permit| permit.permits_tcp(host, port)))
    }

    /// Whether `permitopen` leaves this Unix socket.
    #[must_use]
    pub fn permit_open_has_path(&self, path: &[u8]) -> bool {
        let list = self.permit_open.as_ref();
        list.is_none_or(|list| list.iter().any(|permit| permit.permits_path(path)))
    }

    /// Whether `permitlisten` leaves this port of this address.
    #[must_use]
    pub fn permit_listen_has_tcp(&self, host: &ListenHost, port: u16) -> bool {
        let list = self.permit_listen.as_ref();
        list.is_none_or(|list| list.iter().any(|permit| permit.permits_tcp(host, port)))
    }

    /// Whether `permitlisten` leaves this Unix socket.
    #[must_use]
    pub fn permit_listen_has_path(&self, path: &[u8]) -> bool {
        let list = self.permit_listen.as_ref();
        list.is_none_or(|list| list.iter().any(|permit| permit.permits_path(path)))
    }
}
