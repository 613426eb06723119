//! publickey-hostbound-v00@openssh.com, on both sides (OpenSSH PROTOCOL §3.1).

use std::time::Duration;

use crate::common::*;
use adit_auth::{
    Binding, Client, ClientEvent, Error, Established, FailedSignature, How, Methods, Need,
    PeerMisbehaved, Probe, ServerEvent,
};
use adit_crypto::{Provider, SigningKey};
use adit_proto::Malformed;
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;

const NOW: Duration = Duration::from_secs(1000);
const METHOD: &[u8] = b"publickey-hostbound-v00@openssh.com";
const OTHER_HOST: Error = Error::PeerMisbehaved(PeerMisbehaved::OtherHostKey);
/// A server that takes the method.
const BOUND: Established<'_> = Established {
    hostbound: Some(HOST_KEY),
    ..ESTABLISHED
};

/// A request, spelled out field by field.
fn bound(method: &[u8], key: &[u8], has_signature: u8, host_key: &[u8], rest: &[u8]) -> Vec<u8> {
    let fields = [
        &[has_signature][..],
        &string(b"ssh-ed25519"),
        &string(key),
        &string(host_key),
        rest,
    ];
    request(b"bob", b"ssh-connection", method, &fields.concat())
}

fn bound_probe(key: &dyn SigningKey) -> Vec<u8> {
    bound(METHOD, key.public_blob(), 0, HOST_KEY, b"")
}

/// A request that says `host_key` with a signature over one that says `signed_host_key`.
fn bound_signed(key: &dyn SigningKey, host_key: &[u8], signed_host_key: &[u8]) -> Vec<u8> {
    let body = bound(METHOD, key.public_blob(), 1, signed_host_key, b"");
    let message = [&string(SESSION_ID)[..], &body].concat();
    let signature = string(&key.sign("ssh-ed25519", &message).unwrap());
    bound(METHOD, key.public_blob(), 1, host_key, &signature)
}

fn client(provider: &'static Provider, key: &dyn SigningKey, probe: Probe) -> Client {
    let mut client = Client::new(provider, b"bob", only_publickey());
    client.start(&BOUND);
    client.offer(vec![offered(0, key, probe)]);
    client
}

fn anyone(_: &[u8], _: &[u8]) -> bool {
    true
}

fn signature_of(outcome: &Outcome) -> Option<FailedSignature> {
    outcome.events.iter().find_map(|event| match event {
        ServerEvent::Failed(failed) => {
            // As sshd has it in its log.
            assert_eq!(failed.method, b"publickey");
            failed.key.map(|key| key.signature)
        }
        ServerEvent::Quiet | ServerEvent::Authenticated(_) => None,
    })
}

fn is_authenticated(outcome: &Outcome) -> bool {
    let mut events = outcome.events.iter();
    events.any(|event| matches!(event, ServerEvent::Authenticated(_)))
}

fn a_client_binds_every_request_where_the_server_takes_it(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = client(provider, &*keys[0], Probe::Yes);
    assert_eq!(sent(&mut client).unwrap(), bound_probe(&*keys[0]));
    let pk_ok = pk_ok(b"ssh-ed25519", keys[0].public_blob());
    assert!(is_quiet(&client.handle(&pk_ok)));
    let Need::Sign { message, .. } = client.need() else {
        panic!("nothing to sign");
    };
    let named = message.windows(HOST_KEY.len()).any(|part| part == HOST_KEY);
    assert!(named, "the signature does not name the host");
    sign(&mut client, &keys).unwrap();
    let expected = bound_signed(&*keys[0], HOST_KEY, HOST_KEY);
    assert_eq!(sent(&mut client).unwrap(), expected);
    let Ok(ClientEvent::Authenticated(user)) = client.handle(&success()) else {
        panic!("not authenticated");
    };
    assert!(matches!(user.how(), How::Publickey { .. }));
}

