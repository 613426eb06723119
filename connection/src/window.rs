//! The two windows of a channel (RFC 4254 §5.2): what the peer lets us send, and what we let the
//! peer send, which is a loan from the [book](crate::budget). Arithmetic only: no packets, no
//! sockets.
//!
//! ```text
//!     peer may send        arrived, spilled      taken by the local socket
//!     |---- granted ----|------- held -------|----------- owed -----------|
//!     '------------------------------ the loan ---------------------------'
//!          data arrives ->     delivered ->      WINDOW_ADJUST -> (granted)
//! ```

use crate::error::PeerMisbehaved;

/// Bytes we may still send on one channel.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct RemoteWindow(u32);

impl RemoteWindow {
    pub(crate) const fn new(initial_window_size: u32) -> Self {
        Self(initial_window_size)
    }

    pub(crate) const fn left(&self) -> u32 {
        self.0
    }

    /// The peer may never raise a window past 2^32 - 1 (§5.2), so overflow is its fault.
    pub(crate) fn adjust(&mut self, bytes_to_add: u32) -> Result<(), PeerMisbehaved> {
        self.0 = self
            .0
            .checked_add(bytes_to_add)
            .ok_or(PeerMisbehaved::WindowOverflow)?;
        Ok(())
    }

    /// `n` bytes were sent, no more than [`RemoteWindow::left`].
    pub(crate) fn sent(&mut self, n: usize) {
        let left = u32::try_from(n).ok().and_then(|n| self.0.checked_sub(n));
        debug_assert!(left.is_some(), "more was sent than granted");
        self.0 = left.unwrap_or(0);
    }
}

/// Bytes the peer may still send on one channel, and those it sent that are not yet granted again.
#[derive(Debug)]
pub(crate) struct LocalWindow {
    granted: u32,
    held: u32,
    owed: u32,
    /// How much arrived in the present round, how long that took, and when the latest of it came
    /// or was taken.
    used: u32,
    round_millis: u32,
    latest: Millis,
}

impl LocalWindow {
    /// A window of `first` bytes, lent before.
    pub(crate) const fn new(first: u32) -> Self {
        Self {
            granted: first,
            held: 0,
            owed: 0,
            used: 0,
            round_millis: 0,
            latest: Millis(0),
        }
    }

    /// What the peer may send and the book has lent for it.
    pub(crate) const fn loan(&self) -> u32 {
        self.granted
            .saturating_add(self.held)
            .saturating_add(self.owed)
    }

    /// Of that, what has arrived and is not delivered.
    pub(crate) const fn held(&self) -> u32 {
        self.held
    }

    /// What the peer may send still.
    pub(crate) const fn granted(&self) -> u32 {
        self.granted
    }

    /// `n` bytes arrived. Not one more than granted: there is no grace.
    pub(crate) fn spend(&mut self, n: u32) -> Result<(), PeerMisbehaved> {
        self.granted = self
            .granted
            .checked_sub(n)
            .ok_or(PeerMisbehaved::WindowExceeded)?;
        Ok(())
    }

    /// They are kept. `used` counts within one round. A pause of the peer counts for no more than
    /// [`Clock::pause_millis`]: where TCP waits for something that was lost, and where the peer waits
    /// for this very window, nobody is slow.
    pub(crate) fn hold(&mut self, n: u32, clock: &Clock) {
        let pause = clock.since(self.latest);
        let counted = match (self.used, self.held) {
            (0, _) => 0, // A round begins with what arrives in it.
            (_, 0) => pause.min(clock.pause_millis()),
            (_, _) => pause, // Whoever reads here has not kept up.
        };
        self.round_millis = self.round_millis.saturating_add(counted);
        self.held = self.held.saturating_add(n);
        self.latest = clock.now;
        if self.round_millis > clock.round_millis {
            self.new_round();
        }
        self.used = self.used.saturating_add(n);
    }

    /// The local socket took `n` of the bytes that are held. The time until it did is the reader's,
    /// and counts in full.
    pub(crate) fn delivered(&mut self, n: usize, clock: &Clock) {
        if self.held > 0 {
            let pause = clock.since(self.latest);
            self.round_millis = self.round_millis.saturating_add(pause);
            self.latest = clock.now;
        }
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        debug_assert!(n <= self.held, "more was delivered than arrived");
        let n = n.min(self.held);
        self.held = self.held.saturating_sub(n);
        self.owed = self.owed.saturating_add(n);
    }

