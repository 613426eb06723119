//! RSA: verifies keys of 2048 to 8192 bits, signs with those of 2048, 3072 and 4096.

use adit_proto::Mpint;
use adit_proto::blob::{RsaHash, RsaPublic};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RsaEncoding, RsaParameters,
};

use super::crt::crt_exponent;
use crate::provider::Unspecified;
use crate::rsa;
use crate::sign::{LoadError, RsaPrivate};

/// Longest modulus that ring signs with, in bits.
const SIGNING_BITS_MAX: usize = 4096;
/// It wants primes of whole 512 bits.
const SIGNING_BITS_STEP: usize = 1024;
/// Smallest exponent that it signs with, 65537; OpenSSH made keys with 35 for years, PuTTY with 37.
const SIGNING_EXPONENT_MIN: &[u8] = &[1, 0, 1];

pub(super) struct Rsa(KeyPair);

impl rsa::Rsa for Rsa {
    fn from_numbers(public: &RsaPublic<'_>, key: &RsaPrivate<'_>) -> Result<Self, LoadError> {
        // Without leading zeros, of two numbers of one length the larger one is later in order.
        let e = public.e;
        let is_e_large = (e.len(), e) >= (SIGNING_EXPONENT_MIN.len(), SIGNING_EXPONENT_MIN);
        let bits = public.bits();
        if bits > SIGNING_BITS_MAX || !bits.is_multiple_of(SIGNING_BITS_STEP) || !is_e_large {
            return Err(LoadError::Unsupported);
        }
        let [d, p, q, q_inv] =
            [key.d, key.p, key.q, key.iqmp].map(|n| Mpint::from_unsigned(n).magnitude());
        if d.len() > public.n.len() {
            return Err(LoadError::HalvesDiffer);
        }
        let d_p = crt_exponent(d, p).ok_or(LoadError::HalvesDiffer)?;
        let d_q = crt_exponent(d, q).ok_or(LoadError::HalvesDiffer)?;
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: public.n, e },
            d,
            p,
            q,
            dP: d_p.as_slice(),
            dQ: d_q.as_slice(),
            qInv: q_inv,
        };
        // It compares p q with n and q's inverse with q; e and d are for the first signature.
        KeyPair::from_components(&components)
            .map(Self)
            .map_err(|_| LoadError::HalvesDiffer)
    }

    fn sign(&self, hash: RsaHash, message: &[u8], signature: &mut [u8]) -> Result<(), Unspecified> {
        let encoding: &'static dyn RsaEncoding = match hash {
            RsaHash::Sha256 => &RSA_PKCS1_SHA256,
            RsaHash::Sha512 => &RSA_PKCS1_SHA512,
        };
        self.0
            .sign(encoding, &SystemRandom::new(), message, signature)
            .map_err(|_| Unspecified)
    }

    fn verify(
        public: &RsaPublic<'_>,
        hash: RsaHash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Unspecified> {
        let parameters: &RsaParameters = match hash {
            RsaHash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            RsaHash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        };
        PublicKeyComponents {
            n: public.n,
            e: public.e,
        }
        .verify(parameters, message, signature)
        .map_err(|_| Unspecified)
    }
}
