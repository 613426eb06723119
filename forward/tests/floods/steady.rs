//! Messages that leave nothing behind: however many come, memory is what it was, nothing is
//! allocated, what goes back has a bound, and the last takes as long as the first.

use adit_crypto::Provider;
use adit_testkit::scripted::Role;
use adit_testkit::{seeds, toy};

use crate::flooded::{Counts, Flooded};
use crate::gauge::{Memory, NOISE, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// Messages that are on their way at a time.
const BATCH: usize = 250;
/// How much longer a message may take at the end than at the beginning. Growth with what came
/// before would make it ten times as long; the rest is other programs' doing.
const SLOWER: u32 = 3;
/// Of so many batches the least disturbed ones can be compared.
const TIMED: usize = 20;

fn batches(flooded: &mut Flooded, kind: Kind, n: usize) -> Vec<Counts> {
    let payload = kind.payload(flooded.peer.channel);
    let mut batch = Vec::new();
    let mut each = Vec::with_capacity(n);
    for _ in 0..n {
        batch.clear();
        for _ in 0..BATCH {
            flooded.seal(&payload, &mut batch);
        }
        flooded.counts = Counts::default();
        flooded.feed(&batch).unwrap();
        flooded.peer.forget();
        each.push(flooded.counts);
    }
    each
}

fn steady(role: Role, provider: &'static Provider, kind: Kind, n: usize) {
    let name = format!("{role:?} {} {kind:?}", provider.name);
    let mut flooded = Flooded::open(role, provider);
    // What is taken once and kept is taken.
    batches(&mut flooded, kind, 2);
    let memory = Memory::new();
    let events = flooded.app.events;
    let n = n / BATCH;
    let each = batches(&mut flooded, kind, n);
    let sum = |of: fn(&Counts) -> usize| each.iter().map(of).sum::<usize>();
    let messages = n * BATCH;
    assert_eq!(flooded.unread(), 0, "{name}");
    let grown = memory.grown() - (each.capacity() * size_of::<Counts>()).cast_signed();
    assert!(grown < NOISE_BYTES, "{name}: {grown} bytes");
    let allocations = sum(|c| c.allocations);
    assert!(allocations < NOISE, "{name}: {allocations} allocations");
    let (said, most) = (sum(|c| c.said), messages * kind.answers() / 100);
    assert!(said <= most, "{name}: {said} messages");
    let (read, sent) = (sum(|c| c.read), sum(|c| c.sent));
    assert!(sent <= 2 * read, "{name}: {sent} bytes for {read}");
    let told = flooded.app.events - events;
    assert!(told <= messages, "{name}: {told} events");
    if n >= TIMED {
        let best = |some: &[Counts]| some.iter().map(|c| c.time).min().unwrap();
        let (first, last) = (best(&each[..n / 3]), best(&each[n - n / 3..]));
        assert!(last <= first * SLOWER, "{name}: {first:?}, then {last:?}");
    }
    flooded.still_works();
}

fn everywhere(kind: Kind) {
    let _alone = alone();
    let many = if seeds::is_long() { 200_000 } else { 5_000 };
    for role in Role::BOTH.into_iter().filter(|role| kind.is_for(*role)) {
        steady(role, &adit_crypto::RING, kind, many);
        for provider in [&toy::PROVIDER, &adit_crypto::PURE] {
            steady(role, provider, kind, 2 * BATCH);
        }
    }
}

#[test]
fn pings_are_answered_once_and_leave_nothing() {
    everywhere(Kind::Ping(8));
}

#[test]
fn long_pings_are_answered_once_and_leave_nothing() {
    everywhere(Kind::Ping(500));
}

#[test]
fn messages_to_ignore_leave_nothing() {
    everywhere(Kind::Ignore(0));
}

#[test]
fn long_messages_to_ignore_leave_nothing() {
    everywhere(Kind::Ignore(500));
}

#[test]
fn messages_to_debug_leave_nothing() {
    everywhere(Kind::Debug(100));
}

#[test]
fn what_is_said_to_be_unimplemented_leaves_nothing() {
    everywhere(Kind::Unimplemented);
}

#[test]
fn messages_that_nobody_knows_are_answered_once_and_leave_nothing() {
    everywhere(Kind::Unknown);
}

#[test]
fn logging_in_again_leaves_nothing() {
    everywhere(Kind::LoginAgain);
}

#[test]
fn global_requests_leave_nothing() {
    everywhere(Kind::GlobalRequest);
}

#[test]
fn global_requests_that_want_a_reply_get_one_and_leave_nothing() {
    everywhere(Kind::GlobalRequestWithReply);
}

#[test]
fn requests_on_a_channel_leave_nothing() {
    everywhere(Kind::ChannelRequest);
}

#[test]
fn requests_on_a_channel_that_want_a_reply_get_one_and_leave_nothing() {
    everywhere(Kind::ChannelRequestWithReply);
}

#[test]
fn channels_that_there_are_not_are_refused_and_leave_nothing() {
    everywhere(Kind::OpenOther);
}

#[test]
fn channels_that_are_refused_leave_nothing() {
    everywhere(Kind::Open);
}

#[test]
fn successes_of_no_request_leave_nothing() {
    everywhere(Kind::RequestSuccess);
}

#[test]
fn failures_of_no_request_leave_nothing() {
    everywhere(Kind::RequestFailure);
}

#[test]
fn successes_of_no_request_on_a_channel_leave_nothing() {
    everywhere(Kind::ChannelSuccess);
}

#[test]
fn failures_of_no_request_on_a_channel_leave_nothing() {
    everywhere(Kind::ChannelFailure);
}

#[test]
fn answers_to_no_ping_leave_nothing() {
    everywhere(Kind::Pong);
}

#[test]
fn adjusts_of_one_byte_leave_nothing() {
    everywhere(Kind::Adjust(1));
}

#[test]
fn adjusts_of_nothing_leave_nothing() {
    everywhere(Kind::Adjust(0));
}

#[test]
fn adjusts_of_channels_that_are_gone_leave_nothing() {
    everywhere(Kind::AdjustNobody);
}

#[test]
fn data_of_no_bytes_leaves_nothing() {
    everywhere(Kind::Data(0));
}

#[test]
fn data_of_one_byte_leaves_nothing() {
    everywhere(Kind::Data(1));
}
