//! The two machines of authentication: with each other, and with strangers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod client;
mod common;
mod hostbound;
mod key_types;
mod partial;
mod people;
mod scripts;
mod server;
