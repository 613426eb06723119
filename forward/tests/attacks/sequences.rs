//! Requests of a client one after the other (RFC 4252): one key asked about and another signing,
//! users and services that change, methods in any order, requests without end.

use std::sync::Arc;
use std::time::Duration;

use adit_auth::{Fingerprint, How};
use adit_crypto::{Provider, SigningKey};
use adit_testkit::on_every_provider;
use adit_testkit::scripted::{
    Claim, Outcome, Role, Script, Scripted, Step, key_for, request, string,
};

use crate::signer;

const SUCCESS: u8 = 52;
const FAILURE: u8 = 51;
const PK_OK: u8 = 60;

/// What must come of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Must {
    Say(u8),
    /// DISCONNECT with that reason.
    End(u32),
    Nothing,
}

use Must::{End, Nothing, Say};

/// Three of them: two that are let in, in lines of their own, and one that is not.
type Keys = [Arc<dyn SigningKey>; 3];

const USER: &[u8] = b"user";
const SERVICE: &[u8] = b"ssh-connection";

/// A client that is about to log in.
struct Client {
    keys: Keys,
    provider: &'static Provider,
    peer: Scripted,
}

impl Client {
    fn new(provider: &'static Provider) -> Self {
        let mut peer = Scripted::at(&Script::new(Role::Server, provider), Step::Service);
        let keys = [0; 3].map(|_| key_for(signer(provider), "ssh-ed25519"));
        peer.victim.authorized = keys[..2].iter().map(|k| k.public_blob().to_vec()).collect();
        Self {
            keys,
            provider,
            peer,
        }
    }

    fn claim(&self, key: usize) -> Claim<'_> {
        Claim {
            user: USER,
            service: SERVICE,
            algorithm: "ssh-ed25519",
            key: self.keys[key].public_blob(),
        }
    }

    fn probe(&self, key: usize) -> Vec<u8> {
        self.claim(key).probe()
    }

    fn signed(&self, key: usize) -> Vec<u8> {
        self.signed_by(key, key)
    }

    fn signed_by(&self, key: usize, signer: usize) -> Vec<u8> {
        self.sign(self.claim(key), signer)
    }

    fn sign(&self, claim: Claim<'_>, signer: usize) -> Vec<u8> {
        let id = self.peer.session_id();
        claim.signed(&*self.keys[signer], &id, |_| {})
    }

    /// The line of the key that is logged in with.
    fn line(&self) -> Option<usize> {
        let user = self.peer.victim.session.user()?;
        let line = user.policy().unwrap().line;
        let key = &self.keys[line - 1];
        let expected = How::Publickey {
            key_type: "ssh-ed25519",
            fingerprint: Fingerprint::of(self.provider, key.public_blob()),
        };
        assert_eq!((user.user(), user.how()), (USER, &expected));
        Some(line)
    }
}

type Steps = fn(&Client) -> Vec<(Vec<u8>, Must)>;

/// One after the other, and all in one flight: whoever does not wait has the same said to them.
fn run(provider: &'static Provider, steps: Steps, line: Option<usize>) {
    let mut client = Client::new(provider);
    let mut said = Vec::new();
    for (at, (message, must)) in steps(&client).into_iter().enumerate() {
        let expected = match must {
            Say(number) => Outcome::Said(vec![number]),
            End(reason) => Outcome::Refused(reason),
            Nothing => Outcome::Said(vec![]),
        };
        assert_eq!(client.peer.answer_to(&message), expected, "{at}");
        assert_eq!(client.peer.opens(), 0);
        said.extend(client.peer.heard.iter().map(|m| m[0]));
    }
    assert_eq!(client.line(), line);

    let mut client = Client::new(provider);
    let messages = steps(&client).into_iter().map(|(message, _)| message);
    assert_eq!(flight(&mut client.peer, messages), said);
    assert_eq!(client.line(), line);
}

/// All of them at once. The numbers of what is said.
pub(crate) fn flight(peer: &mut Scripted, messages: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        let frame = peer.frame(&message);
        bytes.extend(peer.sealed(frame));
    }
    peer.forget();
    peer.send_raw(&bytes);
    peer.wait(Duration::from_secs(60));
    peer.heard.iter().map(|m| m[0]).collect()
}

