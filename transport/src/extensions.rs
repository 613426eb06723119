//! Extension negotiation (RFC 8308): what we tell a peer in EXT_INFO, and what one told us.

use alloc::vec::Vec;

use adit_proto::msg::ExtInfo;
use adit_proto::{Encode, Field, Malformed, NameList, Rest, Writer};

use crate::negotiate;
use crate::strict::Role;

const SERVER_SIG_ALGS: &[u8] = b"server-sig-algs";
const PING: &[u8] = b"ping@openssh.com";
/// The only version of ping@openssh.com (OpenSSH PROTOCOL §1.8).
const PING_VERSION: &[u8] = b"0";
const HOSTBOUND: &[u8] = b"publickey-hostbound@openssh.com";
/// The only version of it (OpenSSH PROTOCOL §3.1).
const HOSTBOUND_VERSION: &[u8] = b"0";

/// Most EXT_INFO that a server may send: after NEWKEYS and before USERAUTH_SUCCESS
/// (RFC 8308 §2.4).
const FROM_SERVER: u8 = 2;
/// A client may send one, after NEWKEYS.
const FROM_CLIENT: u8 = 1;

/// What the peer told in EXT_INFO.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Extensions {
    /// Signature algorithms that a server takes from a user's key (RFC 8308 §3.1), joined.
    pub server_sig_algs: Option<Vec<u8>>,
    /// Whether it answers PING.
    pub ping: bool,
    /// Whether a server takes publickey-hostbound-v00@openssh.com.
    pub hostbound: bool,
}

/// How many EXT_INFO one who has our role may still get.
pub(crate) const fn ext_info_allowed(role: Role) -> u8 {
    match role {
        Role::Client => FROM_SERVER,
        Role::Server => FROM_CLIENT,
    }
}

impl Extensions {
    /// Reads one EXT_INFO. A later one replaces what it repeats; unknown extensions are ignored
    /// (RFC 8308 §2.5).
    pub(crate) fn read(&mut self, role: Role, message: &ExtInfo<'_>) -> Result<(), Malformed> {
        for (name, value) in message.extensions()? {
            match name {
                // Its value is at most as long as the packet that it came in.
                SERVER_SIG_ALGS if role == Role::Client => {
                    self.server_sig_algs = NameList::parse(value).ok().map(|v| v.as_bytes().into());
                }
                HOSTBOUND if role == Role::Client => self.hostbound = value == HOSTBOUND_VERSION,
                PING => self.ping = value == PING_VERSION,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Our EXT_INFO, without its number and count.
pub(crate) struct OurExtensions {
    nr_extensions: u32,
    pairs: Vec<u8>,
}

impl OurExtensions {
    /// `user_keys`: the signature algorithms that a server takes from users (RFC 8308 §3.1).
    pub(crate) fn new(role: Role, user_keys: &[&'static str]) -> Self {
        let mut this = Self {
            nr_extensions: 0,
            pairs: Vec::new(),
        };
        this.push(PING, PING_VERSION);
        if role == Role::Server {
            this.push(HOSTBOUND, HOSTBOUND_VERSION);
            this.push(
                SERVER_SIG_ALGS,
                &negotiate::joined(user_keys.iter().copied()),
            );
        }
        this
    }

    pub(crate) fn message(&self) -> ExtInfo<'_> {
        ExtInfo {
            nr_extensions: self.nr_extensions,
            pairs: Rest(&self.pairs),
        }
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        for part in [name, value] {
            let mut string = alloc::vec![0; part.field_len()];
            part.write(&mut Writer::new(&mut string));
            self.pairs.append(&mut string);
        }
        self.nr_extensions = self.nr_extensions.saturating_add(1);
    }
}

/// A payload that is encoded already.
pub(crate) struct Encoded<'a>(pub(crate) &'a [u8]);

impl Encode for Encoded<'_> {
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_KEYS: [&str; 2] = ["ssh-ed25519", "rsa-sha2-256"];

    #[test]
    fn what_a_server_says_a_client_reads() {
        let ours = OurExtensions::new(Role::Server, &USER_KEYS);
        let mut read = Extensions::default();
        read.read(Role::Client, &ours.message()).unwrap();
        assert!(read.ping && read.hostbound);
        let algorithms = read.server_sig_algs.unwrap();
        assert_eq!(algorithms, b"ssh-ed25519,rsa-sha2-256");
    }

    #[test]
    fn what_a_client_says_never_names_signature_algorithms() {
        let ours = OurExtensions::new(Role::Server, &USER_KEYS);
        let mut read = Extensions::default();
        read.read(Role::Server, &ours.message()).unwrap();
        assert_eq!(read.server_sig_algs, None);
        assert!(!read.hostbound);
        let ours = OurExtensions::new(Role::Client, &USER_KEYS);
        assert_eq!(ours.message().nr_extensions, 1);
    }

    #[test]
    fn another_version_of_ping_is_not_ours() {
        let mut ours = OurExtensions {
            nr_extensions: 0,
            pairs: Vec::new(),
        };
        ours.push(PING, b"1");
        ours.push(HOSTBOUND, b"1");
        ours.push(b"no-flow-control", b"p");
        ours.push(SERVER_SIG_ALGS, b"not a list");
        let mut read = Extensions {
            server_sig_algs: None,
            ping: true,
            hostbound: true,
        };
        read.read(Role::Client, &ours.message()).unwrap();
        assert_eq!(read, Extensions::default());
    }
}
