//! What ends the loop's waiting when a timer is due: a descriptor of its own, timerfd_create(2).
//!
//! A time that is given with each wait has the kernel set up a timer and take it down again, twice
//! for each byte that is typed and echoed. This one is set when something is due before it rings,
//! which is seldom: most deadlines move on with every packet.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// It rings at least so often while something is due: any time is a number that the kernel takes.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// To be set to nothing would turn it off (timerfd_settime(2)).
const AT_ONCE: Duration = Duration::from_nanos(1);

/// Rings once when its time has come. Nobody reads it: to set it again is enough.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: TimerFd,
    /// When it rings, since the loop's start.
    rings: Option<Duration>,
}

impl Alarm {
    /// One whose events come with this token.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let fd = timer.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        Ok(Self { timer, rings: None })
    }

    /// Makes sure that it rings at `due` or before it; at any time, where nothing is due. Both it
    /// and `due` count from `epoch`.
    pub(super) fn set(&mut self, due: Option<Duration>, epoch: Instant) -> io::Result<()> {
        let Some(due) = due.filter(|due| self.rings.is_none_or(|rings| *due < rings)) else {
            return Ok(());
        };
        let now = epoch.elapsed();
        let ahead = due.saturating_sub(now).clamp(AT_ONCE, A_DAY);
        let once = Expiration::OneShot(ahead.into());
        self.timer.set(once, TimerSetTimeFlags::empty())?;
        self.rings = Some(now.saturating_add(ahead));
        Ok(())
    }

    /// Its event came.
    pub(super) fn rang(&mut self) {
        self.rings = None;
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    struct Loop {
        poll: Poll,
        alarm: Alarm,
        epoch: Instant,
    }

    impl Loop {
        fn new() -> Self {
            let poll = Poll::new().unwrap();
            let alarm = Alarm::new(poll.registry(), Token(7)).unwrap();
            Self {
                poll,
                alarm,
                epoch: Instant::now(),
            }
        }

        fn set(&mut self, due: Duration) {
            self.alarm.set(Some(due), self.epoch).unwrap();
        }

        /// Events within that time.
        fn events(&mut self, patience: Duration) -> usize {
            let mut events = Events::with_capacity(8);
            self.poll.poll(&mut events, Some(patience)).unwrap();
            events.iter().count()
        }
    }

    #[test]
    fn it_rings_once_and_again_when_it_is_set_again() {
        let mut l = Loop::new();
        for _ in 0..3 {
            let due = l.epoch.elapsed() + Duration::from_millis(3);
            l.set(due);
            assert_eq!(l.events(LONG), 1);
            assert!(l.epoch.elapsed() >= due, "not before its time");
            l.alarm.rang();
            assert_eq!(l.events(Duration::from_millis(10)), 0);
        }
    }

    #[test]
    fn what_is_due_already_rings_at_once() {
        let mut l = Loop::new();
        l.set(Duration::ZERO);
        assert_eq!(l.events(LONG), 1);
    }

    #[test]
    fn only_what_is_due_before_sets_it() {
        let mut l = Loop::new();
        l.alarm.set(None, l.epoch).unwrap();
        assert_eq!(l.alarm.rings, None);
        l.set(Duration::from_secs(600));
        let first = l.alarm.rings.unwrap();
        l.alarm.set(None, l.epoch).unwrap();
        l.set(Duration::from_secs(700));
        assert_eq!(l.alarm.rings, Some(first));
        l.set(Duration::from_millis(1));
        assert!(l.alarm.rings.unwrap() < first);
        assert_eq!(l.events(LONG), 1);
    }

    #[test]
    fn any_time_can_be_set() {
        let mut l = Loop::new();
        for (due, most) in [
            (A_DAY, A_DAY),
            (A_DAY * 2, A_DAY + LONG),
            (Duration::MAX, A_DAY + LONG),
        ] {
            l.set(due);
            assert!(l.alarm.rings.unwrap() <= most);
            l.alarm.rang();
        }
    }
}
