//! Attacks on a session by a peer under the test's control. `docs/attacks.md` says which rule each
//! of them is about, and which published vulnerabilities broke it elsewhere.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use adit_crypto::{Provider, RING};

mod answers;
mod channels;
mod conduct;
mod confusion;
mod forwards;
mod matrix;
mod packets;
mod proofs;
mod sequences;
mod strict;
mod unsound;
mod walks;
mod windows;

/// What the peer signs with where it needs keys of every type: RSA is not signed with in `pure`.
fn signer(provider: &'static Provider) -> &'static Provider {
    if provider.name == adit_crypto::PURE.name {
        &RING
    } else {
        provider
    }
}
