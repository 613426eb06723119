//! Every exchange after the first: data in flight, both sides at once, full buffers, limits.

use super::*;
use crate::rekey::{ASLEEP, EXCHANGE_MAX, EXCHANGE_TERMS_MAX, PACKETS_SOFT};

/// The byte at a place in the stream that each side sends.
fn stream_byte(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]
}

/// Sends a stream as fast as it is taken, and checks the one that arrives.
#[derive(Default)]
struct Stream {
    sent: usize,
    got: usize,
    rekeys: usize,
}

impl Stream {
    fn send(&mut self, t: &mut Transport, total: usize, packet: usize) {
        while self.sent < total {
            let Some(mut slot) = t.tx().reserve(packet.min(total - self.sent)) else {
                return;
            };
            let body = slot.body();
            let n = body.len();
            for (i, byte) in body.iter_mut().enumerate() {
                *byte = stream_byte(self.sent + i);
            }
            slot.seal(0, n).unwrap();
            self.sent += n;
        }
    }

    fn check(&mut self, end: &mut End) {
        assert_eq!(end.error, None);
        for seen in end.seen.drain(..) {
            match seen {
                Seen::Packet(payload) => {
                    for byte in &payload[9..] {
                        assert_eq!(*byte, stream_byte(self.got), "at {}", self.got);
                        self.got += 1;
                    }
                }
                Seen::Rekeyed => self.rekeys += 1,
                Seen::Established | Seen::HostKey | Seen::Extensions => {}
                other @ (Seen::Debug(_) | Seen::Disconnected(..) | Seen::Pong(_)) => {
                    panic!("{other:?}");
                }
            }
        }
    }
}

/// Both sides send `total` bytes each; how often each saw new keys. Panics when nothing moves.
fn stream_both_ways(mut pair: Pair, total: usize, packet: usize) -> [usize; 2] {
    let mut streams = [Stream::default(), Stream::default()];
    loop {
        let [client, server] = &mut streams;
        let before = client.sent + server.sent;
        client.send(&mut pair.client.t, total, packet);
        server.send(&mut pair.server.t, total, packet);
        let sealed = client.sent + server.sent - before;
        let moved = pair.step();
        client.check(&mut pair.client);
        server.check(&mut pair.server);
        if client.got == total && server.got == total {
            return [client.rekeys, server.rekeys];
        }
        assert!(moved + sealed > 0, "both sides wait for each other");
    }
}

fn limited(provider: &'static Provider, bytes: u64, buffers: Buffers) -> Pair {
    let with = |seed| {
        let mut config = config(provider, seed);
        config.rekey.bytes = Some(bytes);
        config.buffers = buffers;
        config
    };
    Pair::new(End::client(with(1)), End::server(with(2)))
}

fn a_stream_both_ways_survives_key_after_key(provider: &'static Provider) {
    let buffers = Buffers {
        recv: 256 * 1024,
        send: 64 * 1024,
    };
    let pair = limited(provider, 64 * 1024, buffers).authenticated();
    let [client, server] = stream_both_ways(pair, 1024 * 1024, 32 * 1024);
    assert!(client >= 8, "{client}");
    assert!(server.abs_diff(client) <= 1, "{server}");
}

fn two_peers_with_full_buffers_never_wait_for_each_other(provider: &'static Provider) {
    let mut next = numbers(77);
    for round in 0..30 {
        let buffers = Buffers {
            recv: 0,
            send: 1 + next() % 40_000,
        };
        let mut pair = limited(provider, 1_000 + next() as u64 % 3_000, buffers).authenticated();
        pair.pipe = [1, 30, 700, 4_096, 100_000][round % 5];
        pair.chunk = 1 + next() % 5_000;
        let total = 2 * buffers.send + 10_000;
        let packet = 1 + next() % 33_000;
        let [client, server] = stream_both_ways(pair, total, packet);
        assert!(client > 0 && server > 0);
    }
}

