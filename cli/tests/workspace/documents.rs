//! What the documents say is compared with the sources: every limit, every test they name.

use std::collections::BTreeSet;

use crate::sources::{code, is_test_file, read, root, sources};

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

/// The tests that a document's tables name. Names in backticks follow the file that holds them.
fn named_tests(document: &str) -> BTreeSet<String> {
    let documented = read(&root().join(document));
    let mut named = BTreeSet::new();
    let mut file = String::new();
    for row in documented.lines().filter(|line| line.starts_with("| ")) {
        let tests = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        for word in tests.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") || word.ends_with(".py") {
                file = read(&root().join(word));
                continue;
            }
            let is_there = [" ", "def "]
                .iter()
                .any(|before| file.contains(&format!("{before}{word}(")));
            assert!(is_there, "{document} names {word}, which is gone");
            named.insert(word.to_owned());
        }
    }
    named
}

/// The tests of a file, or of a folder, that are not among these.
fn unnamed(named: &BTreeSet<String>, tests: &str) -> Vec<String> {
    let mut unnamed = Vec::new();
    let path = root().join(tests);
    let files = if path.is_file() {
        vec![path]
    } else {
        sources(&path)
    };
    assert!(!files.is_empty(), "{tests} is gone");
    for path in files {
        for name in tests_of(&read(&path)) {
            if !named.contains(name) {
                unnamed.push(format!("{}: {name}", path.display()));
            }
        }
    }
    unnamed
}

/// Those behind `#[test]`, and those that a macro makes of names in braces.
fn tests_of(text: &str) -> Vec<&str> {
    let is_name = |word: &&str| word.contains('_');
    let single = text.split("#[test]").skip(1);
    let mut tests: Vec<_> = single
        .filter_map(|part| part.split(['(', ' ']).find(is_name))
        .collect();
    for part in text.split("on_every_provider! {").skip(1) {
        let (list, _) = part.split_once('}').expect("the end of the list");
        let lines = list.lines().filter(|line| !line.contains("//"));
        tests.extend(lines.flat_map(|line| line.split([' ', ';']).filter(is_name)));
    }
    tests
}

#[test]
fn every_test_against_an_attack_is_there_and_named() {
    let named = named_tests("docs/attacks.md");
    for folder in ["forward/tests/attacks", "forward/tests/floods"] {
        let missing = unnamed(&named, folder);
        assert!(missing.is_empty(), "docs/attacks.md lacks {missing:#?}");
    }
}

#[test]
fn every_test_of_a_fault_is_there_and_named() {
    let named = named_tests("docs/faults.md");
    for tests in [
        "forward/src/reactor/tests/faults.rs",
        "forward/src/reactor/tests/faults",
        "forward/tests/randomness.rs",
    ] {
        let missing = unnamed(&named, tests);
        assert!(missing.is_empty(), "docs/faults.md lacks {missing:#?}");
    }
}

/// What `bench/run` wrote into a document.
fn measured(document: &str) -> String {
    let text = read(&root().join(document));
    let (_, rest) = text
        .split_once("<!-- bench/run writes from here -->\n")
        .unwrap();
    rest.split_once("<!-- to here -->\n").unwrap().0.to_owned()
}

#[test]
fn the_first_page_has_the_figures_of_the_comparison() {
    let whole = measured("docs/performance/README.md");
    let front = measured("README.md").replace("**", "");
    let told = whole.lines().next().unwrap().trim_end_matches('.');
    assert!(front.contains(told), "measured elsewhere: {told}");
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| figure ");
    let rows: Vec<&str> = front.lines().filter(is_row).collect();
    assert!(rows.len() > 10, "{front}");
    for row in rows {
        let values = row.trim_end_matches('|');
        let same = whole.lines().any(|line| line.starts_with(values));
        assert!(same, "docs/performance has otherwise: {row}");
    }
}
