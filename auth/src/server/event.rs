//! What a server asks its caller, and what it tells of an authentication.

use alloc::vec::Vec;

use crate::authenticated::{KeyPolicy, UserAuthenticated};
use crate::fingerprint::Fingerprint;

/// What the server needs to go on.
#[derive(Debug, Eq, PartialEq)]
pub enum ServerNeed<'a> {
    /// Nothing: send what is due, or wait for the client.
    Nothing,
    /// Whether this user may log in with this key; give it to [`crate::Server::authorize`]. Asked
    /// for a probe and for a signed request alike, each anew. For a user who does not exist do the
    /// same work, then refuse.
    Authorize {
        /// From a stranger. Put it into a path only if [`crate::is_plain_user_name`].
        user: &'a [u8],
        /// Signature algorithm.
        algorithm: &'static str,
        /// The key, of the type that the algorithm goes with.
        key_blob: &'a [u8],
    },
}

/// The caller's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// The key is that user's, with what its line grants.
    Allowed(KeyPolicy),
    /// It is not, or there is no such user.
    Refused,
}

/// What a request came to.
#[derive(Debug)]
pub enum ServerEvent {
    /// Nothing to tell.
    Quiet,
    /// SUCCESS was sent: the connection protocol begins.
    Authenticated(UserAuthenticated),
    /// A failure, for the log.
    Failed(Failed),
}

/// A failed request, for the log. [`crate::Server::user`] says whose.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// Method name, printable ASCII; `unknown` if what came was not a name.
    pub method: Vec<u8>,
    /// The key, where it was one of a type adit knows.
    pub key: Option<FailedKey>,
    /// How many failures there are by now.
    pub failures: u32,
}

/// The key of a failed request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FailedKey {
    /// `ssh-ed25519`, …
    pub key_type: &'static str,
    /// Of the key.
    pub fingerprint: Fingerprint,
    /// Whether the request carried a signature.
    pub signature: FailedSignature,
}

/// What was with a failed key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailedSignature {
    /// The request only asked.
    Absent,
    /// It is not one by this key over this request. The key itself may be authorized.
    Bad,
    /// It is good, and the key is not authorized.
    Good,
    /// Nobody looked: the key is no sound one of its type. An RSA key of too few bits is one.
    KeyUnsound,
}