    /// Whether the window holds the peer up: it used three quarters of it within a round trip, and
    /// whoever reads here kept up with that. A slow reader therefore never gets more.
    pub(crate) fn is_too_small(&self, clock: &Clock) -> bool {
        let three_quarters = self.loan().saturating_sub(self.loan() / 4);
        let took = self.round_millis.saturating_add(clock.since(self.latest));
        self.held == 0 && self.used >= three_quarters && took <= clock.round_millis
    }

    /// How much it is to grow by when it is too small: it doubles. What came at more than three
    /// windows a round trip shows that the path holds as much, and then it is four times as large at
    /// once, which is at most four thirds of that: TCP's own windows have only begun to grow by then,
    /// and where both wait for each other to grow, both are slow.
    pub(crate) fn wanted(&self, clock: &Clock) -> u32 {
        if self.is_fast(clock) {
            self.loan().saturating_mul(FAST - 1)
        } else {
            self.loan()
        }
    }

    /// Whether three quarters came within a quarter of a round trip, the millisecond that nobody
    /// counted included. Too little time for a pause that was not counted in full.
    fn is_fast(&self, clock: &Clock) -> bool {
        let took = self.round_millis.saturating_add(clock.since(self.latest));
        took.saturating_add(1).saturating_mul(FAST) <= clock.round_millis
    }

    /// `more` was lent.
    pub(crate) const fn grow(&mut self, more: u32) {
        self.owed = self.owed.saturating_add(more);
        self.new_round();
    }

    /// Whether enough is owed to be worth a WINDOW_ADJUST: a quarter of the whole.
    pub(crate) const fn is_adjust_due(&self) -> bool {
        self.owed > 0 && self.owed >= self.loan() / 4
    }

    /// At most `n` of what is owed is not granted again but given back.
    pub(crate) fn shrink(&mut self, n: u32) {
        self.owed = self.owed.saturating_sub(n);
    }

    /// What a WINDOW_ADJUST now grants.
    pub(crate) const fn take_owed(&mut self) -> u32 {
        let bytes_to_add = self.owed;
        self.granted = self.granted.saturating_add(bytes_to_add);
        self.owed = 0;
        bytes_to_add
    }

    /// What is held is given up.
    pub(crate) const fn discard(&mut self) {
        self.held = 0;
    }

    const fn new_round(&mut self) {
        self.round_millis = 0;
        self.used = 0;
    }
}

/// Milliseconds since some start. They wrap after 49 days, and a channel that was idle for exactly
/// as long may once grow without need, which costs nobody anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Millis(u32);

/// The time of the latest call that brought one, and how long a round lasts: one round trip. A
/// window of which three quarters come within that is at most four thirds of what the path holds, and
/// doubled it is at most eight thirds. Where rounds were longer, windows and queues would be, too.
#[derive(Debug)]
pub(crate) struct Clock {
    now: Millis,
    round_millis: u32,
}

/// Pauses that a round has room for, however long they are. Each lost packet makes one of a round
/// trip or more, as all behind it waits until it is there, and a window that filled the path would
/// have let the peer send on. Shorter pauses are those between the packets of a narrow path, and
/// count in full: its windows would grow, and what waits in its queues with them.
const PAUSES: u32 = 2;
/// What came so many times as fast as windows need to grow lets them become so many times as large.
const FAST: u32 = 4;
/// A round where no round trip is measured. Too long a one lets windows grow to what arrives in a
/// second, which the book bounds; too short a one would keep a slow path slow.
const ROUND_ASSUMED: u32 = 1000;
/// Shorter round trips count as this: the two event loops on the way take their time as well.
const ROUND_TRIP_MIN: u32 = 1;

impl Clock {
    pub(crate) const fn new() -> Self {
        Self {
            now: Millis(0),
            round_millis: ROUND_ASSUMED,
        }
    }

    pub(crate) fn advance(&mut self, now: core::time::Duration) {
        let millis = now.as_millis() & u128::from(u32::MAX);
        self.now = Millis(u32::try_from(millis).unwrap_or(0));
    }

    pub(crate) fn set_round_trip(&mut self, round_trip: core::time::Duration) {
        self.round_millis = u32::try_from(round_trip.as_micros().div_ceil(1000))
            .unwrap_or(u32::MAX)
            .max(ROUND_TRIP_MIN);
    }

    const fn since(&self, then: Millis) -> u32 {
        self.now.0.wrapping_sub(then.0)
    }

