//! Windows: what they allow, when they are adjusted, and how they grow.

use core::time::Duration;
use std::collections::VecDeque;
use std::vec::Vec;

use adit_proto::Decode;
use adit_proto::msg::{ChannelDataHead, ChannelOpen, ChannelOpenConfirmation, ChannelWindowAdjust};

use super::support::*;
use crate::*;

const MIB: u32 = 1 << 20;

fn misbehaved(what: PeerMisbehaved) -> Result<Event, Error> {
    Err(Error::PeerMisbehaved(what))
}

// What the peer may send.

#[test]
fn not_one_byte_more_than_the_window() {
    for (n, is_taken) in [(65_535_usize, true), (65_536, true), (65_537, false)] {
        let mut side = Side::client();
        let id = side.opened();
        assert_eq!(side.channels.loan(id), 65_536);
        side.data(id, 30_000).unwrap();
        side.data(id, 30_000).unwrap();
        let last = n - 60_000;
        let range = 9..9 + last;
        let result = side.data(id, last);
        if is_taken {
            assert_eq!(result, Ok(Event::Data { id, range }));
        } else {
            assert_eq!(result, misbehaved(PeerMisbehaved::WindowExceeded));
        }
    }
}

#[test]
fn not_one_byte_more_in_a_message_than_we_said() {
    let max = DATA_MAX as usize;
    for (n, is_taken) in [(max - 1, true), (max, true), (max + 1, false)] {
        let mut side = Side::client();
        let id = side.opened();
        let result = side.data(id, n);
        if is_taken {
            let range = 9..9 + n;
            assert_eq!(result, Ok(Event::Data { id, range }));
        } else {
            assert_eq!(result, misbehaved(PeerMisbehaved::PacketTooLarge));
        }
    }
}

#[test]
fn no_data_many_times_is_nothing() {
    let mut side = Side::client();
    let id = side.opened();
    let loan = side.channels.loan(id);
    for _ in 0..100_000 {
        assert_eq!(side.data(id, 0), Ok(Event::Quiet));
    }
    assert_eq!(side.channels.loan(id), loan);
    side.says(&[]);
}

#[test]
fn an_adjust_is_due_once_a_quarter_is_owed() {
    let mut side = Side::client();
    let id = side.opened();
    side.data(id, 20_000).unwrap();
    side.says(&[]);
    side.channels.delivered(id, 16_383, side.now);
    side.says(&[]);
    side.channels.delivered(id, 1, side.now);
    side.says(&[our_adjust(16_384)]);
    side.channels.delivered(id, 20_000 - 16_384, side.now);
    side.says(&[]);
    assert_eq!(side.channels.loan(id), 65_536);
}

#[test]
fn what_is_not_delivered_is_not_granted_again() {
    let mut side = Side::client();
    let id = side.opened();
    side.data(id, 32_768).unwrap();
    side.data(id, 32_768).unwrap();
    side.says(&[]);
    assert_eq!(side.data(id, 1), misbehaved(PeerMisbehaved::WindowExceeded));
}

// What we may send.

#[test]
fn a_grant_is_what_window_and_packet_size_leave() {
    let mut side = Side::client();
    let id = side.opened();
    let max = |side: &Side| side.channels.grant(id).map(|grant| grant.max);
    assert_eq!(max(&side), Some(32_768));
    for _ in 0..3 {
        side.channels.sent(id, 32_768);
    }
    assert_eq!(max(&side), Some(PEER_WINDOW as usize - 3 * 32_768));
    side.channels.sent(id, PEER_WINDOW as usize - 3 * 32_768);
    assert_eq!(max(&side), None);
    assert_eq!(side.adjust(id, 0), Ok(Event::Quiet));
    assert_eq!(max(&side), None);
    assert_eq!(side.adjust(id, 1), Ok(Event::WindowOpened(id)));
    assert_eq!(max(&side), Some(1));
    assert_eq!(side.adjust(id, 1), Ok(Event::Quiet));
    assert_eq!(max(&side), Some(2));
}

#[test]
fn a_window_beyond_32_bits_ends_the_session() {
    let mut side = Side::client();
    let id = side.opened();
    assert_eq!(side.adjust(id, u32::MAX - PEER_WINDOW), Ok(Event::Quiet));
    let overflow = misbehaved(PeerMisbehaved::WindowOverflow);
    assert_eq!(side.adjust(id, 1), overflow);
    let mut side = Side::client();
    let id = side.opened();
    assert_eq!(side.adjust(id, u32::MAX - PEER_WINDOW + 1), overflow);
    let mut side = Side::client();
    let id = side.opened();
    assert_eq!(side.adjust(id, u32::MAX), overflow);
}

