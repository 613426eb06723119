//! Everything at once, in an order that a seed decides: floods, a peer that reads or does not,
//! sockets that take or do not, channels that come and go, keys that change. Whatever comes, what
//! the session holds stays within its budget, and at the end it works.

use adit_crypto::Provider;
use adit_testkit::dice::Dice;
use adit_testkit::scripted::{REKEY_TIME, Role};
use adit_testkit::seeds;

use crate::app::{Asked, Takes};
use crate::flooded::{Flooded, limits};
use crate::gauge::{Memory, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// What a session may hold beside its buffers, which it has from the login on.
fn budget(role: Role) -> isize {
    let limits = limits(role);
    let channels = limits.max_channels as isize;
    // Windows lie in chunks, each no larger than what was there before it.
    let windows = 2 * limits.window_budget as isize;
    // A slot, a row of what is owed, the least chunk, and the list that it is in.
    let each = 160 + 2 * 32 + 256 + 64;
    windows + channels * each + NOISE_BYTES
}

/// Bytes of data that the first window of the channel has room for, whatever is not granted again.
const DATA_UNGRANTED: usize = 30_000;

fn mixed(provider: &'static Provider, role: Role, seed: u64) {
    let mut random = Dice::new(seed);
    let mut flooded = Flooded::open(role, provider);
    let mut batch = Vec::with_capacity(1 << 20);
    let memory = Memory::new();
    let mut ungranted = 0;
    for step in 0..60 {
        match random.below(8) {
            0 => flooded.reads = random.pick(&[Takes::All, Takes::Nothing]),
            1 => flooded.app.takes = random.pick(&[Takes::All, Takes::Nothing]),
            2 => flooded.app.asked = random.pick(&[Asked::Accept, Asked::Refuse, Asked::Wait]),
            3 => flooded.decide(),
            4 | 5 => {
                flooded.reads = Takes::All;
                flooded.feed(&[]).unwrap();
                assert_eq!(flooded.unread(), 0);
                if random.below(2) == 0 {
                    flooded.peer.now += REKEY_TIME;
                    let now = flooded.peer.now;
                    flooded.peer.victim.session.handle_timeout(now).unwrap();
                }
                flooded.exchange().unwrap();
            }
            _ => {}
        }
        batch.clear();
        let kind = random.pick(&Kind::ALL);
        let kind = if kind.is_for(role) {
            kind
        } else {
            Kind::Ignore(0)
        };
        for _ in 0..random.below(500) {
            if let Kind::Data(n @ 1..) = kind {
                ungranted += n;
                if ungranted > DATA_UNGRANTED {
                    break;
                }
            }
            let payload = kind.payload(flooded.peer.channel);
            flooded.seal(&payload, &mut batch);
        }
        // Some of the channels get a byte, and some end.
        for _ in 0..random.below(20).min(flooded.channels.len()) {
            let at = random.below(flooded.channels.len());
            let (kind, channel) = if random.below(2) == 0 {
                (Kind::Close, flooded.channels.swap_remove(at))
            } else {
                (Kind::Data(1), flooded.channels[at])
            };
            flooded.seal(&kind.payload(channel), &mut batch);
        }
        flooded.feed(&batch).unwrap();
        flooded.peer.forget();
        let grown = memory.grown();
        assert!(grown <= budget(role), "{role:?} {step}: {grown} bytes");
        if flooded.reads == Takes::All && flooded.app.takes == Takes::All {
            ungranted = 0;
        }
    }
    flooded.decide();
    flooded.still_works();
}

fn whatever_comes_in_whatever_order_memory_stays_within_its_budget(provider: &'static Provider) {
    let _alone = alone();
    seeds::each(6, 200, |seed| {
        for role in Role::BOTH {
            mixed(provider, role, seed);
        }
    });
}

adit_testkit::on_every_provider! {
    whatever_comes_in_whatever_order_memory_stays_within_its_budget
}
