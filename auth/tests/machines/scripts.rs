//! Servers and people that do anything at all: whatever comes, the client ends, and gives away no
//! secret that it was not just given.

use crate::common::*;
use adit_auth::{Client, ClientEvent, Established, Method, Methods, Need, OfferedKey, Probe};
use adit_crypto::{Provider, SigningKey};
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;

/// More requests than any script can have: each of four keys in two steps and two turns, nine
/// answers or passwords at most, as many rounds as there may be, and "none".
const REQUESTS_MAX: usize = 4 * 4 + 9 + 9 + 64 + 1;

const LISTS: [&str; 8] = [
    "publickey",
    "password",
    "keyboard-interactive",
    "publickey,password,keyboard-interactive",
    "password,keyboard-interactive",
    "publickey,keyboard-interactive",
    "hostbased",
    "",
];

/// What has happened so far, and what must hold of it.
#[derive(Default)]
struct Story {
    /// What a person typed and the client has not sent yet.
    in_hand: Vec<Vec<u8>>,
    typed: usize,
    requests: usize,
    /// A signature, a password or an answer went out.
    has_proven: bool,
    gave_up_password: bool,
    gave_up_questions: bool,
}

impl Story {
    /// Secrets are numbered, so that none can be mistaken for another.
    fn type_in(&mut self) -> Vec<u8> {
        self.typed += 1;
        let secret = format!("<secret {:06}>", self.typed).into_bytes();
        self.in_hand.push(secret.clone());
        secret
    }

    /// A request went out: it holds all secrets in hand, in their order, and no other one.
    fn sent(&mut self, request: &[u8], is_secret: bool) {
        self.requests += 1;
        assert!(self.requests <= REQUESTS_MAX, "the client goes on for ever");
        let found: Vec<Vec<u8>> = request
            .windows(b"<secret 000000>".len())
            .filter(|part| part.starts_with(b"<secret "))
            .map(<[u8]>::to_vec)
            .collect();
        assert_eq!(found, self.in_hand, "a secret that was not just given");
        if !found.is_empty() {
            assert!(is_secret);
            self.has_proven = true;
            let is_password = request[0] == 50;
            assert!(
                !(if is_password {
                    self.gave_up_password
                } else {
                    self.gave_up_questions
                })
            );
        }
        self.in_hand.clear();
    }
}

/// Lets the client do all that it can without the server.
fn settle(client: &mut Client, keys: &[Box<dyn SigningKey>], story: &mut Story, dice: &mut Dice) {
    for _ in 0..100 {
        match client.need() {
            Need::Nothing => {}
            Need::Keys => {
                let probe = |n| if n == 0 { Probe::Yes } else { Probe::No };
                let offers: Vec<OfferedKey> = (0..)
                    .zip(keys)
                    .map(|(id, key)| offered(id, &**key, probe(dice.below(2))))
                    .collect();
                client.offer(offers);
                continue;
            }
            Need::Sign { key, .. } => {
                if dice.below(4) == 0 {
                    client.signed(key, Err(adit_crypto::Unspecified));
                } else {
                    sign(client, keys).unwrap();
                }
                continue;
            }
            Need::Password { .. } => {
                assert!(!story.gave_up_password, "asked for what nobody answers");
                if dice.below(5) == 0 {
                    story.gave_up_password = true;
                    client.password(None);
                } else {
                    let typed = story.type_in();
                    client.password(Some(adit_crypto::Secret::new(typed)));
                }
                continue;
            }
            Need::Respond { prompts, .. } => {
                assert!(!story.gave_up_questions, "asked for what nobody answers");
                let wanted = prompts.len();
                assert!(wanted > 0);
                match dice.below(6) {
                    0 => {
                        story.gave_up_questions = true;
                        client.respond(None);
                    }
                    1 => {
                        story.gave_up_questions = true;
                        let one_too_many = (0..=wanted).map(|_| secret("<secret nobody>"));
                        client.respond(Some(one_too_many.collect()));
                    }
                    _ => {
                        let typed = (0..wanted).map(|_| story.type_in());
                        let typed = typed.map(adit_crypto::Secret::new).collect();
                        client.respond(Some(typed));
                    }
                }
                continue;
            }
        }
        let Some(message) = client.message() else {
            return;
        };
        let is_secret = message.is_secret();
        let request = sent(client).unwrap();
        // A probe is shorter, with a host key too.
        let is_signed = request
            .windows(15)
            .any(|part| part == b"\0\0\0\x0bssh-ed25519")
            && request.len() > 190;
        story.has_proven |= is_signed;
        story.sent(&request, is_secret);
    }
    panic!("the client always has something to do");
}

