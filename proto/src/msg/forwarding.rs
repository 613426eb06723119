//! RFC 4254 §7, and the same for Unix sockets (OpenSSH, PROTOCOL §2.4): what is in the `data` of a
//! CHANNEL_OPEN or GLOBAL_REQUEST about forwarding.

use crate::message::message;
use crate::number;

/// Type of a channel the client opens for a forwarded connection (RFC 4254 §7.2).
pub const DIRECT_TCPIP: &[u8] = b"direct-tcpip";
/// Type of a channel the server opens for one (RFC 4254 §7.2).
pub const FORWARDED_TCPIP: &[u8] = b"forwarded-tcpip";
/// Type of a channel the client opens for a connection to a Unix socket (PROTOCOL §2.4).
pub const DIRECT_STREAMLOCAL: &[u8] = b"direct-streamlocal@openssh.com";
/// Type of a channel the server opens for one (PROTOCOL §2.4).
pub const FORWARDED_STREAMLOCAL: &[u8] = b"forwarded-streamlocal@openssh.com";
/// Request to listen on a port (RFC 4254 §7.1).
pub const TCPIP_FORWARD: &[u8] = b"tcpip-forward";
/// Request to listen there no longer (RFC 4254 §7.1).
pub const CANCEL_TCPIP_FORWARD: &[u8] = b"cancel-tcpip-forward";
/// Request to listen on a path (PROTOCOL §2.4).
pub const STREAMLOCAL_FORWARD: &[u8] = b"streamlocal-forward@openssh.com";
/// Request to listen there no longer (PROTOCOL §2.4).
pub const CANCEL_STREAMLOCAL_FORWARD: &[u8] = b"cancel-streamlocal-forward@openssh.com";
/// Type of a channel that runs a command (RFC 4254 §6.1), which adit never opens nor accepts.
pub const SESSION: &[u8] = b"session";

message! {
    /// What `direct-tcpip` adds to CHANNEL_OPEN (RFC 4254 §7.2).
    struct DirectTcpip<'a> {
        /// Name or address, as the opener's user gave it.
        host_to_connect: &'a [u8],
        /// 1 to 65535; wider on the wire.
        port_to_connect: u32,
        /// Where the connection came from, numeric.
        originator_ip_address: &'a [u8],
        /// Its port.
        originator_port: u32,
    }

    /// What `forwarded-tcpip` adds to CHANNEL_OPEN (RFC 4254 §7.2).
    struct ForwardedTcpip<'a> {
        /// The address that the client asked the server to listen on, verbatim.
        connected_address: &'a [u8],
        /// The port that was connected to.
        connected_port: u32,
        /// Where the connection came from, numeric.
        originator_ip_address: &'a [u8],
        /// Its port.
        originator_port: u32,
    }

    /// What `tcpip-forward` and `cancel-tcpip-forward` add to GLOBAL_REQUEST (RFC 4254 §7.1).
    struct TcpipForward<'a> {
        /// `""`, `localhost`, or an address.
        address_to_bind: &'a [u8],
        /// 0 lets the server choose.
        port_number_to_bind: u32,
    }

    /// SSH_MSG_REQUEST_SUCCESS where the server was to choose a port (RFC 4254 §7.1).
    struct TcpipForwardSuccess = number::REQUEST_SUCCESS {
        /// The port that was chosen.
        port_that_was_bound: u32,
    }

    /// What `direct-streamlocal@openssh.com` adds to CHANNEL_OPEN (PROTOCOL §2.4).
    struct DirectStreamlocal<'a> {
        /// Where the socket is, as the opener's user gave it.
        socket_path: &'a [u8],
        /// Nothing yet.
        reserved: &'a [u8],
        /// Nothing yet.
        reserved_port: u32,
    }

    /// What `forwarded-streamlocal@openssh.com` adds to CHANNEL_OPEN (PROTOCOL §2.4).
    struct ForwardedStreamlocal<'a> {
        /// The path that the client asked the server to listen on, verbatim.
        socket_path: &'a [u8],
        /// Nothing yet.
        reserved: &'a [u8],
    }

    /// What `streamlocal-forward@openssh.com` and its cancel add to GLOBAL_REQUEST (PROTOCOL §2.4).
    struct StreamlocalForward<'a> {
        /// Where the socket is to be.
        socket_path: &'a [u8],
    }
}
