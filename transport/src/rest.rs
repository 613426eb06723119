//! When the buffers are given back: after a while in which nothing moved, and never by the packet.
//! Most tunnels have nothing to carry most of the time, and both buffers of one are half a megabyte.

use core::time::Duration;

use crate::Transport;

/// So long nothing moves before a buffer that is empty is given back. Somebody who types, or a peer
/// that means harm, has it taken again once in that time at most.
pub(crate) const REST_AFTER: Duration = Duration::from_secs(1);

/// When it was looked last, and how many bytes had moved by then, both ways.
#[derive(Default)]
pub(crate) struct Rest {
    looked: Duration,
    moved: u64,
}

impl Transport {
    /// The buffers are those of the profile from now on.
    pub(crate) fn begin_rests(&mut self, now: Duration) {
        self.rest = Rest {
            looked: now,
            moved: self.moved(),
        };
    }

    /// Bytes that moved in all, both ways.
    fn moved(&self) -> u64 {
        self.tx.total().wrapping_add(self.rx.total())
    }

    /// When [`Transport::rest_if_due`] looks next. `None`: there is nothing to give back.
    pub(crate) fn rest_deadline(&self) -> Option<Duration> {
        let can_rest = self.tx.can_rest() || self.rx.can_rest();
        can_rest.then(|| self.rest.looked.saturating_add(REST_AFTER))
    }

    /// Looks whether anything has moved since it looked last. Bytes that move do not look at the
    /// clock for this: the first look after them says only that they did.
    pub(crate) fn rest_if_due(&mut self, now: Duration) {
        if self.rest_deadline().is_none_or(|at| now < at) {
            return;
        }
        let moved = self.moved();
        if moved == self.rest.moved {
            self.tx.rest();
            self.rx.rest();
            self.kexinit = None;
        }
        self.rest = Rest { looked: now, moved };
    }
}
