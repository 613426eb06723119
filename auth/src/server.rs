//! The server's side of authentication with keys (RFC 4252 §5, §7; bound to its host key, OpenSSH
//! PROTOCOL §3.1).
//!
//! ```text
//!   USERAUTH_REQUEST ─► need Authorize ─► PK_OK           probe of a good key
//!          │                          ├─► SUCCESS         good key, and its signature verifies
//!          │                          └─► FAILURE         everything else, not before its time
//!          └─► FAILURE (publickey)        "none" and methods adit does not have
//! ```
//!
//! One request at a time: [`Server::can_take`] says when the next may come, so a peer that sends
//! ahead waits in the receive buffer. A probe is remembered by nobody: the request that carries the
//! signature is decided from scratch, for the key and the user that are in it. A user who does not
//! exist costs the same work, the same bytes and the same time as one who does.

mod delay;
mod event;
mod reply;
mod request;

use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use adit_crypto::{Provider, Secret};
use adit_proto::msg::UserauthRequest;
use adit_proto::{Decode, Malformed, is_name, number};

use crate::authenticated::UserAuthenticated;
use crate::error::{Error, Internal, PeerMisbehaved};
use crate::fingerprint::Fingerprint;
use crate::signed::{NONE, PUBLICKEY, PUBLICKEY_HOSTBOUND, SSH_CONNECTION};
use crate::user::USER_NAME_MAX;

use delay::{fail_time, user_delay};
pub use event::{Decision, Failed, FailedKey, FailedSignature, ServerEvent, ServerNeed};
pub use reply::Reply;
use reply::ReplyKind;
use request::{Binding, Pending, Read};

/// Most requests in one session, whatever became of them: probes of good keys are no failures.
/// OpenSSH takes 1024, which no agent needs.
pub const REQUESTS_MAX: u32 = 64;

/// How many failures a session may have; [`REQUESTS_MAX`] bounds the rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The failure that reaches this number ends the session (sshd's MaxAuthTries).
    pub max_auth_tries: u32,
}

impl Default for Limits {
    /// sshd's.
    fn default() -> Self {
        Self { max_auth_tries: 6 }
    }
}

/// What comes when a delay is over.
#[derive(Clone, Copy, Debug)]
enum Then {
    Failure,
    Disconnect,
}

/// Named after what is awaited, or after what is due.
#[derive(Debug)]
enum State {
    AwaitRequest,
    AwaitDecision(Pending),
    AwaitTime {
        until: Duration,
        then: Then,
    },
    FailureDue,
    PkOkDue(Pending),
    SuccessDue(UserAuthenticated),
    /// Also after every error: nothing goes on from there.
    Done,
}

/// The server's side. After each call look at [`Server::need`], [`Server::message`] and
/// [`Server::deadline`].
pub struct Server {
    provider: &'static Provider,
    session_id: Vec<u8>,
    host_key: Vec<u8>,
    timing_secret: Secret,
    limits: Limits,
    user: Option<Vec<u8>>,
    requests: u32,
    failures: u32,
    state: State,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("requests", &self.requests)
            .field("failures", &self.failures)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Waits for the first request. `host_key` is the one that signed the first key exchange, whose
    /// hash is `session_id`: a request may be bound to it. `timing_secret` is random and the same for all sessions of a
    /// process: with it each user name has a delay of its own that nobody can foresee.
    #[must_use]
    pub fn new(
        provider: &'static Provider,
        session_id: &[u8],
        host_key: &[u8],
        timing_secret: Secret,
        limits: Limits,
    ) -> Self {
        Self {
            provider,
            session_id: session_id.to_vec(),
            host_key: host_key.to_vec(),
            timing_secret,
            limits,
            user: None,
            requests: 0,
            failures: 0,
            state: State::AwaitRequest,
        }
    }

    /// Whether [`Server::handle`] takes a message now. Until then the peer is not read.
    #[must_use]
    pub const fn can_take(&self) -> bool {
        matches!(self.state, State::AwaitRequest)
    }

