//! Questions to the program: answered now, or by work on another thread whose answer comes back as
//! a letter.

use std::panic::{self, AssertUnwindSafe};

use adit_auth::KeyId;
use adit_crypto::{Secret, SigningKey};

use super::context::Context;
use super::inbox::{Note, Outlet};
use super::peer::Peer;
use super::pool::{Full, Pool};
use super::state::{Answering, Letter, Signer, State};
use crate::observer::{Answer, PasswordQuestion, PeerId, Program, RespondQuestion, UnlockQuestion};
use crate::session::Need;

/// Which session an answer is for.
pub(super) struct Asker {
    peer: PeerId,
    slot: usize,
    notes: Outlet,
}

impl Asker {
    pub(super) fn new(state: &State, context: &Context) -> Self {
        Self {
            peer: state.id,
            slot: state.slot,
            notes: context.notes.clone(),
        }
    }
}

/// Has `work` done on a thread of `pool`. A fault in it is no consent: then the answer is what
/// `fault` says. An answer for a session that is gone is dropped, and wiped where it is a secret.
pub(super) fn later<T: 'static>(
    pool: &Pool,
    asker: Asker,
    work: Box<dyn FnOnce() -> T + Send>,
    fault: fn() -> T,
    letter: impl FnOnce(T) -> Letter + Send + 'static,
) -> Result<(), Full> {
    let Asker { peer, slot, notes } = asker;
    pool.submit(move || {
        let answer = panic::catch_unwind(AssertUnwindSafe(work));
        let letter = letter(answer.unwrap_or_else(|_| fault()));
        notes.send(Note::Letter { peer, slot, letter });
    })
}

/// An answer that is here, or `None` when it will come as a letter.
fn answer<T: 'static>(
    answer: Answer<Option<T>>,
    context: &Context,
    asker: Asker,
    letter: impl FnOnce(Option<T>) -> Letter + Send + 'static,
) -> Option<Option<T>> {
    match answer {
        Answer::Now(answer) => Some(answer),
        Answer::Later(work) => match later(&context.people, asker, work, || None, letter) {
            Ok(()) => None,
            Err(Full) => Some(None), // nobody is asked, so nobody answers
        },
    }
}

impl Peer {
    /// Asks a person for what the session needs, if that is of this kind.
    pub(super) fn ask_person(&mut self, context: &Context, program: &mut dyn Program) {
        let (peer, asker) = (self.state.info(), Asker::new(&self.state, context));
        match self.session.need() {
            Need::Password { attempt } => {
                let user = &*self.state.login_name;
                let asked = program.password(&PasswordQuestion {
                    peer,
                    user,
                    attempt,
                });
                self.state.asked = Answering::Somebody;
                if let Some(password) = answer(asked, context, asker, Letter::Password) {
                    self.password(password);
                }
            }
            Need::Respond {
                name,
                instruction,
                prompts,
            } => {
                let asked = program.respond(&RespondQuestion {
                    peer,
                    name,
                    instruction,
                    prompts,
                });
                self.state.asked = Answering::Somebody;
                if let Some(responses) = answer(asked, context, asker, Letter::Responses) {
                    self.responses(responses);
                }
            }
            Need::Authorize { .. } | Need::Keys | Need::Nothing | Need::Sign { .. } => {}
        }
    }

    /// Asks for a locked key.
    pub(super) fn unlock(&mut self, id: KeyId, context: &Context, program: &mut dyn Program) {
        let Some(key) = self.state.key(id) else {
            return;
        };
        let asked = program.unlock(&UnlockQuestion {
            peer: self.state.info(),
            name: &key.name,
            key_blob: &key.public_blob,
        });
        let asker = Asker::new(&self.state, context);
        self.state.asked = Answering::Somebody;
        let letter = move |unlocked| Letter::Unlocked(id, unlocked);
        if let Some(unlocked) = answer(asked, context, asker, letter) {
            self.unlocked(id, unlocked);
        }
    }

    pub(super) fn password(&mut self, password: Option<Secret>) {
        self.state.asked = Answering::Nobody;
        self.session.password(password);
    }

    pub(super) fn responses(&mut self, responses: Option<Vec<Secret>>) {
        self.state.asked = Answering::Nobody;
        self.session.respond(responses);
    }

    pub(super) fn unlocked(&mut self, id: KeyId, unlocked: Option<Box<dyn SigningKey>>) {
        self.state.asked = Answering::Nobody;
        if let Some(key) = self.state.key_mut(id) {
            key.signer = unlocked.map_or(Signer::Nobody, Signer::Loaded);
        }
    }
}
