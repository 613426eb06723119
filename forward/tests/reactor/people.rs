//! A client that waits for people: for a passphrase, a password, an answer to a server's question.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use adit_auth::Decision;
use adit_crypto::{Secret, SigningKey, Unspecified, encoded};
use adit_forward::reactor::{ClientConfig, End, FileKey, FileKeyState};
use adit_proto::msg::{
    KeyboardInteractiveMethod, PasswordMethod, UserauthInfoRequest, UserauthPkOk,
};
use adit_proto::{Encode, Rest, number, reason};

use crate::asking::{Asking, Client, Leaves, leave, once, when_told};
use crate::scripted::{Bytes, HostKey, Scripted, user_request};
use crate::world::{Answers, client_config, key, loopback, server, server_config};

fn locked(config: &mut ClientConfig, of: &dyn SigningKey) {
    config.identities.files = vec![FileKey {
        name: "locked".to_owned(),
        public_blob: of.public_blob().to_vec(),
        algorithms: of.algorithms(),
        key: FileKeyState::Locked,
    }];
}

#[test]
fn a_locked_key_is_unlocked_once_the_server_accepts_it() {
    let (_server, address) = server(server_config(), Answers::default());
    let key = key();
    let mut config = client_config(address, loopback());
    locked(&mut config, &*key);
    let client = Client::start(config, |told| Asking {
        unlock: once(move || Some(key)),
        ..Asking::nothing(told)
    });
    assert_eq!(client.next(), "asked for the host key");
    assert_eq!(client.next(), "offering locked");
    assert_eq!(client.next(), "asked to unlock locked");
    assert_eq!(client.next(), "authenticated by publickey");
    assert_eq!(client.stop(), End::Stopped);
}

#[test]
fn nobody_is_asked_to_unlock_a_key_that_the_server_refuses() {
    let answers = Answers {
        key: Decision::Refused,
        ..Answers::default()
    };
    let (_server, address) = server(server_config(), answers);
    let mut config = client_config(address, loopback());
    locked(&mut config, &*key());
    let client = Client::start(config, Asking::nothing);
    assert_eq!(client.next(), "asked for the host key");
    assert_eq!(client.next(), "offering locked");
    assert_eq!(client.next(), "refused");
}

#[test]
fn a_key_that_is_not_unlocked_leaves_the_next_one() {
    type Unlock = fn() -> Option<Box<dyn SigningKey>>;
    let wrong: Unlock = || Some(key());
    let fault: Unlock = || panic!("a fault while a person types");
    for unlock in [(|| None) as Unlock, wrong, fault] {
        let (_server, address) = server(server_config(), Answers::default());
        let mut config = client_config(address, loopback());
        locked(&mut config, &*key());
        let other = FileKey::loaded("other".to_owned(), key());
        config.identities.files.push(other);
        let client = Client::start(config, |told| Asking {
            unlock: once(unlock),
            ..Asking::nothing(told)
        });
        for expected in [
            "asked for the host key",
            "offering locked",
            "asked to unlock locked",
            "offering other",
            "authenticated by publickey",
        ] {
            assert_eq!(client.next(), expected);
        }
        client.stop();
    }
}

/// A key that tells whether it is still there.
struct Counted {
    key: Box<dyn SigningKey>,
    _here: Arc<()>,
}

impl SigningKey for Counted {
    fn algorithms(&self) -> &'static [&'static str] {
        self.key.algorithms()
    }
    fn public_blob(&self) -> &[u8] {
        self.key.public_blob()
    }
    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        self.key.sign(algorithm, message)
    }
}

/// The probe for a key, answered with yes.
fn accept_key(server: &mut Scripted, key: &dyn SigningKey) {
    let request = server.answer();
    assert_eq!(request[0], number::USERAUTH_REQUEST);
    server.send(&UserauthPkOk {
        public_key_algorithm_name: key.algorithms()[0].as_bytes(),
        public_key_blob: key.public_blob(),
    });
    server.flush();
}

#[test]
fn an_answer_that_comes_after_the_server_is_gone_is_dropped() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let host_key: HostKey = Arc::new([key()]);
    let key = key();
    let mut config = client_config(listener.local_addr().unwrap(), loopback());
    locked(&mut config, &*key);
    let (person, unlock) = when_told();
    let client = Client::start(config, |told| Asking {
        unlock,
        ..Asking::nothing(told)
    });
    let mut server = Scripted::accept(&listener, &host_key);
    accept_key(&mut server, &*key);
    assert_eq!(client.next(), "asked for the host key");
    assert_eq!(client.next(), "offering locked");
    assert_eq!(client.next(), "asked to unlock locked");
    person.thinks.recv().unwrap();
    drop(server);
    assert_eq!(client.next(), "Closed");
    assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
    let here = Arc::new(());
    let late = Counted {
        key,
        _here: Arc::clone(&here),
    };
    person.answer.send(Some(Box::new(late))).unwrap();
    while Arc::strong_count(&here) > 1 {
        thread::yield_now();
    }
}

#[test]
fn the_servers_reason_comes_with_how_many_keys_it_was_offered() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let host_key: HostKey = Arc::new([key()]);
    let mut config = client_config(listener.local_addr().unwrap(), loopback());
    let other = FileKey::loaded("other".to_owned(), key());
    config.identities.files.push(other);
    let client = Client::start(config, Asking::nothing);
    let mut server = Scripted::accept(&listener, &host_key);
    server.answer();
    let mut failure = vec![number::USERAUTH_FAILURE, 0, 0, 0, 9];
    failure.extend(b"publickey\0");
    server.send(&Bytes(&failure));
    server.flush();
    server.answer();
    server
        .transport
        .disconnect(reason::Disconnect::ProtocolError, "enough");
    server.flush();
    assert_eq!(client.next(), "asked for the host key");
    assert_eq!(client.next(), "offering test");
    assert_eq!(client.next(), "offering other");
    assert_eq!(client.next(), "told off, 2 tried");
}

