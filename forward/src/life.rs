//! Whether the peer is still there. Any byte that arrives proves it; after an interval without one
//! it is asked, and after some of those it is given up. Arithmetic on times only.

use core::time::Duration;

use adit_transport::ASLEEP;

/// How long a silent peer is believed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// Silence after which the peer is asked for a sign of life, and again each time it passes.
    pub interval: Duration,
    /// Intervals of silence that end the session. 0 asks, but never gives up.
    pub count_max: u32,
}

/// Most intervals in a row that are excused because they were [slept](ASLEEP) through. A machine that
/// goes back to sleep right after it woke has heard nothing twice; a loop that is late each time
/// would never give a silent peer up.
const EXCUSED_MAX: u32 = 3;

/// What to do now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Ask the peer for a sign of life.
    Ask,
    /// It is gone.
    Dead,
    /// Nothing yet.
    Wait,
}

/// The state of one peer.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    patience: Option<Patience>,
    /// When silence so far would have lasted another interval.
    next: Duration,
    asked: u32,
    /// Intervals that were excused since bytes arrived.
    excused: u32,
}

impl Life {
    /// `None`: it is never asked.
    #[must_use]
    pub(crate) fn new(patience: Option<Patience>, now: Duration) -> Self {
        let mut life = Self {
            patience,
            next: Duration::ZERO,
            asked: 0,
            excused: 0,
        };
        life.heard(now);
        life
    }

    /// Bytes arrived.
    pub(crate) fn heard(&mut self, now: Duration) {
        self.asked = 0;
        self.excused = 0;
        self.wait(now);
    }

