//! What a process that holds keys gives up, as far as the system shows it.

use std::fs;

/// Whether it leaves no core file, and starts nothing that has more rights than it.
pub(crate) fn is_hardened(pid: u32) -> bool {
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    let limits = file("limits");
    let mut limits = limits.lines().map(str::split_whitespace);
    let core = limits.any(|words| words.take(6).eq(["Max", "core", "file", "size", "0", "0"]));
    core && file("status").lines().any(|line| line == "NoNewPrivs:\t1")
}