fn data_in_flight_arrives_after_our_kexinit_and_none_is_taken(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    let mut slot = pair.server.t.tx().reserve(3).unwrap();
    slot.body().copy_from_slice(b"abc");
    slot.seal(1, 3).unwrap();
    pair.client.t.start_rekey(NOW).unwrap();
    assert!(pair.client.t.tx().is_held());
    assert!(pair.client.t.tx().reserve(1).is_none());
    assert_eq!(pair.client.t.tx().control_room(), 0);
    assert_eq!(pair.client.t.tx().send(&Bytes(b"\x50")), Err(Error::Full));
    let in_flight = pair.server.take();
    pair.client.give(&in_flight);
    assert!(matches!(pair.client.seen.last(), Some(Seen::Packet(_))));
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
    assert_eq!(pair.server.count(&Seen::Rekeyed), 1);
    assert!(!pair.client.t.tx().is_held());
}

fn both_sides_may_begin_at_once(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    for round in 1..=3 {
        pair.client.t.start_rekey(NOW).unwrap();
        pair.server.t.start_rekey(NOW).unwrap();
        pair.run();
        for end in [&pair.client, &pair.server] {
            assert_eq!(end.error, None);
            assert_eq!(end.count(&Seen::Rekeyed), round);
        }
    }
}

fn the_session_identifier_stays_that_of_the_first_exchange(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    let first = *pair.client.t.session_id().unwrap();
    // From a hash of 32 bytes to one of 48 and back.
    for kex in [
        "ecdh-sha2-nistp384",
        "curve25519-sha256",
        "ecdh-sha2-nistp384",
    ] {
        for end in [&mut pair.client, &mut pair.server] {
            let algorithms = &mut end.t.config.algorithms;
            algorithms.select_kex(provider, kex).unwrap();
            end.t.offer = Offer::new(algorithms).unwrap();
        }
        pair.server.t.start_rekey(NOW).unwrap();
        pair.run();
        assert_eq!(pair.client.error, None);
        assert_eq!(pair.client.t.negotiated().unwrap().kex, kex);
        assert_eq!(*pair.client.t.session_id().unwrap(), first);
        assert_eq!(*pair.server.t.session_id().unwrap(), first);
    }
    assert_eq!(pair.server.count(&Seen::Rekeyed), 3);
}

fn another_host_key_in_a_later_exchange_ends_the_connection(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.server.t.host_keys = host_keys(provider, 99);
    pair.server.t.start_rekey(NOW).unwrap();
    pair.run();
    let error = Error::from(PeerMisbehaved::HostKeyChanged);
    assert_eq!(pair.client.error, Some(error));
    assert_eq!(
        error.reason(),
        Some(reason::Disconnect::HostKeyNotVerifiable)
    );
    assert_eq!(pair.client.count(&Seen::HostKey), 1);
}

fn strict_sequence_numbers_start_again_at_every_newkeys(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    for _ in 0..3 {
        for _ in 0..10 {
            pair.client.inject(b"\x02\0\0\0\0");
            pair.server.inject(b"\x02\0\0\0\0");
        }
        pair.run();
        assert!(pair.client.t.tx.seq() >= 10);
        pair.client.t.start_rekey(NOW).unwrap();
        pair.run();
        for end in [&pair.client, &pair.server] {
            assert_eq!((end.t.tx.seq(), end.t.rx.seq()), (0, 0));
            assert_eq!(end.error, None);
        }
    }
}

fn other_sequence_numbers_go_on(provider: &'static Provider) {
    let mut pair = rogue::lenient_pair(provider);
    pair.run();
    pair.client.t.authenticated(NOW);
    pair.server.t.authenticated(NOW);
    let before = pair.client.t.tx.seq();
    assert!(before > 3);
    // A sequence number that is not reset wraps, which is no harm under changing keys.
    pair.client.t.tx.set_seq(u32::MAX);
    pair.server.t.rx.set_seq(u32::MAX);
    pair.client.t.start_rekey(NOW).unwrap();
    pair.run();
    assert_eq!(pair.client.error, None);
    assert_eq!(pair.client.t.tx.seq(), 2);
    assert_eq!(pair.server.t.rx.seq(), 2);
    assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
}

