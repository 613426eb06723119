//! The book: how many bytes a session has promised to hold. Arithmetic only.
//!
//! A window is a promise to hold that many bytes, and SSH cannot take it back (RFC 4254 §5.2 only
//! adds). So every window is lent from one limit, and at all times
//!
//! ```text
//!     sum of the loans of all channels + left = limit
//! ```
//!
//! Half of the book belongs to the bases, so that a channel can always be opened however greedy
//! the others are; the other half, `spare`, is for whoever has use for it. Where sessions share a
//! [book of their process](crate::book), all that is lent here is lent there, too.

use crate::book::ProcessBook;
use crate::table::SLOTS_MAX;

/// How much one session may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Channels at a time. More than 16384 (OpenSSH's CHANNELS_MAX_CHANNELS) count as that.
    pub max_channels: u32,
    /// Bytes promised to be held, all windows together.
    pub window_budget: u32,
}

impl Limits {
    /// For a client: as many channels as OpenSSH takes.
    pub const CLIENT: Self = Self {
        max_channels: 16_384,
        window_budget: 64 << 20,
    };
    /// For a server, which has many sessions: as many channels, and less for each.
    pub const SERVER: Self = Self {
        max_channels: 16_384,
        window_budget: 32 << 20,
    };
    /// For a small device.
    pub const EMBEDDED: Self = Self {
        max_channels: 32,
        window_budget: 128 << 10,
    };
}

/// Smallest base: a window below it costs more in messages than it carries.
const BASE_MIN: u32 = 1 << 10;
/// Largest base: one message of the largest size.
const BASE_MAX: u32 = 32 << 10;
/// Largest first window: a connection has to show that it has use for more.
const FIRST_MAX: u32 = 64 << 10;

/// What is lent and what is left.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u32,
    /// What every channel keeps until it can receive nothing more.
    base: u32,
    /// Not lent.
    left: u32,
    /// Of `left`, what may be lent on top of the bases.
    spare: u32,
    /// What `spare` was at first.
    spare_at_first: u32,
    channels: u32,
    process: Option<ProcessBook>,
    /// What the process has lent on top of the bases.
    borrowed: u32,
}

impl Budget {
    /// Nothing is lent yet.
    pub(crate) fn new(limits: Limits) -> Self {
        let limit = limits.window_budget;
        let channels_max = limits.max_channels.clamp(1, SLOTS_MAX);
        let base = fraction(limit, channels_max.saturating_mul(2)).clamp(BASE_MIN, BASE_MAX);
        let bases = base.saturating_mul(channels_max);
        // When BASE_MIN makes the bases more than half, not every channel can be opened, but
        // those that are can grow.
        let spare = limit.saturating_sub(bases).max(limit / 2);
        Self {
            limit,
            base,
            left: limit,
            spare,
            spare_at_first: spare,
            channels: 0,
            process: None,
            borrowed: 0,
        }
    }

    /// Lends from that book as well. Before there is a channel.
    pub(crate) fn share(&mut self, process: ProcessBook) {
        debug_assert!(
            self.channels == 0,
            "what is lent already is in no other book"
        );
        self.process = Some(process);
    }

    /// What is not lent.
    pub(crate) const fn left(&self) -> u32 {
        self.left
    }

    /// Whether this book, alone, has a base left to lend.
    pub(crate) const fn has_base(&self) -> bool {
        self.left >= self.base
    }

    /// A new channel's first window, lent, or `None` when not even its base can be.
    pub(crate) fn open(&mut self) -> Option<u32> {
        // Ten thousand connections that were never used have what is spare otherwise, and do not
        // give it back: the one that is used has to find something.
        let spare = self.spare.saturating_sub(self.limit / 8);
        let on_top = self.left.checked_sub(self.base)?.min(spare);
        if let Some(process) = &self.process {
            process.open(self.base)?;
        }
        self.channels = self.channels.saturating_add(1);
        let wanted = fraction(self.limit, self.channels.saturating_mul(8));
        let mut first = wanted
            .clamp(self.base, FIRST_MAX)
            .min(self.base.saturating_add(on_top));
        if let Some(process) = &self.process {
            let lent = process.lend_first(first.saturating_sub(self.base));
            self.borrowed = self.borrowed.saturating_add(lent);
            first = self.base.saturating_add(lent);
        }
        self.settle(0, first);
        Some(first)
    }

