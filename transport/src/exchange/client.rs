//! The client's side of an exchange: its share goes out with the answer to KEXINIT, the server's
//! comes back signed, and then somebody must say that the host key is the right one.

use alloc::boxed::Box;
use alloc::vec::Vec;

use adit_crypto::{ActiveKex, Provider, SecureRandom, SignatureVerified, verify};
use adit_proto::Decode;
use adit_proto::msg::KexEcdhReply;

use super::hash::ExchangeHash;
use super::newkeys::{Derivation, NewKeys};
use crate::error::{CryptoFailure, Error, PeerMisbehaved};
use crate::keys::encoded_secret;
use crate::negotiate::{Agreement, Guess};

/// A host key whose signature over this exchange is good. Whether it is the right server's is for
/// the caller to say: with [`HostKeyOffer::trust`], or by ending the connection.
#[derive(Debug)]
#[must_use]
pub struct HostKeyOffer {
    /// The signature algorithm that was agreed on.
    pub algorithm: &'static str,
    /// The key.
    pub blob: Vec<u8>,
    proof: SignatureVerified,
}

impl HostKeyOffer {
    /// This is the server that was meant.
    pub fn trust(self) -> HostKeyTrusted {
        HostKeyTrusted {
            blob: self.blob,
            _proof: self.proof,
        }
    }
}

/// A host key that has signed the first exchange and that the caller trusts.
#[derive(Debug)]
#[must_use]
pub struct HostKeyTrusted {
    blob: Vec<u8>,
    _proof: SignatureVerified,
}

/// Our share is out.
pub(crate) struct AwaitReply {
    pub(crate) agreement: Agreement,
    pub(crate) hash: ExchangeHash,
    pub(crate) guess: Guess,
    active: Box<dyn ActiveKex>,
}

impl AwaitReply {
    /// Makes our share.
    pub(crate) fn start(
        agreement: Agreement,
        hash: ExchangeHash,
        guess: Guess,
        random: &dyn SecureRandom,
    ) -> Result<Self, CryptoFailure> {
        let active = agreement
            .kex
            .start(random)
            .map_err(|_| CryptoFailure::Random)?;
        Ok(Self {
            agreement,
            hash,
            guess,
            active,
        })
    }

    /// Our share.
    pub(crate) fn share(&self) -> &[u8] {
        self.active.share()
    }

    /// The server's answer: both secrets are the same, and the host key signed what was said.
    pub(crate) fn reply(self, payload: &[u8], provider: &Provider) -> Result<Replied, Error> {
        let KexEcdhReply {
            k_s,
            q_s,
            signature,
        } = KexEcdhReply::decode(payload)?;
        let algorithm = self.agreement.host_key;
        // Before anything is computed, and so that a key too short has another name than a forgery.
        if !provider
            .verifier(algorithm.as_bytes())
            .is_some_and(|verifier| verifier.accepts_key(k_s))
        {
            return Err(PeerMisbehaved::HostKeyUnfit.into());
        }
        let hash = self.hash.hash();
        let q_c = self.active.share().to_vec();
        let secret = self.active.finish(q_s).map_err(|_| CryptoFailure::Kex)?;
        let k = encoded_secret(&secret);
        let h = self.hash.finish(k_s, &q_c, q_s, &k)?;
        let proof = verify(provider, algorithm.as_bytes(), k_s, h.as_bytes(), signature)
            .map_err(|_| CryptoFailure::HostKeySignature)?;
        Ok(Replied {
            derivation: Derivation {
                agreement: self.agreement,
                hash,
                k,
                h,
            },
            k_s: k_s.to_vec(),
            signature: signature.to_vec(),
            proof,
        })
    }
}

/// The server answered, and its signature is good.
pub(crate) struct Replied {
    pub(crate) derivation: Derivation,
    pub(crate) k_s: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    proof: SignatureVerified,
}

impl Replied {
    /// In the first exchange: the key is offered to the caller, the rest waits.
    pub(crate) fn offer(self) -> (HostKeyOffer, AwaitTrust) {
        let offer = HostKeyOffer {
            algorithm: self.derivation.agreement.host_key,
            blob: self.k_s.clone(),
            proof: self.proof,
        };
        let wait = AwaitTrust {
            derivation: self.derivation,
            k_s: self.k_s,
        };
        (offer, wait)
    }

    /// In every later one: it must be the key that is trusted already.
    pub(crate) fn again(self, trusted: &HostKeyTrusted) -> Result<Derivation, PeerMisbehaved> {
        let _proof: SignatureVerified = self.proof;
        if self.k_s != trusted.blob {
            return Err(PeerMisbehaved::HostKeyChanged);
        }
        Ok(self.derivation)
    }
}

/// Somebody is asked whether the host key is the right one.
pub(crate) struct AwaitTrust {
    derivation: Derivation,
    k_s: Vec<u8>,
}

impl AwaitTrust {
    /// The answer; `None` when it is about another key.
    pub(crate) fn trusted(self, key: &HostKeyTrusted) -> Option<Derivation> {
        (self.k_s == key.blob).then_some(self.derivation)
    }
}

impl NewKeys {
    /// A client has new keys only after it checked a signature and somebody trusted the key.
    pub(crate) fn of_client(
        derivation: &Derivation,
        session_id: &crate::keys::SessionId,
        _host: &HostKeyTrusted,
    ) -> Result<Self, CryptoFailure> {
        Self::derive(derivation, session_id, crate::strict::Role::Client)
    }
}
