//! Names that are no algorithms but ride in kex_algorithms: extension negotiation (RFC 8308 §2.1)
//! and strict key exchange (OpenSSH PROTOCOL §1.10), which only the first KEXINIT carries.

use adit_proto::NameList;

/// Who we are in a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// Whether both sides do strict key exchange: nothing but the exchange until the first NEWKEYS,
/// and sequence numbers that start again at every NEWKEYS. Decided by the first KEXINITs alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strict {
    Agreed,
    No,
}

/// What we put behind the methods in our first KEXINIT.
pub(crate) const fn our_markers(role: Role) -> &'static [u8] {
    match role {
        Role::Client => b"ext-info-c,kex-strict-c-v00@openssh.com",
        Role::Server => b"ext-info-s,kex-strict-s-v00@openssh.com",
    }
}

/// What the peer's first KEXINIT says about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Markers {
    pub(crate) strict: Strict,
    /// Whether it takes an EXT_INFO.
    pub(crate) ext_info: ExtInfoWanted,
}

/// Whether the peer takes an EXT_INFO (RFC 8308 §2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ExtInfoWanted {
    Yes,
    No,
}

impl Markers {
    /// From the peer's first list; `role` is ours.
    pub(crate) fn read(role: Role, kex_algorithms: NameList<'_>) -> Self {
        let (strict, ext_info): (&[u8], &[u8]) = match role {
            Role::Client => (b"kex-strict-s-v00@openssh.com", b"ext-info-s"),
            Role::Server => (b"kex-strict-c-v00@openssh.com", b"ext-info-c"),
        };
        Self {
            strict: if kex_algorithms.contains(strict) {
                Strict::Agreed
            } else {
                Strict::No
            },
            ext_info: if kex_algorithms.contains(ext_info) {
                ExtInfoWanted::Yes
            } else {
                ExtInfoWanted::No
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_other_roles_markers_count() {
        let ours = NameList::parse(our_markers(Role::Client)).unwrap();
        let read = Markers::read(Role::Server, ours);
        assert_eq!(read.strict, Strict::Agreed);
        assert_eq!(read.ext_info, ExtInfoWanted::Yes);
        let mirrored = Markers::read(Role::Client, ours);
        assert_eq!(mirrored.strict, Strict::No);
        assert_eq!(mirrored.ext_info, ExtInfoWanted::No);
    }
}
