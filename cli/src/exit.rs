//! How the programs end. OpenSSH has one number for all its own failures; scripts rely on it.

use std::process::ExitCode;

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
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(FAILURE),
        }
    }
}
