//! A key whose passphrase a person is asked for, once the server would take its signature.

use std::fmt;
use std::sync::Arc;

use adit_auth::Echo;
use adit_auth::keyfile::{KeyFileError, LockedKey};
use adit_crypto::{Provider, Secret, SigningKey};
use adit_forward::observer::{Answer, UnlockQuestion};
use adit_forward::reactor::{FileKey, FileKeyState};

use crate::client::login::Missed;
use crate::escape::escaped;
use crate::report::Report;
use crate::terminal::{NoAnswer, Person};

/// Longest file name in a prompt, in characters: ssh's `%.100s`.
const NAME_MAX: usize = 100;

/// A key whose passphrase is not known yet.
pub struct Locked {
    /// As it is called in messages.
    pub name: String,
    /// The key.
    pub key: LockedKey,
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locked({})", self.name)
    }
}

impl Locked {
    /// The same for the event loop, which may offer its public half.
    #[must_use]
    pub fn file_key(&self) -> FileKey {
        FileKey {
            name: self.name.clone(),
            public_blob: self.key.public_blob().to_vec(),
            algorithms: self.key.algorithms(),
            key: FileKeyState::Locked,
        }
    }

    fn not_loaded(&self, why: &str) -> String {
        format!("Load key \"{}\": {why}", self.name)
    }
}

fn prompt(name: &str) -> String {
    let name = escaped(name.as_bytes()).to_string();
    let name: String = name.chars().take(NAME_MAX).collect();
    format!("Enter passphrase for key '{name}': ")
}

/// Who is asked for passphrases, and how often.
#[derive(Clone, Debug)]
pub struct Unlocker {
    /// The keys that there are.
    pub locked: Vec<Arc<Locked>>,
    /// How often for each. 0: never.
    pub prompts: u32,
    /// Who answers.
    pub person: Person,
    /// Makes keys usable.
    pub provider: &'static Provider,
    /// What happened meanwhile.
    pub report: Arc<Report>,
    /// Why a key was not to be had.
    pub missed: Missed,
}

impl Unlocker {
    /// A key that the server accepts, once its passphrase is known.
    #[must_use]
    pub fn unlock(&self, question: &UnlockQuestion<'_>) -> Answer<Option<Box<dyn SigningKey>>> {
        let is_meant = |locked: &&Arc<Locked>| {
            locked.name == question.name && locked.key.public_blob() == question.key_blob
        };
        let Some(locked) = self.locked.iter().find(is_meant) else {
            return Answer::Now(None);
        };
        if self.prompts == 0 {
            let why = "encrypted with a passphrase, and nobody may be asked (BatchMode)";
            self.missed.note(locked.not_loaded(why));
            return Answer::Now(None);
        }
        let (unlocker, locked) = (self.clone(), Arc::clone(locked));
        Answer::Later(Box::new(move || {
            let ask = |prompt: &str| unlocker.person.ask(prompt, Echo::No);
            unlocker.ask_for(&locked, ask)
        }))
    }

    /// Until it is the right one, or there is none.
    fn ask_for(
        &self,
        locked: &Locked,
        ask: impl Fn(&str) -> Result<Secret, NoAnswer>,
    ) -> Option<Box<dyn SigningKey>> {
        let mut why = String::new();
        for _ in 0..self.prompts {
            match ask(&prompt(&locked.name)) {
                Ok(passphrase) if passphrase.expose().is_empty() => {
                    self.report.debug2("no passphrase given, try next key");
                    "no passphrase was given".clone_into(&mut why);
                    break;
                }
                Ok(passphrase) => match self.load(locked, &passphrase) {
                    Ok(key) => return Some(key),
                    Err(KeyFileError::WrongPassphrase) => {
                        self.report.debug2("bad passphrase given, try again...");
                        why = KeyFileError::WrongPassphrase.to_string();
                    }
                    Err(error) => {
                        let why = error.about(&locked.name).to_string();
                        self.report.error(locked.not_loaded(&why));
                        return None;
                    }
                },
                Err(error) => {
                    why = format!("encrypted with a passphrase, and {error}");
                    break;
                }
            }
        }
        self.missed.note(locked.not_loaded(&why));
        None
    }

