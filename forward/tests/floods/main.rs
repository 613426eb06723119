//! Floods: what a peer that is logged in, or about to be, can send without end. Whole sessions, on
//! both roles, counted: bytes of memory that stay, allocations, messages and bytes that go back,
//! and time for each message. `docs/attacks.md` says what each of them is about.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod app;
mod crowd;
mod cycles;
mod data_path;
mod exchanges;
mod flooded;
mod full;
mod gauge;
mod held;
mod kinds;
mod login;
mod mixes;
mod rest;
mod steady;
mod strangers;
mod unread;