    /// A channel is gone; its loan was settled before.
    pub(crate) fn close(&mut self) {
        self.channels = self.channels.saturating_sub(1);
        if let Some(process) = &self.process {
            process.close(self.base, 1);
        }
    }

    /// One channel's loan is another now. The only place where `left` changes.
    pub(crate) fn settle(&mut self, before: u32, after: u32) {
        debug_assert!(
            after.saturating_sub(before) <= self.left,
            "only what is left can be lent"
        );
        self.left = self.left.saturating_add(before).saturating_sub(after);
        self.spare = self
            .spare
            .saturating_add(before.saturating_sub(self.base))
            .saturating_sub(after.saturating_sub(self.base));
        if let Some(process) = &self.process {
            // What was borrowed and is not on top of any base.
            let on_top = self.spare_at_first.saturating_sub(self.spare);
            debug_assert!(on_top <= self.borrowed, "only what is borrowed can be lent");
            let unused = self.borrowed.saturating_sub(on_top);
            if unused > 0 {
                process.take_back(unused);
                self.borrowed = on_top;
            }
        }
    }

    /// How much of what it wants a loan that has proved too small grows by; [`Budget::settle`] follows.
    pub(crate) fn grow(&mut self, loan: u32, wanted: u32) -> u32 {
        let wanted = self.growth(loan, wanted);
        let Some(process) = &self.process else {
            return wanted;
        };
        let lent = process.lend_more(loan, self.base, wanted);
        self.borrowed = self.borrowed.saturating_add(lent);
        lent
    }

    /// How much it may grow by this book: up to a quarter of the book, out of what is spare. Beyond
    /// its fair share it leaves the low mark to others.
    fn growth(&self, loan: u32, wanted: u32) -> u32 {
        let loan_max = (self.limit / 4).max(self.base);
        let wanted = wanted.min(loan_max.saturating_sub(loan));
        let spare = self.spare.min(self.left);
        let fair = wanted
            .min(self.fair_share().saturating_sub(loan))
            .min(spare);
        let unfair = wanted
            .saturating_sub(fair)
            .min(spare.saturating_sub(fair).saturating_sub(self.low_mark()));
        fair.saturating_add(unfair)
    }

    /// How much of a loan is to be given back, when there is an occasion: nothing unless the book
    /// is tight, then what is above the fair share, until it is no longer tight.
    pub(crate) fn excess(&self, loan: u32) -> u32 {
        let short = self.low_mark().saturating_sub(self.spare.min(self.left));
        let here = loan.saturating_sub(self.fair_share()).min(short);
        match &self.process {
            None => here,
            Some(process) => here.max(process.excess(loan, self.base)),
        }
    }

    /// What each of the channels there are could have on top of the bases of all there may be.
    fn fair_share(&self) -> u32 {
        fraction(self.limit, self.channels.saturating_mul(2)).max(self.base)
    }

    /// Below this much to spare the book is tight. A mark above zero keeps a loan from swinging
    /// between all there is and its fair share.
    const fn low_mark(&self) -> u32 {
        self.limit / 32
    }
}

impl Drop for Budget {
    /// A session may end with channels.
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            process.close(self.base, self.channels);
            process.take_back(self.borrowed);
        }
    }
}

