//! RSA signatures, verified (RFC 8017 §8.2.2). None are made: no crate in Rust alone computes with
//! the private key in constant time (RUSTSEC-2023-0071), so RSA keys sign in an agent here.
//!
//! Key, message and signature are public: what is computed of them may take whatever time it takes.

use alloc::vec::Vec;

use adit_proto::blob::{RsaHash, RsaPublic};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};

use crate::hash::{Hash, digest};
use crate::provider::Unspecified;
use crate::pure::hash::{SHA256, SHA512};
use crate::rsa;
use crate::sign::{LoadError, RsaPrivate};

/// No key of this kind exists.
pub(crate) enum Rsa {}

impl rsa::Rsa for Rsa {
    fn from_numbers(_: &RsaPublic<'_>, _: &RsaPrivate<'_>) -> Result<Self, LoadError> {
        Err(LoadError::Unsupported)
    }

    fn sign(&self, _: RsaHash, _: &[u8], _: &mut [u8]) -> Result<(), Unspecified> {
        match *self {}
    }

    fn verify(
        public: &RsaPublic<'_>,
        hash: RsaHash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Unspecified> {
        let expected = encoded_message(hash, message, public.n.len())?;
        let found = public_operation(public, signature)?;
        // In whole: to look for the hash in what was found is how forgeries were accepted
        // (Bleichenbacher 2006).
        if *found == *expected {
            Ok(())
        } else {
            Err(Unspecified)
        }
    }
}

/// RSAVP1 (RFC 8017 §5.2.2) and I2OSP, with a signature as long as the modulus.
fn public_operation(public: &RsaPublic<'_>, signature: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let len = public.n.len();
    let precision = u32::try_from(len.checked_mul(8).ok_or(Unspecified)?)
        .map_err(|_| Unspecified)?
        .next_multiple_of(u64::BITS);
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, precision).map_err(|_| Unspecified);
    let n = number(public.n)?;
    let s = number(signature)?;
    if s >= n {
        return Err(Unspecified);
    }
    let e = BoxedUint::from_be_slice(public.e, u64::BITS).map_err(|_| Unspecified)?;
    let n = Odd::new(n).into_option().ok_or(Unspecified)?;
    let modulo_n = BoxedMontyParams::new_vartime(n);
    let exponent_bits = e.bits_vartime();
    let m = BoxedMontyForm::new(s, &modulo_n)
        .pow_bounded_exp(&e, exponent_bits)
        .retrieve()
        .to_be_bytes();
    // Zeros that the precision put before it.
    let start = m.len().checked_sub(len).ok_or(Unspecified)?;
    Ok(m.get(start..).ok_or(Unspecified)?.to_vec())
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): 0, 1, a row of 255, 0, DigestInfo.
fn encoded_message(hash: RsaHash, message: &[u8], len: usize) -> Result<Vec<u8>, Unspecified> {
    // Of the DER of DigestInfo, everything before the digest (§9.2, note 1).
    let (hash, prefix): (&dyn Hash, &[u8]) = match hash {
        RsaHash::Sha256 => (
            &SHA256,
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        ),
        RsaHash::Sha512 => (
            &SHA512,
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        ),
    };
    let digest = digest(hash, &[message]);
    let rest = [&[0], prefix, &digest].concat();
    let row = len
        .checked_sub(2 + rest.len())
        .filter(|row| *row >= 8)
        .ok_or(Unspecified)?;
    let mut out = alloc::vec![0xff; 2 + row];
    if let [zero, one, ..] = out.as_mut_slice() {
        (*zero, *one) = (0, 1);
    }
    out.extend_from_slice(&rest);
    Ok(out)
}