fn who_logs_in_is_who_signed_whatever_was_asked_before(provider: &'static Provider) {
    run(
        provider,
        |c| vec![(c.probe(0), Say(PK_OK)), (c.signed(2), Say(FAILURE))],
        None,
    );
    run(
        provider,
        |c| {
            vec![
                (c.probe(0), Say(PK_OK)),
                (c.signed(2), Say(FAILURE)),
                (c.signed(0), Say(SUCCESS)),
            ]
        },
        Some(1),
    );
    run(
        provider,
        |c| {
            vec![
                (c.probe(0), Say(PK_OK)),
                (c.probe(1), Say(PK_OK)),
                (c.signed(0), Say(SUCCESS)),
            ]
        },
        Some(1),
    );
    run(
        provider,
        |c| {
            vec![
                (c.probe(0), Say(PK_OK)),
                (c.probe(1), Say(PK_OK)),
                (c.probe(2), Say(FAILURE)),
                (c.signed(1), Say(SUCCESS)),
            ]
        },
        Some(2),
    );
    run(
        provider,
        |c| {
            vec![
                (c.probe(2), Say(FAILURE)),
                (c.signed(2), Say(FAILURE)),
                (c.probe(0), Say(PK_OK)),
                (c.signed(2), Say(FAILURE)),
                (c.probe(2), Say(FAILURE)),
            ]
        },
        None,
    );
}

fn a_key_that_is_named_and_another_that_signs_are_no_login(provider: &'static Provider) {
    for named in 0..3 {
        for by in 0..3 {
            let mut client = Client::new(provider);
            let is_good = named == by && named < 2;
            // Asked about before are both, either or none.
            let probes = [named, by].into_iter().filter(|key| *key < 2);
            for key in probes {
                let probe = client.probe(key);
                assert_eq!(client.peer.answer_to(&probe), Outcome::Said(vec![PK_OK]));
            }
            let message = client.signed_by(named, by);
            let answer = if is_good { SUCCESS } else { FAILURE };
            let seen = client.peer.answer_to(&message);
            assert_eq!(seen, Outcome::Said(vec![answer]), "{named} {by}");
            assert_eq!(client.line(), is_good.then_some(named + 1));
        }
    }
}

/// What a client may have said before it changes its mind.
const BEFORE: [fn(&Client) -> Vec<u8>; 6] = [
    |_| request(b"none", b""),
    |_| request(b"password", &[&[0][..], &string(b"secret")].concat()),
    |c| c.probe(0),
    |c| c.probe(2),
    |c| c.signed(2),
    |c| c.signed_by(0, 1),
];

fn another_user_or_service_ends_the_session(provider: &'static Provider) {
    let users: [&[u8]; 7] = [b"root", b"", b"User", b"use", b"users", b"user\0", b"\xff"];
    let services: [&[u8]; 5] = [
        b"ssh-userauth",
        b"",
        b"ssh-connectio",
        b"SSH-connection",
        b"x",
    ];
    let others = users.map(|user| (user, SERVICE)).into_iter();
    let others = others.chain(services.map(|service| (USER, service)));
    for (user, service) in others {
        for before in BEFORE {
            for signs in [false, true] {
                let mut client = Client::new(provider);
                let first = before(&client);
                client.peer.answer_to(&first);
                let claim = Claim {
                    user,
                    service,
                    ..client.claim(0)
                };
                let message = match signs {
                    true => client.sign(claim, 0),
                    false => claim.probe(),
                };
                let seen = client.peer.answer_to(&message);
                assert_eq!(seen, Outcome::Refused(2), "{user:?} {service:?} {signs}");
                assert_eq!(client.line(), None);
            }
        }
    }
    // The user of a probe is not the one that signs, whoever it was.
    let mut client = Client::new(provider);
    let claim = Claim {
        user: b"root",
        ..client.claim(0)
    };
    let probe = claim.probe();
    assert_eq!(client.peer.answer_to(&probe), Outcome::Said(vec![PK_OK]));
    let message = client.signed(0);
    assert_eq!(client.peer.answer_to(&message), Outcome::Refused(2));
    // RFC 4252 §5: "If the requested service is not available, the server MAY disconnect".
    for service in services {
        let mut client = Client::new(provider);
        let claim = Claim {
            service,
            ..client.claim(0)
        };
        let message = client.sign(claim, 0);
        assert_eq!(client.peer.answer_to(&message), Outcome::Refused(7));
    }
}

