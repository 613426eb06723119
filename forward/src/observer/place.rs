//! Who and where: what an event is about.

use core::net::SocketAddr;
use std::path::Path;

/// Names one SSH connection for as long as its event loop lives; never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PeerId(pub u64);

/// Which peer an event is about.
#[derive(Clone, Copy, Debug)]
pub struct PeerInfo<'a> {
    /// Its number.
    pub id: PeerId,
    /// The other end's address. `None`: it is reached through another host or a program, and
    /// who knows the address is the other one.
    pub address: Option<SocketAddr>,
    /// Client: how many hosts lie before it on the way.
    pub hop: usize,
    /// The user that it authenticated as, once it did.
    pub user: Option<&'a [u8]>,
}

/// Where a channel leads to, or comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination<'a> {
    /// A TCP port.
    Tcp {
        /// Name or address, as asked for.
        host: &'a [u8],
        /// A uint32 on the wire (RFC 4254 §7.2), so a peer may name what is none.
        port: u32,
    },
    /// A Unix socket.
    Unix {
        /// As asked for.
        path: &'a [u8],
    },
}

/// Where a socket of this machine listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place<'a> {
    /// On this address and port.
    Tcp(SocketAddr),
    /// On this path.
    Unix(&'a Path),
}

/// Who has a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyHolder {
    /// The ssh-agent.
    Agent,
    /// A file.
    File,
}
