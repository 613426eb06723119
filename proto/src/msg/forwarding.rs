//! RFC 4254 §7: what is in the `data` of a CHANNEL_OPEN or GLOBAL_REQUEST about forwarding.

use crate::message::message;

/// Type of a channel the client opens for a forwarded connection (RFC 4254 §7.2).
pub const DIRECT_TCPIP: &[u8] = b"direct-tcpip";
/// Type of a channel the server opens for one (RFC 4254 §7.2).
pub const FORWARDED_TCPIP: &[u8] = b"forwarded-tcpip";
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
}
