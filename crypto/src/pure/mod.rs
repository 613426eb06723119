//! The provider `pure`: no C, no assembly files, and the one with which a session can be repeated,
//! since all its randomness is what it is given.
//!
//! Keys and hash states are wiped on drop by the libraries' own `zeroize` features.

mod aead;
mod curve;
mod hash;
#[cfg(feature = "ctr")]
mod mac;
#[cfg(feature = "pure-nist")]
mod nist;

use crate::chacha::ChaCha20Poly1305;
use crate::chacha_crates::ChaCha;
use crate::ed25519::Algorithm;
#[cfg(feature = "ctr")]
use crate::etm::AesCtr;
use crate::gcm::AesGcm;
use crate::hybrid::MlKem768X25519;
use crate::provider::{PASSPHRASE_CIPHER, Provider, Unspecified};
use crate::random::SecureRandom;
use crate::x25519::Curve25519;

use aead::Gcm;
use curve::{Ed25519, X25519};
use hash::{SHA256, hmac_sha1};
#[cfg(feature = "ctr")]
use mac::{HmacSha256, HmacSha512};

pub(crate) use hash::SHA512;

/// The provider `pure`.
pub static PURE: Provider = Provider {
    name: "pure",
    kex: &[
        &MLKEM768_X25519,
        &CURVE25519,
        &CURVE25519_LIBSSH,
        #[cfg(feature = "pure-nist")]
        &nist::ECDH_P256,
        #[cfg(feature = "pure-nist")]
        &nist::ECDH_P384,
    ],
    ciphers: &[
        &AES256_GCM,
        &AES128_GCM,
        &CHACHA20_POLY1305,
        #[cfg(feature = "ctr")]
        &AES256_CTR_SHA256,
        #[cfg(feature = "ctr")]
        &AES256_CTR_SHA512,
        #[cfg(feature = "ctr")]
        &AES192_CTR_SHA256,
        #[cfg(feature = "ctr")]
        &AES192_CTR_SHA512,
        #[cfg(feature = "ctr")]
        &AES128_CTR_SHA256,
        #[cfg(feature = "ctr")]
        &AES128_CTR_SHA512,
    ],
    sha256: &SHA256,
    sha512: &SHA512,
    hmac_sha1,
    passphrase_cipher: PASSPHRASE_CIPHER,
    verifiers: &[
        &ED25519,
        #[cfg(feature = "pure-nist")]
        &nist::ECDSA_P384,
        #[cfg(feature = "pure-nist")]
        &nist::ECDSA_P256,
        #[cfg(feature = "pure-nist")]
        &nist::RSA_SHA512,
        #[cfg(feature = "pure-nist")]
        &nist::RSA_SHA256,
    ],
    #[cfg(feature = "pure-nist")]
    keys: &nist::KEYS,
    #[cfg(not(feature = "pure-nist"))]
    keys: &ED25519,
    random: &System,
};

static MLKEM768_X25519: MlKem768X25519 = MlKem768X25519::new(&CURVE25519);
static CURVE25519: Curve25519<X25519> = Curve25519::new("curve25519-sha256", &SHA256);
static CURVE25519_LIBSSH: Curve25519<X25519> =
    Curve25519::new("curve25519-sha256@libssh.org", &SHA256);
static AES256_GCM: AesGcm<Gcm> = AesGcm::aes256();
static AES128_GCM: AesGcm<Gcm> = AesGcm::aes128();
static CHACHA20_POLY1305: ChaCha20Poly1305<ChaCha> = ChaCha20Poly1305::new();
#[cfg(feature = "ctr")]
static AES256_CTR_SHA256: AesCtr<HmacSha256> = AesCtr::aes256();
#[cfg(feature = "ctr")]
static AES256_CTR_SHA512: AesCtr<HmacSha512> = AesCtr::aes256();
#[cfg(feature = "ctr")]
static AES192_CTR_SHA256: AesCtr<HmacSha256> = AesCtr::aes192();
#[cfg(feature = "ctr")]
static AES192_CTR_SHA512: AesCtr<HmacSha512> = AesCtr::aes192();
#[cfg(feature = "ctr")]
static AES128_CTR_SHA256: AesCtr<HmacSha256> = AesCtr::aes128();
#[cfg(feature = "ctr")]
static AES128_CTR_SHA512: AesCtr<HmacSha512> = AesCtr::aes128();
static ED25519: Algorithm<Ed25519> = Algorithm::new();

/// The operating system's randomness.
struct System;

impl SecureRandom for System {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        getrandom::fill(out).map_err(|_| Unspecified)
    }
}