#[test]
fn a_window_opened_byte_by_byte_is_told_once() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.sent(id, PEER_WINDOW as usize);
    assert_eq!(side.adjust(id, 1), Ok(Event::WindowOpened(id)));
    for _ in 0..100_000 {
        assert_eq!(side.adjust(id, 1), Ok(Event::Quiet));
    }
    assert_eq!(side.channels.grant(id).unwrap().max, 32_768);
}

// How it shares.

#[test]
fn first_windows_shrink_as_channels_come() {
    let mut side = Side::client();
    let mut ids = Vec::new();
    // Beyond the bases there is half of the book, and an eighth of it is for those that grow.
    let mut on_top = 32 * MIB - 8 * MIB;
    for n in 1..=10_000_u32 {
        let id = side.channels.open(WEB).unwrap();
        let said = side.say();
        let window = ChannelOpen::decode(&said[0]).unwrap().initial_window_size;
        let wanted = (64 * MIB / (8 * n)).clamp(2 << 10, 64 << 10);
        assert_eq!(window, wanted.min((2 << 10) + on_top));
        on_top -= window - (2 << 10);
        assert_eq!(window, side.channels.loan(id));
        ids.push(id);
    }
    let lent = ids.iter().map(|id| side.channels.loan(*id)).sum::<u32>();
    assert_eq!(on_top, 0);
    assert_eq!(lent / MIB, 43);
    assert_eq!(lent + side.channels.left(), 64 * MIB);
}

#[test]
fn a_profile_opens_as_many_channels_as_it_says_whoever_was_greedy_before() {
    for limits in [Limits::CLIENT, Limits::SERVER, Limits::EMBEDDED] {
        let mut path = Path::new(limits, 4);
        path.run(Duration::from_secs(20));
        for _ in 4..limits.max_channels {
            path.side.channels.open(WEB).unwrap();
        }
        assert_eq!(path.side.channels.open(WEB), Err(NotOpened::Full));
    }
}

// How they grow: a path with a round trip of 200 ms, a peer that sends all it may at 1 Gbit/s, and
// readers of any speed.

const STEP: Duration = Duration::from_millis(1);
const ONE_WAY_STEPS: usize = 100;
/// Bytes in a millisecond at 1 Gbit/s.
const RATE: u32 = 125_000;

struct Path {
    side: Side,
    /// Bytes in a step, that of its narrowest part.
    rate: u32,
    flows: Vec<Flow>,
    payload: Vec<u8>,
}

struct Flow {
    id: ChannelId,
    /// What the peer knows that it may send.
    window: u32,
    /// What the path has carried of a message that is not complete.
    partly: u32,
    /// Data on its way here, and adjusts on their way there: one entry for each step.
    data: VecDeque<u32>,
    adjusts: VecDeque<u32>,
    held: u32,
    /// Bytes in a step.
    reader: u32,
    received: u64,
}

impl Flow {
    /// The peer's number for it is its place among the flows.
    fn new(side: &mut Side, sender_channel: usize) -> Self {
        let id = side.opening();
        let message = ChannelOpenConfirmation {
            sender_channel: sender_channel as u32,
            ..confirmation(id)
        };
        side.hear(&message).unwrap();
        Self {
            id,
            window: side.channels.loan(id),
            partly: 0,
            data: VecDeque::from(std::vec![0; ONE_WAY_STEPS]),
            adjusts: VecDeque::from(std::vec![0; ONE_WAY_STEPS]),
            held: 0,
            reader: u32::MAX,
            received: 0,
        }
    }
}

impl Path {
    fn new(limits: Limits, flows: usize) -> Self {
        let mut side = Side::new(limits, Accepts::Nothing);
        let flows = (0..flows).map(|n| Flow::new(&mut side, n)).collect();
        Self {
            side,
            rate: RATE,
            flows,
            payload: std::vec![0; ChannelDataHead::LEN + DATA_MAX as usize],
        }
    }

    fn with_round_trip(mut self) -> Self {
        let round_trip = Duration::from_millis(200);
        self.side.channels.set_round_trip(round_trip);
        self
    }

    fn loan(&self, flow: usize) -> u32 {
        self.side.channels.loan(self.flows[flow].id)
    }

    fn run(&mut self, time: Duration) {
        let end = self.side.now + time;
        while self.side.now < end {
            self.side.later(STEP);
            self.step();
        }
    }

