//! What a login asks of a person: passphrases, passwords, and whatever else the server wants to
//! know, with the prompts of ssh.
//!
//! Asking waits, so it is handed back as work for the thread that has the terminal. What nobody
//! answered is noted: a login that fails for it should say so.

use std::sync::{Arc, Mutex, PoisonError};

use adit_crypto::Secret;
use adit_forward::observer::{Answer, Echo, PasswordQuestion, Prompt, RespondQuestion};

use crate::client::unlock::Unlocker;
use crate::escape::{escaped, lines, text};
use crate::report::Report;
use crate::terminal::{self, NoAnswer, Person};

/// Who is asked, and what for.
#[derive(Debug)]
pub struct Login {
    /// Whom to log in as.
    pub user: String,
    /// Where, as prompts name it: HostKeyAlias, or the server as the person named it.
    pub host: String,
    /// Who answers.
    pub person: Person,
    /// Who makes locked keys usable.
    pub unlocker: Unlocker,
    /// What happened meanwhile.
    pub report: Arc<Report>,
    /// Why something was not to be had.
    pub missed: Missed,
}

/// Why things that a server asked for were not to be had, one line each. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct Missed(Arc<Mutex<Vec<String>>>);

impl From<Vec<String>> for Missed {
    fn from(lines: Vec<String>) -> Self {
        Self(Arc::new(Mutex::new(lines)))
    }
}

impl Missed {
    /// One more reason. The same one twice is one.
    pub fn note(&self, why: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&why) {
            all.push(why);
        }
    }

    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

impl Login {
    /// The user's password.
    pub fn password(&self, question: &PasswordQuestion<'_>) -> Answer<Option<Secret>> {
        if question.attempt > 0 {
            self.report.error("Permission denied, please try again.");
        }
        let (user, host) = (escaped(self.user.as_bytes()), escaped(self.host.as_bytes()));
        let prompt = format!("{user}@{host}'s password: ");
        let (person, missed) = (self.person.clone(), self.missed.clone());
        Answer::Later(Box::new(move || {
            let answer = person.ask(&prompt, terminal::Echo::Off);
            answer.map_err(|why| miss(&missed, "a password", &why)).ok()
        }))
    }

    /// Answers to the server's own questions.
    pub fn respond(&self, question: &RespondQuestion<'_>) -> Answer<Option<Vec<Secret>>> {
        for shown in [question.name, question.instruction] {
            let lines = lines(shown).filter(|_| !shown.is_empty());
            lines.for_each(|line| self.report.info(line));
        }
        let (user, host) = (escaped(self.user.as_bytes()), escaped(self.host.as_bytes()));
        let prompt = |prompt: &Prompt| {
            let echo = match prompt.echo {
                Echo::No => terminal::Echo::Off,
                Echo::Yes => terminal::Echo::On,
            };
            (format!("({user}@{host}) {}", text(&prompt.text)), echo)
        };
        let prompts: Vec<_> = question.prompts.iter().map(prompt).collect();
        let (person, missed) = (self.person.clone(), self.missed.clone());
        Answer::Later(Box::new(move || {
            let answers = prompts
                .iter()
                .map(|(prompt, echo)| person.ask(prompt, *echo));
            let answers: Result<Vec<Secret>, NoAnswer> = answers.collect();
            answers.map_err(|why| miss(&missed, "an answer", &why)).ok()
        }))
    }
}

/// What nobody gave, for the end of a login that failed.
fn miss(missed: &Missed, what: &str, why: &NoAnswer) {
    missed.note(format!("The server asked for {what}: {why}."));
}
