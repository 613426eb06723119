//! Replies owed to the peer: to its requests and to channels that it does not get.
//!
//! A peer can ask faster than it reads, so what is owed has a limit: one row for every channel
//! there can be and some more. A row is taken before a request is acted on. When all are taken the
//! caller stops reading this peer until one reply is sent; when it cannot stop, because it waits for
//! a key exchange, one request more ends the session.

use alloc::collections::VecDeque;

use adit_proto::reason::OpenFailure;

use crate::error::PeerMisbehaved;
use crate::open::Refusal;
use crate::table::SLOTS_MAX;

/// Rows beyond one for each channel: what a peer may ask in one go while none is answered.
const ROWS_MORE: u32 = 64;

/// A reply. A fixed size: its text is one of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    /// CHANNEL_FAILURE: we know no request on a channel (RFC 4254 §5.4).
    ChannelFailure { recipient_channel: u32 },
    /// CHANNEL_OPEN_FAILURE (RFC 4254 §5.1).
    OpenFailure {
        recipient_channel: u32,
        reason: OpenFailure,
        text: &'static str,
    },
    /// REQUEST_FAILURE (RFC 4254 §4).
    RequestFailure,
    /// REQUEST_SUCCESS (RFC 4254 §4), with a port where the choice was ours (§7.1).
    RequestSuccess { port: Option<u16> },
}

impl Reply {
    /// The peer does not get its channel.
    pub(crate) const fn refuse(recipient_channel: u32, refusal: Refusal) -> Self {
        Self::OpenFailure {
            recipient_channel,
            reason: refusal.reason,
            text: refusal.text,
        }
    }
}

/// Replies in the order in which they were asked for (RFC 4254 §4 wants it), and how many answers
/// the caller still has to find.
#[derive(Debug)]
pub(crate) struct Owed {
    rows: VecDeque<Reply>,
    rows_max: usize,
    /// Channels and requests that wait for the caller's decision: each has its row already.
    undecided: usize,
}

impl Owed {
    /// For a session of at most `max_channels`. Room is taken as it is needed and kept.
    pub(crate) fn new(max_channels: u32) -> Self {
        let rows_max = max_channels.min(SLOTS_MAX).saturating_add(ROWS_MORE);
        Self {
            rows: VecDeque::new(),
            rows_max: usize::try_from(rows_max).unwrap_or(usize::MAX),
            undecided: 0,
        }
    }

    /// Whether there is a row for one more request.
    pub(crate) fn can_take(&self) -> bool {
        self.rows.len().saturating_add(self.undecided) < self.rows_max
    }

    /// Before anything is done about a request that wants a reply.
    pub(crate) fn check(&self) -> Result<(), PeerMisbehaved> {
        if self.can_take() {
            Ok(())
        } else {
            Err(PeerMisbehaved::TooManyRequests)
        }
    }

    /// The reply is known.
    pub(crate) fn push(&mut self, reply: Reply) {
        self.rows.push_back(reply);
    }

    /// The reply is the caller's to find; its row is taken.
    pub(crate) const fn wait(&mut self) {
        self.undecided = self.undecided.saturating_add(1);
    }

    /// The caller found it.
    pub(crate) const fn decided(&mut self) {
        self.undecided = self.undecided.saturating_sub(1);
    }

    /// The one that is owed longest.
    pub(crate) fn pop(&mut self) -> Option<Reply> {
        self.rows.pop_front()
    }

    /// How many rows memory is taken for.
    #[cfg(test)]
    pub(crate) fn rows_taken(&self) -> usize {
        self.rows.capacity()
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
