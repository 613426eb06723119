//! Cryptography for tests: fast, the same every time, and failing where real cryptography fails.
//! **It protects nothing.** It carries the names of real algorithms, so that everything above a
//! provider runs on it as it is.
//!
//! A tag covers all of a packet, its place in the order and the key; a signature covers the key and
//! the message; a share has one length and is not all zeros. What real ciphers leave to their
//! caller is checked here: a sealer refuses a sequence number that it saw under the same key.

#![expect(
    clippy::indexing_slicing,
    reason = "lengths here are the tests' own, and a test may stop where it is wrong"
)]

mod cipher;
mod hash;
mod kex;
mod random;
mod sign;

use adit_crypto::Provider;

pub use random::{NoRandom, random};
pub use sign::{ecdsa_key, ed25519_key, rsa_key};

/// All of it.
pub static PROVIDER: Provider = Provider {
    name: "toy",
    kex: &[
        &kex::MLKEM768X25519,
        &kex::CURVE25519,
        &kex::CURVE25519_LIBSSH,
        &kex::NISTP384,
    ],
    ciphers: &[
        &cipher::AES256_GCM,
        &cipher::AES128_GCM,
        &cipher::CHACHA20_POLY1305,
        &cipher::AES256_CTR_HMAC_SHA256_ETM,
        &cipher::AES256_CTR_HMAC_SHA512_ETM,
        &cipher::AES192_CTR_HMAC_SHA256,
    ],
    sha256: &hash::HASH32,
    sha512: &hash::HASH64,
    hmac_sha1: hash::hmac_sha1,
    passphrase_cipher: Some(&cipher::Passphrase),
    verifiers: &[
        &sign::ED25519,
        &sign::NISTP384,
        &sign::NISTP256,
        &sign::RSA_SHA512,
        &sign::RSA_SHA256,
    ],
    keys: &sign::KEYS,
    random: &random::SHARED,
};
