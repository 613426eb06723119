//! SHA-256, SHA-384, SHA-512 and HMAC-SHA1.

use alloc::boxed::Box;

use ring::{digest, hmac};

use crate::hash::{HASH_MAX, Hash, HashContext};

/// FIPS 180-4.
pub(super) static SHA256: Sha2 = Sha2(&digest::SHA256);
/// FIPS 180-4.
pub(super) static SHA384: Sha2 = Sha2(&digest::SHA384);
/// FIPS 180-4.
pub(crate) static SHA512: Sha2 = Sha2(&digest::SHA512);

pub(crate) struct Sha2(&'static digest::Algorithm);

impl Hash for Sha2 {
    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context(digest::Context::new(self.0)))
    }
}

struct Context(digest::Context);

impl HashContext for Context {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>, out: &mut [u8; HASH_MAX]) -> usize {
        let digest = self.0.finish();
        for (to, from) in out.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        digest.as_ref().len()
    }
}

/// RFC 2104 with SHA-1: known_hosts has host names hashed so.
pub(super) fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, data);
    let mut out = [0; 20];
    for (to, from) in out.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    out
}
