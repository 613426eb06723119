//! How many connections may be unauthenticated at a time: all together (sshd's MaxStartups), and of
//! each source (PerSourceMaxStartups). A function of counts and of one throw of dice.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::source::{NetBlocks, Source};

/// Connections that may be unauthenticated at a time: sshd's start:rate:full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaxStartups {
    /// From this many on, a new one is dropped with a probability of `rate` percent,
    pub start: u32,
    /// rising linearly
    pub rate: u32,
    /// to 100 percent here.
    pub full: u32,
}

impl Default for MaxStartups {
    /// sshd's 10:30:100.
    fn default() -> Self {
        Self {
            start: 10,
            rate: 30,
            full: 100,
        }
    }
}

/// A number from 0 to 99, each as likely as the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dice(u8);

impl Dice {
    /// Of 32 random bits: each number has its hundredth of them to within 2^-25.
    #[must_use]
    pub fn of(random: u32) -> Self {
        // Cannot fail: it is less than 100.
        Self(u8::try_from(random % 100).unwrap_or(0))
    }
}

impl MaxStartups {
    /// Whether a connection is dropped while there are `startups` others: none below `start`,
    /// `rate` percent there, all from `full` on, and in between the rate rises linearly.
    #[must_use]
    pub fn drops(self, startups: u32, dice: Dice) -> bool {
        let Self { start, rate, full } = self;
        if startups < start {
            return false;
        }
        if startups >= full || rate >= 100 {
            return true;
        }
        // Cannot divide by 0: start <= startups < full.
        let (above, span) = (u64::from(startups - start), u64::from(full - start));
        let percent = u64::from(rate) + u64::from(100 - rate) * above / span;
        u64::from(dice.0) < percent
    }
}

/// Those that are not authenticated yet. As many sources as connections at most, and of those
/// MaxStartups has its `full`.
#[derive(Debug)]
pub(super) struct Startups {
    limits: MaxStartups,
    per_source: Option<u32>,
    blocks: NetBlocks,
    all: u32,
    counts: BTreeMap<Source, u32>,
}

impl Startups {
    pub(super) fn new(limits: MaxStartups, per_source: Option<u32>, blocks: NetBlocks) -> Self {
        Self {
            limits,
            per_source,
            blocks,
            all: 0,
            counts: BTreeMap::new(),
        }
    }

    pub(super) const fn all(&self) -> u32 {
        self.all
    }

    /// Whether one more from there is too many. Counts nothing.
    pub(super) fn drops(&self, address: IpAddr, dice: Dice) -> bool {
        let of_source = || self.counts.get(&self.blocks.source(address)).copied();
        self.limits.drops(self.all, dice)
            || self
                .per_source
                .is_some_and(|most| of_source().unwrap_or(0) >= most)
    }

    /// One more is there.
    pub(super) fn begin(&mut self, address: IpAddr) {
        self.all = self.all.saturating_add(1);
        if self.per_source.is_some() {
            let count = self.counts.entry(self.blocks.source(address)).or_insert(0);
            *count = count.saturating_add(1);
        }
    }

    /// One was authenticated, or ended before it was.
    pub(super) fn over(&mut self, address: IpAddr) {
        self.all = self.all.saturating_sub(1);
        let source = self.blocks.source(address);
        if let Some(count) = self.counts.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&source);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.counts.len()
    }
}
