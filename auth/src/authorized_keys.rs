//! authorized_keys: which keys a user may log in with.
//!
//! A line is `[options] keytype base64 [comment]`. Options restrict what a key may do: one that is
//! not understood could be any restriction, so its line does not authorize. Neither does a line
//! that is not understood at all, and it never stops the lines behind it.

mod expiry;
mod options;

use core::fmt;

use adit_proto::blob::{SSH_RSA, rsa_public};

use crate::public_key::{BadPublicKey, PublicKey, is_idle, lines, trim_start};
use crate::signed::{key_type_label, signature_algorithms};
pub use expiry::{BadTime, Expiry};
pub use options::{BadOption, Options, WhyBad};

/// Longest line (OpenSSH's, 8 KiB: an RSA key of 16384 bits is 2.7 KiB, the rest is options). A
/// longer one is refused whole: what was cut off could be read as a line of its own.
pub const LINE_MAX: usize = 8 * 1024;

/// Most lines with keys that are read. sshd has no limit; a login costs each of them.
pub const KEYS_MAX: usize = 1024;

/// A line that does not authorize, and why, for the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Note<'a> {
    /// From 1.
    pub line: usize,
    /// Why.
    pub why: Unusable<'a>,
}

/// Why a line does not authorize.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unusable<'a> {
    /// It is not a key.
    BadKey(BadPublicKey),
    /// It has the key in question, and this option.
    Option(BadOption<'a>),
    /// A key that no signature is taken from: a certificate, a security key, an RSA key of too few
    /// bits. What its type is called, if that is known.
    NoSuchKey(&'static str),
    /// It is longer than [`LINE_MAX`].
    TooLong,
    /// It and all lines behind it come after [`KEYS_MAX`] others.
    TooMany,
}

/// A line that has the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// From 1.
    pub line: usize,
    /// Its options.
    pub options: Options,
}

/// The first line that authorizes `key_blob`: it has that key, and `suits` agrees, which looks at
/// where the client comes from and at the time.
///
/// `note` is told of each line up to there that is unusable. Of a line with options it is told only
/// if the key on it is the one asked for.
pub fn find<'a>(
    content: &'a [u8],
    key_blob: &[u8],
    mut suits: impl FnMut(&Found) -> bool,
    mut note: impl FnMut(Note<'a>),
) -> Option<Found> {
    let mut keys = 0_usize;
    for (line, text) in lines(content) {
        if is_idle(text) {
            continue;
        }
        keys = keys.saturating_add(1);
        if keys > KEYS_MAX {
            let why = Unusable::TooMany;
            note(Note { line, why });
            return None;
        }
        match parse(text) {
            Ok((options, key)) if key.blob == key_blob => {
                let why = match options.map_or(Ok(Options::NONE), Options::parse) {
                    Ok(options) => {
                        let found = Found { line, options };
                        if suits(&found) {
                            return Some(found);
                        }
                        continue;
                    }
                    Err(bad) => Unusable::Option(bad),
                };
                note(Note { line, why });
            }
            Ok((None, key)) => {
                if let Some(why) = unusable(&key) {
                    note(Note { line, why });
                }
            }
            Ok((Some(_), _)) => {}
            Err(why) => note(Note { line, why }),
        }
    }
    None
}

