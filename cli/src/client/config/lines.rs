//! The lines of a configuration file, and what a message calls a place in one.

use std::fmt;
use std::sync::Arc;

use crate::value;

/// Where an option was said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// With `-o` or a letter.
    CommandLine,
    /// In a file, at a line counted from 1.
    Line(Arc<str>, usize),
}

impl Place {
    /// As ssh writes it before "Bad configuration option", and only there.
    #[must_use]
    pub fn with_colon(&self) -> String {
        match self {
            Self::CommandLine => "command-line: line 0".to_owned(),
            Self::Line(file, number) => format!("{file}: line {number}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command-line line 0"),
            Self::Line(file, number) => write!(f, "{file} line {number}"),
        }
    }
}

/// A line that says something.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Line {
    /// Counted from 1.
    pub number: usize,
    /// Keyword in lower case and its values, or what is wrong with the line as a whole.
    pub content: Result<(String, Vec<String>), &'static str>,
}

/// The lines of a file that are neither empty nor comments.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line> {
    (1..)
        .zip(bytes.split(|b| *b == b'\n'))
        .filter(|(_, line)| says_something(line))
        .map(|(number, line)| Line {
            number,
            content: content(line),
        })
}

/// Comments may be in any encoding, or in none.
fn says_something(line: &[u8]) -> bool {
    let first = line.iter().find(|b| !b.is_ascii_whitespace());
    first.is_some_and(|b| *b != b'#')
}

fn content(line: &[u8]) -> Result<(String, Vec<String>), &'static str> {
    // A C program would read the line only up to there, and a person all of it.
    if line.contains(&0) {
        return Err("there is a NUL byte in it");
    }
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let mut words = value::words_or_rest(text, crate::client::jump::takes_rest)
        .map_err(|value::UnbalancedQuote| "invalid quotes")?
        .into_iter();
    let mut keyword = words.next().unwrap_or_default();
    keyword.make_ascii_lowercase();
    Ok((keyword, words.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(usize, Result<String, &'static str>)> {
        lines(text)
            .map(|line| {
                let content = line.content.map(|(keyword, values)| {
                    let words = [vec![keyword], values].concat();
                    words.join("|")
                });
                (line.number, content)
            })
            .collect()
    }

    #[test]
    fn a_line_is_a_keyword_and_its_values() {
        for (text, expected) in [
            ("Port 22", "port|22"),
            ("\t HOST=a  b\t", "host|a|b"),
            ("User = \"a b\" # who", "user|a b"),
            ("User a#b", "user|a#b"),
            ("Port 22\r", "port|22"),
            ("Port 22 \x0c", "port|22"),
            ("Port", "port"),
            ("User ''", "user|"),
            ("User é", "user|é"),
        ] {
            let expected = vec![(1, Ok(expected.to_owned()))];
            assert_eq!(read(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn empty_lines_and_comments_are_counted_and_not_read() {
        let text = b"\n# one \xff\n   \n\t# \"two\0\nPort 1\n\nPort 2";
        let read = read(text);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].0, 5);
        assert_eq!(read[1].0, 7);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn what_is_no_line_of_text_is_named() {
        for (line, error) in [
            (&b"User \"a"[..], "invalid quotes"),
            (b"User \xff", "it is not UTF-8"),
            (b"User a\0b", "there is a NUL byte in it"),
            (b"\0", "there is a NUL byte in it"),
        ] {
            assert_eq!(read(line), [(1, Err(error))], "{line:?}");
        }
    }

    #[test]
    fn places_are_written_as_ssh_writes_them() {
        let line = Place::Line("/x".into(), 3);
        assert_eq!(line.to_string(), "/x line 3");
        assert_eq!(line.with_colon(), "/x: line 3");
        assert_eq!(Place::CommandLine.to_string(), "command-line line 0");
        assert_eq!(Place::CommandLine.with_colon(), "command-line: line 0");
    }
}
