//! How the programs end. OpenSSH has one number for all its own failures; scripts rely on it.

use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal, raise};

/// Usage, configuration, connection, host key, login, a forward that was insisted on: everything
/// that is our own failure (ssh(1), "EXIT STATUS").
pub const FAILURE: u8 = 255;

/// Why a program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It did what it was asked to, or a person told it to stop.
    Done,
    /// Something failed, and a line said what.
    Failed,
    /// By a signal, before it had begun what it was asked to do.
    Killed(Signal),
}

impl Exit {
    /// The code to return from `main`. A signal takes its effect here instead, so that whoever
    /// waits sees it: only then does a shell end the loop that Ctrl-C was meant for.
    #[must_use]
    pub fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(FAILURE),
            Self::Killed(signal) => {
                let mut set = SigSet::empty();
                set.add(signal);
                // Where neither has an effect the code says enough.
                let _ = raise(signal);
                let _ = set.thread_unblock();
                ExitCode::from(FAILURE)
            }
        }
    }
}
