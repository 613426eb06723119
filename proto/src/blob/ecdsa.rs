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
