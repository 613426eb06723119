//! What is forwarded, as a program gives it to the event loop. Plain values; nothing here opens
//! anything.

use core::net::SocketAddr;
use std::path::PathBuf;

/// One `-L` or `-D`: sockets to listen on, and where their connections go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forward {
    /// Where applications connect to.
    pub listen: Listen,
    /// Where the server connects to for them.
    pub to: To,
}

/// Where to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// TCP. Port 0 lets the system choose, one for all of them. Either all of them open or the
    /// forward fails, except that a family which this host does not have is left out.
    Tcp(Vec<SocketAddr>),
    /// A Unix socket, made as [`StreamLocalBind`] says.
    Unix(PathBuf),
}

/// Where connections go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum To {
    /// A TCP port, the host as whoever connects is to resolve it.
    Tcp {
        /// Name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
    /// Each connection says it, by SOCKS or HTTP CONNECT.
    Dynamic,
}

/// One `-R`: where the server is to listen, and where we connect to for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RemoteForward {
    /// Where the server listens.
    pub listen: RemoteListen,
    /// Where its connections go, from here.
    pub to: To,
}

/// Where a server is to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RemoteListen {
    /// TCP (RFC 4254 §7.1).
    Tcp {
        /// As it goes on the wire.
        address: String,
        /// 0: the server chooses, and says what.
        port: u16,
    },
    /// A Unix socket of the server's.
    Unix(PathBuf),
}

/// How Unix sockets are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamLocalBind {
    /// StreamLocalBindMask: permission bits that a socket does not have.
    pub mask: u32,
    /// StreamLocalBindUnlink.
    pub unlink: Unlink,
}

impl Default for StreamLocalBind {
    /// What ssh and sshd do without configuration: only the owner may connect.
    fn default() -> Self {
        Self {
            mask: 0o177,
            unlink: Unlink::IfStale,
        }
    }
}

/// What may be removed to make room for a Unix socket.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unlink {
    /// A socket of ours that nobody listens on any more.
    #[default]
    IfStale,
    /// Any socket of ours, even one that somebody listens on (StreamLocalBindUnlink yes).
    Always,
}
