//! The table of channels as the session sees it: what is opened, sent, delivered, and what is to be
//! sent next. What the peer sends is in [`crate::handle`].

use core::fmt;
use core::time::Duration;

use adit_proto::Rest;
use adit_proto::msg::{
    ChannelClose, ChannelEof, ChannelOpen, ChannelOpenConfirmation, ChannelWindowAdjust,
};
use adit_proto::reason::OpenFailure;

use crate::book::ProcessBook;
use crate::budget::{Budget, Limits};
use crate::channel::{Channel, DATA_MAX, Next, Phase};
use crate::event::Grant;
use crate::global::WantReply;
use crate::open::{Accepts, OpenKind, Refusal};
use crate::outgoing::Outgoing;
use crate::owed::{Owed, Reply};
use crate::requests::Requests;
use crate::table::{ChannelId, Due, Table};
use crate::window::Clock;

/// The channels of one session.
///
/// Calls with the id of a channel that is gone do nothing, so that the two sides of a caller need
/// not agree on who ends a channel first.
#[derive(Debug)]
pub struct Channels {
    pub(crate) accepts: Accepts,
    pub(crate) budget: Budget,
    pub(crate) clock: Clock,
    /// What the peer asks for and the caller has not decided: at most one at a time.
    pub(crate) forward_asked: Option<WantReply>,
    pub(crate) owed: Owed,
    pub(crate) requests: Requests,
    pub(crate) table: Table<Channel>,
}

/// There is no room: for another request among those without an answer, or for an address or a path
/// in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many requests, or a name that is too long")
    }
}

impl core::error::Error for Full {}

/// Why a channel cannot be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotOpened {
    /// A host that is too long for a message, or a path that no socket can have. There is no use in
    /// asking again.
    BadName,
    /// No room for another channel in the table or in the book: there is when another one is over.
    Full,
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName => "no message can name that host or path",
            Self::Full => "too many channels",
        })
    }
}

impl core::error::Error for NotOpened {}

impl Channels {
    /// No channels yet, and no memory taken for any.
    #[must_use]
    pub fn new(limits: Limits, accepts: Accepts) -> Self {
        Self {
            accepts,
            budget: Budget::new(limits),
            clock: Clock::new(),
            forward_asked: None,
            owed: Owed::new(limits.max_channels),
            requests: Requests::default(),
            table: Table::new(limits.max_channels),
        }
    }

    /// Lends windows from that book as well, which other sessions lend from. Before there is a
    /// channel.
    pub fn share(&mut self, process: ProcessBook) {
        self.budget.share(process);
    }

