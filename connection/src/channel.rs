//! One channel: how it comes to be, its two [halves](crate::half) and its windows (RFC 4254 §5).
//! State only: it neither reads nor writes a message.
//!
//! ```text
//!     ours     OpenDue ──► AwaitReply ───────────┬──► Open, or Refused
//!     theirs   AwaitDecision ──► ConfirmationDue ┘
//! ```

use alloc::boxed::Box;

use crate::error::PeerMisbehaved;
use crate::event::{AskedKind, Grant};
use crate::half::{RecvHalf, SendHalf};
use crate::window::{Clock, LocalWindow, RemoteWindow};

/// The maximum_packet_size that we announce, and the most we send in one message whatever the peer
/// would take: a packet of it stays within the 35000 bytes of RFC 4253 §6.1.
pub const DATA_MAX: u32 = 32 << 10;

/// Least maximum_packet_size that we accept. RFC 4254 has no bound, and with 0 a sender would try
/// forever; TinySSH draws the line here too.
pub const PACKET_SIZE_MIN: u32 = 32;

/// How a channel comes to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Ours; CHANNEL_OPEN is to be sent.
    OpenDue,
    /// Ours; the peer has to confirm or refuse.
    AwaitReply,
    /// The peer's; the caller has to accept or refuse.
    AwaitDecision,
    /// The peer's, accepted; the confirmation is to be sent.
    ConfirmationDue,
    /// Both sides know the other's number.
    Open,
    /// It never came to be, and waits to be released.
    Refused,
}

/// What of this channel is to be sent next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Open,
    Confirmation,
    Adjust,
    Eof,
    Close,
}

/// What becomes of something that arrived on a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arrival {
    /// The caller is told.
    Told,
    /// Nobody is interested any more, or it changes nothing.
    Dropped,
}

/// Whether whoever uses the channel here still does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LocalSide {
    There,
    Released,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Channel {
    phase: Phase,
    sending: SendHalf,
    receiving: RecvHalf,
    local: LocalSide,
    /// The peer's number; meaningless before it told us.
    recipient_channel: u32,
    /// At most [`DATA_MAX`].
    maximum_packet_size: u32,
    remote_window: RemoteWindow,
    window: LocalWindow,
    /// What CHANNEL_OPEN says behind the sizes, until the peer has answered it.
    request: Option<Box<[u8]>>,
    /// What it is for.
    kind: AskedKind,
}

impl Channel {
    /// One that we open.
    pub(crate) const fn ours(kind: AskedKind, request: Box<[u8]>, first_window: u32) -> Self {
        Self {
            kind,
            phase: Phase::OpenDue,
            sending: SendHalf::Open,
            receiving: RecvHalf::Open,
            local: LocalSide::There,
            recipient_channel: 0,
            maximum_packet_size: 0,
            remote_window: RemoteWindow::new(0),
            window: LocalWindow::new(first_window),
            request: Some(request),
        }
    }

    /// One that the peer opens.
    pub(crate) fn theirs(kind: AskedKind, peer: Peer, first_window: u32) -> Self {
        Self {
            phase: Phase::AwaitDecision,
            recipient_channel: peer.sender_channel,
            maximum_packet_size: peer.maximum_packet_size.min(DATA_MAX),
            remote_window: RemoteWindow::new(peer.initial_window_size),
            request: None,
            ..Self::ours(kind, Box::default(), first_window)
        }
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) const fn recipient_channel(&self) -> u32 {
        self.recipient_channel
    }

    pub(crate) const fn kind(&self) -> AskedKind {
        self.kind
    }

    pub(crate) fn request(&self) -> &[u8] {
        self.request.as_deref().unwrap_or_default()
    }

    pub(crate) const fn window(&self) -> &LocalWindow {
        &self.window
    }

    pub(crate) const fn window_mut(&mut self) -> &mut LocalWindow {
        &mut self.window
    }

    /// What the book has lent to this channel. Once nothing more can come that we would keep, the
    /// promise is void, and what is lent is what is held.
    pub(crate) const fn loan(&self) -> u32 {
        if self.is_receiving() {
            self.window.loan()
        } else {
            self.window.held()
        }
    }

