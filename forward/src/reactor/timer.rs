//! What is due when. One entry for each owner at most, so it is bounded by them.

use core::time::Duration;
use std::collections::BTreeSet;

/// Whose timer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    /// The agent's answer.
    Agent,
    /// An application without a channel, by its slot.
    Guest(usize),
    /// A session, by its slot.
    Peer(usize),
    /// Connection attempts, by their slot.
    Dial(usize),
    /// A listening socket that pauses, by its slot.
    Listener(usize),
    /// The next round of the client's attempts.
    Retry,
    /// The end of the time to close in order.
    Close,
}

/// When an owner's timer will fire; kept by the owner, changed by [`Timers`] alone.
#[derive(Debug, Default)]
pub(super) struct Armed(Option<Duration>);

/// All timers of a loop. Times count from the loop's start.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Duration, Timer)>);

impl Timers {
    /// Makes sure that the timer fires at `due` or before it. An owner that is woken too early
    /// looks at its clocks and arms again: most deadlines move on with every packet, and this way
    /// they cost nothing until one is reached.
    pub(super) fn arm(&mut self, timer: Timer, armed: &mut Armed, due: Option<Duration>) {
        match (armed.0, due) {
            (None, None) => {}
            (Some(now), Some(due)) if now <= due => {}
            (_, Some(due)) => {
                self.disarm(timer, armed);
                self.0.insert((due, timer));
                armed.0 = Some(due);
            }
            (Some(_), None) => self.disarm(timer, armed),
        }
    }

    /// It will not fire.
    pub(super) fn disarm(&mut self, timer: Timer, armed: &mut Armed) {
        if let Some(at) = armed.0.take() {
            self.0.remove(&(at, timer));
        }
    }

    /// When the next one fires.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// One that is due. Its owner calls [`Armed::fired`].
    pub(super) fn pop(&mut self, now: Duration) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}

impl Armed {
    /// [`Timers::pop`] gave this one.
    pub(super) fn fired(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn timers_fire_in_order_and_once() {
        let (mut timers, mut a, mut b) = (Timers::default(), Armed::default(), Armed::default());
        timers.arm(Timer::Peer(1), &mut a, Some(at(5)));
        timers.arm(Timer::Peer(2), &mut b, Some(at(3)));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.pop(at(2)), None);
        assert_eq!(timers.pop(at(9)), Some(Timer::Peer(2)));
        assert_eq!(timers.pop(at(9)), Some(Timer::Peer(1)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_later_deadline_costs_nothing_and_an_earlier_one_moves_it() {
        let (mut timers, mut a) = (Timers::default(), Armed::default());
        timers.arm(Timer::Peer(1), &mut a, Some(at(5)));
        timers.arm(Timer::Peer(1), &mut a, Some(at(7)));
        assert_eq!(timers.next(), Some(at(5)));
        timers.arm(Timer::Peer(1), &mut a, Some(at(4)));
        assert_eq!(timers.next(), Some(at(4)));
        assert_eq!(timers.0.len(), 1);
        assert_eq!(timers.pop(at(4)), Some(Timer::Peer(1)));
        a.fired();
        timers.arm(Timer::Peer(1), &mut a, Some(at(7)));
        assert_eq!(timers.next(), Some(at(7)));
        timers.arm(Timer::Peer(1), &mut a, None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn one_owner_never_has_two_entries() {
        let (mut timers, mut a) = (Timers::default(), Armed::default());
        let mut x = 9_u64;
        for _ in 0..10_000 {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1);
            timers.arm(
                Timer::Peer(1),
                &mut a,
                (x >> 40 & 7 != 0).then(|| at(x >> 50)),
            );
            assert!(timers.0.len() <= 1);
            if x >> 30 & 3 == 0 && timers.pop(at(x >> 50)).is_some() {
                a.fired();
            }
            assert_eq!(timers.next(), a.0);
        }
    }
}
