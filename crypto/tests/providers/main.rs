//! Every test here runs on every provider that was built in (`--all-features` for both), against
//! every provider that was built in.

#![cfg(any(feature = "ring", feature = "pure"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod ciphers;
mod hashes;
mod kex;
mod signatures;
// What the provider pure has with a feature of its own only.
#[cfg(any(feature = "pure-nist", not(feature = "pure")))]
mod ecdsa;
#[cfg(any(feature = "pure-nist", not(feature = "pure")))]
mod openssh;
#[cfg(any(feature = "pure-nist", not(feature = "pure")))]
mod rsa;

// The two against each other need both, with all that they have.
#[cfg(all(feature = "ring", feature = "pure-nist"))]
mod both;
#[cfg(all(feature = "ring", feature = "pure-nist"))]
mod mutation;
#[cfg(all(feature = "ring", feature = "pure-nist"))]
mod results;
#[cfg(all(feature = "ring", feature = "pure-nist"))]
mod verdicts;

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

/// Randomness as written down, and an error when it has run out.
struct Script(std::sync::Mutex<Vec<u8>>);

impl Script {
    fn new(parts: &[&[u8]]) -> Self {
        let mut bytes = parts.concat();
        bytes.reverse();
        Self(std::sync::Mutex::new(bytes))
    }
}

impl SecureRandom for Script {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        let mut left = self.0.lock().unwrap();
        for byte in out {
            *byte = left.pop().ok_or(Unspecified)?;
        }
        Ok(())
    }
}

/// These bytes, with each of their bits turned in turn.
fn each_bit_turned(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut turned = bytes.to_vec();
        turned[bit / 8] ^= 1 << (bit % 8);
        turned
    })
}
