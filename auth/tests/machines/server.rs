//! The server against clients that do as they should, and others.

use std::time::Duration;

use crate::common::*;
use adit_auth::{
    ClientEvent, Decision, Error, FailedSignature, Fingerprint, Internal, Limits, PeerMisbehaved,
    Probe, REQUESTS_MAX, Server, ServerEvent, ServerNeed, USER_NAME_MAX,
};
use adit_crypto::{Provider, Secret};
use adit_proto::Malformed;
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;

const NOW: Duration = Duration::from_secs(1000);
const TOO_MANY_FAILURES: Error = Error::PeerMisbehaved(PeerMisbehaved::TooManyFailures);

fn anyone(_: &[u8], _: &[u8]) -> bool {
    true
}

fn nobody(_: &[u8], _: &[u8]) -> bool {
    false
}

/// The one failure among the events.
fn failed(outcome: &Outcome) -> &adit_auth::Failed {
    outcome
        .events
        .iter()
        .find_map(|event| match event {
            ServerEvent::Failed(failed) => Some(failed),
            ServerEvent::Quiet | ServerEvent::Authenticated(_) => None,
        })
        .expect("a failure")
}

/// The proof among the events, if there is one.
fn authenticated(outcome: Outcome) -> Option<adit_auth::UserAuthenticated> {
    outcome.events.into_iter().find_map(|event| match event {
        ServerEvent::Authenticated(user) => Some(user),
        ServerEvent::Quiet | ServerEvent::Failed(_) => None,
    })
}

fn a_good_signature_by_a_good_key_authenticates(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    let outcome = serve(&mut server, &signed("bob", &*key), NOW, anyone);
    assert_eq!(outcome.payload(), success());
    assert_eq!(outcome.at, NOW);
    let user = authenticated(outcome).unwrap();
    assert_eq!((user.user(), key_of(&user).0), (&b"bob"[..], "ssh-ed25519"));
    assert_eq!(
        key_of(&user).1,
        Fingerprint::of(provider, key.public_blob())
    );
    assert_eq!(user.policy(), Some(&POLICY));
    assert!(!server.can_take());
    let again = server.handle(&signed("bob", &*key), NOW);
    assert_eq!(again.err(), Some(Internal::OutOfTurn.into()));
}

fn the_proof_is_given_when_success_was_sent_and_not_before(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    let quiet = |event| assert!(matches!(event, ServerEvent::Quiet));
    quiet(server.handle(&signed("bob", &*key), NOW).unwrap());
    quiet(server.message_sent());
    quiet(server.authorize(Decision::Allowed(POLICY), NOW).unwrap());
    assert!(server.message().is_some());
    assert!(matches!(
        server.message_sent(),
        ServerEvent::Authenticated(_)
    ));
    quiet(server.message_sent());
}

fn a_probe_of_a_good_key_is_answered_with_that_key(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    let outcome = serve(&mut server, &probe("bob", &*key), NOW, anyone);
    assert_eq!(outcome.payload(), pk_ok(b"ssh-ed25519", key.public_blob()));
    assert_eq!(outcome.at, NOW);
    assert!(server.can_take());
    assert!(authenticated(outcome).is_none());
}

fn a_signed_request_is_decided_from_scratch(provider: &'static Provider) {
    let (k1, k2) = (key(provider), key(provider));
    let only_k1 = |_: &[u8], blob: &[u8]| blob == k1.public_blob();
    // Probe of a good key, signature by another.
    let mut server = server(provider);
    let outcome = serve(&mut server, &probe("bob", &*k1), NOW, only_k1);
    assert_eq!(outcome.payload(), pk_ok(b"ssh-ed25519", k1.public_blob()));
    let outcome = serve(&mut server, &signed("bob", &*k2), NOW, only_k1);
    assert_eq!(outcome.payload(), failure("publickey", false));
    // A good key shown, another that signed.
    let mixed = signed_by("bob", k1.public_blob(), &*k2, SESSION_ID);
    let outcome = serve(&mut server, &mixed, NOW, only_k1);
    assert_eq!(outcome.payload(), failure("publickey", false));
    assert_eq!(
        failed(&outcome).key.unwrap().signature,
        FailedSignature::Bad
    );
    // The identity is that of the key that signed, whatever was probed last.
    let both = anyone;
    serve(&mut server, &probe("bob", &*k2), NOW, both).payload();
    let outcome = serve(&mut server, &signed("bob", &*k1), NOW, both);
    let user = authenticated(outcome).unwrap();
    assert_eq!(key_of(&user).1, Fingerprint::of(provider, k1.public_blob()));
}

