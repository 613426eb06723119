//! Values of options and keywords: yes or no, times, sizes, numbers. ssh and sshd share them.

use std::time::Duration;

/// A time as ssh_config(5) and sshd_config(5) write it: `90`, `90s`, `1m30s`, `2h`, `1d`, `1w`.
///
/// `None` when it is not one or does not fit.
#[must_use]
pub fn time(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        let number: u64 = number.parse().ok()?;
        let mut after = after.chars();
        let unit = match after.next().map(|c| c.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            Some('w') => 7 * 24 * 60 * 60,
            Some(_) => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    // OpenSSH keeps times in an int.
    i32::try_from(total).ok()?;
    Some(Duration::from_secs(total))
}

/// A size as `RekeyLimit` writes it: digits, and K, M or G for a power of 1024.
///
/// `None` when it is not one or does not fit.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (text.get(..at)?, 10),
        Some((at, 'm' | 'M')) => (text.get(..at)?, 20),
        Some((at, 'g' | 'G')) => (text.get(..at)?, 30),
        _ => (text, 0),
    };
    number::<u64>(digits)?.checked_mul(1_u64 << shift)
}

/// Digits and nothing else: no sign, no blanks.
#[must_use]
pub fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// `yes` or `no`; OpenSSH also knows `true` and `false` here.
#[must_use]
pub fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// Splits a line into its words: blanks between them, quotes (`"` or `'`) around those that hold
/// blanks, a backslash before a quote, a backslash or a blank. `=` may stand between the first word
/// and the second. A `#` where a word would start ends the line.
///
/// # Errors
/// When a quote is not closed.
pub fn words(line: &str) -> Result<Vec<String>, UnbalancedQuote> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if let (1, Some(value)) = (out.len(), rest.strip_prefix('=')) {
            rest = value.trim_ascii_start();
        }
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(out);
        }
        // The first word also ends at a `=`, which stays for the next round.
        let is_first = out.is_empty();
        let (word, behind) = word(rest, |c| c.is_ascii_whitespace() || (c == b'=' && is_first))?;
        out.push(word);
        rest = behind;
    }
}

/// As [`words`]; but where the first one, in lower case, is such that a whole line belongs to it,
/// there is one more: the rest of the line as it is written.
///
/// # Errors
/// As [`words`].
pub fn words_or_rest(
    line: &str,
    takes_rest: fn(&str) -> bool,
) -> Result<Vec<String>, UnbalancedQuote> {
    let mut words = words(line)?;
    let first = words.first().map(|first| first.to_ascii_lowercase());
    if !first.is_some_and(|first| takes_rest(&first)) {
        return Ok(words);
    }
    let ends = |c: u8| c.is_ascii_whitespace() || c == b'=';
    let (_, rest) = word(line.trim_ascii_start(), ends)?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '=');
    words.truncate(1);
    words.extend(Some(rest.trim_ascii_end().to_owned()).filter(|rest| !rest.is_empty()));
    Ok(words)
}

/// The word that `text` begins with, and what follows it.
fn word(text: &str, ends: impl Fn(u8) -> bool) -> Result<(String, &str), UnbalancedQuote> {
    let special = |c: u8| matches!(c, b'\\' | b'"' | b'\'') || ends(c);
    let mut word = String::new();
    let mut quote = None;
    let mut rest = text;
    loop {
        // Most words are plain from one end to the other.
        let at = rest.bytes().position(&special).unwrap_or(rest.len());
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        word.push_str(plain);
        let mut chars = from.chars();
        let Some(c) = chars.next() else {
            return match quote {
                None => Ok((word, from)),
                Some(_) => Err(UnbalancedQuote),
            };
        };
        rest = chars.as_str();
        match (c, quote) {
            ('\\', _) => match chars
                .next()
                .filter(|c| matches!(c, '"' | '\'' | '\\' | ' '))
            {
                // Inside quotes a blank needs no backslash, and keeps one that is there.
                Some(' ') if quote.is_some() => {
                    word.push_str("\\ ");
                    rest = chars.as_str();
                }
                Some(quoted) => {
                    word.push(quoted);
                    rest = chars.as_str();
                }
                None => word.push('\\'),
            },
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (_, None) => return Ok((word, from)),
            (c, Some(_)) => word.push(c),
        }
    }
}

/// A quote was opened and not closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnbalancedQuote;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_units() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("90s", Some(90)),
            ("1m30s", Some(90)),
            ("1M30S", Some(90)),
            ("2h", Some(7200)),
            ("1d", Some(86400)),
            ("1w2d", Some(777_600)),
            ("1m30", Some(90)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("99999999999999999999", None),
            ("9999999999999999w", None),
            ("", None),
            ("s", None),
            ("5x", None),
            ("-1", None),
            ("1 m", None),
        ] {
            assert_eq!(time(text).map(|t| t.as_secs()), seconds, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_numbers_with_a_power_of_1024() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("1k", Some(1024)),
            ("512M", Some(512 << 20)),
            ("4G", Some(4 << 30)),
            ("17179869184G", None),
            ("", None),
            ("G", None),
            ("1T", None),
            ("+1", None),
            ("1.5G", None),
        ] {
            assert_eq!(size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn lines_split_into_words() {
        for (line, expected) in [
            ("Port 22", Ok(vec!["Port", "22"])),
            ("Port=22", Ok(vec!["Port", "22"])),
            (" Port = 22 # why", Ok(vec!["Port", "22"])),
            ("Port\t=22", Ok(vec!["Port", "22"])),
            ("A b=c", Ok(vec!["A", "b=c"])),
            ("A==b", Ok(vec!["A", "=b"])),
            ("A \"b c\" d", Ok(vec!["A", "b c", "d"])),
            ("A='b c'", Ok(vec!["A", "b c"])),
            (r"A b\ c", Ok(vec!["A", "b c"])),
            (r#"A "b\"c""#, Ok(vec!["A", "b\"c"])),
            ("A \"b'c\"", Ok(vec!["A", "b'c"])),
            (r"A C:\x", Ok(vec!["A", r"C:\x"])),
            (r"A b\", Ok(vec!["A", r"b\"])),
            (r#"A "b\ c""#, Ok(vec!["A", r"b\ c"])),
            ("\"A\"=b", Ok(vec!["A", "b"])),
            ("\"A=b\" c", Ok(vec!["A=b", "c"])),
            ("A=", Ok(vec!["A"])),
            ("=b", Ok(vec!["", "b"])),
            ("A é\u{a0}ü", Ok(vec!["A", "é\u{a0}ü"])),
            ("A\u{c}b\u{c}", Ok(vec!["A", "b"])),
            ("A \"\"", Ok(vec!["A", ""])),
            ("A b#c", Ok(vec!["A", "b#c"])),
            ("# all of it", Ok(vec![])),
            ("", Ok(vec![])),
            ("A \"b", Err(UnbalancedQuote)),
            ("A 'b\"", Err(UnbalancedQuote)),
        ] {
            let expected = expected.map(|w| w.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(words(line), expected, "{line:?}");
        }
    }
}
