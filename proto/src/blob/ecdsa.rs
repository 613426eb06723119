//! ECDSA over the curves of NIST (RFC 5656 §3.1): key blobs and signature blobs.
//!
//! A blob names its curve twice, in its type and inside. Both must say the same: a point of one
//! curve taken for one of another is how keys are confused.

use super::EcdsaKeyBlob;
use crate::error::Malformed;
use crate::message::{Decode, Encode, Field};
use crate::mpint::Mpint;
use crate::wire::{Reader, Writer};

/// A curve of RFC 5656 §10.1 that adit knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NistCurve {
    /// nistp256, with SHA-256.
    P256,
    /// nistp384, with SHA-384.
    P384,
}

impl NistCurve {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::P256, Self::P384];

    /// Name of the key type and of the signature algorithm.
    #[must_use]
    pub const fn key_type(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
        }
    }

    /// Its name inside a key blob: the last part of the key type (RFC 5656 §6.1).
    #[must_use]
    pub const fn identifier(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
        }
    }

    /// Bytes of a coordinate, of a private key, and of each half of a signature.
    #[must_use]
    pub const fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// Bytes of a point: 4, and two coordinates (SEC 1 §2.3.3, uncompressed).
    #[must_use]
    pub const fn point_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    /// The curve of a key type or signature algorithm.
    #[must_use]
    pub fn of_key_type(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|curve| curve.key_type().as_bytes() == name)
    }
}

/// A public key (RFC 5656 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EcdsaPublic<'a> {
    /// Whose point it is.
    pub curve: NistCurve,
    /// [`NistCurve::point_len`] bytes, the first of them 4. Whether it is on the curve is for
    /// arithmetic to say.
    pub point: &'a [u8],
}

impl EcdsaPublic<'_> {
    fn blob(&self) -> EcdsaKeyBlob<'_> {
        EcdsaKeyBlob {
            name: self.curve.key_type().as_bytes(),
            identifier: self.curve.identifier().as_bytes(),
            point: self.point,
        }
    }
}

impl Encode for EcdsaPublic<'_> {
    fn encoded_len(&self) -> usize {
        self.blob().encoded_len()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        self.blob().encode(writer);
    }
}

/// The curve and the point of an ECDSA public key blob.
///
/// # Errors
/// [`Malformed::WrongNumber`] for another type, and when the curve inside is not the type's;
/// [`Malformed::BadLength`] unless the point is uncompressed and of the curve's length.
pub fn ecdsa_public(blob: &[u8]) -> Result<EcdsaPublic<'_>, Malformed> {
    let EcdsaKeyBlob {
        name,
        identifier,
        point,
    } = Decode::decode(blob)?;
    let curve = NistCurve::of_key_type(name).ok_or(Malformed::WrongNumber)?;
    if identifier != curve.identifier().as_bytes() {
        return Err(Malformed::WrongNumber);
    }
    if point.len() != curve.point_len() || point.first() != Some(&UNCOMPRESSED) {
        return Err(Malformed::BadLength);
    }
    Ok(EcdsaPublic { curve, point })
}

/// SEC 1 §2.3.3. RFC 5656 §3.1 allows compressed points, and nobody makes them.
const UNCOMPRESSED: u8 = 4;

/// A signature (RFC 5656 §3.1.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EcdsaSignature<'a> {
    /// The curve of its algorithm.
    pub curve: NistCurve,
    /// Big-endian, not zero, at most [`NistCurve::field_len`] bytes.
    pub r: Mpint<'a>,
    /// As r.
    pub s: Mpint<'a>,
}

impl Encode for EcdsaSignature<'_> {
    fn encoded_len(&self) -> usize {
        let name = self.curve.key_type().as_bytes().field_len();
        name.saturating_add(4).saturating_add(self.inner_len())
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.curve.key_type().as_bytes());
        // Cannot be cut off: two numbers of one curve, which are short.
        writer.u32(u32::try_from(self.inner_len()).unwrap_or(u32::MAX));
        self.r.write(writer);
        self.s.write(writer);
    }
}

impl EcdsaSignature<'_> {
    fn inner_len(&self) -> usize {
        self.r.field_len().saturating_add(self.s.field_len())
    }
}

