//! A reader of DER (ITU-T X.690) for the few types that private keys are made of.
//!
//! Strict: lengths are definite and as short as can be (§10.1), integers have no superfluous byte
//! (§8.3.2) and are not negative, bit strings have whole bytes, and whoever reads a value says that
//! it ended. Nothing here allocates or recurses: a value is a part of the bytes at hand, and a
//! structure is as deep as the code that reads it.

use adit_proto::Malformed;

/// X.690 §8.1.2: class, form and number of a tag in one byte.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct Tag(u8);

impl Tag {
    pub(super) const INTEGER: Self = Self(0x02);
    pub(super) const BIT_STRING: Self = Self(0x03);
    pub(super) const OCTET_STRING: Self = Self(0x04);
    pub(super) const NULL: Self = Self(0x05);
    pub(super) const OBJECT_IDENTIFIER: Self = Self(0x06);
    pub(super) const SEQUENCE: Self = Self(0x30);
    /// `[0]`, around other values.
    pub(super) const CONSTRUCTED_0: Self = Self(0xa0);
    /// `[1]`, around another value.
    pub(super) const CONSTRUCTED_1: Self = Self(0xa1);
    /// `[1]`, in the place of another tag.
    pub(super) const PRIMITIVE_1: Self = Self(0x81);
}

/// X.690 §8.1.3.5: a first byte from here on says how many bytes of length follow.
const LONG_FORM: u8 = 0x80;
/// Bytes that a length has: 64 KiB and more is no key.
const LENGTH_BYTES_MAX: usize = 2;

/// The values that stand one behind the other in some bytes.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The only value, a SEQUENCE: what is in it.
    pub(super) fn only_sequence(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut der = Self::new(bytes);
        let sequence = der.sequence()?;
        der.finish()?;
        Ok(sequence)
    }

    pub(super) fn sequence(&mut self) -> Result<Self, Malformed> {
        self.value(Tag::SEQUENCE).map(Self)
    }

    /// What is in the next value, which has this tag.
    pub(super) fn value(&mut self, tag: Tag) -> Result<&'a [u8], Malformed> {
        self.optional(tag)?.ok_or(if self.0.is_empty() {
            Malformed::TooShort
        } else {
            Malformed::WrongNumber
        })
    }

    /// What is in the next value if it has this tag; otherwise nothing is read.
    pub(super) fn optional(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, Malformed> {
        let Some((_, rest)) = self.0.split_first().filter(|(first, _)| **first == tag.0) else {
            return Ok(None);
        };
        let (len, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(len).ok_or(Malformed::TooShort)?;
        self.0 = rest;
        Ok(Some(contents))
    }

    /// INTEGER: its magnitude, big-endian, without leading zeros; none at all for zero.
    pub(super) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        match self.value(Tag::INTEGER)? {
            [] => Err(Malformed::BadLength),
            [0] => Ok(&[]),
            // A zero byte is there only to say that the top bit is no sign.
            [0, second, ..] if second & 0x80 == 0 => Err(Malformed::BadInteger),
            [0, magnitude @ ..] => Ok(magnitude),
            [first, ..] if first & 0x80 != 0 => Err(Malformed::BadInteger),
            magnitude => Ok(magnitude),
        }
    }

    /// INTEGER of one byte: a version.
    pub(super) fn version(&mut self) -> Result<u8, Malformed> {
        match self.integer()? {
            [] => Ok(0),
            [version] => Ok(*version),
            _ => Err(Malformed::BadInteger),
        }
    }

    pub(super) const fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed::TrailingBytes)
        }
    }
}

