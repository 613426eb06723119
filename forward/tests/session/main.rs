//! Two sessions in memory: what one local side gives, the other gets, whatever the path is like.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod kinds;

use core::time::Duration;
use std::io::ErrorKind;

use adit_crypto::Provider;
use adit_forward::{Error, Patience};
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;
use adit_testkit::pair::{Pair, Setup, Willing};
use adit_transport::{Buffers, RekeyLimits};

/// Bytes that tell where they belong.
fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| ((i / 251) ^ (i % 251) ^ seed).to_le_bytes()[0])
        .collect()
}

fn every_kex_and_cipher_carries_bytes_and_ends_in_order(provider: &'static Provider) {
    for kex in provider.kex {
        for cipher in provider.ciphers {
            let mut setup = Setup::new(provider);
            setup.kex = Some(kex.name());
            setup.cipher = Some(cipher.name());
            setup.mac = cipher.mac();
            let mut pair = Pair::connected(&setup);
            let negotiated = pair.client.session.transport().negotiated().unwrap();
            assert_eq!(negotiated.kex, kex.name());
            assert_eq!(negotiated.cipher_to_server, cipher.name());
            assert_eq!(negotiated.mac_to_server, cipher.mac());
            exchange(&mut pair, 200_000);
        }
    }
}

/// Bytes both ways and an end in order.
fn exchange(pair: &mut Pair, len: usize) {
    let (up, down) = (pattern(1, len), pattern(2, len));
    let id = pair.open();
    pair.client
        .locals
        .get_mut(&id)
        .unwrap()
        .socket
        .to_read
        .extend(&up);
    pair.run();
    pair.served().socket.to_read.extend(&down);
    pair.run();
    assert!(pair.served().socket.written == up);
    assert!(pair.client.locals[&id].socket.written == down);
    pair.client.locals.get_mut(&id).unwrap().socket.read_closed = true;
    pair.run();
    assert!(pair.served().eof);
    assert!(!pair.client.locals[&id].eof, "the other half goes on");
    pair.served().socket.to_read.extend(b"last words");
    pair.served().socket.read_closed = true;
    pair.run();
    let local = &pair.client.locals[&id];
    assert!(local.eof && local.socket.written.ends_with(b"last words"));
    for end in [&mut pair.client, &mut pair.server] {
        for (id, _) in end.locals.drain() {
            end.session.release(id);
        }
    }
    pair.run();
    assert_eq!(pair.client.session.channels().len(), 0);
    assert_eq!(pair.server.session.channels().len(), 0);
    assert!(pair.client.is_alive() && pair.server.is_alive());
}

fn bytes_arrive_whatever_the_pieces_they_come_in(provider: &'static Provider) {
    for chunk in [1, 2, 3, 7, 100, 1460, 16_384] {
        let mut setup = Setup::new(provider);
        setup.chunk = chunk;
        let mut pair = Pair::connected(&setup);
        exchange(&mut pair, 40_000.min(chunk * 2000));
    }
}

fn keys_change_while_data_goes_both_ways(provider: &'static Provider) {
    let mut setup = Setup::new(provider);
    setup.rekey = RekeyLimits {
        bytes: Some(64 << 10),
        time: None,
    };
    let mut pair = Pair::connected(&setup);
    let ids: Vec<_> = (0..8).map(|_| pair.open()).collect();
    pair.run();
    for (i, id) in ids.iter().enumerate() {
        let local = pair.client.locals.get_mut(id).unwrap();
        local.socket.to_read.extend(pattern(i, 300_000));
    }
    for (i, local) in pair.server.locals.values_mut().enumerate() {
        local.socket.to_read.extend(pattern(100 + i, 300_000));
    }
    pair.run();
    let mut got: Vec<_> = pair
        .server
        .locals
        .values()
        .map(|l| l.socket.written.clone())
        .collect();
    for i in 0..8 {
        let at = got
            .iter()
            .position(|bytes| *bytes == pattern(i, 300_000))
            .unwrap();
        got.remove(at);
    }
    let mut got: Vec<_> = pair
        .client
        .locals
        .values()
        .map(|l| l.socket.written.clone())
        .collect();
    for i in 0..8 {
        let at = got
            .iter()
            .position(|bytes| *bytes == pattern(100 + i, 300_000))
            .unwrap();
        got.remove(at);
    }
    for end in [&pair.client, &pair.server] {
        let rekeys = end.log.iter().filter(|line| *line == "Rekeyed").count();
        assert!(rekeys >= 8, "{rekeys} re-exchanges");
        assert!(end.is_alive());
    }
}

