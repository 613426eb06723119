//! What the feature `pure-nist` adds to the provider: the curves of NIST, and RSA.

mod ecdh;
mod ecdsa;
mod rsa;

use adit_proto::blob::RsaHash;

use super::curve::Ed25519;
use super::hash::{SHA256, SHA384};
use crate::ecdh::EcdhSha2;
use crate::ecdsa::EcdsaVerifier;
use crate::keys::Keys;
use crate::rsa::RsaVerifier;

use ecdh::{EcdhP256, EcdhP384};
use ecdsa::{P256, P384};
use rsa::Rsa;

pub(super) static ECDH_P256: EcdhSha2<EcdhP256> = EcdhSha2::new(&SHA256);
pub(super) static ECDH_P384: EcdhSha2<EcdhP384> = EcdhSha2::new(&SHA384);
pub(super) static ECDSA_P384: EcdsaVerifier<P384> = EcdsaVerifier::new();
pub(super) static ECDSA_P256: EcdsaVerifier<P256> = EcdsaVerifier::new();
pub(super) static RSA_SHA512: RsaVerifier<Rsa> = RsaVerifier::new(RsaHash::Sha512);
pub(super) static RSA_SHA256: RsaVerifier<Rsa> = RsaVerifier::new(RsaHash::Sha256);
pub(super) static KEYS: Keys<Ed25519, P256, P384, Rsa> = Keys::new();
