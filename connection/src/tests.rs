//! The table from outside: payloads in, events and messages out.

#![expect(
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "small numbers of our own, and tables that list what is special"
)]

mod cycles;
mod end;
mod forwards;
mod loans;
mod matrix;
mod open;
mod pair;
mod requests;
mod support;
mod windows;
