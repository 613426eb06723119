//! What the server says (RFC 4252 §5.1, §5.4, §7, §8, RFC 4256 §3.2), and where it leads.

use core::mem;

use adit_proto::msg::{
    UserauthBanner, UserauthFailure, UserauthPasswdChangereq, UserauthPkOk, UserauthSuccess,
};
use adit_proto::{Decode, Malformed, number};

use super::event::ClientEvent;
use super::interactive::{self, Exchange, Interactive};
use super::keys::KeyStep;
use super::methods::Method;
use super::{Client, PasswordStep, State};
use crate::authenticated::{Credential, How, UserAuthenticated};
use crate::error::{Error, PeerMisbehaved};

/// Most banners in one authentication. sshd sends one; each is shown to a person.
const BANNERS_MAX: u8 = 16;

/// What PK_OK, PASSWD_CHANGEREQ and INFO_REQUEST share: the method under way says which it is
/// (RFC 4252 §6).
const OF_THE_METHOD: u8 = number::USERAUTH_PK_OK;

impl Client {
    /// Takes one message of the server, 50 to 79.
    ///
    /// # Errors
    /// For anything the server may not send now. Nothing goes on after an error.
    pub fn handle(&mut self, payload: &[u8]) -> Result<ClientEvent, Error> {
        let Some(&number) = payload.first() else {
            return self.fail(Malformed::TooShort);
        };
        if number == number::USERAUTH_BANNER {
            return self.banner(payload);
        }
        // Whatever fails below leaves Done behind.
        let state = mem::replace(&mut self.state, State::Done);
        match (number, state) {
            (number::USERAUTH_FAILURE, state) => self.failure(state, payload),
            (number::USERAUTH_SUCCESS, state) => self.success(state, payload),
            (OF_THE_METHOD, State::Key(step)) => self.pk_ok(step, payload),
            (OF_THE_METHOD, State::Password(PasswordStep::AwaitVerdict)) => {
                self.password_expired(payload)
            }
            (OF_THE_METHOD, State::Interactive(Interactive::AwaitServer(exchange))) => {
                self.info_request(exchange, payload)
            }
            _ => Err(PeerMisbehaved::UnexpectedMessage.into()),
        }
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

    fn pk_ok(&mut self, step: KeyStep, payload: &[u8]) -> Result<ClientEvent, Error> {
        let KeyStep::AwaitPkOk(attempt) = step else {
            return Err(PeerMisbehaved::UnexpectedMessage.into());
        };
        let pk_ok = UserauthPkOk::decode(payload)?;
        let is_what_was_asked = pk_ok.public_key_algorithm_name == attempt.algorithm.as_bytes()
            && pk_ok.public_key_blob == attempt.key.public_blob;
        if !is_what_was_asked {
            return Err(PeerMisbehaved::KeyNotAsked.into());
        }
        self.state = State::Key(attempt.await_signature(&self.about));
        Ok(ClientEvent::Quiet)
    }

    /// RFC 4252 §8: a new password is not something that a tunnel asks for. The next request ends
    /// this one.
    fn password_expired(&mut self, payload: &[u8]) -> Result<ClientEvent, Error> {
        let request = UserauthPasswdChangereq::decode(payload)?;
        self.state = self.without(Method::Password);
        let start = 1 + 4;
        Ok(ClientEvent::PasswordExpired {
            message: start..start + request.prompt.len(),
        })
    }

    fn info_request(&mut self, exchange: Exchange, payload: &[u8]) -> Result<ClientEvent, Error> {
        self.info_requests = self.info_requests.saturating_add(1);
        if self.info_requests > interactive::INFO_REQUESTS_MAX {
            return Err(PeerMisbehaved::TooManyQuestions.into());
        }
        let (step, event) = interactive::asked(exchange, payload)?;
        self.state = State::Interactive(step);
        Ok(event)
    }

    fn failure(&mut self, state: State, payload: &[u8]) -> Result<ClientEvent, Error> {
        let failure = UserauthFailure::decode(payload)?;
        let methods = failure.authentications_that_can_continue;
        // RFC 4252 §5.1: the request was good and more is needed. Only what proves something can be.
        let mut accepted = None;
        match state {
            State::AwaitMethods => {}
            State::Key(step) => {
                let attempt = match step {
                    KeyStep::AwaitPkOk(attempt) => attempt,
                    KeyStep::AwaitVerdict { attempt, verified } => {
                        accepted = Some((Method::Publickey, Credential::Signature(verified)));
                        attempt
                    }
                    KeyStep::ProbeDue(_)
                    | KeyStep::AwaitSignature { .. }
                    | KeyStep::SignedDue { .. } => {
                        return Err(PeerMisbehaved::UnexpectedMessage.into());
                    }
                };
                if !failure.partial_success
                    && !methods.contains(Method::Publickey.name().as_bytes())
                {
                    self.keys.put_back(attempt);
                }
            }
            State::Password(PasswordStep::AwaitVerdict) => {
                accepted = Some((Method::Password, Credential::Password));
                if !failure.partial_success {
                    self.plan.password_refused();
                }
            }
            State::Interactive(Interactive::AwaitServer(exchange)) => {
                if exchange.is_answered {
                    accepted = Some((Method::KeyboardInteractive, Credential::Responses));
                } else if !exchange.is_asked {
                    // A server that has no question now will not have one next time.
                    self.plan.give_up(Method::KeyboardInteractive);
                }
            }
            State::AwaitStart
            | State::AwaitKeys
            | State::Password(_)
            | State::Interactive(_)
            | State::NoneDue
            | State::RefusedDue
            | State::Done => return Err(PeerMisbehaved::UnexpectedMessage.into()),
        }
        let mut event = None;
        if failure.partial_success
            && let Some((method, credential)) = accepted
        {
            self.earned = Some(credential);
            event = Some(ClientEvent::PartialSuccess(method));
        }
        self.plan.list(methods);
        self.state = self.next();
        Ok(event
            .or_else(|| self.take_event())
            .unwrap_or(ClientEvent::Quiet))
    }

    fn success(&mut self, state: State, payload: &[u8]) -> Result<ClientEvent, Error> {
        UserauthSuccess::decode(payload)?;
        let (how, credential) = match state {
            State::Key(KeyStep::AwaitVerdict { attempt, verified }) => (
                attempt.how(&self.about)?,
                Some(Credential::Signature(verified)),
            ),
            State::Password(PasswordStep::AwaitVerdict) => {
                (How::Password, Some(Credential::Password))
            }
            State::Interactive(Interactive::AwaitServer(exchange)) => {
                // A last factor that asks nothing, such as a telephone, may follow one that did.
                let earned = self.earned.take();
                let answered = exchange.is_answered.then_some(Credential::Responses);
                (How::KeyboardInteractive, answered.or(earned))
            }
            State::AwaitStart
            | State::AwaitKeys
            | State::Key(_)
            | State::Password(_)
            | State::Interactive(_)
            | State::NoneDue
            | State::AwaitMethods
            | State::RefusedDue
            | State::Done => return Err(PeerMisbehaved::SuccessUnasked.into()),
        };
        let credential = credential.ok_or(PeerMisbehaved::SuccessUnasked)?;
        let user = self.about.user.clone();
        Ok(ClientEvent::Authenticated(UserAuthenticated::by_client(
            user, how, credential,
        )))
    }
}
