//! What a channel is opened for (RFC 4254 §5.1, §7.2), ours and the peer's, and which of the peer's
//! are refused before anybody else hears of them.

use alloc::boxed::Box;
use alloc::vec;
use core::ops::Range;

use adit_proto::msg::{self, ChannelOpen, DirectTcpip};
use adit_proto::reason::OpenFailure;
use adit_proto::{Decode, Encode, Malformed, Writer};

use crate::channel::PACKET_SIZE_MIN;

/// Longest host that is asked for or accepted: NI_MAXHOST, the most a resolver takes.
pub const HOST_MAX: usize = 1025;

/// Longest originator: a numeric IPv6 address with the longest scope an interface can have.
pub const ORIGINATOR_MAX: usize = 64;

/// Which channels the peer may ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepts {
    /// Connections from here (RFC 4254 §7.2): a server. Whether a destination may be connected to
    /// is the caller's to say.
    DirectTcpip,
    /// None: a client that asked for none.
    Nothing,
}

/// A channel that we want.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenKind<'a> {
    /// A connection from the peer to somewhere (RFC 4254 §7.2).
    DirectTcpip {
        /// Name or address, for the peer to resolve; at most [`HOST_MAX`] bytes.
        host: &'a [u8],
        /// The port there.
        port: u16,
        /// Where the connection came from, numeric; [`UNKNOWN_ORIGINATOR`] when that is not known.
        originator: &'a [u8],
        /// Its port.
        originator_port: u16,
    },
}

/// What to give as originator and its port when there is none. Some servers look at it and take
/// neither an empty address nor port 0.
pub const UNKNOWN_ORIGINATOR: (&[u8], u16) = (b"127.0.0.1", 65535);

impl OpenKind<'_> {
    /// What CHANNEL_OPEN says behind the sizes, or `None` when the host is too long.
    pub(crate) fn to_data(self) -> Option<Box<[u8]>> {
        let Self::DirectTcpip {
            host,
            port,
            originator,
            originator_port,
        } = self;
        if host.len() > HOST_MAX {
            return None;
        }
        let (originator, originator_port) = if originator.len() > ORIGINATOR_MAX {
            UNKNOWN_ORIGINATOR
        } else {
            (originator, originator_port)
        };
        let data = DirectTcpip {
            host_to_connect: host,
            port_to_connect: port.into(),
            originator_ip_address: originator,
            originator_port: originator_port.into(),
        };
        let mut out = vec![0; data.encoded_len()].into_boxed_slice();
        data.encode(&mut Writer::new(&mut out));
        Some(out)
    }
}

/// Why the peer does not get a channel, in words its user may read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) reason: OpenFailure,
    pub(crate) text: &'static str,
}

impl Refusal {
    const fn new(reason: OpenFailure, text: &'static str) -> Self {
        Self { reason, text }
    }

    /// The table or the book is full.
    pub(crate) const TOO_MANY: Self = Self::new(OpenFailure::ResourceShortage, "too many channels");
    /// The caller ended a channel that it had not accepted.
    pub(crate) const GIVEN_UP: Self = Self::new(OpenFailure::ConnectFailed, "given up");

    const CLIENT: Self = Self::new(
        OpenFailure::AdministrativelyProhibited,
        "this client accepts no channels",
    );
    const SESSION: Self = Self::new(
        OpenFailure::AdministrativelyProhibited,
        "this server only forwards ports; use ssh -N",
    );
    const PACKET_SIZE: Self =
        Self::new(OpenFailure::ConnectFailed, "maximum packet size too small");
    const PORT: Self = Self::new(OpenFailure::ConnectFailed, "port out of range");
    const HOST: Self = Self::new(OpenFailure::ConnectFailed, "not a host name or address");
}

/// What a CHANNEL_OPEN asks for: where its data is in the payload, or why it is refused.
///
/// # Errors
/// Bytes that are not what the type says.
pub(crate) fn check(
    payload: &[u8],
    open: &ChannelOpen<'_>,
    accepts: Accepts,
) -> Result<Result<Range<usize>, Refusal>, Malformed> {
    match accepts {
        Accepts::DirectTcpip => {}
        Accepts::Nothing => return Ok(Err(Refusal::CLIENT)),
    }
    if open.channel_type != msg::DIRECT_TCPIP {
        return Ok(Err(other_type(open.channel_type)));
    }
    let direct = DirectTcpip::decode(open.data.0)?;
    // The data is the end of the payload.
    let start = payload.len().saturating_sub(open.data.0.len());
    Ok(if open.maximum_packet_size < PACKET_SIZE_MIN {
        Err(Refusal::PACKET_SIZE)
    } else if !matches!(u16::try_from(direct.port_to_connect), Ok(1..)) {
        Err(Refusal::PORT)
    } else if !is_plausible_host(direct.host_to_connect) {
        Err(Refusal::HOST)
    } else {
        Ok(start..payload.len())
    })
}

/// Types of other uses of SSH, each with what its user should know (RFC 4254 §5.1: 3 is for types
/// that are not supported; a session is one that is, elsewhere).
fn other_type(channel_type: &[u8]) -> Refusal {
    let text = match channel_type {
        b"session" => return Refusal::SESSION,
        b"x11" => "X11 is not forwarded here",
        b"auth-agent@openssh.com" => "agents are not forwarded here",
        b"tun@openssh.com" => "tunnel devices are not supported here",
        b"direct-streamlocal@openssh.com" => "Unix sockets are not forwarded here",
        _ => OpenFailure::UnknownChannelType.text(),
    };
    Refusal::new(OpenFailure::UnknownChannelType, text)
}

/// Whether this can be given to a resolver and written to a log. What it means is not asked here.
fn is_plausible_host(host: &[u8]) -> bool {
    (1..=HOST_MAX).contains(&host.len()) && !host.iter().any(u8::is_ascii_control)
}
