//! Two sessions of ours whose wires are full both ways: wires that hold from one byte to some
//! thousand, other ones each way, data both ways on many channels, and keys changed by either end,
//! by both at once, and again before the last change is over. They never wait for each other, and
//! every byte arrives once and in order.

use core::cell::Cell;
use core::time::Duration;

use adit_connection::Limits;
use adit_crypto::Provider;
use adit_testkit::dice::Dice;
use adit_testkit::pair::{End, Pair, Setup, Way};
use adit_testkit::seeds;
use adit_transport::{Buffers, RekeyLimits};

use crate::gauge::alone;

const HOUR: Duration = Duration::from_secs(3600);
/// Bytes that a step carries, at most: the smaller, the more of everything comes in pieces.
const CHUNKS: [usize; 8] = [1, 2, 3, 7, 33, 100, 700, 4000];
/// Bytes of a whole exchange and of what a session sends besides data, generously.
const BESIDES: usize = 16 << 10;

/// Bytes that say whose they are: the first is the stream's number.
fn stream(tag: u8, len: usize) -> Vec<u8> {
    let rest = (1..len).map(|i| ((i / 251) ^ (i % 251) ^ usize::from(tag)).to_le_bytes()[0]);
    [tag].into_iter().chain(rest).collect()
}

struct Run {
    pair: Pair,
    random: Dice,
    /// Bytes of each stream.
    len: usize,
    streams: usize,
    /// Steps after which a byte must have come out somewhere.
    patience: usize,
    /// How often an end was told that its keys are old.
    asked: usize,
}

fn way(random: &mut Dice) -> Way {
    let chunk = random.pick(&CHUNKS);
    let wire = chunk + random.below(random.clone().pick(&[1, 10, 1000, 4000]));
    Way { chunk, wire }
}

impl Run {
    fn new(provider: &'static Provider, seed: u64) -> Self {
        let mut random = Dice::new(seed);
        let mut setup = Setup::new(provider);
        setup.rekey = RekeyLimits {
            bytes: random.pick(&[None, Some(0), Some(3000), Some(40_000)]),
            time: Some(HOUR),
        };
        let send = random.pick(&[1, 2000, 20_000, 256 << 10]);
        setup.buffers = Buffers { recv: 0, send };
        setup.limits = Limits {
            max_channels: 32,
            window_budget: random.pick(&[64 << 10, 1 << 20]),
        };
        let mut pair = Pair::connected(&setup);
        pair.ways = [way(&mut random), way(&mut random)];
        // It is looked for rest after keys are old, and not before.
        let late = pair.now + HOUR - Duration::from_nanos(1);
        for end in [&mut pair.client, &mut pair.server] {
            end.session.handle_timeout(late).unwrap();
        }
        let least = pair.ways[0].chunk.min(pair.ways[1].chunk);
        let streams = 1 + random.below(20);
        Self {
            pair,
            random,
            asked: 0,
            len: (least * 6000 / streams).clamp(300, 30_000),
            streams,
            patience: 4 * (send.min(64 << 10) + 2 * BESIDES) / least + 1000,
        }
    }

    fn ends(&mut self) -> [&mut End; 2] {
        [&mut self.pair.client, &mut self.pair.server]
    }

    /// The streams of the server's applications, as they come to be.
    fn serve(&mut self, served: &mut Vec<adit_connection::ChannelId>) {
        let len = self.len;
        for (id, local) in &mut self.pair.server.locals {
            if !served.contains(id) {
                let tag = u8::try_from(100 + served.len()).unwrap();
                local.socket.to_read.extend(stream(tag, len));
                local.socket.read_closed = true;
                served.push(*id);
            }
        }
    }

    /// Sockets that take a little, or nothing, or all.
    fn hinder(&mut self) {
        let rooms = [Some(0), Some(1), Some(500), None];
        let mut random = self.random.clone();
        for end in self.ends() {
            for local in end.locals.values_mut() {
                local.socket.room = random.pick(&rooms);
            }
        }
        self.random.below(2);
    }

