//! What a program is asked, and what it may answer.

use super::{Destination, PeerInfo};
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
}
