//! The server's side of an exchange: the client's share comes, and everything that is ours goes
//! out in one flight.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use adit_crypto::{SecureRandom, SigningKey, Unspecified};
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
        let watched = Watched::new(random);
        let (q_s, secret) = kex
            .answer(&watched, q_c)
            .map_err(|_| watched.failure().unwrap_or(CryptoFailure::Kex))?;
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

/// A share is answered or not, and nobody says why not. But a source of ours that fails is not
/// the peer's fault.
struct Watched<'a> {
    random: &'a dyn SecureRandom,
    has_failed: AtomicBool,
}

impl<'a> Watched<'a> {
    const fn new(random: &'a dyn SecureRandom) -> Self {
        Self {
            random,
            has_failed: AtomicBool::new(false),
        }
    }

    fn failure(&self) -> Option<CryptoFailure> {
        let has_failed = self.has_failed.load(Ordering::Relaxed);
        has_failed.then_some(CryptoFailure::Random)
    }
}

impl SecureRandom for Watched<'_> {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let filled = self.random.fill(out);
        if filled.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        filled
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