    /// Whether any socket was full.
    fn unhinder(&mut self) -> bool {
        let mut was = false;
        for end in self.ends() {
            for local in end.locals.values_mut() {
                was |= local.socket.room.take().is_some();
            }
        }
        was
    }

    /// One end, the other, or both want new keys.
    fn change_keys(&mut self) {
        let (who, later) = (self.random.below(3), self.pair.now + HOUR);
        let mut asked = 0;
        for (i, end) in self.ends().into_iter().enumerate() {
            // Not in an exchange, which would have lasted an hour then.
            let is_idle = end.session.deadline() == Some(later);
            if is_idle && (who == i || who == 2) {
                end.session.handle_timeout(later).unwrap();
                asked += 1;
            }
        }
        self.asked += asked;
    }

    fn received(&mut self) -> usize {
        let of = |end: &mut End| -> usize {
            let locals = end.locals.values();
            locals.map(|local| local.socket.written.len()).sum()
        };
        self.ends().into_iter().map(of).sum()
    }

    /// How often keys were changed, and how often because of their time.
    fn run(mut self) -> [usize; 2] {
        for i in 0..self.streams {
            let id = self.pair.open();
            let local = self.pair.client.locals.get_mut(&id).unwrap();
            let tag = u8::try_from(i).unwrap();
            local.socket.to_read.extend(stream(tag, self.len));
            local.socket.read_closed = true;
        }
        let (mut served, mut last, mut since) = (Vec::new(), 0, 0);
        let all = 2 * self.streams * self.len;
        for step in 0.. {
            let moved = self.pair.step();
            self.serve(&mut served);
            if self.random.below(200) == 0 {
                self.change_keys();
            }
            if self.random.below(50) == 0 {
                self.hinder();
            }
            let received = self.received();
            if received == all {
                break;
            }
            since = if received == last { since + 1 } else { 0 };
            last = received;
            if !moved || since > self.patience {
                let more = self.unhinder();
                assert!(
                    moved || more,
                    "nothing moves at step {step}, {received} of {all}"
                );
                assert!(
                    since < 2 * self.patience,
                    "nothing arrives, {received} of {all}"
                );
            }
        }
        self.unhinder();
        while self.pair.step() {}
        self.check()
    }

    /// Every stream is there, once.
    fn check(mut self) -> [usize; 2] {
        let (len, streams) = (self.len, self.streams);
        let tags = [100..100 + streams, 0..streams];
        for (end, tags) in self.ends().into_iter().zip(tags) {
            assert!(end.is_alive(), "{:?}", end.error);
            let mut seen: Vec<usize> = Vec::new();
            for local in end.locals.values() {
                let tag = local.socket.written[0];
                assert!(local.socket.written == stream(tag, len), "stream {tag}");
                assert!(local.eof);
                seen.push(tag.into());
            }
            seen.sort_unstable();
            assert!(seen.into_iter().eq(tags));
            for (id, _) in end.locals.drain() {
                end.session.release(id);
            }
        }
        while self.pair.step() {}
        let changes = self.ends().map(|end| {
            assert_eq!(end.session.channels().len(), 0);
            end.log.iter().filter(|event| *event == "Rekeyed").count()
        });
        assert_eq!(changes[0], changes[1]);
        [changes[0], self.asked]
    }
}

fn two_sessions_with_full_wires_both_ways_never_wait_for_each_other(provider: &'static Provider) {
    let _alone = alone();
    let (changes, asked) = (Cell::new(0), Cell::new(0));
    seeds::each(12, 1000, |seed| {
        let [n, of_time] = Run::new(provider, seed).run();
        changes.set(changes.get() + n);
        asked.set(asked.get() + of_time);
    });
    assert!(changes.get() > 0, "keys were changed");
    assert!(
        asked.get() >= 12,
        "{} of them because of their time",
        asked.get()
    );
}

adit_testkit::on_every_provider! {
    two_sessions_with_full_wires_both_ways_never_wait_for_each_other
}
