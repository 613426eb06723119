//! `expiry-time`: until when a key is taken.

use core::fmt;

/// The last second in which a key is taken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Expiry(u64);

/// Why a time could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadTime {
    /// Not a day of the calendar since 1970, or not a time of the day.
    Invalid,
    /// Without `Z` it is a time of the system's zone, which nobody knows here.
    NoZone,
}

impl Expiry {
    /// From `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`; `UTC` may stand for `Z`.
    ///
    /// # Errors
    /// [`BadTime`].
    pub fn parse(text: &str) -> Result<Self, BadTime> {
        let bytes = text.as_bytes();
        let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, zone) = bytes.split_at_checked(digits).ok_or(BadTime::Invalid)?;
        let part = |from: usize, to: usize| {
            let part = digits.get(from..to)?;
            let value = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
            Some(part.iter().fold(0, value))
        };
        let or_zero = |value: Option<u64>| value.unwrap_or(0);
        if !matches!(digits.len(), 8 | 12 | 14) {
            return Err(BadTime::Invalid);
        }
        let (Some(year), Some(month), Some(day)) = (part(0, 4), part(4, 6), part(6, 8)) else {
            return Err(BadTime::Invalid);
        };
        let (hour, minute) = (or_zero(part(8, 10)), or_zero(part(10, 12)));
        let second = or_zero(part(12, 14));
        let days = days(year, month, day).ok_or(BadTime::Invalid)?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(BadTime::Invalid);
        }
        let is_utc = [&b"Z"[..], b"UTC"]
            .iter()
            .any(|z| zone.eq_ignore_ascii_case(z));
        match zone {
            _ if is_utc => Ok(Self(days * 86_400 + hour * 3600 + minute * 60 + second)),
            [] => Err(BadTime::NoZone),
            _ => Err(BadTime::Invalid),
        }
    }

    /// Whether it is over, at so many seconds since 1970 in UTC.
    #[must_use]
    pub const fn is_over(self, now: u64) -> bool {
        now > self.0
    }

    /// Seconds since 1970 in UTC.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

/// Days since 1970-01-01; `None` for what is not in the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) || year < 1970 {
        return None;
    }
    // Years begin in March, so that a leap day is the last of its year; from there the lengths of
    // months repeat every five. 0000-03-01 was 719468 days before 1970-01-01.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_years = 365 * year + year / 4 - year / 100 + year / 400;
    Some(of_years + (153 * month + 2) / 5 + day - 1 - 719_468)
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid expires time",
            Self::NoZone => "the time must be in UTC, with a Z at its end",
        })
    }
}

impl core::error::Error for BadTime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, expected) in [
            ("19700101Z", Ok(0)),
            ("20000229Z", Ok(951_782_400)),
            ("20010909014640Z", Ok(1_000_000_000)),
            ("200109090146UTC", Ok(999_999_960)),
            ("20241231235959z", Ok(1_735_689_599)),
            ("21000301Z", Ok(4_107_542_400)),
            ("99991231235959Z", Ok(253_402_300_799)),
            ("20300101", Err(BadTime::NoZone)),
            ("203001010000", Err(BadTime::NoZone)),
            ("", Err(BadTime::Invalid)),
            ("Z", Err(BadTime::Invalid)),
            ("2030Z", Err(BadTime::Invalid)),
            ("2030010112Z", Err(BadTime::Invalid)),
            ("20300101000000000Z", Err(BadTime::Invalid)),
            ("21000229Z", Err(BadTime::Invalid)),
            ("20301301Z", Err(BadTime::Invalid)),
            ("20300001Z", Err(BadTime::Invalid)),
            ("20300100Z", Err(BadTime::Invalid)),
            ("203001012400Z", Err(BadTime::Invalid)),
            ("203001010060Z", Err(BadTime::Invalid)),
            ("20300101000060Z", Err(BadTime::Invalid)),
            ("19691231Z", Err(BadTime::Invalid)),
            ("20300101 Z", Err(BadTime::Invalid)),
            ("20300101+01", Err(BadTime::Invalid)),
        ] {
            assert_eq!(
                Expiry::parse(text).map(Expiry::seconds),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_key_is_taken_up_to_that_second() {
        let expiry = Expiry::parse("20010909014640Z").unwrap();
        assert!(!expiry.is_over(999_999_999));
        assert!(!expiry.is_over(1_000_000_000));
        assert!(expiry.is_over(1_000_000_001));
    }
}
