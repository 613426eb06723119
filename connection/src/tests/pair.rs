//! A client's table and a server's, talking to each other: every byte arrives once and in order,
//! every channel ends, and nothing is left on either side.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use adit_proto::msg::ChannelData;
use adit_proto::reason::OpenFailure;

use super::support::*;
use crate::*;

/// How one end of one connection behaves.
#[derive(Debug)]
struct Local {
    /// How much it has to say, and how much of that it has said.
    to_send: usize,
    sent: usize,
    received: usize,
    held: usize,
    is_finished: bool,
    /// Breaks off when it has received this much.
    breaks_at: Option<usize>,
    eof: bool,
    is_closed: bool,
    is_open: bool,
}

struct End {
    side: Side,
    locals: BTreeMap<ChannelId, Local>,
    /// On the way to the other end.
    wire: VecDeque<Vec<u8>>,
    /// What became of those that are gone: said, heard, whether the other end had finished.
    gone: Vec<(usize, usize, bool)>,
    refused: u32,
}

/// What a byte at a place of a stream is, so that a lost or doubled one shows.
fn byte_at(n: usize) -> u8 {
    (n % 251) as u8
}

impl End {
    fn new(limits: Limits, accepts: Accepts) -> Self {
        Self {
            side: Side::new(limits, accepts),
            locals: BTreeMap::new(),
            wire: VecDeque::new(),
            gone: Vec::new(),
            refused: 0,
        }
    }

    fn local(random: &mut Random) -> Local {
        Local {
            to_send: random.below(200_000),
            sent: 0,
            received: 0,
            held: 0,
            is_finished: false,
            breaks_at: (random.below(8) == 0).then(|| random.below(100_000)),
            eof: false,
            is_closed: false,
            is_open: false,
        }
    }

    fn hear(&mut self, payload: &[u8], random: &mut Random) {
        match self.side.channels.handle(payload, self.side.now).unwrap() {
            Event::OpenAsked { id, .. } => {
                if random.below(8) == 0 {
                    let reason = OpenFailure::ConnectFailed;
                    self.side.channels.refuse(id, reason, "no");
                } else {
                    self.locals.insert(id, Self::local(random));
                    self.side.channels.accept(id);
                }
            }
            Event::OpenConfirmed(id) => self.locals.get_mut(&id).unwrap().is_open = true,
            Event::OpenRefused { id, .. } => {
                self.locals.remove(&id).unwrap();
                self.side.channels.release(id);
                self.refused += 1;
            }
            Event::Data { id, range } => {
                let local = self.locals.get_mut(&id).unwrap();
                assert!(!local.eof && !local.is_closed);
                for byte in &payload[range] {
                    assert_eq!(*byte, byte_at(local.received));
                    local.received += 1;
                    local.held += 1;
                }
            }
            Event::Eof(id) => self.locals.get_mut(&id).unwrap().eof = true,
            Event::Closed(id) => self.locals.get_mut(&id).unwrap().is_closed = true,
            Event::Quiet | Event::WindowOpened(_) => {}
            Event::Alive
            | Event::ForwardAsked { .. }
            | Event::RequestAnswered { .. }
            | Event::Unknown => panic!(),
        }
    }

