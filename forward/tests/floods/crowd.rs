//! What a message costs does not depend on how many channels there are, and what comes of it is
//! in proportion.

use core::time::Duration;

use adit_crypto::Provider;
use adit_testkit::scripted::Role;

use crate::app::Asked;
use crate::flooded::{Counts, Flooded};
use crate::gauge::alone;
use crate::kinds::Kind;

const CHANNELS: usize = 10_000;
/// The work of one look at each channel would make it a thousand times as long.
const SLOWER: u32 = 4;

/// Of some batches the one that was least disturbed.
fn time(flooded: &mut Flooded, kind: Kind, channels: &[u32]) -> Duration {
    let mut batch = Vec::new();
    let times = (0..12).map(|_| {
        batch.clear();
        for channel in channels.iter().cycle().take(200) {
            flooded.seal(&kind.payload(*channel), &mut batch);
        }
        flooded.counts = Counts::default();
        flooded.feed(&batch).unwrap();
        flooded.peer.forget();
        flooded.counts.time
    });
    times.min().unwrap()
}

fn a_message_costs_the_same_among_ten_thousand_channels(provider: &'static Provider) {
    let _alone = alone();
    let mut few = Flooded::open(Role::Server, provider);
    let mut many = Flooded::open(Role::Server, provider);
    many.app.asked = Asked::Accept;
    let mut batch = Vec::new();
    for _ in 0..CHANNELS / 100 {
        batch.clear();
        for _ in 0..100 {
            many.seal(&Kind::Open.payload(0), &mut batch);
        }
        many.feed(&batch).unwrap();
        many.peer.forget();
    }
    many.app.asked = Asked::Refuse;
    assert_eq!(many.channels.len(), CHANNELS);
    let (one, all) = ([few.peer.channel], many.channels.clone());
    for kind in Kind::ALL {
        let alone = time(&mut few, kind, &one);
        let among = time(&mut many, kind, &all);
        assert!(among <= alone * SLOWER, "{kind:?}: {alone:?}, {among:?}");
    }
    few.still_works();
    many.still_works();
}

fn an_adjust_of_one_byte_lets_one_byte_go_and_no_more(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        if role == Role::Client {
            flooded.open_one();
        } else {
            flooded.app.asked = Asked::Accept;
            flooded.send(&Kind::Open.payload(0)).unwrap();
        }
        // Until the window is closed.
        while flooded.pull() > 0 {}
        flooded.peer.forget();
        let id = flooded.app.open[0].number();
        flooded.counts = Counts::default();
        for _ in 0..2000 {
            flooded.send(&Kind::Adjust(1).payload(id)).unwrap();
            flooded.pull();
        }
        let data = flooded.peer.heard.iter().filter(|heard| heard[0] == 94);
        let bytes: usize = data.map(|heard| heard.len() - 9).sum();
        assert_eq!(bytes, 2000);
        assert_eq!(flooded.counts.said, 2000);
        assert!(flooded.counts.sent <= flooded.counts.read);
        flooded.still_works();
    }
}

fn data_of_one_byte_is_granted_again_by_quarters_of_the_window(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        let data = Kind::Data(1).payload(flooded.peer.channel);
        flooded.counts = Counts::default();
        for _ in 0..20_000 {
            flooded.send(&data).unwrap();
        }
        // The first window has 64 KiB.
        assert_eq!(flooded.counts.said, 1, "{role:?}");
        flooded.still_works();
    }
}

adit_testkit::on_every_provider! {
    a_message_costs_the_same_among_ten_thousand_channels
    an_adjust_of_one_byte_lets_one_byte_go_and_no_more
    data_of_one_byte_is_granted_again_by_quarters_of_the_window
}
