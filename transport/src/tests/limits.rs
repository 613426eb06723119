//! Limits, and what a peer can make us hold or send.

use adit_crypto::{Cipher, encoded};
use adit_proto::msg::Ping;

use super::rogue::clear;
use super::*;
use crate::frame::{OVERHEAD_MAX, PACKET_LENGTH_MAX};
use crate::rekey::PACKETS_HARD;

const IGNORE: &[u8] = b"\x02\0\0\0\0";

fn a_key_seals_and_opens_no_packet_past_the_hard_limit(provider: &'static Provider) {
    let exhausted = Error::Crypto(CryptoFailure::KeyExhausted);
    let mut pair = Pair::on(provider).authenticated();
    pair.client.t.tx.usage_mut().packets = PACKETS_HARD - 1;
    pair.client.inject(IGNORE);
    let before = pair.client.t.tx().len();
    assert_eq!(pair.client.t.tx().send(&Bytes(IGNORE)), Err(exhausted));
    let slot = pair.client.t.tx().reserve(10).unwrap();
    assert_eq!(slot.seal(0, 10), Err(exhausted));
    assert_eq!(pair.client.t.tx().len(), before, "something was sent");

    let mut pair = Pair::on(provider).authenticated();
    pair.server.t.rx.usage_mut().packets = PACKETS_HARD - 1;
    pair.client.inject(IGNORE);
    pair.client.inject(IGNORE);
    let bytes = pair.client.take();
    pair.server.give(&bytes[..bytes.len() / 2]);
    assert_eq!(pair.server.error, None);
    pair.server.give(&bytes[bytes.len() / 2..]);
    assert_eq!(pair.server.error, Some(exhausted));
}

fn the_sequence_number_does_not_wrap_in_the_first_exchange(provider: &'static Provider) {
    let mut pair = Pair::on(provider);
    rogue::without_markers(&mut pair.client);
    let line = b"SSH-2.0-x\r\n";
    pair.server.give(line);
    pair.server.t.rx.usage_mut().packets = PACKETS_HARD - 2;
    pair.server.t.rx.set_seq(PACKETS_HARD - 2);
    pair.server.give(&clear(IGNORE));
    pair.server.give(&clear(IGNORE));
    assert_eq!(pair.server.error, None);
    pair.server.give(&clear(IGNORE));
    assert_eq!(pair.server.error, Some(CryptoFailure::KeyExhausted.into()));
}

fn packet_length_is_bounded_before_anything_else_arrives(provider: &'static Provider) {
    let bad = Error::PeerMisbehaved(PeerMisbehaved::PacketLength);
    for (length, expected) in [
        (0, Some(bad)),
        (1, Some(bad)),
        (4, Some(bad)),
        (5, Some(bad)),
        (6, Some(bad)),
        (11, Some(bad)),
        (12, None),
        (13, Some(bad)),
        (34_996, None),
        (34_997, Some(bad)),
        (PACKET_LENGTH_MAX, Some(bad)),
        (35_004, Some(bad)),
        (1 << 31, Some(bad)),
        (u32::MAX - 3, Some(bad)),
        (u32::MAX, Some(bad)),
    ] {
        for mut end in [
            End::client(config(provider, 1)),
            End::server(config(provider, 2)),
        ] {
            end.give(b"SSH-2.0-x\r\n");
            end.give(&length.to_be_bytes());
            assert_eq!(end.error, expected, "{length}");
            assert_eq!(end.t.recv_space().map_or(0, |s| s.len() / 40_000), 0);
        }
    }
}

/// A pair that uses one cipher.
fn with_cipher(provider: &'static Provider, cipher: &'static dyn Cipher) -> Pair {
    let only = |seed| {
        let mut config = config(provider, seed);
        config.algorithms.ciphers = [cipher].to_vec();
        let kex = &mut config.algorithms;
        kex.select_kex(provider, "curve25519-sha256").unwrap();
        config
    };
    Pair::new(End::client(only(1)), End::server(only(2))).authenticated()
}

fn whatever_is_wrong_with_a_protected_packet_has_one_name(provider: &'static Provider) {
    for cipher in provider.ciphers {
        let name = cipher.name();
        let mut seen = 0;
        for at in (0..100).step_by(stride(provider, 3)) {
            // Every bit of the length, one of each byte behind it.
            for bit in (0..8).filter(|bit| at < 8 || at % 8 == *bit) {
                let mut pair = with_cipher(provider, *cipher);
                pair.client.inject(&[2; 30]);
                let mut bytes = pair.client.take();
                let Some(byte) = bytes.get_mut(at) else {
                    continue;
                };
                *byte ^= 1 << bit;
                // Another length may announce more than came.
                bytes.resize(40_000, 0);
                pair.server.give(&bytes);
                assert_eq!(
                    pair.server.error,
                    Some(CryptoFailure::Packet.into()),
                    "{name} {at}"
                );
                seen += 1;
            }
        }
        assert!(seen > 100 / stride(provider, 3), "{name}");
    }
}

