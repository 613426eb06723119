//! What authentication lacks: asked for, and given when it is there.

use adit_auth::Decision;
use adit_crypto::Unspecified;

use super::context::Context;
use super::desk::Desk;
use super::host::Host;
use super::local::Seen;
use super::peer::Peer;
use super::questions::{Asker, later};
use super::state::{Answering, Cause, ForAgent, Letter, Signer};
use crate::observer::{Answer, KeyQuestion, Program};
use crate::relay::Locals as _;
use crate::session::Need;

impl Peer {
    /// Gives authentication what it lacks, or asks for it where that may wait.
    pub(super) fn answer(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<(), Cause> {
        while self.state.asked == Answering::Nobody {
            match self.session.need() {
                Need::Nothing => break,
                Need::Keys => {
                    // It did wait for who looked at its host key, whenever it says so.
                    self.state.host = Host::default();
                    self.state.for_agent = Some(ForAgent::Keys);
                    self.state.asked = Answering::Somebody;
                }
                Need::Password { .. } | Need::Respond { .. } => self.ask_person(context, program),
                Need::Authorize {
                    user,
                    algorithm,
                    key_blob,
                } => {
                    let answer = program.authorize(&KeyQuestion {
                        peer: self.state.info(),
                        user,
                        algorithm,
                        key_blob,
                    });
                    self.state.asked = Answering::Somebody;
                    self.state.tried = Seen::Yes;
                    let decision = match answer {
                        Answer::Now(decision) => decision,
                        Answer::Later(work) => {
                            let asker = Asker::new(&self.state, context);
                            let fault = || Decision::Refused;
                            match later(&context.files, asker, work, fault, Letter::Authorized) {
                                Ok(()) => return Ok(()),
                                Err(_full) => Decision::Refused,
                            }
                        }
                    };
                    self.authorized(decision, context, program)?;
                }
                Need::Sign {
                    key,
                    algorithm,
                    message,
                } => {
                    let signature = match self.state.key(key).map(|k| &k.signer) {
                        Some(Signer::Loaded(signer)) => signer.sign(algorithm, message),
                        Some(Signer::Agent) => {
                            let message = message.to_vec();
                            self.state.for_agent = Some(ForAgent::Signature {
                                key,
                                algorithm,
                                message,
                            });
                            self.state.asked = Answering::Somebody;
                            return Ok(());
                        }
                        Some(Signer::Locked) => {
                            self.unlock(key, context, program);
                            continue;
                        }
                        Some(Signer::Nobody) | None => Err(Unspecified),
                    };
                    let _ = self.session.signed(key, signature);
                }
            }
        }
        Ok(())
    }

    /// What was found out elsewhere since the last turn.
    pub(super) fn read_letters(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<(), Cause> {
        while let Some(letter) = self.state.letters.pop_front() {
            let mut desk = Desk {
                state: &mut self.state,
                context,
                program,
            };
            match letter {
                Letter::Authorized(decision) => self.authorized(decision, context, program)?,
                Letter::Dialled(id, progress) => desk.dialled(&mut self.session, id, progress),
                Letter::HostKey(verdict) => desk.host_key_answered(&mut self.session, verdict),
                Letter::Keys(offers, keys) => {
                    self.state.asked = Answering::Nobody;
                    self.state.keys = keys;
                    self.session.offer_keys(offers);
                }
                Letter::Password(password) => self.password(password),
                Letter::Responses(responses) => self.responses(responses),
                Letter::Unlocked(key, unlocked) => self.unlocked(key, unlocked),
                Letter::Resolved(id, resolved) => desk.resolved(&mut self.session, id, resolved),
                Letter::Signed(key, signature) => {
                    self.state.asked = Answering::Nobody;
                    let _ = self.session.signed(key, signature);
                }
            }
        }
        self.checked(Ok(()))
    }

    /// The answer to whether a key may log in.
    pub(super) fn authorized(
        &mut self,
        decision: Decision,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<(), Cause> {
        self.state.asked = Answering::Nobody;
        let event = self.session.authorize(decision, context.now)?;
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        let told = event.map_or(Ok(()), |event| desk.event(&mut self.session, event));
        self.checked(told)
    }
}
