//! The person who makes a key, and what is asked of them.

use adit_crypto::{Secret, equal};

use crate::terminal::{self, NoAnswer};

/// Somebody who answers.
pub trait Ask {
    /// Shows `prompt` and reads a line that everybody may see, without its end.
    ///
    /// # Errors
    /// [`NoAnswer`].
    fn line(&mut self, prompt: &str) -> Result<String, NoAnswer>;
    /// Shows `prompt` and reads a line that nobody may see, without its end.
    ///
    /// # Errors
    /// [`NoAnswer`].
    fn secret(&mut self, prompt: &str) -> Result<Secret, NoAnswer>;
}

/// On the terminal of this process; secrets by SSH_ASKPASS, too.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

impl Ask for Terminal {
    fn line(&mut self, prompt: &str) -> Result<String, NoAnswer> {
        let line = terminal::read_line(prompt)?;
        Ok(String::from_utf8_lossy(line.expose()).into_owned())
    }

    fn secret(&mut self, prompt: &str) -> Result<Secret, NoAnswer> {
        terminal::read_secret(prompt)
    }
}

/// A new passphrase, typed twice; `None` for none. `say` shows a line in between.
pub(super) fn new_passphrase(
    person: &mut dyn Ask,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Secret>, NoAnswer> {
    loop {
        let first = person.secret("Enter passphrase (empty for no passphrase): ")?;
        let second = person.secret("Enter same passphrase again: ")?;
        if equal(first.expose(), second.expose()) {
            return Ok(Some(first).filter(|first| !first.expose().is_empty()));
        }
        say("Passphrases do not match.  Try again.");
    }
}
