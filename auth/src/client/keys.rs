//! One key after another (RFC 4252 §7): probe, signature, verdict.
//!
//! ```text
//!   agent key, locked key: probe ─► await PK_OK ─► need Sign ─► signed request ─► await verdict
//!   loaded key ────────────────────────────────────┘            (verified locally)
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use adit_crypto::{SignatureVerified, Unspecified, verify};
use adit_proto::blob::blob_name;

use super::offer::{KeyId, OfferedKey, Probe};
use super::request::{About, Kind};
use crate::authenticated::How;
use crate::error::{Error, Internal};
use crate::fingerprint::Fingerprint;
use crate::signed::SignedData;

/// The keys that are left, and what became of the others.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// `None` before anybody was asked for them.
    fresh: Option<VecDeque<OfferedKey>>,
    /// Those whose request failed while the server took no key at all: they were not judged.
    again: VecDeque<OfferedKey>,
    tried: usize,
    skipped: usize,
}

/// A key under way, with the algorithm it is used with.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) key: OfferedKey,
    pub(super) algorithm: &'static str,
    turn: Turn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    First,
    Second,
}

/// How far the key under way is.
#[derive(Debug)]
pub(super) enum KeyStep {
    ProbeDue(Attempt),
    AwaitPkOk(Attempt),
    AwaitSignature {
        attempt: Attempt,
        message: Vec<u8>,
    },
    SignedDue {
        attempt: Attempt,
        signature: Vec<u8>,
        verified: SignatureVerified,
    },
    AwaitVerdict {
        attempt: Attempt,
        verified: SignatureVerified,
    },
}

impl Keys {
    /// Whether nobody has been asked for them.
    pub(super) const fn are_missing(&self) -> bool {
        self.fresh.is_none()
    }

    pub(super) fn offered(&mut self, keys: Vec<OfferedKey>) {
        self.fresh = Some(keys.into());
    }

    /// The next key that the server would take.
    pub(super) fn next(&mut self, about: &About) -> Option<Attempt> {
        loop {
            let (key, turn) = match self.again.pop_front() {
                Some(key) => (key, Turn::Second),
                None => (self.fresh.as_mut()?.pop_front()?, Turn::First),
            };
            let algorithm = algorithm_for(&key, about);
            if let Some(algorithm) = algorithm {
                return Some(Attempt {
                    key,
                    algorithm,
                    turn,
                });
            }
            self.skip();
        }
    }

    /// A key was not tried, or could not be.
    pub(super) const fn skip(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    /// A key failed while the server took none. It may have another turn, but not a third.
    pub(super) fn put_back(&mut self, attempt: Attempt) {
        if attempt.turn == Turn::First {
            self.again.push_back(attempt.key);
        }
    }

    /// A request is sent: the key, if it is its first one.
    pub(super) fn count(&mut self, step: &KeyStep) -> Option<KeyId> {
        let attempt = match step {
            KeyStep::ProbeDue(attempt) => attempt,
            KeyStep::SignedDue { attempt, .. } if attempt.key.ask_first == Probe::No => attempt,
            KeyStep::AwaitPkOk(_)
            | KeyStep::AwaitSignature { .. }
            | KeyStep::SignedDue { .. }
            | KeyStep::AwaitVerdict { .. } => return None,
        };
        if attempt.turn == Turn::Second {
            return None;
        }
        self.tried = self.tried.saturating_add(1);
        Some(attempt.key.id)
    }

    pub(super) const fn tried(&self) -> usize {
        self.tried
    }

    pub(super) const fn skipped(&self) -> usize {
        self.skipped
    }
}

/// The first of its algorithms that we can verify with and the server lists.
fn algorithm_for(key: &OfferedKey, about: &About) -> Option<&'static str> {
    let key_type = blob_name(&key.public_blob).ok()?;
    key.algorithms.iter().copied().find(|algorithm| {
        let verifier = about.provider.verifier(algorithm.as_bytes());
        let is_ours = verifier.is_some_and(|v| v.key_type().as_bytes() == key_type);
        is_ours && about.takes(algorithm)
    })
}

impl Attempt {
    pub(super) fn await_signature(self, about: &About) -> KeyStep {
        let message = SignedData {
            session_id: &about.session_id,
            request: about.publickey(&self, true),
        }
        .to_bytes();
        KeyStep::AwaitSignature {
            attempt: self,
            message,
        }
    }

    pub(super) fn how(&self, about: &About) -> Result<How, Error> {
        let verifier = about.provider.verifier(self.algorithm.as_bytes());
        Ok(How::Publickey {
            key_type: verifier.ok_or(Internal::OutOfTurn)?.key_type(),
            fingerprint: Fingerprint::of(about.provider, &self.key.public_blob),
        })
    }
}

impl KeyStep {
    /// The request that is due.
    pub(super) fn due(&self) -> Option<Kind<'_>> {
        match self {
            Self::ProbeDue(attempt) => Some(Kind::Probe(attempt)),
            Self::SignedDue {
                attempt, signature, ..
            } => Some(Kind::Signed(attempt, signature)),
            Self::AwaitPkOk(_) | Self::AwaitSignature { .. } | Self::AwaitVerdict { .. } => None,
        }
    }

    /// It was sent.
    pub(super) fn sent(self) -> Self {
        match self {
            Self::ProbeDue(attempt) => Self::AwaitPkOk(attempt),
            Self::SignedDue {
                attempt, verified, ..
            } => Self::AwaitVerdict { attempt, verified },
            other @ (Self::AwaitPkOk(_)
            | Self::AwaitSignature { .. }
            | Self::AwaitVerdict { .. }) => other,
        }
    }

    /// With the signature that was asked for. `None` when there is none or it does not verify.
    pub(super) fn signed(
        self,
        about: &About,
        signature: Result<Vec<u8>, Unspecified>,
    ) -> Option<Self> {
        let Self::AwaitSignature { attempt, message } = self else {
            return None;
        };
        let signature = signature.ok()?;
        let verified = verify(
            about.provider,
            attempt.algorithm.as_bytes(),
            &attempt.key.public_blob,
            &message,
            &signature,
        )
        .ok()?;
        Some(Self::SignedDue {
            attempt,
            signature,
            verified,
        })
    }
}
