//! At, below and above what there is, for one session and for several; and nothing gets lost.

use std::vec::Vec;

use super::*;
use crate::budget::{Budget, Limits};

const BASE: u32 = 1 << 10;

/// A session's book with bases of 1 KiB, and more of its own than these tests have use for.
fn session(process: &ProcessBook) -> Budget {
    let mut budget = Budget::new(Limits::SERVER);
    budget.share(process.clone());
    budget
}

/// Lets a loan grow once.
fn grow(budget: &mut Budget, loan: &mut u32) -> u32 {
    let more = budget.grow(*loan, *loan);
    budget.settle(*loan, *loan + more);
    *loan += more;
    more
}

fn close(budget: &mut Budget, loan: u32) {
    budget.settle(loan, 0);
    budget.close();
}

#[test]
fn as_many_channels_can_be_opened_as_there_are_bases_for() {
    for (limit, most) in [
        (0, 0),
        (2 * 1024 - 1, 0),
        (2 * 1024, 1),
        (2 * 1024 + 1, 1),
        (2 * 3 * 1024 - 1, 2),
        (2 * 3 * 1024, 3),
    ] {
        let process = ProcessBook::new(limit);
        let mut sessions = [session(&process), session(&process)];
        for n in 0..most {
            assert!(sessions[n % 2].open().is_some(), "{n} of {limit}");
        }
        for budget in &mut sessions {
            assert_eq!(budget.open(), None, "{limit}");
        }
        if most > 0 {
            close(&mut sessions[0], BASE);
            assert!(sessions[1].open().is_some(), "{limit}");
            assert_eq!(sessions[0].open(), None, "{limit}");
        }
    }
}

#[test]
fn greedy_windows_of_one_session_keep_no_channel_of_another_one_from_being_opened() {
    let process = ProcessBook::new(64 << 10);
    let mut greedy = session(&process);
    let mut loan = greedy.open().unwrap();
    while grow(&mut greedy, &mut loan) > 0 {}
    assert_eq!(loan, 32 << 10, "half of it, which is fair for the only one");
    let mut other = session(&process);
    for n in 0..31 {
        assert_eq!(other.open(), Some(BASE), "{n}");
    }
    assert_eq!(other.open(), None);
}

#[test]
fn a_first_window_leaves_a_quarter_of_what_is_spare_to_those_that_have_use_for_it() {
    let process = ProcessBook::new(256 << 10);
    let mut sessions: Vec<_> = (0..4).map(|_| session(&process)).collect();
    let firsts: Vec<_> = sessions.iter_mut().map(|s| s.open().unwrap()).collect();
    // 128 KiB are spare, and 32 of them stay.
    assert_eq!(firsts, [64 << 10, 34 << 10, 1 << 10, 1 << 10]);
}

#[test]
fn beyond_its_fair_share_a_loan_leaves_the_low_mark_to_another_session() {
    const LIMIT: usize = 1 << 20;
    let process = ProcessBook::new(LIMIT);
    let mut greedy = session(&process);
    let mut late = session(&process);
    let mut loans = [greedy.open().unwrap(), late.open().unwrap()];
    // Two channels: a quarter of the whole is fair, and as much is beyond it.
    let fair = u32::try_from(LIMIT / 4).unwrap();
    while grow(&mut greedy, &mut loans[0]) > 0 {}
    let low_mark = u32::try_from(LIMIT / 32).unwrap();
    let spare = u32::try_from(LIMIT / 2).unwrap();
    let on_top = |loan: u32| loan - BASE;
    assert!(loans[0] > fair);
    assert_eq!(on_top(loans[0]) + on_top(loans[1]), spare - low_mark);
    assert_eq!(greedy.excess(loans[0]), 0, "it is not tight");
    // Whoever has less than is fair may have that, too; then the greedy one is asked for it.
    let more = grow(&mut late, &mut loans[1]);
    assert_eq!(more, low_mark);
    assert_eq!(late.excess(loans[1]), 0);
    assert_eq!(greedy.excess(loans[0]), low_mark);
    let back = greedy.excess(loans[0]);
    greedy.settle(loans[0], loans[0] - back);
    assert_eq!(greedy.excess(loans[0] - back), 0);
    assert_eq!(grow(&mut late, &mut loans[1]), low_mark);
}

#[test]
fn a_session_that_ends_with_channels_gives_everything_back() {
    let process = ProcessBook::new(1 << 20);
    let mut budget = session(&process);
    let mut loan = budget.open().unwrap();
    grow(&mut budget, &mut loan);
    budget.open().unwrap();
    assert!(process.left() < 1 << 20);
    drop(budget);
    assert_eq!(process.left(), 1 << 20);
}

/// Sessions that open, grow, shrink, close and end by chance.
struct Sessions {
    process: ProcessBook,
    state: u64,
    all: Vec<(Budget, Vec<u32>)>,
}

impl Sessions {
    fn new(process: &ProcessBook, seed: u64) -> Self {
        Self {
            process: process.clone(),
            state: seed,
            all: Vec::new(),
        }
    }

    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % n as u64).unwrap()
    }

    fn step(&mut self) {
        if self.all.len() < 8 && self.below(20) == 0 {
            self.all.push((session(&self.process), Vec::new()));
        }
        if self.all.is_empty() {
            return;
        }
        let n = self.below(self.all.len());
        let what = self.below(100);
        let pick = self.below(1 << 20);
        let (budget, loans) = &mut self.all[n];
        let one = pick.checked_rem(loans.len());
        match (what, one) {
            (0, _) => drop(self.all.remove(n)),
            (1..25, _) => loans.extend(budget.open()),
            (25..35, Some(one)) => close(budget, loans.remove(one)),
            (35..45, Some(one)) => {
                let after = loans[one] - loans[one].min(u32::try_from(pick).unwrap());
                budget.settle(loans[one], after);
                loans[one] = after;
            }
            (45..55, Some(one)) => {
                let back = budget.excess(loans[one]);
                budget.settle(loans[one], loans[one] - back);
                loans[one] -= back;
            }
            (_, Some(one)) => {
                grow(budget, &mut loans[one]);
            }
            (_, None) => {}
        }
    }

    fn lent(&self) -> usize {
        let loans = self.all.iter().flat_map(|(_, loans)| loans);
        loans.map(|loan| size(*loan)).sum()
    }
}

#[test]
fn all_windows_of_all_sessions_are_never_more_than_the_limit() {
    for (seed, limit) in (1..=8).zip(
        [0, 5 << 10, 64 << 10, 1 << 20, 16 << 20]
            .into_iter()
            .cycle(),
    ) {
        let process = ProcessBook::new(limit);
        let mut sessions = Sessions::new(&process, seed);
        for _ in 0..2000 {
            sessions.step();
            assert!(sessions.lent() + process.left() <= limit);
        }
        sessions.all.clear();
        assert_eq!(process.left(), limit);
    }
}

#[test]
fn nothing_gets_lost_between_threads() {
    const LIMIT: usize = 256 << 10;
    let process = ProcessBook::new(LIMIT);
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let process = process.clone();
            scope.spawn(move || {
                let mut sessions = Sessions::new(&process, seed);
                for _ in 0..2000 {
                    sessions.step();
                    assert!(sessions.lent() <= LIMIT);
                    assert!(process.left() <= LIMIT);
                }
            });
        }
    });
    assert_eq!(process.left(), LIMIT);
}
