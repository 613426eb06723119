//! What the peer sends: every message of RFC 4254, in the order of its numbers.

use core::time::Duration;

use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelDataHead, ChannelEof, ChannelExtendedData, ChannelFailure,
    ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequest, ChannelSuccess,
    ChannelWindowAdjust,
};
use adit_proto::{Decode, Malformed, number};

use crate::channel::{Arrival, Channel, PACKET_SIZE_MIN, Peer};
use crate::channels::Channels;
use crate::error::{Error, PeerMisbehaved};
use crate::event::Event;
use crate::open::{self, Refusal};
use crate::owed::Reply;
use crate::table::ChannelId;
use crate::window::Clock;

impl Channels {
    /// One payload from the peer, message number first.
    ///
    /// # Errors
    /// [`Error`]: the session is over. Nothing more may be handled.
    pub fn handle(&mut self, payload: &[u8], now: Duration) -> Result<Event, Error> {
        self.clock.advance(now);
        self.refuse_forward(); // Nobody has said anything else.
        match *payload.first().ok_or(Malformed::TooShort)? {
            number::GLOBAL_REQUEST => self.global_request(payload),
            number::REQUEST_SUCCESS | number::REQUEST_FAILURE => self.request_answered(payload),
            number::CHANNEL_OPEN => self.channel_open(payload),
            number::CHANNEL_OPEN_CONFIRMATION => self.channel_open_confirmation(payload),
            number::CHANNEL_OPEN_FAILURE => self.channel_open_failure(payload),
            number::CHANNEL_WINDOW_ADJUST => self.channel_window_adjust(payload),
            number::CHANNEL_DATA => self.channel_data(payload),
            number::CHANNEL_EXTENDED_DATA => {
                ChannelExtendedData::decode(payload)?;
                Err(PeerMisbehaved::ExtendedData.into())
            }
            number::CHANNEL_EOF => {
                let ChannelEof { recipient_channel } = ChannelEof::decode(payload)?;
                self.on_channel(recipient_channel, Event::Eof, |channel, _| channel.eof())
            }
            number::CHANNEL_CLOSE => {
                let ChannelClose { recipient_channel } = ChannelClose::decode(payload)?;
                self.on_channel(recipient_channel, Event::Closed, |channel, _| {
                    channel.closed()
                })
            }
            number::CHANNEL_REQUEST => self.channel_request(payload),
            // We ask nothing on channels, so these answer nothing.
            number::CHANNEL_SUCCESS => {
                ChannelSuccess::decode(payload)?;
                Err(PeerMisbehaved::UnaskedReply.into())
            }
            number::CHANNEL_FAILURE => {
                ChannelFailure::decode(payload)?;
                Err(PeerMisbehaved::UnaskedReply.into())
            }
            _ => Ok(Event::Unknown),
        }
    }

    fn channel_open(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let message = ChannelOpen::decode(payload)?;
        self.owed.check()?;
        let refusal = match open::check(payload, &message, self.accepts)? {
            Ok((kind, data)) => {
                let peer = Peer {
                    sender_channel: message.sender_channel,
                    initial_window_size: message.initial_window_size,
                    maximum_packet_size: message.maximum_packet_size,
                };
                match self.insert(|first_window| Channel::theirs(kind, peer, first_window)) {
                    Some(id) => {
                        self.owed.wait();
                        return Ok(Event::OpenAsked { id, kind, data });
                    }
                    None => Refusal::TOO_MANY,
                }
            }
            Err(refusal) => refusal,
        };
        self.owed
            .push(Reply::refuse(message.sender_channel, refusal));
        Ok(Event::Quiet)
    }

    fn channel_open_confirmation(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let message = ChannelOpenConfirmation::decode(payload)?;
        // A forwarded connection has nothing to add (RFC 4254 §7.2).
        if !message.data.0.is_empty() {
            return Err(Malformed::TrailingBytes.into());
        }
        let peer = Peer {
            sender_channel: message.sender_channel,
            initial_window_size: message.initial_window_size,
            maximum_packet_size: message.maximum_packet_size,
        };
        let id = ChannelId::from_wire(message.recipient_channel);
        let arrival = self
            .with(id, |channel, _| channel.confirmed(peer))
            .ok_or(PeerMisbehaved::NotOpening)??;
        if peer.maximum_packet_size < PACKET_SIZE_MIN {
            return Err(PeerMisbehaved::PacketSizeTooSmall.into());
        }
        Ok(told(arrival, Event::OpenConfirmed(id)))
    }

    fn channel_open_failure(&mut self, payload: &[u8]) -> Result<Event, Error> {
        /// Message number, channel, reason, length of the description.
        const HEAD_LEN: usize = 13;
        let message = ChannelOpenFailure::decode(payload)?;
        let id = ChannelId::from_wire(message.recipient_channel);
        let arrival = self
            .with(id, |channel, _| channel.refused())
            .ok_or(PeerMisbehaved::NotOpening)??;
        let event = Event::OpenRefused {
            id,
            reason_code: message.reason_code,
            description: HEAD_LEN..HEAD_LEN.saturating_add(message.description.len()),
        };
        Ok(told(arrival, event))
    }

    fn channel_window_adjust(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let message = ChannelWindowAdjust::decode(payload)?;
        let id = ChannelId::from_wire(message.recipient_channel);
        let bytes_to_add = message.bytes_to_add;
        match self.with(id, |channel, _| channel.adjusted(bytes_to_add)) {
            Some(arrival) => Ok(told(arrival?, Event::WindowOpened(id))),
            // Some peers adjust a window behind their own CLOSE, when a slow reader there catches
            // up. It asks for nothing and changes nothing. OpenSSH ignores it too.
            None => Ok(Event::Quiet),
        }
    }

    fn channel_data(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let message = ChannelData::decode(payload)?;
        let n = u32::try_from(message.data.len()).unwrap_or(u32::MAX);
        let range = ChannelDataHead::LEN..payload.len();
        self.on_channel(
            message.recipient_channel,
            |id| Event::Data { id, range },
            |channel, clock| channel.data(n, clock),
        )
    }

    /// No request on a channel is known here (RFC 4254 §5.4); `keepalive@openssh.com` is answered
    /// as it expects, like an unknown one.
    fn channel_request(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let message = ChannelRequest::decode(payload)?;
        let channel = self
            .table
            .get(ChannelId::from_wire(message.recipient_channel))
            .ok_or(PeerMisbehaved::UnknownChannel)?;
        let arrival = channel.requested()?;
        if message.want_reply && arrival == Arrival::Told {
            self.owed.check()?;
            // Replies go out before anything else of a channel, so this one before our CLOSE.
            self.owed.push(Reply::ChannelFailure {
                recipient_channel: channel.recipient_channel(),
            });
        }
        Ok(Event::Quiet)
    }

    fn on_channel(
        &mut self,
        recipient_channel: u32,
        event: impl FnOnce(ChannelId) -> Event,
        change: impl FnOnce(&mut Channel, &Clock) -> Result<Arrival, PeerMisbehaved>,
    ) -> Result<Event, Error> {
        let id = ChannelId::from_wire(recipient_channel);
        let arrival = self
            .with(id, change)
            .ok_or(PeerMisbehaved::UnknownChannel)??;
        Ok(told(arrival, event(id)))
    }
}

fn told(arrival: Arrival, event: Event) -> Event {
    match arrival {
        Arrival::Told => event,
        Arrival::Dropped => Event::Quiet,
    }
}
