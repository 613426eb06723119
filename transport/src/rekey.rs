//! When keys must be changed: bytes and packets under one key, and time (RFC 4253 §9, RFC 4344 §3).
//! Counting only; who starts an exchange, and when it may, is [`crate::Transport`]'s.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use core::time::Duration;

use adit_crypto::Cipher;

use crate::config::RekeyLimits;

/// Packets of one key, of either direction, after which it is changed (RFC 4344 §3.1).
pub(crate) const PACKETS_SOFT: u32 = 1 << 31;
/// A key never sees more packets than sequence numbers: then a nonce would repeat. Before the
/// first NEWKEYS the same limit says that the sequence number must not wrap (strict kex).
pub(crate) const PACKETS_HARD: u32 = u32::MAX;
/// How long an exchange may take once authentication succeeded. OpenSSH sets no limit; a peer that
/// starts one and never ends it would hold all channels.
pub(crate) const EXCHANGE_MAX: Duration = Duration::from_secs(30);
/// How many times as long it may take where data that was on its way before still moves: ten
/// minutes, in which a full send buffer passes a line of 4000 bits a second. A peer that moves a
/// byte now and then, or sends what no window bounds, would hold all channels otherwise.
pub(crate) const EXCHANGE_TERMS_MAX: u32 = 20;

/// A program that runs is seldom so late, so its machine slept, most likely, and could hear nothing
/// meanwhile: nobody knows whether the peer would have answered in time.
pub const ASLEEP: Duration = Duration::from_secs(1);

/// What went through one key in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Usage {
    pub(crate) packets: u32,
    pub(crate) bytes: u64,
    /// Bytes after which a change is due; `None` before the first NEWKEYS.
    limit: Option<u64>,
}

impl Usage {
    /// Of a new key of `cipher`.
    pub(crate) fn new(cipher: &dyn Cipher, limits: RekeyLimits) -> Self {
        let allowed = cipher.bytes_per_key();
        // Never zero: a new key that is due at once would leave no time to use one.
        let limit = limits.bytes.map_or(allowed, |bytes| bytes.min(allowed));
        Self {
            packets: 0,
            bytes: 0,
            limit: Some(limit.max(1)),
        }
    }

    /// Whether not one more packet may pass.
    pub(crate) const fn is_exhausted(&self) -> bool {
        self.packets == PACKETS_HARD
    }

    /// One packet of this many bytes passed.
    pub(crate) const fn count(&mut self, n: usize) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(n as u64);
    }

    /// Whether it is time for new keys.
    pub(crate) const fn is_due(&self) -> bool {
        match self.limit {
            Some(limit) => self.packets >= PACKETS_SOFT || self.bytes >= limit,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usage(packets: u32, bytes: u64, limit: u64) -> Usage {
        Usage {
            packets,
            bytes,
            limit: Some(limit),
        }
    }

    #[test]
    fn due_by_bytes_at_the_limit() {
        assert!(!usage(1, 999, 1000).is_due());
        assert!(usage(1, 1000, 1000).is_due());
        assert!(usage(1, 1001, 1000).is_due());
    }

    #[test]
    fn due_by_packets_at_two_to_the_31() {
        assert!(!usage(PACKETS_SOFT - 1, 0, 1).is_due());
        assert!(usage(PACKETS_SOFT, 0, 1).is_due());
    }

    #[test]
    fn never_due_before_the_first_keys_and_exhausted_all_the_same() {
        let mut before = Usage {
            packets: PACKETS_HARD - 1,
            bytes: u64::MAX,
            limit: None,
        };
        assert!(!before.is_due());
        assert!(!before.is_exhausted());
        before.count(10);
        assert!(before.is_exhausted());
    }
}