fn a_client_that_is_told_not_to_binds_nothing(provider: &'static Provider) {
    let keys = [key(provider)];
    let methods = Methods {
        binding: Binding::Unbound,
        ..only_publickey()
    };
    let mut client = Client::new(provider, b"bob", methods);
    client.start(&BOUND);
    client.offer(vec![offered(0, &*keys[0], Probe::Yes)]);
    assert_eq!(sent(&mut client).unwrap(), probe("bob", &*keys[0]));
    let pk_ok = pk_ok(b"ssh-ed25519", keys[0].public_blob());
    assert!(is_quiet(&client.handle(&pk_ok)));
    let Need::Sign { message, .. } = client.need() else {
        panic!("nothing to sign");
    };
    let named = message.windows(HOST_KEY.len()).any(|part| part == HOST_KEY);
    assert!(!named, "the signature names the host");
}

fn a_loaded_key_is_bound_too(provider: &'static Provider) {
    let keys = [key(provider)];
    let mut client = client(provider, &*keys[0], Probe::No);
    sign(&mut client, &keys).unwrap();
    let expected = bound_signed(&*keys[0], HOST_KEY, HOST_KEY);
    assert_eq!(sent(&mut client).unwrap(), expected);
}

fn a_server_answers_a_bound_probe_and_takes_a_bound_signature(provider: &'static Provider) {
    let key = key(provider);
    let mut server = server(provider);
    let outcome = serve(&mut server, &bound_probe(&*key), NOW, anyone);
    assert_eq!(outcome.payload(), pk_ok(b"ssh-ed25519", key.public_blob()));
    let request = bound_signed(&*key, HOST_KEY, HOST_KEY);
    let outcome = serve(&mut server, &request, NOW, anyone);
    assert_eq!(outcome.payload(), success());
    assert!(is_authenticated(&outcome));
}

fn a_bound_request_of_a_key_that_is_not_there_fails_as_one_of_publickey(
    provider: &'static Provider,
) {
    let key = key(provider);
    for (request, signature) in [
        (bound_probe(&*key), FailedSignature::Absent),
        (
            bound_signed(&*key, HOST_KEY, HOST_KEY),
            FailedSignature::Good,
        ),
    ] {
        let outcome = serve(&mut server(provider), &request, NOW, |_, _| false);
        assert_eq!(outcome.payload(), failure("publickey", false));
        assert!(outcome.at > NOW);
        assert_eq!(signature_of(&outcome), Some(signature));
    }
}

fn another_host_key_ends_it_whoever_it_is_for(provider: &'static Provider) {
    let key = key(provider);
    let (longer, shorter) = ([HOST_KEY, b"x"].concat(), &HOST_KEY[1..]);
    for host_key in [&b""[..], b"another key", &longer, shorter] {
        for request in [
            bound(METHOD, key.public_blob(), 0, host_key, b""),
            bound_signed(&*key, host_key, host_key),
            bound_signed(&*key, host_key, HOST_KEY),
            // Not even a key is needed to see it.
            bound(METHOD, b"", 0, host_key, b""),
        ] {
            for may in [true, false] {
                let mut server = server(provider);
                let outcome = serve(&mut server, &request, NOW, |_, _| may);
                assert_eq!(outcome.reply, Err(OTHER_HOST));
                assert!(!server.can_take());
            }
        }
    }
}

fn a_signature_names_method_and_host_or_is_none(provider: &'static Provider) {
    let key = key(provider);
    let blob = key.public_blob();
    // Signed for another host.
    let other = bound_signed(&*key, HOST_KEY, b"another key");
    // Signed for publickey, sent as bound; and the other way round.
    let plain = signed("bob", &*key);
    let signature = &plain[plain.len() - 4 - (4 + 11 + 4 + 64)..];
    let as_bound = bound(METHOD, blob, 1, HOST_KEY, signature);
    let whole = bound_signed(&*key, HOST_KEY, HOST_KEY);
    let signature = &whole[whole.len() - 4 - (4 + 11 + 4 + 64)..];
    let as_plain = publickey("bob", blob, true, signature);
    for request in [other, as_bound, as_plain] {
        let outcome = serve(&mut server(provider), &request, NOW, anyone);
        assert_eq!(outcome.payload(), failure("publickey", false));
        assert_eq!(signature_of(&outcome), Some(FailedSignature::Bad));
    }
}

