//! The proof that a user was authenticated, and what came with it.

use alloc::vec::Vec;

use adit_crypto::SignatureVerified;

use crate::fingerprint::Fingerprint;

/// What the line that names a key grants it. So far no line with an option is accepted, so this is
/// where the line stands; restrictions will be fields of it, never data beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyPolicy {
    /// Which of the files, from 0.
    pub file: usize,
    /// Which line of it, from 1.
    pub line: usize,
}

/// A user is who they say: a signature by their key over this session was verified, and the server
/// agreed. Only the two machines of this crate make one.
#[derive(Debug)]
#[must_use]
pub struct UserAuthenticated {
    user: Vec<u8>,
    key_type: &'static str,
    fingerprint: Fingerprint,
    policy: Option<KeyPolicy>,
    _signature: SignatureVerified,
}

impl UserAuthenticated {
    /// On a server: the user's own signature was verified and `policy` is what their key may do.
    pub(crate) const fn by_server(
        user: Vec<u8>,
        key_type: &'static str,
        fingerprint: Fingerprint,
        policy: KeyPolicy,
        signature: SignatureVerified,
    ) -> Self {
        Self {
            user,
            key_type,
            fingerprint,
            policy: Some(policy),
            _signature: signature,
        }
    }

    /// On a client: the signature is the one we sent, and the server accepted it.
    pub(crate) const fn by_client(
        user: Vec<u8>,
        key_type: &'static str,
        fingerprint: Fingerprint,
        signature: SignatureVerified,
    ) -> Self {
        Self {
            user,
            key_type,
            fingerprint,
            policy: None,
            _signature: signature,
        }
    }

    /// The user name, as it was in the request whose signature was verified. On a server it came
    /// from a stranger: escape it before showing it.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// `ssh-ed25519`, …
    #[must_use]
    pub const fn key_type(&self) -> &'static str {
        self.key_type
    }

    /// Of the key that signed.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// What the key may do here. `None` on a client, whose server may do nothing by it.
    #[must_use]
    pub const fn policy(&self) -> Option<&KeyPolicy> {
        self.policy.as_ref()
    }
}
