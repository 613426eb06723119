//! `adit` through `aditd`, both as programs, on loopback: that bytes arrive, and what a person is
//! told when they do not. Ports are the system's choice.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "client", feature = "server"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of a helper is a failure of its test"
)]

#[path = "../directory/mod.rs"]
mod directory;
mod home;
mod local;
mod logins;
mod remote;
mod servers;
mod trust;
