//! The client against servers that do as they should, and others.

use crate::common::*;
use adit_auth::{
    Client, ClientEvent, Established, KeyId, Method, Need, PeerMisbehaved, Probe, Signed,
};
use adit_crypto::{Provider, Unspecified};
use adit_proto::Malformed;
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;

fn a_loaded_key_signs_at_once(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::No)]);
    assert!(client.message().is_none());
    assert_eq!(sign(&mut client, &keys), Some(Signed::Accepted));
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[0]));
    assert!(sent(&mut client).is_none() && client.need() == Need::Nothing);
    let Ok(ClientEvent::Authenticated(user)) = client.handle(&success()) else {
        panic!("not authenticated");
    };
    assert_eq!((user.user(), key_of(&user).0), (&b"bob"[..], "ssh-ed25519"));
    assert_eq!(user.policy(), None);
}

fn an_agents_key_is_asked_about_first(provider: &'static Provider) {
    let keys = [key(provider)];
    let blob = keys[0].public_blob();
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::Yes)]);
    assert_eq!(client.need(), Need::Nothing);
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[0]));
    assert!(is_quiet(&client.handle(&pk_ok(b"ssh-ed25519", blob))));
    assert_eq!(sign(&mut client, &keys), Some(Signed::Accepted));
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[0]));
    assert!(matches!(
        client.handle(&success()),
        Ok(ClientEvent::Authenticated(_))
    ));
}

fn keys_are_tried_in_order_each_of_them_once(provider: &'static Provider) {
    let keys = [key(provider), key(provider), key(provider)];
    let offers = vec![
        offered(0, &*keys[0], Probe::Yes),
        offered(1, &*keys[1], Probe::No),
        offered(2, &*keys[2], Probe::Yes),
    ];
    let mut client = started(provider, "bob", offers);
    let failure = failure("publickey,password", false);
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[0]));
    assert!(is_quiet(&client.handle(&failure)));
    assert_eq!(sign(&mut client, &keys), Some(Signed::Accepted));
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[1]));
    assert!(is_quiet(&client.handle(&failure)));
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[2]));
    let refused = refused(client.handle(&failure));
    assert_eq!(
        refused.to_string(),
        "Permission denied (publickey,password)."
    );
    assert_eq!((refused.tried_keys, refused.skipped_keys), (3, 0));
    assert!(sent(&mut client).is_none());
}

fn without_keys_the_methods_are_asked_for(provider: &'static Provider) {
    let mut client = started(provider, "bob", vec![]);
    assert_eq!(sent(&mut client).unwrap(), none("bob"));
    let refused = refused(client.handle(&failure("publickey,keyboard-interactive", false)));
    assert_eq!(
        refused.to_string(),
        "Permission denied (publickey,keyboard-interactive)."
    );
    assert_eq!((refused.tried_keys, refused.skipped_keys), (0, 0));
}

fn a_server_without_publickey_ends_the_list(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let offers = vec![
        offered(0, &*keys[0], Probe::Yes),
        offered(1, &*keys[1], Probe::Yes),
    ];
    let mut client = started(provider, "bob", offers);
    sent(&mut client).unwrap();
    let refused = refused(client.handle(&failure("password,publickey-hostbound", false)));
    assert_eq!(refused.tried_keys, 1);
}

fn a_server_that_fails_for_ever_ends_the_list_too(provider: &'static Provider) {
    let keys: Vec<_> = (0..20).map(|_| key(provider)).collect();
    let offers = (0..)
        .zip(&keys)
        .map(|(i, k)| offered(i, &**k, Probe::Yes))
        .collect();
    let mut client = started(provider, "bob", offers);
    let mut requests = 0;
    while sent(&mut client).is_some() {
        requests += 1;
        let _ = client.handle(&failure("publickey", false)).unwrap();
    }
    assert_eq!(requests, 20);
    assert_eq!(
        error(client.handle(&failure("publickey", false))),
        UNEXPECTED
    );
}

fn a_key_that_will_not_sign_makes_way_for_the_next(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let offers = vec![
        offered(0, &*keys[0], Probe::No),
        offered(1, &*keys[1], Probe::No),
    ];
    let mut client = started(provider, "bob", offers);
    assert_eq!(client.signed(KeyId(0), Err(Unspecified)), Signed::GivenUp);
    assert_eq!(sign(&mut client, &keys), Some(Signed::Accepted));
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[1]));
    let refused = refused(client.handle(&failure("publickey", false)));
    assert_eq!((refused.tried_keys, refused.skipped_keys), (1, 1));
}

