//! Messages that leave nothing behind: however many come, memory is what it was, nothing is
//! allocated, what goes back has a bound, and the last takes as long as the first.

use adit_crypto::Provider;
use adit_testkit::scripted::Role;
use adit_testkit::seeds;

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

/// On one provider as many as show what grows; what a message costs is the same on the others.
fn everywhere(provider: &'static Provider, kind: Kind) {
    let _alone = alone();
    let many = if seeds::is_long() { 200_000 } else { 5_000 };
    let n = if provider.name == adit_crypto::RING.name {
        many
    } else {
        2 * BATCH
    };
    for role in Role::BOTH.into_iter().filter(|role| kind.is_for(*role)) {
        steady(role, provider, kind, n);
    }
}

fn pings_are_answered_once_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Ping(8));
}

fn long_pings_are_answered_once_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Ping(500));
}

fn messages_to_ignore_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Ignore(0));
}

fn long_messages_to_ignore_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Ignore(500));
}

fn messages_to_debug_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Debug(100));
}

fn what_is_said_to_be_unimplemented_leaves_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Unimplemented);
}

fn messages_that_nobody_knows_are_answered_once_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Unknown);
}

fn logging_in_again_leaves_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::LoginAgain);
}

fn global_requests_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::GlobalRequest);
}

fn global_requests_that_want_a_reply_get_one_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::GlobalRequestWithReply);
}

fn requests_on_a_channel_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::ChannelRequest);
}

fn requests_on_a_channel_that_want_a_reply_get_one_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::ChannelRequestWithReply);
}

fn channels_that_there_are_not_are_refused_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::OpenOther);
}

fn channels_that_are_refused_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Open);
}

fn channels_to_paths_that_are_refused_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::OpenPath);
}

fn channels_that_only_servers_open_are_refused_and_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::OpenForwarded);
}

fn ports_that_are_not_listened_on_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Listen);
}

fn paths_that_are_not_listened_on_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::ListenPath);
}

fn answers_to_no_ping_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Pong);
}

fn adjusts_of_one_byte_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Adjust(1));
}

fn adjusts_of_nothing_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Adjust(0));
}

fn adjusts_of_channels_that_are_gone_leave_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::AdjustNobody);
}

fn data_of_no_bytes_leaves_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Data(0));
}

fn data_of_one_byte_leaves_nothing(provider: &'static Provider) {
    everywhere(provider, Kind::Data(1));
}

adit_testkit::on_every_provider! {
    pings_are_answered_once_and_leave_nothing
    long_pings_are_answered_once_and_leave_nothing
    messages_to_ignore_leave_nothing
    long_messages_to_ignore_leave_nothing
    messages_to_debug_leave_nothing
    what_is_said_to_be_unimplemented_leaves_nothing
    messages_that_nobody_knows_are_answered_once_and_leave_nothing
    logging_in_again_leaves_nothing
    global_requests_leave_nothing
    global_requests_that_want_a_reply_get_one_and_leave_nothing
    requests_on_a_channel_leave_nothing
    requests_on_a_channel_that_want_a_reply_get_one_and_leave_nothing
    channels_that_there_are_not_are_refused_and_leave_nothing
    channels_that_are_refused_leave_nothing
    channels_to_paths_that_are_refused_leave_nothing
    channels_that_only_servers_open_are_refused_and_leave_nothing
    ports_that_are_not_listened_on_leave_nothing
    paths_that_are_not_listened_on_leave_nothing
    answers_to_no_ping_leave_nothing
    adjusts_of_one_byte_leave_nothing
    adjusts_of_nothing_leave_nothing
    adjusts_of_channels_that_are_gone_leave_nothing
    data_of_no_bytes_leaves_nothing
    data_of_one_byte_leaves_nothing
}
