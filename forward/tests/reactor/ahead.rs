//! What a client sends ahead of the server's answers (RFC 4253 §4.2 and RFC 4252 §5.1 let it).

use std::io::Read;
use std::net::TcpListener;

use adit_proto::msg::GlobalRequest;
use adit_proto::{Rest, number};

use crate::scripted::{Bytes, Scripted, user_request};
use crate::world::{Answers, client, client_config, loopback, server, server_config};

#[test]
fn the_identification_and_kexinit_of_a_client_come_in_one_piece() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let config = client_config(listener.local_addr().unwrap(), loopback());
    let _client = client(config, Answers::default());
    let mut stream = listener.accept().unwrap().0;
    let mut piece = [0; 8192];
    let n = stream.read(&mut piece).unwrap();
    let line = piece[..n].windows(2).position(|end| end == b"\r\n");
    let packet = &piece[line.unwrap() + 2..n];
    let (length, rest) = packet.split_first_chunk().unwrap();
    assert_eq!(u32::from_be_bytes(*length) as usize, rest.len());
    assert_eq!(rest[1], number::KEXINIT);
}

#[test]
fn requests_that_come_in_one_piece_are_all_answered() {
    let (_server, address) = server(server_config(), Answers::default());
    let mut client = Scripted::connect(address);
    for _ in 0..3 {
        client.send(&user_request(b"none", b""));
    }
    client.flush();
    for _ in 0..3 {
        assert_eq!(client.answer()[0], number::USERAUTH_FAILURE);
    }
}

#[test]
fn requests_behind_the_one_that_succeeds_are_ignored() {
    for later in [false, true] {
        let answers = Answers {
            later,
            ..Answers::default()
        };
        let (_server, address) = server(server_config(), answers);
        let mut client = Scripted::connect(address);
        let request = client.signed_request();
        client.send(&user_request(b"none", b""));
        for _ in 0..10 {
            client.send(&Bytes(&request));
        }
        client.flush();
        assert_eq!(client.answer()[0], number::USERAUTH_FAILURE);
        assert_eq!(client.answer()[0], number::USERAUTH_SUCCESS);
        client.transport.authenticated(core::time::Duration::ZERO);
        client.send(&keepalive());
        client.flush();
        assert_eq!(client.answer()[0], number::REQUEST_FAILURE);
    }
}

#[test]
fn more_requests_than_replies_can_be_owed_are_all_answered() {
    let (_server, address) = server(server_config(), Answers::default());
    let mut client = Scripted::authenticated(address);
    // A fill of the receive buffer holds them all.
    let n = 5000;
    for _ in 0..n {
        client.send(&keepalive());
    }
    client.flush();
    for _ in 0..n {
        assert_eq!(client.answer()[0], number::REQUEST_FAILURE);
    }
}

fn keepalive() -> GlobalRequest<'static> {
    GlobalRequest {
        request_name: b"k",
        want_reply: true,
        data: Rest(&[]),
    }
}
