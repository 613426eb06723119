//! The terminal that controls this process: a prompt, a line, and its settings put back.
//!
//! A secret is read with echo off and the kernel's own line editing on. Three keys would end or
//! stop the program meanwhile and leave the terminal mute:
//!
//! * Ctrl-C raises SIGINT, which an event loop (or [`Interrupts::Here`]) notices; whoever ends the
//!   program calls [`Person::dismiss`].
//! * Ctrl-Z and Ctrl-\ raise nothing while a secret is typed: they end the line, which is then
//!   forgotten, and their signal is sent from here once the terminal is as it was. After `fg` the
//!   question is put again.
//!
//! A signal that cannot be caught (SIGSTOP, SIGKILL) leaves it mute, as ssh does; if the program
//! is continued in the foreground it notices within [`TICK`] that somebody turned echo on.
//!
//! [`Interrupts::Here`]: super::interrupts::Interrupts::Here
//! [`Person::dismiss`]: super::Person::dismiss

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::Duration;

use adit_auth::Echo;
use adit_crypto::Secret;
use nix::fcntl::OFlag;
use nix::libc::{_POSIX_VDISABLE, VEOL, VEOL2, VQUIT, VSUSP};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::answer::Answer;
use super::interrupts::{Held, send_to_job};
use super::{Doing, NoAnswer, Shared};

/// How often a terminal on which nothing is typed is looked at.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// An open terminal.
#[derive(Debug)]
pub(super) struct Tty(File);

/// A terminal that does not show what is typed, and what it was like before.
#[derive(Debug)]
pub(super) struct Silent {
    tty: File,
    before: Termios,
}

/// What a person did.
enum Typed {
    /// A line, or the end of input.
    Line,
    /// The key for this signal.
    Key(Signal),
    /// This signal came.
    Interrupt(Signal),
}

impl Tty {
    /// The one that controls this process.
    pub(super) fn open() -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(OFlag::O_NOCTTY.bits());
        options.open("/dev/tty").map(Self)
    }

    #[cfg(test)]
    pub(super) const fn over(file: File) -> Self {
        Self(file)
    }

    /// Shows `prompt`, reads a line.
    pub(super) fn ask(
        &self,
        shared: &Shared,
        prompt: &str,
        echo: Echo,
    ) -> Result<Secret, NoAnswer> {
        let mut answer = Answer::new();
        loop {
            let interrupts = shared.interrupts.hold()?;
            let typed = {
                let silence = match echo {
                    Echo::No => Some(Silence::begin(shared, self)?),
                    Echo::Yes => None,
                };
                // From the line's first column: over what was typed too early.
                (&self.0).write_all(format!("\r{prompt}").as_bytes())?;
                let typed = self.read_line(shared, silence.as_ref(), &interrupts, &mut answer);
                drop(silence);
                typed?
            };
            match typed {
                Typed::Line if answer.is_empty() => return Err(NoAnswer::Cancelled),
                Typed::Line => return answer.into_secret(),
                Typed::Interrupt(signal) => interrupts.deliver(signal),
                Typed::Key(signal) => {
                    drop(interrupts);
                    send_to_job(signal)?;
                }
            }
            answer.forget();
        }
    }

    fn read_line(
        &self,
        shared: &Shared,
        silence: Option<&Silence<'_>>,
        interrupts: &Held,
        answer: &mut Answer,
    ) -> Result<Typed, NoAnswer> {
        loop {
            if shared.is_over() {
                return Err(NoAnswer::Cancelled);
            }
            if !is_in_foreground(&self.0) {
                stop_in_background(Signal::SIGTTIN)?;
                continue;
            }
            if let Some(silence) = silence {
                silence.renew()?;
            }
            let mut ready = vec![PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            let signals = interrupts.fd();
            ready.extend(signals.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            let tick = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::NONE);
            match poll(&mut ready, tick) {
                Ok(0) | Err(nix::Error::EINTR) => continue,
                polled => polled?,
            };
            if let Some(signal) = interrupts.next() {
                return Ok(Typed::Interrupt(signal));
            }
            let typing = ready.first().and_then(PollFd::any).unwrap_or(false);
            if !typing || !is_in_foreground(&self.0) {
                continue;
            }
            match answer.read(&self.0) {
                Ok(0) => return Ok(Typed::Line),
                Ok(_) if answer.last() == Some(b'\n') => return Ok(Typed::Line),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if let Some(signal) = silence.and_then(|s| s.signal_of(answer.last())) {
                return Ok(Typed::Key(signal));
            }
        }
    }
}

/// At once, without waiting for what is still to be shown. What was typed before a question is not
/// its answer, and the rest of a secret is not for whoever reads next: both are dropped.
fn set(tty: &File, settings: &Termios) -> nix::Result<()> {
    tcsetattr(tty, SetArg::TCSANOW, settings)?;
    tcflush(tty, FlushArg::TCIFLUSH)
}

/// Whether this process may use the terminal. `true` for one that is not its own: there are no
/// jobs then.
fn is_in_foreground(tty: &File) -> bool {
    tcgetpgrp(tty).map_or(true, |group| group == getpgrp())
}

/// Stops the job as the kernel would if it read or set the terminal now, so that the shell says that
/// it waits for `fg`. Where no shell could continue it the kernel passes the signal over (POSIX.1
/// §11.1.4, orphaned process groups).
fn stop_in_background(signal: Signal) -> nix::Result<()> {
    send_to_job(signal)?;
    thread::sleep(TICK);
    Ok(())
}

/// Echo is off for as long as this lives, or until [`super::Person::dismiss`].
struct Silence<'a> {
    shared: &'a Shared,
    silent: Termios,
    suspend: u8,
    quit: u8,
}

