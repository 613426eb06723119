//! A program that asks for us, in a window: `SSH_ASKPASS` of ssh(1).
//!
//! It is started directly, not by a shell, with the prompt as its only argument. Its first line of
//! output is the answer, and any exit code but 0 means that there is none. This is the only
//! program that adit ever starts.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use adit_crypto::Secret;
use nix::sys::signal::SigSet;

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
        let mut child = start(program, prompt).map_err(|error| {
            // ssh's words.
            let (program, why) = (program.display(), reason(&error));
            io::Error::other(format!("ssh_askpass: exec({program}): {why}"))
        })?;
        let output = child.stdout.take();
        *doing = Doing::Waiting(child);
        output
    };
    let read = output.map_or(Ok(()), |output| read_all(output, &mut answer));
    let status = wait(shared)?;
    read?;
    match status {
        Some(status) if status.success() => answer.into_secret(),
        Some(_) | None => Err(NoAnswer::Cancelled),
    }
}

/// Signals that this thread has blocked would be blocked in the child, which could then not be
/// interrupted. So they are let in while it is made: one that comes just then ends this program
/// without its last words.
fn start(program: &OsStr, prompt: &str) -> io::Result<Child> {
    let mask = SigSet::thread_get_mask()?;
    SigSet::empty().thread_set_mask()?;
    let child = Command::new(program)
        .arg(prompt)
        .stdout(Stdio::piped())
        .spawn();
    mask.thread_set_mask()?;
    child
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

/// Until the child has ended; `None` when it was ended by [`super::Person::dismiss`].
fn wait(shared: &Shared) -> Result<Option<ExitStatus>, NoAnswer> {
    loop {
        {
            let mut doing = shared.doing();
            let Doing::Waiting(child) = &mut *doing else {
                return Ok(None);
            };
            if let Some(status) = child.try_wait()? {
                *doing = Doing::Nothing;
                return Ok(Some(status));
            }
        }
        thread::sleep(REAP_INTERVAL);
    }
}