    fn step(&mut self) {
        for flow in &mut self.flows {
            // There.
            flow.window += flow.adjusts.pop_front().unwrap();
            let mut n = flow.window.min(self.rate);
            if self.rate < DATA_MAX {
                // A message is not there before its last byte.
                let message = flow.window.min(DATA_MAX);
                flow.partly += self.rate;
                n = if flow.partly >= message { message } else { 0 };
                flow.partly = if message > 0 { flow.partly - n } else { 0 };
            }
            flow.window -= n;
            flow.data.push_back(n);
            // Here.
            let mut n = flow.data.pop_front().unwrap();
            while n > 0 {
                let one = n.min(DATA_MAX);
                let len = ChannelDataHead::LEN + one as usize;
                let head = ChannelDataHead {
                    recipient_channel: flow.id.number(),
                    data_len: one,
                };
                self.payload[..ChannelDataHead::LEN].copy_from_slice(&head.to_bytes());
                let payload = &self.payload[..len];
                self.side.channels.handle(payload, self.side.now).unwrap();
                flow.held += one;
                n -= one;
                let delivered = flow.held.min(flow.reader);
                if flow.reader == u32::MAX {
                    self.side
                        .channels
                        .delivered(flow.id, delivered as usize, self.side.now);
                    flow.held = 0;
                    flow.received += u64::from(delivered);
                }
            }
            if flow.reader != u32::MAX && flow.held > 0 {
                let delivered = flow.held.min(flow.reader);
                self.side
                    .channels
                    .delivered(flow.id, delivered as usize, self.side.now);
                flow.held -= delivered;
                flow.received += u64::from(delivered);
            }
        }
        let mut adjusts = std::vec![0; self.flows.len()];
        for message in self.side.say() {
            let adjust = ChannelWindowAdjust::decode(&message).unwrap();
            adjusts[adjust.recipient_channel as usize] += adjust.bytes_to_add;
        }
        for (flow, n) in self.flows.iter_mut().zip(adjusts) {
            flow.adjusts.push_back(n);
        }
    }
}

#[test]
fn a_path_of_200_ms_is_filled() {
    for limits in [Limits::CLIENT, Limits::SERVER, Limits::EMBEDDED] {
        for mut path in [Path::new(limits, 1), Path::new(limits, 1).with_round_trip()] {
            path.run(Duration::from_secs(4));
            assert_eq!(path.loan(0), limits.window_budget / 4);
            let before = path.flows[0].received;
            path.run(Duration::from_secs(4));
            // What a window of that size lets through: once a round trip, less what a quarter
            // waits for.
            let received = path.flows[0].received - before;
            let bound = u64::from(limits.window_budget / 4) * 5 * 4;
            assert!(received > bound * 3 / 4, "{received} of {bound}");
        }
    }
}

#[test]
fn a_narrow_path_is_filled_and_its_queues_are_not() {
    for megabits in [1, 2, 5, 10, 20, 50, 100, 200] {
        let mut path = Path::new(Limits::CLIENT, 1).with_round_trip();
        path.rate = megabits * 125;
        path.run(Duration::from_secs(10));
        let before = path.flows[0].received;
        path.run(Duration::from_secs(10));
        let received = path.flows[0].received - before;
        let carried = u64::from(path.rate) * 10_000;
        assert!(received >= carried * 97 / 100, "{received} of {carried}");
        // A round trip holds so much, and the first part of a round costs no time. Where one message
        // takes longer than half a round trip, it looks like something that was lost.
        let holds = path.rate * 200 + DATA_MAX;
        let most = (8 * DATA_MAX).max(holds * 8 / 3);
        assert!(path.loan(0) <= most, "{} of {most}", path.loan(0));
    }
}

#[test]
fn a_slow_reader_never_grows() {
    for reader in [1, 10, 60] {
        let mut path = Path::new(Limits::CLIENT, 1).with_round_trip();
        path.flows[0].reader = reader;
        let first = path.loan(0);
        path.run(Duration::from_secs(30));
        assert_eq!(path.loan(0), first);
        let least = u64::from(reader) * 30_000 * 9 / 10;
        assert!(path.flows[0].received > least);
    }
    // A reader that takes a window in a second is not slow to one who knows no round trip.
    let mut path = Path::new(Limits::CLIENT, 1);
    path.flows[0].reader = 40;
    let first = path.loan(0);
    path.run(Duration::from_secs(30));
    assert_eq!(path.loan(0), first);
}

