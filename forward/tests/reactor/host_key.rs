//! A server that does not wait for the verdict on its host key.

use std::net::TcpListener;
use std::sync::Arc;

use adit_forward::observer::HostKeyVerdict;
use adit_forward::reactor::End;
use adit_proto::number;

use crate::asking::{Asking, Client, Leaves, Thinker, leave, once, when_told};
use crate::scripted::{Bytes, HostKey, Scripted};
use crate::world::{Answers, client_config, key, loopback, server, server_config};

/// A client that asks a person about the host key, and whose server has left meanwhile.
fn left_alone(how: Leaves) -> (TcpListener, HostKey, Client, Thinker<HostKeyVerdict>) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let host_key: HostKey = Arc::new([key()]);
    let config = client_config(listener.local_addr().unwrap(), loopback());
    let (person, asked) = when_told();
    let client = Client::start(config, |told| Asking {
        host_key: asked,
        ..Asking::nothing(told)
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
    // What it has shown may have been enough to offer a key ahead of its service.
    let mut told = client.next();
    if told == "offering test" {
        told = client.next();
    }
    assert_eq!(told, "Closed");
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
fn a_server_that_leaves_after_the_answer_is_not_connected_to_again() {
    for end in [End::NotAuthenticated, End::SessionEnded] {
        let listener = TcpListener::bind(loopback()).unwrap();
        let host_key: HostKey = Arc::new([key()]);
        let config = client_config(listener.local_addr().unwrap(), loopback());
        let client = Client::start(config, |told| Asking {
            host_key: once(|| HostKeyVerdict::Trust),
            ..Asking::nothing(told)
        });
        let mut server = Scripted::accept(&listener, &host_key);
        assert_eq!(client.next(), "asked for the host key");
        assert_eq!(server.answer()[0], number::USERAUTH_REQUEST);
        assert_eq!(client.next(), "offering test");
        if end == End::SessionEnded {
            server.send(&Bytes(&[number::USERAUTH_SUCCESS]));
            server.flush();
            assert_eq!(client.next(), "authenticated by publickey");
        }
        leave(server, Leaves::InOrder);
        assert_eq!(client.next(), "Closed");
        assert_eq!(client.thread.join().unwrap(), end);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
    }
}

#[test]
fn a_fault_while_a_person_decides_is_no_consent() {
    let (_server, address) = server(server_config(), Answers::default());
    let client = Client::start(client_config(address, loopback()), |told| Asking {
        host_key: once(|| panic!("a fault while a person decides")),
        ..Asking::nothing(told)
    });
    assert_eq!(client.next(), "asked for the host key");
    assert_eq!(client.next(), "HostKeyRefused");
}

#[test]
fn a_client_that_waits_for_a_person_can_be_stopped() {
    let (_listener, _, client, _person) = left_alone(Leaves::InOrder);
    assert_eq!(client.stop(), End::Stopped);
}