fn the_caller_is_asked_about_probes_and_signed_requests_alike(provider: &'static Provider) {
    let key = key(provider);
    for request in [probe("bob", &*key), signed("bob", &*key)] {
        let mut server = server(provider);
        assert_eq!(server.need(), ServerNeed::Nothing);
        let _ = server.handle(&request, NOW).unwrap();
        assert_eq!(
            server.need(),
            ServerNeed::Authorize {
                user: b"bob",
                algorithm: "ssh-ed25519",
                key_blob: key.public_blob(),
            }
        );
        assert!(server.message().is_none() && server.deadline().is_none());
        let _ = server.authorize(Decision::Refused, NOW).unwrap();
        assert_eq!(server.need(), ServerNeed::Nothing);
    }
}

fn an_rsa_key_of_too_few_bits_is_refused_unasked_and_named(provider: &'static Provider) {
    let rsa = |bytes: usize| {
        let n = [&[0, 0x80][..], &vec![1; bytes - 1]].concat();
        [&b"ssh-rsa"[..], &[1, 0, 1], &n].map(string).concat()
    };
    let asked = |bytes: usize| {
        let mut server = server(provider);
        let method = [&[0][..], &string(b"rsa-sha2-256"), &string(&rsa(bytes))].concat();
        let request = request(b"bob", b"ssh-connection", b"publickey", &method);
        let event = server.handle(&request, NOW).unwrap();
        (server.need() == ServerNeed::Nothing, event)
    };
    let (refused, event) = asked(255);
    let ServerEvent::Failed(failed) = event else {
        panic!("{event:?}")
    };
    let key = failed.key.unwrap();
    assert!(refused);
    assert_eq!(
        (key.key_type, key.signature),
        ("ssh-rsa", FailedSignature::KeyUnsound)
    );
    assert_eq!(key.fingerprint, Fingerprint::of(provider, &rsa(255)));
    assert!(matches!(asked(256), (false, ServerEvent::Quiet)));
}

fn a_decision_nobody_asked_for_ends_it(provider: &'static Provider) {
    let mut server = server(provider);
    let decided = server.authorize(Decision::Allowed(POLICY), NOW);
    assert_eq!(decided.err(), Some(Internal::OutOfTurn.into()));
    assert!(server.message().is_none() && !server.can_take());
}

fn a_signature_over_anything_else_fails(provider: &'static Provider) {
    let (key, other) = (key(provider), key(provider));
    let good = signed("bob", &*key);
    let wrong_session = signed_by("bob", key.public_blob(), &*key, b"another session");
    let mut of_eve = signed("eve", &*key);
    of_eve.splice(5..8, *b"bob");
    let by_other = signed_by("bob", key.public_blob(), &*other, SESSION_ID);
    let mut wrong = vec![wrong_session, of_eve, by_other];
    // Any changed byte of the signature, its length apart.
    let signature_at = good.len() - (4 + 11 + 4 + 64);
    for at in signature_at..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        wrong.push(changed);
    }
    for request in wrong {
        let mut server = server(provider);
        let outcome = serve(&mut server, &request, NOW, anyone);
        assert_eq!(outcome.payload(), failure("publickey", false));
        assert_eq!(
            failed(&outcome).key.unwrap().signature,
            FailedSignature::Bad
        );
        assert!(authenticated(outcome).is_none());
    }
}