fn time_asks_for_new_keys(provider: &'static Provider) {
    let hour = Duration::from_secs(3600);
    let mut pair = Pair::on(provider).authenticated();
    assert_eq!(pair.client.t.exchange_deadline(), Some(NOW + hour));
    pair.client
        .t
        .handle_timeout(NOW + hour - Duration::from_nanos(1))
        .unwrap();
    assert!(!pair.client.t.tx().is_held());
    pair.now = NOW + hour;
    pair.client.t.handle_timeout(pair.now).unwrap();
    assert!(pair.client.t.tx().is_held());
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
    assert_eq!(pair.client.t.exchange_deadline(), Some(NOW + hour + hour));
    assert_eq!(pair.server.t.exchange_deadline(), Some(NOW + hour + hour));
}

fn no_limit_of_time_is_no_deadline(provider: &'static Provider) {
    for time in [None, Some(Duration::ZERO)] {
        let mut config = config(provider, 1);
        config.rekey.time = time;
        let server = End::server(self::config(provider, 2));
        let mut pair = Pair::new(End::client(config), server).authenticated();
        assert_eq!(pair.client.t.exchange_deadline(), None);
        pair.client.poll(NOW);
        assert!(!pair.client.t.tx().is_held());
    }
}

fn the_smallest_limit_still_lets_something_through(provider: &'static Provider) {
    let pair = limited(provider, 0, Buffers::default()).authenticated();
    stream_both_ways(pair, 300, 100);
}

fn an_exchange_ends_within_thirty_seconds_once_authenticated(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.t.start_rekey(NOW).unwrap();
    assert_eq!(pair.client.t.exchange_deadline(), Some(NOW + EXCHANGE_MAX));
    pair.client
        .t
        .handle_timeout(NOW + EXCHANGE_MAX - Duration::from_nanos(1))
        .unwrap();
    // The peer's KEXINIT does not give it more time.
    pair.server.t.start_rekey(NOW).unwrap();
    let kexinit = pair.server.take();
    pair.client.give(&kexinit);
    assert_eq!(pair.client.t.exchange_deadline(), Some(NOW + EXCHANGE_MAX));
    let late = Error::TimedOut(TimedOut::Exchange);
    assert_eq!(pair.client.t.handle_timeout(NOW + EXCHANGE_MAX), Err(late));
    assert_eq!(pair.client.t.poll(NOW).unwrap_err(), late);
}

fn an_exchange_that_a_machine_slept_through_has_another_term(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.t.start_rekey(NOW).unwrap();
    let late = Error::TimedOut(TimedOut::Exchange);
    let mut now = NOW;
    for asleep in [ASLEEP, 1000 * EXCHANGE_MAX] {
        now += EXCHANGE_MAX + asleep;
        pair.client.t.handle_timeout(now).unwrap();
        assert_eq!(pair.client.t.exchange_deadline(), Some(now + EXCHANGE_MAX));
    }
    now += EXCHANGE_MAX + ASLEEP - Duration::from_nanos(1);
    assert_eq!(pair.client.t.handle_timeout(now), Err(late));
}

fn an_exchange_has_more_time_while_data_before_it_still_goes_out(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    while let Some(slot) = pair.client.t.tx().reserve(32 * 1024) {
        slot.seal(0, 32 * 1024).unwrap();
    }
    pair.client.t.start_rekey(NOW).unwrap();
    let mut now = NOW;
    for _ in 0..5 {
        pair.client.t.send_consumed(1_000);
        now += EXCHANGE_MAX;
        assert_eq!(pair.client.t.exchange_deadline(), Some(now));
        pair.client.t.handle_timeout(now).unwrap();
    }
    // All of it went out: one more term, and none after it.
    pair.client.take();
    now += EXCHANGE_MAX;
    pair.client.t.handle_timeout(now).unwrap();
    now += EXCHANGE_MAX;
    let late = Error::TimedOut(TimedOut::Exchange);
    assert_eq!(pair.client.t.handle_timeout(now), Err(late));
}

