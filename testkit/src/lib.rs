//! What tests of every crate share. Nothing here ships.

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up must fail"
)]

pub mod dice;
pub mod keys;
pub mod kinds;
pub mod net;
pub mod pair;
pub mod providers;
pub mod scripted;
pub mod seeds;
pub mod socket;
pub mod toy;
