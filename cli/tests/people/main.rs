//! `adit` with a person in front of it: on a terminal of its own, without one, and in the
//! background. The server is `aditd` on loopback; ports are the system's choice.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "client", feature = "server"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure of a helper is a failure of its test"
)]

mod askpass;
mod background;
#[path = "../directory/mod.rs"]
mod directory;
mod lab;
mod prompts;
mod terminal;