    /// The user that the session is about, as the first request named it; from a stranger.
    #[must_use]
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }

    /// Takes one message of the client, 50 to 79.
    ///
    /// # Errors
    /// For anything but a USERAUTH_REQUEST for the same user and service as before, and past
    /// [`REQUESTS_MAX`]. Nothing goes on after an error.
    pub fn handle(&mut self, payload: &[u8], now: Duration) -> Result<ServerEvent, Error> {
        // Whatever fails below leaves Done behind.
        let State::AwaitRequest = mem::replace(&mut self.state, State::Done) else {
            return Err(Internal::OutOfTurn.into());
        };
        match payload.first() {
            Some(&number::USERAUTH_REQUEST) => self.request(payload, now),
            Some(_) => Err(PeerMisbehaved::UnexpectedMessage.into()),
            None => Err(Malformed::TooShort.into()),
        }
    }

    /// What is lacking.
    #[must_use]
    pub fn need(&self) -> ServerNeed<'_> {
        match (&self.state, &self.user) {
            (State::AwaitDecision(pending), Some(user)) => ServerNeed::Authorize {
                user,
                algorithm: pending.algorithm,
                key_blob: &pending.key_blob,
            },
            _ => ServerNeed::Nothing,
        }
    }

    /// The decision that [`Server::need`] asked for. Verifies the signature, whatever the decision.
    ///
    /// # Errors
    /// [`Internal::OutOfTurn`] when none was asked for.
    pub fn authorize(&mut self, decision: Decision, now: Duration) -> Result<ServerEvent, Error> {
        let state = mem::replace(&mut self.state, State::Done);
        let (State::AwaitDecision(pending), Some(user)) = (state, &self.user) else {
            return Err(Internal::OutOfTurn.into());
        };
        let fingerprint = Fingerprint::of(self.provider, &pending.key_blob);
        let verified = pending.verify(self.provider, &self.session_id, &self.host_key, user);
        let signature = match (decision, verified) {
            (Decision::Allowed(policy), Some(Ok(proof))) => {
                self.state = State::SuccessDue(UserAuthenticated::by_server(
                    user.clone(),
                    pending.key_type,
                    fingerprint,
                    policy,
                    proof,
                ));
                return Ok(ServerEvent::Quiet);
            }
            (Decision::Allowed(_), None) => {
                self.state = State::PkOkDue(pending);
                return Ok(ServerEvent::Quiet);
            }
            (Decision::Refused, None) => FailedSignature::Absent,
            (Decision::Refused, Some(Ok(_))) => FailedSignature::Good,
            (_, Some(Err(_))) => FailedSignature::Bad,
        };
        let key = FailedKey {
            key_type: pending.key_type,
            fingerprint,
            signature,
        };
        Ok(self.failed(PUBLICKEY, Some(key), pending.since, now))
    }

    /// The reply that is due, to be sent when there is room. Call [`Server::message_sent`] then.
    #[must_use]
    pub const fn message(&self) -> Option<Reply<'_>> {
        match &self.state {
            State::FailureDue => Some(Reply(ReplyKind::Failure)),
            State::PkOkDue(pending) => Some(Reply(ReplyKind::PkOk(pending))),
            State::SuccessDue(_) => Some(Reply(ReplyKind::Success)),
            State::AwaitRequest
            | State::AwaitDecision(_)
            | State::AwaitTime { .. }
            | State::Done => None,
        }
    }

    /// What [`Server::message`] gave was sent. The proof of a login is given here and not sooner:
    /// RFC 4252 §5.1 has the connection protocol begin behind SUCCESS.
    pub fn message_sent(&mut self) -> ServerEvent {
        let (state, event) = match mem::replace(&mut self.state, State::Done) {
            State::FailureDue | State::PkOkDue(_) => (State::AwaitRequest, ServerEvent::Quiet),
            State::SuccessDue(user) => (State::Done, ServerEvent::Authenticated(user)),
            other @ (State::AwaitRequest
            | State::AwaitDecision(_)
            | State::AwaitTime { .. }
            | State::Done) => (other, ServerEvent::Quiet),
        };
        self.state = state;
        event
    }

    /// When [`Server::handle_timeout`] is to be called.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::AwaitTime { until, .. } => Some(until),
            State::AwaitRequest
            | State::AwaitDecision(_)
            | State::FailureDue
            | State::PkOkDue(_)
            | State::SuccessDue(_)
            | State::Done => None,
        }
    }

    /// Makes a failure due whose time has come. Does nothing before.
    ///
    /// # Errors
    /// [`PeerMisbehaved::TooManyFailures`] when that failure was the last one allowed. It waits for
    /// its time as the others do, since it says as much.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        if let State::AwaitTime { until, then } = self.state
            && now >= until
        {
            match then {
                Then::Failure => self.state = State::FailureDue,
                Then::Disconnect => {
                    self.state = State::Done;
                    return Err(PeerMisbehaved::TooManyFailures.into());
                }
            }
        }
        Ok(())
    }

    fn request(&mut self, payload: &[u8], now: Duration) -> Result<ServerEvent, Error> {
        self.requests = self.requests.saturating_add(1);
        if self.requests > REQUESTS_MAX {
            return Err(PeerMisbehaved::TooManyRequests.into());
        }
        let request = UserauthRequest::decode(payload)?;
        self.check_principal(&request)?;
        match request.method_name {
            PUBLICKEY => self.publickey(Binding::Session, request.method.0, now),
            PUBLICKEY_HOSTBOUND => self.publickey(Binding::SessionAndHost, request.method.0, now),
            // As sshd: the first request may be "none", to ask for the methods (RFC 4252 §5.2).
            NONE if self.requests == 1 => {
                self.state = State::FailureDue;
                Ok(ServerEvent::Quiet)
            }
            other => {
                let method = if is_name(other) { other } else { b"unknown" };
                Ok(self.failed(method, None, now, now))
            }
        }
    }

    fn check_principal(&mut self, request: &UserauthRequest<'_>) -> Result<(), Error> {
        match &self.user {
            Some(user) => {
                // Only ssh-connection gets here, so another service is another principal too.
                if user != request.user_name || request.service_name != SSH_CONNECTION {
                    return Err(PeerMisbehaved::PrincipalChanged.into());
                }
            }
            None => {
                if request.service_name != SSH_CONNECTION {
                    return Err(PeerMisbehaved::ServiceNotAvailable.into());
                }
                if request.user_name.len() > USER_NAME_MAX {
                    return Err(PeerMisbehaved::UserNameTooLong.into());
                }
                self.user = Some(request.user_name.to_vec());
            }
        }
        Ok(())
    }

    fn publickey(
        &mut self,
        binding: Binding,
        method: &[u8],
        now: Duration,
    ) -> Result<ServerEvent, Error> {
        let read = Pending::read(self.provider, binding, &self.host_key, method, now)?;
        // Whatever the user, so nothing about them is told by what fails here. As in sshd's log, a
        // bound request is one of publickey.
        let key = match read {
            Read::Pending(pending) => {
                self.state = State::AwaitDecision(pending);
                return Ok(ServerEvent::Quiet);
            }
            Read::Unknown => None,
            Read::Unsound { key_type, key_blob } => Some(FailedKey {
                key_type,
                fingerprint: Fingerprint::of(self.provider, key_blob),
                signature: FailedSignature::KeyUnsound,
            }),
        };
        Ok(self.failed(PUBLICKEY, key, now, now))
    }

    fn failed(
        &mut self,
        method: &[u8],
        key: Option<FailedKey>,
        since: Duration,
        now: Duration,
    ) -> ServerEvent {
        self.failures = self.failures.saturating_add(1);
        let then = if self.failures >= self.limits.max_auth_tries {
            Then::Disconnect
        } else {
            Then::Failure
        };
        let user = self.user.as_deref().unwrap_or_default();
        let user_delay = user_delay(self.provider, &self.timing_secret, user);
        let until = fail_time(since, now, user_delay);
        self.state = State::AwaitTime { until, then };
        ServerEvent::Failed(Failed {
            method: method.to_vec(),
            key,
            failures: self.failures,
        })
    }
}
