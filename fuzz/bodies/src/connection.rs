//! The channel table: its book adds up whatever the peer says.

mod pair;

pub(crate) use pair::{pair, pair_seeds};

use core::time::Duration;
use std::collections::VecDeque;

use adit_connection::{
    Accepts, ChannelId, Channels, Event, ForwardRequest, Limits, OpenKind, Outgoing, REQUESTS_MAX,
    RequestId,
};
use adit_proto::Rest;
use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpen, ChannelOpenConfirmation,
    ChannelWindowAdjust, DirectTcpip, ForwardedTcpip, GlobalRequest, RequestSuccess, TcpipForward,
};
use adit_proto::reason::OpenFailure;

use crate::seeds::bytes;

const LIMITS: Limits = Limits {
    max_channels: 8,
    window_budget: 64 * 1024,
};
const KIND: OpenKind<'static> = OpenKind::DirectTcpip {
    host: b"localhost",
    port: 80,
    originator: b"127.0.0.1",
    originator_port: 50_000,
};

/// One end: the table and every id that it ever gave.
struct End {
    channels: Channels,
    ids: Vec<ChannelId>,
    /// What arrived on each and was not delivered.
    held: Vec<usize>,
    /// Requests that have no answer.
    asked: VecDeque<RequestId>,
    now: Duration,
}

impl End {
    fn new(accepts: Accepts) -> Self {
        Self {
            channels: Channels::new(LIMITS, accepts),
            ids: Vec::new(),
            held: Vec::new(),
            asked: VecDeque::new(),
            now: Duration::ZERO,
        }
    }

    /// The one equation of the book, and what bounds the table.
    fn check(&self) {
        let lent: u32 = self.ids.iter().map(|id| self.channels.loan(*id)).sum();
        assert_eq!(
            lent + self.channels.left(),
            LIMITS.window_budget,
            "the book does not add up"
        );
        assert!(self.channels.len() <= 8);
    }

    fn add(&mut self, id: ChannelId) {
        self.ids.push(id);
        self.held.push(0);
    }

    fn place(&self, id: ChannelId) -> usize {
        let place = self.ids.iter().position(|other| *other == id);
        place.expect("an id that was given")
    }

    fn next_message(&mut self) -> Option<Vec<u8>> {
        let has = self.channels.has_message();
        let message = self
            .channels
            .poll_message(self.now)
            .map(|message| bytes(&message));
        assert_eq!(
            has,
            message.is_some(),
            "has_message and poll_message differ"
        );
        assert!(
            message
                .as_ref()
                .is_none_or(|m| m.len() <= Outgoing::MAX_LEN)
        );
        message
    }

    /// What its owner may do at any time with any id.
    fn act(&mut self, op: u8, which: u8, amount: u16) {
        if self.ids.is_empty() {
            self.open();
            return;
        }
        let at = usize::from(which) % self.ids.len();
        let id = self.ids[at];
        let n = usize::from(amount);
        match op % 14 {
            0 => self.open(),
            1 => self.channels.accept(id),
            2 => self.channels.refuse(id, OpenFailure::ConnectFailed, "no"),
            3 => {
                if let Some(grant) = self.channels.grant(id) {
                    assert!(grant.max > 0);
                    self.channels.sent(id, n.min(grant.max));
                }
            }
            4 => {
                let n = n.min(self.held[at]);
                self.held[at] -= n;
                self.channels.delivered(id, n, self.now);
            }
            5 => self.channels.finish_sending(id),
            6 => self.channels.close(id),
            7 => {
                self.held[at] = 0;
                self.channels.release(id);
            }
            8 => self.channels.keepalive(),
            9 => self.channels.grant_forward(Some(amount)),
            10 => self.channels.refuse_forward(),
            11 => self.ask(ForwardRequest::TcpipForward {
                address: b"localhost",
                port: amount,
            }),
            12 => self.ask(ForwardRequest::StreamlocalForward { path: b"/run/s" }),
            _ => self
                .channels
                .set_round_trip(Duration::from_micros(u64::from(amount))),
        }
    }

    fn ask(&mut self, request: ForwardRequest<'_>) {
        match self.channels.request(request) {
            Ok(id) => self.asked.push_back(id),
            Err(_full) => assert_eq!(self.asked.len(), REQUESTS_MAX),
        }
    }

    fn open(&mut self) {
        if let Ok(id) = self.channels.open(KIND) {
            self.add(id);
        }
    }
}

