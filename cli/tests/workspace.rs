//! The house is built as drawn: which crate may know which, where the operating system begins, and
//! what no source file may hold. Reads manifests and sources; compiles nothing.

#![forbid(unsafe_code)]
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder, the crates of this workspace it may use, and the crates from outside: the arrows of
/// ARCHITECTURE.md, each of which points down.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("proto", &[], &[]),
    (
        "crypto",
        &["proto"],
        &[
            "aes",
            "aes-gcm",
            "blowfish",
            "chacha20",
            "crypto-bigint",
            "ed25519-dalek",
            "getrandom",
            "hmac",
            "ml-kem",
            "p256",
            "p384",
            "poly1305",
            "ring",
            "sha1",
            "sha2",
            "x25519-dalek",
            "zeroize",
        ],
    ),
    ("transport", &["crypto", "proto"], &["zeroize"]),
    ("auth", &["crypto", "proto"], &["zeroize"]),
    ("connection", &["proto"], &[]),
    (
        "forward",
        &["auth", "connection", "crypto", "proto", "transport"],
        &["mio", "nix"],
    ),
    ("cli", &["auth", "crypto", "forward", "proto"], &["nix"]),
    (
        "testkit",
        &[
            "auth",
            "connection",
            "crypto",
            "forward",
            "proto",
            "transport",
            "vectors",
        ],
        &[],
    ),
    ("vectors", &[], &[]),
];

/// The floors that know no operating system.
const NO_STD: &[&str] = &["proto", "crypto", "transport", "auth", "connection"];

/// What tests of a floor may use besides: never what the floor itself could lean on.
const DEV: &[&str] = &["adit-testkit", "adit-vectors", "stats_alloc"];

/// CONTRIBUTING.md: files hold one idea.
const MAX_LINES_BEFORE_TESTS: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The keys of one `[section]` of a manifest. `name.workspace = true` has the key `name`.
fn keys(manifest: &str, section: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut keys = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == format!("[{section}]");
        } else if let Some((key, _)) = line.split_once('=')
            && inside
            && !line.starts_with('#')
        {
            keys.insert(key.trim().trim_end_matches(".workspace").to_owned());
        }
    }
    keys
}

/// All `.rs` files under a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines of a file before its tests, numbered from 1. Tests are the last thing in a file;
/// `#[cfg(test)] extern crate std;` and a test module in a file of its own do not end it.
fn before_tests(text: &str) -> Vec<(usize, &str)> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line))
        .peekable();
    let mut kept = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line != "#[cfg(test)]" && line != "#![cfg(test)]" {
            kept.push((number, line));
        } else if lines.next_if(|(_, next)| next.ends_with(';')).is_none() {
            break;
        }
    }
    kept
}

/// The same without comments.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = before_tests(text);
    lines.retain(|(_, line)| !line.trim_start().starts_with("//"));
    lines
}

/// Whether `word` stands in `line` and is not the end of a longer name or path.
fn uses(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "tests")
        || path.file_stem().is_some_and(|s| s == "tests")
}

#[test]
fn every_member_of_the_workspace_is_drawn() {
    let manifest = read(&root().join("Cargo.toml"));
    let members = manifest
        .lines()
        .find(|line| line.starts_with("members"))
        .unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, ARROWS.iter().map(|(folder, ..)| *folder).collect());
}

#[test]
fn every_arrow_is_as_drawn() {
    for (folder, inner, outer) in ARROWS {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let drawn: BTreeSet<String> = inner
            .iter()
            .map(|name| format!("adit-{name}"))
            .chain(outer.iter().map(|&name| name.to_owned()))
            .collect();
        assert_eq!(
            keys(&manifest, "dependencies"),
            drawn,
            "dependencies of {folder}"
        );
        for name in keys(&manifest, "dev-dependencies") {
            assert!(
                DEV.contains(&name.as_str()) || drawn.contains(&name),
                "{folder} is tested with {name}, which is not drawn"
            );
        }
        assert!(
            keys(&manifest, "build-dependencies").is_empty(),
            "{folder} has a build script"
        );
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{folder} has lints of its own"
        );
    }
}

