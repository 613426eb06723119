//! The proof that a user was authenticated, and what came with it.

use alloc::vec::Vec;

use adit_crypto::SignatureVerified;

use crate::fingerprint::Fingerprint;
use crate::permits::Permissions;

/// What the line that names a key grants it, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyPolicy {
    /// Which of the files, from 0.
    pub file: usize,
    /// Which line of it, from 1.
    pub line: usize,
    /// What its options leave.
    pub permissions: Permissions,
}

impl KeyPolicy {
    /// Of a line without options.
    #[must_use]
    pub const fn unrestricted(file: usize, line: usize) -> Self {
        Self {
            file,
            line,
            permissions: Permissions::ALL,
        }
    }
}

/// With which method a user was authenticated; where there were several, the last of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// A signature.
    Publickey {
        /// `ssh-ed25519`, …
        key_type: &'static str,
        /// Of the key that signed.
        fingerprint: Fingerprint,
    },
    /// Answers to the server's questions.
    KeyboardInteractive,
    /// A password.
    Password,
}

impl How {
    /// The method's name on the wire.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Publickey { .. } => "publickey",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::Password => "password",
        }
    }
}

/// What a user gave to earn a login. There is no value for nothing.
#[derive(Debug)]
pub(crate) enum Credential {
    Signature(SignatureVerified),
    /// A client sent one.
    Password,
    /// A client sent at least one.
    Responses,
}

/// A user is who they say: on a server, a signature by their key over this session was verified; on
/// a client, the server agreed to what it was given. Only the two machines of this crate make one.
#[derive(Debug)]
#[must_use]
pub struct UserAuthenticated {
    user: Vec<u8>,
    how: How,
    policy: Option<KeyPolicy>,
    _credential: Credential,
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
            how: How::Publickey {
                key_type,
                fingerprint,
            },
            policy: Some(policy),
            _credential: Credential::Signature(signature),
        }
    }

    /// On a client: the server accepted what we gave it.
    pub(crate) const fn by_client(user: Vec<u8>, how: How, credential: Credential) -> Self {
        Self {
            user,
            how,
            policy: None,
            _credential: credential,
        }
    }

    /// The user name, as it was in the request that succeeded. On a server it came from a
    /// stranger: escape it before showing it.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// With what.
    #[must_use]
    pub const fn how(&self) -> &How {
        &self.how
    }

    /// What the key may do here. `None` on a client, whose server may do nothing by it.
    #[must_use]
    pub const fn policy(&self) -> Option<&KeyPolicy> {
        self.policy.as_ref()
    }

    /// What the key's line leaves of what is permitted here: nothing on a client, whose server may
    /// do nothing by it.
    #[must_use]
    pub const fn permissions(&self) -> &Permissions {
        match &self.policy {
            Some(policy) => &policy.permissions,
            None => &Permissions::NONE,
        }
    }
}
