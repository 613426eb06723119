//! The client's side of authentication (RFC 4252, RFC 4256).
//!
//! ```text
//!   start ─► keys first? ─► a key ──────────────► verdict ─► SUCCESS, if something of ours earned it
//!        └─► "none", which asks for the methods      │
//!                        ▲                           ▼
//!                        └── nothing known yet ◄─ FAILURE: the first of our methods that the
//!                            Refused ◄─ nothing left ┘      server lists and that is not used up
//! ```
//!
//! Each key is tried once, each person asked a number of times, so a server that answers FAILURE
//! for ever ends the list, not the program. Success counts only as the answer to something that was
//! proven: a server that grants a login nobody asked for would make a connection that nobody is
//! authenticated on.
//!
//! Nothing secret is asked for before [`Client::start`], which only a trusted host's keys lead to. A
//! secret goes into one request and is wiped behind it.

mod event;
mod interactive;
mod keys;
mod methods;
mod offer;
mod plan;
mod replies;
mod request;

use alloc::vec::Vec;
use core::fmt;
use core::mem;

use adit_crypto::{Provider, Secret, Unspecified};

use crate::authenticated::Credential;

pub use event::{ClientEvent, Refused};
use interactive::Interactive;
use keys::{KeyStep, Keys};
pub use methods::{Binding, Established, Method, Methods};
pub use offer::{Echo, KeyId, Need, OfferedKey, Probe, Prompt, Signed};
use plan::{Listed, Plan};
pub use request::Request;
use request::{About, Kind};

/// Named after the method under way, or after what is awaited or due.
enum State {
    AwaitStart,
    AwaitKeys,
    Key(KeyStep),
    Password(PasswordStep),
    Interactive(Interactive),
    NoneDue,
    AwaitMethods,
    /// Nothing is left, and nobody was told yet.
    RefusedDue,
    /// Also after every error: nothing goes on from there.
    Done,
}

/// A password (RFC 4252 §8).
enum PasswordStep {
    AwaitPerson,
    Due(Secret),
    AwaitVerdict,
}

/// The client's side. After each call look at [`Client::take_event`], [`Client::need`] and
/// [`Client::message`].
pub struct Client {
    about: About,
    plan: Plan,
    keys: Keys,
    state: State,
    banners: u8,
    info_requests: u8,
    /// What the server accepted and asked for more than.
    earned: Option<Credential>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("plan", &self.plan)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Will try `methods` for `user`. Nothing is due before [`Client::start`].
    #[must_use]
    pub fn new(provider: &'static Provider, user: &[u8], methods: Methods) -> Self {
        Self {
            about: About::new(provider, user, methods.binding),
            plan: Plan::new(methods),
            keys: Keys::default(),
            state: State::AwaitStart,
            banners: 0,
            info_requests: 0,
            earned: None,
        }
    }

    /// The service is accepted, or as good as accepted: begins. A second call does nothing.
    pub fn start(&mut self, established: &Established<'_>) {
        if matches!(self.state, State::AwaitStart) {
            self.about.established(established);
            self.state = self.next();
        }
    }