    /// Whether data that arrives is kept.
    pub(crate) const fn is_receiving(&self) -> bool {
        matches!(self.receiving, RecvHalf::Open)
            && !self.sending.is_closing()
            && !matches!(self.phase, Phase::Refused)
    }

    /// Whether nobody, here or there, can refer to it any more.
    pub(crate) const fn is_finished(&self) -> bool {
        let is_over = matches!(self.phase, Phase::Refused)
            || matches!(
                (self.sending, self.receiving),
                (SendHalf::CloseSent, RecvHalf::Closed)
            );
        is_over && self.is_released()
    }

    /// Whether the caller has let go of it.
    pub(crate) const fn is_released(&self) -> bool {
        matches!(self.local, LocalSide::Released)
    }

    /// How much may be sent now.
    pub(crate) fn grant(&self) -> Option<Grant> {
        let max = self.remote_window.left().min(self.maximum_packet_size);
        let is_open = matches!((self.phase, self.sending), (Phase::Open, SendHalf::Open));
        (is_open && max > 0).then_some(Grant {
            recipient_channel: self.recipient_channel,
            max: usize::try_from(max).unwrap_or(usize::MAX),
        })
    }

    /// `n` bytes were sent.
    pub(crate) fn sent(&mut self, n: usize) {
        self.remote_window.sent(n);
    }

    // What is to be sent.

    /// What of this channel is to be sent next, if anything.
    pub(crate) const fn next(&self) -> Option<Next> {
        match self.phase {
            Phase::OpenDue => Some(Next::Open),
            Phase::ConfirmationDue => Some(Next::Confirmation),
            Phase::AwaitReply | Phase::AwaitDecision | Phase::Refused => None,
            Phase::Open => match self.sending {
                SendHalf::CloseDue => Some(Next::Close),
                SendHalf::EofDue | SendHalf::EofThenCloseDue => Some(Next::Eof),
                SendHalf::CloseSent => None,
                SendHalf::Open | SendHalf::EofSent => {
                    if self.is_receiving() && self.window.is_adjust_due() {
                        Some(Next::Adjust)
                    } else {
                        None
                    }
                }
            },
        }
    }

    /// It is sent, except that [`LocalWindow::take_owed`] is left to who writes the number.
    pub(crate) const fn mark_sent(&mut self, next: Next) {
        match next {
            Next::Open => self.phase = Phase::AwaitReply,
            Next::Confirmation => self.phase = Phase::Open,
            Next::Adjust => {}
            Next::Eof => self.sending = self.sending.eof_sent(self.receiving),
            Next::Close => self.sending = SendHalf::CloseSent,
        }
    }

    // What this side wants.

    /// The caller accepts the peer's channel.
    pub(crate) const fn accept(&mut self) {
        if matches!(self.phase, Phase::AwaitDecision) {
            self.phase = Phase::ConfirmationDue;
        }
    }

    /// It does not come to be.
    pub(crate) fn refuse(&mut self) {
        self.phase = Phase::Refused;
        self.request = None;
    }

    /// No more data will be sent.
    pub(crate) const fn finish_sending(&mut self) {
        self.sending = self.sending.finish();
    }

    /// Nothing more is wanted of the peer.
    pub(crate) fn close(&mut self) {
        match self.phase {
            // The peer never hears of it.
            Phase::OpenDue | Phase::AwaitDecision => self.refuse(),
            Phase::AwaitReply | Phase::ConfirmationDue | Phase::Open => {
                self.sending = self.sending.close();
            }
            Phase::Refused => {}
        }
    }

    /// Nobody here knows the channel any more.
    pub(crate) fn release(&mut self) {
        self.close();
        self.window.discard();
        self.local = LocalSide::Released;
    }

    // What the peer says.

    /// It confirms our open. Told, unless we have changed our mind meanwhile.
    pub(crate) fn confirmed(&mut self, peer: Peer) -> Result<Arrival, PeerMisbehaved> {
        if !matches!(self.phase, Phase::AwaitReply) {
            return Err(PeerMisbehaved::NotOpening);
        }
        self.phase = Phase::Open;
        self.recipient_channel = peer.sender_channel;
        self.maximum_packet_size = peer.maximum_packet_size.min(DATA_MAX);
        self.remote_window = RemoteWindow::new(peer.initial_window_size);
        self.request = None;
        Ok(if self.sending.is_closing() {
            Arrival::Dropped
        } else {
            Arrival::Told
        })
    }

