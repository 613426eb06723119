//! A program that asks for us, in a window: `SSH_ASKPASS` of ssh(1).
//!
//! It is started directly, not by a shell, with the prompt as its only argument. Its first line of
//! output is the answer, and any exit code but 0 means that there is none. Beside a
//! `ProxyCommand` this is the only program that adit ever starts.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, ErrorKind, PipeReader};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::thread;
use std::time::Duration;

use adit_crypto::Secret;
use nix::errno::Errno;
use nix::libc::STDOUT_FILENO;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::answer::Answer;
use super::{Doing, NoAnswer, Shared};
use crate::file::reason;

/// Between looks at whether a program that has said everything has ended.
const REAP_INTERVAL: Duration = Duration::from_millis(20);

/// Has `program` ask.
pub(super) fn ask(shared: &Shared, program: &OsStr, prompt: &str) -> Result<Secret, NoAnswer> {
    let mut answer = Answer::new();
    let output = {
        let mut doing = shared.doing();
        if matches!(*doing, Doing::Over) {
            return Err(NoAnswer::Cancelled);
        }
        let (child, output) = Child::start(program, prompt).map_err(|error| {
            // ssh's words.
            let (program, why) = (program.display(), reason(&error));
            io::Error::other(format!("ssh_askpass: exec({program}): {why}"))
        })?;
        *doing = Doing::Waiting(child);
        output
    };
    let read = read_all(output, &mut answer);
    let ended = wait(shared)?;
    read?;
    match ended {
        Ended::Well => answer.into_secret(),
        Ended::Otherwise => Err(NoAnswer::Cancelled),
    }
}

/// A program that was started and is still to be waited for, so that its number is its own.
#[derive(Debug)]
pub(super) struct Child(Pid);

/// How a program ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    /// With exit code 0.
    Well,
    /// With another one, by a signal, or by [`super::Person::dismiss`].
    Otherwise,
}

impl Child {
    /// Signals that this thread has blocked, or this program ignores, would be so in the child, which
    /// could then not be interrupted. What std starts inherits them, and letting them in here while
    /// it does would let them end this program without its last words.
    fn start(program: &OsStr, prompt: &str) -> io::Result<(Self, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let mut files = PosixSpawnFileActions::init()?;
        files.add_dup2(writer.as_raw_fd(), STDOUT_FILENO)?;
        let mut attributes = PosixSpawnAttr::init()?;
        let signals = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
        attributes.set_flags(signals | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF)?;
        attributes.set_sigmask(&SigSet::empty())?;
        let mut by_default = SigSet::empty();
        by_default.add(Signal::SIGPIPE); // which std ignores
        attributes.set_sigdefault(&by_default)?;
        let path = CString::new(program.as_bytes())?;
        let arguments = [path.clone(), CString::new(prompt)?];
        let variables: Vec<CString> = env::vars_os().filter_map(variable).collect();
        let pid = posix_spawnp(&path, &files, &attributes, &arguments, &variables)?;
        Ok((Self(pid), reader))
    }

    fn try_wait(&self) -> nix::Result<Option<Ended>> {
        match waitpid(self.0, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => Ok(None),
            Ok(WaitStatus::Exited(_, 0)) => Ok(Some(Ended::Well)),
            Ok(_) => Ok(Some(Ended::Otherwise)),
            Err(error) => Err(error),
        }
    }

    /// Now.
    pub(super) fn end(self) {
        // It may have ended already.
        let _ = kill(self.0, Signal::SIGKILL);
        while waitpid(self.0, None) == Err(Errno::EINTR) {}
    }
}

/// As a program finds it in its environment.
fn variable((name, value): (OsString, OsString)) -> Option<CString> {
    let both = [name.as_bytes(), b"=", value.as_bytes()].concat();
    CString::new(both).ok()
}

/// To the end, or as much as there is room for: then the program hears that nobody listens.
fn read_all(mut output: impl io::Read, answer: &mut Answer) -> io::Result<()> {
    while !answer.is_full() {
        match answer.read(&mut output) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Until the child has ended.
fn wait(shared: &Shared) -> Result<Ended, NoAnswer> {
    loop {
        {
            let mut doing = shared.doing();
            let Doing::Waiting(child) = &*doing else {
                return Ok(Ended::Otherwise);
            };
            if let Some(ended) = child.try_wait()? {
                *doing = Doing::Nothing;
                return Ok(ended);
            }
        }
        thread::sleep(REAP_INTERVAL);
    }
}
