//! The client with a person before it: passwords and questions, and which comes when.

use crate::common::*;
use adit_auth::{
    Client, ClientEvent, Echo, Error, How, KeyId, Method, Methods, Need, PeerMisbehaved, Probe,
    Prompt,
};
use adit_crypto::Provider;
use adit_proto::Malformed;
use adit_proto::msg::PROMPTS_MAX;
use adit_testkit::on_every_provider;

use Method::{KeyboardInteractive, Password, Publickey};

/// Gives the password that is asked for, and what is then sent.
pub(crate) fn type_in(client: &mut Client, text: &str) -> Vec<u8> {
    assert!(
        matches!(client.need(), Need::Password { .. }),
        "{:?}",
        client.need()
    );
    client.password(Some(secret(text)));
    assert_eq!(client.need(), Need::Nothing);
    assert!(client.message().unwrap().is_secret());
    sent(client).unwrap()
}

/// Answers what the server asks, and what is then sent.
pub(crate) fn answer(client: &mut Client, answers: &[&str]) -> Vec<u8> {
    assert!(
        matches!(client.need(), Need::Respond { .. }),
        "{:?}",
        client.need()
    );
    client.respond(Some(answers.iter().map(|a| secret(a)).collect()));
    assert_eq!(client.need(), Need::Nothing);
    assert!(client.message().unwrap().is_secret());
    sent(client).unwrap()
}

