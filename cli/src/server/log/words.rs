//! The parts of lines, each as sshd writes it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use adit_forward::observer::{
    ChannelEnd, ClosedChannel, Destination, OpenError, Opener, PeerInfo, Place,
};

use crate::escape::escaped;
use crate::file::reason;

/// Longest user name or host in a line, before it is escaped: sshd's `%.100s`.
pub(super) const WORD_MAX: usize = 100;

/// `192.0.2.1 port 50000`.
pub(super) struct At(pub(super) Option<SocketAddr>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{} port {}", address.ip().to_canonical(), address.port()),
            // sshd's words for it.
            None => f.write_str("UNKNOWN port 65535"),
        }
    }
}

/// `user alice 192.0.2.1 port 50000`.
pub(super) struct Who {
    pub(super) user: Option<String>,
    pub(super) at: At,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.user.as_deref().unwrap_or(""), self.at)
    }
}

/// A peer's word: escaped, cut, and without blanks.
pub(in crate::server) struct Word<'a>(pub(in crate::server) &'a [u8]);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, cut) = match self.0.get(..WORD_MAX) {
            Some(first) if first.len() < self.0.len() => (first, "…"),
            _ => (self.0, ""),
        };
        let word = escaped(word).to_string().replace(' ', "\\u{20}");
        write!(f, "{word}{cut}")
    }
}

/// `host db.example port 5432`, or `path /run/db`.
pub(super) struct Host<'a>(pub(super) &'a Destination<'a>);

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Destination::Tcp { host, port } => write!(f, "host {} port {port}", Word(host)),
            Destination::Unix { path } => write!(f, "path {}", Word(path)),
        }
    }
}

/// `127.0.0.1 port 8080`, or `/run/x`: a socket of this machine.
pub(super) struct Listens<'a>(pub(super) &'a Place<'a>);

impl fmt::Display for Listens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Place::Tcp(address) => write!(f, "{}", At(Some(address))),
            Place::Unix(path) => write!(f, "{}", Word(path.as_os_str().as_encoded_bytes())),
        }
    }
}

/// `db.example port 5432`, or `/run/db`.
pub(super) struct Bare<'a>(pub(super) &'a Destination<'a>);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Destination::Tcp { host, port } => write!(f, "{} port {port}", Word(host)),
            Destination::Unix { path } => write!(f, "{}", Word(path)),
        }
    }
}

/// The name that was looked up, or the path.
pub(super) struct Name<'a>(pub(super) &'a Destination<'a>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Destination::Tcp { host: name, .. } | Destination::Unix { path: name } => {
                write!(f, "{}", Word(name))
            }
        }
    }
}

/// Why a destination was not reached.
pub(super) struct OpenReason<'a>(pub(super) &'a OpenError<'a>);

impl fmt::Display for OpenReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OpenError::Name(text) => write!(f, "{}", escaped(text.as_bytes())),
            OpenError::TimedOut => f.write_str("Connection timed out"),
            OpenError::Connect(error) => f.write_str(&reason(error)),
            OpenError::Shortage => f.write_str("too many at once"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// The end of a forwarded connection.
pub(super) struct Closed<'a> {
    pub(super) peer: &'a PeerInfo<'a>,
    pub(super) channel: &'a ClosedChannel<'a>,
}

impl fmt::Display for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClosedChannel {
            opener,
            to,
            sent,
            received,
            lasted,
            why,
            ..
        } = self.channel;
        let user = Word(self.peer.user.unwrap_or_default());
        let client = At(self.peer.address);
        // Sent is what goes towards the destination: what the peer sent, or what came here.
        let (sent, received) = match opener {
            Opener::Peer => (received, sent),
            Opener::Us => (sent, received),
        };
        match opener {
            Opener::Peer => write!(f, "Closed forward for {user} from {client} to {}", Host(to))?,
            Opener::Us => write!(
                f,
                "Closed connection for {user} from {client} on {}",
                Host(to)
            )?,
        }
        let why = match (why, opener) {
            (ChannelEnd::Finished, _) => "finished",
            (ChannelEnd::LocalReset, Opener::Peer) => "reset by the destination",
            (ChannelEnd::LocalReset, Opener::Us) => "reset by the application",
            (ChannelEnd::PeerClosed, _) => "closed by the client",
            (ChannelEnd::SessionEnded, _) => "the session ended",
        };
        let lasted = Thousandths(*lasted);
        write!(
            f,
            ": {sent} bytes sent, {received} received, {lasted} s, {why}"
        )
    }
}

/// Seconds and thousandths, the rest left out; by whole numbers, as what writes any floating point
/// number is 20 KiB of code.
struct Thousandths(Duration);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_thousandths_of_seconds() {
        for (millis, text) in [
            (0, "0.000"),
            (49, "0.049"),
            (1950, "1.950"),
            (61_007, "61.007"),
        ] {
            let span = Duration::from_millis(millis);
            assert_eq!(Thousandths(span).to_string(), text);
        }
        let span = Duration::from_micros(1999);
        assert_eq!(Thousandths(span).to_string(), "0.001");
    }
}