fn an_exchange_has_more_time_while_data_before_the_peers_kexinit_still_comes_in(
    provider: &'static Provider,
) {
    let mut pair = Pair::on(provider).authenticated();
    for _ in 0..5 {
        let slot = pair.server.t.tx().reserve(32 * 1024).unwrap();
        slot.seal(0, 32 * 1024).unwrap();
    }
    let data = pair.server.take();
    pair.client.t.start_rekey(NOW).unwrap();
    let asked = pair.client.take();
    let mut now = NOW;
    for part in data.chunks(data.len() / 5 + 1) {
        pair.client.give(part);
        now += EXCHANGE_MAX;
        assert_eq!(pair.client.t.exchange_deadline(), Some(now));
        pair.client.t.handle_timeout(now).unwrap();
    }
    // From its KEXINIT on it has nothing else to send.
    pair.server.give(&asked);
    let kexinit = pair.server.take();
    pair.client.give(&kexinit);
    now += EXCHANGE_MAX;
    let late = Error::TimedOut(TimedOut::Exchange);
    assert_eq!(pair.client.t.handle_timeout(now), Err(late));
}

fn an_exchange_has_at_most_twenty_terms_whatever_moves(provider: &'static Provider) {
    let fill = |pair: &mut Pair, now| {
        while let Some(slot) = pair.client.t.tx().reserve(32 * 1024) {
            slot.seal(0, 32 * 1024).unwrap();
        }
        pair.client.t.start_rekey(now).unwrap();
    };
    let goes = |pair: &mut Pair| pair.client.t.send_consumed(1);
    let comes = |pair: &mut Pair| {
        let ignore = msg::Ignore { data: b"" };
        pair.server.t.tx().send(&ignore).unwrap();
        let ignore = pair.server.take();
        pair.client.give(&ignore);
    };
    let late = Err(Error::TimedOut(TimedOut::Exchange));
    for moves in [goes as fn(&mut Pair), comes] {
        let mut pair = Pair::on(provider).authenticated();
        fill(&mut pair, NOW);
        for term in 1..=EXCHANGE_TERMS_MAX {
            moves(&mut pair);
            let now = NOW + EXCHANGE_MAX * term;
            let early = now - Duration::from_nanos(1);
            assert_eq!(pair.client.t.handle_timeout(early), Ok(()));
            let ended = pair.client.t.handle_timeout(now);
            let is_last = term == EXCHANGE_TERMS_MAX;
            assert_eq!(ended, if is_last { late } else { Ok(()) }, "{term}");
        }
    }
    // The next exchange has as many.
    let mut pair = Pair::on(provider).authenticated();
    let mut now = NOW;
    for _ in 0..2 {
        fill(&mut pair, now);
        for _ in 1..EXCHANGE_TERMS_MAX {
            comes(&mut pair);
            now += EXCHANGE_MAX;
            assert_eq!(pair.client.t.handle_timeout(now), Ok(()));
        }
        pair.run();
    }
}

fn bytes_ask_for_new_keys_in_either_direction(provider: &'static Provider) {
    let mut config = config(provider, 1);
    config.rekey.bytes = Some(5_000);
    let server = End::server(self::config(provider, 2));
    let mut pair = Pair::new(End::client(config), server).authenticated();
    let send = |end: &mut End| {
        let mut slot = end.t.tx().reserve(5_000).unwrap();
        let n = slot.body().len();
        slot.seal(0, n).unwrap();
    };
    send(&mut pair.client);
    assert!(
        pair.client.t.exchange_deadline().unwrap() <= NOW,
        "a loop that only sends is told, too"
    );
    pair.client.t.handle_timeout(NOW).unwrap();
    assert!(pair.client.t.tx().is_held());
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
    send(&mut pair.server);
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 2);
}