fn the_largest_payload_of_every_cipher_passes_and_one_more_byte_does_not(
    provider: &'static Provider,
) {
    for cipher in provider.ciphers {
        let name = cipher.name();
        let mut good = 0;
        for len in 34_975..35_000 {
            let mut pair = with_cipher(provider, *cipher);
            let mut tx = Tx::new(toy::random(1), 100_000);
            core::mem::swap(&mut tx, &mut pair.client.t.tx);
            tx.resize(100_000);
            pair.client.t.tx = tx;
            let mut payload = std::vec![94; len];
            payload[0] = 80;
            pair.client.inject(&payload);
            let bytes = pair.client.take();
            pair.server.give(&bytes);
            match pair.server.error {
                None => {
                    assert_eq!(pair.server.seen.last(), Some(&Seen::Packet(payload)));
                    good = len;
                }
                Some(error) => {
                    assert_eq!(error, CryptoFailure::Packet.into());
                    assert!(len > good);
                }
            }
        }
        // packet_length 35 000 or the last whole block below, less padding_length and padding.
        assert!((34_980..34_996).contains(&good), "{name} {good}");
    }
}

fn a_flood_of_ping_grows_nothing(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    let ping = encoded(&Ping { data: &[7; 10_000] });
    for _ in 0..500 {
        pair.client.inject(&ping);
        let bytes = pair.client.take();
        pair.server.give(&bytes);
        assert_eq!(pair.server.error, None);
    }
    let capacity = pair.server.t.tx.capacity();
    assert!(pair.server.t.tx().len() <= capacity);
    assert!(pair.server.t.tx.has_kex_room());
    let room = pair.server.t.tx().control_room();
    assert!(room < ping.len(), "the flood was answered");
    // What was dropped is dropped for good.
    let answers = pair.server.take();
    pair.client.give(&answers);
    assert!(pair.server.t.tx().is_empty());
    assert_eq!(pair.client.error, None);
}

fn a_ping_is_answered_only_after_authentication_and_not_in_an_exchange(
    provider: &'static Provider,
) {
    let ping = encoded(&Ping { data: b"x" });
    let mut pair = Pair::on(provider).established();
    pair.client.inject(&ping);
    let bytes = pair.client.take();
    pair.server.give(&bytes);
    assert!(pair.server.t.tx().is_empty());
    assert_eq!(pair.server.error, None);
    let mut pair = Pair::on(provider).authenticated();
    pair.server.t.start_rekey(NOW).unwrap();
    pair.server.take();
    pair.client.inject(&ping);
    let bytes = pair.client.take();
    pair.server.give(&bytes);
    assert!(pair.server.t.tx().is_empty());
    assert_eq!(pair.server.error, None);
}

fn ping_measures_a_round_trip(provider: &'static Provider) {
    let mut pair = Pair::on(provider);
    assert_eq!(pair.client.t.ping(NOW), Sent::NotOffered);
    pair.run();
    assert_eq!(pair.client.t.ping(NOW), Sent::NotNow);
    let mut pair = pair.authenticated_now();
    assert_eq!(pair.client.t.ping(NOW), Sent::Yes);
    pair.now = NOW + Duration::from_millis(30);
    pair.run();
    let pong = Seen::Pong(Duration::from_millis(30));
    assert_eq!(pair.client.seen.last(), Some(&pong));
    // One that nobody asked for is nothing.
    pair.server.inject(b"\xc1\0\0\0\x01x");
    pair.run();
    assert_eq!(pair.client.count(&pong), 1);
    pair.client.t.start_rekey(NOW).unwrap();
    assert_eq!(pair.client.t.ping(NOW), Sent::NotNow);
}

impl Pair {
    fn authenticated_now(mut self) -> Self {
        self.client.t.authenticated(NOW);
        self.server.t.authenticated(NOW);
        self
    }
}

