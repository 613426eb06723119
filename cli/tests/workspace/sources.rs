//! The source files of this workspace, as text, for tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All `.rs` files under a folder; none where there is no such folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
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
pub(crate) fn before_tests(text: &str) -> Vec<(usize, &str)> {
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
pub(crate) fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = before_tests(text);
    lines.retain(|(_, line)| !line.trim_start().starts_with("//"));
    lines
}

pub(crate) fn is_test_file(path: &Path) -> bool {
    // The workspace itself may lie in a folder of that name.
    let path = path.strip_prefix(root()).unwrap();
    path.components().any(|c| c.as_os_str() == "tests")
        || path.file_stem().is_some_and(|s| s == "tests")
}
