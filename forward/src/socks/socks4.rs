//! SOCKS 4 and 4a, behind the first byte. There is no RFC: the two memos by Ying-Da Lee are the
//! description.
//!
//! ```text
//! 4, command, port (2), address (4), user ..., NUL                       SOCKS 4
//! 4, command, port (2), 0, 0, 0, x (not 0), user ..., NUL, name ..., NUL SOCKS 4a
//! ```

use core::net::Ipv4Addr;

use super::host::{NAME_MAX, host, port};
use super::{Refusal, Request, Step, Version};

/// Longest user name, which is skipped: OpenSSH takes as many.
pub const USER_MAX: usize = 255;

const CONNECT: u8 = 1;

#[derive(Debug)]
pub(super) struct Socks4 {
    at: At,
    port: u16,
    address: u32,
    name: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
enum At {
    Command,
    /// So many bytes of it are here.
    Port(u8),
    Address(u8),
    User(usize),
    Name,
}

impl Default for Socks4 {
    fn default() -> Self {
        Self {
            at: At::Command,
            port: 0,
            address: 0,
            name: Vec::new(),
        }
    }
}

impl Socks4 {
    pub(super) const fn version(&self) -> Version {
        match self.at {
            At::Name => Version::Socks4a,
            At::Command | At::Port(_) | At::Address(_) | At::User(_) => Version::Socks4,
        }
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<Step> {
        match self.at {
            At::Command if byte != CONNECT => {
                return Some(Step::Refused(Refusal::Command(byte)));
            }
            At::Command => self.at = At::Port(0),
            At::Port(n) => {
                self.port = self.port << 8 | u16::from(byte);
                self.at = if n == 1 { At::Address(0) } else { At::Port(1) };
            }
            At::Address(n) => {
                self.address = self.address << 8 | u32::from(byte);
                self.at = if n == 3 {
                    At::User(0)
                } else {
                    At::Address(n + 1)
                };
            }
            At::User(_) if byte == 0 && self.is_named() => self.at = At::Name,
            At::User(_) if byte == 0 => {
                let address = Ipv4Addr::from_bits(self.address).to_string();
                return Some(self.asked(address.as_bytes()));
            }
            At::User(USER_MAX..) => return Some(Step::Refused(Refusal::TooLong)),
            At::User(n) => self.at = At::User(n + 1),
            At::Name if byte == 0 => return Some(self.asked(&self.name)),
            At::Name if self.name.len() == NAME_MAX => {
                return Some(Step::Refused(Refusal::BadHost));
            }
            At::Name => self.name.push(byte),
        }
        None
    }

    /// 0.0.0.x with x not 0, which is no address: a name follows.
    const fn is_named(&self) -> bool {
        matches!(self.address, 1..=255)
    }

    fn asked(&self, name: &[u8]) -> Step {
        match (host(name), port(self.port)) {
            (Ok(host), Ok(port)) => Step::Asked(Request {
                version: self.version(),
                host,
                port,
            }),
            (Err(why), _) | (_, Err(why)) => Step::Refused(why),
        }
    }
}
