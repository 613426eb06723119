//! Ends, errors and places, in the words of ssh.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use adit_forward::observer::{ChannelEnd, ClosedChannel, Destination, Opener};
use adit_forward::spec::{Listen, RemoteListen, Target};
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
pub(super) fn target(to: Option<&Target>) -> String {
    match to {
        Some(Target::Tcp { host, port }) => format!("{host} port {port}"),
        Some(Target::Unix(path)) => format!("path {path}"),
        None => "where it says".to_owned(),
    }
}

/// The same as ssh writes it where scripts look.
pub(super) fn connect(to: Option<&Target>) -> String {
    match to {
        Some(Target::Tcp { host, port }) => format!("{host}:{port}"),
        Some(Target::Unix(path)) => path.clone(),
        // ssh's name for it.
        None => "socks:0".to_owned(),
    }
}

/// What a server listens on for us.
pub(super) fn remote_at(listen: &RemoteListen) -> String {
    match listen {
        RemoteListen::Tcp { port, .. } => format!("port {port}"),
        RemoteListen::Unix(path) => format!("path {path}"),
    }
}

/// The same with the address that it binds.
pub(super) fn remote_listen(listen: &RemoteListen) -> String {
    match listen {
        RemoteListen::Tcp {
            bind: Some(bind),
            port,
        } => format!("{bind}:{port}"),
        RemoteListen::Tcp { bind: None, port } => port.to_string(),
        RemoteListen::Unix(path) => path.clone(),
    }
}

/// `db.example port 5432`, or a path.
pub(super) struct Spoken<'a>(pub(super) Destination<'a>);

impl fmt::Display for Spoken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Destination::Tcp { host, port } => write!(f, "{} port {port}", escaped(host)),
            Destination::Unix { path } => write!(f, "{}", escaped(path)),
        }
    }
}

/// The host or the path alone.
pub(super) struct Name<'a>(pub(super) Destination<'a>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Destination::Tcp { host: name, .. } | Destination::Unix { path: name } => {
                write!(f, "{}", escaped(name))
            }
        }
    }
}

/// One line about a channel that is over.
pub(super) struct Closed<'a>(pub(super) &'a ClosedChannel<'a>);

impl fmt::Display for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClosedChannel {
            channel,
            opener,
            from,
            to,
            sent,
            received,
            lasted,
            why,
        } = self.0;
        let why = match (why, opener) {
            (ChannelEnd::Finished, _) => "done",
            (ChannelEnd::LocalReset, Opener::Us) => "reset by the application",
            (ChannelEnd::LocalReset, Opener::Peer) => "reset by the destination",
            (ChannelEnd::PeerClosed, _) => "closed by the server",
            (ChannelEnd::SessionEnded, _) => "the session ended",
        };
        write!(
            f,
            "channel {channel}: {} -> {}: sent {sent}, received {received} bytes in {} s, {why}",
            At(*from),
            At(*to),
            Tenths(*lasted)
        )
    }
}

/// Seconds and tenths, rounded; by whole numbers, as what writes any floating point number is 20 KiB
/// of code.
pub(super) struct Tenths(pub(super) Duration);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis().saturating_add(50) / 100;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_tenths_of_seconds() {
        for (millis, text) in [
            (0, "0.0"),
            (49, "0.0"),
            (50, "0.1"),
            (1949, "1.9"),
            (1950, "2.0"),
            (61_007, "61.0"),
        ] {
            assert_eq!(Tenths(Duration::from_millis(millis)).to_string(), text);
        }
        assert_eq!(Tenths(Duration::MAX).to_string(), "18446744073709551616.0");
    }
}
