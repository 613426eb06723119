//! What an application says on a port whose destination it chooses itself: SOCKS 4 and 4a, SOCKS 5
//! (RFC 1928, CONNECT without authentication) and HTTP CONNECT (RFC 9110 §9.3.6), told apart by the
//! first byte. Bytes in, replies out: no sockets here, no names are looked up, and what is held is
//! one host name at most.
//!
//! ```text
//!            first byte     then                                     through at
//! SOCKS 4    4              command, port, address, user NUL         NUL
//! SOCKS 4a   4              ... 0.0.0.x        ..., user NUL, name NUL   second NUL
//! SOCKS 5    5              methods; reply; command, address, port   last byte of the port
//! CONNECT    a letter       CONNECT host:port HTTP/1.1, fields       empty line
//! ```
//!
//! What is behind the request is the application's, and is never taken.

mod connect;
mod host;
mod reply;
mod socks4;
mod socks5;
#[cfg(test)]
mod tests;

use std::fmt;

use connect::Connect;
pub use connect::{HEAD_MAX, METHOD_MAX, TARGET_MAX};
pub use host::NAME_MAX;
pub use reply::Answer;
use socks4::Socks4;
pub use socks4::USER_MAX;
use socks5::Socks5;

/// How a request is put, and so how it is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// HTTP CONNECT.
    Connect,
    /// SOCKS 4: an IPv4 address.
    Socks4,
    /// SOCKS 4a: a name.
    Socks4a,
    /// SOCKS 5.
    Socks5,
}

/// Where an application would be connected to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// How it asked.
    pub version: Version,
    /// A name or an address as text: 1 to [`NAME_MAX`] bytes, no blank and no control character
    /// among them. Perhaps not UTF-8.
    pub host: Box<[u8]>,
    /// Never 0.
    pub port: u16,
}

/// Why there is no request, or why it is not followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// A kind of address that SOCKS 5 does not have.
    AddressType,
    /// SOCKS asks for another command than CONNECT: BIND, or UDP ASSOCIATE.
    Command(u8),
    /// There are too many others.
    Crowded,
    /// Against the rules of its protocol.
    Malformed,
    /// An HTTP method that is not CONNECT.
    Method,
    /// No host name, one with a blank or a control character, or one that is too long.
    BadHost,
    /// Port 0, or none.
    BadPort,
    /// SOCKS 5 offers only methods of authentication that there are not.
    NoMethod,
    /// A policy of this side.
    NotPermitted,
    /// Neither SOCKS nor HTTP.
    NotProxy,
    /// A TLS handshake: the application takes this for an HTTPS proxy or server.
    Tls,
    /// More than [`USER_MAX`], [`TARGET_MAX`] or [`HEAD_MAX`] bytes.
    TooLong,
    /// The request did not come in time.
    TooSlow,
}

/// What some bytes came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// The request is through. What follows belongs to the connection.
    Asked(Request),
    /// It is over: [`Greeting::refuse`] says in which words.
    Refused(Refusal),
    /// To be sent before the application goes on.
    Reply(&'static [u8]),
}

/// What an application has said so far.
#[derive(Debug, Default)]
pub struct Greeting(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    First,
    Connect(Connect),
    Socks4(Socks4),
    Socks5(Socks5),
    /// Refused, or through.
    Over(Option<Version>),
}

impl Greeting {
    /// Takes bytes up to the next step. Says how many it took: all when there is no step. Behind
    /// [`Step::Reply`] it is to be called again with the rest; behind any other it takes nothing.
    pub fn handle(&mut self, bytes: &[u8]) -> (usize, Option<Step>) {
        if let State::Over(_) = self.0 {
            return (0, None);
        }
        for (i, byte) in bytes.iter().enumerate() {
            if let Some(step) = self.byte(*byte) {
                if let Step::Asked(_) | Step::Refused(_) = step {
                    self.0 = State::Over(self.version());
                }
                return (i + 1, Some(step));
            }
        }
        (bytes.len(), None)
    }

    fn byte(&mut self, byte: u8) -> Option<Step> {
        match &mut self.0 {
            State::First => {
                self.0 = match byte {
                    4 => State::Socks4(Socks4::default()),
                    5 => State::Socks5(Socks5::default()),
                    // ContentType handshake (RFC 8446 §5.1).
                    22 => return Some(Step::Refused(Refusal::Tls)),
                    b'A'..=b'Z' | b'a'..=b'z' => State::Connect(Connect::new(byte)),
                    _ => return Some(Step::Refused(Refusal::NotProxy)),
                };
                None
            }
            State::Connect(connect) => connect.byte(byte),
            State::Socks4(socks4) => socks4.byte(byte),
            State::Socks5(socks5) => socks5.byte(byte),
            State::Over(_) => None,
        }
    }

    /// Nothing was said yet.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        matches!(self.0, State::First)
    }

    /// What it speaks, as far as that is known.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        match &self.0 {
            State::First => None,
            State::Connect(_) => Some(Version::Connect),
            State::Socks4(socks4) => Some(socks4.version()),
            State::Socks5(_) => Some(Version::Socks5),
            State::Over(version) => *version,
        }
    }

    /// What an application is told that gets no connection; empty where its protocol has no word
    /// for it. Nothing goes on after that.
    #[must_use]
    pub fn refuse(&self, why: Refusal) -> Vec<u8> {
        match (&self.0, why) {
            // It waits for a method, not for a reply (RFC 1928 §3).
            (State::Socks5(socks5), _) if socks5.is_choosing() => socks5::NO_METHOD.to_vec(),
            (_, Refusal::NoMethod) => socks5::NO_METHOD.to_vec(),
            _ => self.version().map_or_else(Vec::new, |v| v.refuse(why)),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "HTTP CONNECT",
            Self::Socks4 => "SOCKS 4",
            Self::Socks4a => "SOCKS 4a",
            Self::Socks5 => "SOCKS 5",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressType => "an unknown kind of address",
            Self::BadHost => "the destination is no host name and no address",
            Self::BadPort => "the destination port is not 1 to 65535",
            Self::Command(2) => "BIND is not offered, only CONNECT",
            Self::Command(3) => "UDP is not offered, only CONNECT",
            Self::Command(_) => "an unknown command",
            Self::Crowded => "too many applications are about to ask for a connection",
            Self::Malformed => "the request is malformed",
            Self::Method => "only the method CONNECT is offered",
            Self::NoMethod => "only \"no authentication\" is offered",
            Self::NotPermitted => "that destination is not permitted here",
            Self::NotProxy => "neither SOCKS nor HTTP is spoken",
            Self::Tls => "TLS is spoken to a port for SOCKS and HTTP CONNECT",
            Self::TooLong => "the request is too long",
            Self::TooSlow => "the request took too long",
        })
    }
}
