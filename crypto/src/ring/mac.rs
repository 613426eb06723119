//! HMAC with SHA-256 and SHA-512.

use ring::hmac::{self, Context, Key};

use crate::etm;
use crate::hash::HASH_MAX;
use crate::provider::Unspecified;

pub(super) struct HmacSha256(Key);

impl etm::Hmac for HmacSha256 {
    const NAME: &'static str = "hmac-sha2-256-etm@openssh.com";
    const LEN: usize = 32;

    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self(Key::new(hmac::HMAC_SHA256, key)))
    }

    fn sign(&self, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]) {
        sign(&self.0, parts, tag);
    }
}

pub(super) struct HmacSha512(Key);

impl etm::Hmac for HmacSha512 {
    const NAME: &'static str = "hmac-sha2-512-etm@openssh.com";
    const LEN: usize = 64;

    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self(Key::new(hmac::HMAC_SHA512, key)))
    }

    fn sign(&self, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]) {
        sign(&self.0, parts, tag);
    }
}

fn sign(key: &Key, parts: [&[u8]; 2], tag: &mut [u8; HASH_MAX]) {
    let mut context = Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
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
