//! Command lines: every argument comes out once, in order, or an error names it.

use adit::args::{Arg, Args};

use crate::seeds::texts;

const LETTERS: &str = "46gNL:p:o:v";

/// Arguments are separated by line feeds.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let given: Vec<&str> = text.split('\n').collect();
    let mut args = Args::new(LETTERS, &["--demo"], given.iter().map(Into::into));
    let mut out = Vec::new();
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps <= text.len() + 2, "this does not end");
        match args.next_arg() {
            Ok(None) => break,
            Ok(Some(arg)) => out.push(arg),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    for arg in &out {
        match arg {
            Arg::Flag(letter) => assert!(LETTERS.contains(*letter) && *letter != ':'),
            Arg::Value(letter, value) => {
                assert!(LETTERS.contains(&format!("{letter}:")));
                assert!(given.iter().any(|arg| arg.ends_with(value.as_str())));
            }
            Arg::Operand(operand) => assert!(given.contains(&operand.as_str())),
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "-gNL\n80:h:80\nuser@host",
        "-p22\n-o\nKey=value\nhost\n-v\n--\n-x",
        "--demo\n-\n-vvv",
        "-L",
        "--unknown\n-Z",
    ])
}
