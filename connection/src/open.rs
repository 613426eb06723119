//! What a channel is opened for (RFC 4254 §5.1, §7.2; OpenSSH, PROTOCOL §2.4), ours and the peer's,
//! and which of the peer's are refused before anybody else hears of them.

use alloc::boxed::Box;
use core::ops::Range;

use adit_proto::msg::{
    ChannelOpen, DirectStreamlocal, DirectTcpip, ForwardedStreamlocal, ForwardedTcpip,
};
use adit_proto::reason::OpenFailure;
use adit_proto::{Decode, Malformed};

use crate::channel::PACKET_SIZE_MIN;
use crate::event::AskedKind;
use crate::requests::encoded;

/// Longest host that is asked for or accepted: NI_MAXHOST, the most a resolver takes.
pub const HOST_MAX: usize = 1025;

/// Longest originator: a numeric IPv6 address with the longest scope an interface can have.
pub const ORIGINATOR_MAX: usize = 64;

/// Longest path of a Unix socket: `sun_path` of Linux, less its NUL.
pub const PATH_MAX: usize = 107;

/// Which channels the peer may ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepts {
    /// Connections from here: a server. Whether a destination may be connected to is the caller's
    /// to say, and so is where it listens for its client.
    Direct,
    /// Connections that came to what the server listens at: a client that asked for some. Whether
    /// it asked for that one is the caller's to say.
    Forwarded,
    /// None: a client that asked for none. Its first [`request`](crate::Channels::request) makes it
    /// the one before.
    Nothing,
}

/// A channel that we want.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenKind<'a> {
    /// A connection from the peer to a Unix socket (PROTOCOL §2.4).
    DirectStreamlocal {
        /// Where it is; 1 to [`PATH_MAX`] bytes, without a NUL.
        path: &'a [u8],
    },
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
    /// A connection that came to a Unix socket which the peer asked us to listen on (PROTOCOL §2.4).
    ForwardedStreamlocal {
        /// The path, as the peer gave it.
        path: &'a [u8],
    },
    /// A connection that came to a port which the peer asked us to listen on (RFC 4254 §7.2).
    ForwardedTcpip {
        /// The address, as the peer gave it.
        address: &'a [u8],
        /// The port that was connected to.
        port: u16,
        /// As above.
        originator: &'a [u8],
        /// Its port.
        originator_port: u16,
    },
}

/// What to give as originator and its port when there is none. Some servers look at it and take
/// neither an empty address nor port 0.
pub const UNKNOWN_ORIGINATOR: (&[u8], u16) = (b"127.0.0.1", 65535);

impl OpenKind<'_> {
    pub(crate) const fn kind(&self) -> AskedKind {
        match self {
            Self::DirectStreamlocal { .. } => AskedKind::DirectStreamlocal,
            Self::DirectTcpip { .. } => AskedKind::DirectTcpip,
            Self::ForwardedStreamlocal { .. } => AskedKind::ForwardedStreamlocal,
            Self::ForwardedTcpip { .. } => AskedKind::ForwardedTcpip,
        }
    }

    /// What CHANNEL_OPEN says behind the sizes, or `None` when a message has no room for the host
    /// or path.
    pub(crate) fn to_data(self) -> Option<Box<[u8]>> {
        match self {
            Self::DirectStreamlocal { path } => is_plausible_path(path).then(|| {
                encoded(&DirectStreamlocal {
                    socket_path: path,
                    reserved: b"",
                    reserved_port: 0,
                })
            }),
            Self::ForwardedStreamlocal { path } => is_plausible_path(path).then(|| {
                encoded(&ForwardedStreamlocal {
                    socket_path: path,
                    reserved: b"",
                })
            }),
            Self::DirectTcpip {
                host,
                port,
                originator,
                originator_port,
            } => (host.len() <= HOST_MAX).then(|| {
                let (originator, originator_port) = originated(originator, originator_port);
                encoded(&DirectTcpip {
                    host_to_connect: host,
                    port_to_connect: port.into(),
                    originator_ip_address: originator,
                    originator_port: originator_port.into(),
                })
            }),
            Self::ForwardedTcpip {
                address,
                port,
                originator,
                originator_port,
            } => (address.len() <= HOST_MAX).then(|| {
                let (originator, originator_port) = originated(originator, originator_port);
                encoded(&ForwardedTcpip {
                    connected_address: address,
                    connected_port: port.into(),
                    originator_ip_address: originator,
                    originator_port: originator_port.into(),
                })
            }),
        }
    }
}

