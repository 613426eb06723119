//! Client and server event loops in threads, joined over loopback: real sockets, ports of the
//! system's choosing, and no sleeps but where silence is the matter: every step waits for what it
//! needs.

#![cfg(feature = "reactor")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod agent;
mod ahead;
mod asked;
mod asking;
mod dynamic;
mod farewell;
mod hops;
mod host_key;
mod hostile;
mod life;
mod loops;
mod paths;
mod people;
mod remote;
mod remotes;
mod scripted;
mod signals;
mod startups;
mod stdio;
mod streams;
mod world;
