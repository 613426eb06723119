//! Packets whose numbers are wrong, sealed with the right keys: packet_length, padding_length, and
//! payloads that are not there (RFC 4253 §6).

use adit_crypto::{Cipher, Provider};
use adit_testkit::scripted::{Frame, Outcome, Role, Script, Scripted, Step};
use adit_testkit::{on_every_provider, seeds, toy};

/// Largest packet_length that is taken.
const CAP: u32 = 35_000;

fn of(role: Role, provider: &'static Provider, cipher: &dyn Cipher) -> Script {
    let mut script = Script::new(role, provider);
    script.setup.cipher = Some(cipher.name());
    script.setup.mac = cipher.mac();
    script
}

/// IGNORE of that length, of which nothing is read.
fn ignore(len: usize) -> Vec<u8> {
    vec![2; len]
}

/// What comes of a packet that announces this length, and is two blocks long.
fn announced(script: &Script, step: Step, packet_length: u32) -> Outcome {
    let mut peer = Scripted::at(script, step);
    let payload = ignore(20);
    let frame = Frame {
        packet_length,
        ..peer.frame(&payload)
    };
    peer.send_frame(frame);
    peer.outcome()
}

fn lengths(script: &Script, step: Step, reason: u32) {
    let what = format!("{:?} {:?} {step:?}", script.setup.cipher, script.role);
    let peer = Scripted::at(script, step);
    // Packets differ by whole blocks; 16 bytes are one or two of them.
    let least = peer.frame(&[2]).packet_length;
    let is_whole = |length: &u32| (length - least).is_multiple_of(16);
    let greatest = (CAP - 20..=CAP).rev().find(is_whole).unwrap();
    let bad = [
        0,
        1,
        4,
        5,
        greatest + 1,
        greatest + 16,
        CAP,
        CAP + 1,
        (1 << 24) - 1,
        1 << 31,
        u32::MAX,
    ];
    for bad in bad.into_iter().filter(|length| *length != greatest) {
        let seen = announced(script, step, bad);
        assert_eq!(seen, Outcome::Refused(reason), "{what} {bad}");
    }
    let waits = Outcome::Said(vec![]);
    assert_eq!(announced(script, step, greatest), waits, "{what}");
}

fn packet_length_is_bounded_under_every_cipher(provider: &'static Provider) {
    for role in Role::BOTH {
        // Before the first keys there is nothing to hide, and the reason is told.
        lengths(&Script::new(role, provider), Step::Ident, 2);
        for cipher in provider.ciphers {
            let script = of(role, provider, *cipher);
            lengths(&script, Step::NewKeys, 5);
            lengths(&script, Step::Login, 5);
        }
    }
}

/// One packet of this many bytes of padding, in so many bytes behind packet_length; the rest is
/// payload, if padding leaves any.
fn padded(peer: &mut Scripted, padding_length: u8, rest: &[u8]) -> Outcome {
    let frame = Frame {
        padding_length,
        ..Frame::padded(rest, 0)
    };
    peer.forget();
    peer.send_frame(frame);
    peer.outcome()
}

fn paddings(script: &Script, step: Step, paddings: &[u8], reason: u32) {
    let mut peer = Scripted::at(script, step);
    // Some 200 bytes, in whole blocks.
    let payload = ignore(190);
    let frame = peer.frame(&payload);
    let rest = ignore(payload.len() + frame.padding);
    let most = u8::try_from(rest.len() - 1).unwrap();
    for &padding in paddings.iter().chain(&[most, most + 1]) {
        let good = (4..=most).contains(&padding);
        let expected = if good {
            Outcome::Said(vec![])
        } else {
            Outcome::Refused(reason)
        };
        let seen = padded(&mut peer, padding, &rest);
        assert_eq!(seen, expected, "{:?} {padding}", script.setup.cipher);
        if !good {
            peer = Scripted::at(script, step);
        }
    }
}

fn padding_is_four_bytes_or_more_and_leaves_a_message_under_every_cipher(
    provider: &'static Provider,
) {
    let all: Vec<u8> = (0..=255).collect();
    // Each that is refused costs a session, and a real provider's cost more.
    let some = [0, 1, 2, 3, 4, 5, 127, 128, 254, 255];
    let is_quick = provider.name == toy::PROVIDER.name || seeds::is_long();
    let which = if is_quick { &all } else { &some[..] };
    for role in Role::BOTH {
        for cipher in provider.ciphers {
            let script = of(role, provider, *cipher);
            paddings(&script, Step::NewKeys, which, 5);
        }
        // Before the first keys there is nothing to hide, and the reason is told.
        paddings(&Script::new(role, provider), Step::Ident, which, 2);
    }
}

fn a_packet_in_clear_behind_newkeys_is_refused_under_every_cipher(provider: &'static Provider) {
    // SERVICE_REQUEST, or nothing that matters, as it would have been before NEWKEYS.
    let clear = [
        &[0, 0, 0, 28, 10, 5, 0, 0, 0, 12][..],
        b"ssh-userauth",
        &[0; 10],
    ]
    .concat();
    for cipher in provider.ciphers {
        let script = of(Role::Server, provider, *cipher);
        let mut peer = Scripted::at(&script, Step::NewKeys);
        peer.send_raw(&clear);
        // More, so that no length can leave it waiting.
        peer.send_raw(&vec![0; 40_000]);
        assert_eq!(peer.outcome(), Outcome::Refused(5), "{}", cipher.name());
    }
}

fn new_keys_are_not_heard_before_newkeys_says_so(provider: &'static Provider) {
    for cipher in provider.ciphers {
        for role in Role::BOTH {
            let mut peer = Scripted::at(&of(role, provider, *cipher), Step::Share);
            peer.use_new_keys();
            peer.service();
            // More, so that no length can leave it waiting.
            peer.send_raw(&vec![0; 40_000]);
            let name = cipher.name();
            assert!(!peer.victim.is_alive(), "{name} {role:?}");
            let was_heard = |event: &String| event == "Established";
            assert!(!peer.victim.log.iter().any(was_heard), "{name} {role:?}");
        }
    }
}

on_every_provider! {
    packet_length_is_bounded_under_every_cipher
    padding_is_four_bytes_or_more_and_leaves_a_message_under_every_cipher
    a_packet_in_clear_behind_newkeys_is_refused_under_every_cipher
    new_keys_are_not_heard_before_newkeys_says_so
}
