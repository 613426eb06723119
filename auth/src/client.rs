//! The client's side of authentication with keys (RFC 4252 §5, §7).
//!
//! ```text
//!                    ┌──────────────── FAILURE: the next key ────────────────┐
//!   start ─► agent key: probe ─► await PK_OK ─► need Sign ─► signed request ─► await verdict ─► SUCCESS
//!        └─► loaded key ────────────────────────────┘                            (verified locally)
//!        └─► no key left: "none", whose FAILURE says which methods there are ─► Refused
//! ```
//!
//! Each key is tried once, so a server that answers FAILURE for ever ends the list, not the program.
//! Success counts only as the answer to a signature of ours: a server that grants a login nobody
//! asked for would make a connection that nobody is authenticated on.

mod event;
mod methods;
mod offer;
mod request;

use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use adit_crypto::{Provider, Secret, SignatureVerified, Unspecified, verify};
use adit_proto::blob::blob_name;
use adit_proto::msg::{UserauthBanner, UserauthFailure, UserauthPkOk, UserauthSuccess};
use adit_proto::{Decode, Malformed, number};

use crate::authenticated::{Credential, How, UserAuthenticated};
use crate::error::{Error, Internal, PeerMisbehaved};
use crate::fingerprint::Fingerprint;
use crate::signed::{PUBLICKEY, PublickeyRequest, SignedData};

pub use event::{ClientEvent, Refused};
pub use methods::{Established, Method, Methods};
pub use offer::{Echo, KeyId, Need, OfferedKey, Probe, Prompt, Signed};
pub use request::Request;
use request::{Attempt, Kind};

/// Most banners in one authentication. sshd sends one; each is shown to a person.
const BANNERS_MAX: u8 = 16;

/// Named after what is awaited, or after what is due.
#[derive(Debug)]
enum State {
    AwaitStart,
    AwaitKeys,
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
    NoneDue,
    AwaitRefusal,
    /// Also after every error: nothing goes on from there.
    Done,
}

/// The client's side. After each call look at [`Client::need`] and [`Client::message`].
#[derive(Debug)]
pub struct Client {
    provider: &'static Provider,
    user: Vec<u8>,
    methods: Methods,
    keys: vec::IntoIter<OfferedKey>,
    session_id: Vec<u8>,
    server_sig_algs: Option<Vec<u8>>,
    state: State,
    banners: u8,
    tried_keys: usize,
    skipped_keys: usize,
    partial_success: bool,
}

impl Client {
    /// Will try `methods` for `user`. Nothing is due before [`Client::start`].
    #[must_use]
    pub fn new(provider: &'static Provider, user: &[u8], methods: Methods) -> Self {
        Self {
            provider,
            user: user.to_vec(),
            methods,
            keys: Vec::new().into_iter(),
            session_id: Vec::new(),
            server_sig_algs: None,
            state: State::AwaitStart,
            banners: 0,
            tried_keys: 0,
            skipped_keys: 0,
            partial_success: false,
        }
    }

    /// The service is accepted: begins. A second call does nothing.
    pub fn start(&mut self, established: &Established<'_>) {
        if !matches!(self.state, State::AwaitStart) {
            return;
        }
        self.session_id = established.session_id.to_vec();
        self.server_sig_algs = established.server_sig_algs.map(<[u8]>::to_vec);
        self.state = if self.methods.order.contains(&Method::Publickey) {
            State::AwaitKeys
        } else {
            State::NoneDue
        };
    }

    /// The keys that [`Client::need`] asked for, to be tried in this order; there may be none. Not
    /// asked for, they change nothing.
    pub fn offer(&mut self, keys: Vec<OfferedKey>) {
        if matches!(self.state, State::AwaitKeys) {
            self.keys = keys.into_iter();
            self.state = self.next_key().unwrap_or(State::NoneDue);
        }
    }

    /// The password that [`Client::need`] asked for; `None` when nobody answers, and then the
    /// method is given up. Not asked for, it changes nothing.
    pub fn password(&mut self, password: Option<Secret>) {
        drop(password);
    }

    /// The answers that [`Client::need`] asked for, one for each prompt; `None` when nobody
    /// answers, and then the method is given up. Not asked for, they change nothing.
    pub fn respond(&mut self, responses: Option<Vec<Secret>>) {
        drop(responses);
    }

    /// Takes one message of the server, 50 to 79.
    ///
    /// # Errors
    /// For anything the server may not send now. Nothing goes on after an error.
    pub fn handle(&mut self, payload: &[u8]) -> Result<ClientEvent, Error> {
        let number = *payload.first().ok_or(Malformed::TooShort)?;
        if number == number::USERAUTH_BANNER {
            return self.banner(payload);
        }
        // Whatever fails below leaves Done behind.
        let state = mem::replace(&mut self.state, State::Done);
        match number {
            number::USERAUTH_PK_OK => self.pk_ok(state, payload),
            number::USERAUTH_FAILURE => self.failure(&state, payload),
            number::USERAUTH_SUCCESS => self.success(state, payload),
            _ => Err(PeerMisbehaved::UnexpectedMessage.into()),
        }
    }