fn reply(keys: &[Box<dyn SigningKey>], dice: &mut Dice) -> Vec<u8> {
    let pick = dice.below(LISTS.len());
    let reply = match dice.below(12) {
        0..=4 => failure(LISTS[pick], dice.below(3) == 0),
        5 | 6 => info_request("", "", &vec!["?"; dice.below(3)]),
        7 => change_request("new"),
        8 | 9 => pk_ok(b"ssh-ed25519", keys[pick % keys.len()].public_blob()),
        10 => banner(b"hello"),
        _ => success(),
    };
    if dice.below(20) == 0 {
        mutate(dice, &reply)
    } else {
        reply
    }
}

/// How a script ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Authenticated,
    Failed,
    GoesOn,
    Refused,
}

fn play(provider: &'static Provider, keys: &[Box<dyn SigningKey>], dice: &mut Dice) -> End {
    let mut order = Vec::new();
    for _ in 0..dice.below(5) {
        order.push(Method::ALL[dice.below(3)]);
    }
    let prompts = u32::try_from(dice.below(4)).unwrap();
    let mut client = Client::new(
        provider,
        b"bob",
        Methods {
            order,
            prompts,
            ..Methods::default()
        },
    );
    client.start(&Established {
        hostbound: (dice.below(2) == 0).then_some(HOST_KEY),
        ..ESTABLISHED
    });
    let mut story = Story::default();
    for _ in 0..200 {
        settle(&mut client, keys, &mut story, dice);
        if let Some(event) = client.take_event() {
            assert!(matches!(event, ClientEvent::Refused(_)));
            return is_over(&mut client, End::Refused);
        }
        match client.handle(&reply(keys, dice)) {
            Ok(ClientEvent::Authenticated(_)) => {
                assert!(story.has_proven, "a login that nothing has earned");
                return is_over(&mut client, End::Authenticated);
            }
            Ok(ClientEvent::Refused(_)) => return is_over(&mut client, End::Refused),
            Ok(_) => {}
            Err(_) => return is_over(&mut client, End::Failed),
        }
    }
    End::GoesOn
}

/// Nothing more is asked for or sent, whatever comes.
fn is_over(client: &mut Client, end: End) -> End {
    for payload in [
        failure("password,publickey", false),
        info_request("", "", &["?"]),
    ] {
        assert!(client.message().is_none() && client.need() == Need::Nothing);
        assert!(client.take_event().is_none());
        assert!(client.handle(&payload).is_err());
    }
    end
}

fn whatever_a_server_says_the_client_ends_and_keeps_its_secrets(provider: &'static Provider) {
    let keys = [key(provider), key(provider), key(provider), key(provider)];
    let mut ends = Vec::new();
    for seed in 1..4000_u64 {
        let mut dice = Dice::new(seed);
        ends.push(play(provider, &keys, &mut dice));
    }
    // The scripts are worth playing: each end comes about, and none takes for ever.
    let count = |end| ends.iter().filter(|e| **e == end).count();
    let all = [End::Authenticated, End::Failed, End::Refused].map(count);
    assert!(all.iter().all(|n| *n > 40), "{all:?}");
    assert_eq!(count(End::GoesOn), 0);
}

on_every_provider! {
    whatever_a_server_says_the_client_ends_and_keeps_its_secrets
}
