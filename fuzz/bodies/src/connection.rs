//! The channel table: its book adds up whatever the peer says, and between two honest tables every
//! byte arrives once and in order, whatever the order of events.

use core::time::Duration;
use std::collections::VecDeque;

use adit_connection::{Accepts, ChannelId, Channels, Event, Limits, OpenKind, Outgoing};
use adit_proto::Rest;
use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpen, ChannelOpenConfirmation,
    ChannelWindowAdjust, DirectTcpip, GlobalRequest,
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
    now: Duration,
}

impl End {
    fn new(accepts: Accepts) -> Self {
        Self {
            channels: Channels::new(LIMITS, accepts),
            ids: Vec::new(),
            held: Vec::new(),
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
        match op % 10 {
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
                self.channels.delivered(id, n);
            }
            5 => self.channels.finish_sending(id),
            6 => self.channels.close(id),
            7 => {
                self.held[at] = 0;
                self.channels.release(id);
            }
            8 => self.channels.keepalive(),
            _ => self
                .channels
                .set_round_trip(Duration::from_micros(u64::from(amount))),
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
        Accepts::DirectTcpip
    } else {
        Accepts::Nothing
    };
    let mut end = End::new(accepts);
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
                        assert!(can_take && accepts == Accepts::DirectTcpip);
                        assert!(payload.get(data).is_some());
                        end.add(id);
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
            flush,
        ])
        .flatten()
        .collect(),
    ]
}

/// A stream whose bytes say where they are.
fn byte_at(position: usize) -> u8 {
    (position % 251) as u8
}

/// What one end of one channel has sent and received.
#[derive(Default)]
struct Flow {
    sent: usize,
    received: usize,
    undelivered: usize,
    finished: bool,
    ended: bool,
    peer_ended: bool,
}

/// A table, the flows of its channels, and the messages on their way to it.
struct Side {
    end: End,
    flows: Vec<Flow>,
    inbox: VecDeque<Vec<u8>>,
}

impl Side {
    fn new(accepts: Accepts) -> Self {
        Self {
            end: End::new(accepts),
            flows: Vec::new(),
            inbox: VecDeque::new(),
        }
    }

    /// Takes the next message on its way.
    fn take(&mut self) {
        if !self.end.channels.can_take() {
            return;
        }
        let Some(payload) = self.inbox.pop_front() else {
            return;
        };
        let event = self.end.channels.handle(&payload, self.end.now);
        let event = event.unwrap_or_else(|error| panic!("an honest peer is blamed: {error}"));
        match event {
            Event::OpenAsked { id, .. } => {
                self.end.add(id);
                self.flows.push(Flow::default());
                self.end.channels.accept(id);
            }
            Event::Data { id, range } => {
                let flow = self.flow(id);
                assert!(!flow.peer_ended, "data after EOF");
                for byte in &payload[range] {
                    assert_eq!(*byte, byte_at(flow.received), "lost, doubled or moved");
                    flow.received += 1;
                    flow.undelivered += 1;
                }
            }
            Event::Eof(id) => self.flow(id).peer_ended = true,
            Event::Closed(id) => {
                let flow = self.flow(id);
                flow.ended = true;
            }
            Event::OpenRefused { id, .. } => {
                self.flow(id).ended = true;
                self.end.channels.release(id);
            }
            Event::Unknown => panic!("an honest peer says something unknown"),
            Event::Alive | Event::OpenConfirmed(_) | Event::Quiet | Event::WindowOpened(_) => {}
        }
    }

    fn flow(&mut self, id: ChannelId) -> &mut Flow {
        let at = self.end.place(id);
        &mut self.flows[at]
    }

    fn send_data(&mut self, at: usize, want: usize, to: &mut VecDeque<Vec<u8>>) {
        let (id, flow) = (self.end.ids[at], &mut self.flows[at]);
        let Some(grant) = self.end.channels.grant(id).filter(|_| !flow.finished) else {
            return;
        };
        let n = want.clamp(1, grant.max);
        let data: Vec<u8> = (flow.sent..flow.sent + n).map(byte_at).collect();
        flow.sent += n;
        self.end.channels.sent(id, n);
        let recipient_channel = grant.recipient_channel;
        to.push_back(bytes(&ChannelData {
            recipient_channel,
            data: &data,
        }));
    }

