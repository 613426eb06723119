//! What `adit-keygen` does, and where: files, the person, standard output.

use std::fmt::Display;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::exit::FAILURE;
use crate::file::{self, Contents, FileError};
use crate::keygen::ask::Ask;
use crate::keygen::command::{Command, HELP, USAGE};
use crate::keygen::{make, public, show};
use crate::me::Me;
use crate::provider::{IDENT, PROVIDER};
use crate::report::Report;
use crate::terminal::NoAnswer;

/// Below the home directory, when nobody names another file.
const DEFAULT_FILE: &str = ".ssh/id_ed25519";
/// The name of standard input.
const STANDARD_INPUT: &str = "-";

/// How it ends. Scripts know ssh-keygen's two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It did what it was asked to.
    Done,
    /// A person said no, or could not be asked: 1.
    Declined,
    /// Something failed, and a line said what: 255.
    Failed,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::SUCCESS,
            Ending::Declined => Self::from(1),
            Ending::Failed => Self::from(FAILURE),
        }
    }
}

/// Where it happens.
pub struct World<'a> {
    /// Who makes keys.
    pub me: &'a Me,
    /// The name of this machine.
    pub host: String,
    /// Who is asked.
    pub person: &'a mut dyn Ask,
    /// What was asked for, and what is done.
    pub out: &'a mut dyn Write,
    /// What fails.
    pub report: &'a Report,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({:?})", self.me)
    }
}

/// Does it.
pub fn run(command: Command, world: &mut World<'_>) -> Ending {
    let done = match command {
        Command::Help => world.say(&format_args!("{USAGE}\n{HELP}")),
        Command::Version => {
            let version = IDENT.trim_start_matches("SSH-2.0-");
            world.say(&format_args!("{version}, {}", PROVIDER.name))
        }
        Command::Make(wanted) => make::make(wanted, world),
        Command::Show(file) => show::show(file, world),
        Command::Public(wanted) => public::print(wanted, world),
    };
    done.err().unwrap_or(Ending::Done)
}

impl World<'_> {
    /// A line on standard output.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub(super) fn say(&mut self, line: &dyn Display) -> Result<(), Ending> {
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        written.map_err(|error| {
            // Otherwise whoever reads has read enough.
            if error.kind() != io::ErrorKind::BrokenPipe {
                let why = file::reason(&error);
                self.report.error(format_args!("adit-keygen: {why}"));
            }
            Ending::Failed
        })
    }

    /// Says what failed.
    pub(super) fn failed(&self, line: impl Display) -> Ending {
        self.report.error(line);
        Ending::Failed
    }

    /// Says why a person gave no answer.
    pub(super) fn no_answer(&self, why: &NoAnswer) -> Ending {
        self.report.error(format_args!("adit-keygen: {why}"));
        Ending::Declined
    }

    /// The file that was named, or that a person names now.
    pub(super) fn file(
        &mut self,
        named: Option<PathBuf>,
        question: &str,
    ) -> Result<PathBuf, Ending> {
        if let Some(file) = named {
            return Ok(file);
        }
        let usual = self.me.home.join(DEFAULT_FILE);
        let prompt = format!("{question} ({}): ", usual.display());
        match self.person.line(&prompt) {
            Ok(line) if line.is_empty() => Ok(usual),
            Ok(line) => Ok(line.into()),
            Err(why) => Err(self.no_answer(&why)),
        }
    }
}

/// What a file holds, or standard input; `None` for the ownership of the latter.
pub(super) fn read(path: &Path, max: usize) -> Result<(Vec<u8>, Option<Contents>), FileError> {
    if path != Path::new(STANDARD_INPUT) {
        let mut contents = file::read(path, max)?;
        return Ok((std::mem::take(&mut contents.bytes), Some(contents)));
    }
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    // At its full size, so that a key in it is never moved.
    let mut bytes = Vec::with_capacity(file::KEY_MAX.saturating_add(1));
    io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(FileError::TooLarge);
    }
    Ok((bytes, None))
}
