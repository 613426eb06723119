//! Who asks, and whose rights of the system it is done with.
//!
//! sshd does what a client asks for as the user that logged in, so ports below 1024 are root's, and
//! each socket and folder is whose its bits say. Here one process does it for all logins. As long as
//! it is an ordinary user's the system keeps what is root's from everybody; as root it would give it
//! to everybody, and so keeps it from all but root itself.

use adit_auth::Permissions;

/// The first port that anybody may listen on: `IPPORT_RESERVED` of `<netinet/in.h>`.
const IPPORT_RESERVED: u16 = 1024;

/// The name of the user whose rights are in question.
const ROOT: &[u8] = b"root";

/// A client that is logged in.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The name it logged in with.
    pub user: &'a [u8],
    /// What its key leaves of what is permitted.
    pub key: &'a Permissions,
}

/// Whose rights the process has that listens and connects.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RunsAs {
    /// Root's: what the system would refuse anybody else is refused here.
    Root,
    /// An ordinary user's: the system says what it may do.
    #[default]
    User,
}

impl RunsAs {
    /// Whether what is done with these rights is what that user may do.
    pub(super) fn suits(self, login: Login<'_>) -> bool {
        match self {
            Self::Root => login.user == ROOT,
            Self::User => true,
        }
    }
}

/// Whether only root may listen on it. 0 is whichever the system chooses, and it chooses none of
/// these.
pub(super) const fn is_roots_port(port: u16) -> bool {
    port != 0 && port < IPPORT_RESERVED
}