fn whatever_is_true_was_signed_as_one(provider: &'static Provider) {
    // RFC 4251 §5: every value but zero is true; what is signed has a 1.
    let key = key(provider);
    let at = 1 + 4 + 3 + 4 + 14 + 4 + 9;
    let mut request = signed("bob", &*key);
    assert_eq!(request[at], 1);
    request[at] = 2;
    let outcome = serve(&mut server(provider), &request, NOW, anyone);
    assert_eq!(outcome.payload(), success());
}

fn what_cannot_be_good_is_answered_alike_whoever_is_there(provider: &'static Provider) {
    // CVE-2018-15473: a request cut short told whether its user was there.
    let key = key(provider);
    let blob = key.public_blob();
    let cut = &blob[..blob.len() - 1];
    for request in [
        none("bob"),
        publickey("bob", cut, false, b""),
        publickey("bob", cut, true, &string(b"")),
        publickey("bob", b"", true, &string(b"")),
        publickey("bob", blob, true, &string(b"")),
        request(b"bob", b"ssh-connection", b"password", b"\0\0\0\0\x01x"),
    ] {
        let there = serve(&mut server(provider), &request, NOW, anyone);
        let not_there = serve(&mut server(provider), &request, NOW, nobody);
        assert_eq!(there.payload(), failure("publickey", false));
        assert_eq!(
            (there.payload(), there.at),
            (not_there.payload(), not_there.at)
        );
    }
    for request in [
        publickey("bob", blob, true, b""),
        probe("bob", &*key)[..9].to_vec(),
    ] {
        let there = serve(&mut server(provider), &request, NOW, anyone);
        let not_there = serve(&mut server(provider), &request, NOW, nobody);
        assert!(there.reply.is_err());
        assert_eq!(there.reply, not_there.reply);
    }
}

fn a_bad_signature_by_a_good_key_looks_like_a_bad_key(provider: &'static Provider) {
    let (key, other) = (key(provider), key(provider));
    let bad = signed_by("bob", key.public_blob(), &*other, SESSION_ID);
    let allowed = serve(&mut server(provider), &bad, NOW, anyone);
    let refused = serve(&mut server(provider), &bad, NOW, nobody);
    let good_but_refused = serve(&mut server(provider), &signed("bob", &*key), NOW, nobody);
    assert_eq!(allowed.payload(), refused.payload());
    assert_eq!(allowed.payload(), good_but_refused.payload());
    assert_eq!((allowed.at, refused.at), (refused.at, good_but_refused.at));
    assert_eq!(
        failed(&good_but_refused).key.unwrap().signature,
        FailedSignature::Good
    );
}

fn a_failure_waits_five_milliseconds_and_the_users_own_time(provider: &'static Provider) {
    let key = key(provider);
    let waited = |user: &str| {
        let outcome = serve(&mut server(provider), &probe(user, &*key), NOW, nobody);
        outcome.at - NOW
    };
    for user in ["bob", "eve", "", "root"] {
        let waited = [waited(user), waited(user)];
        assert_eq!(waited[0], waited[1]);
        assert!(waited[0] >= Duration::from_millis(5));
        assert!(waited[0] < Duration::from_micros(9300));
    }
    assert_ne!(waited("bob"), waited("eve"));
}

fn a_late_decision_waits_from_its_request_on(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    let _ = server.handle(&probe("bob", &*key), NOW).unwrap();
    let later = NOW + Duration::from_millis(100);
    let _ = server.authorize(Decision::Refused, later).unwrap();
    let waited = server.deadline().unwrap() - NOW;
    assert!(waited >= Duration::from_millis(100) && waited < Duration::from_millis(200));
}

fn none_and_then_publickey_in_one_flight_work(provider: &'static Provider) {
    let key = key(provider);
    let flight = [none("bob"), probe("bob", &*key), signed("bob", &*key)];
    let mut server = server(provider);
    let mut replies = Vec::new();
    for request in flight {
        assert!(server.can_take());
        replies.push(serve(&mut server, &request, NOW, anyone).payload().to_vec());
    }
    let expected = [
        failure("publickey", false),
        pk_ok(b"ssh-ed25519", key.public_blob()),
        success(),
    ];
    assert_eq!(replies, expected);
}

