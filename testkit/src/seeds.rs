//! Which seeds a seeded test runs with: a few, many with `ADIT_LONG`, or the one in `ADIT_SEED`
//! that failed before.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The seeds from 1 on: `short` of them, or `long` where `ADIT_LONG` is set. `ADIT_SEED=n` is `n`
/// alone.
///
/// # Panics
///
/// If `ADIT_SEED` is no number.
#[must_use]
pub fn seeds(short: u64, long: u64) -> Vec<u64> {
    chosen(
        env::var("ADIT_SEED").ok().as_deref(),
        if is_long() { long } else { short },
    )
}

/// Whether there is time for the long forms.
#[must_use]
pub fn is_long() -> bool {
    env::var_os("ADIT_LONG").is_some()
}

/// Runs `test` with each of [`seeds`]. The one that fails is told.
#[expect(clippy::print_stderr, reason = "what a failed test says")]
pub fn each(short: u64, long: u64, test: impl Fn(u64)) {
    for seed in seeds(short, long) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            eprintln!("failed with ADIT_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

fn chosen(one: Option<&str>, how_many: u64) -> Vec<u64> {
    match one {
        Some(seed) => vec![seed.parse().expect("ADIT_SEED is a number")],
        None => (1..=how_many).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_that_was_asked_for_is_the_only_one() {
        assert_eq!(chosen(Some("77"), 3), [77]);
        assert_eq!(chosen(None, 3), [1, 2, 3]);
    }

    #[test]
    fn a_test_that_fails_with_a_seed_fails() {
        let failed = catch_unwind(|| each(1, 1, |_| panic!("so")));
        assert!(failed.is_err());
    }
}