fn when_the_last_key_will_not_sign_the_methods_are_asked_for(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::Yes)]);
    sent(&mut client).unwrap();
    assert!(is_quiet(
        &client.handle(&pk_ok(b"ssh-ed25519", keys[0].public_blob()))
    ));
    assert_eq!(client.signed(KeyId(0), Err(Unspecified)), Signed::GivenUp);
    assert_eq!(sent(&mut client).unwrap(), none("bob"));
    let refused = refused(client.handle(&failure("publickey", false)));
    assert_eq!((refused.tried_keys, refused.skipped_keys), (1, 1));
}

fn a_wrong_signature_is_never_sent(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let good = |client: &Client| match client.need() {
        Need::Sign {
            algorithm, message, ..
        } => keys[0].sign(algorithm, message).unwrap(),
        _ => panic!("nothing to sign"),
    };
    let offer = || vec![offered(0, &*keys[0], Probe::No)];
    let client = started(provider, "bob", offer());
    let signature = good(&client);
    let mut wrong: Vec<Vec<u8>> = (0..signature.len())
        .map(|at| {
            let mut signature = signature.clone();
            signature[at] ^= 1;
            signature
        })
        .collect();
    wrong.push(Vec::new());
    wrong.push([&signature[..], b"x"].concat());
    wrong.push(keys[0].sign("ssh-ed25519", b"something else").unwrap());
    if let Need::Sign {
        algorithm, message, ..
    } = client.need()
    {
        wrong.push(keys[1].sign(algorithm, message).unwrap());
    }
    for signature in wrong {
        let mut client = started(provider, "bob", offer());
        assert_eq!(client.signed(KeyId(0), Ok(signature)), Signed::GivenUp);
        assert_eq!(sent(&mut client).unwrap(), none("bob"));
    }
    let mut client = started(provider, "bob", offer());
    assert_eq!(client.signed(KeyId(0), Ok(signature)), Signed::Accepted);
}

fn a_signature_that_nobody_asked_for_changes_nothing(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::No)]);
    assert_eq!(client.signed(KeyId(1), Err(Unspecified)), Signed::GivenUp);
    assert_eq!(sign(&mut client, &keys), Some(Signed::Accepted));
    assert_eq!(client.signed(KeyId(0), Err(Unspecified)), Signed::GivenUp);
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[0]));
    assert_eq!(client.signed(KeyId(0), Err(Unspecified)), Signed::GivenUp);
    assert!(matches!(
        client.handle(&success()),
        Ok(ClientEvent::Authenticated(_))
    ));
}

fn success_counts_only_as_the_answer_to_a_signature(provider: &'static Provider) {
    let keys = [key(provider)];
    let agent = || vec![offered(0, &*keys[0], Probe::Yes)];
    let file = || vec![offered(0, &*keys[0], Probe::No)];
    // Before anything was sent.
    let mut client = Client::new(provider, b"bob", only_publickey());
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    let mut client = started(provider, "bob", agent());
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // To a probe.
    let mut client = started(provider, "bob", agent());
    sent(&mut client).unwrap();
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // While the agent signs.
    let mut client = started(provider, "bob", file());
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // While the signed request is not sent yet.
    let mut client = started(provider, "bob", file());
    sign(&mut client, &keys).unwrap();
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // To "none".
    let mut client = started(provider, "bob", vec![]);
    sent(&mut client).unwrap();
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // Twice.
    let mut client = started(provider, "bob", file());
    sign(&mut client, &keys).unwrap();
    sent(&mut client).unwrap();
    let _ = client.handle(&success()).unwrap();
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
}

fn pk_ok_must_be_about_the_key_that_was_asked_about(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let (blob, other) = (keys[0].public_blob(), keys[1].public_blob());
    let not_asked = PeerMisbehaved::KeyNotAsked.into();
    let blob_and_more = [blob, b"x"].concat();
    for (reply, expected) in [
        (pk_ok(b"ssh-ed25519", other), not_asked),
        (pk_ok(b"ssh-ed25519", b""), not_asked),
        (pk_ok(b"ssh-ed25519", &blob_and_more), not_asked),
        (pk_ok(b"ssh-rsa", blob), not_asked),
        (pk_ok(b"", blob), not_asked),
        (
            [&pk_ok(b"ssh-ed25519", blob)[..], b"x"].concat(),
            Malformed::TrailingBytes.into(),
        ),
    ] {
        let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::Yes)]);
        sent(&mut client).unwrap();
        assert_eq!(error(client.handle(&reply)), expected);
        assert_eq!(client.need(), Need::Nothing);
        assert!(client.message().is_none());
    }
}