/// A program of its owner's steps and of anything at all from the peer.
pub(crate) fn table(data: &[u8]) {
    let Some((head, mut rest)) = data.split_first() else {
        return;
    };
    let accepts = if head & 1 == 0 {
        Accepts::Direct
    } else {
        Accepts::Nothing
    };
    let mut end = End::new(accepts);
    let mut has_asked = false;
    while let Some((step, after)) = rest.split_first_chunk::<4>() {
        let [op, which, high, low] = *step;
        rest = after;
        end.now += Duration::from_millis(u64::from(op));
        match op {
            0..100 => end.act(op, which, u16::from_be_bytes([high, low])),
            100..140 => drop(end.next_message()),
            _ => {
                let len = usize::from(low).min(rest.len());
                let (payload, after) = rest.split_at(len);
                rest = after;
                let can_take = end.channels.can_take();
                let Ok(event) = end.channels.handle(payload, end.now) else {
                    return;
                };
                match event {
                    Event::OpenAsked { id, data, .. } => {
                        let is_mute = end.asked.is_empty() && !has_asked;
                        assert!(can_take && !(accepts == Accepts::Nothing && is_mute));
                        assert!(payload.get(data).is_some());
                        end.add(id);
                    }
                    Event::ForwardAsked { data, .. } => {
                        assert!(accepts == Accepts::Direct && payload.get(data).is_some());
                    }
                    Event::RequestAnswered { id, .. } => {
                        assert_eq!(end.asked.pop_front(), Some(id), "out of order");
                        has_asked = true;
                    }
                    Event::Data { id, range } => {
                        assert!(payload.get(range.clone()).is_some() && !range.is_empty());
                        let at = end.place(id);
                        end.held[at] += range.len();
                    }
                    _ => {}
                }
            }
        }
        end.check();
    }
}

pub(crate) fn table_seeds() -> Vec<Vec<u8>> {
    let direct = bytes(&DirectTcpip {
        host_to_connect: b"localhost",
        port_to_connect: 80,
        originator_ip_address: b"127.0.0.1",
        originator_port: 50_000,
    });
    let open = bytes(&ChannelOpen {
        channel_type: b"direct-tcpip",
        sender_channel: 5,
        initial_window_size: 65_536,
        maximum_packet_size: 32_768,
        data: Rest(&direct),
    });
    let session = bytes(&ChannelOpen {
        channel_type: b"session",
        sender_channel: 6,
        initial_window_size: 65_536,
        maximum_packet_size: 32_768,
        data: Rest(&[]),
    });
    let confirm = bytes(&ChannelOpenConfirmation {
        recipient_channel: 0,
        sender_channel: 9,
        initial_window_size: 100,
        maximum_packet_size: 1000,
        data: Rest(&[]),
    });
    let data = bytes(&ChannelData {
        recipient_channel: 0,
        data: b"some bytes",
    });
    let adjust = bytes(&ChannelWindowAdjust {
        recipient_channel: 0,
        bytes_to_add: 5000,
    });
    let eof = bytes(&ChannelEof {
        recipient_channel: 0,
    });
    let close = bytes(&ChannelClose {
        recipient_channel: 0,
    });
    let forwarded = bytes(&ForwardedTcpip {
        connected_address: b"localhost",
        connected_port: 0x0b0b,
        originator_ip_address: b"127.0.0.1",
        originator_port: 50_000,
    });
    let forwarded = bytes(&ChannelOpen {
        channel_type: b"forwarded-tcpip",
        sender_channel: 7,
        initial_window_size: 65_536,
        maximum_packet_size: 32_768,
        data: Rest(&forwarded),
    });
    let listen = bytes(&TcpipForward {
        address_to_bind: b"localhost",
        port_number_to_bind: 0,
    });
    let listen = bytes(&GlobalRequest {
        request_name: b"tcpip-forward",
        want_reply: true,
        data: Rest(&listen),
    });
    let success = bytes(&RequestSuccess { data: Rest(&[]) });
    let alive = bytes(&GlobalRequest {
        request_name: b"keepalive@openssh.com",
        want_reply: true,
        data: Rest(&[]),
    });
    let peer = |message: &[u8]| {
        let len = u8::try_from(message.len()).expect("a short seed");
        [&[200, 0, 0, len][..], message].concat()
    };
    let own = |op: u8, amount: u16| {
        let [high, low] = amount.to_be_bytes();
        vec![op, 0, high, low]
    };
    let flush = vec![100, 0, 0, 0];
    vec![
        [
            vec![0],
            peer(&open),
            own(1, 0),
            flush.clone(),
            peer(&data),
            own(4, 10),
            peer(&adjust),
        ]
        .into_iter()
        .chain([
            own(3, 50),
            peer(&eof),
            own(5, 0),
            flush.clone(),
            flush.clone(),
            peer(&close),
        ])
        .chain([own(7, 0), peer(&alive), peer(&session), flush.clone()])
        .flatten()
        .collect(),
        [
            vec![1],
            own(0, 0),
            flush.clone(),
            peer(&confirm),
            own(3, 90),
            peer(&data),
            own(4, 10),
        ]
        .into_iter()
        .chain([
            own(6, 0),
            flush.clone(),
            peer(&close),
            own(7, 0),
            peer(&open),
            flush.clone(),
        ])
        .flatten()
        .collect(),
        [
            vec![0],
            own(0, 0),
            peer(&listen),
            own(9, 40_000),
            peer(&listen),
            flush.clone(),
        ]
        .concat(),
        [
            vec![1],
            own(0, 0),
            own(11, 0x0b0b),
            own(8, 0),
            own(12, 0),
            flush.clone(),
            flush.clone(),
            flush.clone(),
            peer(&success),
        ]
        .into_iter()
        .chain([peer(&success), peer(&success), peer(&forwarded), flush])
        .flatten()
        .collect(),
    ]
}
