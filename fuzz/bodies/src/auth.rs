//! The two machines of publickey authentication, against a peer that says anything. Nobody is
//! authenticated but by a signature over this session.

use core::time::Duration;

use adit_auth::{
    Client, ClientEvent, Decision, Established, Fingerprint, How, KeyId, KeyPolicy, Limits,
    Methods, Need, OfferedKey, Probe, REQUESTS_MAX, Server, ServerEvent, ServerNeed,
};
use adit_crypto::{Secret, Unspecified};
use adit_proto::Rest;
use adit_proto::msg::{
    PublickeyHostboundMethod, PublickeyMethod, UserauthBanner, UserauthFailure,
    UserauthInfoRequest, UserauthPasswdChangereq, UserauthPkOk,
};
use adit_proto::{Encode, NameList};
use adit_testkit::toy;

use crate::seeds::{bytes, string};

const SESSION: &[u8] = &[0x5e; 32];
/// Of the server; nobody looks into it.
const HOST_KEY: &[u8] = b"the host key";
const USER: &[u8] = b"user";
const POLICY: KeyPolicy = KeyPolicy::unrestricted(0, 1);

/// Messages, each behind its length in two bytes.
fn messages(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        let (message, rest) = rest.split_at(len);
        data = rest;
        Some(message)
    })
}

fn joined(messages: &[Vec<u8>]) -> Vec<u8> {
    let len = |message: &Vec<u8>| {
        u16::try_from(message.len())
            .expect("a short seed")
            .to_be_bytes()
    };
    messages
        .iter()
        .flat_map(|m| [&len(m)[..], m].concat())
        .collect()
}

fn offered(id: u32, ask_first: Probe) -> OfferedKey {
    let key = toy::ed25519_key(u8::try_from(id).unwrap_or(0));
    OfferedKey {
        public_blob: key.public_blob().to_vec(),
        id: KeyId(id),
        ask_first,
        algorithms: key.algorithms(),
    }
}

/// The first byte says which keys can sign, whether signatures are bound to the host, and whether a
/// person is there.
pub(crate) fn client(data: &[u8]) {
    let Some((can, data)) = data.split_first() else {
        return;
    };
    let keys = vec![
        offered(1, Probe::Yes),
        offered(2, Probe::No),
        offered(3, Probe::Yes),
    ];
    let mut client = Client::new(&toy::PROVIDER, USER, Methods::default());
    client.start(&Established {
        session_id: SESSION,
        server_sig_algs: None,
        hostbound: (can & BOUND != 0).then_some(HOST_KEY),
    });
    client.offer(keys);
    let (mut proofs, mut requests) = (0, 0);
    for message in messages(data) {
        settle_client(&mut client, *can, &mut proofs, &mut requests);
        if client.has_event() {
            assert!(matches!(client.take_event(), Some(ClientEvent::Refused(_))));
            return;
        }
        match client.handle(message) {
            Ok(ClientEvent::Authenticated(_)) => {
                assert!(proofs > 0, "authenticated without anything of ours");
                return;
            }
            Ok(ClientEvent::Banner { message: range }) => assert!(message.get(range).is_some()),
            Ok(ClientEvent::PasswordExpired { message: range }) => {
                assert!(message.get(range).is_some());
            }
            Ok(ClientEvent::Told { name, instruction }) => {
                assert!(message.get(name).is_some() && message.get(instruction).is_some());
            }
            Ok(
                ClientEvent::Quiet | ClientEvent::KeyOffered(_) | ClientEvent::PartialSuccess(_),
            ) => {}
            Ok(ClientEvent::Refused(_)) | Err(_) => return,
        }
        assert!(
            requests <= 96,
            "each key is tried once, or twice, and a person asked a number of times"
        );
    }
}

/// Bits of the first byte beside those of the keys, which are 1 to 3.
const BOUND: u8 = 1 << 4;
const PERSON: u8 = 1 << 5;

