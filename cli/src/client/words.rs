//! Ends, errors and places, in the words of ssh.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use adit_forward::observer::{ChannelEnd, ClosedChannel, Destination};
use adit_forward::spec::{Listen, Target};
use adit_proto::reason::OpenFailure;

use crate::escape::escaped;
use crate::file::reason;

/// An error of connect(2). A time-out of our own has no number and another text.
pub(super) fn connect_reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::TimedOut {
        "Connection timed out".to_owned()
    } else {
        reason(error)
    }
}

/// RFC 4254 §5.1, in the words of ssh.
pub(super) fn open_failure(reason_code: u32) -> &'static str {
    OpenFailure::from_code(reason_code).map_or("unknown reason", OpenFailure::text)
}

/// `host:port`, with brackets around an IPv6 address; or a path.
pub(super) struct At<'a>(pub(super) Destination<'a>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Destination::Tcp { host, port } if host.contains(&b':') => {
                write!(f, "[{}]:{port}", escaped(host))
            }
            Destination::Tcp { host, port } => write!(f, "{}:{port}", escaped(host)),
            Destination::Unix { path } => write!(f, "{}", escaped(path)),
        }
    }
}

/// Whom a connection is with: `192.0.2.1 port 22`. Behind another host or a program nobody here
/// knows, and ssh has these words for it.
pub(super) struct Whence(pub(super) Option<SocketAddr>);

impl fmt::Display for Whence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{} port {}", address.ip(), address.port()),
            None => f.write_str("UNKNOWN port 65535"),
        }
    }
}

/// Where this machine listens.
pub(super) fn at(listen: &Listen) -> String {
    match listen {
        Listen::Tcp { port, .. } => format!("port {port}"),
        Listen::Unix(path) => format!("path {path}"),
    }
}

/// Where a forward goes on to.
pub(super) fn target(to: &Target) -> String {
    match to {
        Target::Tcp { host, port } => format!("{host} port {port}"),
        Target::Unix(path) => format!("path {path}"),
    }
}

/// One line about a channel that is over.
pub(super) struct Closed<'a>(pub(super) &'a ClosedChannel<'a>);

impl fmt::Display for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClosedChannel {
            channel,
            from,
            to,
            sent,
            received,
            lasted,
            why,
        } = self.0;
        let why = match why {
            ChannelEnd::Finished => "done",
            ChannelEnd::LocalReset => "reset by the application",
            ChannelEnd::PeerClosed => "closed by the server",
            ChannelEnd::SessionEnded => "the session ended",
        };
        write!(
            f,
            "channel {channel}: {} -> {}: sent {sent}, received {received} bytes in {:.1} s, {why}",
            At(*from),
            At(*to),
            lasted.as_secs_f64()
        )
    }
}
