//! The book balances, whatever happens. Random calls and messages against a model that knows only
//! what went over the wire and what was delivered.

use std::vec::Vec;

use adit_proto::Decode;
use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpen, ChannelOpenConfirmation,
    ChannelOpenFailure, ChannelRequest, ChannelWindowAdjust, GlobalRequest,
};
use adit_proto::reason::OpenFailure;
use adit_proto::{Rest, number};

use super::support::*;
use crate::*;

/// What a fair observer knows of one channel.
#[derive(Debug)]
struct Model {
    id: ChannelId,
    /// The peer's number.
    theirs: u32,
    is_ours: bool,
    /// Ours: CHANNEL_OPEN is out.
    is_asked: bool,
    /// Theirs: we said yes.
    is_accepted: bool,
    /// The confirmation is out, or came.
    is_open: bool,
    /// Granted on the wire and not used.
    granted: u32,
    /// Received and not delivered.
    held: u32,
    we_finished: bool,
    we_closed: bool,
    our_close_sent: bool,
    their_eof: bool,
    their_close: bool,
    is_refused: bool,
    is_released: bool,
}

impl Model {
    fn is_receiving(&self) -> bool {
        !(self.we_closed || self.their_eof || self.their_close || self.is_refused)
    }

    fn is_gone(&self) -> bool {
        self.is_released && (self.is_refused || (self.our_close_sent && self.their_close))
    }
}

struct World {
    side: Side,
    limits: Limits,
    base: u32,
    random: Random,
    models: Vec<Model>,
    next_theirs: u32,
    grown: u32,
    refused_for_room: u32,
    closed: u32,
}

impl World {
    fn new(limits: Limits, seed: u32) -> Self {
        let base = (limits.window_budget / (2 * limits.max_channels)).clamp(1 << 10, 32 << 10);
        Self {
            side: Side::new(limits, Accepts::Direct),
            limits,
            base,
            random: Random(seed),
            models: Vec::new(),
            next_theirs: 1000,
            grown: 0,
            refused_for_room: 0,
            closed: 0,
        }
    }

    fn pick(&mut self, which: impl Fn(&Model) -> bool) -> Option<usize> {
        let of: Vec<_> = (0..self.models.len())
            .filter(|i| which(&self.models[*i]))
            .collect();
        (!of.is_empty()).then(|| of[self.random.below(of.len())])
    }

    fn step(&mut self) {
        // A crowd would only make it slow.
        let is_crowded = self.models.len() > 40;
        match self.random.below(24) {
            0 | 1 if is_crowded => {
                self.end();
                self.peer_ends();
            }
            0 => self.open(),
            1 => self.asked(),
            2 => self.answer(),
            3 => self.decide(),
            4..=9 => self.data(),
            10..=15 => self.deliver(),
            16 => self.end(),
            17 => self.peer_ends(),
            18 => self.request(),
            19 => {
                let later = self.random.below(300) as u64;
                self.side.later(core::time::Duration::from_millis(later));
            }
            _ => self.send(),
        }
        self.check();
    }

    fn room(&self) -> bool {
        self.models.len() < self.limits.max_channels as usize
            && self.side.channels.left() >= self.base
    }

    fn open(&mut self) {
        let expected = self.room();
        match self.side.channels.open(WEB) {
            Ok(id) => {
                assert!(expected);
                self.add(id, true, 0);
            }
            Err(NotOpened::Full) => {
                assert!(!expected);
                self.refused_for_room += 1;
            }
            Err(NotOpened::BadName) => panic!("a host that is short"),
        }
    }

    fn add(&mut self, id: ChannelId, is_ours: bool, theirs: u32) {
        assert!(self.models.iter().all(|m| m.id.index() != id.index()));
        self.models.push(Model {
            id,
            theirs,
            is_ours,
            is_asked: false,
            is_accepted: false,
            is_open: false,
            granted: 0,
            held: 0,
            we_finished: false,
            we_closed: false,
            our_close_sent: false,
            their_eof: false,
            their_close: false,
            is_refused: false,
            is_released: false,
        });
    }

