//! Attacks on a session by a peer under the test's control. `docs/attacks.md` says which rule each
//! of them is about, and which published vulnerabilities broke it elsewhere.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod matrix;
mod packets;
mod proofs;
mod strict;
mod walks;
