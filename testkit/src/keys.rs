//! Keys of every type, as ssh-keygen made them.

use adit_crypto::{NistCurve, PrivateKey, RsaPrivate};
use adit_vectors::Record;

/// The private key of a record of [`adit_vectors::OPENSSH_SIGNATURES`], if it has one.
#[must_use]
pub fn private_key(record: &Record) -> Option<PrivateKey<'_>> {
    if let Some(private) = record.find("private") {
        return Some(PrivateKey::Ecdsa {
            curve: NistCurve::of_key_type(record.bytes("algorithm"))?,
            private,
            public: record.bytes("public"),
        });
    }
    Some(PrivateKey::Rsa(RsaPrivate {
        d: record.find("d")?,
        n: record.bytes("n"),
        e: record.bytes("e"),
        p: record.bytes("p"),
        q: record.bytes("q"),
        iqmp: record.bytes("iqmp"),
    }))
}