#[test]
fn no_crate_can_hold_unsafe_code() {
    let manifest = read(&root().join("Cargo.toml"));
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let mut without = Vec::new();
    for (folder, ..) in ARROWS {
        let src = root().join(folder).join("src");
        let roots = [vec![src.join("lib.rs")], sources(&src.join("bin"))].concat();
        without.extend(
            roots
                .into_iter()
                .filter(|file| !read(file).contains("#![forbid(unsafe_code)]")),
        );
    }
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn the_floors_below_forward_need_no_operating_system() {
    for folder in NO_STD {
        let src = root().join(folder).join("src");
        assert!(read(&src.join("lib.rs")).contains("#![no_std]"), "{folder}");
        for file in sources(&src).iter().filter(|f| !is_test_file(f)) {
            for (number, line) in code(&read(file)) {
                assert!(!uses(line, "std::"), "{}:{number}: {line}", file.display());
            }
        }
    }
}

#[test]
fn sockets_and_the_clock_are_in_the_reactor_and_the_programs_alone() {
    const SYSTEM: &[&str] = &[
        "std::net",
        "std::time::Instant",
        "std::time::SystemTime",
        "std::os",
        "mio::",
        "nix::",
    ];
    for (folder, ..) in ARROWS.iter().filter(|(folder, ..)| *folder != "cli") {
        for file in sources(&root().join(folder).join("src")) {
            let reactor = file.components().any(|c| c.as_os_str() == "reactor")
                || file.ends_with("forward/src/reactor.rs");
            if reactor || is_test_file(&file) {
                continue;
            }
            for (number, line) in code(&read(&file)) {
                for word in SYSTEM {
                    assert!(!uses(line, word), "{}:{number}: {line}", file.display());
                }
            }
        }
    }
}

#[test]
fn every_file_holds_one_idea_and_says_which() {
    let mut wrong = Vec::new();
    for (folder, ..) in ARROWS {
        for file in sources(&root().join(folder)) {
            let text = read(&file);
            // The tests of `x.rs` in `x/tests.rs` are about what that says.
            if !file.ends_with("tests.rs") && !text.starts_with("//!") {
                wrong.push(format!("{} does not say what it is", file.display()));
            }
            let lines = before_tests(&text).len();
            if !is_test_file(&file) && lines > MAX_LINES_BEFORE_TESTS {
                wrong.push(format!(
                    "{}: {lines} lines before its tests",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_to_do_later_and_no_lint_is_waved_through() {
    // Put together here, so that this file does not find itself.
    let words = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["db", "g!("].concat(),
        ["#[al", "low("].concat(),
        ["#![al", "low("].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
    ];
    let folders = ARROWS
        .iter()
        .map(|(folder, ..)| *folder)
        .chain(["fuzz", "bench"]);
    for file in folders.flat_map(|folder| sources(&root().join(folder))) {
        if file.components().any(|c| c.as_os_str() == "target") {
            continue;
        }
        for (number, line) in read(&file).lines().enumerate() {
            for word in &words {
                assert!(
                    !line.contains(word),
                    "{}:{}: {line}",
                    file.display(),
                    number + 1
                );
            }
        }
    }
}

/// `const NAME: TYPE = VALUE;` on one line, as the rows of `docs/limits.md` begin.
fn limits(file: &str, text: &str) -> Vec<String> {
    let limit = |line: &str| {
        let declared = line.trim_start().trim_start_matches("pub(crate) ");
        let declared = declared
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        let (name, rest) = declared.strip_prefix("const ")?.split_once(": ")?;
        let value = rest.split_once(" = ")?.1.strip_suffix(';')?;
        Some((
            name.to_owned(),
            format!("| `{name}` | `{value}` | `{file}` |"),
        ))
    };
    let declared = code(text).into_iter().filter_map(|(_, line)| limit(line));
    declared
        .filter(|(name, _)| is_limit(name))
        .map(|(_, row)| row)
        .collect()
}

fn is_limit(name: &str) -> bool {
    name.ends_with("_MAX") || name.ends_with("_MIN")
}

#[test]
fn every_limit_is_documented_as_it_is() {
    let documented = read(&root().join("docs/limits.md"));
    let mut missing = Vec::new();
    let mut rows = BTreeSet::new();
    for folder in [
        "proto",
        "crypto",
        "transport",
        "auth",
        "connection",
        "forward",
        "cli",
    ] {
        for path in sources(&root().join(folder).join("src")) {
            let file = path.strip_prefix(root()).unwrap().display().to_string();
            if !is_test_file(&path) && !file.contains("/demo/") {
                rows.extend(limits(&file, &read(&path)));
            }
        }
    }
    missing.extend(rows.iter().filter(|row| !documented.contains(*row)));
    assert!(
        missing.is_empty(),
        "docs/limits.md lacks, or has otherwise: {missing:#?}"
    );
    for row in documented.lines().filter(|line| line.starts_with("| `")) {
        let name = row.split('`').nth(1).unwrap();
        let known = rows.iter().any(|known| row.starts_with(known));
        assert!(
            known || !is_limit(name),
            "docs/limits.md has what is no longer there: {row}"
        );
    }
}

/// Names of tests in backticks follow the file that holds them.
#[test]
fn every_test_against_an_attack_is_there_and_named() {
    let documented = read(&root().join("docs/attacks.md"));
    let mut named = BTreeSet::new();
    let mut file = String::new();
    for row in documented.lines().filter(|line| line.starts_with("| ")) {
        for word in row.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                file = read(&root().join(word));
                continue;
            }
            let is_there = file.contains(&format!(" {word}("));
            assert!(is_there, "docs/attacks.md names {word}, which is gone");
            named.insert(word.to_owned());
        }
    }
    for path in sources(&root().join("forward/tests/attacks")) {
        let text = read(&path);
        for part in text.split("#[test]").skip(1) {
            let name = part
                .split(['(', ' '])
                .find(|word| word.contains('_'))
                .unwrap();
            assert!(named.contains(name), "docs/attacks.md lacks {name}");
        }
    }
}