    /// One of the connections moves.
    fn turn(&mut self, random: &mut Random) {
        let ids: Vec<_> = self.locals.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[random.below(ids.len())];
        let local = self.locals.get_mut(&id).unwrap();
        if local.held > 0 && random.below(4) != 0 {
            let n = random.below(local.held) + 1;
            self.side.channels.delivered(id, n, self.side.now);
            local.held -= n;
        }
        if local.breaks_at.is_some_and(|at| local.received >= at) && local.is_open {
            self.side.channels.close(id);
            self.side.channels.delivered(id, local.held, self.side.now);
            self.side.channels.release(id);
            let local = self.locals.remove(&id).unwrap();
            self.gone.push((local.sent, local.received, false));
            return;
        }
        if local.sent < local.to_send {
            if let Some(grant) = self.side.channels.grant(id) {
                let n = grant.max.min(local.to_send - local.sent);
                let n = random.below(n) + 1;
                let data: Vec<_> = (local.sent..local.sent + n).map(byte_at).collect();
                self.wire.push_back(bytes(&ChannelData {
                    recipient_channel: grant.recipient_channel,
                    data: &data,
                }));
                self.side.channels.sent(id, n);
                local.sent += n;
            }
        } else if !local.is_finished {
            self.side.channels.finish_sending(id);
            local.is_finished = true;
        }
        if local.is_closed && local.held == 0 {
            self.side.channels.release(id);
            let local = self.locals.remove(&id).unwrap();
            self.gone.push((local.sent, local.received, local.eof));
        }
    }

    fn send(&mut self, random: &mut Random) {
        for _ in 0..random.below(4) {
            let Some(message) = self.side.channels.poll_message(self.side.now) else {
                return;
            };
            let confirmed = message.confirms();
            self.wire.push_back(bytes(&message));
            if let Some(local) = confirmed.and_then(|id| self.locals.get_mut(&id)) {
                local.is_open = true;
            }
        }
    }
}

#[test]
fn two_tables_agree_about_every_byte_and_every_end() {
    for (seed, limits) in [
        (1, Limits::CLIENT),
        (2, Limits::SERVER),
        (3, Limits::EMBEDDED),
        (4, Limits::EMBEDDED),
    ] {
        let mut random = Random(0x9e37_79b9 ^ seed);
        let mut client = End::new(limits, Accepts::Nothing);
        let mut server = End::new(limits, Accepts::Direct);
        let mut to_open = 60;
        let mut steps = 0_u32;
        loop {
            steps += 1;
            assert!(steps < 2_000_000, "it does not end");
            match random.below(8) {
                0 if to_open > 0 && client.locals.len() < 20 => {
                    if let Ok(id) = client.side.channels.open(WEB) {
                        client.locals.insert(id, End::local(&mut random));
                        to_open -= 1;
                    }
                }
                0 => {
                    let later = Duration::from_millis(random.below(20) as u64);
                    client.side.later(later);
                    server.side.later(later);
                }
                1 => client.send(&mut random),
                2 => server.send(&mut random),
                3 => client.turn(&mut random),
                4 => server.turn(&mut random),
                5 => {
                    if let Some(payload) = client.wire.pop_front() {
                        server.hear(&payload, &mut random);
                    }
                }
                6 => {
                    if let Some(payload) = server.wire.pop_front() {
                        client.hear(&payload, &mut random);
                    }
                }
                _ => {
                    let is_quiet = client.wire.is_empty() && server.wire.is_empty();
                    let is_empty = client.locals.is_empty() && server.locals.is_empty();
                    let channels = [&client.side.channels, &server.side.channels];
                    let is_said = channels.iter().all(|c| !c.has_message());
                    if to_open == 0 && is_quiet && is_empty && is_said {
                        break;
                    }
                }
            }
        }
        for end in [&client, &server] {
            assert!(end.side.channels.is_empty());
            assert_eq!(end.side.channels.left(), limits.window_budget);
            assert!(end.gone.len() > 40);
        }
        assert_eq!(client.gone.len() + client.refused as usize, 60);
        // Who heard the other's EOF heard all that was said to it.
        let said = |end: &End| end.gone.iter().map(|(said, ..)| *said).sum::<usize>();
        let heard = |end: &End| end.gone.iter().map(|(_, heard, _)| *heard).sum::<usize>();
        assert!(heard(&client) <= said(&server) && heard(&server) <= said(&client));
        let in_full = client.gone.iter().filter(|(.., is_in_full)| *is_in_full);
        for (_, heard, _) in in_full.clone() {
            assert!(server.gone.iter().any(|(said, ..)| said == heard));
        }
        assert!(in_full.count() > 20);
    }
}
