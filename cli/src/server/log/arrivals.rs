//! What is said of connections as they come, whichever loop they go to.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use adit_forward::admission::Dropped;

use super::penalties::Refusals;
use super::throttling::{Ends, Throttling};
use crate::report::Report;

/// What is remembered of those that came, so that a flood of them is no flood of lines.
///
/// It is asked when a connection comes and when its login is over; each asks for itself.
#[derive(Debug)]
pub struct Arrivals(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    /// Those that are not authenticated yet.
    startups: usize,
    throttling: Throttling,
    refusals: Refusals,
}

impl Arrivals {
    /// `max_startups_begin`: the first number of MaxStartups.
    #[must_use]
    pub fn new(max_startups_begin: u32) -> Self {
        Self(Mutex::new(Inside {
            startups: 0,
            throttling: Throttling::new(max_startups_begin),
            refusals: Refusals::default(),
        }))
    }

    /// A connection was let in.
    pub(super) fn let_in(&self, report: &Report, now: Instant) {
        let mut inside = self.lock();
        let startups = inside.startups;
        inside.throttling.let_in(report, startups, now);
        inside.refusals.sum_up(report, now);
        inside.startups += 1;
    }

    /// One was authenticated, or ended before it was.
    pub(super) fn startup_over(&self) {
        let mut inside = self.lock();
        inside.startups = inside.startups.saturating_sub(1);
    }

    /// A connection was dropped while there were so many.
    pub(super) fn dropped(
        &self,
        report: &Report,
        ends: Ends,
        startups: u32,
        why: Dropped,
        now: Instant,
    ) {
        let mut inside = self.lock();
        match why {
            Dropped::PastMaxStartups => inside.throttling.dropped(report, ends, startups, now),
            Dropped::Refused(why) => inside.refusals.dropped(report, ends, startups, why, now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
