//! What NEWKEYS puts to use (RFC 4253 §7.3): one half for our NEWKEYS, the other for the peer's.

use alloc::boxed::Box;

use adit_crypto::{Cipher, Hash, Open, Seal, Secret};

use crate::error::CryptoFailure;
use crate::keys::{Direction, KeySource, SessionId};
use crate::negotiate::Agreement;
use crate::strict::Role;

/// Everything that new keys come of.
pub(crate) struct Derivation {
    pub(crate) agreement: Agreement,
    pub(crate) hash: &'static dyn Hash,
    /// K, encoded.
    pub(crate) k: Secret,
    pub(crate) h: SessionId,
}

/// New keys of both directions. A role makes them by its own constructor, which asks for the
/// proofs that the role must have: see `of_client` and `of_server`.
pub(crate) struct NewKeys {
    pub(crate) sealer: Box<dyn Seal>,
    pub(crate) seal_cipher: &'static dyn Cipher,
    pub(crate) open: AwaitNewKeys,
}

/// Our NEWKEYS is out, the peer's is not here yet.
pub(crate) struct AwaitNewKeys {
    pub(crate) opener: Box<dyn Open>,
    pub(crate) cipher: &'static dyn Cipher,
}

impl NewKeys {
    pub(super) fn derive(
        derivation: &Derivation,
        session_id: &SessionId,
        role: Role,
    ) -> Result<Self, CryptoFailure> {
        let source = KeySource {
            hash: derivation.hash,
            k: &derivation.k,
            h: &derivation.h,
            session_id,
        };
        let to_server = (
            derivation.agreement.client_to_server,
            Direction::ClientToServer,
        );
        let to_client = (
            derivation.agreement.server_to_client,
            Direction::ServerToClient,
        );
        let ((seal_cipher, out), (cipher, back)) = match role {
            Role::Client => (to_server, to_client),
            Role::Server => (to_client, to_server),
        };
        Ok(Self {
            sealer: source.sealer(seal_cipher, out)?,
            seal_cipher,
            open: AwaitNewKeys {
                opener: source.opener(cipher, back)?,
                cipher,
            },
        })
    }
}