fn packets_ask_for_new_keys(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.t.tx.usage_mut().packets = PACKETS_SOFT - 1;
    pair.client.poll(NOW);
    assert!(!pair.client.t.tx().is_held());
    pair.client.inject(b"\x02\0\0\0\0");
    pair.client.poll(NOW);
    assert!(pair.client.t.tx().is_held());
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
    pair.server.t.rx.usage_mut().packets = PACKETS_SOFT;
    pair.run();
    pair.server.poll(NOW);
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 2);
}

fn new_keys_asked_for_too_early_come_as_soon_as_they_may(provider: &'static Provider) {
    let mut pair = Pair::on(provider);
    pair.client.t.start_rekey(NOW).unwrap();
    let mut pair = pair.established();
    assert!(!pair.client.t.tx().is_held());
    pair.client.t.authenticated(NOW);
    pair.server.t.authenticated(NOW);
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 1);
    // In an exchange: the next one follows it.
    pair.client.t.start_rekey(NOW).unwrap();
    pair.client.t.start_rekey(NOW).unwrap();
    pair.run();
    assert_eq!(pair.client.count(&Seen::Rekeyed), 3);
    assert_eq!(pair.client.error, None);
}

fn an_exchange_always_finds_room(provider: &'static Provider) {
    let mut next = numbers(99);
    for round in 0..150 {
        let mut with = config(provider, round);
        with.buffers.send = next() % 40_000;
        let server = End::server(config(provider, 2));
        let mut pair = Pair::new(End::client(with), server).authenticated();
        let tx = &mut pair.client.t.tx;
        for _ in 0..next() % 200 {
            match next() % 3 {
                0 => {
                    if let Some(mut slot) = tx.reserve(next() % 9_000 + 1) {
                        let n = slot.body().len();
                        slot.seal(0, n).unwrap();
                    }
                }
                1 => {
                    let len = tx.control_room().min(next() % 900 + 1);
                    if len > 0 {
                        tx.send(&Bytes(&[9; 900][..len])).unwrap();
                    }
                }
                _ => {
                    let len = tx.len();
                    tx.consumed(next() % (len + 1));
                }
            }
            assert!(tx.has_kex_room());
        }
        // A whole flight, with a peer that reads nothing.
        let mut left = tx.kex_room();
        while left > 0 {
            let len = left.saturating_sub(frame::OVERHEAD_MAX).clamp(1, 1_500);
            let before = tx.len();
            tx.send_kex(&Bytes(&[9; 1_500][..len])).unwrap();
            left = left.saturating_sub(tx.len() - before + frame::OVERHEAD_MAX);
        }
    }
}

on_every_provider! {
    a_stream_both_ways_survives_key_after_key
    two_peers_with_full_buffers_never_wait_for_each_other
    data_in_flight_arrives_after_our_kexinit_and_none_is_taken
    both_sides_may_begin_at_once
    the_session_identifier_stays_that_of_the_first_exchange
    another_host_key_in_a_later_exchange_ends_the_connection
    strict_sequence_numbers_start_again_at_every_newkeys
    other_sequence_numbers_go_on
    time_asks_for_new_keys
    no_limit_of_time_is_no_deadline
    the_smallest_limit_still_lets_something_through
    an_exchange_ends_within_thirty_seconds_once_authenticated
    an_exchange_that_a_machine_slept_through_has_another_term
    an_exchange_has_more_time_while_data_before_it_still_goes_out
    an_exchange_has_more_time_while_data_before_the_peers_kexinit_still_comes_in
    an_exchange_has_at_most_twenty_terms_whatever_moves
    bytes_ask_for_new_keys_in_either_direction
    packets_ask_for_new_keys
    new_keys_asked_for_too_early_come_as_soon_as_they_may
    an_exchange_always_finds_room
}
