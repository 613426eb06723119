//! What a program is asked, and what it may answer.

use adit_auth::{Permissions, Prompt};

use super::{Destination, PeerInfo};
use crate::policy::{Denied, Login, Permitted, PermittedListen, Policy};

/// An answer now, or a piece of work that finds it on another thread.
pub enum Answer<T> {
    /// Now.
    Now(T),
    /// When this returns. It may wait: for a file, for a person.
    Later(Box<dyn FnOnce() -> T + Send>),
}

impl<T> core::fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}

/// The server's host key; its signature over this key exchange is verified already.
#[derive(Clone, Copy, Debug)]
pub struct HostKeyQuestion<'a> {
    /// The peer.
    pub peer: PeerInfo<'a>,
    /// The signature algorithm that was negotiated.
    pub algorithm: &'a str,
    /// The key.
    pub key_blob: &'a [u8],
}

/// Whether the server is who the user means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HostKeyVerdict {
    /// Go on.
    Trust,
    /// End; the program has said why.
    Refuse,
}

/// A key from a file that is locked with a passphrase; the server would take its signature.
#[derive(Clone, Copy, Debug)]
pub struct UnlockQuestion<'a> {
    /// The peer.
    pub peer: PeerInfo<'a>,
    /// As its [`FileKey`](crate::reactor::FileKey) is called.
    pub name: &'a str,
    /// Its public half.
    pub key_blob: &'a [u8],
}

/// The server takes a password (RFC 4252 §8).
#[derive(Clone, Copy, Debug)]
pub struct PasswordQuestion<'a> {
    /// The peer.
    pub peer: PeerInfo<'a>,
    /// Whose password.
    pub user: &'a str,
    /// How many the server has refused before.
    pub attempt: u32,
}

/// The server asks something itself (RFC 4256 §3.2). All texts are a stranger's.
#[derive(Clone, Copy, Debug)]
pub struct RespondQuestion<'a> {
    /// The peer.
    pub peer: PeerInfo<'a>,
    /// What this is about; may be empty.
    pub name: &'a [u8],
    /// To be shown before the prompts; may be empty.
    pub instruction: &'a [u8],
    /// At least one.
    pub prompts: &'a [Prompt],
}

/// May this key log in as this user? The signature is checked by the session, not here.
#[derive(Clone, Copy, Debug)]
pub struct KeyQuestion<'a> {
    /// The peer.
    pub peer: PeerInfo<'a>,
    /// As the client calls it.
    pub user: &'a [u8],
    /// The signature algorithm.
    pub algorithm: &'a str,
    /// The key.
    pub key_blob: &'a [u8],
}

/// May this destination be opened?
#[derive(Clone, Copy, Debug)]
pub struct OpenQuestion<'a> {
    /// The peer; its `user` is set.
    pub peer: PeerInfo<'a>,
    /// Where to, as asked for: matched as a string, not resolved.
    pub to: Destination<'a>,
    /// Who asked, as the client says.
    pub originator: Destination<'a>,
    /// What the key of the user leaves of what is permitted.
    pub permissions: &'a Permissions,
}

/// May this server listen there for its client?
#[derive(Clone, Copy, Debug)]
pub struct ListenQuestion<'a> {
    /// The peer; its `user` is set.
    pub peer: PeerInfo<'a>,
    /// Where, as asked for: matched as a string, not resolved. Port 0 lets the system choose.
    pub at: Destination<'a>,
    /// What the key of the user leaves of what is permitted.
    pub permissions: &'a Permissions,
}

impl OpenQuestion<'_> {
    /// What a policy says to it.
    ///
    /// # Errors
    /// [`Denied`] when it may not.
    pub fn under(&self, policy: &Policy) -> Result<Permitted, Denied> {
        match self.to {
            Destination::Tcp { host, port } => policy.direct_tcpip(host, port, self.permissions),
            Destination::Unix { path } => {
                policy.direct_streamlocal(path, login(&self.peer, self.permissions))
            }
        }
    }
}

impl ListenQuestion<'_> {
    /// What a policy says to it.
    ///
    /// # Errors
    /// [`Denied`] when it may not.
    pub fn under(&self, policy: &Policy) -> Result<PermittedListen, Denied> {
        let login = login(&self.peer, self.permissions);
        match self.at {
            Destination::Tcp { host, port } => policy.tcpip_forward(host, port, login),
            Destination::Unix { path } => policy.streamlocal_forward(path, login),
        }
    }
}

fn login<'a>(peer: &PeerInfo<'a>, key: &'a Permissions) -> Login<'a> {
    Login {
        // Nobody asks before; whoever did would be no user that anything is kept for.
        user: peer.user.unwrap_or_default(),
        key,
    }
}
