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

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::message::Field;

    fn encoded(value: &impl Encode) -> Vec<u8> {
        let mut out = std::vec![0; value.encoded_len()];
        let mut writer = Writer::new(&mut out);
        value.encode(&mut writer);
        assert_eq!(writer.written(), Some(out.len()));
        out
    }

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn blob(name: &[u8], e: &[u8], n: &[u8]) -> Vec<u8> {
        [string(name), string(e), string(n)].concat()
    }

    /// An odd number of that many bits, as an mpint's contents: its top bit is set.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut n = std::vec![0x55; bits.div_ceil(8)];
        n[0] = match bits % 8 {
            0 => 0x80,
            some => 1 << (some - 1),
        };
        if bits.is_multiple_of(8) {
            n.insert(0, 0);
        }
        n
    }

    const F4: &[u8] = &[1, 0, 1];

    #[test]
    fn a_key_comes_back_as_written() {
        for bits in [2048, 2049, 3072, 4095, 4096, 8192] {
            let n = modulus(bits);
            let blob = blob(SSH_RSA, F4, &n);
            let key = rsa_public(&blob).unwrap();
            assert_eq!((key.e, key.bits()), (F4, bits));
            assert_eq!(key.n, Mpint::from_unsigned(&n).magnitude());
            assert_eq!(encoded(&key), blob);
        }
        let blob = blob(SSH_RSA, F4, &modulus(2048));
        for len in 0..blob.len() {
            assert_eq!(rsa_public(&blob[..len]), Err(Malformed::TooShort));
        }
        let long = [&blob[..], &[0]].concat();
        assert_eq!(rsa_public(&long), Err(Malformed::TrailingBytes));
    }

    #[test]
    fn a_modulus_has_2048_to_8192_bits() {
        let read = |bits| rsa_public(&blob(SSH_RSA, F4, &modulus(bits))).map(|key| key.bits());
        for bits in [
            RSA_BITS_MIN,
            RSA_BITS_MIN + 1,
            RSA_BITS_MAX - 1,
            RSA_BITS_MAX,
        ] {
            assert_eq!(read(bits), Ok(bits));
        }
        for bits in [8, 1024, RSA_BITS_MIN - 1, RSA_BITS_MAX + 1, 16384, 1 << 20] {
            assert_eq!(read(bits), Err(Malformed::BadInteger));
        }
        let even = [&modulus(2048)[..256], &[0x54]].concat();
        assert_eq!(
            rsa_public(&blob(SSH_RSA, F4, &even)),
            Err(Malformed::BadInteger)
        );
    }

    #[test]
    fn an_exponent_is_odd_and_from_3_to_33_bits_of_ones() {
        let read = |e: u64| {
            let bytes = e.to_be_bytes();
            let e = Mpint::from_unsigned(&bytes);
            let mut contents = std::vec![0; e.field_len()];
            e.write(&mut Writer::new(&mut contents));
            rsa_public(&blob(SSH_RSA, &contents[4..], &modulus(2048))).map(|_| ())
        };
        for e in [RSA_EXPONENT_MIN, 5, 35, 37, 65537, RSA_EXPONENT_MAX] {
            assert_eq!(read(e), Ok(()), "{e}");
        }
        for e in [
            0,
            1,
            2,
            4,
            65536,
            RSA_EXPONENT_MAX - 1,
            RSA_EXPONENT_MAX + 1,
            RSA_EXPONENT_MAX + 2,
            (1 << 40) + 1,
            u64::MAX,
        ] {
            assert_eq!(read(e), Err(Malformed::BadInteger), "{e}");
        }
        let longer = blob(SSH_RSA, &[1; 1000], &modulus(2048));
        assert_eq!(rsa_public(&longer), Err(Malformed::BadInteger));
    }

    #[test]
    fn a_key_has_one_form_only() {
        let n = modulus(2048);
        let wrong = |e: &[u8], n: &[u8]| {
            assert_eq!(rsa_public(&blob(SSH_RSA, e, n)), Err(Malformed::BadInteger));
        };
        wrong(&[0, 1, 0, 1], &n);
        wrong(F4, &[&[0], &n[..]].concat());
        wrong(F4, &n[1..]);
        wrong(&[0x81], &n);
        wrong(&[], &n);
        wrong(F4, &[]);
        for name in [&b"rsa-sha2-512"[..], b"rsa-sha2-256", b"ssh-dss", b""] {
            assert_eq!(rsa_public(&blob(name, F4, &n)), Err(Malformed::WrongNumber));
        }
    }

    #[test]
    fn a_key_of_numbers_is_held_to_the_same_ranges() {
        let n = modulus(3072);
        let key = RsaPublic::new(&[0, 0, 1, 0, 1], &n).unwrap();
        assert_eq!((key.e, key.n), (F4, &n[1..]));
        assert!(RsaPublic::new(&[1], &n).is_err());
        assert!(RsaPublic::new(F4, &modulus(1024)).is_err());
        assert!(RsaPublic::new(F4, &[]).is_err());
        assert!(RsaPublic::new(&[], &n).is_err());
    }

    #[test]
    fn a_signature_is_a_name_and_bytes_no_longer_than_the_longest_modulus() {
        for hash in RsaHash::ALL {
            let name = hash.algorithm().as_bytes();
            let read = |len: usize| {
                let blob = [string(name), string(&std::vec![9; len])].concat();
                rsa_signature(&blob, hash).map(<[u8]>::len)
            };
            for len in [1, 255, 256, RSA_BITS_MAX / 8] {
                assert_eq!(read(len), Ok(len));
            }
            for len in [0, RSA_BITS_MAX / 8 + 1, 1 << 16] {
                assert_eq!(read(len), Err(Malformed::BadLength));
            }
            for other in [&b"ssh-rsa"[..], b"rsa-sha2-384", b"ssh-ed25519", b""] {
                let blob = [string(other), string(&[9; 256])].concat();
                assert_eq!(rsa_signature(&blob, hash), Err(Malformed::WrongNumber));
            }
        }
        let blob = [string(b"rsa-sha2-256"), string(&[9; 256])].concat();
        assert_eq!(
            rsa_signature(&blob, RsaHash::Sha512),
            Err(Malformed::WrongNumber)
        );
        assert_eq!(
            rsa_signature(&[&blob[..], &[0]].concat(), RsaHash::Sha256),
            Err(Malformed::TrailingBytes)
        );
    }
}