fn unknown_messages_are_answered_as_far_as_there_is_room(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.inject(&[200, 1, 2]);
    let seq = pair.client.t.tx.seq() - 1;
    let bytes = pair.client.take();
    pair.server.give(&bytes);
    let mut expected = std::vec![3];
    expected.extend_from_slice(&seq.to_be_bytes());
    // UNIMPLEMENTED is dropped on arrival, so look at what was sent.
    assert_eq!(pair.server.t.tx.seq(), 3);
    pair.run();
    assert_eq!((pair.client.error, pair.server.error), (None, None));
    for _ in 0..100_000 {
        pair.client.inject(&[200]);
        let bytes = pair.client.take();
        pair.server.give(&bytes);
    }
    assert!(pair.server.t.tx.has_kex_room());
    assert_eq!(pair.server.error, None);
}

fn a_client_may_send_one_ext_info_and_a_server_two(provider: &'static Provider) {
    let ext_info = b"\x07\0\0\0\0";
    for extra in 0..3 {
        let mut pair = Pair::on(provider).established();
        for _ in 0..extra {
            pair.client.inject(ext_info);
            pair.server.inject(ext_info);
        }
        pair.run();
        let too_many = Some(Error::from(PeerMisbehaved::TooManyExtInfo));
        assert_eq!(pair.server.error, too_many.filter(|_| extra > 0));
        assert_eq!(pair.client.error, too_many.filter(|_| extra > 1));
    }
}

fn ssh_userauth_may_be_asked_for_thirty_two_times(provider: &'static Provider) {
    let request = b"\x05\0\0\0\x0cssh-userauth";
    for (requests, good) in [(31, true), (32, true), (33, false)] {
        let mut pair = Pair::on(provider).established();
        // In one piece, and nothing of the answers is taken meanwhile. One came before.
        let pieces: Vec<u8> = (1..requests)
            .flat_map(|_| {
                pair.client.inject(request);
                pair.client.take()
            })
            .collect();
        pair.server.give(&pieces);
        let number = adit_proto::number::SERVICE_REQUEST;
        let unexpected = Error::from(PeerMisbehaved::UnexpectedMessage { number });
        assert_eq!(pair.server.error, Some(unexpected).filter(|_| !good));
        let established = pair.server.count(&Seen::Established);
        assert_eq!(established, 1, "once, or all would begin anew");
    }
    let mut pair = Pair::on(provider).established();
    pair.client.inject(b"\x05\0\0\0\x0essh-connection");
    pair.run();
    let unknown = Error::from(PeerMisbehaved::UnknownService);
    assert_eq!(pair.server.error, Some(unknown));
}

fn ext_info_has_at_most_sixteen_extensions_and_as_many_as_it_says(provider: &'static Provider) {
    for (count, pairs, good) in [
        (15, 15, true),
        (16, 16, true),
        (17, 17, false),
        (2, 1, false),
    ] {
        let mut message = std::vec![7];
        message.extend_from_slice(&u32::to_be_bytes(count));
        for _ in 0..pairs {
            message.extend_from_slice(b"\0\0\0\x01a\0\0\0\0");
        }
        let mut pair = Pair::on(provider).established();
        pair.server.inject(&message);
        pair.run();
        assert_eq!(pair.client.error.is_none(), good, "{count}");
    }
    let mut pair = Pair::on(provider).established();
    pair.server.inject(b"\x07\xff\xff\xff\xff");
    pair.run();
    assert_eq!(
        pair.client.error,
        Some(Error::Malformed(adit_proto::Malformed::TooMany))
    );
}

fn a_full_receive_buffer_is_not_an_end_of_file(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.inject(IGNORE);
    let packet = pair.client.take();
    let mut rest = packet.iter().cycle();
    while let Some(space) = pair.server.t.recv_space() {
        assert!(!space.is_empty());
        for byte in &mut *space {
            *byte = *rest.next().unwrap();
        }
        let n = space.len();
        pair.server.t.recv_filled(n);
    }
    // The first is good and makes room, the second is a replay.
    let replay = Err(Error::Crypto(CryptoFailure::Packet));
    assert_eq!(pair.server.t.poll(NOW).map(|_| ()), replay);
}

