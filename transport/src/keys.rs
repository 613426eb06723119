//! Keys from a shared secret (RFC 4253 §7.2).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use adit_crypto::{
    Cipher, HASH_MAX, Hash, KeyBlock, Open, Seal, Secret, SecretEncoding, SharedSecret,
};
use adit_proto::{Field, Mpint, Writer};
use zeroize::Zeroize;

use crate::error::CryptoFailure;

/// An exchange hash H. The first of a connection is its session identifier for good.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SessionId {
    bytes: [u8; HASH_MAX],
    len: usize,
}

impl SessionId {
    pub(crate) fn new(bytes: [u8; HASH_MAX], len: usize) -> Self {
        Self {
            bytes,
            len: len.min(HASH_MAX),
        }
    }

    /// Its bytes, as long as the hash that made it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl core::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// K as it enters hashes.
pub(crate) fn encoded_secret(secret: &SharedSecret) -> Secret {
    let bytes = secret.bytes.expose();
    let mut out = match secret.encoding {
        SecretEncoding::Mpint => vec![0; Mpint::from_unsigned(bytes).field_len()],
        SecretEncoding::String => vec![0; bytes.field_len()],
    };
    let mut writer = Writer::new(&mut out);
    match secret.encoding {
        SecretEncoding::Mpint => Mpint::from_unsigned(bytes).write(&mut writer),
        SecretEncoding::String => bytes.write(&mut writer),
    }
    Secret::new(out)
}

/// Which way packets go. The letters of RFC 4253 §7.2 follow from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    ClientToServer,
    ServerToClient,
}

impl Direction {
    /// Letters for initial IV, encryption key, integrity key.
    const fn letters(self) -> [u8; 3] {
        match self {
            Self::ClientToServer => *b"ACE",
            Self::ServerToClient => *b"BDF",
        }
    }
}

/// Everything that keys are derived from.
pub(crate) struct KeySource<'a> {
    pub(crate) hash: &'static dyn Hash,
    /// As [`encoded_secret`] gives it.
    pub(crate) k: &'a Secret,
    /// The exchange hash of this exchange.
    pub(crate) h: &'a SessionId,
    /// The exchange hash of the first one.
    pub(crate) session_id: &'a SessionId,
}

impl KeySource<'_> {
    pub(crate) fn sealer(
        &self,
        cipher: &dyn Cipher,
        direction: Direction,
    ) -> Result<Box<dyn Seal>, CryptoFailure> {
        self.with_block(cipher, direction, |block| cipher.sealer(block))
    }

    pub(crate) fn opener(
        &self,
        cipher: &dyn Cipher,
        direction: Direction,
    ) -> Result<Box<dyn Open>, CryptoFailure> {
        self.with_block(cipher, direction, |block| cipher.opener(block))
    }

    fn with_block<T>(
        &self,
        cipher: &dyn Cipher,
        direction: Direction,
        make: impl FnOnce(&KeyBlock<'_>) -> Result<T, adit_crypto::Unspecified>,
    ) -> Result<T, CryptoFailure> {
        let shape = cipher.key_shape();
        let [iv_letter, key_letter, mac_letter] = direction.letters();
        let iv = self.derive(iv_letter, shape.iv_len);
        let key = self.derive(key_letter, shape.key_len);
        let mac_key = self.derive(mac_letter, shape.mac_key_len);
        let block = KeyBlock {
            key: key.expose(),
            iv: iv.expose(),
            mac_key: mac_key.expose(),
        };
        make(&block).map_err(|_| CryptoFailure::Keys)
    }

    /// K1 = HASH(K ‖ H ‖ X ‖ session_id), K2 = HASH(K ‖ H ‖ K1), K3 = HASH(K ‖ H ‖ K1 ‖ K2), …
    fn derive(&self, letter: u8, len: usize) -> Secret {
        // Never grows, so that no copy is left behind unwiped.
        let mut key = Vec::with_capacity(len.saturating_add(HASH_MAX));
        while key.len() < len {
            let mut context = self.hash.start();
            context.update(self.k.expose());
            context.update(self.h.as_bytes());
            if key.is_empty() {
                context.update(&[letter]);
                context.update(self.session_id.as_bytes());
            } else {
                context.update(&key);
            }
            let mut out = [0; HASH_MAX];
            let n = context.finish(&mut out).clamp(1, HASH_MAX);
            key.extend(out.iter().take(n));
            out.zeroize();
        }
        let key = Secret::new(key);
        Secret::copy_of(key.expose().get(..len).unwrap_or(&[]))
    }
}

#[cfg(test)]
mod tests {
    use adit_crypto::Provider;
    use adit_testkit::on_every_provider;

    use super::*;

    fn id(bytes: &[u8]) -> SessionId {
        let mut out = [0; HASH_MAX];
        out[..bytes.len()].copy_from_slice(bytes);
        SessionId::new(out, bytes.len())
    }

    fn another_implementations_keys(provider: &'static Provider) {
        for record in adit_vectors::records(adit_vectors::EXCHANGE) {
            let kex = provider.kex(record.bytes("kex")).unwrap();
            let encoding = if kex.is_post_quantum() {
                SecretEncoding::String
            } else {
                SecretEncoding::Mpint
            };
            let bytes = Secret::copy_of(record.bytes("secret"));
            let source = KeySource {
                hash: kex.hash(),
                k: &encoded_secret(&SharedSecret { bytes, encoding }),
                h: &id(record.bytes("h")),
                session_id: &id(record.bytes("session_id")),
            };
            let [iv_c, key_c, mac_c] = Direction::ClientToServer.letters();
            let [iv_s, key_s, mac_s] = Direction::ServerToClient.letters();
            for (letter, name) in [
                (iv_c, "iv_c"),
                (key_c, "key_c"),
                (iv_s, "iv_s"),
                (key_s, "key_s"),
                (mac_c, "mac_c"),
                (mac_s, "mac_s"),
            ] {
                let expected = record.bytes(name);
                let key = source.derive(letter, expected.len());
                assert_eq!(key.expose(), expected, "{name}");
            }
        }
    }

    #[test]
    fn a_key_has_the_length_that_was_asked_for() {
        for hash in [
            adit_testkit::toy::PROVIDER.sha256,
            adit_testkit::toy::PROVIDER.sha512,
        ] {
            let k = Secret::new(vec![1, 2, 3]);
            let source = KeySource {
                hash,
                k: &k,
                h: &id(&[4; 32]),
                session_id: &id(&[5; 32]),
            };
            let long = source.derive(b'C', 200);
            for len in [0, 1, 31, 32, 33, 63, 64, 65, 199, 200] {
                let key = source.derive(b'C', len);
                assert_eq!(
                    key.expose(),
                    &long.expose()[..len],
                    "one is not the start of another"
                );
            }
            assert_ne!(
                source.derive(b'D', 32).expose(),
                source.derive(b'C', 32).expose()
            );
        }
    }

    on_every_provider! { real: another_implementations_keys }
}
