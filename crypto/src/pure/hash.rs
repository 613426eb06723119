//! SHA-256, SHA-384, SHA-512 and HMAC-SHA1.

use alloc::boxed::Box;
use core::marker::PhantomData;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
#[cfg(feature = "pure-nist")]
use sha2::Sha384;
use sha2::{Digest, Sha256, Sha512};

use crate::hash::{HASH_MAX, Hash, HashContext};

/// FIPS 180-4.
pub(super) static SHA256: Sha2<Sha256> = Sha2(PhantomData);
/// FIPS 180-4.
#[cfg(feature = "pure-nist")]
pub(super) static SHA384: Sha2<Sha384> = Sha2(PhantomData);
/// FIPS 180-4.
pub(crate) static SHA512: Sha2<Sha512> = Sha2(PhantomData);

pub(crate) struct Sha2<D>(PhantomData<fn() -> D>);

impl<D: Digest + Send + 'static> Hash for Sha2<D> {
    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context(D::new()))
    }
}

struct Context<D>(D);

impl<D: Digest + Send> HashContext for Context<D> {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>, out: &mut [u8; HASH_MAX]) -> usize {
        let digest = self.0.finalize();
        for (to, from) in out.iter_mut().zip(&digest) {
            *to = *from;
        }
        digest.len()
    }
}

/// RFC 2104 with SHA-1: known_hosts has host names hashed so.
pub(super) fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    // Cannot fail: HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else {
        return [0; 20];
    };
    mac.update(data);
    mac.finalize().into_bytes().into()
}