fn a_full_send_buffer_refuses_and_a_dropped_slot_sends_nothing(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    let tx = pair.client.t.tx();
    let seq = tx.seq();
    drop(tx.reserve(100));
    assert!(tx.is_empty());
    assert_eq!(tx.seq(), seq);
    assert!(tx.reserve(0).is_none());
    let mut slot = tx.reserve(1).unwrap();
    assert_eq!(slot.body().len(), 1);
    assert_eq!(slot.seal(0, 2), Err(Error::Internal(Internal::Encode)));
    assert_eq!(tx.reserve(usize::MAX).unwrap().body().len(), 32 * 1024);
    let mut packets = 0;
    while let Some(mut slot) = tx.reserve(32 * 1024) {
        let n = slot.body().len();
        slot.seal(0, n).unwrap();
        packets += 1;
    }
    // The flush mark of 256 KiB, with the last packet whole.
    assert_eq!(packets, 8);
    assert!(tx.len() >= 256 * 1024);
    // Control messages still pass, and leave room for an exchange.
    assert!(tx.control_room() >= 2048);
    let len = tx.control_room();
    tx.send(&Bytes(&std::vec![9; len])).unwrap();
    assert!(tx.control_room() < OVERHEAD_MAX);
    assert!(tx.has_kex_room());
    assert_eq!(tx.send(&Bytes(&[9; 200])), Err(Error::Full));
    tx.consumed(tx.len());
    assert!(tx.reserve(1).is_some());
}

fn control_room_says_what_send_takes(provider: &'static Provider) {
    let mut next = numbers(4711);
    let mut pair = Pair::on(provider).authenticated();
    for _ in 0..2_000 {
        let tx = pair.client.t.tx();
        match next() % 3 {
            0 => {
                let len = tx.control_room();
                if len > 0 && next().is_multiple_of(10) {
                    tx.send(&Bytes(&std::vec![9; len])).unwrap();
                }
            }
            1 => {
                if let Some(mut slot) = tx.reserve(next() % 40_000) {
                    let n = slot.body().len();
                    slot.seal(0, n).unwrap();
                }
            }
            _ => {
                let n = next() % (tx.len() + 1);
                tx.consumed(n);
            }
        }
    }
}

fn the_smallest_buffers_still_carry_the_largest_packet(provider: &'static Provider) {
    let with = |seed| {
        let mut config = config(provider, seed);
        config.buffers = Buffers { recv: 0, send: 1 };
        config
    };
    let mut pair = Pair::new(End::client(with(1)), End::server(with(2))).authenticated();
    let slot = pair.client.t.tx().reserve(32 * 1024).unwrap();
    slot.seal(0, 1_024).unwrap();
    assert!(pair.client.t.tx().reserve(1).is_none());
    pair.run();
    let first = pair.server.t.recv_space().unwrap().len();
    pair.server.t.recv_filled(first);
    assert!(first + pair.server.t.recv_space().unwrap().len() > 35_000);
}

fn the_length_of_a_secret_is_hidden_and_its_bytes_arrive(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    let mut lengths = std::vec![];
    for len in [1, 2, Tx::HIDING - 1, Tx::HIDING, Tx::HIDING + 1] {
        let tx = pair.client.t.tx();
        assert!(tx.is_empty());
        tx.send_hiding_length(&Bytes(&std::vec![94; len])).unwrap();
        lengths.push(tx.len());
        pair.server.seen.clear();
        pair.run();
        assert_eq!(pair.server.seen, [Seen::Packet(std::vec![94; len])]);
    }
    let [one, two, below, at, above] = lengths[..] else {
        panic!("five lengths");
    };
    assert_eq!([one, two, below], [at; 3]);
    assert_eq!(above, at + Tx::HIDING);
    // A room of that much more is enough.
    let tx = pair.client.t.tx();
    let len = tx.control_room() - Tx::HIDING;
    tx.send_hiding_length(&Bytes(&std::vec![9; len])).unwrap();
    assert!(tx.has_kex_room());
}

on_every_provider! {
    a_key_seals_and_opens_no_packet_past_the_hard_limit
    the_sequence_number_does_not_wrap_in_the_first_exchange
    packet_length_is_bounded_before_anything_else_arrives
    whatever_is_wrong_with_a_protected_packet_has_one_name
    the_largest_payload_of_every_cipher_passes_and_one_more_byte_does_not
    a_flood_of_ping_grows_nothing
    a_ping_is_answered_only_after_authentication_and_not_in_an_exchange
    ping_measures_a_round_trip
    unknown_messages_are_answered_as_far_as_there_is_room
    a_client_may_send_one_ext_info_and_a_server_two
    ssh_userauth_may_be_asked_for_thirty_two_times
    ext_info_has_at_most_sixteen_extensions_and_as_many_as_it_says
    a_full_receive_buffer_is_not_an_end_of_file
    a_full_send_buffer_refuses_and_a_dropped_slot_sends_nothing
    control_room_says_what_send_takes
    the_smallest_buffers_still_carry_the_largest_packet
    the_length_of_a_secret_is_hidden_and_its_bytes_arrive
}
