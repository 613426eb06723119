//! The server's side of authentication with keys (RFC 4252 §5, §7).
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

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use adit_crypto::{Provider, Secret, SignatureVerified, digest, verify};
use adit_proto::blob::{SSH_ED25519, blob_name, ed25519_public};
use adit_proto::msg::{
    PublickeyMethod, UserauthFailure, UserauthPkOk, UserauthRequest, UserauthSuccess,
};
use adit_proto::{Decode, Encode, Malformed, NameList, Reader, Writer, is_name, number};

use crate::authenticated::{KeyPolicy, UserAuthenticated};
use crate::error::{Error, Internal, PeerMisbehaved};
use crate::fingerprint::Fingerprint;
use crate::signed::{NONE, PUBLICKEY, PublickeyRequest, SSH_CONNECTION, SignedData};
use crate::user::USER_NAME_MAX;

/// Most requests in one session, whatever became of them: probes of good keys are no failures.
/// OpenSSH takes 1024, which no agent needs.
pub const REQUESTS_MAX: u32 = 64;

/// A failure is told no sooner than this after its request (OpenSSH's MIN_FAIL_DELAY_SECONDS), so
/// that the time it took does not say what was found.
const FAIL_DELAY: Duration = Duration::from_millis(5);

/// When a decision took longer than this, no delay can hide it (OpenSSH's MAX_FAIL_DELAY_SECONDS).
const FAIL_DELAY_MAX: Duration = Duration::from_secs(5);

/// How many failures and requests a session may have.
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

/// What the server needs to go on.
#[derive(Debug, Eq, PartialEq)]
pub enum ServerNeed<'a> {
    /// Nothing: send what is due, or wait for the client.
    Nothing,
    /// Whether this user may log in with this key; give it to [`Server::authorize`]. Asked for a
    /// probe and for a signed request alike, before or after anything else about it is known to the
    /// peer; for a user who does not exist do the same work and refuse.
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

/// A failed request, for the log. [`Server::user`] says whose.
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
}

