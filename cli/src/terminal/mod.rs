//! The person in front of this program, and how to ask them something.
//!
//! On the terminal that controls the process, whatever stdin and stderr are; or, as ssh does, by a
//! program that shows a window (`SSH_ASKPASS`). Asking waits, so it never happens on an event
//! loop's thread. Whatever becomes of the program, a terminal gets back the settings that it had.
//!
//! Text that is shown has to be printable: what a peer said goes through [`crate::escape::text`]
//! first.

mod answer;
mod askpass;
mod interrupts;
#[cfg(test)]
mod tests;
mod tty;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use adit_auth::Echo;
use adit_crypto::Secret;

use crate::file::reason;
pub use answer::ANSWER_MAX;
use askpass::Child;
use interrupts::Interrupts;
use tty::{Silent, Tty};

/// How long a person may take to finish a line that nobody waits for any more, and how often it is
/// looked at. ssh waits for ever, and says only then that the server has hung up.
const LAST_LINE_TIME: Duration = Duration::from_secs(10);
const LAST_LINE_INTERVAL: Duration = Duration::from_millis(20);

/// Why there is no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoAnswer {
    /// There is no terminal and no other way to ask.
    Nobody,
    /// The end of input, a window that was closed, or the end of the program.
    Cancelled,
    /// It was longer than [`ANSWER_MAX`] bytes. It is not cut: half a password is none.
    TooLong,
    /// The system's error.
    Io(io::Error),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("there is nobody to ask"),
            Self::Cancelled => f.write_str("there was no answer"),
            Self::TooLong => write!(f, "the answer is longer than {ANSWER_MAX} bytes"),
            Self::Io(error) => f.write_str(&reason(error)),
        }
    }
}

impl std::error::Error for NoAnswer {}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<nix::Error> for NoAnswer {
    fn from(error: nix::Error) -> Self {
        Self::Io(error.into())
    }
}

/// Whoever answers. Clones mean the same person.
#[derive(Clone, Debug)]
pub struct Person(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    askpass: Askpass,
    interrupts: Interrupts,
    doing: Mutex<Doing>,
}

/// When a program is used to ask, and which.
#[derive(Debug)]
struct Askpass {
    when: When,
    program: OsString,
}

/// When a program is used to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    Never,
    WithoutTerminal,
    Always,
}

/// What has to be undone when the program ends now.
#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    /// A terminal does not show what is typed.
    Reading(Silent),
    /// The same, and nothing is asked afterwards.
    LastLine(Silent),
    /// A program asks.
    Waiting(Child),
    /// The program ends: nothing is asked any more.
    Over,
}

impl Askpass {
    /// Where ssh looks when `$SSH_ASKPASS` is not set, as Debian builds it.
    const USUAL: &str = "/usr/bin/ssh-askpass";

    /// From `$SSH_ASKPASS`, `$SSH_ASKPASS_REQUIRE`, `$DISPLAY` and `$WAYLAND_DISPLAY`; see ssh(1).
    fn from_environment() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let display = set("DISPLAY").or_else(|| set("WAYLAND_DISPLAY"));
        let require = set("SSH_ASKPASS_REQUIRE").unwrap_or_default();
        Self {
            when: When::new(&require.to_string_lossy(), display.as_deref()),
            program: env::var_os("SSH_ASKPASS").unwrap_or_else(|| Self::USUAL.into()),
        }
    }
}

impl When {
    fn new(require: &str, display: Option<&OsStr>) -> Self {
        let is = |word| require.eq_ignore_ascii_case(word);
        if is("force") {
            Self::Always
        } else if is("never") || display.is_none() {
            Self::Never
        } else if is("prefer") {
            Self::Always
        } else {
            Self::WithoutTerminal
        }
    }
}

