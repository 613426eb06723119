//! `-f`: on in the background, once the forwards stand.
//!
//! fork(2) takes one thread along, so all others end first; and what a signal descriptor of before
//! tells is about the parent, so that is made anew.

use std::fs::{self, OpenOptions};
use std::io;
use std::thread;
use std::time::Duration;

use adit_forward::reactor::{Reactor, Signals};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{daemon, dup2_stderr, dup2_stdin, dup2_stdout};

use crate::report::{Level, Report};

/// How often, and how far apart, threads that have ended are looked for in /proc: they leave it a
/// moment after whoever waited for them goes on.
const LOOKS_MAX: u32 = 500;
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// Leaves the parent behind, which exits with 0: it has nothing more to say. Relative names of
/// files keep their meaning.
///
/// # Errors
/// When there is another thread, or the system refuses. Nothing has changed then, unless it was a
/// descriptor that could not be had in the new process.
pub fn go(reactor: &mut Reactor, report: &Report) -> io::Result<()> {
    reactor.quiesce();
    let tasks = tasks()?;
    report.debug(format_args!("forking to background, from {tasks} thread"));
    if tasks != 1 {
        return Err(io::Error::other("a thread is left that cannot come along"));
    }
    let (stay_in_directory, leave_descriptors) = (true, true);
    daemon(stay_in_directory, leave_descriptors)?;
    forget_hangup()?;
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    // As ssh: whoever wants to be told everything still is.
    if !(report.is_stderr() && report.shows(Level::Debug1)) {
        dup2_stderr(&null)?;
    }
    reactor.renew_signals(Signals::block()?)
}

/// Where the parent led its session, its end hangs the terminal up; and this process was still of
/// that session for a moment. Whatever came of that is pending here by now.
fn forget_hangup() -> nix::Result<()> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGHUP);
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    SignalFd::with_flags(&set, flags)?.read_signal().map(drop)
}

/// How many threads there are.
fn tasks() -> io::Result<usize> {
    let mut looks = 0;
    loop {
        let tasks = fs::read_dir("/proc/self/task")?.count();
        looks += 1;
        if tasks == 1 || looks == LOOKS_MAX {
            return Ok(tasks);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_that_stays_is_counted() {
        let (hold, held) = mpsc::channel::<()>();
        let thread = thread::spawn(move || held.recv());
        assert!(tasks().unwrap() > 1);
        drop(hold);
        assert!(thread.join().unwrap().is_err());
    }
}
