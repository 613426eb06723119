//! The server's side of an exchange: the client's share comes, and everything that is ours goes
//! out in one flight.

use alloc::vec::Vec;

use adit_crypto::{SecureRandom, SigningKey};
use adit_proto::Decode;
use adit_proto::msg::KexEcdhInit;

use super::hash::ExchangeHash;
use super::newkeys::{Derivation, NewKeys};
use crate::error::{CryptoFailure, Error};
use crate::keys::encoded_secret;
use crate::negotiate::{Agreement, Guess};

/// KEXINITs have crossed.
pub(crate) struct AwaitInit {
    pub(crate) agreement: Agreement,
    pub(crate) hash: ExchangeHash,
    pub(crate) guess: Guess,
}

/// What answers the client.
pub(crate) struct Answer {
    pub(crate) derivation: Derivation,
    pub(crate) q_s: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl AwaitInit {
    /// The client's share: makes ours, and signs with `key`.
    pub(crate) fn init(
        self,
        payload: &[u8],
        random: &dyn SecureRandom,
        key: &dyn SigningKey,
    ) -> Result<Answer, Error> {
        let KexEcdhInit { q_c } = KexEcdhInit::decode(payload)?;
        let hash = self.hash.hash();
        let kex = self.agreement.kex;
        let (q_s, secret) = kex.answer(random, q_c).map_err(|_| CryptoFailure::Kex)?;
        let k = encoded_secret(&secret);
        let h = self.hash.finish(key.public_blob(), q_c, &q_s, &k)?;
        let signature = key
            .sign(self.agreement.host_key, h.as_bytes())
            .map_err(|_| CryptoFailure::Sign)?;
        let derivation = Derivation {
            agreement: self.agreement,
            hash,
            k,
            h,
        };
        Ok(Answer {
            derivation,
            q_s,
            signature,
        })
    }
}

impl NewKeys {
    /// A server's new keys: it does not know yet who the client is.
    pub(crate) fn of_server(
        derivation: &Derivation,
        session_id: &crate::keys::SessionId,
    ) -> Result<Self, CryptoFailure> {
        Self::derive(derivation, session_id, crate::strict::Role::Server)
    }
}
