//! A client that waits for people: for a passphrase, for the verdict on a host key.

use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use adit_auth::Decision;
use adit_crypto::{SigningKey, Unspecified};
use adit_forward::observer::{
    Answer, Event, Gone, HostKeyQuestion, HostKeyVerdict, Program, UnlockQuestion,
};
use adit_forward::reactor::{ClientConfig, End, FileKey, FileKeyState, Handle, Reactor};
use adit_proto::msg::UserauthPkOk;
use adit_proto::{number, reason};
use nix::sys::socket::{setsockopt, sockopt};

use crate::scripted::{Bytes, HostKey, Scripted};
use crate::world::{Answers, PATIENCE, client_config, key, loopback, server, server_config};

/// What a person does who is asked.
type Person<T> = Box<dyn FnMut() -> Answer<T> + Send>;

/// A program that asks.
struct Asking {
    host_key: Person<HostKeyVerdict>,
    unlock: Person<Option<Box<dyn SigningKey>>>,
    told: Sender<String>,
}

impl Program for Asking {
    fn observe(&mut self, event: &Event<'_>) {
        let told = match event {
            Event::OfferingKey { name, .. } => format!("offering {name}"),
            Event::Authenticated { how, .. } => format!("authenticated by {}", how.method()),
            Event::PeerGone { why, .. } => match why {
                Gone::AuthenticationRefused(_) => "refused".to_owned(),
                Gone::Disconnected { keys_tried, .. } => format!("told off, {keys_tried} tried"),
                Gone::Socket(_) => "Closed".to_owned(),
                other => format!("{other:?}"),
            },
            _ => return,
        };
        let _ = self.told.send(told);
    }

    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        let _ = self.told.send("asked for the host key".to_owned());
        (self.host_key)()
    }

    fn unlock(&mut self, question: &UnlockQuestion<'_>) -> Answer<Option<Box<dyn SigningKey>>> {
        let _ = self.told.send(format!("asked to unlock {}", question.name));
        (self.unlock)()
    }
}

/// A client in its thread.
struct Client {
    handle: Handle,
    told: Receiver<String>,
    thread: JoinHandle<End>,
}

impl Client {
    fn start(config: ClientConfig, program: impl FnOnce(Sender<String>) -> Asking) -> Self {
        let reactor = Reactor::client(config).unwrap();
        let (sender, told) = mpsc::channel();
        let handle = reactor.handle();
        let mut program = program(sender);
        let thread = thread::spawn(move || reactor.run(&mut program).unwrap());
        Self {
            handle,
            told,
            thread,
        }
    }

    fn next(&self) -> String {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn stop(self) -> End {
        self.handle.stop();
        self.thread.join().unwrap()
    }
}

fn trusts() -> Person<HostKeyVerdict> {
    Box::new(|| Answer::Now(HostKeyVerdict::Trust))
}

fn unlocks_nothing() -> Person<Option<Box<dyn SigningKey>>> {
    Box::new(|| Answer::Now(None))
}

/// A person who answers when the test says, and who is heard to begin to think.
struct Thinker<T> {
    answer: Sender<T>,
    thinks: Receiver<()>,
}

fn when_told<T: Send + 'static>() -> (Thinker<T>, Person<T>) {
    let (answer, receiver) = mpsc::channel::<T>();
    let (begins, thinks) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let person = move || {
        let (receiver, begins) = (Arc::clone(&receiver), begins.clone());
        Answer::Later(Box::new(move || {
            begins.send(()).unwrap();
            receiver.lock().unwrap().recv().unwrap()
        }))
    };
    (Thinker { answer, thinks }, Box::new(person))
}

/// One question, answered by `work` on another thread.
fn once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Person<T> {
    let mut work = Some(work);
    Box::new(move || Answer::Later(Box::new(work.take().unwrap())))
}

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
        host_key: trusts(),
        unlock: once(move || Some(key)),
        told,
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
    let client = Client::start(config, |told| Asking {
        host_key: trusts(),
        unlock: unlocks_nothing(),
        told,
    });
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
            host_key: trusts(),
            unlock: once(unlock),
            told,
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
        host_key: trusts(),
        unlock,
        told,
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
    let client = Client::start(config, |told| Asking {
        host_key: trusts(),
        unlock: unlocks_nothing(),
        told,
    });
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

