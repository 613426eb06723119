//! Channels that come and go, and requests for those that a server opens: however many there were,
//! memory is what it was, at both ends.

use adit_connection::OpenKind;
use adit_crypto::Provider;
use adit_forward::session::Session;
use adit_testkit::kinds::{CANCELS, CHANNELS, REQUESTS};
use adit_testkit::pair::{End, Pair, Setup};
use adit_testkit::{on_every_provider, seeds, toy};

use crate::gauge::{Memory, NOISE_BYTES, alone};

/// Channels of each kind at a time.
const AT_ONCE: usize = 5;
/// In the long form.
const MANY: usize = 1_000_000;
/// Enough for a few bytes left by each to show.
const FEW: usize = 4_000;

fn both(pair: &mut Pair) -> [&mut End; 2] {
    [&mut pair.client, &mut pair.server]
}

/// Some of each kind are opened, carry a few bytes each way, and are closed: half of them in order,
/// half by applications that go away.
fn cycle(pair: &mut Pair, kinds: &[OpenKind<'_>]) {
    for kind in kinds {
        for _ in 0..AT_ONCE {
            pair.open_as(*kind);
        }
    }
    pair.run();
    for end in both(pair) {
        for local in end.locals.values_mut() {
            local.socket.to_read.extend(b"ping");
        }
    }
    pair.run();
    for end in both(pair) {
        for (n, local) in end.locals.values_mut().enumerate() {
            assert_eq!(local.socket.written, b"ping");
            local.socket.read_closed = n % 2 == 0;
        }
    }
    pair.run();
    for end in both(pair) {
        for (id, _) in end.locals.drain() {
            end.session.release(id);
        }
        end.log.clear();
    }
    pair.run();
}

/// The server is asked to listen, and then no longer to.
fn ask_and_cancel(pair: &mut Pair) {
    for request in [REQUESTS, CANCELS].concat() {
        pair.client.session.request(request).unwrap();
    }
    pair.run();
}

fn assert_as_before(session: &Session, setup: &Setup) {
    assert!(session.channels().is_empty());
    assert_eq!(session.channels().left(), setup.limits.window_budget);
}

/// On one provider as many as show what grows; what channels cost is the same on the others.
fn comes_and_goes(provider: &'static Provider, kinds: &[OpenKind<'_>]) {
    let _alone = alone();
    let all = if seeds::is_long() { MANY } else { FEW };
    let n = if provider.name == toy::PROVIDER.name {
        all * kinds.len() / CHANNELS.len()
    } else {
        FEW / 40
    };
    let setup = Setup::new(provider);
    let mut pair = Pair::connected(&setup);
    pair.forward();
    let round = |pair: &mut Pair| {
        ask_and_cancel(pair);
        cycle(pair, kinds);
    };
    // What is taken once and kept is taken.
    round(&mut pair);
    round(&mut pair);
    let memory = Memory::new();
    for _ in 0..n.div_ceil(AT_ONCE * kinds.len()) {
        round(&mut pair);
    }
    let grown = memory.grown();
    assert!(grown < NOISE_BYTES, "{kinds:?}: {grown} bytes");
    for end in [&pair.client, &pair.server] {
        assert!(end.is_alive(), "{:?}", end.error);
        assert_as_before(&end.session, &setup);
    }
}

fn direct_tcpip_channels_come_and_go_and_leave_nothing(provider: &'static Provider) {
    comes_and_goes(provider, &CHANNELS[..1]);
}

fn direct_streamlocal_channels_come_and_go_and_leave_nothing(provider: &'static Provider) {
    comes_and_goes(provider, &CHANNELS[1..2]);
}

fn forwarded_tcpip_channels_come_and_go_and_leave_nothing(provider: &'static Provider) {
    comes_and_goes(provider, &CHANNELS[2..3]);
}

fn forwarded_streamlocal_channels_come_and_go_and_leave_nothing(provider: &'static Provider) {
    comes_and_goes(provider, &CHANNELS[3..]);
}

fn channels_of_all_kinds_at_once_come_and_go_and_leave_nothing(provider: &'static Provider) {
    comes_and_goes(provider, &CHANNELS);
}

on_every_provider! {
    direct_tcpip_channels_come_and_go_and_leave_nothing
    direct_streamlocal_channels_come_and_go_and_leave_nothing
    forwarded_tcpip_channels_come_and_go_and_leave_nothing
    forwarded_streamlocal_channels_come_and_go_and_leave_nothing
    channels_of_all_kinds_at_once_come_and_go_and_leave_nothing
}