/// One line that is neither empty nor a comment: its options, if it has any, and its key.
fn parse(line: &[u8]) -> Result<(Option<&[u8]>, PublicKey<'_>), Unusable<'_>> {
    if line.len() > LINE_MAX {
        return Err(Unusable::TooLong);
    }
    let bad = match PublicKey::parse(line) {
        Ok(key) => return Ok((None, key)),
        Err(bad) => bad,
    };
    // No key at the front: are these options, with a key behind them?
    let behind = split_options(line).and_then(|(options, rest)| {
        let key = PublicKey::parse(rest).ok()?;
        Some((Some(options), key))
    });
    behind.ok_or(Unusable::BadKey(bad))
}

/// Whether the key on a line can never log in.
fn unusable(key: &PublicKey<'_>) -> Option<Unusable<'static>> {
    let is_taken = !signature_algorithms(key.key_type).is_empty();
    let is_sound = key.key_type != SSH_RSA || rsa_public(&key.blob).is_ok();
    (!is_taken || !is_sound).then(|| Unusable::NoSuchKey(key_type_label(key.key_type)))
}

/// Options end at the first blank outside of quotes; within quotes `\"` is a quote.
fn split_options(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = trim_start(line);
    let mut is_quoted = false;
    let mut is_escaped = false;
    let end = line.iter().position(|byte| {
        let was_escaped = core::mem::replace(&mut is_escaped, false);
        match byte {
            b'"' if !was_escaped => is_quoted = !is_quoted,
            b'\\' => is_escaped = true,
            b' ' | b'\t' => return !is_quoted,
            _ => {}
        }
        false
    })?;
    line.split_at_checked(end)
}

impl fmt::Display for Unusable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadKey(bad) => bad.fmt(f),
            Self::Option(bad) => bad.fmt(f),
            Self::NoSuchKey("RSA") => f.write_str("refusing RSA key: Invalid key length"),
            Self::NoSuchKey("unknown") => f.write_str("no key of a type that is taken here"),
            Self::NoSuchKey(label) => write!(f, "no keys of type {label} are taken here"),
            Self::TooLong => write!(f, "longer than {LINE_MAX} bytes"),
            Self::TooMany => write!(f, "not read: there are {KEYS_MAX} keys before it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

    use super::*;
    use crate::public_key::to_line;
    use crate::tests::{ed25519_blob, mutate};
    use adit_testkit::dice::Dice;

    fn key(seed: u8) -> String {
        to_line(&ed25519_blob(seed), "").unwrap().trim_end().into()
    }

    fn found(content: &str) -> (Option<usize>, Vec<Note<'_>>) {
        let mut notes = Vec::new();
        let found = find(
            content.as_bytes(),
            &ed25519_blob(1),
            |_| true,
            |note| notes.push(note),
        );
        (found.map(|found| found.line), notes)
    }

    #[test]
    fn a_key_is_found_where_it_stands() {
        let (one, two) = (key(1), key(2));
        for (content, line) in [
            (String::new(), None),
            (two.clone(), None),
            (one.clone(), Some(1)),
            (format!("{one}\n"), Some(1)),
            (format!("{one} comment with words\r\n"), Some(1)),
            (format!("\n# {one}\n\t # x\n  {one}"), Some(4)),
            (format!("{two}\n{one}\n{one}\n"), Some(2)),
            (format!("#{one}"), None),
            (one.replace("ssh-ed25519", "ssh-rsa"), None),
        ] {
            assert_eq!(found(&content).0, line, "{content:?}");
        }
    }

    #[test]
    fn a_line_with_an_option_that_is_not_understood_is_refused_and_says_which() {
        let (one, two) = (key(1), key(2));
        for (options, name) in [
            ("cert-authority", "cert-authority"),
            ("no-pty,cert-authority", "cert-authority"),
            ("permitopen=\"h\"", "permitopen"),
            ("Never-Heard-Of", "Never-Heard-Of"),
            ("=", ""),
            ("ssh-ed25519", "ssh-ed25519"),
        ] {
            let content = format!("{options} {two}\n{options} {one}\n");
            let (found, notes) = found(&content);
            assert_eq!((found, notes.len()), (None, 1), "{options}");
            let Unusable::Option(bad) = notes[0].why else {
                panic!("{notes:?}")
            };
            assert_eq!((notes[0].line, bad.name), (2, name.as_bytes()));
        }
    }

    #[test]
    fn a_line_that_does_not_suit_is_passed_over() {
        let one = key(1);
        let content = format!("restrict {one}\nfrom=\"10.0.0.1\" {one}\n{one}\n");
        let mut asked = Vec::new();
        let found = find(
            content.as_bytes(),
            &ed25519_blob(1),
            |found| {
                asked.push(found.line);
                found.options.from.is_some()
            },
            |note| panic!("{note:?}"),
        );
        assert_eq!(found.map(|found| found.line), Some(2));
        assert_eq!(asked, [1, 2]);
    }

    #[test]
    fn a_key_that_is_never_taken_is_told_of_and_passed_over() {
        let line = |parts: &[&[u8]]| {
            let blob: Vec<u8> = parts
                .iter()
                .flat_map(|part| {
                    let len = u32::try_from(part.len()).unwrap();
                    [&len.to_be_bytes(), *part].concat()
                })
                .collect();
            String::from(to_line(&blob, "").unwrap().trim_end())
        };
        let rsa = |bytes: usize| {
            let n = [&[0, 0x80][..], &std::vec![1; bytes - 1]].concat();
            line(&[b"ssh-rsa", &[1, 0, 1], &n])
        };
        for (other, text) in [
            (rsa(255), "refusing RSA key: Invalid key length"),
            (
                line(&[b"sk-ssh-ed25519@openssh.com", &[1; 32], b"ssh:"]),
                "no keys of type ED25519-SK are taken here",
            ),
            (
                line(&[b"ssh-ed25519-cert-v01@openssh.com", b"x"]),
                "no key of a type that is taken here",
            ),
            (
                line(&[b"ssh-dss", b"x"]),
                "no keys of type DSA are taken here",
            ),
        ] {
            let content = format!("{other}\n{}", key(1));
            let (found, notes) = found(&content);
            assert_eq!((found, notes.len()), (Some(2), 1), "{content}");
            assert_eq!((notes[0].line, notes[0].why.to_string()), (1, text.into()));
        }
        let content = format!("{}\n{}", rsa(256), key(1));
        assert_eq!(found(&content), (Some(2), Vec::new()));
    }

    #[test]
    fn a_refused_line_never_stops_the_ones_behind_it() {
        let one = key(1);
        for bad in [
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "command=\"unterminated ssh-ed25519 AAAA",
            "\\\"",
            "\"",
            "\0\0\0",
            "|1|x|y ssh-ed25519",
            "restrict ",
        ] {
            let content = format!("{bad}\nconstrict {one}\n{one}");
            let (line, notes) = found(&content);
            assert_eq!(line, Some(3), "{bad:?}");
            assert_eq!(notes.len(), 2, "{bad:?} {notes:?}");
            assert!(matches!(notes[0].why, Unusable::BadKey(_)), "{notes:?}");
        }
    }

    #[test]
    fn a_key_within_quotes_is_no_key() {
        let one = key(1);
        for content in [
            format!("command=\" {one}"),
            format!("command=\"a {one}\" {}", key(2)),
            format!("command=\"a\\\" {one}\" {}", key(2)),
        ] {
            assert_eq!(found(&content).0, None, "{content}");
        }
    }

    #[test]
    fn a_long_line_is_refused_whole() {
        let one = key(1);
        let padded = |len: usize| format!("{one} {}", "x".repeat(len - one.len() - 1));
        for (len, expected) in [
            (LINE_MAX - 1, true),
            (LINE_MAX, true),
            (LINE_MAX + 1, false),
        ] {
            let content = padded(len);
            assert_eq!(content.len(), len);
            assert_eq!(found(&content).0.is_some(), expected);
        }
        // Its tail is not a line of its own, wherever a reader with a buffer would have cut it.
        for n in [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1] {
            let content = format!("{}{one}", "x".repeat(n));
            let why = Unusable::TooLong;
            assert_eq!(found(&content), (None, std::vec![Note { line: 1, why }]));
        }
    }

    #[test]
    fn no_more_than_1024_keys_are_read() {
        let (one, two) = (key(1), key(2));
        for (before, expected) in [
            (KEYS_MAX - 2, true),
            (KEYS_MAX - 1, true),
            (KEYS_MAX, false),
        ] {
            let content = format!("# comment\n\n{}{one}", format!("{two}\n").repeat(before));
            let (line, notes) = found(&content);
            assert_eq!(line.is_some(), expected);
            assert_eq!(notes.is_empty(), expected);
        }
    }

    #[test]
    fn no_mutation_of_an_unusable_line_authorizes_unless_the_options_are_gone() {
        // An option cannot be mutated away by losing its value, a quote or a comma.
        let mut dice = Dice::new(13);
        let line = format!("constrict=\"10.0.0.1 10.0.0.2\",unheard {}", key(1));
        let at = line.find("ssh-").unwrap();
        for _ in 0..20_000 {
            let head = mutate(&mut dice, &line.as_bytes()[..at]);
            let mutated = [&head, &line.as_bytes()[at..]].concat();
            let head_is_gone = head.iter().all(|b| b" \t".contains(b))
                || head.rsplit(|b| *b == b'\n').next().is_some_and(|rest| {
                    head.contains(&b'\n') && rest.iter().all(|b| b" \t".contains(b))
                });
            let line = find(&mutated, &ed25519_blob(1), |_| true, |_| ());
            assert_eq!(
                line.is_some(),
                head_is_gone,
                "{:?}",
                head.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn what_is_said_of_a_line_can_be_printed() {
        let (name, why) = (&b"a\x1b[2J\n"[..], WhyBad::Unknown);
        let text = Unusable::Option(BadOption { name, why }).to_string();
        assert!(
            text.bytes().all(|b| b.is_ascii_graphic() || b == b' '),
            "{text}"
        );
    }
}
