//! Channels as the peer sees them (RFC 4254 §5), once somebody is logged in.

use adit_connection::{ChannelId, OpenKind};
use adit_crypto::encoded;
use adit_proto::msg::{
    ChannelData, ChannelExtendedData, ChannelOpen, ChannelOpenConfirmation, ChannelWindowAdjust,
    DIRECT_TCPIP, DirectTcpip,
};
use adit_proto::{Decode, Rest};

use super::{Role, Scripted};
use crate::pair::Local;

/// What the peer says of its end of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// How much the victim may send at first.
    pub initial_window_size: u32,
    /// And at most in one message.
    pub maximum_packet_size: u32,
}

impl Sizes {
    /// As is usual.
    pub const USUAL: Self = Self {
        initial_window_size: 1 << 20,
        maximum_packet_size: 1 << 15,
    };
}

/// A channel, and what the peer was told about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Channel {
    /// The victim's.
    pub id: ChannelId,
    /// The peer's number for it.
    pub own: u32,
    /// How much the peer may send at first.
    pub window: u32,
    /// And at most in one message.
    pub packet: u32,
}

impl Channel {
    /// The victim's number for it.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.id.number()
    }
}

/// CHANNEL_OPEN for `localhost:80`, of the peer's channel `own`.
#[must_use]
pub fn open(own: u32, sizes: Sizes) -> Vec<u8> {
    let data = encoded(&DirectTcpip {
        host_to_connect: b"localhost",
        port_to_connect: 80,
        originator_ip_address: b"127.0.0.1",
        originator_port: 4000,
    });
    encoded(&ChannelOpen {
        channel_type: DIRECT_TCPIP,
        sender_channel: own,
        initial_window_size: sizes.initial_window_size,
        maximum_packet_size: sizes.maximum_packet_size,
        data: Rest(&data),
    })
}

/// CHANNEL_OPEN_CONFIRMATION: the peer's channel `own` is at the other end.
#[must_use]
pub fn confirmation(recipient_channel: u32, own: u32, sizes: Sizes) -> Vec<u8> {
    encoded(&ChannelOpenConfirmation {
        recipient_channel,
        sender_channel: own,
        initial_window_size: sizes.initial_window_size,
        maximum_packet_size: sizes.maximum_packet_size,
        data: Rest(b""),
    })
}

/// CHANNEL_DATA.
#[must_use]
pub fn data(recipient_channel: u32, data: &[u8]) -> Vec<u8> {
    encoded(&ChannelData {
        recipient_channel,
        data,
    })
}

/// CHANNEL_EXTENDED_DATA.
#[must_use]
pub fn extended_data(recipient_channel: u32, data_type_code: u32, data: &[u8]) -> Vec<u8> {
    encoded(&ChannelExtendedData {
        recipient_channel,
        data_type_code,
        data,
    })
}

/// CHANNEL_WINDOW_ADJUST.
#[must_use]
pub fn adjust(recipient_channel: u32, bytes_to_add: u32) -> Vec<u8> {
    encoded(&ChannelWindowAdjust {
        recipient_channel,
        bytes_to_add,
    })
}

impl Scripted {
    /// A channel with these sizes: the client opens it, whoever it is, and the server takes it.
    pub fn open_channel(&mut self, own: u32, sizes: Sizes) -> Channel {
        self.forget();
        match self.role {
            Role::Server => {
                self.send(&open(own, sizes));
                let heard = self.heard.back().expect("an answer");
                let confirmed = ChannelOpenConfirmation::decode(heard).expect("a confirmation");
                let number = confirmed.sender_channel;
                let (window, packet) =
                    (confirmed.initial_window_size, confirmed.maximum_packet_size);
                let mut ids = self.victim.locals.keys();
                let id = ids.find(|id| id.number() == number);
                let id = *id.expect("its local side");
                Channel {
                    id,
                    own,
                    window,
                    packet,
                }
            }
            Role::Client => {
                let channel = self.ask(own);
                self.send(&confirmation(channel.number(), own, sizes));
                channel
            }
        }
    }

    /// The victim, a client, asks for a channel that is to be the peer's `own`.
    pub fn ask(&mut self, own: u32) -> Channel {
        let kind = OpenKind::DirectTcpip {
            host: b"localhost",
            port: 80,
            originator: b"127.0.0.1",
            originator_port: 4000,
        };
        let id = self.victim.session.open(kind).expect("a free slot");
        self.victim.locals.insert(id, Local::default());
        self.run();
        let opens = self.heard.iter().rev().map(|m| ChannelOpen::decode(m));
        let open = opens
            .flatten()
            .find(|open| open.sender_channel == id.number());
        // Nothing is heard of it while keys change.
        let (window, packet) = open.map_or((0, 0), |open| {
            (open.initial_window_size, open.maximum_packet_size)
        });
        Channel {
            id,
            own,
            window,
            packet,
        }
    }

    /// What the victim's application has there.
    pub fn local(&mut self, channel: Channel) -> &mut Local {
        let local = self.victim.locals.get_mut(&channel.id);
        local.expect("its local side")
    }

    /// The data that the victim has sent on a channel since the last [`Scripted::forget`], message
    /// by message.
    #[must_use]
    pub fn data_heard(&self, channel: Channel) -> Vec<Vec<u8>> {
        let messages = self.heard.iter().filter(|m| m.first() == Some(&94));
        messages
            .map(|m| ChannelData::decode(m).expect("data"))
            .filter(|m| m.recipient_channel == channel.own)
            .map(|m| m.data.to_vec())
            .collect()
    }
}
