//! The server `aditd`: sshd's command line, configuration, files and log lines around the event
//! loop. It opens TCP connections for its clients and does nothing else for them: there is no
//! shell, no command, no child process.

pub mod authorized;
pub mod command;
pub mod config;
pub mod host_key;
pub mod host_keys;
mod keywords;
pub mod listen;
pub mod log;
pub mod run;

/// Something is wrong, and the log says what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Said;
