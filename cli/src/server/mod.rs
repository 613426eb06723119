//! The server `aditd`: sshd's command line, configuration, files and log lines around the event
//! loop. It opens TCP connections for its clients and does nothing else for them: there is no
//! shell, no command, no child process.

pub mod authorized;
pub mod config;
pub mod host_key;
mod keywords;
pub mod listen;
pub mod log;
