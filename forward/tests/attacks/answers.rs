//! A server's answers to what nobody has asked (RFC 4252 §7), to a client with one key.

use adit_auth::Probe;
use adit_crypto::Provider;
use adit_testkit::on_every_provider;
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step, key_for, minimal, string};

use crate::sequences::flight;
use crate::signer;

const FAILURE: u8 = 51;
const SUCCESS: u8 = 52;
const PK_OK: u8 = 60;

/// Client: has asked about its key, which is of RSA so that there are two algorithms for it.
fn asking(provider: &'static Provider) -> Scripted {
    let mut script = Script::new(Role::Client, provider);
    script.probe = Some(Probe::Yes);
    script.algorithm = "rsa-sha2-512";
    script.signer = signer(provider);
    Scripted::at(&script, Step::Service)
}

fn pk_ok(algorithm: &str, blob: &[u8]) -> Vec<u8> {
    [&[PK_OK][..], &string(algorithm.as_bytes()), &string(blob)].concat()
}

fn a_client_signs_for_what_it_has_asked_about(provider: &'static Provider) {
    let other = key_for(signer(provider), "ssh-ed25519");
    let own = asking(provider).key.public_blob().to_vec();
    let mut turned = own.clone();
    *turned.last_mut().unwrap() ^= 2;
    let good = pk_ok("rsa-sha2-512", &own);
    for wrong in [
        pk_ok("ssh-ed25519", other.public_blob()),
        pk_ok("rsa-sha2-512", other.public_blob()),
        pk_ok("rsa-sha2-512", &turned),
        pk_ok("rsa-sha2-512", &own[..own.len() - 1]),
        pk_ok("rsa-sha2-512", b""),
        pk_ok("rsa-sha2-256", &own),
        pk_ok("ssh-rsa", &own),
        pk_ok("", &own),
        [&good[..], &[0]].concat(),
        minimal(SUCCESS, 0),
        minimal(6, 0),
        minimal(21, 0),
    ] {
        let mut peer = asking(provider);
        assert_eq!(peer.answer_to(&wrong), Outcome::Refused(2), "{wrong:?}");
        assert!(!peer.is_logged_in());
    }
    let mut peer = asking(provider);
    assert_eq!(peer.answer_to(&good), Outcome::Said(vec![50]));
    // It has signed, and is not asked again.
    assert_eq!(peer.answer_to(&good), Outcome::Refused(2));
    let mut peer = asking(provider);
    peer.send(&good);
    assert_eq!(peer.answer_to(&[SUCCESS]), Outcome::Said(vec![]));
    assert!(peer.is_logged_in());
    assert_eq!(peer.answer_to(&[SUCCESS]), Outcome::Refused(2));
}

fn ten_thousand_failures_are_one_try_of_each_key(provider: &'static Provider) {
    let failure = [&[FAILURE][..], &string(b"publickey"), &[0]].concat();
    for partial_success in [0, 1] {
        let mut failure = failure.clone();
        *failure.last_mut().unwrap() = partial_success;
        let mut peer = asking(provider);
        let said = flight(&mut peer, std::iter::repeat_n(failure, 10_000));
        assert!(said.is_empty() || said == [1], "{said:?}");
        assert!(!peer.is_logged_in());
    }
}

on_every_provider! {
    a_client_signs_for_what_it_has_asked_about
    ten_thousand_failures_are_one_try_of_each_key
}