fn two_ends_with_full_wires_change_keys_and_go_on(provider: &'static Provider) {
    let mut setup = Setup::new(provider);
    setup.rekey = RekeyLimits {
        bytes: Some(32 << 10),
        time: None,
    };
    setup.buffers = Buffers {
        recv: 40 << 10,
        send: 40 << 10,
    };
    setup.wire = 700;
    setup.chunk = 333;
    let mut pair = Pair::connected(&setup);
    exchange(&mut pair, 150_000);
}

fn a_closed_window_parks_only_its_own_channel(provider: &'static Provider) {
    let mut pair = Pair::connected(&Setup::new(provider));
    let (stuck, lively) = (pair.open(), pair.open());
    pair.run();
    for local in pair.server.locals.values_mut() {
        local.socket.room = Some(0);
    }
    pair.client
        .locals
        .get_mut(&stuck)
        .unwrap()
        .socket
        .to_read
        .extend(vec![7; 4 << 20]);
    pair.run();
    let left = pair.client.locals[&stuck].socket.to_read.len();
    assert!(left > 0, "the window is closed and the application waits");
    for local in pair.server.locals.values_mut() {
        if local.spill.is_empty() {
            local.socket.room = None;
        }
    }
    pair.client
        .locals
        .get_mut(&lively)
        .unwrap()
        .socket
        .to_read
        .extend(pattern(3, 3 << 20));
    pair.run();
    let whole = |l: &adit_testkit::pair::Local| l.socket.written == pattern(3, 3 << 20);
    assert!(pair.server.locals.values().any(whole));
    assert_eq!(
        pair.client.locals[&stuck].socket.to_read.len(),
        left,
        "and still waits"
    );
    for local in pair.server.locals.values_mut() {
        local.socket.room = None;
    }
    pair.run();
    assert!(
        pair.server
            .locals
            .values()
            .any(|l| l.socket.written.len() == 4 << 20)
    );
}

fn the_spill_of_a_slow_reader_never_passes_its_loan(provider: &'static Provider) {
    let mut pair = Pair::connected(&Setup::new(provider));
    let id = pair.open();
    pair.run();
    pair.client
        .locals
        .get_mut(&id)
        .unwrap()
        .socket
        .to_read
        .extend(pattern(1, 3 << 20));
    let mut dice = Dice::new(1);
    while pair.served().socket.written.len() < 3 << 20 {
        pair.served().socket.room = Some(dice.between(1, 5000));
        pair.run();
        let (id, local) = pair.server.locals.iter().next().unwrap();
        let loan = pair.server.session.channels().loan(*id) as usize;
        assert!(local.spill.len() <= loan, "{} > {loan}", local.spill.len());
        assert!(local.spill.memory() <= loan + 2 * 4096);
    }
    assert!(pair.served().socket.written == pattern(1, 3 << 20));
}

fn a_reset_local_side_ends_its_channel_without_eof(provider: &'static Provider) {
    let mut pair = Pair::connected(&Setup::new(provider));
    let id = pair.open();
    pair.run();
    pair.client.locals.get_mut(&id).unwrap().socket.broken = Some(ErrorKind::ConnectionReset);
    pair.run();
    assert!(
        pair.server
            .log
            .iter()
            .any(|line| line.starts_with("Closed"))
    );
    assert!(!pair.server.log.iter().any(|line| line.starts_with("Eof")));
    assert!(pair.client.is_alive() && pair.server.is_alive());
}

fn a_local_side_that_takes_no_more_ends_its_channel_and_no_other(provider: &'static Provider) {
    let mut pair = Pair::connected(&Setup::new(provider));
    let id = pair.open();
    pair.run();
    pair.served().socket.broken = Some(ErrorKind::BrokenPipe);
    pair.client
        .locals
        .get_mut(&id)
        .unwrap()
        .socket
        .to_read
        .extend(vec![1; 500_000]);
    pair.run();
    assert!(
        pair.client
            .log
            .iter()
            .any(|line| line.starts_with("Closed"))
    );
    assert!(pair.client.is_alive() && pair.server.is_alive());
    assert_eq!(
        pair.server.session.channels().left(),
        8 << 20,
        "the whole loan is repaid"
    );
    pair.client.locals.clear();
    pair.client.session.release(id);
    pair.run();
    exchange(&mut pair, 1000);
}

