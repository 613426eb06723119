//! In which order and when the addresses of a host are tried (RFC 8305). Decisions only: no
//! sockets and no clock.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

/// RFC 8305 §5: the next attempt begins when the one before has not succeeded by then.
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one host that are tried. A name with more has them for the sake of load, not of
/// reachability; it also bounds the descriptors that one request can take.
pub(super) const ADDRESSES_MAX: usize = 16;

/// RFC 8305 §4 with a First Address Family Count of 1: the resolver's order, but families take
/// turns, so that one that leads nowhere costs a single delay. Duplicates are left out.
pub(super) fn interleave(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let mut unique = Vec::new();
    for address in addresses {
        if !unique.contains(address) && unique.len() < ADDRESSES_MAX {
            unique.push(*address);
        }
    }
    let first_is_v6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        unique.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = VecDeque::new();
    loop {
        match (first.next(), second.next()) {
            (None, None) => return order,
            (a, b) => order.extend(a.into_iter().chain(b)),
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Begin to connect to this address, then ask again.
    Try(SocketAddr),
    /// Nothing before this time, or before an attempt ends.
    Wait(Option<Duration>),
    /// All addresses have failed.
    Lost,
    /// It took too long.
    TooLate,
}

/// The attempts to reach one host.
#[derive(Debug)]
pub(super) struct Race {
    left: VecDeque<SocketAddr>,
    running: usize,
    /// When the next attempt begins though others still run.
    next: Duration,
    deadline: Option<Duration>,
}

impl Race {
    pub(super) fn new(addresses: &[SocketAddr], deadline: Option<Duration>) -> Self {
        Self {
            left: interleave(addresses),
            running: 0,
            next: Duration::ZERO,
            deadline,
        }
    }

    /// An attempt failed: the next one begins at once.
    pub(super) fn failed(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.next = Duration::ZERO;
    }

    pub(super) fn step(&mut self, now: Duration) -> Step {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Step::TooLate;
        }
        if self.running == 0 || now >= self.next {
            if let Some(address) = self.left.pop_front() {
                self.running += 1;
                self.next = now.saturating_add(ATTEMPT_DELAY);
                return Step::Try(address);
            }
            if self.running == 0 {
                return Step::Lost;
            }
        }
        let next = (!self.left.is_empty()).then_some(self.next);
        Step::Wait(match (next, self.deadline) {
            (Some(next), Some(deadline)) => Some(next.min(deadline)),
            (next, deadline) => next.or(deadline),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &str) -> Vec<SocketAddr> {
        list.split_whitespace()
            .map(|a| a.parse().unwrap())
            .collect()
    }

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn families_take_turns_and_the_resolvers_first_is_first() {
        for (given, expected) in [
            ("", ""),
            ("1.1.1.1:1", "1.1.1.1:1"),
            ("[::1]:1 [::2]:1 1.1.1.1:1", "[::1]:1 1.1.1.1:1 [::2]:1"),
            (
                "1.1.1.1:1 [::1]:1 [::2]:1 [::3]:1",
                "1.1.1.1:1 [::1]:1 [::2]:1 [::3]:1",
            ),
            (
                "1.1.1.1:1 1.1.1.2:1 1.1.1.3:1 [::1]:1",
                "1.1.1.1:1 [::1]:1 1.1.1.2:1 1.1.1.3:1",
            ),
            ("1.1.1.1:1 1.1.1.1:1 1.1.1.1:2", "1.1.1.1:1 1.1.1.1:2"),
        ] {
            assert_eq!(
                interleave(&addresses(given)),
                addresses(expected),
                "{given}"
            );
        }
    }

    #[test]
    fn no_more_addresses_are_tried_than_the_limit() {
        for (n, tried) in [
            (ADDRESSES_MAX - 1, ADDRESSES_MAX - 1),
            (ADDRESSES_MAX, ADDRESSES_MAX),
            (ADDRESSES_MAX + 1, ADDRESSES_MAX),
        ] {
            let list: Vec<SocketAddr> = (0..n)
                .map(|i| format!("10.0.0.{i}:1").parse().unwrap())
                .collect();
            assert_eq!(interleave(&list).len(), tried);
        }
    }

    #[test]
    fn the_next_address_waits_for_its_delay_or_a_failure() {
        let all = addresses("1.1.1.1:1 2.2.2.2:2 3.3.3.3:3");
        let mut race = Race::new(&all, None);
        assert_eq!(race.step(ms(0)), Step::Try(all[0]));
        assert_eq!(race.step(ms(0)), Step::Wait(Some(ms(250))));
        assert_eq!(race.step(ms(249)), Step::Wait(Some(ms(250))));
        assert_eq!(race.step(ms(250)), Step::Try(all[1]));
        race.failed();
        assert_eq!(race.step(ms(251)), Step::Try(all[2]));
        assert_eq!(
            race.step(ms(251)),
            Step::Wait(None),
            "none left: an attempt must end"
        );
        race.failed();
        assert_eq!(race.step(ms(900)), Step::Wait(None));
        race.failed();
        assert_eq!(race.step(ms(901)), Step::Lost);
    }

    #[test]
    fn without_addresses_it_is_lost_at_once() {
        assert_eq!(Race::new(&[], None).step(ms(0)), Step::Lost);
    }

    #[test]
    fn the_deadline_ends_it_whatever_still_runs() {
        let all = addresses("1.1.1.1:1 2.2.2.2:2");
        let mut race = Race::new(&all, Some(ms(100)));
        assert_eq!(race.step(ms(0)), Step::Try(all[0]));
        assert_eq!(race.step(ms(1)), Step::Wait(Some(ms(100))));
        assert_eq!(race.step(ms(99)), Step::Wait(Some(ms(100))));
        assert_eq!(race.step(ms(100)), Step::TooLate);
        let mut race = Race::new(&all[..1], Some(ms(1000)));
        assert_eq!(race.step(ms(0)), Step::Try(all[0]));
        assert_eq!(race.step(ms(0)), Step::Wait(Some(ms(1000))));
    }
}
