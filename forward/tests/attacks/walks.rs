//! Messages in any order, to sessions whose peer proves nothing: honest for some steps, then at
//! random, with whatever is well-formed more often than not.

use std::cell::Cell;
use std::time::Duration;

use adit_crypto::Provider;
use adit_testkit::dice::Dice;
use adit_testkit::scripted::{Role, Script, Scripted, Step, Strict, minimal};
use adit_testkit::{on_every_provider, seeds, toy};

const STEPS: [Step; 6] = [
    Step::Start,
    Step::Ident,
    Step::KexInit,
    Step::Share,
    Step::NewKeys,
    Step::Service,
];

/// Numbers that mean something; any other is chosen once in a while.
const KNOWN: [u8; 32] = [
    1, 2, 3, 4, 5, 6, 7, 20, 21, 30, 31, 50, 51, 52, 53, 60, 61, 80, 81, 82, 90, 91, 92, 93, 94,
    95, 96, 97, 98, 99, 192, 193,
];

fn message(peer: &mut Scripted, role: Role, dice: &mut Dice) -> Vec<u8> {
    let number = match dice.below(12) {
        0 => u8::try_from(dice.below(256)).unwrap(),
        _ => dice.pick(&KNOWN),
    };
    match dice.below(12) {
        1 => peer.kexinit_payload(),
        2 => peer.probe_request(),
        3 if role == Role::Server => {
            // Over another session, by a key that would do.
            let key = peer.key.clone();
            peer.request_signed_by(&*key, &[7; 32], |_| {})
        }
        // With another share the peer would not understand the answer.
        _ if number == 30 && role == Role::Server => peer.share_payload(),
        _ => minimal(number, 0),
    }
}

const WALKS: usize = 100;

/// How many messages were sent in [`WALKS`] walks with each role.
fn walk(seed: u64, provider: &'static Provider) -> usize {
    let mut dice = Dice::new(seed);
    let mut steps = 0;
    for _ in 0..WALKS {
        for role in Role::BOTH {
            let mut script = Script::new(role, provider);
            // A client without keys, and without anybody to type, has nothing to prove itself with.
            script.probe = None;
            script.strict = dice.pick(&Strict::BOTH);
            let mut peer = Scripted::at(&script, dice.pick(&STEPS));
            let mut sent = vec![];
            while peer.victim.is_alive() && sent.len() < 12 {
                let message = message(&mut peer, role, &mut dice);
                peer.send(&message);
                peer.wait(Duration::from_secs(1));
                sent.push(message[0]);
                assert!(!peer.is_logged_in(), "{role:?} {sent:?}");
                assert_eq!(peer.opens(), 0, "{role:?} {sent:?}");
            }
            steps += sent.len();
        }
    }
    steps
}

fn no_order_of_messages_is_a_login_or_opens_a_channel(provider: &'static Provider) {
    let (short, long) = if provider.name == toy::PROVIDER.name {
        (15, 3000)
    } else {
        (2, 100)
    };
    let (seeds, steps) = (Cell::new(0), Cell::new(0));
    seeds::each(short, long, |seed| {
        seeds.set(seeds.get() + 1);
        steps.set(steps.get() + walk(seed, provider));
    });
    // Enough of them get beyond the first message; one seed alone may have little luck.
    let (seeds, steps) = (seeds.get(), steps.get());
    assert!(
        seeds == 1 || steps > 3 * WALKS * seeds,
        "{steps} steps of {seeds} seeds"
    );
}

on_every_provider! { no_order_of_messages_is_a_login_or_opens_a_channel }
