//! What tests of every crate share. Nothing here ships.

#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot be set up must fail")]

pub mod keys;
pub mod pair;
pub mod socket;
pub mod toy;
