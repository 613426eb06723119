//! The words behind keywords.

use adit_forward::RekeyLimits;
use adit_forward::reactor::MaxStartups;

use crate::escape::escaped;
use crate::provider::{self, Lists};
use crate::value;

/// sshd's MAX_LISTEN_SOCKS is 16 and its MAX_HOSTKEYS 256; ours for each list.
pub(super) const LIST_MAX: usize = 64;

/// The one word behind a keyword.
pub(super) fn only_one<'a>(name: &str, values: &[&'a str]) -> Result<&'a str, String> {
    match several(name, values)? {
        [one] => Ok(one),
        _ => Err(format!("keyword {name} extra arguments at end of line")),
    }
}

/// The words behind a keyword: at least one.
pub(super) fn several<'a, 'b>(name: &str, values: &'b [&'a str]) -> Result<&'b [&'a str], String> {
    if values.is_empty() {
        Err(format!("no argument after keyword \"{name}\""))
    } else {
        Ok(values)
    }
}

/// Reads the one word of a keyword, and keeps it unless it was said before.
pub(super) fn first<T>(
    slot: &mut Option<T>,
    name: &str,
    values: &[&str],
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<(), String> {
    let word = only_one(name, values)?;
    // Also where an earlier value wins: a value that is not understood is an error wherever it is.
    let value = read(word).ok_or_else(|| unsupported(word))?;
    keep_first(slot, value);
    Ok(())
}

pub(super) fn keep_first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

pub(super) fn add<T>(list: &mut Vec<T>, value: T, name: &str) -> Result<(), String> {
    if list.len() >= LIST_MAX {
        return Err(format!("too many {name} lines"));
    }
    list.push(value);
    Ok(())
}

pub(super) fn unsupported(word: &str) -> String {
    format!("unsupported option \"{}\".", escaped(word.as_bytes()))
}

/// What may be written instead.
pub(super) fn but(allowed: &[&str]) -> String {
    match allowed {
        [] => String::new(),
        words => format!(" (only \"{}\" is accepted)", words.join("\" or \"")),
    }
}

/// A list of algorithms: read, to see that this build has them, and kept as it is written, since
/// what `+` and `-` add to is known when all is read.
pub(super) fn names(name: &str, lists: Lists<'_>, slot: &mut Option<String>) -> Result<(), String> {
    provider::algorithms(&lists)
        .map_err(|(list, bad)| format!("Bad {name} '{}': {bad}", escaped(list.as_bytes())))?;
    let list = lists.kex.or(lists.host_keys);
    let list = list.or(lists.ciphers).or(lists.macs).or(lists.user_keys);
    if let Some(list) = list {
        keep_first(slot, list.to_owned());
    }
    Ok(())
}

/// `start:rate:full`, or `full` alone: sshd then starts and ends there.
pub(super) fn max_startups(word: &str) -> Option<MaxStartups> {
    let mut parts = word.split(':').map(value::number::<u32>);
    let limits = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(full)), None, None, None) => MaxStartups {
            start: full,
            rate: 100,
            full,
        },
        (Some(Some(start)), Some(Some(rate)), Some(Some(full)), None) => {
            MaxStartups { start, rate, full }
        }
        _ => return None,
    };
    let sound =
        limits.start >= 1 && limits.start <= limits.full && (1..=100).contains(&limits.rate);
    sound.then_some(limits)
}

/// `bytes [time]`; `default` leaves what the cipher allows, and no time the hour that is our own.
pub(super) fn rekey(values: &[&str]) -> Result<RekeyLimits, String> {
    /// sshd takes nothing smaller.
    const BYTES_MIN: u64 = 16;
    let (bytes, time) = match several("RekeyLimit", values)? {
        [bytes] => (*bytes, None),
        [bytes, time] => (*bytes, Some(*time)),
        _ => return Err("keyword RekeyLimit extra arguments at end of line".to_owned()),
    };
    Ok(RekeyLimits {
        bytes: match bytes {
            "default" | "none" => None,
            bytes => match value::size(bytes) {
                Some(n) if n >= BYTES_MIN => Some(n),
                Some(_) => return Err("rekeylimit too small".to_owned()),
                None => return Err(unsupported(bytes)),
            },
        },
        time: match time {
            None => RekeyLimits::default().time,
            Some("none") => None,
            Some(time) => {
                let time = value::time(time).filter(|time| !time.is_zero());
                Some(time.ok_or("invalid time value.")?)
            }
        },
    })
}