impl Person {
    /// The one that the environment leads to. Signals that end the program are somebody else's to
    /// notice, who then calls [`Person::dismiss`].
    #[must_use]
    pub fn from_environment() -> Self {
        Self::new(Askpass::from_environment(), Interrupts::Elsewhere)
    }

    /// One that is always asked by that program.
    #[cfg(test)]
    pub(crate) fn by_program(program: &std::path::Path) -> Self {
        let askpass = Askpass {
            when: When::Always,
            program: program.into(),
        };
        Self::new(askpass, Interrupts::Elsewhere)
    }

    fn new(askpass: Askpass, interrupts: Interrupts) -> Self {
        Self(Arc::new(Shared {
            askpass,
            interrupts,
            doing: Mutex::default(),
        }))
    }

    /// Shows `prompt` and waits for a line, which comes without its end.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn ask(&self, prompt: &str, echo: Echo) -> Result<Secret, NoAnswer> {
        let Askpass { when, program } = &self.0.askpass;
        if *when == When::Always {
            return askpass::ask(&self.0, program, prompt);
        }
        match Tty::open() {
            Ok(tty) => tty.ask(&self.0, prompt, echo),
            Err(_) if *when == When::WithoutTerminal => askpass::ask(&self.0, program, prompt),
            Err(_) => Err(NoAnswer::Nobody),
        }
    }

    /// Nobody waits for an answer any more, and nothing is asked. What is said now gets a line of its
    /// own.
    pub fn hang_up(&self) {
        let child = {
            let mut doing = self.0.doing();
            match std::mem::replace(&mut *doing, Doing::Over) {
                Doing::Reading(silent) => {
                    silent.end_line();
                    *doing = Doing::LastLine(silent);
                    None
                }
                Doing::LastLine(silent) => {
                    *doing = Doing::LastLine(silent);
                    None
                }
                Doing::Waiting(child) => Some(child),
                Doing::Nothing | Doing::Over => None,
            }
        };
        if let Some(child) = child {
            child.end();
        }
    }

    /// After [`hang_up`](Self::hang_up): who was typing a secret types on for a moment, and a shell
    /// would show the rest and run it. So this waits for the end of that line, for as long as it
    /// takes to type one, or until a signal ends the program.
    pub fn await_last_line(&self) {
        let is_typing = || matches!(*self.0.doing(), Doing::LastLine(_));
        let deadline = Instant::now() + LAST_LINE_TIME;
        while is_typing() && Instant::now() < deadline && !interrupts::is_pending() {
            thread::sleep(LAST_LINE_INTERVAL);
        }
    }

    /// The program ends: whatever is being asked is over, and the terminal as it was. Nothing can
    /// be asked any more.
    pub fn dismiss(&self) {
        let doing = std::mem::replace(&mut *self.0.doing(), Doing::Over);
        match doing {
            Doing::Nothing | Doing::Over => {}
            Doing::Reading(silent) => silent.end(),
            Doing::LastLine(silent) => silent.restore(),
            Doing::Waiting(child) => child.end(),
        }
    }
}

impl Shared {
    /// Nothing that could panic happens under the lock.
    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        matches!(*self.doing(), Doing::Over)
    }
}

/// Asks for a secret on behalf of a program that does nothing else meanwhile. SIGINT, SIGTERM and
/// SIGHUP end it as they would have, after the terminal shows again what is typed.
///
/// # Errors
/// [`NoAnswer`].
pub fn read_secret(prompt: &str) -> Result<Secret, NoAnswer> {
    Person::new(Askpass::from_environment(), Interrupts::Here).ask(prompt, Echo::No)
}

/// Asks for what everybody may see, on the terminal alone, on behalf of such a program.
///
/// # Errors
/// [`NoAnswer`].
pub fn read_line(prompt: &str) -> Result<Secret, NoAnswer> {
    let askpass = Askpass {
        when: When::Never,
        program: OsString::new(),
    };
    Person::new(askpass, Interrupts::Here).ask(prompt, Echo::Yes)
}
