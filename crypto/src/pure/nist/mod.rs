//! What the feature `pure-nist` adds to the provider: the curves of NIST, and RSA.

mod ecdsa;
mod rsa;

use adit_proto::blob::RsaHash;

use super::curve::Ed25519;
use crate::ecdsa::EcdsaVerifier;
use crate::keys::Keys;
use crate::rsa::RsaVerifier;

use ecdsa::{P256, P384};
use rsa::Rsa;

pub(super) static ECDSA_P384: EcdsaVerifier<P384> = EcdsaVerifier::new();
pub(super) static ECDSA_P256: EcdsaVerifier<P256> = EcdsaVerifier::new();
pub(super) static RSA_SHA512: RsaVerifier<Rsa> = RsaVerifier::new(RsaHash::Sha512);
pub(super) static RSA_SHA256: RsaVerifier<Rsa> = RsaVerifier::new(RsaHash::Sha256);
pub(super) static KEYS: Keys<Ed25519, P256, P384, Rsa> = Keys::new();
