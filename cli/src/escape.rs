//! Text from a peer, made fit for a terminal and a log.
//!
//! A peer names hosts, gives reasons, sends banners. Printed as received, such text could move the
//! cursor, set a window's title, forge a line of a log or, with bidirectional controls, read
//! backwards. What comes out of here is printable, on one line, and not longer than a limit.

use std::fmt::{self, Write as _};

/// Longest text of one line, in characters as printed: OpenSSH's limit for one log message.
pub const LINE_MAX: usize = 1024;

/// Most lines of a banner that are shown.
pub const BANNER_LINES_MAX: usize = 100;

/// Bytes as one line of printable text, when displayed.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

/// Any bytes as one line of printable text of at most [`LINE_MAX`] characters and an ellipsis.
///
/// What is not printable is written as Rust would: `\n`, `\u{1b}`; a byte that is not UTF-8 as
/// `\xff`; a backslash as two, so that an escape can be told from text that looks like one.
#[must_use]
pub const fn escaped(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

/// The lines of a text, each for [`escaped`]: without line ends, at most [`BANNER_LINES_MAX`].
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Escaped<'_>> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes
        .split(|b| *b == b'\n')
        .map(|line| Escaped(line.strip_suffix(b"\r").unwrap_or(line)))
        .take(BANNER_LINES_MAX)
}

/// A text of several lines, such as a prompt, made printable: its line ends are kept, as far as there
/// are at most [`BANNER_LINES_MAX`] lines.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (n, line) in lines(bytes).enumerate() {
        let end = if n == 0 { "" } else { "\n" };
        // Writing to a string does not fail.
        let _ = write!(text, "{end}{line}");
    }
    if bytes.ends_with(b"\n") {
        text.push('\n');
    }
    text
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { f, left: LINE_MAX };
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                let fits = if c != '\\' && is_printable(c) {
                    line.put(c.encode_utf8(&mut [0; 4]))?
                } else if matches!(c, '\\' | '\n' | '\r' | '\t') {
                    line.put(&c.escape_default().to_string())?
                } else {
                    line.put(&c.escape_unicode().to_string())?
                };
                if !fits {
                    return Ok(());
                }
            }
            for byte in chunk.invalid() {
                if !line.put(&format!("\\x{byte:02x}"))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

struct Line<'f, 'a> {
    f: &'f mut fmt::Formatter<'a>,
    left: usize,
}

impl Line<'_, '_> {
    /// Writes one character or one escape, whole. `false`: the limit is reached, and an ellipsis
    /// says so.
    fn put(&mut self, piece: &str) -> Result<bool, fmt::Error> {
        match self.left.checked_sub(piece.chars().count()) {
            Some(left) => {
                self.left = left;
                self.f.write_str(piece)?;
                Ok(true)
            }
            None => {
                self.f.write_char('…')?;
                Ok(false)
            }
        }
    }
}

/// Whether a terminal shows it as one mark and does nothing else.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            // Soft hyphen; Arabic letter mark; zero width; line and paragraph separators;
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{2029}'
            // bidirectional embeddings, overrides, isolates (Unicode TR 36, 3.1.1);
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // byte order mark; interlinear annotations; tags and other invisible ones.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use adit_testkit::dice::Dice;

    use super::*;

    #[test]
    fn what_is_not_printable_is_spelled_out() {
        for (bytes, text) in [
            (&b"plain text, 100%"[..], "plain text, 100%"),
            ("grüße 日本".as_bytes(), "grüße 日本"),
            (b"a\nb\r\tc", r"a\nb\r\tc"),
            (b"\x1b]0;title\x07", r"\u{1b}]0;title\u{7}"),
            (b"\0\x7f", r"\u{0}\u{7f}"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}c".as_bytes(), r"a\u{202e}b\u{2066}c"),
            (
                "a\u{200b}\u{2028}\u{feff}".as_bytes(),
                r"a\u{200b}\u{2028}\u{feff}",
            ),
            (b"\xff\x9b31m\xc3", r"\xff\x9b31m\xc3"),
            (br"a\nb", r"a\\nb"),
            (b"", ""),
        ] {
            assert_eq!(escaped(bytes).to_string(), text, "{bytes:?}");
        }
    }

    #[test]
    fn a_line_has_a_longest_length_and_escapes_stay_whole() {
        let at = vec![b'a'; LINE_MAX];
        assert_eq!(escaped(&at).to_string().chars().count(), LINE_MAX);
        let above = vec![b'a'; LINE_MAX + 1];
        let text = escaped(&above).to_string();
        assert_eq!(text.chars().count(), LINE_MAX + 1);
        assert!(text.ends_with("a…"));
        let mut cut = vec![b'a'; LINE_MAX - 3];
        cut.push(0x1b);
        assert!(escaped(&cut).to_string().ends_with("a…"));
    }

    #[test]
    fn no_bytes_whatever_give_a_control_character() {
        let mut dice = Dice::new(1);
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..64).map(|_| dice.next().to_le_bytes()[4]).collect();
            let text = escaped(&bytes).to_string();
            assert!(text.chars().all(is_printable), "{bytes:?}");
        }
    }

    #[test]
    fn a_text_is_shown_line_by_line() {
        let all = |text: &[u8]| lines(text).map(|l| l.to_string()).collect::<Vec<_>>();
        assert_eq!(all(b"one\r\ntwo\n"), ["one", "two"]);
        assert_eq!(all(b"one\n\ntwo"), ["one", "", "two"]);
        assert_eq!(all(b"a\rb"), [r"a\rb"]);
        assert_eq!(all(b""), [""]);
        assert_eq!(all(&[b'\n'; 5000]).len(), BANNER_LINES_MAX);
    }

    #[test]
    fn a_prompt_keeps_its_lines() {
        for (bytes, shown) in [
            (&b"Password: "[..], "Password: "),
            (
                b"1. Push\r\n2. Call\n\nWhich? ",
                "1. Push\n2. Call\n\nWhich? ",
            ),
            (b"Code:\n", "Code:\n"),
            (b"\x1b[2Jx: ", "\\u{1b}[2Jx: "),
            (b"", ""),
        ] {
            assert_eq!(text(bytes), shown, "{bytes:?}");
        }
        assert_eq!(text(&[b'\n'; 5000]).len(), BANNER_LINES_MAX);
    }
}
