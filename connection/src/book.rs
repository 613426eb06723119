//! The book of a process: what all its sessions may have promised to hold, together. Counters that
//! any thread may use; nobody waits for anybody.
//!
//! Each session has a [book of its own](crate::budget), and lends from this one as well:
//!
//! ```text
//!     half      the bases of all channels there are       none left: no channel is opened
//!     half      what windows have on top of them          none left: no window grows
//! ```
//!
//! So no session can keep another one's channels from being opened by growing its own windows, and
//! all of them together never hold more than the limit.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// See the module. A clone is the same book.
#[derive(Clone, Debug)]
pub struct ProcessBook(Arc<Pots>);

#[derive(Debug)]
struct Pots {
    limit: usize,
    bases: AtomicUsize,
    spare: AtomicUsize,
    channels: AtomicUsize,
}

impl ProcessBook {
    /// All sessions together may have so many bytes in their windows.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Pots {
            limit,
            bases: AtomicUsize::new(limit / 2),
            spare: AtomicUsize::new(limit.saturating_sub(limit / 2)),
            channels: AtomicUsize::new(0),
        }))
    }

    /// What is not lent. 0 is the least there can be: nothing is lent that is not there.
    #[must_use]
    pub fn left(&self) -> usize {
        let Pots { bases, spare, .. } = &*self.0;
        spare
            .load(Ordering::Relaxed)
            .saturating_add(bases.load(Ordering::Relaxed))
    }

    /// Lends a new channel its base, or does not.
    pub(crate) fn open(&self, base: u32) -> Option<()> {
        take(&self.0.bases, |left| left.checked_sub(size(base)))?;
        self.0.channels.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    /// So many channels are gone that had this base.
    pub(crate) fn close(&self, base: u32, channels: u32) {
        give(&self.0.bases, size(base).saturating_mul(size(channels)));
        self.0.channels.fetch_sub(size(channels), Ordering::Relaxed);
    }

    /// Lends as much as it can of what a new window wants on top of its base. A quarter of what there
    /// is for that stays with those that have shown that they have use for it.
    pub(crate) fn lend_first(&self, wanted: u32) -> u32 {
        self.lend(|spare| size(wanted).min(spare.saturating_sub(self.0.limit / 8)))
    }

    /// Lends as much as it can of what a loan is to grow by: beyond its fair share it leaves the low
    /// mark to others.
    pub(crate) fn lend_more(&self, loan: u32, base: u32, wanted: u32) -> u32 {
        let wanted = size(wanted);
        let below_fair = self.fair_share(base).saturating_sub(size(loan));
        self.lend(|spare| {
            let fair = wanted.min(below_fair).min(spare);
            let beyond = spare.saturating_sub(fair).saturating_sub(self.low_mark());
            fair.saturating_add(wanted.saturating_sub(fair).min(beyond))
        })
    }

    /// Takes back what windows had on top.
    pub(crate) fn take_back(&self, n: u32) {
        give(&self.0.spare, size(n));
    }

    /// How much of a loan is to be given back: nothing unless the book is tight, then what is above
    /// the fair share, until it is no longer tight.
    pub(crate) fn excess(&self, loan: u32, base: u32) -> u32 {
        let spare = self.0.spare.load(Ordering::Relaxed);
        let short = self.low_mark().saturating_sub(spare);
        if short == 0 {
            return 0;
        }
        narrow(size(loan).saturating_sub(self.fair_share(base)).min(short))
    }

    fn lend(&self, most: impl Fn(usize) -> usize) -> u32 {
        let mut lent = 0;
        take(&self.0.spare, |spare| {
            // Never more than was wanted, which fits.
            lent = narrow(most(spare));
            spare.checked_sub(size(lent))
        });
        lent
    }

    fn fair_share(&self, base: u32) -> usize {
        let channels = self.0.channels.load(Ordering::Relaxed);
        let all = self.0.limit;
        all.checked_div(channels.saturating_mul(2))
            .unwrap_or(all)
            .max(size(base))
    }

    fn low_mark(&self) -> usize {
        self.0.limit / 32
    }
}

// Relaxed throughout: each counter is exact by itself, and nothing else is ordered by them.

fn take(pot: &AtomicUsize, less: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
    pot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .ok()
}

fn give(pot: &AtomicUsize, n: usize) {
    if n > 0 {
        // Cannot wrap: it was taken from there.
        pot.fetch_add(n, Ordering::Relaxed);
    }
}

fn size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
