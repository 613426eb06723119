//! Keys of each type for the peer, and one that shows and signs something else than it is.

use std::sync::Arc;

use adit_crypto::{PrivateKey, Provider, SigningKey, Unspecified};
use adit_proto::Decode;
use adit_proto::blob::{Blob, NistCurve};
use adit_vectors::{OPENSSH_SIGNATURES, records};

use super::string;
use crate::keys::private_key;
use crate::toy;

/// The signature algorithms there are (RFC 8709, RFC 5656, RFC 8332).
pub const ALGORITHMS: [&str; 5] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// A key of that provider that signs with that algorithm. A new one with ssh-ed25519, else the same
/// every time.
#[must_use]
pub fn key_for(provider: &Provider, algorithm: &str) -> Arc<dyn SigningKey> {
    let load = |key: &PrivateKey<'_>| Arc::from(provider.keys.load(key).expect("a key"));
    if algorithm == "ssh-ed25519" {
        let new = provider.keys.generate_ed25519(provider.random);
        let (seed, public) = new.expect("randomness");
        let seed = seed.expose().try_into().expect("32 bytes");
        let public = &public;
        return load(&PrivateKey::Ed25519 { seed, public });
    }
    let name = algorithm.as_bytes();
    if provider.name == toy::PROVIDER.name {
        return Arc::from(match NistCurve::of_key_type(name) {
            Some(curve) => toy::ecdsa_key(1, curve),
            None => toy::rsa_key(1, 256),
        });
    }
    // One key signs with both hashes, and is written down with the first.
    let name = match name {
        b"rsa-sha2-256" => b"rsa-sha2-512",
        other => other,
    };
    let records = records(OPENSSH_SIGNATURES);
    let mut records = records.iter().filter(|r| r.bytes("algorithm") == name);
    load(&records.find_map(private_key).expect("a key"))
}

/// A key or signature blob under another name.
#[must_use]
pub fn relabelled(blob: &[u8], name: &str) -> Vec<u8> {
    let Blob { contents, .. } = Decode::decode(blob).expect("a blob");
    [&string(name.as_bytes()), contents.0].concat()
}

/// A key that shows another one's blob, signs with an algorithm that nobody asked for, and gives its
/// signatures a name of its choice.
#[derive(Clone)]
pub struct Disguise {
    /// What signs.
    pub key: Arc<dyn SigningKey>,
    /// What is shown.
    pub public_blob: Vec<u8>,
    /// With what it signs.
    pub algorithm: &'static str,
    /// What it calls its signatures.
    pub name: &'static str,
}

impl SigningKey for Disguise {
    fn algorithms(&self) -> &'static [&'static str] {
        self.key.algorithms()
    }
    fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }
    fn sign(&self, _agreed: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let signature = self.key.sign(self.algorithm, message)?;
        Ok(relabelled(&signature, self.name))
    }
}
