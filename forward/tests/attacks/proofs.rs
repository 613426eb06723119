//! Wrong, missing and other people's proofs: of a server's host key, and of a user's.

use std::sync::Arc;
use std::time::Duration;

use adit_crypto::{PrivateKey, Provider, SigningKey};
use adit_testkit::on_every_provider;
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step, minimal, request, string};

fn another_key(provider: &'static Provider) -> Arc<dyn SigningKey> {
    let (seed, public) = provider.keys.generate_ed25519(provider.random).unwrap();
    let seed = seed.expose().try_into().unwrap();
    let public = &public;
    let key = PrivateKey::Ed25519 { seed, public };
    Arc::from(provider.keys.load(&key).unwrap())
}

type Wrong = fn(&mut Vec<u8>);

/// What a signature blob can become: no bytes, no name, another's name, less, more, another value.
const WRONG: [Wrong; 7] = [
    Vec::clear,
    |blob| drop(blob.drain(..4 + 11)),
    |blob| drop(blob.splice(..4 + 11, string(b"rsa-sha2-512"))),
    |blob| drop(blob.splice(..4 + 11, string(b"ssh-ed25519-cert-v01@openssh.com"))),
    |blob| blob.truncate(blob.len() - 1),
    |blob| blob.push(0),
    |blob| blob[30] ^= 1,
];

fn a_host_key_that_did_not_sign_this_exchange_is_never_offered(provider: &'static Provider) {
    let script = Script::new(Role::Client, provider);
    for (at, wrong) in WRONG.into_iter().enumerate() {
        let mut peer = Scripted::at(&script, Step::KexInit);
        let reply = peer.reply_payload(wrong);
        assert_eq!(peer.answer_to(&reply), Outcome::Refused(3), "{at}");
        assert!(!peer.victim.log.iter().any(|e| e.starts_with("HostKey")));
    }
    // Its own signature beside another's key, and the other way around.
    let other = another_key(provider);
    let mut peer = Scripted::at(&script, Step::KexInit);
    let mut reply = peer.reply_payload(|_| {});
    let ours = peer.key.public_blob().len();
    reply.splice(5..5 + ours, other.public_blob().iter().copied());
    assert_eq!(peer.answer_to(&reply), Outcome::Refused(3));
    // A key of another type than the algorithm that was agreed on.
    let mut peer = Scripted::at(&script, Step::KexInit);
    let mut reply = peer.reply_payload(|_| {});
    reply[5 + 4 + 4] = b'r';
    assert_eq!(peer.answer_to(&reply), Outcome::Refused(9));
}

fn another_host_key_in_a_re_exchange_ends_the_session(provider: &'static Provider) {
    let script = Script::new(Role::Client, provider);
    let mut peer = Scripted::at(&script, Step::Login);
    peer.rekey();
    assert!(peer.victim.is_alive());
    peer.key = another_key(provider);
    peer.kexinit();
    let reply = peer.share_payload();
    assert_eq!(peer.answer_to(&reply), Outcome::Refused(9));
}

fn only_the_users_own_signature_over_this_session_logs_in(provider: &'static Provider) {
    let script = Script::new(Role::Server, provider);
    let refused = Outcome::Said(vec![51]);
    for (at, wrong) in WRONG.into_iter().enumerate() {
        let mut peer = Scripted::at(&script, Step::Service);
        let key = Arc::clone(&peer.key);
        let message = peer.request_signed_by(&*key, &peer.session_id(), wrong);
        assert_eq!(peer.answer_to(&message), refused, "{at}");
        assert!(!peer.is_logged_in());
    }
    let mut peer = Scripted::at(&script, Step::Service);
    let (key, id) = (Arc::clone(&peer.key), peer.session_id());
    let others = peer.request_signed_by(&*another_key(provider), &id, |_| {});
    let elsewhere = peer.request_signed_by(&*key, &[7; 32], |_| {});
    let nowhere = peer.request_signed_by(&*key, &[], |_| {});
    for message in [others, elsewhere, nowhere] {
        assert_eq!(peer.answer_to(&message), refused);
    }
    // A key that would do proves nothing, however often it is asked about.
    let probe = peer.probe_request();
    for _ in 0..10 {
        assert_eq!(peer.answer_to(&probe), Outcome::Said(vec![60]));
    }
    assert!(!peer.is_logged_in());
    // Still one good request after all of that, and only its own.
    assert_eq!(
        peer.answer_to(&peer.signed_request()),
        Outcome::Said(vec![52])
    );
    assert!(peer.is_logged_in());
}

fn a_request_that_is_not_whole_or_confuses_names_is_refused(provider: &'static Provider) {
    let script = Script::new(Role::Server, provider);
    let peer = Scripted::at(&script, Step::Service);
    let whole = peer.signed_request();
    let key = peer.key.public_blob().len();
    // The signature is not there, though it was announced; and an unsigned one has one.
    let unsigned = whole[..whole.len() - 4 - 4 - 11 - 4 - 64].to_vec();
    let mut announced_none = whole.clone();
    let flag = unsigned.len() - key - 4 - 11 - 4 - 1;
    announced_none[flag] = 0;
    for message in [unsigned, announced_none, [&whole[..], &[0]].concat()] {
        let mut peer = Scripted::at(&script, Step::Service);
        assert_eq!(peer.answer_to(&message), Outcome::Refused(2));
    }
    // Names that are not those of the key.
    for name in ["rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-rsa", "none", ""] {
        let mut peer = Scripted::at(&script, Step::Service);
        let fields = [
            &[0][..],
            &string(name.as_bytes()),
            &string(peer.key.public_blob()),
        ];
        let message = request(b"publickey", &fields.concat());
        assert_eq!(peer.answer_to(&message), Outcome::Said(vec![51]), "{name}");
    }
}

/// Both in one flight, as a client may send them that does not wait.
fn a_channel_asked_for_behind_a_request_that_fails_is_never_opened(provider: &'static Provider) {
    let script = Script::new(Role::Server, provider);
    let wrong: [Wrong; 2] = [|_| {}, |blob| blob[30] ^= 1];
    let seen = wrong.map(|wrong| {
        let mut peer = Scripted::at(&script, Step::Service);
        let key = Arc::clone(&peer.key);
        let login = peer.request_signed_by(&*key, &peer.session_id(), wrong);
        let flight = [login, minimal(90, 0)].map(|message| {
            let frame = peer.frame(&message);
            peer.sealed(frame)
        });
        peer.send_raw(&flight.concat());
        peer.wait(Duration::from_secs(1));
        let said: Vec<_> = peer.heard.iter().map(|message| message[0]).collect();
        (said, peer.opens(), peer.victim.is_alive())
    });
    assert_eq!(seen, [(vec![52, 91], 1, true), (vec![51, 1], 0, false)]);
}

on_every_provider! {
    a_host_key_that_did_not_sign_this_exchange_is_never_offered
    another_host_key_in_a_re_exchange_ends_the_session
    only_the_users_own_signature_over_this_session_logs_in
    a_channel_asked_for_behind_a_request_that_fails_is_never_opened
    a_request_that_is_not_whole_or_confuses_names_is_refused
}
