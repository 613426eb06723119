//! Reading and writing the data types of RFC 4251 §5. No length read here reaches an allocator:
//! a value is a part of the bytes at hand, or it is `TooShort`.

use crate::error::Malformed;
use crate::mpint::Mpint;
use crate::name::NameList;

/// Reads values from the front of some bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Exactly `n` bytes.
    ///
    /// # Errors
    /// [`Malformed::TooShort`] when fewer are left; then nothing is consumed.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Malformed::TooShort)?;
        self.rest = rest;
        Ok(head)
    }

    /// `byte[N]`.
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Malformed::TooShort)?;
        self.rest = rest;
        Ok(*head)
    }

    /// `byte`.
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// `boolean`: every value but zero is true (RFC 4251 §5).
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.byte()? != 0)
    }

    /// `uint32`.
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// `uint64`.
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// `string`: a `uint32` length and that many bytes.
    ///
    /// # Errors
    /// [`Malformed::TooShort`] when the length says more than there is.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.u32()?).map_err(|_| Malformed::TooShort)?;
        self.bytes(len)
    }

    /// `mpint`, not negative.
    ///
    /// # Errors
    /// [`Malformed::TooShort`], or [`Malformed::BadInteger`] for a negative number.
    pub fn mpint(&mut self) -> Result<Mpint<'a>, Malformed> {
        Mpint::from_wire(self.string()?)
    }

    /// `name-list`.
    ///
    /// # Errors
    /// As [`NameList::parse`].
    pub fn name_list(&mut self) -> Result<NameList<'a>, Malformed> {
        NameList::parse(self.string()?)
    }

    /// All that is left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything was read.
    ///
    /// # Errors
    /// [`Malformed::TrailingBytes`] when it was not.
    pub const fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed::TrailingBytes)
        }
    }
}

/// The bytes up to the end of a message, whose shape another field decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rest<'a>(pub &'a [u8]);

/// Writes values into a buffer of fixed size.
///
/// What does not fit is not written, and [`Writer::written`] then says so: callers ask
/// [`crate::Encode::encoded_len`] first, so this happens only when they are wrong.
#[derive(Debug)]
pub struct Writer<'a> {
    /// `None` once something did not fit.
    left: Option<&'a mut [u8]>,
    written: usize,
}

impl<'a> Writer<'a> {
    /// Writes from the start of `out`.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self {
            left: Some(out),
            written: 0,
        }
    }

    /// The bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let Some((head, rest)) = self
            .left
            .take()
            .and_then(|left| left.split_at_mut_checked(bytes.len()))
        else {
            return;
        };
        head.copy_from_slice(bytes);
        // Cannot overflow: never more than the length of one slice.
        self.written = self.written.saturating_add(bytes.len());
        self.left = Some(rest);
    }

    /// `byte`.
    pub fn byte(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// `boolean`.
    pub fn boolean(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    /// `uint32`.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `uint64`.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// `string`. One of 4 GiB or more counts as not fitting.
    pub fn string(&mut self, value: &[u8]) {
        let Ok(len) = u32::try_from(value.len()) else {
            self.left = None;
            return;
        };
        self.u32(len);
        self.bytes(value);
    }

    /// How many bytes were written, or `None` when something did not fit.
    #[must_use]
    pub const fn written(&self) -> Option<usize> {
        if self.left.is_some() {
            Some(self.written)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_written() {
        let mut out = [0; 64];
        let mut writer = Writer::new(&mut out);
        writer.byte(7);
        writer.boolean(true);
        writer.u32(0x0102_0304);
        writer.u64(u64::MAX - 1);
        writer.string(b"name");
        let n = writer.written().unwrap();
        assert_eq!(n, 1 + 1 + 4 + 8 + 8);
        let mut reader = Reader::new(&out[..n]);
        assert_eq!(reader.byte(), Ok(7));
        assert_eq!(reader.boolean(), Ok(true));
        assert_eq!(reader.u32(), Ok(0x0102_0304));
        assert_eq!(reader.u64(), Ok(u64::MAX - 1));
        assert_eq!(reader.string(), Ok(&b"name"[..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_boolean_is_true_unless_zero() {
        for value in 0..=255 {
            assert_eq!(Reader::new(&[value]).boolean(), Ok(value != 0));
        }
    }

    #[test]
    fn a_string_longer_than_the_bytes_is_too_short() {
        for announced in [5_u32, 1000, u32::MAX] {
            let mut bytes = std::vec::Vec::from(announced.to_be_bytes());
            bytes.extend_from_slice(b"abcd");
            assert_eq!(Reader::new(&bytes).string(), Err(Malformed::TooShort));
        }
    }

    #[test]
    fn what_does_not_fit_is_reported_and_stays_reported() {
        let mut out = [0; 4];
        let mut writer = Writer::new(&mut out);
        writer.u32(1);
        assert_eq!(writer.written(), Some(4));
        writer.byte(1);
        assert_eq!(writer.written(), None);
        writer.bytes(&[]);
        assert_eq!(writer.written(), None);
    }

    #[test]
    fn bytes_left_over_are_an_error() {
        let mut reader = Reader::new(&[1, 2]);
        assert_eq!(reader.byte(), Ok(1));
        assert_eq!(reader.remaining(), 1);
        assert_eq!(reader.finish(), Err(Malformed::TrailingBytes));
    }
}
