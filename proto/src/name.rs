//! Algorithm and method names, and lists of them (RFC 4251 §5, §6).

use crate::error::Malformed;
use crate::message::Field;
use crate::wire::{Reader, Writer};

/// Longest name (RFC 4251 §6: "Names MUST NOT be longer than 64 characters").
pub const NAME_MAX: usize = 64;

/// Most names in one list. OpenSSH's longest has 30; negotiation is then at most 128 × 128.
pub const NAMES_MAX: usize = 128;

/// Whether these bytes are a name: 1 to 64 printable US-ASCII characters without a comma.
#[must_use]
pub fn is_name(bytes: &[u8]) -> bool {
    (1..=NAME_MAX).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_graphic() && *b != b',')
}

/// A comma-separated list of names, checked when it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NameList<'a>(&'a [u8]);

impl<'a> NameList<'a> {
    /// No names.
    pub const EMPTY: Self = Self(&[]);

    /// From the joined form. No bytes at all are the empty list.
    ///
    /// # Errors
    /// [`Malformed::BadName`] for anything that is not a name between commas, and
    /// [`Malformed::TooMany`] past [`NAMES_MAX`].
    pub fn parse(joined: &'a [u8]) -> Result<Self, Malformed> {
        let list = Self(joined);
        for (i, name) in list.iter().enumerate() {
            if i >= NAMES_MAX {
                return Err(Malformed::TooMany);
            }
            if !is_name(name) {
                return Err(Malformed::BadName);
            }
        }
        Ok(list)
    }

    /// The names in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        // `split` makes one empty part of nothing; the empty list has none.
        let parts = if self.0.is_empty() {
            None
        } else {
            Some(self.0.split(|b| *b == b','))
        };
        parts.into_iter().flatten()
    }

    /// Whether `name` is among them.
    #[must_use]
    pub fn contains(self, name: &[u8]) -> bool {
        self.iter().any(|n| n == name)
    }

    /// The joined form.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Field<'a> for NameList<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.name_list()
    }

    fn field_len(&self) -> usize {
        self.0.len().saturating_add(4)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.string(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn lists_split_at_commas() {
        for (joined, names) in [
            (&b""[..], &[][..]),
            (b"zlib", &[&b"zlib"[..]]),
            (b"zlib,none", &[b"zlib", b"none"]),
        ] {
            let list = NameList::parse(joined).unwrap();
            assert_eq!(list.iter().collect::<Vec<_>>(), names);
            assert_eq!(list.as_bytes(), joined);
        }
    }

    #[test]
    fn empty_names_and_strange_bytes_are_refused() {
        for bad in [
            &b","[..],
            b"a,",
            b",a",
            b"a,,b",
            b"a b",
            b"a\0",
            b"\xc3\xa4",
            b"a\n",
            b"\x7f",
        ] {
            assert_eq!(NameList::parse(bad), Err(Malformed::BadName), "{bad:?}");
        }
    }

    #[test]
    fn a_name_has_at_most_64_bytes() {
        assert!(NameList::parse(&[b'a'; NAME_MAX - 1]).is_ok());
        assert!(NameList::parse(&[b'a'; NAME_MAX]).is_ok());
        assert_eq!(
            NameList::parse(&[b'a'; NAME_MAX + 1]),
            Err(Malformed::BadName)
        );
    }

    #[test]
    fn a_list_has_at_most_128_names() {
        let joined = |n: usize| std::vec!["a"; n].join(",");
        assert!(NameList::parse(joined(NAMES_MAX - 1).as_bytes()).is_ok());
        assert!(NameList::parse(joined(NAMES_MAX).as_bytes()).is_ok());
        assert_eq!(
            NameList::parse(joined(NAMES_MAX + 1).as_bytes()),
            Err(Malformed::TooMany)
        );
    }

    #[test]
    fn a_packet_full_of_commas_ends_at_the_first() {
        assert_eq!(NameList::parse(&[b','; 35_000]), Err(Malformed::BadName));
    }
}