    fn asked(&mut self) {
        if !self.side.channels.can_take() {
            return;
        }
        let expected = self.room();
        let theirs = self.next_theirs;
        self.next_theirs += 1;
        let data = direct(b"web", 80);
        let open = ChannelOpen {
            sender_channel: theirs,
            ..asks(&data, PEER_PACKET)
        };
        match self.side.hear(&open).unwrap() {
            Event::OpenAsked { id, .. } => {
                assert!(expected);
                self.add(id, false, theirs);
            }
            Event::Quiet => {
                assert!(!expected);
                self.refused_for_room += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    /// The peer answers one of our opens.
    fn answer(&mut self) {
        let Some(i) = self.pick(|m| m.is_asked && !m.is_open && !m.is_refused) else {
            return;
        };
        let theirs = self.next_theirs;
        self.next_theirs += 1;
        let model = &mut self.models[i];
        if self.random.below(4) == 0 {
            self.side.hear(&failure(model.id)).unwrap();
            model.is_refused = true;
        } else {
            let message = ChannelOpenConfirmation {
                sender_channel: theirs,
                ..confirmation(model.id)
            };
            self.side.hear(&message).unwrap();
            model.is_open = true;
            model.theirs = theirs;
        }
    }

    /// We answer one of theirs.
    fn decide(&mut self) {
        let Some(i) = self.pick(|m| !m.is_ours && !m.is_open && !m.is_refused) else {
            return;
        };
        let id = self.models[i].id;
        if self.random.below(4) == 0 {
            let reason = OpenFailure::ConnectFailed;
            self.side.channels.refuse(id, reason, "no");
            // Once accepted, it cannot be refused.
            if !self.models[i].is_accepted {
                self.models[i].is_refused = true;
                self.models[i].is_released = true;
            }
        } else {
            self.side.channels.accept(id);
            self.models[i].is_accepted = true;
        }
    }

    fn data(&mut self) {
        let Some(i) = self.pick(|m| m.is_open && !m.their_eof && !m.their_close && m.granted > 0)
        else {
            return;
        };
        let model = &mut self.models[i];
        let max = model.granted.min(DATA_MAX) as usize;
        let n = match self.random.below(3) {
            0 => max,
            _ => self.random.below(max) + 1,
        };
        let event = self.side.data(model.id, n).unwrap();
        model.granted -= n as u32;
        if model.we_closed {
            assert_eq!(event, Event::Quiet);
        } else {
            let range = 9..9 + n;
            assert_eq!(
                event,
                Event::Data {
                    id: model.id,
                    range
                }
            );
            model.held += n as u32;
        }
    }

    fn deliver(&mut self) {
        let Some(i) = self.pick(|m| m.held > 0) else {
            return;
        };
        let model = &mut self.models[i];
        let n = match self.random.below(3) {
            0 => self.random.below(model.held as usize) + 1,
            _ => model.held as usize,
        };
        let before = self.side.channels.loan(model.id);
        self.side.channels.delivered(model.id, n, self.side.now);
        model.held -= n as u32;
        if self.side.channels.loan(model.id) > before {
            self.grown += 1;
        }
    }

    fn end(&mut self) {
        let what = self.random.below(6);
        let Some(i) = self.pick(|m| !m.is_released) else {
            return;
        };
        let model = &mut self.models[i];
        match what {
            0..=2 => {
                self.side.channels.finish_sending(model.id);
                model.we_finished = true;
                return;
            }
            3 => self.side.channels.close(model.id),
            _ => {
                self.side.channels.release(model.id);
                model.is_released = true;
                model.held = 0;
            }
        }
        model.we_closed = true;
        // Before CHANNEL_OPEN is out, or the decision made, the peer never hears of it; a
        // confirmation that is due goes out and is followed by CLOSE.
        let is_known = if model.is_ours {
            model.is_asked
        } else {
            model.is_accepted
        };
        if !is_known {
            model.is_refused = true;
        }
    }

    fn peer_ends(&mut self) {
        let is_close = self.random.below(2) == 0;
        let Some(i) = self.pick(|m| m.is_open && !m.their_close && (is_close || !m.their_eof))
        else {
            return;
        };
        let model = &mut self.models[i];
        if is_close {
            let event = self.side.close(model.id).unwrap();
            model.their_close = true;
            let told = if model.is_released {
                Event::Quiet
            } else {
                Event::Closed(model.id)
            };
            assert_eq!(event, told);
        } else {
            self.side.eof(model.id).unwrap();
            model.their_eof = true;
        }
    }

    fn request(&mut self) {
        if !self.side.channels.can_take() {
            return;
        }
        let Some(i) = self.pick(|m| m.is_open && !m.their_close) else {
            return;
        };
        let message = ChannelRequest {
            recipient_channel: self.models[i].id.number(),
            request_type: b"shell",
            want_reply: true,
            data: Rest(b""),
        };
        self.side.hear(&message).unwrap();
        let message = GlobalRequest {
            request_name: b"r",
            want_reply: true,
            data: Rest(b""),
        };
        if self.side.channels.can_take() {
            self.side.hear(&message).unwrap();
        }
    }

    /// Some of what is due goes out.
    fn send(&mut self) {
        for _ in 0..=self.random.below(8) {
            assert_eq!(
                self.side.channels.has_message(),
                self.side.channels.table.first_due().is_some()
                    || !self.side.channels.owed.is_empty()
            );
            let Some(message) = self.side.channels.poll_message(self.side.now) else {
                assert!(!self.side.channels.has_message());
                return;
            };
            let message = bytes(&message);
            self.sent(&message);
        }
    }

    fn by_theirs(&mut self, theirs: u32) -> &mut Model {
        let found = self.models.iter_mut().find(|m| m.theirs == theirs);
        found.expect("a channel that the peer knows")
    }

    fn sent(&mut self, message: &[u8]) {
        match message[0] {
            number::CHANNEL_OPEN => {
                let open = ChannelOpen::decode(message).unwrap();
                let id = ChannelId::from_wire(open.sender_channel);
                let model = self.models.iter_mut().find(|m| m.id == id).unwrap();
                assert!(model.is_ours && !model.is_asked && !model.is_refused);
                model.is_asked = true;
                model.granted = open.initial_window_size;
            }
            number::CHANNEL_OPEN_CONFIRMATION => {
                let confirmation = ChannelOpenConfirmation::decode(message).unwrap();
                let model = self.by_theirs(confirmation.recipient_channel);
                assert!(!model.is_ours && !model.is_open);
                assert_eq!(model.id.number(), confirmation.sender_channel);
                model.granted = confirmation.initial_window_size;
                model.is_open = true;
            }
            number::CHANNEL_OPEN_FAILURE => {
                ChannelOpenFailure::decode(message).unwrap();
            }
            number::CHANNEL_WINDOW_ADJUST => {
                let adjust = ChannelWindowAdjust::decode(message).unwrap();
                let model = self.by_theirs(adjust.recipient_channel);
                assert!(model.is_open && model.is_receiving());
                assert!(adjust.bytes_to_add > 0);
                model.granted += adjust.bytes_to_add;
            }
            number::CHANNEL_EOF => {
                let eof = ChannelEof::decode(message).unwrap();
                let model = self.by_theirs(eof.recipient_channel);
                assert!(model.we_finished && !model.our_close_sent);
            }
            number::CHANNEL_CLOSE => {
                let close = ChannelClose::decode(message).unwrap();
                let model = self.by_theirs(close.recipient_channel);
                let both_eofs = model.we_finished && model.their_eof;
                assert!(model.we_closed || model.their_close || both_eofs);
                assert!(!model.our_close_sent);
                model.our_close_sent = true;
                model.we_closed = true;
                self.closed += 1;
            }
            number::CHANNEL_FAILURE | number::REQUEST_FAILURE => {}
            other => panic!("{other}"),
        }
    }

    fn check(&mut self) {
        // Both EOFs: closed by itself once ours is out.
        let channels = &self.side.channels;
        for model in &mut self.models {
            if model.their_eof && model.we_finished {
                model.we_closed = true;
            }
        }
        self.models.retain(|m| !m.is_gone());
        assert_eq!(channels.len(), self.models.len());

        let mut loans = 0;
        let mut promised = 0;
        for model in &self.models {
            let loan = channels.loan(model.id);
            loans += loan;
            if model.is_receiving() {
                let known = model.granted + model.held;
                assert!(loan >= self.base, "{model:?} {loan}");
                assert!(loan >= known, "{model:?} {loan}");
                let first_max = 64 << 10;
                let most = (self.limits.window_budget / 4).max(first_max);
                assert!(loan <= most, "{model:?} {loan}");
                promised += known;
                if model.granted > 0 && !channels.has_message() {
                    assert!(loan - known < loan.div_ceil(4), "{model:?} {loan}");
                }
            } else {
                assert_eq!(loan, model.held, "{model:?}");
                promised += model.held;
            }
        }
        // The equation, and what it is for.
        let limit = self.limits.window_budget;
        assert_eq!(loans + channels.left(), limit);
        assert!(promised <= limit);
        // Whoever is greedy, the next channel gets its base.
        if self.base * self.limits.max_channels <= limit
            && channels.len() < self.limits.max_channels as usize
        {
            assert!(channels.left() >= self.base);
        }
    }
}

/// Fewer where they would take too long.
const STEPS: u32 = if cfg!(debug_assertions) {
    20_000
} else {
    1_000_000
};

#[test]
fn loans_and_what_is_left_are_the_limit_always() {
    for (max_channels, window_budget) in [
        (16_384, 64 << 20),
        (16_384, 32 << 20),
        (32, 128 << 10),
        (32, 16 << 10),
        (8, 1 << 20),
        (1, 64 << 10),
        (3, 5000),
        (5, 1_000_003),
        (16, u32::MAX),
    ] {
        let limits = Limits {
            max_channels,
            window_budget,
        };
        let mut world = World::new(limits, 0x2545_f491 ^ max_channels);
        for _ in 0..STEPS {
            world.step();
        }
        assert!(world.closed > 10, "{limits:?}");
        assert!(world.grown > 0 || window_budget <= 64 << 10, "{limits:?}");
        assert!(
            world.refused_for_room > 0 || max_channels >= 32,
            "{limits:?}"
        );
        // Everybody goes, and nothing is missing.
        while let Some(i) = world.pick(|m| !m.is_released) {
            world.side.channels.release(world.models[i].id);
            world.models[i].is_released = true;
        }
        assert_eq!(world.side.channels.left(), window_budget);
    }
}

#[test]
fn nothing_that_a_peer_sends_unbalances_the_book_or_panics() {
    let mut random = Random(0x1234_5678);
    let mut errors = 0;
    for _ in 0..STEPS / 10 {
        let mut side = if random.below(2) == 0 {
            Side::client()
        } else {
            Side::server()
        };
        let mut ids = Vec::new();
        for _ in 0..random.below(40) {
            match random.below(6) {
                0 => ids.extend(side.channels.open(WEB)),
                1 => drop(side.say()),
                _ => {}
            }
            // A message of this protocol, its numbers small or wild.
            let mut payload = std::vec![80 + random.below(22) as u8];
            for _ in 0..random.below(6) {
                let word = match random.below(4) {
                    0 => random.below(4) as u32,
                    1 => 0x4000 * random.below(4) as u32,
                    2 => random.below(40_000) as u32,
                    _ => u32::MAX - random.below(4) as u32,
                };
                payload.extend(word.to_be_bytes());
            }
            payload.extend(std::vec![b'x'; random.below(8)]);
            if random.below(8) == 0 {
                payload = bytes(&asks(&direct(b"web", 80), PEER_PACKET));
            }
            match side.channels.handle(&payload, side.now) {
                Ok(Event::OpenAsked { id, data, .. }) => {
                    assert!(payload.get(data).is_some());
                    ids.push(id);
                    match random.below(3) {
                        0 => side.channels.accept(id),
                        1 => side.channels.release(id),
                        _ => {}
                    }
                }
                Ok(Event::Data { id, range }) => {
                    let n = payload.get(range).unwrap().len();
                    side.channels.delivered(id, n, side.now);
                }
                Ok(Event::OpenRefused { description, .. }) => {
                    assert!(payload.get(description).is_some());
                }
                Ok(_) => {}
                Err(_) => {
                    errors += 1;
                    break;
                }
            }
            let limit = match side.channels.accepts {
                Accepts::Direct => Limits::SERVER.window_budget,
                Accepts::Forwarded | Accepts::Nothing => Limits::CLIENT.window_budget,
            };
            assert_eq!(side.balance(&ids), limit);
        }
    }
    assert!(errors > STEPS / 100);
    // Some wild data is not wild at all.
    let mut side = Side::client();
    let id = side.opened();
    let message = ChannelData {
        recipient_channel: id.number(),
        data: b"x",
    };
    assert!(side.hear(&message).is_ok());
}