    /// When [`Life::timeout`] has something to say.
    #[must_use]
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.patience.map(|_| self.next)
    }

    /// From now, not from when it should have been: a program that was stopped for an hour asks
    /// and waits before it gives anyone up.
    fn wait(&mut self, now: Duration) {
        if let Some(patience) = self.patience {
            self.next = now.saturating_add(patience.interval);
        }
    }

    /// Looks at the clock.
    pub(crate) fn timeout(&mut self, now: Duration) -> Step {
        let Some(patience) = self.patience.filter(|_| now >= self.next) else {
            return Step::Wait;
        };
        let has_slept = now.saturating_sub(self.next) >= ASLEEP;
        self.wait(now);
        if has_slept && self.excused < EXCUSED_MAX {
            self.excused = self.excused.saturating_add(1);
            return Step::Ask;
        }
        self.asked = self.asked.saturating_add(1);
        // The peer is asked at least once before it is given up, so 1 is as 2.
        match patience.count_max {
            0 => Step::Ask,
            max if self.asked >= max.max(2) => Step::Dead,
            _ => Step::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn steps(count_max: u32, times: &[u64]) -> Vec<Step> {
        let patience = Patience {
            interval: seconds(15),
            count_max,
        };
        let mut life = Life::new(Some(patience), Duration::ZERO);
        times.iter().map(|t| life.timeout(seconds(*t))).collect()
    }

    #[test]
    fn a_silent_peer_is_asked_and_then_given_up() {
        use Step::{Ask, Dead, Wait};
        assert_eq!(
            steps(3, &[14, 15, 16, 29, 30, 44, 45]),
            [Wait, Ask, Wait, Wait, Ask, Wait, Dead]
        );
        assert_eq!(steps(1, &[15, 29, 30]), [Ask, Wait, Dead]);
        assert_eq!(steps(2, &[15, 30]), [Ask, Dead]);
        assert_eq!(steps(0, &[15, 30, 45, 60, 75]), [Ask; 5]);
    }

    #[test]
    fn any_byte_starts_the_count_again() {
        let mut life = Life::new(
            Some(Patience {
                interval: seconds(15),
                count_max: 3,
            }),
            seconds(0),
        );
        assert_eq!(life.timeout(seconds(30)), Step::Ask);
        assert_eq!(life.timeout(seconds(31)), Step::Wait);
        life.heard(seconds(31));
        assert_eq!(life.deadline(), Some(seconds(46)));
        assert_eq!(life.timeout(seconds(45)), Step::Wait);
        assert_eq!(life.timeout(seconds(46)), Step::Ask);
    }

    #[test]
    fn a_program_that_slept_asks_before_it_gives_up() {
        use Step::{Ask, Dead, Wait};
        assert_eq!(
            steps(3, &[15, 3600, 3601, 3614, 3615, 3630]),
            [Ask, Ask, Wait, Wait, Ask, Dead]
        );
        // Also when it fell asleep just before it would have given the peer up.
        assert_eq!(steps(2, &[15, 3600, 3615]), [Ask, Ask, Dead]);
        assert_eq!(
            steps(3, &[15, 30, 3600, 7200, 7215]),
            [Ask, Ask, Ask, Ask, Dead]
        );
        assert_eq!(
            steps(2, &[15, 3600, 7200, 10_800, 10_815]),
            [Ask, Ask, Ask, Ask, Dead]
        );
    }

    #[test]
    fn only_so_many_intervals_in_a_row_are_slept_through() {
        // One more than are excused counts as the silence that it is.
        for (slept, last) in [
            (EXCUSED_MAX - 1, Step::Ask),
            (EXCUSED_MAX, Step::Ask),
            (EXCUSED_MAX + 1, Step::Dead),
        ] {
            let mut times = vec![15];
            times.extend((1..=u64::from(slept)).map(|n| 3600 * n));
            let steps = steps(2, &times);
            assert_eq!(steps.last(), Some(&last), "{slept}");
            assert!(steps.iter().rev().skip(1).all(|step| *step == Step::Ask));
        }
    }

    #[test]
    fn a_loop_that_is_always_late_gives_a_silent_peer_up() {
        for count_max in [1, 2, 3, 10] {
            let times: Vec<_> = (1..=100).map(|n| 16 * n).collect();
            let steps = steps(count_max, &times);
            let asked = steps.iter().take_while(|step| **step == Step::Ask);
            let counted = count_max.max(2) - 1;
            assert_eq!(asked.count(), (EXCUSED_MAX + counted) as usize);
        }
        let times: Vec<_> = (1..=100).map(|n| 16 * n).collect();
        assert_eq!(steps(0, &times), [Step::Ask; 100]);
    }

    #[test]
    fn any_byte_excuses_as_many_again() {
        let patience = Patience {
            interval: seconds(15),
            count_max: 2,
        };
        let mut life = Life::new(Some(patience), Duration::ZERO);
        for hour in 0..100 {
            let now = seconds(3600 * hour);
            life.heard(now);
            assert_eq!(life.timeout(now + seconds(15)), Step::Ask);
            for n in 1..=EXCUSED_MAX {
                let late = now + seconds(15) + seconds(16) * n;
                assert_eq!(life.timeout(late), Step::Ask);
            }
        }
    }

    #[test]
    fn a_second_late_is_asleep_and_less_is_only_late() {
        let after = |late: Duration| {
            let patience = Patience {
                interval: seconds(15),
                count_max: 2,
            };
            let mut life = Life::new(Some(patience), Duration::ZERO);
            assert_eq!(life.timeout(seconds(15)), Step::Ask);
            life.timeout(seconds(30) + late)
        };
        let little = Duration::from_nanos(1);
        assert_eq!(after(ASLEEP - little), Step::Dead);
        assert_eq!(after(ASLEEP), Step::Ask);
        assert_eq!(after(ASLEEP + little), Step::Ask);
    }

    #[test]
    fn without_patience_nothing_is_due() {
        let mut life = Life::new(None, seconds(0));
        assert_eq!(life.deadline(), None);
        assert_eq!(life.timeout(seconds(1_000_000)), Step::Wait);
    }
}
