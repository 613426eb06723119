//! What is linked into each program: its own part of this crate, and no other program's. Symbols
//! tell; a generic function of the standard library may tell a part by its argument alone.

#![forbid(unsafe_code)]
#![cfg(all(
    test,
    feature = "client",
    feature = "server",
    feature = "keygen",
    feature = "demo"
))]

use std::fs;

/// The parts of this crate that belong to a program.
const PARTS: &[&str] = &["client", "demo", "keygen", "server"];

/// Each program, and the parts that it is made of.
const PROGRAMS: &[(&str, &[&str])] = &[
    (env!("CARGO_BIN_EXE_adit"), &["client"]),
    (env!("CARGO_BIN_EXE_adit-demo"), &["demo"]),
    (env!("CARGO_BIN_EXE_adit-keygen"), &["keygen"]),
    (env!("CARGO_BIN_EXE_aditd"), &["server"]),
];

fn has(program: &[u8], symbol: &str) -> bool {
    program
        .windows(symbol.len())
        .any(|bytes| bytes == symbol.as_bytes())
}

#[test]
fn no_program_has_another_ones_part_in_it() {
    for (path, own) in PROGRAMS {
        let program = fs::read(path).unwrap();
        for part in PARTS {
            let symbol = format!("4adit{}{part}", part.len());
            assert_eq!(has(&program, &symbol), own.contains(part), "{path}: {part}");
        }
    }
}
