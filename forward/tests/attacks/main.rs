//! Attacks on a session by a peer under the test's control. `docs/attacks.md` says which rule each
//! of them is about, and which published vulnerabilities broke it elsewhere.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use adit_crypto::{Provider, RING};

mod confusion;
mod matrix;
mod packets;
mod proofs;
mod strict;
mod walks;

/// What the peer signs with where it needs keys of every type: RSA is not signed with in `pure`.
fn signer(provider: &'static Provider) -> &'static Provider {
    if provider.name == adit_crypto::PURE.name {
        &RING
    } else {
        provider
    }
}

/// A module of tests for each provider: `name: function,`, where the function takes the provider.
macro_rules! on_every_provider {
    ($($name:ident: $function:ident,)*) => {
        $crate::on_every_provider! { @of ring (adit_crypto::RING) $($name $function)* }
        $crate::on_every_provider! { @of pure (adit_crypto::PURE) $($name $function)* }
        $crate::on_every_provider! { @of toy (adit_testkit::toy::PROVIDER) $($name $function)* }
    };
    (@of $provider:ident ($value:expr) $($name:ident $function:ident)*) => {
        mod $provider {
            $(#[test]
            fn $name() {
                super::$function(&$value);
            })*
        }
    };
}
use on_every_provider;