/// The two numbers of an ECDSA signature blob. Superfluous zeros before them are taken off, as
/// everywhere: they change no value.
///
/// # Errors
/// [`Malformed::WrongNumber`] for another algorithm; [`Malformed::BadInteger`] for a number that is
/// zero, negative, or longer than the curve's; otherwise what is wrong with the bytes.
pub fn ecdsa_signature(blob: &[u8]) -> Result<EcdsaSignature<'_>, Malformed> {
    let mut reader = Reader::new(blob);
    let curve = NistCurve::of_key_type(reader.string()?).ok_or(Malformed::WrongNumber)?;
    let mut numbers = Reader::new(reader.string()?);
    reader.finish()?;
    let (r, s) = (numbers.mpint()?, numbers.mpint()?);
    numbers.finish()?;
    for number in [r, s] {
        if !(1..=curve.field_len()).contains(&number.magnitude().len()) {
            return Err(Malformed::BadInteger);
        }
    }
    Ok(EcdsaSignature { curve, r, s })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

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

    fn key(name: &str, identifier: &str, point: &[u8]) -> Vec<u8> {
        [
            string(name.as_bytes()),
            string(identifier.as_bytes()),
            string(point),
        ]
        .concat()
    }

    fn point(len: usize) -> Vec<u8> {
        let mut point = std::vec![7; len];
        point[0] = 4;
        point
    }

    fn signature(name: &str, numbers: &[&[u8]]) -> Vec<u8> {
        let inner: Vec<u8> = numbers.iter().flat_map(|number| string(number)).collect();
        [string(name.as_bytes()), string(&inner)].concat()
    }

    #[test]
    fn the_name_inside_is_the_end_of_the_key_type() {
        for curve in NistCurve::ALL {
            assert!(curve.key_type().ends_with(curve.identifier()));
            assert_eq!(curve.point_len(), 1 + 2 * curve.field_len());
            assert_eq!(
                NistCurve::of_key_type(curve.key_type().as_bytes()),
                Some(curve)
            );
        }
        for other in ["ecdsa-sha2-nistp521", "nistp256", "ssh-ed25519", ""] {
            assert_eq!(NistCurve::of_key_type(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_key_comes_back_as_written() {
        for curve in NistCurve::ALL {
            let point = point(curve.point_len());
            let public = EcdsaPublic {
                curve,
                point: &point,
            };
            let blob = encoded(&public);
            assert_eq!(blob, key(curve.key_type(), curve.identifier(), &point));
            assert_eq!(ecdsa_public(&blob), Ok(public));
            for len in 0..blob.len() {
                assert_eq!(ecdsa_public(&blob[..len]), Err(Malformed::TooShort));
            }
            let long = [&blob[..], &[0]].concat();
            assert_eq!(ecdsa_public(&long), Err(Malformed::TrailingBytes));
        }
    }

    #[test]
    fn a_key_names_its_curve_twice_and_the_same() {
        let names = [
            ("ecdsa-sha2-nistp256", "nistp256", 65),
            ("ecdsa-sha2-nistp384", "nistp384", 97),
            ("ecdsa-sha2-nistp521", "nistp521", 133),
            ("ssh-ed25519", "", 32),
        ];
        for (i, (name, ..)) in names.into_iter().enumerate() {
            for (j, (_, identifier, _)) in names.into_iter().enumerate() {
                for (k, (.., len)) in names.into_iter().enumerate() {
                    let read = ecdsa_public(&key(name, identifier, &point(len))).map(|_| ());
                    let expected = match (i < 2, i == j, j == k) {
                        (true, true, true) => Ok(()),
                        (true, true, false) => Err(Malformed::BadLength),
                        _ => Err(Malformed::WrongNumber),
                    };
                    assert_eq!(read, expected, "{name} {identifier} {len}");
                }
            }
        }
    }

    #[test]
    fn a_point_is_uncompressed_and_of_exact_length() {
        for curve in NistCurve::ALL {
            let read = |point: &[u8]| {
                ecdsa_public(&key(curve.key_type(), curve.identifier(), point)).map(|_| ())
            };
            let right = curve.point_len();
            assert_eq!(read(&point(right)), Ok(()));
            for len in [1, curve.field_len() + 1, right - 1, right + 1, 2 * right] {
                assert_eq!(read(&point(len)), Err(Malformed::BadLength));
            }
            assert_eq!(read(&[]), Err(Malformed::BadLength));
            for first in (0..=u8::MAX).filter(|first| *first != 4) {
                let mut point = point(right);
                point[0] = first;
                assert_eq!(read(&point), Err(Malformed::BadLength));
            }
        }
    }

    #[test]
    fn a_signature_comes_back_as_written() {
        for curve in NistCurve::ALL {
            let longest = std::vec![0xff; curve.field_len()];
            for (r, s) in [
                (&longest[..], &[1][..]),
                (&[0x7f], &longest),
                (&[0x80], &[9, 0]),
            ] {
                let (r, s) = (Mpint::from_unsigned(r), Mpint::from_unsigned(s));
                let written = EcdsaSignature { curve, r, s };
                let blob = encoded(&written);
                assert_eq!(ecdsa_signature(&blob), Ok(written));
                for len in 0..blob.len() {
                    assert_eq!(ecdsa_signature(&blob[..len]), Err(Malformed::TooShort));
                }
                let long = [&blob[..], &[0]].concat();
                assert_eq!(ecdsa_signature(&long), Err(Malformed::TrailingBytes));
            }
        }
    }

    #[test]
    fn the_numbers_of_a_signature_are_positive_and_no_longer_than_the_curve() {
        for curve in NistCurve::ALL {
            let read = |r: &[u8], s: &[u8]| {
                ecdsa_signature(&signature(curve.key_type(), &[r, s])).map(|_| ())
            };
            let zero_and = |len: usize| [&[0][..], &std::vec![0xff; len]].concat();
            assert_eq!(read(&[1], &[1]), Ok(()));
            assert_eq!(read(&zero_and(curve.field_len()), &[1]), Ok(()));
            assert_eq!(read(&[0, 0, 1], &[1]), Ok(()));
            for wrong in [
                &[][..],
                &[0],
                &[0; 48],
                &[0x80],
                &[0xff, 1],
                &zero_and(curve.field_len() + 1),
                &[1; 1000],
            ] {
                assert_eq!(read(wrong, &[1]), Err(Malformed::BadInteger));
                assert_eq!(read(&[1], wrong), Err(Malformed::BadInteger));
            }
        }
    }

    #[test]
    fn a_signature_has_two_numbers_and_a_name_of_ours() {
        let name = NistCurve::P256.key_type();
        let read = |blob: Vec<u8>| ecdsa_signature(&blob).map(|_| ());
        assert_eq!(read(signature(name, &[&[1], &[1]])), Ok(()));
        assert_eq!(read(signature(name, &[&[1]])), Err(Malformed::TooShort));
        assert_eq!(
            read(signature(name, &[&[1], &[1], &[1]])),
            Err(Malformed::TrailingBytes)
        );
        for other in ["ecdsa-sha2-nistp521", "ssh-rsa", ""] {
            assert_eq!(
                read(signature(other, &[&[1], &[1]])),
                Err(Malformed::WrongNumber)
            );
        }
    }
}
