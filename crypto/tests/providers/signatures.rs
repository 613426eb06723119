//! Signatures across all pairs of providers, and those that are refused.

use crate::{on_each_provider, providers};
use adit_crypto::{PrivateKey, Provider, SigningKey, verify};

on_each_provider! {
    every_provider_verifies_what_is_signed_here,
}

const ED25519: &str = "ssh-ed25519";

fn new_key(provider: &Provider) -> Box<dyn SigningKey> {
    let (seed, public) = provider.keys.generate_ed25519(provider.random).unwrap();
    let seed = seed.expose().try_into().unwrap();
    let key = PrivateKey::Ed25519 {
        seed,
        public: &public,
    };
    provider.keys.load(&key).unwrap()
}

fn every_provider_verifies_what_is_signed_here(here: &Provider) {
    let key = new_key(here);
    assert_eq!(key.algorithms(), [ED25519]);
    for message in [&b""[..], b"message", &[0; 1000]] {
        let signature = key.sign(ED25519, message).unwrap();
        for there in providers() {
            let blob = key.public_blob();
            assert!(verify(there, ED25519.as_bytes(), blob, message, &signature).is_ok());
        }
    }
}