    fn load(
        &self,
        locked: &Locked,
        passphrase: &Secret,
    ) -> Result<Box<dyn SigningKey>, KeyFileError> {
        let key = locked.key.unlock(passphrase, self.provider)?;
        key.load(self.provider.keys)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use adit_auth::keyfile::{KeyFile, Parsed};

    use super::*;
    use crate::provider::PROVIDER;
    use crate::report::Level;
    use crate::testing::PEER;

    fn locked() -> Locked {
        let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").unwrap();
        let text = key.to_locked_text(&Secret::copy_of(b"right"), 1, PROVIDER, PROVIDER.random);
        let Ok(Parsed::Locked(key)) = KeyFile::parse(text.unwrap().expose(), PROVIDER.keys) else {
            panic!("a key with a passphrase is locked");
        };
        Locked {
            name: "/k/key".to_owned(),
            key,
        }
    }

    fn unlocker(prompts: u32) -> Unlocker {
        Unlocker {
            locked: vec![Arc::new(locked())],
            prompts,
            person: Person::from_environment(),
            provider: PROVIDER,
            report: Arc::new(Report::memory(Level::Debug2)),
            missed: Missed::default(),
        }
    }

    #[test]
    fn a_passphrase_is_asked_for_until_it_is_right() {
        let wrong = "Load key \"/k/key\": incorrect passphrase supplied to decrypt private key";
        let none = "Load key \"/k/key\": no passphrase was given";
        for (typed, unlocked, asked, missed) in [
            (&["Right", "right"][..], true, 2, None),
            (&["a", "b", "right"], false, 2, Some(wrong)),
            (&["a", ""], false, 2, Some(none)),
            (&[""], false, 1, Some(none)),
        ] {
            let unlocker = unlocker(2);
            let prompts = RefCell::new(Vec::new());
            let ask = |prompt: &str| {
                let mut prompts = prompts.borrow_mut();
                prompts.push(prompt.to_owned());
                Ok(Secret::copy_of(typed[prompts.len() - 1].as_bytes()))
            };
            let key = unlocker.ask_for(&unlocker.locked[0], ask);
            assert_eq!(key.is_some(), unlocked, "{typed:?}");
            let expected = vec!["Enter passphrase for key '/k/key': "; asked];
            assert_eq!(*prompts.borrow(), expected, "{typed:?}");
            let missed: Vec<String> = missed.into_iter().map(str::to_owned).collect();
            assert_eq!(unlocker.missed.all(), missed, "{typed:?}");
        }
    }

    #[test]
    fn nobody_to_ask_is_noted() {
        let unlocker = unlocker(3);
        let key = unlocker.ask_for(&unlocker.locked[0], |_| Err(NoAnswer::Nobody));
        assert!(key.is_none());
        let why = "encrypted with a passphrase, and there is nobody to ask";
        assert_eq!(
            unlocker.missed.all(),
            [format!("Load key \"/k/key\": {why}")]
        );
    }

    #[test]
    fn a_batch_asks_for_nothing_and_an_unknown_key_is_none() {
        let unlocker = unlocker(0);
        let key_blob = unlocker.locked[0].key.public_blob().to_vec();
        for (name, missed) in [("/k/other", 0), ("/k/key", 1)] {
            let answer = unlocker.unlock(&UnlockQuestion {
                peer: PEER,
                name,
                key_blob: &key_blob,
            });
            assert!(matches!(answer, Answer::Now(None)));
            assert_eq!(unlocker.missed.all().len(), missed);
        }
    }

    #[test]
    fn a_prompt_shows_no_more_of_a_name_than_ssh_and_no_controls() {
        let shown = |len| prompt(&"x".repeat(len)).matches('x').count();
        assert_eq!(shown(NAME_MAX - 1), NAME_MAX - 1);
        assert_eq!(shown(NAME_MAX), NAME_MAX);
        assert_eq!(shown(NAME_MAX + 1), NAME_MAX);
        let prompt = prompt("a\x1b[2J");
        assert_eq!(prompt, "Enter passphrase for key 'a\\u{1b}[2J': ");
    }
}
