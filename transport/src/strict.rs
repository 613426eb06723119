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

const EXT_INFO_CLIENT: &[u8] = b"ext-info-c";
const EXT_INFO_SERVER: &[u8] = b"ext-info-s";
const STRICT_CLIENT: &[u8] = b"kex-strict-c-v00@openssh.com";
const STRICT_SERVER: &[u8] = b"kex-strict-s-v00@openssh.com";

/// What we put behind the methods in our first KEXINIT.
pub(crate) const fn our_markers(role: Role) -> [&'static [u8]; 2] {
    match role {
        Role::Client => [EXT_INFO_CLIENT, STRICT_CLIENT],
        Role::Server => [EXT_INFO_SERVER, STRICT_SERVER],
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
    /// From the first list of each side; `role` is ours.
    pub(crate) fn read(role: Role, ours: NameList<'_>, theirs: NameList<'_>) -> Self {
        let (our_strict, strict, ext_info) = match role {
            Role::Client => (STRICT_CLIENT, STRICT_SERVER, EXT_INFO_SERVER),
            Role::Server => (STRICT_SERVER, STRICT_CLIENT, EXT_INFO_CLIENT),
        };
        Self {
            strict: if ours.contains(our_strict) && theirs.contains(strict) {
                Strict::Agreed
            } else {
                Strict::No
            },
            ext_info: if theirs.contains(ext_info) {
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
        let of = |role| our_markers(role).join(&b',');
        let (client, server) = (of(Role::Client), of(Role::Server));
        let client = NameList::parse(&client).unwrap();
        let server = NameList::parse(&server).unwrap();
        for (role, ours, theirs, mirrored) in [
            (Role::Client, client, server, client),
            (Role::Server, server, client, server),
        ] {
            let read = Markers::read(role, ours, theirs);
            assert_eq!(
                (read.strict, read.ext_info),
                (Strict::Agreed, ExtInfoWanted::Yes)
            );
            let read = Markers::read(role, ours, mirrored);
            assert_eq!(
                (read.strict, read.ext_info),
                (Strict::No, ExtInfoWanted::No)
            );
            let read = Markers::read(role, NameList::EMPTY, theirs);
            assert_eq!(
                (read.strict, read.ext_info),
                (Strict::No, ExtInfoWanted::Yes)
            );
        }
    }
}
