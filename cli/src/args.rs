//! An ssh-style getopt: clustered (`-gN`) and attached (`-p22`) options, `--`, operands in between.
//!
//! It knows letters, not meanings. What a letter does is its program's business.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;

/// One thing from the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Arg {
    /// A letter without a value.
    Flag(char),
    /// A letter and its value, attached or the next argument.
    Value(char, String),
    /// Not an option.
    Operand(String),
}

/// The command line is not one this program understands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ArgError {
    /// A letter that needs a value is last.
    MissingValue(char),
    /// Bytes that are not UTF-8.
    NotText(OsString),
    /// A letter or a long option that nobody knows.
    Unknown(String),
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingValue(letter) => write!(f, "option requires an argument -- {letter}"),
            Self::NotText(arg) => write!(f, "argument is not UTF-8: {}", arg.display()),
            Self::Unknown(option) => write!(f, "unknown option -- {option}"),
        }
    }
}

impl std::error::Error for ArgError {}

/// Reads a command line from left to right.
///
/// `letters` is as getopt(3) has it: each option letter, followed by `:` when it takes a value.
/// `long` are whole words that stand for themselves, without a value, such as `--demo=once`; they
/// come out of [`Args::next_arg`] as operands that begin with `--`, which no operand does
/// otherwise unless it follows `--`. [`Args::terminated`] tells these apart.
#[derive(Debug)]
pub struct Args {
    letters: &'static str,
    long: &'static [&'static str],
    rest: VecDeque<OsString>,
    /// What is left of an argument with several letters.
    cluster: String,
    terminated: bool,
}

impl Args {
    /// `args` without the program's name.
    pub fn new(
        letters: &'static str,
        long: &'static [&'static str],
        args: impl IntoIterator<Item = OsString>,
    ) -> Self {
        Self {
            letters,
            long,
            rest: args.into_iter().collect(),
            cluster: String::new(),
            terminated: false,
        }
    }

    /// Whether `--` was passed; everything after it is an operand.
    #[must_use]
    pub const fn terminated(&self) -> bool {
        self.terminated
    }

    /// The next option or operand; `None` at the end.
    ///
    /// # Errors
    /// [`ArgError`]; what follows the bad argument can still be read.
    pub fn next_arg(&mut self) -> Result<Option<Arg>, ArgError> {
        while self.cluster.is_empty() {
            let Some(arg) = self.rest.pop_front() else {
                return Ok(None);
            };
            let arg = arg.into_string().map_err(ArgError::NotText)?;
            if self.terminated {
                return Ok(Some(Arg::Operand(arg)));
            }
            if arg == "--" {
                self.terminated = true;
            } else if arg.starts_with("--") {
                return if self.long.contains(&arg.as_str()) {
                    Ok(Some(Arg::Operand(arg)))
                } else {
                    Err(ArgError::Unknown(arg))
                };
            } else if let Some(letters) = arg.strip_prefix('-').filter(|l| !l.is_empty()) {
                self.cluster = letters.to_owned();
            } else {
                // A lone "-" is an operand, as getopt has it.
                return Ok(Some(Arg::Operand(arg)));
            }
        }
        self.next_letter()
    }

    fn next_letter(&mut self) -> Result<Option<Arg>, ArgError> {
        let cluster = std::mem::take(&mut self.cluster);
        let mut chars = cluster.chars();
        let Some(letter) = chars.next() else {
            return Ok(None);
        };
        let attached = chars.as_str();
        let known = self.letters.split_once(letter).filter(|_| letter != ':');
        let Some((_, after)) = known else {
            self.cluster = attached.to_owned();
            return Err(ArgError::Unknown(letter.to_string()));
        };
        if !after.starts_with(':') {
            self.cluster = attached.to_owned();
            return Ok(Some(Arg::Flag(letter)));
        }
        if !attached.is_empty() {
            return Ok(Some(Arg::Value(letter, attached.to_owned())));
        }
        let value = self
            .rest
            .pop_front()
            .ok_or(ArgError::MissingValue(letter))?;
        let value = value.into_string().map_err(ArgError::NotText)?;
        Ok(Some(Arg::Value(letter, value)))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn read(args: &[&str]) -> Result<Vec<Arg>, ArgError> {
        let mut args = Args::new("gNL:p:o:", &["--demo"], args.iter().map(OsString::from));
        let mut out = Vec::new();
        while let Some(arg) = args.next_arg()? {
            out.push(arg);
        }
        Ok(out)
    }

    fn flag(c: char) -> Arg {
        Arg::Flag(c)
    }
    fn value(c: char, v: &str) -> Arg {
        Arg::Value(c, v.to_owned())
    }
    fn operand(v: &str) -> Arg {
        Arg::Operand(v.to_owned())
    }

    #[test]
    fn options_are_clustered_attached_and_mixed_with_operands() {
        for (args, expected) in [
            (&["-g", "-N"][..], vec![flag('g'), flag('N')]),
            (&["-gN"], vec![flag('g'), flag('N')]),
            (&["-p22"], vec![value('p', "22")]),
            (&["-p", "22"], vec![value('p', "22")]),
            (&["-gNp22"], vec![flag('g'), flag('N'), value('p', "22")]),
            (
                &["-gNp", "-22"],
                vec![flag('g'), flag('N'), value('p', "-22")],
            ),
            (&["-L8080:h:80"], vec![value('L', "8080:h:80")]),
            (&["-oKey=v"], vec![value('o', "Key=v")]),
            (
                &["host", "-N", "x"],
                vec![operand("host"), flag('N'), operand("x")],
            ),
            (&["--", "-N"], vec![operand("-N")]),
            (
                &["-N", "--", "--", "--demo"],
                vec![flag('N'), operand("--"), operand("--demo")],
            ),
            (&["--demo", "-N"], vec![operand("--demo"), flag('N')]),
            (&["-"], vec![operand("-")]),
            (&["-p", ""], vec![value('p', "")]),
            (&["-p", "--"], vec![value('p', "--")]),
            (&[""], vec![operand("")]),
            (&[], vec![]),
        ] {
            assert_eq!(read(args), Ok(expected), "{args:?}");
        }
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_named() {
        for (args, error) in [
            (&["-Z"][..], ArgError::Unknown("Z".into())),
            (&["-NZ"], ArgError::Unknown("Z".into())),
            (&["-:"], ArgError::Unknown(":".into())),
            (&["-ü"], ArgError::Unknown("ü".into())),
            (&["--frob"], ArgError::Unknown("--frob".into())),
            (&["-p"], ArgError::MissingValue('p')),
            (&["-Np"], ArgError::MissingValue('p')),
        ] {
            assert_eq!(read(args), Err(error), "{args:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        let bad = OsString::from_vec(vec![b'a', 0xff]);
        let mut args = Args::new("p:", &[], [bad.clone(), "-p".into(), bad.clone()]);
        assert_eq!(args.next_arg(), Err(ArgError::NotText(bad.clone())));
        assert_eq!(args.next_arg(), Err(ArgError::NotText(bad)));
        assert_eq!(args.next_arg(), Ok(None));
    }
}