fn every_other_message_in_every_state_ends_it(provider: &'static Provider) {
    let keys = [key(provider)];
    let blob = keys[0].public_blob();
    let agent = || vec![offered(0, &*keys[0], Probe::Yes)];
    let states = [
        (
            "not started",
            &(|| Client::new(provider, b"bob", only_publickey())) as &dyn Fn() -> Client,
            &[][..],
        ),
        ("probe due", &|| started(provider, "bob", agent()), &[53]),
        (
            "await PK_OK",
            &|| {
                let mut client = started(provider, "bob", agent());
                sent(&mut client).unwrap();
                client
            },
            &[51, 53, 60],
        ),
        (
            "await signature",
            &|| started(provider, "bob", vec![offered(0, &*keys[0], Probe::No)]),
            &[53],
        ),
        (
            "signed due",
            &|| {
                let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::No)]);
                sign(&mut client, &keys).unwrap();
                client
            },
            &[53],
        ),
        (
            "await verdict",
            &|| {
                let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::No)]);
                sign(&mut client, &keys).unwrap();
                sent(&mut client).unwrap();
                client
            },
            &[51, 52, 53],
        ),
        (
            "await refusal",
            &|| {
                let mut client = started(provider, "bob", vec![]);
                sent(&mut client).unwrap();
                client
            },
            &[51, 53],
        ),
    ];
    for (state, client, taken) in states {
        for number in 0..=255 {
            let payload = match number {
                50 => none("bob"),
                51 => failure("publickey", false),
                52 => success(),
                53 => banner(b"hello"),
                60 => pk_ok(b"ssh-ed25519", blob),
                _ => vec![number],
            };
            let mut client = client();
            let result = client.handle(&payload);
            assert_eq!(result.is_ok(), taken.contains(&number), "{state}: {number}");
            if result.is_err() {
                assert!(client.message().is_none() && client.need() == Need::Nothing);
                assert!(client.handle(&banner(b"")).is_err());
            }
        }
        assert_eq!(error(client().handle(&[])), Malformed::TooShort.into());
    }
}

fn a_banner_is_a_range_of_the_payload(provider: &'static Provider) {
    let mut client = started(provider, "bob", vec![]);
    for text in [&b""[..], b"hello\r\n", b"\x1b[2J\xff"] {
        let payload = banner(text);
        let Ok(ClientEvent::Banner { message }) = client.handle(&payload) else {
            panic!("no banner");
        };
        assert_eq!(&payload[message], text);
    }
}

fn there_are_at_most_16_banners(provider: &'static Provider) {
    let mut client = started(provider, "bob", vec![]);
    for _ in 0..15 {
        let _ = client.handle(&banner(b"x")).unwrap();
    }
    let _ = client.handle(&banner(b"x")).unwrap();
    assert_eq!(
        error(client.handle(&banner(b"x"))),
        PeerMisbehaved::TooManyBanners.into()
    );
}

fn keys_that_the_server_does_not_list_are_skipped(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let offers = || {
        vec![
            offered(0, &*keys[0], Probe::No),
            offered(1, &*keys[1], Probe::Yes),
        ]
    };
    for (list, expected) in [
        (&b"ssh-ed25519"[..], true),
        (b"rsa-sha2-512,ssh-ed25519", true),
        (b"rsa-sha2-512", false),
        (b"ssh-ed25519-cert-v01@openssh.com", false),
        (b"", false),
    ] {
        let mut client = Client::new(provider, b"bob", only_publickey());
        client.start(&Established {
            server_sig_algs: Some(list),
            ..ESTABLISHED
        });
        client.offer(offers());
        assert_eq!(client.need() != Need::Nothing, expected);
        if !expected {
            assert_eq!(sent(&mut client).unwrap(), none("bob"));
            assert_eq!(
                refused(client.handle(&failure("publickey", false))).skipped_keys,
                2
            );
        }
    }
}