fn a_request_before_its_turn_is_the_callers_mistake(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    let _ = server.handle(&none("bob"), NOW).unwrap();
    assert!(!server.can_take());
    let early = server.handle(&probe("bob", &*key), NOW);
    assert_eq!(early.err(), Some(Internal::OutOfTurn.into()));
}

fn the_first_none_is_free_and_at_once(provider: &'static Provider) {
    let mut server = server(provider);
    let outcome = serve(&mut server, &none("bob"), NOW, anyone);
    assert_eq!(
        (outcome.payload(), outcome.at),
        (&failure("publickey", false)[..], NOW)
    );
    assert!(matches!(
        outcome.events[..],
        [ServerEvent::Quiet, ServerEvent::Quiet]
    ));
    let outcome = serve(&mut server, &none("bob"), NOW, anyone);
    assert_eq!(failed(&outcome).failures, 1);
    assert!(outcome.at > NOW);
}

fn methods_that_are_not_there_fail_and_are_named_for_the_log(provider: &'static Provider) {
    for (method, logged) in [
        (&b"password"[..], "password"),
        (b"keyboard-interactive", "keyboard-interactive"),
        (
            b"publickey-hostbound-v01@openssh.com",
            "publickey-hostbound-v01@openssh.com",
        ),
        (b"PublicKey", "PublicKey"),
        (b"", "unknown"),
        (b"a\x1b[2J", "unknown"),
        (b"none ", "unknown"),
    ] {
        let mut server = server(provider);
        let request = request(b"bob", b"ssh-connection", method, b"\0\0\0\0\x06secret");
        let outcome = serve(&mut server, &request, NOW, anyone);
        assert_eq!(outcome.payload(), failure("publickey", false));
        assert_eq!(failed(&outcome).method, logged.as_bytes());
        assert_eq!(failed(&outcome).key, None);
        assert!(outcome.at > NOW);
    }
}

fn keys_and_algorithms_that_are_not_known_fail_without_a_question(provider: &'static Provider) {
    let key = key(provider);
    let blob = key.public_blob();
    let method =
        |algorithm: &[u8], blob: &[u8]| [&[0][..], &string(algorithm), &string(blob)].concat();
    let rsa = [&string(b"ssh-rsa")[..], &[0; 40]].concat();
    let short = [&string(b"ssh-ed25519")[..], &string(&[7; 31])].concat();
    for method in [
        method(b"ssh-rsa", &rsa),
        method(b"ssh-ed25519", &rsa),
        method(b"ssh-rsa", blob),
        method(b"", blob),
        method(b"ssh-ed25519", b""),
        method(b"ssh-ed25519", &short),
        method(b"ssh-ed25519", &[blob, b"x"].concat()),
        method(b"ssh-ed25519-cert-v01@openssh.com", blob),
    ] {
        let mut server = server(provider);
        let request = request(b"bob", b"ssh-connection", b"publickey", &method);
        let _ = server.handle(&request, NOW).unwrap();
        assert_eq!(server.need(), ServerNeed::Nothing);
        server.handle_timeout(NOW + Duration::from_secs(1)).unwrap();
        assert!(server.message().is_some());
    }
}

fn the_sixth_failure_is_the_last(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    serve(&mut server, &none("bob"), NOW, nobody).payload();
    for n in 1..6 {
        let outcome = serve(&mut server, &probe("bob", &*key), NOW, nobody);
        assert_eq!(failed(&outcome).failures, n);
        assert_eq!(outcome.payload(), failure("publickey", false));
    }
    let outcome = serve(&mut server, &signed("bob", &*key), NOW, nobody);
    assert_eq!(failed(&outcome).failures, 6);
    assert_eq!(outcome.reply, Err(TOO_MANY_FAILURES));
    // It waited as the others did.
    assert!(outcome.at >= NOW + Duration::from_millis(5));
    assert!(!server.can_take() && server.message().is_none() && server.deadline().is_none());
}

fn a_success_before_the_last_failure_still_counts(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    for _ in 1..6 {
        serve(&mut server, &probe("bob", &*key), NOW, nobody).payload();
    }
    let outcome = serve(&mut server, &signed("bob", &*key), NOW, anyone);
    assert_eq!(outcome.payload(), success());
}