impl<'a> Silence<'a> {
    fn begin(shared: &'a Shared, tty: &Tty) -> Result<Self, NoAnswer> {
        while !is_in_foreground(&tty.0) {
            if shared.is_over() {
                return Err(NoAnswer::Cancelled);
            }
            stop_in_background(Signal::SIGTTOU)?;
        }
        let before = tcgetattr(&tty.0)?;
        let mut silent = before.clone();
        let echo = LocalFlags::ECHO | LocalFlags::ECHONL;
        silent.local_flags.remove(echo);
        let [suspend, quit] = [(VSUSP, VEOL), (VQUIT, VEOL2)].map(|(from, to)| {
            let key = silent.control_chars.get(from).copied();
            let key = key.unwrap_or(_POSIX_VDISABLE);
            for (at, value) in [(from, _POSIX_VDISABLE), (to, key)] {
                if let Some(place) = silent.control_chars.get_mut(at) {
                    *place = value;
                }
            }
            key
        });
        let file = tty.0.try_clone()?;
        let mut doing = shared.doing();
        if matches!(*doing, Doing::Over) {
            return Err(NoAnswer::Cancelled);
        }
        set(&tty.0, &silent)?;
        *doing = Doing::Reading(Silent { tty: file, before });
        drop(doing);
        Ok(Self {
            shared,
            silent,
            suspend,
            quit,
        })
    }

    /// Turns echo off again if somebody turned it on: a shell, when the program was stopped from
    /// elsewhere and continued. What is typed just then is part of the answer, and is kept.
    fn renew(&self) -> Result<(), NoAnswer> {
        if let Doing::Reading(Silent { tty, .. }) | Doing::LastLine(Silent { tty, .. }) =
            &*self.shared.doing()
        {
            let now = tcgetattr(tty)?;
            if now.local_flags.contains(LocalFlags::ECHO) {
                tcsetattr(tty, SetArg::TCSANOW, &self.silent)?;
            }
        }
        Ok(())
    }

    /// What a key does that has ended the line.
    fn signal_of(&self, key: Option<u8>) -> Option<Signal> {
        match key? {
            _POSIX_VDISABLE => None,
            key if key == self.suspend => Some(Signal::SIGTSTP),
            key if key == self.quit => Some(Signal::SIGQUIT),
            _ => None,
        }
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let mut doing = self.shared.doing();
        match std::mem::take(&mut *doing) {
            Doing::Reading(silent) => silent.end(),
            Doing::LastLine(silent) => {
                *doing = Doing::Over;
                silent.restore();
            }
            other @ (Doing::Nothing | Doing::Waiting(_) | Doing::Over) => *doing = other,
        }
    }
}

impl Silent {
    /// Makes the terminal what it was, and ends the line: what the person typed was not shown.
    pub(super) fn end(&self) {
        self.restore();
        self.end_line();
    }

    /// Makes the terminal what it was. In the background it is somebody else's, who has set it.
    pub(super) fn restore(&self) {
        if is_in_foreground(&self.tty) {
            let _ = set(&self.tty, &self.before);
        }
    }

    /// What comes next is to be on a line of its own. A terminal whose output is stopped (Ctrl-S) does
    /// not keep the program from ending.
    pub(super) fn end_line(&self) {
        let mut ready = [PollFd::new(self.tty.as_fd(), PollFlags::POLLOUT)];
        if is_in_foreground(&self.tty) && poll(&mut ready, PollTimeout::ZERO) == Ok(1) {
            let _ = (&self.tty).write_all(b"\n");
        }
    }
}
