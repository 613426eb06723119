//! RSA: key blobs (RFC 4253 §6.6), and signature blobs of rsa-sha2-256 and rsa-sha2-512 (RFC 8332
//! §3). The name of SHA-1 signatures, ssh-rsa, is here the name of a key type and nothing else.

use super::{OneString, RsaKeyBlob};
use crate::error::Malformed;
use crate::message::{Decode, Encode};
use crate::mpint::Mpint;
use crate::wire::Writer;

/// Name of the RSA key type (RFC 4253 §6.6).
pub const SSH_RSA: &[u8] = b"ssh-rsa";

/// Shortest modulus, in bits: NIST SP 800-131A disallows shorter ones. OpenSSH takes 1024.
pub const RSA_BITS_MIN: usize = 2048;
/// Longest modulus, in bits. OpenSSH takes 16384, and verifying costs the square of it; ring draws
/// the line here.
pub const RSA_BITS_MAX: usize = 8192;
/// Smallest public exponent: the smallest there is (RFC 8017 §3.1).
pub const RSA_EXPONENT_MIN: u64 = 3;
/// Largest public exponent: ring's limit, and above any in use. Verifying costs its length.
pub const RSA_EXPONENT_MAX: u64 = (1 << 33) - 1;

/// The hash of an RSA signature algorithm (RFC 8332 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RsaHash {
    /// rsa-sha2-256.
    Sha256,
    /// rsa-sha2-512.
    Sha512,
}

impl RsaHash {
    /// Both, the stronger one first.
    pub const ALL: [Self; 2] = [Self::Sha512, Self::Sha256];

    /// Name of the signature algorithm.
    #[must_use]
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::Sha256 => "rsa-sha2-256",
            Self::Sha512 => "rsa-sha2-512",
        }
    }
}

/// A public key (RFC 4253 §6.6), its numbers big-endian and without leading zeros.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RsaPublic<'a> {
    /// The public exponent: odd, from [`RSA_EXPONENT_MIN`] to [`RSA_EXPONENT_MAX`].
    pub e: &'a [u8],
    /// The modulus: odd, from [`RSA_BITS_MIN`] to [`RSA_BITS_MAX`] bits.
    pub n: &'a [u8],
}

impl<'a> RsaPublic<'a> {
    /// A key of these numbers, with what superfluous zeros they have taken off.
    ///
    /// # Errors
    /// [`Malformed::BadInteger`] when one of them is even or out of its range.
    pub fn new(e: &'a [u8], n: &'a [u8]) -> Result<Self, Malformed> {
        let e = Mpint::from_unsigned(e).magnitude();
        let n = Mpint::from_unsigned(n).magnitude();
        let key = Self { e, n };
        let in_range = (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&key.bits())
            && is_odd(n)
            && is_odd(e)
            && small(e).is_some_and(|e| (RSA_EXPONENT_MIN..=RSA_EXPONENT_MAX).contains(&e));
        in_range.then_some(key).ok_or(Malformed::BadInteger)
    }

    /// Length of the modulus.
    #[must_use]
    pub fn bits(&self) -> usize {
        let unused = self.n.first().map_or(0, |first| first.leading_zeros());
        let unused = usize::try_from(unused).unwrap_or(0);
        self.n.len().saturating_mul(8).saturating_sub(unused)
    }

    fn blob(&self) -> RsaKeyBlob<'_> {
        RsaKeyBlob {
            name: SSH_RSA,
            e: Mpint::from_unsigned(self.e),
            n: Mpint::from_unsigned(self.n),
        }
    }
}

impl Encode for RsaPublic<'_> {
    fn encoded_len(&self) -> usize {
        self.blob().encoded_len()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        self.blob().encode(writer);
    }
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

/// A number of at most eight bytes.
fn small(number: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    let start = bytes.len().checked_sub(number.len())?;
    bytes.get_mut(start..)?.copy_from_slice(number);
    Some(u64::from_be_bytes(bytes))
}

/// The numbers of an RSA public key blob.
///
/// # Errors
/// [`Malformed::WrongNumber`] for another type; [`Malformed::BadInteger`] for a number that is not
/// as [`RsaPublic`] says, or is written with superfluous zeros: a key has one form only, for it is
/// compared as bytes.
pub fn rsa_public(blob: &[u8]) -> Result<RsaPublic<'_>, Malformed> {
    let RsaKeyBlob { name, e, n } = Decode::decode(blob)?;
    if name != SSH_RSA {
        return Err(Malformed::WrongNumber);
    }
    let key = RsaPublic::new(e.magnitude(), n.magnitude())?;
    if key.encoded_len() != blob.len() {
        return Err(Malformed::BadInteger);
    }
    Ok(key)
}

/// The number of an RSA signature blob, as it stands there. It should be as long as the modulus, but
/// "there exist signers" that leave leading zeros out, and a verifier may take that (RFC 8332 §3).
///
/// # Errors
/// [`Malformed::WrongNumber`] for another algorithm; [`Malformed::BadLength`] for no bytes, and for
/// more than the longest modulus has.
pub fn rsa_signature(blob: &[u8], hash: RsaHash) -> Result<&[u8], Malformed> {
    let OneString { name, value } = Decode::decode(blob)?;
    if name != hash.algorithm().as_bytes() {
        return Err(Malformed::WrongNumber);
    }
    if !(1..=RSA_BITS_MAX / 8).contains(&value.len()) {
        return Err(Malformed::BadLength);
    }
    Ok(value)
}
