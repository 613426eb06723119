//! Every test here runs on every provider that was built in (`--all-features` for both), against
//! every provider that was built in.

#![cfg(any(feature = "ring", feature = "pure"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod ciphers;
mod kex;
mod signatures;

use adit_crypto::{Provider, SecureRandom, Unspecified};

/// Every provider that was built in.
fn providers() -> Vec<&'static Provider> {
    vec![
        #[cfg(feature = "ring")]
        &adit_crypto::RING,
        #[cfg(feature = "pure")]
        &adit_crypto::PURE,
    ]
}

/// Makes a test of each function, for each provider.
macro_rules! on_each_provider {
    ($($name:ident),+ $(,)?) => {
        #[cfg(feature = "ring")]
        mod ring {
            $(#[test] fn $name() { super::$name(&adit_crypto::RING); })+
        }
        #[cfg(feature = "pure")]
        mod pure {
            $(#[test] fn $name() { super::$name(&adit_crypto::PURE); })+
        }
    };
}
use on_each_provider;

/// A repeatable stream of bytes (xorshift64*), and no good for keys.
struct Repeatable(std::sync::Mutex<u64>);

impl Repeatable {
    fn new(seed: u64) -> Self {
        Self(std::sync::Mutex::new(seed | 1))
    }

    fn bytes(&self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.fill(&mut out).unwrap();
        out
    }
}

impl SecureRandom for Repeatable {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let mut state = self.0.lock().unwrap();
        for byte in out {
            *state ^= *state >> 12;
            *state ^= *state << 25;
            *state ^= *state >> 27;
            *byte = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0];
        }
        Ok(())
    }
}
