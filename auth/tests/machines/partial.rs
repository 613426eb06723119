//! What a client takes for success, whole or partial (RFC 4252 §5.1).

use crate::common::*;
use crate::people::{answer, how, is_over, is_partial, type_in};
use adit_auth::{Client, How, Method, Methods, Need, Probe};
use adit_crypto::Provider;
use adit_testkit::on_every_provider;

use Method::{Password, Publickey};

fn success_counts_only_as_the_answer_to_something_that_was_given(provider: &'static Provider) {
    let password = || told(provider, &Method::ALL, "password");
    // While a person is asked, and before what they typed is sent.
    let mut client = password();
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    let mut client = password();
    client.password(Some(secret("a")));
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    assert!(is_over(&client));
    // To keyboard-interactive, before it is sent and without a question.
    let mut client = told(provider, &Method::ALL, "keyboard-interactive");
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    let mut client = interactive(provider);
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // While a person is asked, and before their answers are sent.
    let mut client = interactive(provider);
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    let mut client = interactive(provider);
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    client.respond(Some(vec![secret("a")]));
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // When nothing was asked but whether we are listening.
    let mut client = interactive(provider);
    let _ = client.handle(&info_request("", "hello", &[])).unwrap();
    sent(&mut client).unwrap();
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // Answers of one request are none of the next.
    let mut client = interactive(provider);
    assert!(is_quiet(&client.handle(&info_request("", "", &["?"]))));
    answer(&mut client, &["wrong"]);
    assert!(is_quiet(
        &client.handle(&failure("keyboard-interactive", false))
    ));
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
    // After the end.
    let mut client = password();
    client.password(None);
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
}

fn partial_success_goes_on_with_what_the_server_then_lists(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = Client::new(provider, b"bob", Methods::default());
    client.start(&ESTABLISHED);
    client.offer(vec![offered(0, &*keys[0], Probe::No)]);
    sign(&mut client, &keys).unwrap();
    assert_eq!(sent(&mut client).unwrap(), signed("bob", &*keys[0]));
    assert!(is_partial(
        &client.handle(&failure("password", true)),
        Publickey
    ));
    assert_eq!(type_in(&mut client, "pass"), password("bob", "pass"));
    assert!(is_partial(
        &client.handle(&failure("keyboard-interactive", true)),
        Password
    ));
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    // A last factor may ask nothing: what came before has earned the login.
    let _ = client
        .handle(&info_request("", "Look at your telephone.", &[]))
        .unwrap();
    assert_eq!(sent(&mut client).unwrap(), info_response(&[]));
    assert_eq!(how(client.handle(&success())), How::KeyboardInteractive);
}

fn a_method_comes_again_after_partial_success_only_if_listed(provider: &'static Provider) {
    let mut client = told(provider, &Method::ALL, "password");
    type_in(&mut client, "one");
    assert!(is_partial(
        &client.handle(&failure("password", true)),
        Password
    ));
    assert_eq!(client.need(), Need::Password { attempt: 0 });
    type_in(&mut client, "two");
    let event = client.handle(&failure("publickey", true));
    assert!(is_partial(&event, Password));
    // The refusal comes after that news.
    let refused = refused(Ok(client.take_event().unwrap()));
    assert!(refused.partial_success);
    assert_eq!(refused.passwords_tried, 0);
}

fn what_proves_nothing_is_no_partial_success(provider: &'static Provider) {
    // "none"
    let mut client = with_person(provider, &Method::ALL, 3);
    sent(&mut client).unwrap();
    assert!(is_quiet(
        &client.handle(&failure("keyboard-interactive", true))
    ));
    // A request without a question, and one that only tells.
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    let _ = client.handle(&info_request("", "", &[])).unwrap();
    sent(&mut client).unwrap();
    assert!(is_quiet(
        &client.handle(&failure("keyboard-interactive", true))
    ));
    assert_eq!(sent(&mut client).unwrap(), keyboard_interactive("bob"));
    assert_eq!(error(client.handle(&success())), SUCCESS_UNASKED);
}

fn a_key_that_was_not_judged_has_another_turn(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    let mut client = Client::new(provider, b"bob", Methods::default());
    client.start(&ESTABLISHED);
    client.offer(vec![
        offered(0, &*keys[0], Probe::Yes),
        offered(1, &*keys[1], Probe::Yes),
    ]);
    // A server that wants the password first takes no key yet.
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[0]));
    assert!(is_quiet(&client.handle(&failure("password", false))));
    type_in(&mut client, "pass");
    assert!(is_partial(
        &client.handle(&failure("publickey", true)),
        Password
    ));
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[0]));
    assert!(is_quiet(
        &client.handle(&pk_ok(b"ssh-ed25519", keys[0].public_blob()))
    ));
    sign(&mut client, &keys).unwrap();
    // A third turn there is not.
    sent(&mut client).unwrap();
    assert!(is_quiet(&client.handle(&failure("password", false))));
    type_in(&mut client, "pass");
    assert!(is_quiet(&client.handle(&failure("publickey", false))));
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[1]));
    let refused = refused(client.handle(&failure("publickey", false)));
    assert_eq!((refused.tried_keys, refused.skipped_keys), (2, 0));
    assert_eq!(refused.passwords_tried, 1);
    assert!(refused.partial_success);
}

fn a_key_that_was_accepted_has_no_other_turn(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = Client::new(provider, b"bob", Methods::default());
    client.start(&ESTABLISHED);
    client.offer(vec![offered(0, &*keys[0], Probe::No)]);
    sign(&mut client, &keys).unwrap();
    sent(&mut client).unwrap();
    assert!(is_partial(
        &client.handle(&failure("password", true)),
        Publickey
    ));
    type_in(&mut client, "pass");
    // Another key is asked for now, and there is none.
    assert!(is_partial(
        &client.handle(&failure("publickey", true)),
        Password
    ));
    let refused = refused(Ok(client.take_event().unwrap()));
    assert_eq!((refused.tried_keys, refused.partial_success), (1, true));
}

on_every_provider! {
    success_counts_only_as_the_answer_to_something_that_was_given
    partial_success_goes_on_with_what_the_server_then_lists
    a_method_comes_again_after_partial_success_only_if_listed
    what_proves_nothing_is_no_partial_success
    a_key_that_was_not_judged_has_another_turn
    a_key_that_was_accepted_has_no_other_turn
}
