//! The command line of `adit-demo`.

use std::ffi::OsString;

use crate::client::demonstration::{Demo, ONCE};

/// What it prints for any other command line.
pub const USAGE: &str = "\
usage: adit-demo [--once]
Shows on this machine alone what adit and aditd do. On a terminal it stays until
Ctrl-C, unless it is to end --once it has.";

/// Reads a command line, without the program's name; `None` for one that has no meaning.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Option<Demo> {
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (None, _) => Some(Demo::Stay),
        (Some(word), None) if word == ONCE => Some(Demo::Once),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_word_to_say_and_once_is_enough() {
        let read = |line: &str| parse(line.split_whitespace().map(OsString::from));
        assert_eq!(read(""), Some(Demo::Stay));
        assert_eq!(read("--once"), Some(Demo::Once));
        for line in ["--once --once", "once", "-h", "--once x"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
