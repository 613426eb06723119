//! SOCKS 5 (RFC 1928), behind the first byte.
//!
//! ```text
//! 5, number of methods, methods ...                                      §3
//!                        5, method        <- reply
//! 5, command, 0, type, address (4, 16, or its length and a name), port   §4
//! ```

use core::net::{Ipv4Addr, Ipv6Addr};

use super::host::{host, port};
use super::{Refusal, Request, Step, Version};

/// X'00' NO AUTHENTICATION REQUIRED. The only one offered: who may connect to the port may use it.
const METHOD: &[u8] = &[5, 0];
/// X'FF' NO ACCEPTABLE METHODS.
pub(super) const NO_METHOD: &[u8] = &[5, 0xff];

const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAINNAME: u8 = 3;
const IPV6: u8 = 4;

#[derive(Debug)]
pub(super) struct Socks5 {
    at: At,
    kind: Kind,
    /// At most [`super::NAME_MAX`] bytes: a byte says how many.
    address: Vec<u8>,
    port: u16,
}

/// What comes next.
#[derive(Debug)]
enum At {
    MethodCount,
    /// So many more.
    Methods(u8, Offered),
    Version,
    Command,
    Reserved,
    Type,
    NameLength,
    /// So many bytes more.
    Address(u8),
    /// So many bytes of it are here.
    Port(u8),
}

/// Whether "no authentication" is among the methods.
#[derive(Clone, Copy, Debug)]
enum Offered {
    No,
    Yes,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ipv4,
    Ipv6,
    Name,
}

impl Default for Socks5 {
    fn default() -> Self {
        Self {
            at: At::MethodCount,
            kind: Kind::Name,
            address: Vec::new(),
            port: 0,
        }
    }
}

impl Socks5 {
    /// The application has not heard which method is taken.
    pub(super) const fn is_choosing(&self) -> bool {
        matches!(self.at, At::MethodCount | At::Methods(..))
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<Step> {
        match self.at {
            At::MethodCount if byte == 0 => return Some(Step::Refused(Refusal::NoMethod)),
            At::MethodCount => self.at = At::Methods(byte, Offered::No),
            At::Methods(left, offered) => {
                let offered = if byte == 0 { Offered::Yes } else { offered };
                match (left, offered) {
                    (2.., _) => self.at = At::Methods(left - 1, offered),
                    (_, Offered::No) => return Some(Step::Refused(Refusal::NoMethod)),
                    (_, Offered::Yes) => {
                        self.at = At::Version;
                        return Some(Step::Reply(METHOD));
                    }
                }
            }
            At::Version if byte != 5 => return Some(Step::Refused(Refusal::Malformed)),
            At::Version => self.at = At::Command,
            At::Command if byte != CONNECT => {
                return Some(Step::Refused(Refusal::Command(byte)));
            }
            At::Command => self.at = At::Reserved,
            At::Reserved if byte != 0 => return Some(Step::Refused(Refusal::Malformed)),
            At::Reserved => self.at = At::Type,
            At::Type => {
                (self.kind, self.at) = match byte {
                    IPV4 => (Kind::Ipv4, At::Address(4)),
                    IPV6 => (Kind::Ipv6, At::Address(16)),
                    DOMAINNAME => (Kind::Name, At::NameLength),
                    _ => return Some(Step::Refused(Refusal::AddressType)),
                };
            }
            At::NameLength if byte == 0 => return Some(Step::Refused(Refusal::BadHost)),
            At::NameLength => self.at = At::Address(byte),
            At::Address(left) => {
                self.address.push(byte);
                self.at = if left == 1 {
                    At::Port(0)
                } else {
                    At::Address(left - 1)
                };
            }
            At::Port(n) => {
                self.port = self.port << 8 | u16::from(byte);
                if n == 1 {
                    return Some(self.asked());
                }
                self.at = At::Port(1);
            }
        }
        None
    }

    fn asked(&self) -> Step {
        match (self.host(), port(self.port)) {
            (Ok(host), Ok(port)) => Step::Asked(Request {
                version: Version::Socks5,
                host,
                port,
            }),
            (Err(why), _) | (_, Err(why)) => Step::Refused(why),
        }
    }

    fn host(&self) -> Result<Box<[u8]>, Refusal> {
        let address = self.address.as_slice();
        match self.kind {
            Kind::Name => host(address),
            Kind::Ipv4 => <[u8; 4]>::try_from(address)
                .map_err(|_| Refusal::BadHost)
                .and_then(|octets| host(Ipv4Addr::from(octets).to_string().as_bytes())),
            Kind::Ipv6 => <[u8; 16]>::try_from(address)
                .map_err(|_| Refusal::BadHost)
                .and_then(|octets| host(Ipv6Addr::from(octets).to_string().as_bytes())),
        }
    }
}
