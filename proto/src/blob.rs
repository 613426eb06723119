//! Public key and signature blobs: a name and what it says follows (RFC 4253 §6.6, RFC 5656, RFC
//! 8332, RFC 8709). Form only: whether a point is on its curve is not asked here.

mod ecdsa;
mod rsa;

pub use ecdsa::{EcdsaPublic, EcdsaSignature, NistCurve, ecdsa_public, ecdsa_signature};
pub use rsa::{
    RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_MAX, RSA_EXPONENT_MIN, RsaHash, RsaPublic, SSH_RSA,
    rsa_public, rsa_signature,
};

use crate::error::Malformed;
use crate::message::message;
use crate::mpint::Mpint;
use crate::wire::{Reader, Rest};

/// Name of the Ed25519 key type and signature algorithm (RFC 8709).
pub const SSH_ED25519: &[u8] = b"ssh-ed25519";

message! {
    /// Any public key or signature: its type, and the rest as that type has it.
    struct Blob<'a> {
        /// `ssh-ed25519`, …
        name: &'a [u8],
        /// As the name says.
        contents: Rest<'a>,
    }

    /// An Ed25519 public key (RFC 8709 §4) or signature (§6), or an RSA signature (RFC 8332 §3):
    /// the name and one string.
    struct OneString<'a> {
        /// `ssh-ed25519`, …
        name: &'a [u8],
        /// 32 bytes of key or 64 of signature; [`ed25519_public`] and [`ed25519_signature`] check.
        value: &'a [u8],
    }

    /// An ECDSA public key (RFC 5656 §3.1); [`ecdsa_public`] checks.
    struct EcdsaKeyBlob<'a> {
        /// `ecdsa-sha2-nistp256`, …
        name: &'a [u8],
        /// `nistp256`, …
        identifier: &'a [u8],
        /// Q.
        point: &'a [u8],
    }

    /// An RSA public key (RFC 4253 §6.6); [`rsa_public`] checks.
    struct RsaKeyBlob<'a> {
        /// `ssh-rsa`.
        name: &'a [u8],
        /// The public exponent.
        e: Mpint<'a>,
        /// The modulus.
        n: Mpint<'a>,
    }
}

/// The type name at the front of a key or signature blob.
///
/// # Errors
/// [`Malformed::TooShort`], or [`Malformed::BadName`] when it is not a name.
pub fn blob_name(blob: &[u8]) -> Result<&[u8], Malformed> {
    let name = Reader::new(blob).string()?;
    if crate::name::is_name(name) {
        Ok(name)
    } else {
        Err(Malformed::BadName)
    }
}

/// The 32 bytes of an Ed25519 public key blob.
///
/// # Errors
/// [`Malformed::WrongNumber`] for another type; otherwise what is wrong with the bytes.
pub fn ed25519_public(blob: &[u8]) -> Result<&[u8; 32], Malformed> {
    ed25519(blob)
}

/// The 64 bytes of an Ed25519 signature blob.
///
/// # Errors
/// As [`ed25519_public`].
pub fn ed25519_signature(blob: &[u8]) -> Result<&[u8; 64], Malformed> {
    ed25519(blob)
}

fn ed25519<const N: usize>(blob: &[u8]) -> Result<&[u8; N], Malformed> {
    let OneString { name, value } = crate::Decode::decode(blob)?;
    if name != SSH_ED25519 {
        return Err(Malformed::WrongNumber);
    }
    value.try_into().map_err(|_| Malformed::BadLength)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{Encode, Writer};

    fn blob(name: &[u8], value: &[u8]) -> Vec<u8> {
        let value = OneString { name, value };
        let mut out = std::vec![0; value.encoded_len()];
        value.encode(&mut Writer::new(&mut out));
        out
    }

    #[test]
    fn an_ed25519_key_has_exactly_32_bytes_and_its_own_name() {
        assert_eq!(ed25519_public(&blob(SSH_ED25519, &[7; 32])), Ok(&[7; 32]));
        for len in [0, 31, 33, 64] {
            let wrong = blob(SSH_ED25519, &std::vec![7; len]);
            assert_eq!(ed25519_public(&wrong), Err(Malformed::BadLength));
        }
        assert_eq!(
            ed25519_public(&blob(b"ssh-rsa", &[7; 32])),
            Err(Malformed::WrongNumber)
        );
        let mut long = blob(SSH_ED25519, &[7; 32]);
        long.push(0);
        assert_eq!(ed25519_public(&long), Err(Malformed::TrailingBytes));
    }

    #[test]
    fn the_name_of_a_blob_is_a_name() {
        assert_eq!(blob_name(&blob(b"ssh-rsa", b"")), Ok(&b"ssh-rsa"[..]));
        assert_eq!(blob_name(&blob(b"", b"")), Err(Malformed::BadName));
        assert_eq!(blob_name(&blob(b"a b", b"")), Err(Malformed::BadName));
        assert_eq!(blob_name(b"\0\0\0\x05abc"), Err(Malformed::TooShort));
    }
}