/// A request to be decided.
#[derive(Debug)]
struct Pending {
    since: Duration,
    algorithm: &'static str,
    key_type: &'static str,
    key_blob: Vec<u8>,
    signature: Option<Vec<u8>>,
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
    timing_secret: Secret,
    limits: Limits,
    user: Option<Vec<u8>>,
    requests: u32,
    failures: u32,
    state: State,
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server")
            .field("requests", &self.requests)
            .field("failures", &self.failures)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Waits for the first request. `timing_secret` is random and the same for all sessions of a
    /// process: with it each user name has a delay of its own that nobody can foresee.
    #[must_use]
    pub fn new(
        provider: &'static Provider,
        session_id: &[u8],
        timing_secret: Secret,
        limits: Limits,
    ) -> Self {
        Self {
            provider,
            session_id: session_id.to_vec(),
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
        let verified = self.verify(user, &pending);
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
            PUBLICKEY => self.publickey(request.method.0, now),
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

    fn publickey(&mut self, method: &[u8], now: Duration) -> Result<ServerEvent, Error> {
        let method = PublickeyMethod::decode(method)?;
        let signature = signature(&method)?;
        let Some((algorithm, key_type)) = self.algorithm(&method) else {
            // Whatever the user, so nothing about them is told.
            return Ok(self.failed(PUBLICKEY, None, now, now));
        };
        self.state = State::AwaitDecision(Pending {
            since: now,
            algorithm,
            key_type,
            key_blob: method.public_key_blob.to_vec(),
            signature: signature.map(<[u8]>::to_vec),
        });
        Ok(ServerEvent::Quiet)
    }

    /// The algorithm of a request and its key type, if we verify it and the key is of that type.
    fn algorithm(&self, method: &PublickeyMethod<'_>) -> Option<(&'static str, &'static str)> {
        let verifier = self.provider.verifier(method.public_key_algorithm_name)?;
        let key_type = verifier.key_type();
        let blob = method.public_key_blob;
        let is_key = blob_name(blob) == Ok(key_type.as_bytes())
            && (key_type.as_bytes() != SSH_ED25519 || ed25519_public(blob).is_ok());
        is_key.then_some((verifier.algorithm(), key_type))
    }

    /// `None` for a request without a signature.
    fn verify(
        &self,
        user: &[u8],
        pending: &Pending,
    ) -> Option<Result<SignatureVerified, adit_crypto::Unspecified>> {
        let signature = pending.signature.as_deref()?;
        let message = SignedData {
            session_id: &self.session_id,
            request: PublickeyRequest {
                user,
                has_signature: true,
                algorithm: pending.algorithm,
                key_blob: &pending.key_blob,
            },
        }
        .to_bytes();
        Some(verify(
            self.provider,
            pending.algorithm.as_bytes(),
            &pending.key_blob,
            &message,
            signature,
        ))
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
        let until = fail_time(since, now, self.user_delay());
        self.state = State::AwaitTime { until, then };
        ServerEvent::Failed(Failed {
            method: method.to_vec(),
            key,
            failures: self.failures,
        })
    }

    /// 0 to 4.3 ms that belong to a user name, as OpenSSH adds them: whoever measures the sum does
    /// not know which part of it is work.
    fn user_delay(&self) -> Duration {
        let user = self.user.as_deref().unwrap_or_default();
        let hash = digest(self.provider.sha256, &[self.timing_secret.expose(), user]);
        let picoseconds = Reader::new(&hash).u32().unwrap_or_default();
        Duration::from_nanos(u64::from(picoseconds / 1000))
    }
}

/// When a failure may be told: a whole delay after its request, doubled as often as the time is
/// already past.
fn fail_time(since: Duration, now: Duration, user_delay: Duration) -> Duration {
    let elapsed = now.saturating_sub(since);
    if elapsed > FAIL_DELAY_MAX {
        return now;
    }
    let mut delay = FAIL_DELAY.saturating_add(user_delay);
    while delay < elapsed {
        delay = delay.saturating_mul(2);
    }
    since.saturating_add(delay)
}

/// The signature of a request: one string if it says that it has one, nothing if not.
fn signature<'a>(method: &PublickeyMethod<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    let mut reader = Reader::new(method.signature.0);
    let signature = if method.has_signature {
        Some(reader.string()?)
    } else {
        None
    };
    reader.finish()?;
    Ok(signature)
}

/// A reply that is due.
#[derive(Debug)]
pub struct Reply<'a>(ReplyKind<'a>);

#[derive(Debug)]
enum ReplyKind<'a> {
    Failure,
    PkOk(&'a Pending),
    Success,
}

impl ReplyKind<'_> {
    fn failure() -> UserauthFailure<'static> {
        UserauthFailure {
            authentications_that_can_continue: NameList::parse(PUBLICKEY)
                .unwrap_or(NameList::EMPTY),
            partial_success: false,
        }
    }
}

impl<'a> From<&'a Pending> for UserauthPkOk<'a> {
    fn from(pending: &'a Pending) -> Self {
        Self {
            public_key_algorithm_name: pending.algorithm.as_bytes(),
            public_key_blob: &pending.key_blob,
        }
    }
}

impl Encode for Reply<'_> {
    fn encoded_len(&self) -> usize {
        match self.0 {
            ReplyKind::Failure => ReplyKind::failure().encoded_len(),
            ReplyKind::PkOk(pending) => UserauthPkOk::from(pending).encoded_len(),
            ReplyKind::Success => UserauthSuccess {}.encoded_len(),
        }
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        match self.0 {
            ReplyKind::Failure => ReplyKind::failure().encode(writer),
            ReplyKind::PkOk(pending) => UserauthPkOk::from(pending).encode(writer),
            ReplyKind::Success => UserauthSuccess {}.encode(writer),
        }
    }
}
