//! HMAC with SHA-256 and SHA-512.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use crate::etm;
use crate::hash::HASH_MAX;
use crate::provider::Unspecified;

pub(super) struct HmacSha256(Hmac<Sha256>);

impl etm::Hmac for HmacSha256 {
    const NAME: &'static str = "hmac-sha2-256-etm@openssh.com";
    const LEN: usize = 32;

    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        keyed(key).map(Self)
    }

    fn sign(&self, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]) {
        sign(&self.0, parts, tag);
    }
}

pub(super) struct HmacSha512(Hmac<Sha512>);

impl etm::Hmac for HmacSha512 {
    const NAME: &'static str = "hmac-sha2-512-etm@openssh.com";
    const LEN: usize = 64;

    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        keyed(key).map(Self)
    }

    fn sign(&self, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]) {
        sign(&self.0, parts, tag);
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8]) -> Result<M, Unspecified> {
    M::new_from_slice(key).map_err(|_| Unspecified)
}

/// The keyed state is copied and the copy wiped on drop.
fn sign<M: Mac + Clone>(keyed: &M, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]) {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    for (to, from) in tag.iter_mut().zip(mac.finalize().into_bytes()) {
        *to = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_as_rfc_4231_publishes_it() {
        etm::tests::hmac_is_as_rfc_4231_publishes_it::<HmacSha256>();
        etm::tests::hmac_is_as_rfc_4231_publishes_it::<HmacSha512>();
    }

    #[test]
    fn a_direction_costs_less_than_four_kilobytes() {
        etm::tests::a_direction_costs_less_than_four_kilobytes::<HmacSha256>();
        etm::tests::a_direction_costs_less_than_four_kilobytes::<HmacSha512>();
    }
}
