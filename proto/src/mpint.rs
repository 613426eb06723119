//! Multiple precision integers (RFC 4251 §5): two's complement, most significant byte first.
//! SSH needs no negative ones, so none can be made.

use crate::error::Malformed;
use crate::message::Field;
use crate::wire::{Reader, Writer};

/// A non-negative integer as its magnitude without leading zeros; zero is no bytes at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mpint<'a>(&'a [u8]);

impl<'a> Mpint<'a> {
    /// From an unsigned big-endian number of any width. Total: all zeros are zero.
    #[must_use]
    pub fn from_unsigned(bytes: &'a [u8]) -> Self {
        Self(strip_zeros(bytes))
    }

    /// From the contents of a wire string. Superfluous leading zeros are taken off: they must not
    /// be sent (§5), but peers do send them, and dropping them changes no value.
    ///
    /// # Errors
    /// [`Malformed::BadInteger`] for a negative number.
    pub fn from_wire(contents: &'a [u8]) -> Result<Self, Malformed> {
        match contents.first() {
            Some(first) if first & 0x80 != 0 => Err(Malformed::BadInteger),
            _ => Ok(Self(strip_zeros(contents))),
        }
    }

    /// Big-endian, without leading zeros.
    #[must_use]
    pub const fn magnitude(self) -> &'a [u8] {
        self.0
    }

    /// A set top bit would read as a sign, so a zero byte goes before it.
    fn needs_zero(self) -> bool {
        self.0.first().is_some_and(|first| first & 0x80 != 0)
    }
}

fn strip_zeros(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

impl<'a> Field<'a> for Mpint<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.mpint()
    }

    fn field_len(&self) -> usize {
        self.0
            .len()
            .saturating_add(4)
            .saturating_add(usize::from(self.needs_zero()))
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let len = self.field_len().saturating_sub(4);
        // A length past u32 cannot fit any packet; the body then does not fit its buffer either.
        writer.u32(u32::try_from(len).unwrap_or(u32::MAX));
        if self.needs_zero() {
            writer.byte(0);
        }
        writer.bytes(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn wire(magnitude: &[u8]) -> Vec<u8> {
        let value = Mpint::from_unsigned(magnitude);
        let mut out = std::vec![0; value.field_len()];
        let mut writer = Writer::new(&mut out);
        value.write(&mut writer);
        assert_eq!(writer.written(), Some(out.len()));
        out
    }

    /// The examples of RFC 4251 §5 that are not negative.
    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(wire(&[]), [0, 0, 0, 0]);
        assert_eq!(
            wire(&[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7]),
            [0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7]
        );
        assert_eq!(wire(&[0x80]), [0, 0, 0, 2, 0, 0x80]);
    }

    #[test]
    fn the_negative_examples_of_the_rfc_are_refused() {
        assert_eq!(Mpint::from_wire(&[0xed, 0xcc]), Err(Malformed::BadInteger));
        assert_eq!(
            Mpint::from_wire(&[0xff, 0x21, 0x52, 0x41, 0x11]),
            Err(Malformed::BadInteger)
        );
    }

    #[test]
    fn zero_in_any_width_is_the_empty_string() {
        for width in 0..40 {
            assert_eq!(wire(&std::vec![0; width]), [0, 0, 0, 0]);
        }
    }

    #[test]
    fn leading_zeros_and_the_top_bit_in_every_combination() {
        for zeros in 0..4 {
            for first in [0x01, 0x7f, 0x80, 0xff] {
                let mut number = std::vec![0; zeros];
                number.extend_from_slice(&[first, 0, 9]);
                let out = wire(&number);
                let mut reader = Reader::new(&out);
                assert_eq!(reader.mpint().unwrap().magnitude(), [first, 0, 9]);
                assert_eq!(reader.finish(), Ok(()));
            }
        }
    }
}
