//! A peer that sends and never reads. What it asks for is answered as far as there is room, owed as
//! far as there are rows, and dropped or not read any more beyond; and when it reads, all goes on.

use core::time::Duration;

use adit_connection::Limits;
use adit_crypto::Provider;
use adit_forward::session::Session;
use adit_testkit::scripted::{REKEY_TIME, Role};

use crate::app::{Asked, Takes};
use crate::flooded::{Flooded, limits};
use crate::gauge::{Memory, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// Bytes that wait for a session which does not read any more: enough to know.
const STOPPED: usize = 512 << 10;
const BATCH: usize = 500;
/// Channels where fewer show as much.
const FEW: u32 = 1024;

/// Rows of replies owed, one for each channel that there may be and some, by doubling.
fn rows(channels: u32) -> isize {
    2 * (channels as isize + 64) * 32
}

fn waiting(session: &Session) -> usize {
    session.send_pending().iter().map(|part| part.len()).sum()
}

/// Feeds batches until the session stops reading or has read enough. How many messages those are.
fn fill(flooded: &mut Flooded, kinds: &[Kind], batches: usize) -> usize {
    let mut batch = Vec::with_capacity(STOPPED);
    for n in 1..=batches {
        batch.clear();
        for kind in kinds.iter().cycle().take(BATCH) {
            let payload = kind.payload(flooded.peer.channel);
            flooded.seal(&payload, &mut batch);
        }
        flooded.feed(&batch).unwrap();
        if flooded.unread() >= STOPPED {
            return n * BATCH;
        }
    }
    batches * BATCH
}

fn never_reads(provider: &'static Provider, role: Role, kinds: &[Kind], channels: u32) {
    let name = format!("{role:?} {kinds:?}");
    let limits = Limits {
        max_channels: channels,
        ..limits(role)
    };
    let most = rows(channels) + NOISE_BYTES;
    let mut flooded = Flooded::open_with(role, provider, limits);
    flooded.fill_buffers();
    fill(&mut flooded, kinds, 1);
    flooded.peer.forget();
    flooded.reads = Takes::Nothing;
    let memory = Memory::new();
    let said = flooded.counts.said;
    // The send buffer takes some seven thousand of the shortest.
    fill(&mut flooded, kinds, 20 + channels as usize / BATCH);
    let grown = memory.grown();
    assert!(grown < most, "{name}: {grown} bytes");
    fill(&mut flooded, kinds, 2);
    let grown = memory.grown();
    assert!(grown < most, "{name}: {grown} bytes");
    let waiting = waiting(&flooded.peer.victim.session);
    assert!(waiting < 320 << 10, "{name}: {waiting} bytes");
    assert_eq!(flooded.counts.said, said, "{name}: nobody reads");
    flooded.still_works();
}

/// What has to be answered, and cannot be dropped.
const OWED: [Kind; 4] = [
    Kind::GlobalRequestWithReply,
    Kind::ChannelRequestWithReply,
    Kind::OpenOther,
    Kind::Open,
];

fn a_peer_that_never_reads_and_sends_one_thing_takes_only_its_rows(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.answers() == 100) {
            never_reads(provider, role, &[kind], FEW);
        }
    }
}

fn a_peer_that_never_reads_and_sends_everything_takes_only_its_rows(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        // One window of data is all there is.
        let is_data = |kind: &Kind| matches!(kind, Kind::Data(1..));
        let kinds: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.is_for(role) && !is_data(kind))
            .collect();
        never_reads(provider, role, &kinds, limits(role).max_channels);
    }
}

fn no_request_of_a_peer_that_never_reads_is_lost(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        flooded.reads = Takes::Nothing;
        let asked = fill(&mut flooded, &OWED, 80);
        assert!(flooded.unread() >= STOPPED, "it is not read any more");
        flooded.reads = Takes::All;
        flooded.feed(&[]).unwrap();
        assert_eq!(flooded.counts.said, asked);
        flooded.still_works();
    }
}

fn an_exchange_finds_room_behind_whatever_was_not_read(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        for kind in [
            Kind::Ping(0),
            Kind::Ping(500),
            Kind::Unknown,
            Kind::OpenOther,
        ] {
            // The peer's exchange has room at once, ours begins when there is some.
            for ours in [false, true] {
                let mut flooded = Flooded::open(role, provider);
                flooded.reads = Takes::Nothing;
                fill(&mut flooded, &[kind], 16);
                assert!(waiting(&flooded.peer.victim.session) > 250 << 10);
                if ours {
                    flooded.wait(REKEY_TIME).unwrap();
                } else {
                    let kexinit = flooded.peer.kexinit_payload();
                    flooded.send(&kexinit).unwrap();
                }
                flooded.reads = Takes::All;
                flooded.wait(Duration::ZERO).unwrap();
                assert!(flooded.peer.heard.iter().any(|heard| heard[0] == 20));
                if ours {
                    flooded.exchange().unwrap();
                } else {
                    flooded.exchange_on().unwrap();
                }
                assert_eq!(flooded.app.rekeyed, 1);
                flooded.still_works();
            }
        }
    }
}

fn channels_that_wait_for_an_answer_have_their_rows_and_no_more_are_read(
    provider: &'static Provider,
) {
    let _alone = alone();
    let mut flooded = Flooded::open(Role::Server, provider);
    flooded.app.asked = Asked::Wait;
    flooded.reads = Takes::Nothing;
    let memory = Memory::new();
    let asked = fill(&mut flooded, &[Kind::Open], 80);
    // One is open already.
    assert_eq!(flooded.app.waiting.len(), 16_383);
    let slots = 16_384 * 160;
    assert!(
        memory.grown() < rows(16_384) + slots + NOISE_BYTES,
        "{}",
        memory.grown()
    );
    flooded.decide();
    flooded.reads = Takes::All;
    flooded.feed(&[]).unwrap();
    while !flooded.app.waiting.is_empty() {
        flooded.decide();
        flooded.feed(&[]).unwrap();
    }
    assert_eq!(flooded.counts.said, asked);
    flooded.still_works();
}

adit_testkit::on_every_provider! {
    a_peer_that_never_reads_and_sends_one_thing_takes_only_its_rows
    a_peer_that_never_reads_and_sends_everything_takes_only_its_rows
    no_request_of_a_peer_that_never_reads_is_lost
    an_exchange_finds_room_behind_whatever_was_not_read
    channels_that_wait_for_an_answer_have_their_rows_and_no_more_are_read
}