    /// What is lacking.
    #[must_use]
    pub fn need(&self) -> Need<'_> {
        match &self.state {
            State::AwaitKeys => Need::Keys,
            State::Key(KeyStep::AwaitSignature { attempt, message }) => Need::Sign {
                key: attempt.key.id,
                algorithm: attempt.algorithm,
                message,
            },
            State::Password(PasswordStep::AwaitPerson) => Need::Password {
                attempt: self.plan.passwords_refused(),
            },
            State::Interactive(Interactive::AwaitPerson(_, questions)) => Need::Respond {
                name: &questions.name,
                instruction: &questions.instruction,
                prompts: &questions.prompts,
            },
            State::AwaitStart
            | State::Key(_)
            | State::Password(_)
            | State::Interactive(_)
            | State::NoneDue
            | State::AwaitMethods
            | State::RefusedDue
            | State::Done => Need::Nothing,
        }
    }

    /// The keys that [`Client::need`] asked for, to be tried in this order; there may be none. Not
    /// asked for, they change nothing.
    pub fn offer(&mut self, keys: Vec<OfferedKey>) {
        if matches!(self.state, State::AwaitKeys) {
            self.keys.offered(keys);
            self.state = self.next();
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
        let State::Key(step) = mem::replace(&mut self.state, State::Done) else {
            return Signed::GivenUp;
        };
        if let Some(step) = step.signed(&self.about, signature) {
            self.state = State::Key(step);
            return Signed::Accepted;
        }
        self.keys.skip();
        self.state = self.next();
        Signed::GivenUp
    }

    /// The password that [`Client::need`] asked for; `None` when nobody answers, and then the
    /// method is given up. Not asked for, it changes nothing.
    pub fn password(&mut self, password: Option<Secret>) {
        if !matches!(self.state, State::Password(PasswordStep::AwaitPerson)) {
            return;
        }
        self.state = match password {
            Some(password) => State::Password(PasswordStep::Due(password)),
            None => self.without(Method::Password),
        };
    }

    /// The answers that [`Client::need`] asked for, one for each prompt; `None` or another number of
    /// them when nobody answers, and then the method is given up. Not asked for, they change
    /// nothing.
    pub fn respond(&mut self, responses: Option<Vec<Secret>>) {
        let state = mem::replace(&mut self.state, State::Done);
        let State::Interactive(Interactive::AwaitPerson(exchange, questions)) = state else {
            self.state = state;
            return;
        };
        let responses = responses.filter(|all| all.len() == questions.prompts.len());
        self.state = match responses {
            Some(responses) => State::Interactive(Interactive::ResponsesDue(exchange, responses)),
            // RFC 4252 §5: the next request ends this one.
            None => self.without(Method::KeyboardInteractive),
        };
    }

    /// What happened without a message: [`ClientEvent::Refused`], when what nobody answered was the
    /// last thing to try.
    pub fn take_event(&mut self) -> Option<ClientEvent> {
        if !matches!(self.state, State::RefusedDue) {
            return None;
        }
        self.state = State::Done;
        Some(ClientEvent::Refused(Refused {
            methods: self.plan.listed_methods().to_vec(),
            tried_keys: self.keys.tried(),
            skipped_keys: self.keys.skipped(),
            passwords_tried: self.plan.passwords_refused(),
            partial_success: self.earned.is_some(),
        }))
    }

    /// Whether [`Client::take_event`] has one.
    #[must_use]
    pub const fn has_event(&self) -> bool {
        matches!(self.state, State::RefusedDue)
    }

    /// The request that is due, to be sent when there is room. Call [`Client::message_sent`] then.
    #[must_use]
    pub fn message(&self) -> Option<Request<'_>> {
        let kind = match &self.state {
            State::NoneDue => Kind::None,
            State::Key(step) => step.due()?,
            State::Password(PasswordStep::Due(password)) => Kind::Password(password),
            State::Interactive(Interactive::RequestDue) => Kind::Interactive,
            State::Interactive(Interactive::ResponsesDue(_, responses)) => {
                Kind::Responses(responses)
            }
            State::AwaitStart
            | State::AwaitKeys
            | State::Password(_)
            | State::Interactive(_)
            | State::AwaitMethods
            | State::RefusedDue
            | State::Done => return None,
        };
        Some(Request {
            about: &self.about,
            kind,
        })
    }

    /// What [`Client::message`] gave was sent. What was secret in it is wiped.
    pub fn message_sent(&mut self) -> ClientEvent {
        let mut event = ClientEvent::Quiet;
        self.state = match mem::replace(&mut self.state, State::Done) {
            State::NoneDue => State::AwaitMethods,
            State::Key(step) => {
                if let Some(key) = self.keys.count(&step) {
                    event = ClientEvent::KeyOffered(key);
                }
                State::Key(step.sent())
            }
            State::Password(PasswordStep::Due(_)) => State::Password(PasswordStep::AwaitVerdict),
            State::Interactive(step) => State::Interactive(step.sent()),
            other @ (State::AwaitStart
            | State::AwaitKeys
            | State::Password(_)
            | State::AwaitMethods
            | State::RefusedDue
            | State::Done) => other,
        };
        event
    }

    fn without(&mut self, method: Method) -> State {
        self.plan.give_up(method);
        self.next()
    }

    /// The first of our methods that the server lists and that is not used up. Before it has said
    /// which it has, a key is tried all the same: it costs a person nothing, and no server a prompt.
    fn next(&mut self) -> State {
        for rank in 0.. {
            let Some(method) = self.plan.method(rank) else {
                break;
            };
            let next = match (method, self.plan.listed(method)) {
                (_, Listed::No) => None,
                (Method::Publickey, Listed::Yes | Listed::Unknown) => self.next_key(),
                (_, Listed::Unknown) => break,
                (Method::Password, Listed::Yes) => self
                    .plan
                    .begin(method)
                    .then_some(State::Password(PasswordStep::AwaitPerson)),
                (Method::KeyboardInteractive, Listed::Yes) => self
                    .plan
                    .begin(method)
                    .then_some(State::Interactive(Interactive::RequestDue)),
            };
            if let Some(next) = next {
                return next;
            }
        }
        if self.plan.is_listed() {
            State::RefusedDue
        } else {
            State::NoneDue
        }
    }

    fn next_key(&mut self) -> Option<State> {
        if self.keys.are_missing() {
            return Some(State::AwaitKeys);
        }
        let attempt = self.keys.next(&self.about)?;
        Some(State::Key(match attempt.key.ask_first {
            Probe::Yes => KeyStep::ProbeDue(attempt),
            Probe::No => attempt.await_signature(&self.about),
        }))
    }
}
