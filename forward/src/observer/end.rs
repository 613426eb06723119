//! How sessions and channels end, as a program is told it.

use core::time::Duration;
use std::io;

use adit_auth::Refused;

use super::Destination;

/// Whether a session had passed authentication when it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Authenticated {
    /// It had not: `[preauth]` in sshd's words.
    No,
    /// It had.
    Yes,
}

/// A channel's life, for one line in a log.
#[derive(Clone, Copy, Debug)]
pub struct ClosedChannel<'a> {
    /// The channel's slot at this side: a small number that another one has later.
    pub channel: u32,
    /// Who opened it.
    pub opener: Opener,
    /// The application: its address, where it came to this side, or the originator that the peer
    /// gave.
    pub from: Destination<'a>,
    /// Where to. At a server, of a connection to what a client had it listen on: that place, since
    /// where it leads from there is the client's affair.
    pub to: Destination<'a>,
    /// Bytes from the local socket to the peer.
    pub sent: u64,
    /// Bytes from the peer to the local socket.
    pub received: u64,
    /// From the open request to the end.
    pub lasted: Duration,
    /// Why it ended.
    pub why: ChannelEnd,
}

/// Which side opened a channel: the application is there, and the destination on the other one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opener {
    /// The peer.
    Peer,
    /// This side.
    Us,
}

/// Why a channel ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChannelEnd {
    /// Both sides said that they were done.
    Finished,
    /// The local socket failed or was reset.
    LocalReset,
    /// The peer closed the channel before both sides were done.
    PeerClosed,
    /// Its session ended.
    SessionEnded,
}

/// Why a destination was not reached.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError<'a> {
    /// The name has no address; the resolver's words.
    Name(&'a str),
    /// Name look-up or connection took too long.
    TimedOut,
    /// The last address's error.
    Connect(&'a io::Error),
    /// Too many look-ups are waiting, or there are no descriptors.
    Shortage,
}

/// Why a session ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Gone<'a> {
    /// The peer closed its connection without a word.
    Closed,
    /// The peer sent DISCONNECT.
    Disconnected {
        /// RFC 4253 §11.1, as received.
        reason_code: u32,
        /// The peer's words.
        description: &'a [u8],
        /// Client: how many keys were offered before. A server counts each of them as a try, so a
        /// person whose agent holds many hears of "Too many authentication failures".
        keys_tried: usize,
    },
    /// The socket failed.
    Socket(&'a io::Error),
    /// Nothing was heard for keepalive's interval × count.
    Silent,
    /// Authentication took longer than it may (LoginGraceTime, ConnectTimeout).
    TooSlow,
    /// No algorithm in common.
    NoCommon {
        /// `key exchange method`, `host key type`, `cipher`, `MAC`, `compression method`.
        what: &'static str,
        /// The peer's name-list.
        offer: &'a [u8],
    },
    /// What was agreed on needs strict key exchange, and the peer does not do it
    /// (CVE-2023-48795).
    NoStrictKex {
        /// The cipher that needs it.
        cipher: &'static str,
    },
    /// The protocol was broken, or another error; in words.
    Error(&'a str),
    /// The server had hung up while a person looked at its host key, and showed another one when it
    /// was connected to again.
    HostKeyChanged,
    /// The program did not accept the host key.
    HostKeyRefused,
    /// The server accepts none of our keys.
    AuthenticationRefused(&'a Refused),
    /// The program stops.
    Stopped,
    /// A fault of ours, caught: the session is over, the others go on.
    Panicked,
}

/// How the program that led to a server ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}