pub(crate) fn how(event: Result<ClientEvent, Error>) -> How {
    match event {
        Ok(ClientEvent::Authenticated(user)) => *user.how(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is_partial(event: &Result<ClientEvent, Error>, with: Method) -> bool {
    matches!(event, Ok(ClientEvent::PartialSuccess(method)) if *method == with)
}

/// Nothing is asked for, nothing is sent, nothing is left to say.
pub(crate) fn is_over(client: &Client) -> bool {
    client.need() == Need::Nothing && client.message().is_none() && !client.has_event()
}

fn a_password_logs_in(provider: &'static Provider) {
    let mut client = told(provider, &Method::ALL, "publickey,password");
    assert_eq!(client.need(), Need::Password { attempt: 0 });
    assert!(client.message().is_none());
    assert_eq!(type_in(&mut client, "pass"), password("bob", "pass"));
    assert!(client.message().is_none());
    assert_eq!(how(client.handle(&success())), How::Password);
    assert!(is_over(&client));
}

fn answers_log_in(provider: &'static Provider) {
    let mut client = interactive(provider);
    assert!(client.need() == Need::Nothing && client.message().is_none());
    let request = info_request("name", "instruction", &["Password: ", "Colour+"]);
    assert!(is_quiet(&client.handle(&request)));
    let prompts = [
        Prompt {
            text: b"Password: ".to_vec(),
            echo: Echo::No,
        },
        Prompt {
            text: b"Colour+".to_vec(),
            echo: Echo::Yes,
        },
    ];
    assert_eq!(
        client.need(),
        Need::Respond {
            name: b"name",
            instruction: b"instruction",
            prompts: &prompts,
        }
    );
    assert_eq!(
        answer(&mut client, &["pass", "blue"]),
        info_response(&["pass", "blue"])
    );
    assert_eq!(how(client.handle(&success())), How::KeyboardInteractive);
    assert!(is_over(&client));
}

fn the_server_may_ask_again_and_tell_in_between(provider: &'static Provider) {
    let mut client = interactive(provider);
    assert!(is_quiet(&client.handle(&info_request("", "", &["one"]))));
    assert_eq!(answer(&mut client, &["1"]), info_response(&["1"]));
    let telling = info_request("bye", "expires soon", &[]);
    let Ok(ClientEvent::Told { name, instruction }) = client.handle(&telling) else {
        panic!("nothing told");
    };
    assert_eq!(
        (&telling[name], &telling[instruction]),
        (&b"bye"[..], &b"expires soon"[..])
    );
    assert_eq!(client.need(), Need::Nothing);
    assert_eq!(sent(&mut client).unwrap(), info_response(&[]));
    assert!(is_quiet(&client.handle(&info_request("", "", &["two"]))));
    assert_eq!(answer(&mut client, &[""]), info_response(&[""]));
    assert_eq!(how(client.handle(&success())), How::KeyboardInteractive);
}

fn a_person_is_asked_as_often_as_is_configured(provider: &'static Provider) {
    for prompts in [1, 2, 3, 5] {
        let mut client = with_person(provider, &Method::ALL, prompts);
        sent(&mut client).unwrap();
        let mut event = client.handle(&failure("password,keyboard-interactive", false));
        for _ in 0..prompts {
            assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
            assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
            answer(&mut client, &["wrong"]);
            event = client.handle(&failure("password,keyboard-interactive", false));
            assert!(is_quiet(&event));
        }
        for attempt in 0..prompts {
            assert_eq!(client.need(), Need::Password { attempt });
            assert_eq!(type_in(&mut client, "wrong"), password("bob", "wrong"));
            event = client.handle(&failure("password,keyboard-interactive", false));
        }
        let refused = refused(event);
        assert_eq!(refused.passwords_tried, prompts);
        assert_eq!(refused.methods, b"password,keyboard-interactive");
        assert!(!refused.partial_success);
        assert!(is_over(&client));
    }
}

fn without_prompts_only_keys_are_tried(provider: &'static Provider) {
    let mut client = with_person(provider, &Method::ALL, 0);
    assert_eq!(sent(&mut client).unwrap(), none("bob"));
    let event = client.handle(&failure("publickey,password,keyboard-interactive", false));
    assert_eq!(refused(event).passwords_tried, 0);
    assert!(is_over(&client));
}

fn the_order_is_ours_and_the_choice_the_servers(provider: &'static Provider) {
    // What is asked for after the server's list, with each of our orders.
    for (order, listed, expected) in [
        (
            &[Publickey, KeyboardInteractive, Password][..],
            "password,keyboard-interactive",
            Some(KeyboardInteractive),
        ),
        (
            &[Publickey, Password, KeyboardInteractive],
            "password,keyboard-interactive",
            Some(Password),
        ),
        (
            &[Publickey, KeyboardInteractive, Password],
            "password",
            Some(Password),
        ),
        (
            &[KeyboardInteractive],
            "keyboard-interactive",
            Some(KeyboardInteractive),
        ),
        (&[KeyboardInteractive], "password", None),
        (&[Publickey], "publickey,password", None),
        (
            &[Publickey, Password],
            "publickey,passwords,gssapi-with-mic",
            None,
        ),
        (&[], "publickey,password", None),
        (&Method::ALL, "", None),
    ] {
        let mut client = with_person(provider, order, 3);
        assert_eq!(sent(&mut client).unwrap(), none("bob"));
        let event = client.handle(&failure(listed, false));
        match expected {
            Some(Password) => assert_eq!(client.need(), Need::Password { attempt: 0 }),
            Some(_) => assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob")),
            None => assert_eq!(refused(event).methods, listed.as_bytes()),
        }
    }
}

fn keys_are_asked_for_when_it_is_their_turn(provider: &'static Provider) {
    let keys = [key(provider)];
    let methods = || Methods {
        order: vec![Password, Publickey],
        prompts: 1,
        ..Methods::default()
    };
    let mut client = Client::new(provider, b"bob", methods());
    client.start(&ESTABLISHED);
    // The first method needs a person: whether the server takes it is asked before.
    assert_eq!(sent(&mut client).unwrap(), none("bob"));
    assert!(is_quiet(
        &client.handle(&failure("publickey,password", false))
    ));
    type_in(&mut client, "wrong");
    assert!(is_quiet(
        &client.handle(&failure("publickey,password", false))
    ));
    assert_eq!(client.need(), Need::Keys);
    client.offer(vec![offered(0, &*keys[0], Probe::No)]);
    sign(&mut client, &keys).unwrap();
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[0]));
    assert!(matches!(
        how(client.handle(&success())),
        How::Publickey { .. }
    ));
    // Nobody is asked for keys that the server would not take.
    let mut client = Client::new(provider, b"bob", methods());
    client.start(&ESTABLISHED);
    sent(&mut client).unwrap();
    assert!(is_quiet(&client.handle(&failure("password", false))));
    assert_eq!(client.need(), Need::Password { attempt: 0 });
}

fn keys_come_first_and_spare_the_question_for_methods(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = Client::new(provider, b"bob", Methods::default());
    client.start(&ESTABLISHED);
    assert_eq!(client.need(), Need::Keys);
    client.offer(vec![offered(7, &*keys[0], Probe::Yes)]);
    assert_eq!(encoded_request(&client), probe("bob", &*keys[0]));
    assert!(matches!(
        client.message_sent(),
        ClientEvent::KeyOffered(KeyId(7))
    ));
    assert!(is_quiet(
        &client.handle(&failure("publickey,password", false))
    ));
    assert_eq!(client.need(), Need::Password { attempt: 0 });
}

fn when_nobody_answers_the_next_method_is_tried(provider: &'static Provider) {
    let mut client = told(provider, &Method::ALL, "keyboard-interactive,password");
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    client.respond(None);
    // RFC 4252 §5: no word about the one that is given up.
    assert_eq!(client.need(), Need::Password { attempt: 0 });
    client.password(None);
    let event = client.take_event();
    let refused = refused(Ok(event.unwrap()));
    assert_eq!(refused.methods, b"keyboard-interactive,password");
    assert_eq!(refused.passwords_tried, 0);
    assert!(is_over(&client) && client.take_event().is_none());
    // Neither comes back when the server goes on listing it.
    let mut client = told(provider, &Method::ALL, "keyboard-interactive,password");
    sent(&mut client).unwrap();
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    client.respond(None);
    type_in(&mut client, "wrong");
    assert!(is_quiet(
        &client.handle(&failure("keyboard-interactive,password", false))
    ));
    assert_eq!(client.need(), Need::Password { attempt: 1 });
}

fn another_number_of_answers_is_no_answer(provider: &'static Provider) {
    for answers in [&[][..], &["a"], &["a", "b", "c"]] {
        let mut client = interactive(provider);
        assert!(is_quiet(&client.handle(&info_request("", "", &["1", "2"]))));
        client.respond(Some(answers.iter().map(|a| secret(a)).collect()));
        assert!(client.message().is_none());
        assert!(matches!(client.take_event(), Some(ClientEvent::Refused(_))));
    }
}

fn answers_that_nobody_asked_for_change_nothing(provider: &'static Provider) {
    let some = || Some(vec![secret("a")]);
    let mut client = told(provider, &Method::ALL, "password");
    client.respond(some());
    client.offer(Vec::new());
    assert_eq!(client.need(), Need::Password { attempt: 0 });
    type_in(&mut client, "one");
    client.password(Some(secret("two")));
    assert!(client.message().is_none());
    client.password(None);
    assert!(is_quiet(&client.handle(&failure("password", false))));
    assert_eq!(client.need(), Need::Password { attempt: 1 });
    let mut client = interactive(provider);
    client.respond(some());
    client.password(Some(secret("a")));
    assert!(client.message().is_none());
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    answer(&mut client, &["a"]);
    client.respond(some());
    client.respond(None);
    assert!(client.message().is_none() && !client.has_event());
}

fn an_expired_password_is_told_and_the_method_given_up(provider: &'static Provider) {
    let mut client = told(
        provider,
        &[Password, KeyboardInteractive],
        "password,keyboard-interactive",
    );
    type_in(&mut client, "old");
    let request = change_request("Your password has expired.\x1b");
    let Ok(ClientEvent::PasswordExpired { message }) = client.handle(&request) else {
        panic!("nothing told");
    };
    assert_eq!(&request[message], b"Your password has expired.\x1b");
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    answer(&mut client, &["a"]);
    // Listed or not, it does not come back.
    let mut event = client.handle(&failure("password", false));
    assert_eq!(refused(event).passwords_tried, 0);
    // With nothing left, the refusal follows the text.
    let mut client = told(provider, &Method::ALL, "password");
    type_in(&mut client, "old");
    event = client.handle(&request);
    assert!(matches!(event, Ok(ClientEvent::PasswordExpired { .. })));
    assert!(client.has_event());
    assert!(matches!(client.take_event(), Some(ClientEvent::Refused(_))));
}

fn a_server_that_has_no_question_is_not_asked_for_one_again(provider: &'static Provider) {
    let mut client = told(provider, &Method::ALL, "keyboard-interactive,password");
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    assert!(is_quiet(
        &client.handle(&failure("keyboard-interactive,password", false))
    ));
    assert_eq!(client.need(), Need::Password { attempt: 0 });
}

fn a_message_means_what_the_method_under_way_says(provider: &'static Provider) {
    // PK_OK and PASSWD_CHANGEREQ look the same: to a password it is the second.
    let blob = key(provider).public_blob().to_vec();
    let mut client = told(provider, &Method::ALL, "password");
    type_in(&mut client, "a");
    let event = client.handle(&pk_ok(b"ssh-ed25519", &blob));
    assert!(matches!(event, Ok(ClientEvent::PasswordExpired { .. })));
    // To a question it is malformed, and so is the other way round.
    let mut client = interactive(provider);
    assert_eq!(
        error(client.handle(&change_request("new"))),
        Malformed::TooShort.into()
    );
    let mut client = told(provider, &Method::ALL, "password");
    type_in(&mut client, "a");
    let event = client.handle(&info_request("", "", &["?"]));
    assert_eq!(error(event), Malformed::TrailingBytes.into());
    let keys = [key(provider)];
    let mut client = started(provider, "bob", vec![offered(0, &*keys[0], Probe::Yes)]);
    sent(&mut client).unwrap();
    let event = client.handle(&change_request("new"));
    assert_eq!(error(event), PeerMisbehaved::KeyNotAsked.into());
}

fn a_request_has_at_most_64_prompts(provider: &'static Provider) {
    let max = usize::try_from(PROMPTS_MAX).unwrap();
    for n in [max - 1, max] {
        let mut client = interactive(provider);
        assert!(is_quiet(&client.handle(&info_request(
            "",
            "",
            &vec!["?"; n]
        ))));
        assert_eq!(
            answer(&mut client, &vec!["a"; n]),
            info_response(&vec!["a"; n])
        );
    }
    let mut client = interactive(provider);
    let event = client.handle(&info_request("", "", &vec!["?"; max + 1]));
    assert_eq!(error(event), Malformed::TooMany.into());
    assert!(is_over(&client));
    // A count is believed only as far as the bytes go.
    let mut lying = info_request("", "", &["?"]);
    let at = lying.len() - 4 - 1 - 1 - 4;
    lying[at..at + 4].copy_from_slice(&2_u32.to_be_bytes());
    let mut client = interactive(provider);
    assert_eq!(error(client.handle(&lying)), Malformed::TooShort.into());
}

fn there_are_at_most_64_requests_for_answers(provider: &'static Provider) {
    for prompts in [&[][..], &["?"]] {
        let mut client = interactive(provider);
        for _ in 0..64 {
            let _ = client.handle(&info_request("", "", prompts)).unwrap();
            if !prompts.is_empty() {
                answer(&mut client, &["a"]);
            } else {
                sent(&mut client).unwrap();
            }
        }
        let event = client.handle(&info_request("", "", prompts));
        assert_eq!(error(event), PeerMisbehaved::TooManyQuestions.into());
        assert!(is_over(&client));
    }
}

fn every_other_message_in_every_state_of_a_person_ends_it(provider: &'static Provider) {
    let password = || told(provider, &Method::ALL, "password");
    let asked = || {
        let mut client = interactive(provider);
        let _ = client.handle(&info_request("", "", &["?"])).unwrap();
        client
    };
    let states = [
        (
            "await keys",
            &(|| {
                let mut client = Client::new(provider, b"bob", Methods::default());
                client.start(&ESTABLISHED);
                client
            }) as &dyn Fn() -> Client,
            &[53][..],
        ),
        ("await a password", &password, &[53]),
        (
            "password due",
            &|| {
                let mut client = password();
                client.password(Some(secret("a")));
                client
            },
            &[53],
        ),
        (
            "await the verdict on a password",
            &|| {
                let mut client = password();
                type_in(&mut client, "a");
                client
            },
            &[51, 52, 53, 60],
        ),
        (
            "request due",
            &|| told(provider, &Method::ALL, "keyboard-interactive"),
            &[53],
        ),
        ("await answers", &asked, &[53]),
        (
            "answers due",
            &|| {
                let mut client = asked();
                client.respond(Some(vec![secret("a")]));
                client
            },
            &[53],
        ),
        (
            "await the verdict on answers",
            &|| {
                let mut client = asked();
                answer(&mut client, &["a"]);
                client
            },
            &[51, 52, 53],
        ),
    ];
    for (state, client, taken) in states {
        for number in 0..=255 {
            let payload = match number {
                50 => none("bob"),
                51 => failure("password", false),
                52 => success(),
                53 => banner(b"hello"),
                60 => change_request("new"),
                61 => info_response(&["a"]),
                _ => vec![number],
            };
            let mut client = client();
            let result = client.handle(&payload);
            assert_eq!(result.is_ok(), taken.contains(&number), "{state}: {number}");
            if result.is_err() {
                assert!(is_over(&client), "{state}: {number}");
                client.password(Some(secret("a")));
                client.respond(Some(vec![secret("a")]));
                client.offer(Vec::new());
                assert!(is_over(&client), "{state}: {number}");
            }
        }
    }
}

fn no_truncation_of_a_question_is_one(provider: &'static Provider) {
    let whole = info_request("name", "instruction", &["one", "two+"]);
    for n in 1..whole.len() {
        let mut client = interactive(provider);
        assert_eq!(
            error(client.handle(&whole[..n])),
            Malformed::TooShort.into()
        );
    }
    let mut client = interactive(provider);
    let event = client.handle(&[&whole[..], b"x"].concat());
    assert_eq!(error(event), Malformed::TrailingBytes.into());
}

fn encoded_request(client: &Client) -> Vec<u8> {
    adit_crypto::encoded(&client.message().unwrap())
}

on_every_provider! {
    a_password_logs_in
    answers_log_in
    the_server_may_ask_again_and_tell_in_between
    a_person_is_asked_as_often_as_is_configured
    without_prompts_only_keys_are_tried
    the_order_is_ours_and_the_choice_the_servers
    keys_are_asked_for_when_it_is_their_turn
    keys_come_first_and_spare_the_question_for_methods
    when_nobody_answers_the_next_method_is_tried
    another_number_of_answers_is_no_answer
    answers_that_nobody_asked_for_change_nothing
    an_expired_password_is_told_and_the_method_given_up
    a_server_that_has_no_question_is_not_asked_for_one_again
    a_message_means_what_the_method_under_way_says
    a_request_has_at_most_64_prompts
    there_are_at_most_64_requests_for_answers
    every_other_message_in_every_state_of_a_person_ends_it
    no_truncation_of_a_question_is_one
}
