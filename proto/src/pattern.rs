//! Patterns with `*` and `?`, and comma-separated lists of them with `!`, as in known_hosts and ssh_config.
//!
//! The matcher does not recurse: behind a `*` it only ever goes back to the last one, so that a
//! text of n bytes costs n² steps at the very most, whatever the pattern.

/// Whether `A` and `a` are the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Case {
    /// They are not.
    Exact,
    /// They are: host names.
    Folded,
}

/// What a list of patterns says of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Match {
    /// A pattern matches, and none with `!` does.
    Yes,
    /// No pattern matches.
    No,
    /// A pattern with `!` matches: whatever the others say.
    Negated,
}

/// Whether all of `text` matches `pattern`: `*` is any bytes or none, `?` any one byte.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Behind the last `*`, and where in the text that was last tried.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', behind)), _) => {
                retry = Some((behind, text));
                pattern = behind;
            }
            (Some((p, behind)), Some((t, rest))) if is_same(*p, *t, case) => {
                pattern = behind;
                text = rest;
            }
            (None, None) => return true,
            (Some(_), _) | (None, Some(_)) => {
                // The `*` takes one byte more.
                let Some((behind, [_, rest @ ..])) = retry else {
                    return false;
                };
                retry = Some((behind, rest));
                pattern = behind;
                text = rest;
            }
        }
    }
}

/// What a comma-separated list says of `text`. Empty patterns match nothing.
#[must_use]
pub fn match_list(list: &[u8], text: &[u8], case: Case) -> Match {
    let mut found = Match::No;
    for pattern in list.split(|b| *b == b',').filter(|p| !p.is_empty()) {
        match pattern.strip_prefix(b"!") {
            Some(pattern) if matches(pattern, text, case) => return Match::Negated,
            None if matches(pattern, text, case) => found = Match::Yes,
            Some(_) | None => {}
        }
    }
    found
}

const fn is_same(pattern: u8, text: u8, case: Case) -> bool {
    pattern == b'?'
        || match case {
            Case::Exact => pattern == text,
            Case::Folded => pattern.eq_ignore_ascii_case(&text),
        }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// The definition, as short as it can be said. Exponential, so for short inputs.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', behind @ ..], _) => {
                naive(behind, text) || (!text.is_empty() && naive(pattern, &text[1..]))
            }
            ([b'?', behind @ ..], [_, rest @ ..]) => naive(behind, rest),
            ([p, behind @ ..], [t, rest @ ..]) => p == t && naive(behind, rest),
            _ => false,
        }
    }

    #[test]
    fn patterns_mean_what_they_say() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("?", "", false),
            ("?", "a", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("[::1]:22", "[::1]:22", true),
        ] {
            let is_match = matches(pattern.as_bytes(), text.as_bytes(), Case::Exact);
            assert_eq!(is_match, expected, "{pattern} {text}");
        }
    }

    #[test]
    fn case_is_folded_only_when_asked() {
        assert!(!matches(b"Host*", b"hOST1", Case::Exact));
        assert!(matches(b"Host*", b"hOST1", Case::Folded));
    }

    #[test]
    fn it_agrees_with_the_definition_on_every_short_input() {
        let mut random = 11_usize;
        let mut below = move |n: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % n
        };
        let mut pick = |alphabet: &[u8], max: usize| -> Vec<u8> {
            (0..below(max))
                .map(|_| alphabet[below(alphabet.len())])
                .collect()
        };
        for _ in 0..20_000 {
            let (pattern, text) = (pick(b"ab*?", 9), pick(b"ab?", 11));
            assert_eq!(
                matches(&pattern, &text, Case::Exact),
                naive(&pattern, &text),
                "{:?} {:?}",
                pattern.escape_ascii(),
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn many_stars_come_to_an_end() {
        // One that recursed would not.
        let text = b"a".repeat(10_000);
        assert!(matches(&b"*a".repeat(100), &text, Case::Exact));
        assert!(!matches(
            &[&b"*a".repeat(100)[..], b"b"].concat(),
            &text,
            Case::Exact
        ));
    }

    #[test]
    fn a_negated_pattern_beats_the_others_wherever_it_stands() {
        for (list, expected) in [
            ("", Match::No),
            ("a", Match::No),
            ("*", Match::Yes),
            ("a,host", Match::Yes),
            ("host,!host", Match::Negated),
            ("!host,*", Match::Negated),
            ("!other,*", Match::Yes),
            ("!other", Match::No),
            (",,host,,", Match::Yes),
            ("!", Match::No),
        ] {
            let said = match_list(list.as_bytes(), b"host", Case::Folded);
            assert_eq!(said, expected, "{list}");
        }
    }
}