fn max_auth_tries_is_the_configurations(provider: &'static Provider) {
    let key = key(provider);
    for max_auth_tries in [0, 1, 2] {
        let limits = Limits { max_auth_tries };
        let mut server = Server::new(provider, SESSION_ID, HOST_KEY, Secret::copy_of(b""), limits);
        for _ in 1..max_auth_tries {
            serve(&mut server, &probe("bob", &*key), NOW, nobody).payload();
        }
        let outcome = serve(&mut server, &probe("bob", &*key), NOW, nobody);
        assert_eq!(outcome.reply, Err(TOO_MANY_FAILURES), "{max_auth_tries}");
    }
}

fn no_session_has_more_than_64_requests(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    for _ in 0..REQUESTS_MAX {
        serve(&mut server, &probe("bob", &*key), NOW, anyone).payload();
    }
    let outcome = serve(&mut server, &probe("bob", &*key), NOW, anyone);
    assert_eq!(outcome.reply, Err(PeerMisbehaved::TooManyRequests.into()));
    assert!(!server.can_take());
    // The last one that is taken can still succeed.
    let mut server = self::server(provider);
    for _ in 1..REQUESTS_MAX {
        serve(&mut server, &probe("bob", &*key), NOW, anyone).payload();
    }
    assert_eq!(
        serve(&mut server, &signed("bob", &*key), NOW, anyone).payload(),
        success()
    );
}

fn another_user_or_service_ends_it(provider: &'static Provider) {
    let key = key(provider);
    let changed = Err(PeerMisbehaved::PrincipalChanged.into());
    let other_service = request(b"bob", b"ssh-userauth", b"none", b"");
    for second in [
        signed("eve", &*key),
        probe("Bob", &*key),
        none(""),
        none("bob\0"),
        other_service.clone(),
    ] {
        let mut server = server(provider);
        let outcome = serve(&mut server, &probe("bob", &*key), NOW, anyone);
        outcome.payload();
        assert_eq!(serve(&mut server, &second, NOW, anyone).reply, changed);
        assert!(!server.can_take());
        assert_eq!(server.user(), Some(&b"bob"[..]));
    }
    let outcome = serve(&mut server(provider), &other_service, NOW, anyone);
    assert_eq!(
        outcome.reply,
        Err(PeerMisbehaved::ServiceNotAvailable.into())
    );
}

fn a_user_name_has_at_most_255_bytes(provider: &'static Provider) {
    for (len, expected) in [
        (0, true),
        (USER_NAME_MAX - 1, true),
        (USER_NAME_MAX, true),
        (USER_NAME_MAX + 1, false),
    ] {
        let outcome = serve(&mut server(provider), &none(&"u".repeat(len)), NOW, anyone);
        assert_eq!(outcome.reply.is_ok(), expected);
    }
}

fn a_malformed_request_ends_it_whoever_it_is_for(provider: &'static Provider) {
    let key = key(provider);
    let (probe, signed) = (probe("bob", &*key), signed("bob", &*key));
    let mut bad = vec![
        (Vec::new(), Malformed::TooShort),
        ([&probe[..], b"x"].concat(), Malformed::TrailingBytes),
        ([&signed[..], b"x"].concat(), Malformed::TrailingBytes),
        // A signature that is not announced, and an announced one that is not there.
        (
            publickey("bob", key.public_blob(), false, &string(b"x")),
            Malformed::TrailingBytes,
        ),
        (
            publickey("bob", key.public_blob(), true, b""),
            Malformed::TooShort,
        ),
    ];
    for whole in [&probe, &signed] {
        // Before the method's own fields there is a shorter request of another method: none.
        bad.extend((1..whole.len()).map(|n| (whole[..n].to_vec(), Malformed::TooShort)));
    }
    for (request, malformed) in bad {
        let outcome = serve(&mut server(provider), &request, NOW, anyone);
        assert_eq!(outcome.reply, Err(malformed.into()), "{request:?}");
    }
}

