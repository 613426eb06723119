//! What the programs `adit` and `aditd` are made of: their command lines, files, messages.
//!
//! Everything that speaks SSH is in the crates below; here is what a person sees of it.

#![forbid(unsafe_code)]

pub mod args;
mod elsewhere;
pub mod escape;
pub mod exit;
pub mod file;
pub mod harden;
pub mod inherited;
pub mod me;
pub mod new_file;
pub mod provider;
pub mod report;
pub mod syslog;
pub mod terminal;
mod time;
pub mod value;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "keygen")]
pub mod keygen;
#[cfg(feature = "server")]
pub mod server;

#[cfg(test)]
mod testing;
