//! Two honest tables: every byte arrives once and in order, whatever the order of events.

use core::time::Duration;
use std::collections::VecDeque;

use adit_connection::{Accepts, ChannelId, Event};
use adit_proto::msg::ChannelData;

use crate::seeds::bytes;

use super::{End, KIND, LIMITS};

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
            Event::ForwardAsked { .. } | Event::RequestAnswered { .. } => {
                panic!("nobody asked to be listened for")
            }
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
        let end = &mut self.end;
        end.channels.delivered(end.ids[at], n, end.now);
    }
}

/// A schedule for two honest tables; then everything is brought to its end.
pub(crate) fn pair(data: &[u8]) {
    let mut sides = [Side::new(Accepts::Nothing), Side::new(Accepts::Direct)];
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
