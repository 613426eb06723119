//! What a login asks of a person: passphrases, passwords, and whatever else the server wants to
//! know, with the prompts of ssh.
//!
//! Asking waits, so it is handed back as work for the thread that has the terminal. What nobody
//! answered is noted: a login that fails for it should say so.

use std::sync::{Arc, Mutex, PoisonError};

use adit_auth::Echo;
use adit_crypto::Secret;
use adit_forward::observer::{Answer, PasswordQuestion, Prompt, RespondQuestion};

use crate::client::unlock::Unlocker;
use crate::escape::{escaped, lines, text};
use crate::report::Report;
use crate::terminal::{NoAnswer, Person};

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
            let answer = person.ask(&prompt, Echo::No);
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
            let text = text(&prompt.text);
            (format!("({user}@{host}) {text}"), prompt.echo)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::provider::PROVIDER;
    use crate::report::Level;
    use crate::testing::{Directory, PEER};

    /// Somebody who notes what they are asked, and then does as `script` says.
    fn login(directory: &Directory, script: &str) -> Login {
        let asked = directory.join("asked").display().to_string();
        let program = directory.program(&format!("printf '%s|' \"$1\" >> {asked}\n{script}"));
        let (person, missed) = (Person::by_program(&program), Missed::default());
        let report = Arc::new(Report::memory(Level::Info));
        Login {
            user: "me".to_owned(),
            host: "hostb".to_owned(),
            person: person.clone(),
            unlocker: Unlocker {
                locked: Vec::new(),
                prompts: 3,
                person,
                provider: PROVIDER,
                report: Arc::clone(&report),
                missed: missed.clone(),
            },
            report,
            missed,
        }
    }

    fn asked(directory: &Directory) -> String {
        fs::read_to_string(directory.join("asked")).unwrap_or_default()
    }

    fn answer<T>(answer: Answer<T>) -> T {
        match answer {
            Answer::Now(answer) => answer,
            Answer::Later(work) => work(),
        }
    }

    fn text(secret: &Secret) -> &str {
        str::from_utf8(secret.expose()).unwrap()
    }

    #[test]
    fn a_password_is_asked_for_in_the_words_of_ssh() {
        let directory = Directory::new();
        let login = login(&directory, "echo secret");
        for attempt in [0, 1] {
            let question = PasswordQuestion {
                peer: PEER,
                user: "me",
                attempt,
            };
            let password = answer(login.password(&question));
            assert_eq!(password.as_ref().map(text), Some("secret"));
        }
        let prompt = "me@hostb's password: |";
        assert_eq!(asked(&directory), [prompt, prompt].concat());
        let again = "Permission denied, please try again.";
        assert_eq!(login.report.kept(), [again]);
        assert_eq!(login.missed.all(), [""; 0]);
    }

    fn prompt(text: &[u8], echo: Echo) -> Prompt {
        let text = text.to_vec();
        Prompt { text, echo }
    }

    #[test]
    fn questions_are_shown_escaped_and_answered_in_their_order() {
        let directory = Directory::new();
        let login = login(&directory, "echo \"to ${1#*) }\"");
        let prompts = [
            prompt(b"Password: ", Echo::No),
            prompt(b"1. Push\n2. Call\nWhich\x07? ", Echo::Yes),
        ];
        let answers = answer(login.respond(&RespondQuestion {
            peer: PEER,
            name: b"Name\x1b[2J",
            instruction: b"one\r\ntwo\n",
            prompts: &prompts,
        }))
        .unwrap();
        let answers: Vec<&str> = answers.iter().map(text).collect();
        assert_eq!(answers, ["to Password: ", "to 1. Push"]);
        assert_eq!(
            asked(&directory),
            "(me@hostb) Password: |(me@hostb) 1. Push\n2. Call\nWhich\\u{7}? |"
        );
        assert_eq!(login.report.kept(), ["Name\\u{1b}[2J", "one", "two"]);
    }

    #[test]
    fn what_is_not_answered_is_noted_and_nothing_more_is_asked() {
        let directory = Directory::new();
        let login = login(&directory, "exit 1");
        let question = PasswordQuestion {
            peer: PEER,
            user: "me",
            attempt: 0,
        };
        assert!(answer(login.password(&question)).is_none());
        let prompts = [prompt(b"a", Echo::No), prompt(b"b", Echo::No)];
        let question = RespondQuestion {
            peer: PEER,
            name: b"",
            instruction: b"",
            prompts: &prompts,
        };
        assert!(answer(login.respond(&question)).is_none());
        assert!(answer(login.respond(&question)).is_none());
        assert_eq!(
            login.missed.all(),
            [
                "The server asked for a password: there was no answer.",
                "The server asked for an answer: there was no answer."
            ]
        );
        assert_eq!(
            asked(&directory),
            "me@hostb's password: |(me@hostb) a|(me@hostb) a|"
        );
        assert_eq!(login.report.kept(), [""; 0]);
    }
}
