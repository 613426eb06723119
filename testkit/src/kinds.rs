//! Channels of every kind of forward, and requests for those that a server opens (RFC 4254 §7;
//! OpenSSH, PROTOCOL §2.4): an example of each, and how each is written.

use adit_connection::{ForwardRequest, OpenKind};
use adit_crypto::encoded;
use adit_proto::Rest;
use adit_proto::msg::{
    ChannelOpen, DIRECT_STREAMLOCAL, DIRECT_TCPIP, DirectStreamlocal, DirectTcpip,
    FORWARDED_STREAMLOCAL, FORWARDED_TCPIP, ForwardedStreamlocal, ForwardedTcpip, GlobalRequest,
    STREAMLOCAL_FORWARD, StreamlocalForward, TCPIP_FORWARD, TcpipForward,
};

use crate::scripted::Role;
use crate::scripted::channels::Sizes;

/// Where the server listens in these examples, for whoever asked for [`REQUESTS`].
const ADDRESS: &[u8] = b"localhost";
const PORT: u16 = 8080;
const PATH: &[u8] = b"/run/near";

/// A channel of each kind.
pub const CHANNELS: [OpenKind<'static>; 4] = [
    OpenKind::DirectTcpip {
        host: b"localhost",
        port: 80,
        originator: b"127.0.0.1",
        originator_port: 4000,
    },
    OpenKind::DirectStreamlocal { path: b"/run/far" },
    OpenKind::ForwardedTcpip {
        address: ADDRESS,
        port: PORT,
        originator: b"192.0.2.1",
        originator_port: 4000,
    },
    OpenKind::ForwardedStreamlocal { path: PATH },
];

/// What a client asks its server for before the server may open channels.
pub const REQUESTS: [ForwardRequest<'static>; 2] = [
    ForwardRequest::TcpipForward {
        address: ADDRESS,
        port: PORT,
    },
    ForwardRequest::StreamlocalForward { path: PATH },
];

/// The same, undone.
pub const CANCELS: [ForwardRequest<'static>; 2] = [
    ForwardRequest::CancelTcpipForward {
        address: ADDRESS,
        port: PORT,
    },
    ForwardRequest::CancelStreamlocalForward { path: PATH },
];

/// Who opens channels of that kind.
#[must_use]
pub const fn opener(kind: OpenKind<'_>) -> Role {
    match kind {
        OpenKind::DirectTcpip { .. } | OpenKind::DirectStreamlocal { .. } => Role::Client,
        OpenKind::ForwardedTcpip { .. } | OpenKind::ForwardedStreamlocal { .. } => Role::Server,
    }
}

/// Who is asked for them.
#[must_use]
pub const fn asked(kind: OpenKind<'_>) -> Role {
    match opener(kind) {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// CHANNEL_OPEN of that kind, of the sender's channel `own`, whatever is in it.
#[must_use]
pub fn open(kind: OpenKind<'_>, own: u32, sizes: Sizes) -> Vec<u8> {
    let (channel_type, data) = match kind {
        OpenKind::DirectTcpip {
            host,
            port,
            originator,
            originator_port,
        } => {
            let data = encoded(&DirectTcpip {
                host_to_connect: host,
                port_to_connect: port.into(),
                originator_ip_address: originator,
                originator_port: originator_port.into(),
            });
            (DIRECT_TCPIP, data)
        }
        OpenKind::DirectStreamlocal { path } => {
            let data = encoded(&DirectStreamlocal {
                socket_path: path,
                reserved: b"",
                reserved_port: 0,
            });
            (DIRECT_STREAMLOCAL, data)
        }
        OpenKind::ForwardedTcpip {
            address,
            port,
            originator,
            originator_port,
        } => {
            let data = encoded(&ForwardedTcpip {
                connected_address: address,
                connected_port: port.into(),
                originator_ip_address: originator,
                originator_port: originator_port.into(),
            });
            (FORWARDED_TCPIP, data)
        }
        OpenKind::ForwardedStreamlocal { path } => {
            let data = encoded(&ForwardedStreamlocal {
                socket_path: path,
                reserved: b"",
            });
            (FORWARDED_STREAMLOCAL, data)
        }
    };
    encoded(&ChannelOpen {
        channel_type,
        sender_channel: own,
        initial_window_size: sizes.initial_window_size,
        maximum_packet_size: sizes.maximum_packet_size,
        data: Rest(&data),
    })
}

/// GLOBAL_REQUEST that asks a server to listen on a port, and wants an answer.
#[must_use]
pub fn tcpip_forward(address: &[u8], port: u32) -> Vec<u8> {
    let data = encoded(&TcpipForward {
        address_to_bind: address,
        port_number_to_bind: port,
    });
    request(TCPIP_FORWARD, &data)
}

/// The same for a path.
#[must_use]
pub fn streamlocal_forward(path: &[u8]) -> Vec<u8> {
    request(
        STREAMLOCAL_FORWARD,
        &encoded(&StreamlocalForward { socket_path: path }),
    )
}

fn request(request_name: &[u8], data: &[u8]) -> Vec<u8> {
    encoded(&GlobalRequest {
        request_name,
        want_reply: true,
        data: Rest(data),
    })
}
