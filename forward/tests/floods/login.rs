//! Floods of a stranger, before anybody is logged in. What may come without end leaves nothing and
//! is not answered; what costs something has a number after which the connection ends.

use adit_crypto::Provider;
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step, Strict, string};
use adit_testkit::seeds;

use crate::exchanges::maximal;
use crate::flooded::Flooded;
use crate::gauge::{Memory, NOISE, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// Where a stranger can stay, and whether packets have keys there.
const BEFORE_KEYS: [Step; 3] = [Step::Ident, Step::KexInit, Step::Share];
const WITH_KEYS: [Step; 2] = [Step::NewKeys, Step::Service];

fn idle(script: &Script, step: Step, kinds: &[Kind]) {
    let name = format!("{:?} {step:?}", script.role);
    let n = if seeds::is_long() { 400 } else { 4 };
    let mut flooded = Flooded::at(script, step);
    let mut batch = Vec::with_capacity(1 << 20);
    let mut round = |flooded: &mut Flooded| {
        batch.clear();
        for kind in kinds.iter().cycle().take(250) {
            flooded.seal(&kind.payload(0), &mut batch);
        }
        flooded.feed(&batch).unwrap();
    };
    round(&mut flooded);
    let (memory, allocations) = (Memory::new(), flooded.counts.allocations);
    for _ in 0..n {
        round(&mut flooded);
    }
    assert!(
        memory.grown() < NOISE_BYTES,
        "{name}: {} bytes",
        memory.grown()
    );
    let allocations = flooded.counts.allocations - allocations;
    assert!(allocations < NOISE, "{name}: {allocations} allocations");
    assert_eq!(flooded.counts.said, 0, "{name}");
    assert_eq!(flooded.unread(), 0, "{name}");
    // And goes on from there.
    flooded.peer.go_on(step);
    assert!(flooded.peer.is_logged_in(), "{name}");
}

fn what_a_stranger_may_send_without_end_leaves_nothing(provider: &'static Provider) {
    let _alone = alone();
    let nothing = [Kind::Ignore(0), Kind::Debug(50), Kind::Unimplemented];
    for role in Role::BOTH {
        let mut script = Script::new(role, provider);
        for step in WITH_KEYS {
            idle(&script, step, &nothing);
            idle(
                &script,
                step,
                &[Kind::Ping(8), Kind::Pong, Kind::Ping(1000)],
            );
        }
        // Strict key exchange has no place for them.
        script.strict = Strict::Absent;
        for step in BEFORE_KEYS {
            idle(&script, step, &nothing);
        }
    }
}

fn the_longest_first_kexinit_leads_to_a_login(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::at(&Script::new(role, provider), Step::Ident);
        let kexinit = flooded.peer.kexinit_payload();
        let kexinit = maximal(&kexinit);
        flooded.peer.says_instead(&kexinit);
        let memory = Memory::new();
        flooded.peer.send(&kexinit);
        let grown = memory.grown();
        assert!(grown < 128 << 10, "{grown} bytes");
        flooded.peer.go_on(Step::KexInit);
        assert!(flooded.peer.is_logged_in());
    }
}

/// A client that waits for the answer to its signature, and how many of `message` it takes.
fn taken(provider: &'static Provider, message: &[u8], most: usize) -> (usize, isize) {
    let script = Script::new(Role::Client, provider);
    let mut peer = Scripted::at(&script, Step::Service);
    let memory = Memory::new();
    for n in 0..most {
        peer.send(message);
        peer.forget();
        if !peer.victim.is_alive() {
            return (n, memory.grown());
        }
    }
    (most, memory.grown())
}

fn a_client_takes_sixteen_banners_and_no_more(provider: &'static Provider) {
    let _alone = alone();
    for len in [0, 30_000] {
        let banner = [&[53][..], &string(&vec![b'x'; len]), &[0; 4]].concat();
        let (n, grown) = taken(provider, &banner, 10_000);
        assert_eq!(n, 16);
        assert!(grown < NOISE_BYTES + (64 << 10), "{grown} bytes");
    }
}

fn what_a_peer_tells_in_ext_info_has_an_end(provider: &'static Provider) {
    let _alone = alone();
    // As many names as a list may have, as often as a message may say so.
    let names = vec!["y".repeat(60); 128].join(",");
    let pair = [string(b"server-sig-algs"), string(names.as_bytes())].concat();
    for (role, most) in [(Role::Client, 2), (Role::Server, 1)] {
        let mut flooded = Flooded::at(&Script::new(role, provider), Step::NewKeys);
        let payload = [&[7, 0, 0, 0, 4][..], &pair.repeat(4)].concat();
        let memory = Memory::new();
        for _ in 0..most {
            flooded.send(&payload).unwrap();
        }
        let grown = memory.grown();
        // Besides the buffer that it is read to.
        let most = NOISE_BYTES + (9 << 10) + (32 << 10);
        assert!(grown < most, "{grown} bytes");
        assert_eq!(flooded.peer.answer_to(&payload), Outcome::Refused(2));
    }
}

fn a_server_answers_sixty_four_requests_and_no_more(provider: &'static Provider) {
    let _alone = alone();
    let mut peer = Scripted::at(&Script::new(Role::Server, provider), Step::Service);
    let probe = peer.probe_request();
    let mut batch = Vec::new();
    for _ in 0..10_000 {
        let frame = peer.frame(&probe);
        batch.extend(peer.sealed(frame));
    }
    let memory = Memory::new();
    for bytes in batch.chunks(20_000) {
        peer.send_raw(bytes);
        if !peer.victim.is_alive() {
            break;
        }
    }
    // PK_OK each time, and DISCONNECT.
    let said: Vec<u8> = peer.heard.iter().map(|heard| heard[0]).collect();
    assert_eq!(said, [vec![60; 64], vec![1]].concat());
    let grown = memory.grown();
    assert!(grown < NOISE_BYTES + (128 << 10), "{grown} bytes");
}

adit_testkit::on_every_provider! {
    what_a_stranger_may_send_without_end_leaves_nothing
    the_longest_first_kexinit_leads_to_a_login
    a_client_takes_sixteen_banners_and_no_more
    what_a_peer_tells_in_ext_info_has_an_end
    a_server_answers_sixty_four_requests_and_no_more
}