fn keys_that_cannot_be_used_are_skipped(provider: &'static Provider) {
    let keys = [key(provider)];
    let good = offered(0, &*keys[0], Probe::No);
    let mut unknown_algorithm = good.clone();
    unknown_algorithm.algorithms = &["ssh-rsa"];
    let mut no_algorithm = good.clone();
    no_algorithm.algorithms = &[];
    let mut another_type = good.clone();
    another_type.public_blob = [&string(b"ssh-rsa")[..], b"xx"].concat();
    let mut no_key = good.clone();
    no_key.public_blob = Vec::new();
    let bad = vec![unknown_algorithm, no_algorithm, another_type, no_key];
    let mut client = started(provider, "bob", [bad, vec![good]].concat());
    assert_eq!(sign(&mut client, &keys), Some(Signed::Accepted));
    sent(&mut client).unwrap();
    let refused = refused(client.handle(&failure("publickey", false)));
    assert_eq!((refused.tried_keys, refused.skipped_keys), (1, 4));
}

fn partial_success_goes_on_with_the_next_key_and_is_told(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let offers = vec![
        offered(0, &*keys[0], Probe::No),
        offered(1, &*keys[1], Probe::No),
    ];
    let mut client = started(provider, "bob", offers);
    sign(&mut client, &keys).unwrap();
    sent(&mut client).unwrap();
    let event = client.handle(&failure("publickey", true));
    assert!(matches!(
        event,
        Ok(ClientEvent::PartialSuccess(Method::Publickey))
    ));
    sign(&mut client, &keys).unwrap();
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[1]));
    let refused = refused(client.handle(&failure("password", false)));
    assert!(refused.partial_success);
    // A probe cannot succeed, and a server that says so grants nothing by it.
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::Yes)]);
    sent(&mut client).unwrap();
    assert!(!self::refused(client.handle(&failure("password", true))).partial_success);
}

fn a_second_start_changes_nothing(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::No)]);
    client.start(&Established {
        session_id: b"another session",
        ..ESTABLISHED
    });
    sign(&mut client, &keys).unwrap();
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[0]));
}

fn the_signed_bytes_name_the_session_and_the_user(provider: &'static Provider) {
    let keys = [key(provider)];
    let message = |user: &str, session_id: &[u8]| {
        let keys = vec![offered(0, &*keys[0], Probe::No)];
        let mut client = Client::new(provider, user.as_bytes(), only_publickey());
        client.start(&Established {
            session_id,
            ..ESTABLISHED
        });
        client.offer(keys);
        match client.need() {
            Need::Sign { message, .. } => message.to_vec(),
            _ => panic!("nothing to sign"),
        }
    };
    assert_ne!(message("bob", SESSION_ID), message("eve", SESSION_ID));
    assert_ne!(message("bob", SESSION_ID), message("bob", b"another"));
}

fn mutated_messages_never_panic(provider: &'static Provider) {
    let keys = [key(provider)];
    let blob = keys[0].public_blob();
    let mut dice = Dice::new(17);
    let replies = [
        failure("publickey,password", false),
        pk_ok(b"ssh-ed25519", blob),
        banner(b"hello"),
        success(),
    ];
    for _ in 0..20_000 {
        let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::Yes)]);
        sent(&mut client).unwrap();
        let which = dice.below(replies.len());
        let reply = mutate(&mut dice, &replies[which]);
        // The only success a client can have from these is none.
        assert!(!matches!(
            client.handle(&reply),
            Ok(ClientEvent::Authenticated(_))
        ));
    }
}

on_every_provider! {
    a_loaded_key_signs_at_once
    an_agents_key_is_asked_about_first
    keys_are_tried_in_order_each_of_them_once
    without_keys_the_methods_are_asked_for
    a_server_without_publickey_ends_the_list
    a_server_that_fails_for_ever_ends_the_list_too
    a_key_that_will_not_sign_makes_way_for_the_next
    when_the_last_key_will_not_sign_the_methods_are_asked_for
    a_wrong_signature_is_never_sent
    a_signature_that_nobody_asked_for_changes_nothing
    success_counts_only_as_the_answer_to_a_signature
    pk_ok_must_be_about_the_key_that_was_asked_about
    every_other_message_in_every_state_ends_it
    a_banner_is_a_range_of_the_payload
    there_are_at_most_16_banners
    keys_that_the_server_does_not_list_are_skipped
    keys_that_cannot_be_used_are_skipped
    partial_success_goes_on_with_the_next_key_and_is_told
    a_second_start_changes_nothing
    the_signed_bytes_name_the_session_and_the_user
    mutated_messages_never_panic
}