fn the_fields_of_one_method_are_not_those_of_the_other(provider: &'static Provider) {
    let key = key(provider);
    let blob = key.public_blob();
    let trailing = Malformed::TrailingBytes;
    for (request, malformed) in [
        // publickey with a host key behind it.
        (bound(b"publickey", blob, 0, HOST_KEY, b""), trailing),
        // Two signatures, or bytes behind one, or behind a probe.
        (bound(METHOD, blob, 0, HOST_KEY, &string(b"x")), trailing),
        (bound(METHOD, blob, 0, HOST_KEY, b"x"), trailing),
        (
            [&bound_signed(&*key, HOST_KEY, HOST_KEY)[..], b"x"].concat(),
            trailing,
        ),
        (bound(METHOD, blob, 1, HOST_KEY, b""), Malformed::TooShort),
    ] {
        let outcome = serve(&mut server(provider), &request, NOW, anyone);
        assert_eq!(outcome.reply, Err(malformed.into()));
    }
    // Without a host key.
    let fields = [&[0][..], &string(b"ssh-ed25519"), &string(blob)].concat();
    let request = request(b"bob", b"ssh-connection", METHOD, &fields);
    let outcome = serve(&mut server(provider), &request, NOW, anyone);
    assert_eq!(outcome.reply, Err(Malformed::TooShort.into()));
}

fn no_truncation_of_a_bound_request_is_one(provider: &'static Provider) {
    let key = key(provider);
    let whole = bound_signed(&*key, HOST_KEY, HOST_KEY);
    for n in 1..whole.len() {
        let outcome = serve(&mut server(provider), &whole[..n], NOW, anyone);
        assert_eq!(outcome.reply, Err(Malformed::TooShort.into()), "{n}");
    }
}

fn a_changed_bit_anywhere_is_no_login(provider: &'static Provider) {
    let key = key(provider);
    let whole = bound_signed(&*key, HOST_KEY, HOST_KEY);
    let has_signature = whole.len() - (4 + 83) - (4 + HOST_KEY.len()) - (4 + 51) - (4 + 11) - 1;
    assert_eq!(whole[has_signature], 1);
    for at in 0..whole.len() {
        let mut request = whole.clone();
        request[at] ^= 0x10;
        let outcome = serve(&mut server(provider), &request, NOW, anyone);
        // RFC 4251 §5: another byte for TRUE means the same.
        assert_eq!(is_authenticated(&outcome), at == has_signature, "{at}");
    }
}

fn a_client_and_a_server_agree_on_bound_requests(provider: &'static Provider) {
    let keys = [key(provider), key(provider)];
    for ask_first in [Probe::Yes, Probe::No] {
        let mut client = Client::new(provider, b"bob", only_publickey());
        client.start(&BOUND);
        client.offer(
            (0..)
                .zip(&keys)
                .map(|(i, key)| offered(i, &**key, ask_first))
                .collect(),
        );
        let mut server = server(provider);
        let may = |_: &[u8], blob: &[u8]| blob == keys[1].public_blob();
        let mut user = None;
        while user.is_none() {
            sign(&mut client, &keys);
            let request = sent(&mut client).unwrap();
            let outcome = serve(&mut server, &request, NOW, may);
            if let ClientEvent::Authenticated(theirs) = client.handle(outcome.payload()).unwrap() {
                assert!(is_authenticated(&outcome));
                user = Some(theirs);
            }
        }
    }
}

fn mutated_bound_requests_never_panic_and_never_authenticate(provider: &'static Provider) {
    let key = key(provider);
    let whole = bound_signed(&*key, HOST_KEY, HOST_KEY);
    let mut dice = Dice::new(19);
    for _ in 0..2000 {
        let request = mutate(&mut dice, &whole);
        let outcome = serve(&mut server(provider), &request, NOW, anyone);
        if request.len() != whole.len() {
            assert!(!is_authenticated(&outcome));
        }
    }
}

on_every_provider! {
    a_client_binds_every_request_where_the_server_takes_it
    a_client_that_is_told_not_to_binds_nothing
    a_loaded_key_is_bound_too
    a_server_answers_a_bound_probe_and_takes_a_bound_signature
    a_bound_request_of_a_key_that_is_not_there_fails_as_one_of_publickey
    another_host_key_ends_it_whoever_it_is_for
    a_signature_names_method_and_host_or_is_none
    the_fields_of_one_method_are_not_those_of_the_other
    no_truncation_of_a_bound_request_is_one
    a_changed_bit_anywhere_is_no_login
    a_client_and_a_server_agree_on_bound_requests
    mutated_bound_requests_never_panic_and_never_authenticate
}