fn only_requests_are_taken(provider: &'static Provider) {
    for number in (0..=255).filter(|number| *number != 50) {
        let payload = match number {
            51 => failure("publickey", false),
            52 => success(),
            53 => banner(b"hello"),
            60 => pk_ok(b"ssh-ed25519", b""),
            _ => vec![number],
        };
        let outcome = serve(&mut server(provider), &payload, NOW, anyone);
        assert_eq!(
            outcome.reply,
            Err(PeerMisbehaved::UnexpectedMessage.into()),
            "{number}"
        );
    }
}

fn a_client_and_a_server_agree(provider: &'static Provider) {
    let keys = [key(provider), key(provider), key(provider)];
    for (allowed, probe) in [
        (0, Probe::Yes),
        (0, Probe::No),
        (2, Probe::Yes),
        (2, Probe::No),
    ] {
        let offers = (0..)
            .zip(&keys)
            .map(|(i, key)| offered(i, &**key, probe))
            .collect();
        let mut client = started(provider, "bob", offers);
        let mut server = server(provider);
        let may = |user: &[u8], blob: &[u8]| user == b"bob" && blob == keys[allowed].public_blob();
        let mut proofs = None;
        while proofs.is_none() {
            sign(&mut client, &keys);
            let request = sent(&mut client).unwrap();
            let outcome = serve(&mut server, &request, NOW, may);
            let event = client.handle(outcome.payload()).unwrap();
            if let ClientEvent::Authenticated(theirs) = event {
                proofs = Some((theirs, authenticated(outcome).unwrap()));
            }
        }
        let (client, server) = proofs.unwrap();
        assert_eq!(key_of(&client), key_of(&server));
        assert_eq!(client.user(), server.user());
    }
}

fn mutated_requests_never_panic_and_never_authenticate(provider: &'static Provider) {
    let key = key(provider);
    let signed = signed("bob", &*key);
    let mut dice = Dice::new(18);
    for _ in 0..3000 {
        let request = mutate(&mut dice, &signed);
        let outcome = serve(&mut server(provider), &request, NOW, anyone);
        let changed = request != signed;
        // RFC 4251 §5: another byte for TRUE means the same.
        let at = 1 + 4 + 3 + 4 + 14 + 4 + 9;
        let same_but_true = request.len() == signed.len() && request[at] != 0 && {
            let mut request = request.clone();
            request[at] = 1;
            request == signed
        };
        assert_eq!(authenticated(outcome).is_some(), !changed || same_but_true);
    }
}

on_every_provider! {
    a_good_signature_by_a_good_key_authenticates
    the_proof_is_given_when_success_was_sent_and_not_before
    a_probe_of_a_good_key_is_answered_with_that_key
    a_signed_request_is_decided_from_scratch
    the_caller_is_asked_about_probes_and_signed_requests_alike
    a_decision_nobody_asked_for_ends_it
    a_signature_over_anything_else_fails
    whatever_is_true_was_signed_as_one
    what_cannot_be_good_is_answered_alike_whoever_is_there
    a_bad_signature_by_a_good_key_looks_like_a_bad_key
    a_failure_waits_five_milliseconds_and_the_users_own_time
    a_late_decision_waits_from_its_request_on
    none_and_then_publickey_in_one_flight_work
    a_request_before_its_turn_is_the_callers_mistake
    the_first_none_is_free_and_at_once
    methods_that_are_not_there_fail_and_are_named_for_the_log
    keys_and_algorithms_that_are_not_known_fail_without_a_question
    the_sixth_failure_is_the_last
    a_success_before_the_last_failure_still_counts
    max_auth_tries_is_the_configurations
    no_session_has_more_than_64_requests
    another_user_or_service_ends_it
    a_user_name_has_at_most_255_bytes
    a_malformed_request_ends_it_whoever_it_is_for
    only_requests_are_taken
    a_client_and_a_server_agree
    mutated_requests_never_panic_and_never_authenticate;
    // The toy knows no least size.
    real:
    an_rsa_key_of_too_few_bits_is_refused_unasked_and_named
}