    /// What is lacking.
    #[must_use]
    pub fn need(&self) -> Need<'_> {
        match &self.state {
            State::AwaitSignature { attempt, message } => Need::Sign {
                key: attempt.key.id,
                algorithm: attempt.algorithm,
                message,
            },
            State::AwaitKeys => Need::Keys,
            State::AwaitStart
            | State::ProbeDue(_)
            | State::AwaitPkOk(_)
            | State::SignedDue { .. }
            | State::AwaitVerdict { .. }
            | State::NoneDue
            | State::AwaitRefusal
            | State::Done => Need::Nothing,
        }
    }

    /// The signature that [`Client::need`] asked for, or that there is none. It is verified before
    /// it is sent: an agent's mistake, and a fault while signing, which can give an Ed25519 key
    /// away, end here.
    ///
    /// An answer for a key that is not asked for changes nothing and is given up.
    pub fn signed(&mut self, key: KeyId, signature: Result<Vec<u8>, Unspecified>) -> Signed {
        if !matches!(self.need(), Need::Sign { key: asked, .. } if asked == key) {
            return Signed::GivenUp;
        }
        let State::AwaitSignature { attempt, message } = mem::replace(&mut self.state, State::Done)
        else {
            return Signed::GivenUp;
        };
        let verified = signature.and_then(|signature| {
            let proof = verify(
                self.provider,
                attempt.algorithm.as_bytes(),
                &attempt.key.public_blob,
                &message,
                &signature,
            )?;
            Ok((signature, proof))
        });
        let Ok((signature, verified)) = verified else {
            self.skipped_keys = self.skipped_keys.saturating_add(1);
            self.state = self.next_key().unwrap_or(State::NoneDue);
            return Signed::GivenUp;
        };
        self.state = State::SignedDue {
            attempt,
            signature,
            verified,
        };
        Signed::Accepted
    }

    /// The request that is due, to be sent when there is room. Call [`Client::message_sent`] then.
    #[must_use]
    pub fn message(&self) -> Option<Request<'_>> {
        let kind = match &self.state {
            State::NoneDue => Kind::None,
            State::ProbeDue(attempt) => Kind::Probe(attempt),
            State::SignedDue {
                attempt, signature, ..
            } => Kind::Signed(attempt, signature),
            State::AwaitStart
            | State::AwaitKeys
            | State::AwaitPkOk(_)
            | State::AwaitSignature { .. }
            | State::AwaitVerdict { .. }
            | State::AwaitRefusal
            | State::Done => return None,
        };
        Some(Request {
            user: &self.user,
            kind,
        })
    }

    /// What [`Client::message`] gave was sent.
    pub fn message_sent(&mut self) -> ClientEvent {
        let mut event = ClientEvent::Quiet;
        self.state = match mem::replace(&mut self.state, State::Done) {
            State::NoneDue => State::AwaitRefusal,
            State::ProbeDue(attempt) => {
                self.tried_keys = self.tried_keys.saturating_add(1);
                event = ClientEvent::KeyOffered(attempt.key.id);
                State::AwaitPkOk(attempt)
            }
            State::SignedDue {
                attempt, verified, ..
            } => {
                if attempt.key.ask_first == Probe::No {
                    self.tried_keys = self.tried_keys.saturating_add(1);
                    event = ClientEvent::KeyOffered(attempt.key.id);
                }
                State::AwaitVerdict { attempt, verified }
            }
            other @ (State::AwaitStart
            | State::AwaitKeys
            | State::AwaitPkOk(_)
            | State::AwaitSignature { .. }
            | State::AwaitVerdict { .. }
            | State::AwaitRefusal
            | State::Done) => other,
        };
        event
    }

    /// A message when [`Client::message`] has none: [`ClientEvent::Refused`], when what nobody
    /// answered was the last thing to try. Ask after each answer.
    pub const fn take_event(&mut self) -> Option<ClientEvent> {
        None
    }

    /// RFC 4252 §5.4: at any time before the end.
    fn banner(&mut self, payload: &[u8]) -> Result<ClientEvent, Error> {
        if matches!(self.state, State::AwaitStart | State::Done) {
            return self.fail(PeerMisbehaved::UnexpectedMessage);
        }
        let banner = match UserauthBanner::decode(payload) {
            Ok(banner) => banner,
            Err(malformed) => return self.fail(malformed),
        };
        if self.banners >= BANNERS_MAX {
            return self.fail(PeerMisbehaved::TooManyBanners);
        }
        self.banners = self.banners.saturating_add(1);
        // The message number and a uint32 stand before the text.
        let start = 1 + 4;
        Ok(ClientEvent::Banner {
            message: start..start + banner.message.len(),
        })
    }

    fn fail(&mut self, error: impl Into<Error>) -> Result<ClientEvent, Error> {
        self.state = State::Done;
        Err(error.into())
    }

    fn pk_ok(&mut self, state: State, payload: &[u8]) -> Result<ClientEvent, Error> {
        let State::AwaitPkOk(attempt) = state else {
            return Err(PeerMisbehaved::UnexpectedMessage.into());
        };
        let pk_ok = UserauthPkOk::decode(payload)?;
        let is_what_was_asked = pk_ok.public_key_algorithm_name == attempt.algorithm.as_bytes()
            && pk_ok.public_key_blob == attempt.key.public_blob;
        if !is_what_was_asked {
            return Err(PeerMisbehaved::KeyNotAsked.into());
        }
        self.state = self.await_signature(attempt);
        Ok(ClientEvent::Quiet)
    }

    fn failure(&mut self, state: &State, payload: &[u8]) -> Result<ClientEvent, Error> {
        let is_last = match state {
            State::AwaitPkOk(_) | State::AwaitVerdict { .. } => false,
            State::AwaitRefusal => true,
            State::AwaitStart
            | State::AwaitKeys
            | State::ProbeDue(_)
            | State::AwaitSignature { .. }
            | State::SignedDue { .. }
            | State::NoneDue
            | State::Done => return Err(PeerMisbehaved::UnexpectedMessage.into()),
        };
        let failure = UserauthFailure::decode(payload)?;
        let methods = failure.authentications_that_can_continue;
        // RFC 4252 §5.1: the request was good and more is needed. Only a signature can be good.
        if failure.partial_success && matches!(state, State::AwaitVerdict { .. }) {
            self.partial_success = true;
        }
        let next = if is_last || !methods.contains(PUBLICKEY) {
            None
        } else {
            self.next_key()
        };
        let Some(next) = next else {
            return Ok(ClientEvent::Refused(Refused {
                methods: methods.as_bytes().to_vec(),
                tried_keys: self.tried_keys,
                skipped_keys: self.skipped_keys,
                passwords_tried: 0,
                partial_success: self.partial_success,
            }));
        };
        self.state = next;
        Ok(ClientEvent::Quiet)
    }

    fn success(&self, state: State, payload: &[u8]) -> Result<ClientEvent, Error> {
        UserauthSuccess::decode(payload)?;
        let State::AwaitVerdict { attempt, verified } = state else {
            return Err(PeerMisbehaved::SuccessUnasked.into());
        };
        let key_type = self
            .provider
            .verifier(attempt.algorithm.as_bytes())
            .ok_or(Internal::OutOfTurn)?
            .key_type();
        Ok(ClientEvent::Authenticated(UserAuthenticated::by_client(
            self.user.clone(),
            How::Publickey {
                key_type,
                fingerprint: Fingerprint::of(self.provider, &attempt.key.public_blob),
            },
            Credential::Signature(verified),
        )))
    }

    /// The next key that the server would take, or `None` when all were tried.
    fn next_key(&mut self) -> Option<State> {
        while let Some(key) = self.keys.next() {
            let Some(algorithm) = self.algorithm_for(&key) else {
                self.skipped_keys = self.skipped_keys.saturating_add(1);
                continue;
            };
            let attempt = Attempt { key, algorithm };
            return Some(match attempt.key.ask_first {
                Probe::Yes => State::ProbeDue(attempt),
                Probe::No => self.await_signature(attempt),
            });
        }
        None
    }

    /// The first of its algorithms that we can verify with and the server lists.
    fn algorithm_for(&self, key: &OfferedKey) -> Option<&'static str> {
        let key_type = blob_name(&key.public_blob).ok()?;
        key.algorithms.iter().copied().find(|algorithm| {
            let is_ours = self
                .provider
                .verifier(algorithm.as_bytes())
                .is_some_and(|verifier| verifier.key_type().as_bytes() == key_type);
            let is_theirs = self.server_sig_algs.as_deref().is_none_or(|list| {
                list.split(|b| *b == b',')
                    .any(|name| name == algorithm.as_bytes())
            });
            is_ours && is_theirs
        })
    }

    fn await_signature(&self, attempt: Attempt) -> State {
        let message = SignedData {
            session_id: &self.session_id,
            request: PublickeyRequest {
                user: &self.user,
                has_signature: true,
                algorithm: attempt.algorithm,
                key_blob: &attempt.key.public_blob,
            },
        }
        .to_bytes();
        State::AwaitSignature { attempt, message }
    }
}
