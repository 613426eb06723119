//! A peer that says what it is told to, and reads what it gets.

use core::time::Duration;
use std::vec::Vec;

use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpen, ChannelOpenConfirmation,
    ChannelOpenFailure, ChannelWindowAdjust, DIRECT_TCPIP, DirectTcpip,
};
use adit_proto::{Encode, Rest, Writer};

use crate::*;

/// What a message is on the wire.
pub(super) fn bytes(message: &impl Encode) -> Vec<u8> {
    let mut out = std::vec![0; message.encoded_len()];
    let mut writer = Writer::new(&mut out);
    message.encode(&mut writer);
    assert_eq!(writer.written(), Some(out.len()), "encoded_len is exact");
    out
}

/// What the peer says of a channel unless a test is about that.
pub(super) const PEER_CHANNEL: u32 = 7;
pub(super) const PEER_WINDOW: u32 = 100_000;
pub(super) const PEER_PACKET: u32 = 32 << 10;

pub(super) const WEB: OpenKind<'static> = OpenKind::DirectTcpip {
    host: b"web",
    port: 80,
    originator: b"127.0.0.1",
    originator_port: 40_000,
};

/// One table and the time.
pub(super) struct Side {
    pub(super) channels: Channels,
    pub(super) now: Duration,
}

impl Side {
    pub(super) fn new(limits: Limits, accepts: Accepts) -> Self {
        Self {
            channels: Channels::new(limits, accepts),
            now: Duration::from_secs(1),
        }
    }

    pub(super) fn client() -> Self {
        Self::new(Limits::CLIENT, Accepts::Nothing)
    }

    pub(super) fn server() -> Self {
        Self::new(Limits::SERVER, Accepts::Direct)
    }

    /// The peer says this.
    pub(super) fn hear(&mut self, message: &impl Encode) -> Result<Event, Error> {
        self.channels.handle(&bytes(message), self.now)
    }

    /// All that the table wants to say.
    pub(super) fn say(&mut self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while self.channels.has_message() {
            let message = self.channels.poll_message(self.now).unwrap();
            assert!(message.encoded_len() <= Outgoing::MAX_LEN);
            out.push(bytes(&message));
        }
        assert_eq!(self.channels.poll_message(self.now), None);
        out
    }

    /// Says it, and it is exactly this.
    pub(super) fn says(&mut self, expected: &[Vec<u8>]) {
        assert_eq!(self.say(), expected);
    }

    pub(super) fn later(&mut self, by: Duration) {
        self.now += by;
    }

    // A channel that we open.

    /// Asked for, and the peer has read it.
    pub(super) fn opening(&mut self) -> ChannelId {
        let id = self.channels.open(WEB).unwrap();
        assert_eq!(self.say().len(), 1);
        id
    }

    pub(super) fn confirm(&mut self, id: ChannelId) -> Result<Event, Error> {
        self.hear(&confirmation(id))
    }

    /// Open, both sides idle.
    pub(super) fn opened(&mut self) -> ChannelId {
        let id = self.opening();
        assert_eq!(self.confirm(id), Ok(Event::OpenConfirmed(id)));
        id
    }

    // A channel that the peer opens.

    /// Asked for by the peer.
    pub(super) fn asked(&mut self) -> ChannelId {
        match self.hear(&asks(&direct(b"web", 80), PEER_PACKET)) {
            Ok(Event::OpenAsked { id, .. }) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Open, both sides idle.
    pub(super) fn accepted(&mut self) -> ChannelId {
        let id = self.asked();
        self.channels.accept(id);
        assert_eq!(self.say().len(), 1);
        id
    }

    // What the peer says on a channel.

    pub(super) fn data(&mut self, id: ChannelId, n: usize) -> Result<Event, Error> {
        self.hear(&ChannelData {
            recipient_channel: id.number(),
            data: &std::vec![0; n],
        })
    }

    pub(super) fn eof(&mut self, id: ChannelId) -> Result<Event, Error> {
        self.hear(&ChannelEof {
            recipient_channel: id.number(),
        })
    }

    pub(super) fn close(&mut self, id: ChannelId) -> Result<Event, Error> {
        self.hear(&ChannelClose {
            recipient_channel: id.number(),
        })
    }

    pub(super) fn adjust(&mut self, id: ChannelId, bytes_to_add: u32) -> Result<Event, Error> {
        self.hear(&ChannelWindowAdjust {
            recipient_channel: id.number(),
            bytes_to_add,
        })
    }

    /// The whole book.
    pub(super) fn balance(&self, ids: &[ChannelId]) -> u32 {
        ids.iter().map(|id| self.channels.loan(*id)).sum::<u32>() + self.channels.left()
    }
}

pub(super) fn confirmation(id: ChannelId) -> ChannelOpenConfirmation<'static> {
    ChannelOpenConfirmation {
        recipient_channel: id.number(),
        sender_channel: PEER_CHANNEL,
        initial_window_size: PEER_WINDOW,
        maximum_packet_size: PEER_PACKET,
        data: Rest(&[]),
    }
}

pub(super) fn failure(id: ChannelId) -> ChannelOpenFailure<'static> {
    ChannelOpenFailure {
        recipient_channel: id.number(),
        reason_code: 2,
        description: b"Connection refused",
        language_tag: b"",
    }
}

pub(super) fn direct(host: &[u8], port: u32) -> Vec<u8> {
    bytes(&DirectTcpip {
        host_to_connect: host,
        port_to_connect: port,
        originator_ip_address: b"192.0.2.1",
        originator_port: 50_000,
    })
}

pub(super) fn asks(data: &[u8], maximum_packet_size: u32) -> ChannelOpen<'_> {
    ChannelOpen {
        channel_type: DIRECT_TCPIP,
        sender_channel: PEER_CHANNEL,
        initial_window_size: PEER_WINDOW,
        maximum_packet_size,
        data: Rest(data),
    }
}

/// What we say of the peer's channel.
pub(super) fn our_eof() -> Vec<u8> {
    bytes(&ChannelEof {
        recipient_channel: PEER_CHANNEL,
    })
}

pub(super) fn our_close() -> Vec<u8> {
    bytes(&ChannelClose {
        recipient_channel: PEER_CHANNEL,
    })
}

pub(super) fn our_adjust(bytes_to_add: u32) -> Vec<u8> {
    bytes(&ChannelWindowAdjust {
        recipient_channel: PEER_CHANNEL,
        bytes_to_add,
    })
}

pub(super) fn our_refusal(reason_code: u32, description: &str) -> Vec<u8> {
    bytes(&ChannelOpenFailure {
        recipient_channel: PEER_CHANNEL,
        reason_code,
        description: description.as_bytes(),
        language_tag: b"",
    })
}

/// Marsaglia's xorshift32: the same numbers in every run.
pub(super) struct Random(pub(super) u32);

impl Random {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % n
    }
}
