//! Channels of every kind of forward between two sessions: whatever opens them, they behave alike.

use adit_connection::{ChannelId, OpenKind};
use adit_crypto::Provider;
use adit_forward::session::Session;
use adit_testkit::kinds::{CANCELS, CHANNELS};
use adit_testkit::on_every_provider;
use adit_testkit::pair::{End, Local, Pair, Setup, Willing};

use crate::pattern;

/// Two sessions whose client has asked for all that there is.
fn pair(provider: &'static Provider) -> Pair {
    let mut pair = Pair::connected(&Setup::new(provider));
    pair.forward();
    pair
}

/// A channel of this kind, confirmed, and its number at either end: that of who opened it first.
fn open(pair: &mut Pair, kind: OpenKind<'_>) -> [ChannelId; 2] {
    let [_, other] = pair.ends(kind);
    let before: Vec<ChannelId> = other.locals.keys().copied().collect();
    let id = pair.open_as(kind);
    pair.run();
    let [opener, other] = pair.ends(kind);
    assert!(opener.locals[&id].is_open(), "{kind:?} {:?}", opener.log);
    let mut new = other.locals.keys().filter(|id| !before.contains(id));
    [id, *new.next().unwrap()]
}

fn local(end: &mut End, id: ChannelId) -> &mut Local {
    end.locals.get_mut(&id).unwrap()
}

fn release_all(end: &mut End) {
    for (id, _) in end.locals.drain() {
        end.session.release(id);
    }
}

/// Both sessions go on, and no channel has left anything.
fn assert_nothing_left(pair: &mut Pair) {
    release_all(&mut pair.client);
    release_all(&mut pair.server);
    pair.run();
    let whole = |session: &Session| session.channels().is_empty();
    for end in [&pair.client, &pair.server] {
        assert!(end.is_alive() && whole(&end.session), "{:?}", end.log);
    }
    let budget = Setup::new(&adit_testkit::toy::PROVIDER)
        .limits
        .window_budget;
    let left = [&pair.client, &pair.server].map(|end| end.session.channels().left());
    assert_eq!(left, [budget; 2]);
}

/// Bytes that say which channel they belong to.
fn marked(n: usize, len: usize) -> Vec<u8> {
    [
        &u32::try_from(n).unwrap().to_be_bytes()[..],
        &pattern(n, len),
    ]
    .concat()
}

fn mark(bytes: &[u8]) -> usize {
    u32::from_be_bytes(*bytes.first_chunk().unwrap()) as usize
}

fn a_thousand_channels_of_mixed_kinds_carry_each_its_own(provider: &'static Provider) {
    const COUNT: usize = 1000;
    const LEN: usize = 3000;
    let mut setup = Setup::new(provider);
    setup.limits.max_channels = 1000;
    setup.limits.window_budget = 32 << 20;
    let mut pair = Pair::connected(&setup);
    pair.forward();
    let mut ids = Vec::with_capacity(COUNT);
    for n in 0..COUNT {
        let kind = CHANNELS[n % CHANNELS.len()];
        let id = pair.open_as(kind);
        let [opener, _] = pair.ends(kind);
        let local = local(opener, id);
        local.socket.to_read.extend(marked(n, LEN));
        // Every other one has no more to say than that.
        local.socket.read_closed = n % 8 < 4;
        ids.push(id);
    }
    pair.run();
    // Whoever was connected to answers what came, and some of them were silent for good before.
    for end in [&mut pair.client, &mut pair.server] {
        for (_, local) in end.locals.iter_mut().filter(|(id, _)| !ids.contains(id)) {
            let n = mark(&local.socket.written);
            assert!(local.socket.written == marked(n, LEN), "{n}");
            assert_eq!(local.eof, n % 8 < 4, "{n}");
            local.socket.to_read.extend(marked(COUNT + n, LEN));
            local.socket.read_closed = true;
        }
    }
    pair.run();
    for (n, id) in ids.iter().enumerate() {
        let [opener, _] = pair.ends(CHANNELS[n % CHANNELS.len()]);
        let local = local(opener, *id);
        assert!(local.socket.written == marked(COUNT + n, LEN), "{n}");
        assert!(local.eof, "{n}");
        local.socket.read_closed = true;
    }
    pair.run();
    release_all(&mut pair.client);
    release_all(&mut pair.server);
    pair.run();
    for end in [&pair.client, &pair.server] {
        assert!(end.is_alive() && end.session.channels().is_empty());
        assert_eq!(end.session.channels().left(), setup.limits.window_budget);
    }
}

/// What moving some bytes through one channel took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Cost {
    turns: usize,
    reads: usize,
    writes: usize,
    /// The window that it came to have.
    loan: u32,
}

