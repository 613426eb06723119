//! Why bytes are not what they should be.

use core::fmt;

/// Why bytes could not be read as an SSH value. One byte, `Copy`: it says what, never repeats it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Malformed {
    /// An identification line that is not `SSH-2.0-…` or `SSH-1.99-…`, or holds a control byte.
    BadIdent,
    /// An integer that is negative, or does not fit where it goes.
    BadInteger,
    /// A length that the format fixes is another one.
    BadLength,
    /// A name that is empty, too long, or not printable US-ASCII (RFC 4251 §6).
    BadName,
    /// A line without an end, or longer than is accepted.
    LineTooLong,
    /// Fewer bytes than the value needs.
    TooShort,
    /// More names or entries in a list than are accepted.
    TooMany,
    /// Bytes behind the last field.
    TrailingBytes,
    /// Another message, or kind of blob, than the one asked for.
    WrongNumber,
}

impl Malformed {
    /// What is wrong, in a few words for a log line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadIdent => "not an SSH identification line",
            Self::BadInteger => "integer out of range",
            Self::BadLength => "wrong length",
            Self::BadName => "malformed name",
            Self::LineTooLong => "line too long",
            Self::TooShort => "message too short",
            Self::TooMany => "too many entries",
            Self::TrailingBytes => "trailing bytes",
            Self::WrongNumber => "unexpected message",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Malformed {}