// A server that wants to hear something of a person.

/// A client without keys, and the server that it talks to once it has said "none".
fn without_keys(program: impl FnOnce(Sender<String>) -> Asking) -> (Scripted, Client) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let host_key: HostKey = Arc::new([key()]);
    let mut config = client_config(listener.local_addr().unwrap(), loopback());
    config.identities.files.clear();
    let client = Client::start(config, program);
    let mut server = Scripted::accept(&listener, &host_key);
    assert_eq!(client.next(), "asked for the host key");
    expect(&mut server, b"none", b"");
    (server, client)
}

fn expect(server: &mut Scripted, method: &[u8], fields: &[u8]) {
    assert_eq!(server.answer(), encoded(&user_request(method, fields)));
}

fn say(server: &mut Scripted, message: &impl Encode) {
    server.send(message);
    server.flush();
}

/// What goes on, after a request that was not enough.
fn fail(server: &mut Scripted, methods: &str) {
    let len = u8::try_from(methods.len()).unwrap();
    let head = [number::USERAUTH_FAILURE, 0, 0, 0, len];
    let failure = [&head[..], methods.as_bytes(), &[0]].concat();
    say(server, &Bytes(&failure));
}

fn password(text: &[u8]) -> Vec<u8> {
    encoded(&PasswordMethod {
        is_change: false,
        plaintext_password: text,
    })
}

fn secret(text: &str) -> Secret {
    Secret::copy_of(text.as_bytes())
}

#[test]
fn a_password_is_asked_for_as_often_as_may_be_and_never_in_the_loop() {
    let (person, asked) = when_told();
    let (mut server, client) = without_keys(|told| Asking {
        password: asked,
        ..Asking::nothing(told)
    });
    fail(&mut server, "publickey,password");
    for (attempt, text) in ["wrong", "again", "right"].into_iter().enumerate() {
        let question = format!("asked for the password of user, {attempt} refused");
        assert_eq!(client.next(), question);
        person.answer.send(Some(secret(text))).unwrap();
        expect(&mut server, b"password", &password(text.as_bytes()));
        if text != "right" {
            fail(&mut server, "publickey,password");
        }
    }
    say(&mut server, &Bytes(&[number::USERAUTH_SUCCESS]));
    assert_eq!(client.next(), "authenticated by password");
    assert_eq!(client.stop(), End::Stopped);
}

#[test]
fn a_password_that_nobody_gives_ends_the_login() {
    type Give = fn() -> Option<Secret>;
    let fault: Give = || panic!("a fault while a person types");
    for give in [(|| None) as Give, fault] {
        let (mut server, client) = without_keys(|told| Asking {
            password: once(give),
            ..Asking::nothing(told)
        });
        fail(&mut server, "password");
        assert!(client.next().starts_with("asked for the password"));
        assert_eq!(client.next(), "refused");
        assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
    }
}

#[test]
fn a_servers_own_questions_are_asked_with_its_words() {
    let (person, asked) = when_told();
    let (mut server, client) = without_keys(|told| Asking {
        respond: asked,
        ..Asking::nothing(told)
    });
    fail(&mut server, "keyboard-interactive");
    let method = KeyboardInteractiveMethod {
        language_tag: b"",
        submethods: b"",
    };
    expect(&mut server, b"keyboard-interactive", &encoded(&method));
    let prompts = b"\0\0\0\x05Code:\0\0\0\0\x04Name\x01";
    let ask = UserauthInfoRequest {
        name: b"box",
        instruction: b"look\x1b",
        language_tag: b"",
        num_prompts: 2,
        prompts: Rest(prompts),
    };
    say(&mut server, &ask);
    let question = "asked by box, look\\x1b: Code: No Name Yes";
    assert_eq!(client.next(), question);
    let answers = vec![secret("1"), secret("me")];
    person.answer.send(Some(answers)).unwrap();
    let expected = b"\x3d\0\0\0\x02\0\0\0\x011\0\0\0\x02me";
    assert_eq!(server.answer(), expected);
    say(&mut server, &Bytes(&[number::USERAUTH_SUCCESS]));
    assert_eq!(client.next(), "authenticated by keyboard-interactive");
    assert_eq!(client.stop(), End::Stopped);
}

#[test]
fn a_server_that_leaves_while_a_person_types_ends_the_session_at_once() {
    for how in [Leaves::InOrder, Leaves::WithReset] {
        let (person, asked) = when_told();
        let (mut server, client) = without_keys(|told| Asking {
            password: asked,
            ..Asking::nothing(told)
        });
        fail(&mut server, "password");
        assert!(client.next().starts_with("asked for the password"));
        person.thinks.recv().unwrap();
        leave(server, how);
        assert_eq!(client.next(), "Closed");
        assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
        // It is nobody's any more, and no fault.
        person.answer.send(Some(secret("late"))).unwrap();
    }
}

#[test]
fn what_a_server_says_while_a_person_types_is_heard() {
    let (person, asked) = when_told();
    let (mut server, client) = without_keys(|told| Asking {
        password: asked,
        ..Asking::nothing(told)
    });
    fail(&mut server, "password");
    assert!(client.next().starts_with("asked for the password"));
    person.thinks.recv().unwrap();
    server
        .transport
        .disconnect(reason::Disconnect::ByApplication, "too slow");
    server.flush();
    assert_eq!(client.next(), "told off, 0 tried");
    assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
}