/// The cost of one channel, beside one of another kind whose reader is blocked, if there is such.
fn cost(provider: &'static Provider, kind: OpenKind<'_>, blocked: Option<OpenKind<'_>>) -> Cost {
    const LEN: usize = 512 << 10;
    let mut pair = pair(provider);
    // So that buffers are as large as they get.
    let ids = open(&mut pair, kind);
    let [opener, _] = pair.ends(kind);
    local(opener, ids[0]).socket.to_read.extend(pattern(1, LEN));
    pair.run();
    if let Some(blocked) = blocked {
        let ids = open(&mut pair, blocked);
        for (end, id) in pair.ends(blocked).into_iter().zip(ids) {
            // In both directions, and with more to come than the window takes.
            local(end, id).socket.room = Some(0);
            local(end, id).socket.to_read.extend(vec![7; 300_000]);
        }
        pair.run();
        for (end, id) in pair.ends(blocked).into_iter().zip(ids) {
            assert!(local(end, id).socket.written.is_empty());
            assert!(!local(end, id).socket.to_read.is_empty());
        }
    }
    let ids = open(&mut pair, kind);
    let [opener, _] = pair.ends(kind);
    local(opener, ids[0]).socket.to_read.extend(pattern(1, LEN));
    let turns = pair.run();
    let [opener, other] = pair.ends(kind);
    assert!(local(other, ids[1]).socket.written == pattern(1, LEN));
    Cost {
        turns,
        reads: local(opener, ids[0]).socket.reads,
        writes: local(other, ids[1]).socket.writes,
        loan: other.session.channels().loan(ids[1]),
    }
}

fn a_reader_that_is_blocked_costs_the_others_nothing(provider: &'static Provider) {
    for kind in CHANNELS {
        let alone = cost(provider, kind, None);
        for blocked in CHANNELS {
            let beside = cost(provider, kind, Some(blocked));
            assert_eq!(beside, alone, "{kind:?} beside {blocked:?}");
        }
    }
}

fn what_is_queued_for_a_blocked_socket_comes_before_its_end(provider: &'static Provider) {
    for kind in CHANNELS {
        for from in [0, 1] {
            let mut pair = pair(provider);
            let ids = open(&mut pair, kind);
            let to = 1 - from;
            let ends = pair.ends(kind);
            local(ends[to], ids[to]).socket.room = Some(10);
            let source = &mut local(ends[from], ids[from]).socket;
            source.to_read.extend(pattern(5, 20_000));
            source.read_closed = true;
            pair.run();
            let ends = pair.ends(kind);
            let blocked = local(ends[to], ids[to]);
            assert_eq!(blocked.socket.written.len(), 10, "{kind:?}");
            assert!(blocked.eof, "EOF is here, and waits behind what is queued");
            assert_eq!(blocked.spill.len(), 20_000 - 10);
            // The other half goes on meanwhile.
            blocked.socket.to_read.extend(b"still here");
            pair.run();
            let ends = pair.ends(kind);
            assert_eq!(local(ends[from], ids[from]).socket.written, b"still here");
            local(ends[to], ids[to]).socket.room = None;
            pair.run();
            let ends = pair.ends(kind);
            let all = local(ends[to], ids[to]);
            assert!(all.socket.written == pattern(5, 20_000), "{kind:?}");
            assert!(all.spill.is_empty());
            assert_nothing_left(&mut pair);
        }
    }
}

/// At each step of the way to a channel that is open, the end that asked for it goes away.
fn a_channel_that_is_given_up_while_it_opens_leaves_nothing(provider: &'static Provider) {
    for kind in CHANNELS {
        for steps in 0..8 {
            for willing in [Willing::All, Willing::NoChannels] {
                let mut pair = pair(provider);
                (pair.client.willing, pair.server.willing) = (willing, willing);
                pair.ways = pair
                    .ways
                    .map(|way| adit_testkit::pair::Way { chunk: 40, ..way });
                let id = pair.open_as(kind);
                for _ in 0..steps {
                    pair.step();
                }
                let [opener, _] = pair.ends(kind);
                opener.release(id);
                pair.run();
                assert_nothing_left(&mut pair);
            }
        }
    }
}

/// The server opens channels for connections that came before it heard that nobody wants them.
fn channels_that_are_opened_while_a_forward_is_cancelled_are_used_or_refused(
    provider: &'static Provider,
) {
    for kind in &CHANNELS[2..] {
        for steps in 0..8 {
            for willing in [Willing::All, Willing::NoChannels] {
                let mut pair = pair(provider);
                pair.ways = pair
                    .ways
                    .map(|way| adit_testkit::pair::Way { chunk: 60, ..way });
                pair.client.willing = willing;
                for _ in 0..10 {
                    pair.open_as(*kind);
                }
                for _ in 0..steps {
                    pair.step();
                }
                for cancel in CANCELS {
                    pair.client.session.request(cancel).unwrap();
                }
                pair.run();
                let answered = |line: &&String| line.starts_with("RequestAnswered");
                assert_eq!(pair.client.log.iter().filter(answered).count(), 4);
                let open = pair.server.locals.values().filter(|l| l.is_open()).count();
                let expected = if willing == Willing::All { 10 } else { 0 };
                assert_eq!(open, expected, "{kind:?} after {steps}");
                for local in pair.server.locals.values_mut() {
                    local.socket.to_read.extend(b"behind the cancel");
                }
                pair.run();
                let locals = pair.client.locals.values();
                for local in locals {
                    assert_eq!(local.socket.written, b"behind the cancel");
                }
                assert_nothing_left(&mut pair);
            }
        }
    }
}

on_every_provider! {
    a_thousand_channels_of_mixed_kinds_carry_each_its_own
    a_reader_that_is_blocked_costs_the_others_nothing
    what_is_queued_for_a_blocked_socket_comes_before_its_end
    a_channel_that_is_given_up_while_it_opens_leaves_nothing
    channels_that_are_opened_while_a_forward_is_cancelled_are_used_or_refused
}
