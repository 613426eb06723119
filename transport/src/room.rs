//! How much room a key exchange needs to send, computed when a transport is made.

use alloc::boxed::Box;

use adit_crypto::SigningKey;
use adit_proto::Field;

use crate::config::Algorithms;
use crate::error::Error;
use crate::frame::OVERHEAD_MAX;
use crate::negotiate::{Offer, Which};
use crate::strict::Role;

/// A signature is shorter than its public key and this: Ed25519 has 83 bytes for a key of 51, ECDSA
/// over nistp384 133 for 136, RSA as many as its key less the exponent.
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

#[cfg(test)]
mod tests {
    use adit_crypto::{NistCurve, encoded};
    use adit_proto::Mpint;
    use adit_proto::blob::{
        EcdsaPublic, EcdsaSignature, OneString, RSA_BITS_MAX, RSA_BITS_MIN, RsaPublic, SSH_ED25519,
    };

    use super::*;

    #[test]
    fn no_signature_is_longer_than_its_key_says() {
        let one_string = |name: &[u8], len: usize| {
            let value = &alloc::vec![0xff; len];
            encoded(&OneString { name, value }).len()
        };
        let mut lens = alloc::vec![(one_string(SSH_ED25519, 32), one_string(SSH_ED25519, 64))];
        for curve in NistCurve::ALL {
            let point = &alloc::vec![4; curve.point_len()];
            let number = alloc::vec![0xff; curve.field_len()];
            let (r, s) = (Mpint::from_unsigned(&number), Mpint::from_unsigned(&number));
            lens.push((
                encoded(&EcdsaPublic { curve, point }).len(),
                encoded(&EcdsaSignature { curve, r, s }).len(),
            ));
        }
        for bits in [RSA_BITS_MIN, RSA_BITS_MAX] {
            let n = alloc::vec![0xff; bits / 8];
            let key = RsaPublic::new(&[3], &n).map(|key| encoded(&key).len());
            lens.push((key.unwrap(), one_string(b"rsa-sha2-512", n.len())));
        }
        for (key, signature) in lens {
            // Besides the two lengths in front of them, which this has to hold, too.
            assert!(
                signature + 8 <= key + SIGNATURE_OVER_KEY,
                "{key} {signature}"
            );
        }
    }
}
