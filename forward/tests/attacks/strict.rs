//! Strict key exchange (OpenSSH PROTOCOL §1.10), and a man in the middle where there is none.

use adit_crypto::{Cipher, Provider};
use adit_testkit::on_every_provider;
use adit_testkit::scripted::{Outcome, REKEY_TIME, Role, Script, Scripted, Step, Strict, minimal};
use adit_testkit::toy;

fn script(role: Role, provider: &'static Provider, cipher: &dyn Cipher, strict: Strict) -> Script {
    let mut script = Script::new(role, provider);
    script.setup.cipher = Some(cipher.name());
    script.setup.mac = cipher.mac();
    script.strict = strict;
    script
}

#[test]
fn a_kexinit_behind_another_packet_is_not_strict() {
    for role in Role::BOTH {
        for number in [2, 3, 4] {
            for (strict, refused) in [(Strict::Offered, true), (Strict::Absent, false)] {
                let mut script = Script::new(role, &toy::PROVIDER);
                script.strict = strict;
                let mut peer = Scripted::at(&script, Step::Ident);
                assert_eq!(peer.answer_to(&minimal(number, 0)), Outcome::Said(vec![]));
                let kexinit = peer.kexinit_payload();
                let seen = peer.answer_to(&kexinit);
                assert_eq!(
                    seen == Outcome::Refused(2),
                    refused,
                    "{role:?} {number} {seen:?}"
                );
            }
        }
    }
}

/// Whoever begins, and with both ends counting the same way.
fn sequence_numbers_start_again_at_each_of_three_more_exchanges(provider: &'static Provider) {
    for cipher in provider.ciphers {
        for role in Role::BOTH {
            let script = script(role, provider, *cipher, Strict::Offered);
            let mut peer = Scripted::at(&script, Step::Login);
            let session_id = peer.session_id();
            for round in 0..3 {
                if round == 1 {
                    peer.wait(REKEY_TIME);
                }
                peer.rekey();
                assert_eq!(
                    peer.sequence_numbers(),
                    [0, 0],
                    "{} {role:?}",
                    cipher.name()
                );
                assert_eq!(peer.answer_to(&minimal(192, 0)), Outcome::Said(vec![193]));
                assert_eq!(peer.session_id(), session_id);
            }
        }
    }
}

#[test]
fn without_strict_key_exchange_sequence_numbers_go_on() {
    let mut script = Script::new(Role::Server, &toy::PROVIDER);
    script.strict = Strict::Absent;
    let mut peer = Scripted::at(&script, Step::Login);
    let before = peer.sequence_numbers();
    peer.rekey();
    let after = peer.sequence_numbers();
    assert!(after[0] == before[0] + 3 && after[1] == before[1] + 3);
    assert_eq!(peer.answer_to(&minimal(192, 0)), Outcome::Said(vec![193]));
}

/// The peer has nothing of the session's transport, so both can only be right together.
fn the_scripted_peer_is_honest_with_every_method_and_cipher(provider: &'static Provider) {
    for kex in provider.kex {
        for cipher in provider.ciphers {
            for role in Role::BOTH {
                let mut script = script(role, provider, *cipher, Strict::Offered);
                script.setup.kex = Some(kex.name());
                let mut peer = Scripted::at(&script, Step::Login);
                peer.open();
                peer.rekey();
                assert_eq!(peer.answer_to(&minimal(192, 0)), Outcome::Said(vec![193]));
            }
        }
    }
}

/// IGNORE before NEWKEYS, which anybody on the way can make.
const INSERTED: &[u8] = &[0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// CVE-2023-48795: packets put in before NEWKEYS make up for as many that are taken out behind it,
/// wherever the sequence number alone says which packet it is. Whether the session has failed.
fn truncated(script: &Script, gap: usize) -> bool {
    let mut peer = Scripted::at(script, Step::Ident);
    let steps: [fn(&mut Scripted); 3] = [Scripted::kexinit, Scripted::share, Scripted::newkeys];
    for (at, step) in steps.into_iter().enumerate() {
        if at == gap {
            peer.send_raw(INSERTED);
        }
        if !peer.victim.is_alive() {
            return true;
        }
        step(&mut peer);
    }
    // EXT_INFO, which does not arrive, and what it should have come before.
    let first = [7, 0, 0, 0, 0];
    let frame = peer.frame(&first);
    peer.sealed(frame);
    peer.service();
    !peer.victim.is_alive()
}

fn a_stranger_who_takes_out_the_first_packet_is_found_with_every_cipher(
    provider: &'static Provider,
) {
    for cipher in provider.ciphers {
        for role in Role::BOTH {
            for strict in Strict::BOTH {
                let script = script(role, provider, *cipher, strict);
                // The last: nothing is put in, and one is missing.
                for gap in 0..=3 {
                    let name = cipher.name();
                    assert!(truncated(&script, gap), "{name} {role:?} {strict:?} {gap}");
                }
            }
        }
    }
}

#[test]
fn the_same_stranger_is_not_found_with_a_cipher_that_counts_and_claims_to_be_safe() {
    // No real one is like this toy. It shows that the stranger would do what he is said to.
    let named = |cipher: &&&dyn Cipher| cipher.name() == "aes192-ctr";
    let cipher = toy::PROVIDER.ciphers.iter().find(named).unwrap();
    for role in Role::BOTH {
        for gap in 0..3 {
            let lenient = script(role, &toy::PROVIDER, *cipher, Strict::Absent);
            assert!(!truncated(&lenient, gap), "{role:?} {gap}");
            let strict = script(role, &toy::PROVIDER, *cipher, Strict::Offered);
            assert!(truncated(&strict, gap), "{role:?} {gap}");
        }
    }
}

on_every_provider! {
    sequence_numbers_start_again_at_each_of_three_more_exchanges
    the_scripted_peer_is_honest_with_every_method_and_cipher;
    // The toy has a cipher that is made for the test above.
    real: a_stranger_who_takes_out_the_first_packet_is_found_with_every_cipher
}