// A server that does not wait for the verdict on its host key.

/// How a connection is given up.
#[derive(Clone, Copy)]
enum Leaves {
    InOrder,
    WithReset,
}

fn leave(server: Scripted, how: Leaves) {
    if let Leaves::WithReset = how {
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&server.stream.as_fd(), sockopt::Linger, &linger).unwrap();
    }
    drop(server);
}

/// A client that asks a person about the host key, and whose server has left meanwhile.
fn left_alone(how: Leaves) -> (TcpListener, HostKey, Client, Thinker<HostKeyVerdict>) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let host_key: HostKey = Arc::new([key()]);
    let config = client_config(listener.local_addr().unwrap(), loopback());
    let (person, asked) = when_told();
    let client = Client::start(config, |told| Asking {
        host_key: asked,
        unlock: unlocks_nothing(),
        told,
    });
    let server = Scripted::show_host_key(&listener, &host_key);
    assert_eq!(client.next(), "asked for the host key");
    leave(server, how);
    (listener, host_key, client, person)
}

#[test]
fn a_server_that_hung_up_while_a_person_decided_is_connected_to_again() {
    for how in [Leaves::InOrder, Leaves::WithReset] {
        let (listener, host_key, client, person) = left_alone(how);
        person.answer.send(HostKeyVerdict::Trust).unwrap();
        let mut server = Scripted::accept(&listener, &host_key);
        assert_eq!(server.answer()[0], number::USERAUTH_REQUEST);
        // Without another question.
        assert_eq!(client.next(), "offering test");
        server.send(&Bytes(&[number::USERAUTH_SUCCESS]));
        server.flush();
        assert_eq!(client.next(), "authenticated by publickey");
        assert_eq!(client.stop(), End::Stopped);
    }
}

#[test]
fn another_key_on_the_second_connection_is_refused() {
    let (listener, _, client, person) = left_alone(Leaves::InOrder);
    person.answer.send(HostKeyVerdict::Trust).unwrap();
    Scripted::show_host_key(&listener, &(Arc::new([key()]) as HostKey)).assert_gone();
    assert_eq!(client.next(), "HostKeyChanged");
    assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
}

#[test]
fn a_server_that_hangs_up_again_is_not_connected_to_a_third_time() {
    let (listener, host_key, client, person) = left_alone(Leaves::WithReset);
    person.answer.send(HostKeyVerdict::Trust).unwrap();
    drop(Scripted::show_host_key(&listener, &host_key));
    assert_eq!(client.next(), "Closed");
    assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
}

#[test]
fn a_server_that_hung_up_is_left_alone_when_its_key_is_not_accepted() {
    for how in [Leaves::InOrder, Leaves::WithReset] {
        let (listener, _, client, person) = left_alone(how);
        person.answer.send(HostKeyVerdict::Refuse).unwrap();
        assert_eq!(client.next(), "HostKeyRefused");
        assert_eq!(client.thread.join().unwrap(), End::NotAuthenticated);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
    }
}

#[test]
fn a_fault_while_a_person_decides_is_no_consent() {
    let (_server, address) = server(server_config(), Answers::default());
    let client = Client::start(client_config(address, loopback()), |told| Asking {
        host_key: once(|| panic!("a fault while a person decides")),
        unlock: unlocks_nothing(),
        told,
    });
    assert_eq!(client.next(), "asked for the host key");
    assert_eq!(client.next(), "HostKeyRefused");
}

#[test]
fn a_client_that_waits_for_a_person_can_be_stopped() {
    let (_listener, _, client, _person) = left_alone(Leaves::InOrder);
    assert_eq!(client.stop(), End::Stopped);
}