    /// What a pause counts for at most, and it counts for something.
    fn pause_millis(&self) -> u32 {
        (self.round_millis / PAUSES).max(1)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn clock(millis: u64) -> Clock {
        let mut clock = Clock::new();
        clock.advance(Duration::from_millis(millis));
        clock
    }

    /// A window of 1000 of which `used` arrived at `start` and was delivered.
    fn used(used: u32, start: &Clock) -> LocalWindow {
        let mut window = LocalWindow::new(1000);
        window.spend(used).unwrap();
        window.hold(used, start);
        window.delivered(used as usize, start);
        window
    }

    #[test]
    fn a_window_is_too_small_when_three_quarters_are_used_within_a_round_trip() {
        let now = clock(5000);
        assert!(!used(749, &now).is_too_small(&now));
        assert!(used(750, &now).is_too_small(&now));
        let mut later = clock(5200);
        for (round_trip, is_too_small) in [(201, true), (200, true), (199, false)] {
            later.set_round_trip(Duration::from_millis(round_trip));
            assert_eq!(used(750, &now).is_too_small(&later), is_too_small);
        }
        // What is held is not delivered: the reader is slow, not the window small.
        let mut window = LocalWindow::new(1000);
        window.spend(900).unwrap();
        window.hold(900, &now);
        window.delivered(899, &now);
        assert!(!window.is_too_small(&now));
        window.delivered(1, &now);
        assert!(window.is_too_small(&now));
    }

    /// A window of 1000 of which `parts` came, with a pause of so many milliseconds before each but
    /// the first, and a round trip of 50.
    fn paused(parts: &[u32], pause: u64) -> bool {
        let mut now = 5000;
        let mut clock = clock(now);
        clock.set_round_trip(Duration::from_millis(50));
        let mut window = LocalWindow::new(1000);
        for (n, part) in parts.iter().enumerate() {
            now += if n > 0 { pause } else { 0 };
            clock.advance(Duration::from_millis(now));
            assert!(!window.is_too_small(&clock));
            window.spend(*part).unwrap();
            window.hold(*part, &clock);
            window.delivered(*part as usize, &clock);
        }
        window.is_too_small(&clock)
    }

    #[test]
    fn a_window_grows_where_parts_of_it_wait_for_what_was_lost() {
        for pause in [25, 26, 60, 10_000] {
            assert!(paused(&[250, 250, 250], pause));
            assert!(!paused(&[200, 200, 200, 200], pause));
        }
    }

    #[test]
    fn the_pauses_between_packets_of_a_narrow_path_count_in_full() {
        for (pause, is_too_small) in [(16, true), (17, false), (24, false)] {
            assert_eq!(paused(&[200, 200, 200, 200], pause), is_too_small);
        }
    }

    #[test]
    fn what_comes_in_small_parts_without_haste_makes_no_window_grow() {
        for round_trip in [1, 50, 1000] {
            let mut clock = clock(5000);
            clock.set_round_trip(Duration::from_millis(round_trip));
            let mut window = LocalWindow::new(1000);
            for n in 1..=1000 {
                clock.advance(Duration::from_millis(5000 + 2000 * n));
                window.take_owed();
                window.spend(40).unwrap();
                window.hold(40, &clock);
                window.delivered(40, &clock);
                assert!(!window.is_too_small(&clock));
            }
        }
    }

    #[test]
    fn the_pauses_of_whoever_reads_here_count_in_full() {
        let mut clock = clock(5000);
        clock.set_round_trip(Duration::from_millis(50));
        let mut window = LocalWindow::new(1000);
        for n in 1..=10 {
            window.take_owed();
            window.spend(500).unwrap();
            window.hold(500, &clock);
            clock.advance(Duration::from_millis(5000 + 110 * n));
            window.spend(500).unwrap();
            window.hold(500, &clock);
            clock.advance(Duration::from_millis(5000 + 110 * n + 101));
            window.delivered(1000, &clock);
            assert!(!window.is_too_small(&clock));
        }
    }

    #[test]
    fn a_reader_that_takes_all_at_once_and_late_makes_no_window_grow() {
        let mut clock = clock(0);
        clock.set_round_trip(Duration::from_millis(50));
        let mut window = LocalWindow::new(1000);
        window.spend(1000).unwrap();
        window.hold(1000, &clock);
        for n in 1..=10 {
            // The pause was the reader's, also where nothing is held any more when more arrives.
            clock.advance(Duration::from_millis(10_000 * n));
            window.delivered(1000, &clock);
            assert!(!window.is_too_small(&clock));
            window.take_owed();
            clock.advance(Duration::from_millis(10_000 * n + 100));
            window.spend(100).unwrap();
            window.hold(100, &clock);
            window.delivered(100, &clock);
            assert!(!window.is_too_small(&clock));
            window.take_owed();
            window.spend(1000).unwrap();
            window.hold(1000, &clock);
        }
    }

    #[test]
    fn the_time_until_bytes_are_taken_counts_in_full_however_it_is_divided() {
        let parts: [&[u64]; 3] = [&[], &[50], &[1, 20, 70, 99]];
        for (late, is_too_small) in [(99, true), (100, true), (101, false)] {
            for part in parts {
                let mut clock = clock(5000);
                clock.set_round_trip(Duration::from_millis(100));
                let mut window = LocalWindow::new(1000);
                window.spend(800).unwrap();
                window.hold(800, &clock);
                for millis in part {
                    clock.advance(Duration::from_millis(5000 + millis));
                    window.delivered(1, &clock);
                }
                clock.advance(Duration::from_millis(5000 + late));
                window.delivered(800 - part.len(), &clock);
                assert_eq!(window.is_too_small(&clock), is_too_small);
            }
        }
    }

    #[test]
    fn a_window_used_within_a_quarter_of_a_round_trip_is_to_be_four_times_as_large() {
        // Its time is known to the millisecond, so one more may have passed.
        for (took, wanted) in [(0, 3000), (48, 3000), (49, 3000), (50, 1000), (200, 1000)] {
            let mut clock = clock(5000);
            clock.set_round_trip(Duration::from_millis(200));
            let mut window = LocalWindow::new(1000);
            for (n, at) in [(375, 5000), (375, 5000 + took)] {
                clock.advance(Duration::from_millis(at));
                window.spend(n).unwrap();
                window.hold(n, &clock);
                window.delivered(n as usize, &clock);
            }
            assert_eq!(window.wanted(&clock), wanted);
            assert!(window.is_too_small(&clock));
        }
        // On a path that is shorter than clocks can tell, it doubles.
        for (round_trip, wanted) in [(1, 1000), (3, 1000), (4, 3000)] {
            let mut clock = clock(5000);
            clock.set_round_trip(Duration::from_millis(round_trip));
            assert_eq!(used(750, &clock).wanted(&clock), wanted);
        }
    }

    #[test]
    fn a_pause_on_the_way_makes_no_window_four_times_as_large() {
        let mut clock = clock(5000);
        clock.set_round_trip(Duration::from_millis(200));
        let mut window = LocalWindow::new(1000);
        for (n, at) in [(375, 5000), (375, 15_000)] {
            clock.advance(Duration::from_millis(at));
            window.spend(n).unwrap();
            window.hold(n, &clock);
            window.delivered(n as usize, &clock);
        }
        assert!(window.is_too_small(&clock));
        assert_eq!(window.wanted(&clock), 1000);
    }

    #[test]
    fn where_no_round_trip_is_known_a_round_is_a_second() {
        let start = clock(5000);
        assert!(used(750, &start).is_too_small(&clock(5999)));
        assert!(used(750, &start).is_too_small(&clock(6000)));
        assert!(!used(750, &start).is_too_small(&clock(6001)));
    }

    #[test]
    fn a_round_trip_is_at_least_a_millisecond_and_rounded_up() {
        let mut clock = Clock::new();
        for (micros, millis) in [(0, 1), (999, 1), (1000, 1), (1001, 2), (u64::MAX, u32::MAX)] {
            clock.set_round_trip(Duration::from_micros(micros));
            assert_eq!(clock.round_millis, millis);
        }
    }

    #[test]
    fn time_that_wraps_does_not_end_a_round() {
        let wrap = u64::from(u32::MAX);
        assert!(used(750, &clock(wrap)).is_too_small(&clock(wrap + 500)));
        assert!(!used(750, &clock(wrap)).is_too_small(&clock(wrap + 1500)));
    }

    #[test]
    fn a_new_round_counts_anew() {
        // Two pauses are a round, and the next one begins another.
        for (pauses, is_too_small) in [(2, true), (3, false)] {
            let mut window = used(748, &clock(5000));
            let mut now = clock(5000);
            for n in 1..=pauses {
                now = clock(5000 + 1000 * n);
                assert!(!window.is_too_small(&now));
                window.spend(1).unwrap();
                window.hold(1, &now);
                window.delivered(1, &now);
            }
            assert_eq!(window.is_too_small(&now), is_too_small);
            assert_eq!(window.loan(), 1000);
        }
    }
}