/// The bytes of a BIT STRING's contents, which begin with how many bits of the last are unused.
pub(super) fn whole_bytes(bit_string: &[u8]) -> Result<&[u8], Malformed> {
    match bit_string {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(Malformed::BadLength),
    }
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (first, rest) = bytes.split_first().ok_or(Malformed::TooShort)?;
    if *first < LONG_FORM {
        return Ok((usize::from(*first), rest));
    }
    let n = usize::from(first & !LONG_FORM);
    // None: the indefinite form, which DER does not have.
    if n == 0 || n > LENGTH_BYTES_MAX {
        return Err(Malformed::BadLength);
    }
    let (bytes, rest) = rest.split_at_checked(n).ok_or(Malformed::TooShort)?;
    let len = bytes
        .iter()
        .fold(0_usize, |len, byte| (len << 8) | usize::from(*byte));
    let shortest = match len {
        0..0x80 => 0,
        0x80..0x100 => 1,
        _ => 2,
    };
    if n != shortest {
        return Err(Malformed::BadLength);
    }
    Ok((len, rest))
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// A value, with a length of this form.
    fn value(tag: u8, length: &[u8], contents: &[u8]) -> Vec<u8> {
        [&[tag], length, contents].concat()
    }

    fn octets(length: &[u8], n: usize) -> Result<usize, Malformed> {
        let bytes = value(0x04, length, &vec![7; n]);
        let mut der = Der::new(&bytes);
        let contents = der.value(Tag::OCTET_STRING)?;
        der.finish()?;
        Ok(contents.len())
    }

    fn integer(contents: &[u8]) -> Result<Vec<u8>, Malformed> {
        let length = [u8::try_from(contents.len()).unwrap()];
        let bytes = value(0x02, &length, contents);
        Der::new(&bytes).integer().map(<[u8]>::to_vec)
    }

    #[test]
    fn a_length_has_its_shortest_form() {
        for (length, n, expected) in [
            (&[0][..], 0, Ok(0)),
            (&[0x7f], 0x7f, Ok(0x7f)),
            (&[0x81, 0x80], 0x80, Ok(0x80)),
            (&[0x81, 0xff], 0xff, Ok(0xff)),
            (&[0x82, 1, 0], 0x100, Ok(0x100)),
            (&[0x82, 0xff, 0xff], 0xffff, Ok(0xffff)),
            (&[0x81, 0x7f], 0x7f, Err(Malformed::BadLength)),
            (&[0x82, 0, 0xff], 0xff, Err(Malformed::BadLength)),
            (&[0x82, 0, 0x7f], 0x7f, Err(Malformed::BadLength)),
            (&[0x83, 0, 1, 0], 0x100, Err(Malformed::BadLength)),
            (&[0x83, 1, 0, 0], 0x1_0000, Err(Malformed::BadLength)),
            (&[0x80], 0, Err(Malformed::BadLength)),
            (&[0xff], 0, Err(Malformed::BadLength)),
            (
                &[0x88, 255, 255, 255, 255, 255, 255, 255, 255],
                9,
                Err(Malformed::BadLength),
            ),
            (&[], 0, Err(Malformed::TooShort)),
            (&[0x81], 0, Err(Malformed::TooShort)),
            (&[0x82, 1], 0, Err(Malformed::TooShort)),
            (&[5], 4, Err(Malformed::TooShort)),
            (&[5], 6, Err(Malformed::TrailingBytes)),
        ] {
            assert_eq!(octets(length, n), expected, "{length:x?} {n}");
        }
    }

    #[test]
    fn an_integer_is_not_negative_and_has_no_superfluous_byte() {
        for (contents, expected) in [
            (&[0][..], Ok(&[][..])),
            (&[1], Ok(&[1])),
            (&[0x7f, 0], Ok(&[0x7f, 0])),
            (&[0, 0x80], Ok(&[0x80])),
            (&[0, 0xff, 0], Ok(&[0xff, 0])),
            (&[], Err(Malformed::BadLength)),
            (&[0, 0], Err(Malformed::BadInteger)),
            (&[0, 1], Err(Malformed::BadInteger)),
            (&[0, 0x7f, 0xff], Err(Malformed::BadInteger)),
            (&[0x80], Err(Malformed::BadInteger)),
            (&[0xff, 0xff], Err(Malformed::BadInteger)),
        ] {
            assert_eq!(
                integer(contents),
                expected.map(<[u8]>::to_vec),
                "{contents:x?}"
            );
        }
    }

    #[test]
    fn a_version_has_one_byte() {
        for (contents, expected) in [
            (&[2, 1, 0][..], Ok(0)),
            (&[2, 1, 1], Ok(1)),
            (&[2, 2, 0, 0xff], Ok(0xff)),
            (&[2, 2, 1, 0], Err(Malformed::BadInteger)),
        ] {
            assert_eq!(Der::new(contents).version(), expected);
        }
    }

    #[test]
    fn a_value_of_another_tag_is_left_alone() {
        let bytes = [0xa0, 2, 5, 0, 0x03, 2, 0, 9];
        let mut der = Der::new(&bytes);
        assert_eq!(der.optional(Tag::CONSTRUCTED_1), Ok(None));
        assert_eq!(der.value(Tag::SEQUENCE), Err(Malformed::WrongNumber));
        assert_eq!(der.optional(Tag::CONSTRUCTED_0), Ok(Some(&[5, 0][..])));
        let bits = der.value(Tag::BIT_STRING).unwrap();
        assert_eq!(whole_bytes(bits), Ok(&[9][..]));
        assert_eq!(der.value(Tag::NULL), Err(Malformed::TooShort));
        assert_eq!(der.optional(Tag::NULL), Ok(None));
        assert_eq!(der.finish(), Ok(()));
    }

    #[test]
    fn a_bit_string_has_whole_bytes() {
        assert_eq!(whole_bytes(&[0]), Ok(&[][..]));
        for wrong in [&[][..], &[1, 0xfe], &[8, 0], &[255]] {
            assert_eq!(whole_bytes(wrong), Err(Malformed::BadLength));
        }
    }

    #[test]
    fn the_only_sequence_has_nothing_behind_it() {
        assert!(Der::only_sequence(&[0x30, 0]).is_ok());
        for (bytes, expected) in [
            (&[0x30, 0, 0][..], Malformed::TrailingBytes),
            (&[0x31, 0], Malformed::WrongNumber),
            (&[0x30, 1], Malformed::TooShort),
            (&[], Malformed::TooShort),
        ] {
            assert_eq!(Der::only_sequence(bytes).err(), Some(expected));
        }
    }
}