fn settle_client(client: &mut Client, can: u8, proofs: &mut u32, requests: &mut u32) {
    let secret = || Secret::copy_of(b"secret");
    // Two steps for each of three keys, and some to spare.
    for _ in 0..16 {
        let answer = match client.need() {
            Need::Sign {
                key,
                algorithm,
                message,
            } => {
                let signs = can & (1 << (key.0 % 8)) != 0;
                let signer = toy::ed25519_key(u8::try_from(key.0).unwrap_or(0));
                Some((
                    key,
                    if signs {
                        signer.sign(algorithm, message)
                    } else {
                        Err(Unspecified)
                    },
                ))
            }
            Need::Password { .. } => {
                client.password((can & PERSON != 0).then(secret));
                *proofs += u32::from(can & PERSON != 0);
                continue;
            }
            Need::Respond { prompts, .. } => {
                assert!(!prompts.is_empty(), "a person is asked nothing");
                let answers = prompts.iter().map(|_| secret()).collect();
                client.respond((can & PERSON != 0).then_some(answers));
                *proofs += u32::from(can & PERSON != 0);
                continue;
            }
            Need::Nothing | Need::Keys => None,
        };
        if let Some((key, signature)) = answer {
            *proofs += u32::from(signature.is_ok());
            client.signed(key, signature);
        } else if let Some(request) = client.message() {
            assert!(!bytes(&request).is_empty());
            client.message_sent();
            *requests += 1;
        } else {
            return;
        }
    }
    panic!("the client always has something to do");
}

pub(crate) fn client_seeds() -> Vec<Vec<u8>> {
    let blob = toy::ed25519_key(1).public_blob().to_vec();
    let ok = bytes(&UserauthPkOk {
        public_key_algorithm_name: b"ssh-ed25519",
        public_key_blob: &blob,
    });
    let failed = |methods: &[u8], partial_success| {
        bytes(&UserauthFailure {
            authentications_that_can_continue: NameList::parse(methods).expect("a list"),
            partial_success,
        })
    };
    let failure = failed(b"publickey,password", false);
    let questions = failed(b"keyboard-interactive", false);
    let then_password = failed(b"password", true);
    let asking = bytes(&UserauthInfoRequest {
        name: b"name",
        instruction: b"instruction",
        language_tag: b"",
        num_prompts: 1,
        prompts: Rest(b"\0\0\0\x02a:\0"),
    });
    let telling = bytes(&UserauthInfoRequest {
        name: b"",
        instruction: b"wait",
        language_tag: b"",
        num_prompts: 0,
        prompts: Rest(b""),
    });
    let expired = bytes(&UserauthPasswdChangereq {
        prompt: b"too old",
        language_tag: b"",
    });
    let banner = bytes(&UserauthBanner {
        message: b"hello",
        language_tag: b"",
    });
    let success = vec![52];
    let seed = |messages: &[&Vec<u8>]| {
        let messages: Vec<Vec<u8>> = messages.iter().map(|m| (*m).clone()).collect();
        [&[0xff][..], &joined(&messages)].concat()
    };
    vec![
        seed(&[&banner, &ok, &success]),
        seed(&[&failure, &failure, &failure]),
        seed(&[&questions, &asking, &telling, &success]),
        seed(&[&questions, &asking, &then_password, &success]),
        seed(&[&questions, &telling, &success]),
        seed(&[&failure, &failure, &failure, &expired]),
        seed(&[&success]),
        seed(&[&ok, &failure, &success]),
    ]
}

