//! The house is built as drawn: which crate may know which, where the operating system begins, and
//! what no source file may hold. Reads manifests and sources; compiles nothing.

use std::collections::BTreeSet;

use crate::sources::{before_tests, code, is_test_file, read, root, sources};

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
    (
        "fuzz/bodies",
        &[
            "auth",
            "connection",
            "crypto",
            "forward",
            "proto",
            "testkit",
            "transport",
            "vectors",
        ],
        &["adit"],
    ),
];

/// The floors that know no operating system.
const NO_STD: &[&str] = &["proto", "crypto", "transport", "auth", "connection"];

/// What tests of a floor may use besides: never what the floor itself could lean on.
const DEV: &[&str] = &["adit-testkit", "adit-vectors", "stats_alloc"];

/// CONTRIBUTING.md: files hold one idea.
const MAX_LINES_BEFORE_TESTS: usize = 400;

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

/// Whether `word` stands in `line` and is not the end of a longer name or path.
fn uses(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
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

/// When it starts, after it has waited, and when the timer that ends its waiting is set, which is
/// seldom. All else has the time from there: no packet, and no event, is a reason to ask for it again.
#[test]
fn the_clock_is_read_where_the_loop_waits_alone() {
    let mut reads = Vec::new();
    for file in sources(&root().join("forward/src")) {
        if is_test_file(&file) {
            continue;
        }
        let text = read(&file);
        let asks = |line: &str| {
            ["Instant::now", "SystemTime::now", ".elapsed()"]
                .iter()
                .any(|word| line.contains(word))
        };
        let count = code(&text).iter().filter(|(_, line)| asks(line)).count();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        reads.extend((count > 0).then_some((name, count)));
    }
    let expected = [
        ("forward/src/reactor/alarm.rs".to_owned(), 1),
        ("forward/src/reactor/loops.rs".to_owned(), 1),
        ("forward/src/reactor/mod.rs".to_owned(), 2),
    ];
    assert_eq!(reads, expected);
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
    let folders = ARROWS.iter().map(|(folder, ..)| *folder).chain([
        "fuzz/fuzz_targets",
        "bench",
        "vectors/check",
    ]);
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
