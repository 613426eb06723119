//! What the tests of several modules share.

use alloc::vec::Vec;

use adit_crypto::encoded;
use adit_proto::blob::{OneString, SSH_ED25519};
use adit_testkit::dice::Dice;

/// `bytes` with a few changes: bits, bytes, cuts, repetitions.
pub(crate) fn mutate(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(out.len() + 1);
        let byte = dice.next().to_le_bytes()[0];
        match dice.below(6) {
            0 => out.truncate(at),
            1 => out.insert(at, byte),
            2 => out.insert(at, b"\n \t,\"\\|@!*?=/"[usize::from(byte) % 13]),
            3 if at < out.len() => out[at] = byte,
            4 if at < out.len() => out[at] ^= 1 << (byte % 8),
            5 if at < out.len() => {
                let end = at + dice.below(out.len() - at) + 1;
                let part = out[at..end].to_vec();
                let at = dice.below(out.len() + 1);
                out.splice(at..at, part);
            }
            _ => {}
        }
    }
    out
}

/// A key blob of 32 equal bytes.
pub(crate) fn ed25519_blob(seed: u8) -> Vec<u8> {
    encoded(&OneString {
        name: SSH_ED25519,
        value: &[seed; 32],
    })
}