    /// It refuses our open.
    pub(crate) fn refused(&mut self) -> Result<Arrival, PeerMisbehaved> {
        if !matches!(self.phase, Phase::AwaitReply) {
            return Err(PeerMisbehaved::NotOpening);
        }
        self.refuse();
        Ok(self.told())
    }

    /// It lets us send more. Told when that ends a standstill.
    pub(crate) fn adjusted(&mut self, bytes_to_add: u32) -> Result<Arrival, PeerMisbehaved> {
        self.is_open()?;
        if matches!(self.receiving, RecvHalf::Closed) {
            return Ok(Arrival::Dropped);
        }
        let stood_still = self.grant().is_none();
        self.remote_window.adjust(bytes_to_add)?;
        Ok(if stood_still && self.grant().is_some() {
            Arrival::Told
        } else {
            Arrival::Dropped
        })
    }

    /// It sends `n` bytes.
    pub(crate) fn data(&mut self, n: u32, clock: &Clock) -> Result<Arrival, PeerMisbehaved> {
        self.is_open()?;
        match self.receiving {
            RecvHalf::Open => {}
            RecvHalf::Eof => return Err(PeerMisbehaved::DataAfterEof),
            RecvHalf::Closed => return Err(PeerMisbehaved::ChannelClosed),
        }
        if n > DATA_MAX {
            return Err(PeerMisbehaved::PacketTooLarge);
        }
        self.window.spend(n)?;
        // While closing: it has not heard of our CLOSE yet, and the loan is repaid already.
        if self.sending.is_closing() || n == 0 {
            return Ok(Arrival::Dropped);
        }
        self.window.hold(n, clock);
        Ok(Arrival::Told)
    }

    /// It will send no more data.
    pub(crate) fn eof(&mut self) -> Result<Arrival, PeerMisbehaved> {
        self.is_open()?;
        match self.receiving {
            RecvHalf::Open => self.receiving = RecvHalf::Eof,
            RecvHalf::Eof => return Err(PeerMisbehaved::EofTwice),
            RecvHalf::Closed => return Err(PeerMisbehaved::ChannelClosed),
        }
        if self.sending.is_closing() {
            return Ok(Arrival::Dropped);
        }
        self.sending = self.sending.eof_came();
        Ok(Arrival::Told)
    }

    /// It will send nothing more. So must we: our CLOSE is due, if it was not (§5.3).
    pub(crate) fn closed(&mut self) -> Result<Arrival, PeerMisbehaved> {
        self.is_open()?;
        if matches!(self.receiving, RecvHalf::Closed) {
            return Err(PeerMisbehaved::ChannelClosed);
        }
        self.receiving = RecvHalf::Closed;
        self.sending = self.sending.close_came();
        Ok(self.told())
    }

    /// It asks for something. Told when an answer can still be sent.
    pub(crate) const fn requested(&self) -> Result<Arrival, PeerMisbehaved> {
        if !matches!(self.phase, Phase::Open) {
            return Err(PeerMisbehaved::UnknownChannel);
        }
        if matches!(self.receiving, RecvHalf::Closed) {
            return Err(PeerMisbehaved::ChannelClosed);
        }
        Ok(if matches!(self.sending, SendHalf::CloseSent) {
            Arrival::Dropped
        } else {
            Arrival::Told
        })
    }

    /// The peer knows our number only once the channel is confirmed.
    const fn is_open(&self) -> Result<(), PeerMisbehaved> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::OpenDue
            | Phase::AwaitReply
            | Phase::AwaitDecision
            | Phase::ConfirmationDue
            | Phase::Refused => Err(PeerMisbehaved::UnknownChannel),
        }
    }

    const fn told(&self) -> Arrival {
        if self.is_released() {
            Arrival::Dropped
        } else {
            Arrival::Told
        }
    }
}

/// What the other side says about its end of a channel, in CHANNEL_OPEN or its confirmation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) sender_channel: u32,
    pub(crate) initial_window_size: u32,
    pub(crate) maximum_packet_size: u32,
}