/// `limit / parts`; nothing is shared among nobody.
fn fraction(limit: u32, parts: u32) -> u32 {
    limit.checked_div(parts).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(max_channels: u32, window_budget: u32) -> Budget {
        Budget::new(Limits {
            max_channels,
            window_budget,
        })
    }

    #[test]
    fn a_base_is_what_all_channels_can_have_from_half_of_the_book() {
        for (limits, base) in [
            (Limits::CLIENT, 2 << 10),
            (Limits::SERVER, 1 << 10),
            (Limits::EMBEDDED, 2 << 10),
        ] {
            let budget = Budget::new(limits);
            assert_eq!(budget.base, base);
            assert_eq!(budget.spare, limits.window_budget / 2);
        }
        for (max_channels, window_budget, base) in [
            (8, 16 * (BASE_MIN - 1), BASE_MIN),
            (8, 16 * BASE_MIN, BASE_MIN),
            (8, 16 * (BASE_MIN + 1), BASE_MIN + 1),
            (8, 16 * (BASE_MAX - 1), BASE_MAX - 1),
            (8, 16 * BASE_MAX, BASE_MAX),
            (8, 16 * (BASE_MAX + 1), BASE_MAX),
            (0, 0, BASE_MIN),
            (1, u32::MAX, BASE_MAX),
            (u32::MAX, u32::MAX, BASE_MAX),
        ] {
            assert_eq!(budget(max_channels, window_budget).base, base);
        }
    }

    #[test]
    fn a_first_window_is_an_eighth_shared_by_all_within_its_limits() {
        for (window_budget, first) in [
            (8 * (FIRST_MAX - 1), FIRST_MAX - 1),
            (8 * FIRST_MAX, FIRST_MAX),
            (8 * (FIRST_MAX + 1), FIRST_MAX),
        ] {
            assert_eq!(budget(100, window_budget).open(), Some(first));
        }
        let mut embedded = Budget::new(Limits::EMBEDDED);
        let firsts = [16_384, 8192, 5461, 4096, 3276, 2730, 2340, 2048, 2048];
        for first in firsts {
            assert_eq!(embedded.open(), Some(first));
        }
    }

    #[test]
    fn one_channel_among_ten_thousand_idle_ones_can_still_grow() {
        for limits in [Limits::CLIENT, Limits::SERVER] {
            let mut budget = Budget::new(limits);
            let mut loan = 0;
            for _ in 0..10_000 {
                loan = budget.open().unwrap();
                assert!(budget.spare >= limits.window_budget / 8);
            }
            assert_eq!(loan, budget.base);
            loop {
                let more = budget.growth(loan, loan);
                budget.settle(loan, loan + more);
                loan += more;
                if more == 0 {
                    break;
                }
            }
            // What 40 MB/s need on a path of 50 ms.
            assert!(loan >= 2 << 20, "{loan}");
            for _ in 10_000..limits.max_channels {
                assert_eq!(budget.open(), Some(budget.base));
            }
        }
    }

    #[test]
    fn a_loan_doubles_up_to_a_quarter_while_there_is_enough_to_spare() {
        let mut budget = Budget::new(Limits::EMBEDDED);
        let first = budget.open().unwrap();
        assert_eq!(budget.growth(first, first), first);
        budget.settle(first, 20_000);
        assert_eq!(budget.growth(20_000, 20_000), 32_768 - 20_000);
        budget.settle(20_000, 32_768);
        assert_eq!(budget.growth(32_768, 32_768), 0);
    }

    #[test]
    fn beyond_its_fair_share_a_loan_leaves_the_low_mark_to_others() {
        // Four channels of a small book: 16 KiB each is fair, 4 KiB are the mark, and all that is
        // spare is 64 KiB less what is lent on top of the bases.
        let mut budget = Budget::new(Limits::EMBEDDED);
        let firsts: [u32; 4] = core::array::from_fn(|_| budget.open().unwrap());
        assert_eq!(budget.fair_share(), 16_384);
        assert_eq!(budget.low_mark(), 4096);
        budget.settle(firsts[0], 2048 + 30_000);
        budget.settle(firsts[1], 2048 + 20_000);
        budget.settle(firsts[2], 2048 + 8000);
        budget.settle(firsts[3], 2048);
        assert_eq!(budget.spare, 65_536 - 58_000);
        assert_eq!(budget.growth(2048 + 20_000, 2048 + 20_000), 7536 - 4096);
        assert_eq!(budget.growth(2048 + 8000, 2048 + 8000), 16_384 - 10_048);
        assert_eq!(budget.growth(2048, 2048), 2048);
        // Not tight: nobody has to give anything back.
        assert_eq!(budget.excess(2048 + 30_000), 0);
        // The one with little takes what it may; then the others are asked, until the mark.
        budget.settle(2048 + 8000, 16_384);
        assert_eq!(budget.spare, 1200);
        assert_eq!(budget.excess(2048 + 30_000), 4096 - 1200);
        assert_eq!(budget.excess(16_384 + 100), 100);
        assert_eq!(budget.excess(16_384), 0);
        assert_eq!(budget.excess(2048), 0);
        assert_eq!(budget.growth(16_384, 16_384), 0);
        assert_eq!(budget.growth(2048, 2048), 1200);
    }
}