fn methods_in_any_order_are_failures_that_count(provider: &'static Provider) {
    // "none" is how a client asks which methods there are, once.
    run(
        provider,
        |c| {
            vec![
                (request(b"none", b""), Say(FAILURE)),
                (request(b"none", b""), Say(FAILURE)),
                (request(b"password", &[0; 5]), Say(FAILURE)),
                (c.probe(0), Say(PK_OK)),
                (request(b"keyboard-interactive", &[0; 8]), Say(FAILURE)),
                (request(b"hostbased", b""), Say(FAILURE)),
                (request(b"publickey ", b""), Say(FAILURE)),
                (c.signed(0), Say(SUCCESS)),
            ]
        },
        Some(1),
    );
    run(
        provider,
        |c| {
            vec![
                (request(b"gssapi-with-mic", &[0; 4]), Say(FAILURE)),
                (request(b"", b""), Say(FAILURE)),
                (request(&[b'a'; 65], b"publickey"), Say(FAILURE)),
                (request(b"none", b""), Say(FAILURE)),
                (request(b"password,publickey", &[0; 40]), Say(FAILURE)),
                (c.probe(0), Say(PK_OK)),
                (request(b"\xff\0", b""), End(2)),
            ]
        },
        None,
    );
}

fn requests_after_success_change_nothing(provider: &'static Provider) {
    run(
        provider,
        |c| {
            let other = Claim {
                user: b"root",
                ..c.claim(1)
            };
            let service = Claim {
                service: b"ssh-userauth",
                ..c.claim(1)
            };
            let mut all = vec![(c.signed(0), Say(SUCCESS))];
            let ignored = [
                c.signed(0),
                c.signed(1),
                c.signed(2),
                c.probe(1),
                c.sign(other, 1),
                c.sign(service, 1),
                request(b"none", b""),
                vec![50],
                vec![50, 0xff, 0xff, 0xff, 0xff],
            ];
            all.extend(ignored.map(|message| (message, Nothing)));
            all
        },
        Some(1),
    );
    // Not even after a channel has been opened.
    let mut client = Client::new(provider);
    let [one, two] = [client.signed(0), client.signed(1)];
    client.peer.answer_to(&one);
    client.peer.open();
    assert_eq!(client.peer.answer_to(&two), Outcome::Said(vec![]));
    assert_eq!(client.line(), Some(1));
}

/// How many are answered, with what, before the session ends.
fn without_end(provider: &'static Provider, message: fn(&Client) -> Vec<u8>, answers: &[u8]) {
    let mut client = Client::new(provider);
    let message = message(&client);
    let messages = std::iter::repeat_n(message, 10_000);
    let said = flight(&mut client.peer, messages);
    assert_eq!(said, [answers, &[1]].concat());
    assert!(!client.peer.victim.is_alive());
    assert_eq!((client.line(), client.peer.opens()), (None, 0));
}

fn ten_thousand_requests_end_at_the_limit(provider: &'static Provider) {
    without_end(provider, |c| c.probe(0), &[PK_OK; 64]);
    without_end(provider, |c| c.probe(2), &[FAILURE; 5]);
    without_end(provider, |c| c.signed(2), &[FAILURE; 5]);
    without_end(provider, |c| c.signed_by(0, 1), &[FAILURE; 5]);
    // The first of these asks which methods there are.
    without_end(provider, |_| request(b"none", b""), &[FAILURE; 6]);
    without_end(provider, |_| request(b"password", &[0; 5]), &[FAILURE; 5]);
}

/// RFC 4253 §10: the first service is authentication, by that name.
fn no_other_service_is_asked_for_or_accepted(provider: &'static Provider) {
    let names: [&[u8]; 6] = [
        b"ssh-connection",
        b"",
        b"ssh-userauth ",
        b"ssh-userauth,ssh-connection",
        b"SSH-USERAUTH",
        b"ssh-userauth\0",
    ];
    for name in names {
        for (role, number) in [(Role::Server, 5), (Role::Client, 6)] {
            let mut peer = Scripted::at(&Script::new(role, provider), Step::NewKeys);
            let message = [&[number][..], &string(name)].concat();
            let seen = peer.answer_to(&message);
            assert_eq!(seen, Outcome::Refused(7), "{role:?} {name:?}");
            assert_eq!((peer.opens(), peer.is_logged_in()), (0, false));
        }
    }
}

on_every_provider! {
    who_logs_in_is_who_signed_whatever_was_asked_before
    a_key_that_is_named_and_another_that_signs_are_no_login
    another_user_or_service_ends_the_session
    methods_in_any_order_are_failures_that_count
    requests_after_success_change_nothing
    ten_thousand_requests_end_at_the_limit
    no_other_service_is_asked_for_or_accepted
}
