//! How much room a key exchange needs to send, computed when a transport is made.

use alloc::boxed::Box;

use adit_crypto::SigningKey;
use adit_proto::Field;

use crate::config::Algorithms;
use crate::error::Error;
use crate::frame::OVERHEAD_MAX;
use crate::negotiate::{Offer, Which};
use crate::strict::Role;

/// A signature is shorter than its public key and this: Ed25519 has 83 bytes for a key of 51,
/// RSA and its key are both as long as the modulus.
const SIGNATURE_OVER_KEY: usize = 128;

/// KEXINIT, our share with what goes along with it, and NEWKEYS, each in its packet.
pub(crate) fn kex_room(
    role: Role,
    offer: &Offer,
    algorithms: &Algorithms,
    host_keys: &[Box<dyn SigningKey>],
) -> Result<usize, Error> {
    let kexinit = offer.kexinit([0; 16], Which::Later)?.len();
    let share = match role {
        Role::Client => algorithms
            .kex
            .iter()
            .map(|kex| kex.client_share_len())
            .max(),
        Role::Server => algorithms
            .kex
            .iter()
            .map(|kex| kex.server_share_len())
            .max(),
    };
    let share = [0_u8; 1]
        .as_slice()
        .field_len()
        .saturating_add(share.unwrap_or(0));
    let key = host_keys
        .iter()
        .map(|key| key.public_blob().len())
        .max()
        .unwrap_or(0);
    let signed = key.saturating_mul(2).saturating_add(SIGNATURE_OVER_KEY);
    let payloads = kexinit
        .saturating_add(share)
        .saturating_add(signed)
        .saturating_add(1);
    Ok(payloads.saturating_add(OVERHEAD_MAX.saturating_mul(3)))
}