    /// How many channels there are, those included that only wait to be
    /// [released](Channels::release).
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.table.len()).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another channel has a place by this session's own limits. One that could not be opened
    /// nevertheless was refused for the channels of other sessions, and no event tells when those are
    /// gone.
    #[must_use]
    pub const fn has_place(&self) -> bool {
        self.table.has_free() && self.budget.has_base()
    }

    /// What of the book is not lent. The [loans](Channels::loan) of all channels and this are the
    /// limit, always.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.budget.left()
    }

    /// What a channel may have to hold: granted and not used, received and not delivered, delivered
    /// and not granted again. 0 when it is gone.
    #[must_use]
    pub fn loan(&self, id: ChannelId) -> u32 {
        self.table.get(id).map_or(0, Channel::loan)
    }

    /// Asks the peer for a channel. CHANNEL_OPEN is due; the answer is
    /// [`Event::OpenConfirmed`](crate::Event::OpenConfirmed) or
    /// [`Event::OpenRefused`](crate::Event::OpenRefused).
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn open(&mut self, kind: OpenKind<'_>) -> Result<ChannelId, NotOpened> {
        let request = kind.to_data().ok_or(NotOpened::BadName)?;
        self.insert(|first_window| Channel::ours(kind.kind(), request, first_window))
            .ok_or(NotOpened::Full)
    }

    /// The peer gets the channel that it asked for. Its confirmation is due; data may be sent once
    /// that is ([`Outgoing::confirms`]).
    pub fn accept(&mut self, id: ChannelId) {
        if self.is_undecided(id) {
            self.owed.decided();
            self.with(id, |channel, _| channel.accept());
        }
    }

    /// The peer does not get it. The id is gone at once.
    pub fn refuse(&mut self, id: ChannelId, reason: OpenFailure, text: &'static str) {
        if self.is_undecided(id) {
            self.decline(id, Refusal { reason, text });
            self.with(id, |channel, _| channel.release());
        }
    }

    /// How much may be read from the local side and sent now. `None` for nothing: an event will
    /// say when that changes, or [`Outgoing::confirms`].
    #[must_use]
    pub fn grant(&self, id: ChannelId) -> Option<Grant> {
        self.table.get(id)?.grant()
    }

    /// `n` bytes were sent, no more than granted.
    pub fn sent(&mut self, id: ChannelId, n: usize) {
        self.with(id, |channel, _| channel.sent(n));
    }

    /// The local side took `n` bytes of what arrived, or they were given up. They are granted to
    /// the peer again, and more if that was too little.
    pub fn delivered(&mut self, id: ChannelId, n: usize, now: Duration) {
        self.clock.advance(now); // It says how long the local side took.
        let Some(channel) = self.table.get_mut(id) else {
            return;
        };
        if channel.is_released() {
            return; // What it held is given up already.
        }
        let before = channel.loan();
        channel.window_mut().delivered(n, &self.clock);
        if channel.is_receiving() {
            if channel.window().is_too_small(&self.clock) {
                let wanted = channel.window().wanted(&self.clock);
                let more = self.budget.grow(channel.loan(), wanted);
                channel.window_mut().grow(more);
            }
            if channel.window().is_adjust_due() {
                let excess = self.budget.excess(channel.loan());
                channel.window_mut().shrink(excess);
            }
        }
        self.settle(id, before);
    }

    /// All data was sent: CHANNEL_EOF is due. When the peer's has passed too, CHANNEL_CLOSE is due
    /// by itself.
    pub fn finish_sending(&mut self, id: ChannelId) {
        self.with(id, |channel, _| channel.finish_sending());
    }

    /// CHANNEL_CLOSE is due, with no CHANNEL_EOF before it unless that was due already. Nothing is
    /// sent after it. What still arrives is dropped without an event, and what was lent for it is
    /// repaid; what arrived before is held until it is [delivered](Channels::delivered) or the
    /// channel [released](Channels::release).
    pub fn close(&mut self, id: ChannelId) {
        if self.is_undecided(id) {
            self.decline(id, Refusal::GIVEN_UP);
        }
        self.with(id, |channel, _| channel.close());
    }

    /// The local side is gone and needs nothing more of this channel, which is closed if it was
    /// not. There are no more events for it, and when both CLOSEs have passed, or it was never
    /// opened, its slot is free again.
    pub fn release(&mut self, id: ChannelId) {
        if self.is_undecided(id) {
            self.decline(id, Refusal::GIVEN_UP);
        }
        self.with(id, |channel, _| channel.release());
    }

    /// A sign of life is wanted: a request that every peer answers is due, unless one is under way.
    /// The answer is [`Event::Alive`](crate::Event::Alive).
    pub fn keepalive(&mut self) {
        self.requests.keepalive();
    }

    /// How long a message and its answer take. Windows grow by it; without it, as if it were a
    /// second.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.clock.set_round_trip(round_trip);
    }

    /// Whether the peer may be read. `false` when as many replies are owed as can be: send some
    /// first. A caller that has to read on all the same, to finish a key exchange, may, and then
    /// the next request is an error.
    #[must_use]
    pub fn can_take(&self) -> bool {
        self.owed.can_take()
    }

    /// Whether [`Channels::poll_message`] has one.
    #[must_use]
    pub fn has_message(&self) -> bool {
        !self.owed.is_empty()
            || self.table.first_due().is_some()
            || self.requests.is_due()
            || self.forward_asked == Some(WantReply::Yes)
    }

    /// The next message to send, most urgent first: replies in the order in which they are owed,
    /// then what is due on channels, one message each in turn, then our own requests.
    ///
    /// It counts as sent: ask only when there is room for [`Outgoing::MAX_LEN`] bytes.
    pub fn poll_message(&mut self, now: Duration) -> Option<Outgoing<'_>> {
        self.clock.advance(now);
        self.refuse_forward(); // Nobody has said anything else.
        if let Some(reply) = self.owed.pop() {
            return Some(reply.into());
        }
        if let Some(id) = self.table.first_due() {
            return self.poll_channel(id);
        }
        self.requests.poll().map(Outgoing::GlobalRequest)
    }

    fn poll_channel(&mut self, id: ChannelId) -> Option<Outgoing<'_>> {
        // If there is more due on this channel, it goes to the end of the list.
        self.table.set_due(id, Due::No);
        let channel = self.table.get_mut(id)?;
        let before = channel.loan();
        let next = channel.next()?;
        channel.mark_sent(next);
        let recipient_channel = channel.recipient_channel();
        let message = match next {
            Next::Open => None,
            Next::Confirmation => Some(Outgoing::OpenConfirmation(ChannelOpenConfirmation {
                recipient_channel,
                sender_channel: id.number(),
                initial_window_size: channel.window().granted(),
                maximum_packet_size: DATA_MAX,
                data: Rest(&[]),
            })),
            Next::Adjust => Some(Outgoing::WindowAdjust(ChannelWindowAdjust {
                recipient_channel,
                bytes_to_add: channel.window_mut().take_owed(),
            })),
            Next::Eof => Some(Outgoing::Eof(ChannelEof { recipient_channel })),
            Next::Close => Some(Outgoing::Close(ChannelClose { recipient_channel })),
        };
        self.settle(id, before);
        if message.is_some() {
            return message;
        }
        let channel = self.table.get(id)?;
        Some(Outgoing::Open(ChannelOpen {
            channel_type: channel.kind().channel_type(),
            sender_channel: id.number(),
            initial_window_size: channel.window().granted(),
            maximum_packet_size: DATA_MAX,
            data: Rest(channel.request()),
        }))
    }

    /// A new row, if there is room for it and its first window can be lent.
    pub(crate) fn insert(&mut self, channel: impl FnOnce(u32) -> Channel) -> Option<ChannelId> {
        let first_window = self.budget.open()?;
        match self.table.insert(channel(first_window)) {
            Some(id) => {
                self.settle(id, first_window);
                Some(id)
            }
            None => {
                self.budget.settle(first_window, 0);
                self.budget.close();
                None
            }
        }
    }

    /// Changes one channel. Whatever is done to one is done here, so that the book, the list of
    /// what is due and the free slots follow.
    pub(crate) fn with<R>(
        &mut self,
        id: ChannelId,
        change: impl FnOnce(&mut Channel, &Clock) -> R,
    ) -> Option<R> {
        let channel = self.table.get_mut(id)?;
        let before = channel.loan();
        let answer = change(channel, &self.clock);
        self.settle(id, before);
        Some(answer)
    }

    /// A channel whose loan was `before` has changed.
    fn settle(&mut self, id: ChannelId, before: u32) {
        let Some(channel) = self.table.get(id) else {
            return;
        };
        self.budget.settle(before, channel.loan());
        if channel.is_finished() {
            self.table.remove(id);
            self.budget.close();
        } else {
            let due = match channel.next() {
                Some(_) => Due::Yes,
                None => Due::No,
            };
            self.table.set_due(id, due);
        }
    }

    fn is_undecided(&self, id: ChannelId) -> bool {
        self.table
            .get(id)
            .is_some_and(|channel| channel.phase() == Phase::AwaitDecision)
    }

    /// The peer's channel that waits for a decision is refused; its row becomes the reply.
    fn decline(&mut self, id: ChannelId, refusal: Refusal) {
        self.owed.decided();
        let recipient_channel = self.with(id, |channel, _| {
            channel.refuse();
            channel.recipient_channel()
        });
        if let Some(recipient_channel) = recipient_channel {
            self.owed.push(Reply::refuse(recipient_channel, refusal));
        }
    }
}