fn a_refused_key_says_which_methods_are_left(provider: &'static Provider) {
    let mut setup = Setup::new(provider);
    setup.server = Willing::Nobody;
    let mut pair = Pair::new(&setup);
    pair.wait(Duration::from_secs(1));
    let refused = pair
        .client
        .log
        .iter()
        .find(|line| line.starts_with("Refused"))
        .unwrap();
    assert!(refused.contains("tried_keys: 1"), "{refused}");
    assert!(
        pair.server
            .log
            .iter()
            .any(|line| line.starts_with("AuthFailed"))
    );
    assert!(pair.server.session.user().is_none());
}

fn a_refused_channel_ends_alone_and_says_why(provider: &'static Provider) {
    let mut setup = Setup::new(provider);
    setup.server = Willing::NoChannels;
    let mut pair = Pair::connected(&setup);
    pair.open();
    pair.run();
    assert!(
        pair.client
            .log
            .iter()
            .any(|line| line.starts_with("OpenRefused"))
    );
    assert!(pair.client.locals.is_empty());
    assert_eq!(pair.client.session.channels().len(), 0);
    assert_eq!(pair.server.session.channels().len(), 0);
}

fn signs_of_life_keep_an_idle_session_and_silence_ends_it(provider: &'static Provider) {
    let mut setup = Setup::new(provider);
    let interval = Duration::from_secs(15);
    setup.patience = Some(Patience {
        interval,
        count_max: 3,
    });
    let mut pair = Pair::connected(&setup);
    pair.wait(Duration::from_secs(3600));
    assert!(pair.client.is_alive() && pair.server.is_alive());
    let mut waited = Duration::ZERO;
    while pair.client.is_alive() && waited < Duration::from_secs(3600) {
        pair.server.mute();
        pair.wait(Duration::from_secs(1));
        waited += Duration::from_secs(1);
    }
    assert_eq!(pair.client.error, Some(Error::Silent));
    assert!(
        waited >= 2 * interval && waited <= 4 * interval,
        "{waited:?}"
    );
}

/// How many flights it takes until this is so, each of them half a round trip.
fn flights_until(pair: &mut Pair, is_so: impl Fn(&Pair) -> bool) -> usize {
    // It is seen in the turn behind the last of them.
    (0..20)
        .find(|_| {
            pair.flight();
            is_so(pair)
        })
        .unwrap()
}

/// Both KEXINITs; ECDH_INIT; REPLY to EXT_INFO; NEWKEYS to USERAUTH_REQUEST; SERVICE_ACCEPT and
/// SUCCESS. Then OPEN and CONFIRMATION.
fn a_login_takes_five_flights_and_a_channel_two(provider: &'static Provider) {
    let mut pair = Pair::new(&Setup::new(provider));
    let login = flights_until(&mut pair, |pair| pair.client.session.user().is_some());
    assert_eq!(login, 5);
    pair.run();
    let id = pair.open();
    let opened = flights_until(&mut pair, |pair| {
        pair.client.session.channels().grant(id).is_some()
    });
    assert_eq!(opened, 2);
}

on_every_provider! {
    a_login_takes_five_flights_and_a_channel_two
    every_kex_and_cipher_carries_bytes_and_ends_in_order
    bytes_arrive_whatever_the_pieces_they_come_in
    keys_change_while_data_goes_both_ways
    two_ends_with_full_wires_change_keys_and_go_on
    a_closed_window_parks_only_its_own_channel
    the_spill_of_a_slow_reader_never_passes_its_loan
    a_reset_local_side_ends_its_channel_without_eof
    a_local_side_that_takes_no_more_ends_its_channel_and_no_other
    a_refused_key_says_which_methods_are_left
    a_refused_channel_ends_alone_and_says_why
    signs_of_life_keep_an_idle_session_and_silence_ends_it
}

/// Everything that both ends of a session sent, from its first byte.
fn transcript(provider: &'static Provider, kex: &'static str, seed: u64) -> [Vec<u8>; 2] {
    let mut setup = Setup::new(provider);
    setup.random = adit_testkit::toy::random(seed);
    setup.kex = Some(kex);
    let mut pair = Pair::new(&setup);
    pair.client.sent = Some(Vec::new());
    pair.server.sent = Some(Vec::new());
    pair.run();
    exchange(&mut pair, 10_000);
    [pair.client.sent.unwrap(), pair.server.sent.unwrap()]
}

#[test]
fn the_same_randomness_makes_the_same_session_byte_for_byte() {
    let pure = &adit_crypto::PURE;
    for kex in pure.kex {
        let first = transcript(pure, kex.name(), 1);
        assert!(first.iter().all(|sent| sent.len() > 10_000));
        assert!(first == transcript(pure, kex.name(), 1), "{}", kex.name());
        assert!(first != transcript(pure, kex.name(), 2), "{}", kex.name());
    }
}
