//! A session at which nothing happens: what it keeps, and what it costs to wake it.

use core::time::Duration;

use adit_crypto::Provider;
use adit_testkit::scripted::Role;

use crate::flooded::Flooded;
use crate::gauge::{Memory, NOISE, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// Most that a session keeps at rest: keys, algorithms, tables of channels.
const AT_REST_MAX: isize = 4 << 10;
/// A buffer that is in use has this at least.
const BUFFER: isize = 36 << 10;
/// How often it is looked whether anything moved.
const LOOK: Duration = Duration::from_secs(1);

fn rest(flooded: &mut Flooded) {
    for _ in 0..2 {
        flooded.wait(LOOK).unwrap();
    }
}

/// What goes when the session does.
fn held(flooded: Flooded) -> isize {
    let session = flooded.peer.victim.session;
    let memory = Memory::new();
    drop(session);
    -memory.grown()
}

fn a_session_keeps_little_at_rest_and_as_little_after_a_transfer(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let name = format!("{role:?} {}", provider.name);
        let in_use = held(Flooded::open(role, provider));
        let mut fresh = Flooded::open(role, provider);
        rest(&mut fresh);
        let fresh = held(fresh);
        let mut used = Flooded::open(role, provider);
        used.fill_buffers();
        rest(&mut used);
        let used = held(used);
        let mut moving = Flooded::open(role, provider);
        moving.fill_buffers();
        let moving = held(moving);
        let all = format!("{name}: {in_use} in use, {fresh} fresh, {used} used, {moving} moving");
        assert!(fresh <= AT_REST_MAX, "{all}");
        assert!(used <= AT_REST_MAX, "{all}");
        assert!(in_use > BUFFER && moving > 7 * BUFFER, "{all}");
    }
}

fn what_comes_after_a_rest_is_carried(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        for _ in 0..3 {
            rest(&mut flooded);
            flooded.still_works();
            rest(&mut flooded);
            flooded.fill_buffers();
            rest(&mut flooded);
            // In the middle of an exchange as well.
            let kexinit = flooded.peer.kexinit_payload();
            flooded.send(&kexinit).unwrap();
            rest(&mut flooded);
            flooded.exchange_on().unwrap();
            flooded.still_works();
        }
    }
}

fn a_byte_at_each_look_costs_a_buffer_each_way_and_leaves_nothing(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        let payload = Kind::Ping(8).payload(flooded.peer.channel);
        for _ in 0..2 {
            rest(&mut flooded);
            flooded.send(&payload).unwrap();
            flooded.peer.forget();
        }
        rest(&mut flooded);
        let memory = Memory::new();
        let times = 100;
        let mut allocations = 0;
        for _ in 0..times {
            flooded.counts.allocations = 0;
            flooded.send(&payload).unwrap();
            flooded.peer.forget();
            rest(&mut flooded);
            allocations += flooded.counts.allocations;
        }
        assert!(allocations <= 2 * times + NOISE, "{allocations}");
        assert!(memory.grown() < NOISE_BYTES, "{} bytes", memory.grown());
        flooded.still_works();
    }
}

adit_testkit::on_every_provider! {
    a_session_keeps_little_at_rest_and_as_little_after_a_transfer
    what_comes_after_a_rest_is_carried
    a_byte_at_each_look_costs_a_buffer_each_way_and_leaves_nothing
}
