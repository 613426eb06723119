//! The provider `ring`: the fast one. ML-KEM-768 comes from the `ml-kem` crate, since ring has none.
//!
//! ring wipes nothing of what its own types hold (key schedules, an X25519 scalar, a signing key);
//! seeds and results that pass through our hands are wiped. Its X25519 takes its randomness from
//! the system alone, so a session that is to be repeated needs the provider `pure`.

mod aead;
#[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
mod chacha;
mod crt;
mod curve;
mod ecdh;
mod ecdsa;
mod hash;
#[cfg(feature = "ctr")]
mod mac;
mod rsa;

use ::ring::rand::{SecureRandom as _, SystemRandom};
use adit_proto::blob::RsaHash;

use crate::chacha::ChaCha20Poly1305;
use crate::ecdh::EcdhSha2;
use crate::ecdsa::EcdsaVerifier;
use crate::ed25519::Algorithm;
#[cfg(feature = "ctr")]
use crate::etm::AesCtr;
use crate::gcm::AesGcm;
use crate::hybrid::MlKem768X25519;
use crate::keys::Keys;
use crate::provider::{PASSPHRASE_CIPHER, Provider, Unspecified};
use crate::random::SecureRandom;
use crate::rsa::RsaVerifier;
use crate::x25519::Curve25519;

#[cfg(not(all(chacha20_avx512, target_arch = "x86_64")))]
use aead::ChaCha;
use aead::Gcm;
#[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
use chacha::ChaCha;
use curve::{Ed25519, X25519};
use ecdh::{EcdhP256, EcdhP384};
use ecdsa::{P256, P384};
use hash::{SHA256, SHA384, hmac_sha1};
#[cfg(feature = "ctr")]
use mac::{HmacSha256, HmacSha512};
use rsa::Rsa;

pub(crate) use hash::SHA512;

/// The provider `ring`.
pub static RING: Provider = Provider {
    name: "ring",
    kex: &[
        &MLKEM768_X25519,
        &CURVE25519,
        &CURVE25519_LIBSSH,
        &ECDH_P256,
        &ECDH_P384,
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
    verifiers: &[&ED25519, &ECDSA_P384, &ECDSA_P256, &RSA_SHA512, &RSA_SHA256],
    keys: &KEYS,
    random: &System,
};

static MLKEM768_X25519: MlKem768X25519 = MlKem768X25519::new(&CURVE25519);
static CURVE25519: Curve25519<X25519> = Curve25519::new("curve25519-sha256", &SHA256);
static CURVE25519_LIBSSH: Curve25519<X25519> =
    Curve25519::new("curve25519-sha256@libssh.org", &SHA256);
static ECDH_P256: EcdhSha2<EcdhP256> = EcdhSha2::new(&SHA256);
static ECDH_P384: EcdhSha2<EcdhP384> = EcdhSha2::new(&SHA384);
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
static ECDSA_P384: EcdsaVerifier<P384> = EcdsaVerifier::new();
static ECDSA_P256: EcdsaVerifier<P256> = EcdsaVerifier::new();
static RSA_SHA512: RsaVerifier<Rsa> = RsaVerifier::new(RsaHash::Sha512);
static RSA_SHA256: RsaVerifier<Rsa> = RsaVerifier::new(RsaHash::Sha256);
static KEYS: Keys<Ed25519, P256, P384, Rsa> = Keys::new();

/// The operating system's randomness.
struct System;

impl SecureRandom for System {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        SystemRandom::new().fill(out).map_err(|_| Unspecified)
    }
}