const fn originated(originator: &[u8], port: u16) -> (&[u8], u16) {
    if originator.len() > ORIGINATOR_MAX {
        UNKNOWN_ORIGINATOR
    } else {
        (originator, port)
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
    /// RFC 4254 §7.2 has clients refuse these: a server would choose where its clients connect to.
    const CLIENT_DIRECT: Self = Self::new(
        OpenFailure::AdministrativelyProhibited,
        "this client connects only for what it asked to be forwarded",
    );
    const SESSION: Self = Self::new(
        OpenFailure::AdministrativelyProhibited,
        "this server only forwards ports; use ssh -N",
    );
    const PACKET_SIZE: Self =
        Self::new(OpenFailure::ConnectFailed, "maximum packet size too small");
    const PORT: Self = Self::new(OpenFailure::ConnectFailed, "port out of range");
    const PATH: Self = Self::new(OpenFailure::ConnectFailed, "not a path of a socket");
    const HOST: Self = Self::new(OpenFailure::ConnectFailed, "not a host name or address");
}

/// What a CHANNEL_OPEN asks for and where its data is in the payload, or why it is refused.
///
/// # Errors
/// Bytes that are not what the type says.
pub(crate) fn check(
    payload: &[u8],
    open: &ChannelOpen<'_>,
    accepts: Accepts,
) -> Result<Result<(AskedKind, Range<usize>), Refusal>, Malformed> {
    let kind = match (AskedKind::of(open.channel_type), accepts) {
        (_, Accepts::Nothing) => return Ok(Err(Refusal::CLIENT)),
        (Some(AskedKind::DirectStreamlocal | AskedKind::DirectTcpip), Accepts::Forwarded) => {
            return Ok(Err(Refusal::CLIENT_DIRECT));
        }
        (Some(kind @ (AskedKind::DirectStreamlocal | AskedKind::DirectTcpip)), Accepts::Direct)
        | (
            Some(kind @ (AskedKind::ForwardedStreamlocal | AskedKind::ForwardedTcpip)),
            Accepts::Forwarded,
        ) => kind,
        (Some(AskedKind::ForwardedStreamlocal | AskedKind::ForwardedTcpip), Accepts::Direct)
        | (None, Accepts::Direct | Accepts::Forwarded) => {
            return Ok(Err(other_type(open.channel_type, accepts)));
        }
    };
    let refusal = match kind {
        AskedKind::DirectStreamlocal => {
            bad_path(DirectStreamlocal::decode(open.data.0)?.socket_path)
        }
        AskedKind::ForwardedStreamlocal => {
            bad_path(ForwardedStreamlocal::decode(open.data.0)?.socket_path)
        }
        AskedKind::DirectTcpip => {
            let direct = DirectTcpip::decode(open.data.0)?;
            let host = direct.host_to_connect;
            let is_plausible = !host.is_empty() && is_plausible_address(host);
            bad_port(direct.port_to_connect).or_else(|| (!is_plausible).then_some(Refusal::HOST))
        }
        AskedKind::ForwardedTcpip => {
            let forwarded = ForwardedTcpip::decode(open.data.0)?;
            let is_plausible = is_plausible_address(forwarded.connected_address);
            bad_port(forwarded.connected_port).or_else(|| (!is_plausible).then_some(Refusal::HOST))
        }
    };
    let too_small = open.maximum_packet_size < PACKET_SIZE_MIN;
    // The data is the end of the payload.
    let start = payload.len().saturating_sub(open.data.0.len());
    Ok(
        match too_small.then_some(Refusal::PACKET_SIZE).or(refusal) {
            Some(refusal) => Err(refusal),
            None => Ok((kind, start..payload.len())),
        },
    )
}

/// Types of other uses of SSH, each with what its user should know (RFC 4254 §5.1: 3 is for types
/// that are not supported; a session is one that is, elsewhere).
fn other_type(channel_type: &[u8], accepts: Accepts) -> Refusal {
    let text = match (channel_type, accepts) {
        (b"session", Accepts::Direct) => return Refusal::SESSION,
        (b"x11", _) => "X11 is not forwarded here",
        (b"auth-agent@openssh.com", _) => "agents are not forwarded here",
        (b"tun@openssh.com", _) => "tunnel devices are not supported here",
        _ => OpenFailure::UnknownChannelType.text(),
    };
    Refusal::new(OpenFailure::UnknownChannelType, text)
}

fn bad_port(port: u32) -> Option<Refusal> {
    (!matches!(u16::try_from(port), Ok(1..))).then_some(Refusal::PORT)
}

fn bad_path(path: &[u8]) -> Option<Refusal> {
    (!is_plausible_path(path)).then_some(Refusal::PATH)
}

/// Whether this can be given to a resolver and written to a log. What it means is not asked here;
/// "" is every address, where somebody is to listen.
pub(crate) fn is_plausible_address(address: &[u8]) -> bool {
    address.len() <= HOST_MAX && !address.iter().any(u8::is_ascii_control)
}

/// Whether a socket can be there. One without a name, which begins with NUL in Linux, has no owner
/// and no permissions.
pub(crate) fn is_plausible_path(path: &[u8]) -> bool {
    (1..=PATH_MAX).contains(&path.len()) && !path.contains(&0)
}