/// The first byte says for which keys the answer is yes.
pub(crate) fn server(data: &[u8]) {
    let Some((allowed, data)) = data.split_first() else {
        return;
    };
    let mut now = Duration::ZERO;
    let limits = Limits::default();
    let mut server = Server::new(
        &toy::PROVIDER,
        SESSION,
        HOST_KEY,
        Secret::copy_of(&[1; 32]),
        limits,
    );
    let mut taken = 0;
    for message in messages(data) {
        taken += 1;
        assert!(taken <= REQUESTS_MAX + 1, "more requests than there may be");
        if server.handle(message, now).is_err() {
            return;
        }
        let mut decided = None;
        if let ServerNeed::Authorize { key_blob, .. } = server.need() {
            let fingerprint = Fingerprint::of(&toy::PROVIDER, key_blob);
            let yes = (1..8).find(|seed| {
                allowed & (1 << seed) != 0 && key_blob == toy::ed25519_key(*seed).public_blob()
            });
            decided = Some((fingerprint, yes));
        }
        if let Some((_, yes)) = decided {
            let decision = yes.map_or(Decision::Refused, |_| Decision::Allowed(POLICY));
            if server.authorize(decision, now).is_err() {
                return;
            }
        }
        // Failures wait for their time.
        while let Some(deadline) = server.deadline() {
            assert!(deadline >= now, "a deadline that has passed");
            now = deadline;
            if server.handle_timeout(now).is_err() {
                return;
            }
        }
        let Some(reply) = server.message() else {
            return;
        };
        assert!(reply.encoded_len() > 0);
        if let ServerEvent::Authenticated(user) = server.message_sent() {
            let (fingerprint, yes) = decided.expect("nobody was asked");
            assert!(yes.is_some(), "authenticated against the decision");
            assert!(
                matches!(user.how(), How::Publickey { fingerprint: f, .. } if *f == fingerprint),
                "another key than the one that signed"
            );
            assert_eq!(Some(user.user()), server.user());
            return;
        }
    }
}

/// A request that is bound to a host key, with a signature.
fn bound(seed: u8, host_key: &[u8]) -> Vec<u8> {
    let key = toy::ed25519_key(seed);
    let request = |signature: &[u8]| {
        let method = bytes(&PublickeyHostboundMethod {
            has_signature: true,
            public_key_algorithm_name: b"ssh-ed25519",
            public_key_blob: key.public_blob(),
            server_host_key: host_key,
            signature: Rest(signature),
        });
        bytes(&adit_proto::msg::UserauthRequest {
            user_name: USER,
            service_name: b"ssh-connection",
            method_name: b"publickey-hostbound-v00@openssh.com",
            method: Rest(&method),
        })
    };
    let message = [string(SESSION), request(&[])].concat();
    request(&string(
        &key.sign("ssh-ed25519", &message).expect("our own key"),
    ))
}

fn request(user: &[u8], seed: u8, signed: bool) -> Vec<u8> {
    let key = toy::ed25519_key(seed);
    let request = |has_signature, signature: &[u8]| {
        let method = bytes(&PublickeyMethod {
            has_signature,
            public_key_algorithm_name: b"ssh-ed25519",
            public_key_blob: key.public_blob(),
            signature: Rest(signature),
        });
        bytes(&adit_proto::msg::UserauthRequest {
            user_name: user,
            service_name: b"ssh-connection",
            method_name: b"publickey",
            method: Rest(&method),
        })
    };
    if !signed {
        return request(false, &[]);
    }
    // RFC 4252 §7: the session identifier, and the request up to the signature.
    let message = [string(SESSION), request(true, &[])].concat();
    request(
        true,
        &string(&key.sign("ssh-ed25519", &message).expect("our own key")),
    )
}

pub(crate) fn server_seeds() -> Vec<Vec<u8>> {
    let none = bytes(&adit_proto::msg::UserauthRequest {
        user_name: USER,
        service_name: b"ssh-connection",
        method_name: b"none",
        method: Rest(&[]),
    });
    let seed = |messages: &[Vec<u8>]| [&[0b110][..], &joined(messages)].concat();
    vec![
        seed(&[none, request(USER, 1, false), request(USER, 1, true)]),
        seed(&[request(USER, 3, true), request(USER, 2, true)]),
        seed(&[request(USER, 1, false), request(b"other", 1, true)]),
        seed(&[request(USER, 1, false), request(USER, 3, true)]),
        seed(&[bound(3, HOST_KEY), bound(1, HOST_KEY)]),
        seed(&[bound(1, b"another")]),
    ]
}