    fn deliver(&mut self, at: usize, want: usize) {
        let n = want.min(self.flows[at].undelivered);
        self.flows[at].undelivered -= n;
        self.end.channels.delivered(self.end.ids[at], n);
    }
}

/// A schedule for two honest tables; then everything is brought to its end.
pub(crate) fn pair(data: &[u8]) {
    let mut sides = [Side::new(Accepts::Nothing), Side::new(Accepts::DirectTcpip)];
    for step in data.chunks_exact(4).take(4000) {
        let [op, which, high, low] = *step else {
            return;
        };
        let amount = usize::from(u16::from_be_bytes([high, low]));
        let [client, server] = &mut sides;
        let (side, other) = if which & 1 == 0 {
            (client, server)
        } else {
            (server, client)
        };
        side.end.now += Duration::from_micros(u64::from(op) * 100);
        let at = usize::from(which >> 1) % side.flows.len().max(1);
        match op % 8 {
            0 if which & 1 == 0 => {
                if let Ok(id) = side.end.channels.open(KIND) {
                    side.end.add(id);
                    side.flows.push(Flow::default());
                }
            }
            1 => side.take(),
            2 => other.inbox.extend(side.end.next_message()),
            3 | 4 if !side.flows.is_empty() => side.send_data(at, amount, &mut other.inbox),
            5 if !side.flows.is_empty() => side.deliver(at, amount),
            6 if !side.flows.is_empty() && amount % 8 == 0 => {
                side.flows[at].finished = true;
                let id = side.end.ids[at];
                side.end.channels.finish_sending(id);
            }
            _ => side.end.channels.keepalive(),
        }
        side.end.check();
        other.end.check();
    }
    finish(&mut sides);
}

/// Everybody finishes: all that was sent arrives, and nothing is left on either side.
fn finish(sides: &mut [Side; 2]) {
    let mut idle = 0;
    for _ in 0..100_000 {
        if idle > 1 {
            break;
        }
        idle += 1;
        for turn in 0..2 {
            let [client, server] = &mut *sides;
            let (side, other) = if turn == 0 {
                (client, server)
            } else {
                (server, client)
            };
            while !side.inbox.is_empty() && side.end.channels.can_take() {
                side.take();
                idle = 0;
            }
            for at in 0..side.flows.len() {
                side.deliver(at, usize::MAX);
                let id = side.end.ids[at];
                if !side.flows[at].finished {
                    side.flows[at].finished = true;
                    side.end.channels.finish_sending(id);
                    idle = 0;
                }
                if side.flows[at].ended {
                    side.end.channels.release(id);
                }
            }
            while let Some(message) = side.end.next_message() {
                other.inbox.push_back(message);
                idle = 0;
            }
            side.end.check();
        }
    }
    for turn in 0..2 {
        let (side, other) = (&sides[turn], &sides[1 - turn]);
        assert!(
            side.end.channels.is_empty(),
            "{} channels are left",
            side.end.channels.len()
        );
        assert_eq!(side.end.channels.left(), LIMITS.window_budget);
        let total = |flows: &[Flow], of: fn(&Flow) -> usize| flows.iter().map(of).sum::<usize>();
        assert_eq!(
            total(&side.flows, |f| f.sent),
            total(&other.flows, |f| f.received)
        );
    }
}

pub(crate) fn pair_seeds() -> Vec<Vec<u8>> {
    // Open, let the messages pass, send both ways, deliver, finish.
    let step = |op: u8, which: u8, amount: u16| {
        let [high, low] = amount.to_be_bytes();
        [op, which, high, low]
    };
    let exchange =
        |turns: usize| [step(2, 0, 0), step(1, 1, 0), step(2, 1, 0), step(1, 0, 0)].repeat(turns);
    let mut one = vec![step(0, 0, 0)];
    one.extend(exchange(2));
    for _ in 0..10 {
        one.extend([step(3, 0, 30_000), step(3, 1, 9000)]);
        one.extend(exchange(1));
        one.extend([step(5, 0, 9000), step(5, 1, 30_000)]);
    }
    one.push(step(6, 0, 8));
    one.extend(exchange(2));
    let mut many = vec![step(0, 0, 0); 8];
    many.extend(exchange(8));
    for which in 0..16 {
        many.push(step(3, which, 5000));
    }
    many.extend(exchange(16));
    many.push(step(7, 0, 0));
    vec![one.concat(), many.concat()]
}