#[test]
fn a_thousand_slow_readers_stay_within_the_book_and_hold_no_quick_one_up() {
    for limits in [Limits::CLIENT, Limits::SERVER] {
        let mut path = Path::new(limits, 1001).with_round_trip();
        for (n, flow) in path.flows[1..].iter_mut().enumerate() {
            // Three quarters of the smallest window, a KiB, take each longer than a round trip.
            flow.reader = [0, 1, 3][n % 3];
        }
        let firsts: Vec<u32> = (0..=1000).map(|n| path.loan(n)).collect();
        for _ in 0..20 {
            path.run(Duration::from_millis(100));
            let loans: u32 = (0..=1000).map(|n| path.loan(n)).sum();
            assert_eq!(loans + path.side.channels.left(), limits.window_budget);
            let held: u32 = path.flows.iter().map(|flow| flow.held).sum();
            assert!(held <= loans, "{held} of {loans}");
        }
        for (n, first) in firsts.iter().enumerate().skip(1) {
            // Less, where a tight book asked for some of it back.
            assert!(path.loan(n) <= *first, "{} of {first}", path.loan(n));
        }
        // First windows leave an eighth to whoever grows, and growth leaves the low mark.
        let least = limits.window_budget / 8 - limits.window_budget / 32;
        assert!(path.loan(0) >= least, "{} of {least}", path.loan(0));
    }
}

#[test]
fn a_slow_reader_never_grows_by_reading_all_at_once() {
    let mut side = Side::client();
    side.channels.set_round_trip(Duration::from_millis(50));
    let id = side.opened();
    for _ in 0..10 {
        side.data(id, 32_768).unwrap();
        side.data(id, 32_768).unwrap();
        side.later(Duration::from_secs(10));
        // Nothing arrived or was sent meanwhile: it is this call that brings the time.
        side.channels.delivered(id, 65_536, side.now);
        assert_eq!(side.channels.loan(id), 65_536);
        side.says(&[our_adjust(65_536)]);
        side.later(Duration::from_millis(100));
        side.data(id, 6_554).unwrap();
        side.channels.delivered(id, 6_554, side.now);
        assert_eq!(side.channels.loan(id), 65_536);
        side.later(Duration::from_secs(1));
        side.data(id, 10_000).unwrap();
        side.channels.delivered(id, 10_000, side.now);
        side.says(&[our_adjust(16_554)]);
    }
    // As much at once and taken at once is a window that is too small.
    side.later(Duration::from_secs(1));
    side.data(id, 32_768).unwrap();
    side.data(id, 32_768).unwrap();
    side.channels.delivered(id, 65_536, side.now);
    assert!(side.channels.loan(id) > 65_536);
}

#[test]
fn a_reader_that_stops_stops_its_own_channel_only() {
    let mut path = Path::new(Limits::CLIENT, 2).with_round_trip();
    path.run(Duration::from_secs(3));
    path.flows[0].reader = 0;
    path.run(Duration::from_secs(2));
    let (stopped, other) = (path.flows[0].received, path.flows[1].received);
    let (held, loan) = (path.flows[0].held, path.loan(0));
    assert!(held <= loan && held > loan / 4 * 3, "{held} of {loan}");
    path.run(Duration::from_secs(2));
    assert_eq!(path.flows[0].received, stopped);
    assert!(path.flows[1].received > other + 100_000_000);
}

#[test]
fn who_comes_late_gets_a_fair_share_of_a_book_that_others_have_lent_out() {
    for limits in [Limits::CLIENT, Limits::SERVER, Limits::EMBEDDED] {
        let mut path = Path::new(limits, 4).with_round_trip();
        path.run(Duration::from_secs(5));
        let late = 12;
        for n in 4..late {
            path.flows.push(Flow::new(&mut path.side, n));
        }
        path.run(Duration::from_secs(20));
        let fair = limits.window_budget / (2 * late as u32);
        for n in 0..late {
            assert!(path.loan(n) >= fair * 3 / 4, "{n}: {}", path.loan(n));
        }
    }
}

#[test]
fn many_that_are_idle_do_not_keep_a_busy_one_small() {
    let mut path = Path::new(Limits::CLIENT, 1).with_round_trip();
    for _ in 0..1000 {
        path.side.opened();
    }
    path.run(Duration::from_secs(5));
    assert!(path.loan(0) >= 6 * MIB, "{}", path.loan(0));
    let steady = path.loan(0);
    path.run(Duration::from_secs(5));
    assert_eq!(path.loan(0), steady);
}
