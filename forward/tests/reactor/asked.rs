//! What a server may make of a client that asked it to listen: connections to what it asked for,
//! and nothing else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use adit_connection::OpenKind;
use adit_forward::reactor::{OnForwardFailure, RemoteForward, RemoteListen, To};
use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpenConfirmation, ChannelOpenFailure,
    GlobalRequest,
};
use adit_proto::{Decode, number};
use adit_testkit::kinds::open;
use adit_testkit::scripted::channels::Sizes;

use crate::scripted::{Bytes, HostKey, Scripted};
use crate::world::{Answers, Looped, PATIENCE, client, client_config, key, loopback};

/// Where the server says that it listens.
const PORT: u16 = 40_000;

/// A client that asked its server to listen for each of these, and the server, which has answered
/// nothing yet.
fn asked(remotes: Vec<RemoteForward>) -> (Looped, Scripted) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let mut config = client_config(listener.local_addr().unwrap(), loopback());
    let count = remotes.len();
    config.remote_forwards = remotes;
    config.on_forward_failure = OnForwardFailure::GoOn;
    let client = client(config, Answers::default());
    let host_key: HostKey = Arc::new([key()]);
    let mut server = Scripted::accept(&listener, &host_key);
    assert_eq!(server.answer()[0], number::USERAUTH_REQUEST);
    say(&mut server, &[number::USERAUTH_SUCCESS]);
    server.transport.authenticated(Duration::ZERO);
    for _ in 0..count {
        let message = server.answer();
        assert!(GlobalRequest::decode(&message).unwrap().want_reply);
    }
    (client, server)
}

/// One that listens on a port of the server's choice, and goes there.
fn remote(to: SocketAddr) -> RemoteForward {
    RemoteForward {
        listen: RemoteListen::Tcp {
            address: "localhost".to_owned(),
            port: 0,
        },
        to: To::Tcp {
            host: to.ip().to_string(),
            port: to.port(),
        },
    }
}

fn say(server: &mut Scripted, message: &[u8]) {
    server.send(&Bytes(message));
    server.flush();
}

fn grant(server: &mut Scripted, port: u16) {
    let port = u32::from(port).to_be_bytes();
    say(server, &[&[number::REQUEST_SUCCESS], &port[..]].concat());
}

/// A connection that came to the server.
fn handed_on(own: u32, port: u16) -> Vec<u8> {
    let kind = OpenKind::ForwardedTcpip {
        address: b"localhost",
        port,
        originator: b"192.0.2.1",
        originator_port: 4000,
    };
    open(kind, own, Sizes::USUAL)
}

/// Why a channel was refused.
fn refusal(server: &mut Scripted) -> (u32, String) {
    let message = server.answer();
    let failure = ChannelOpenFailure::decode(&message).unwrap();
    let why = String::from_utf8(failure.description.to_vec()).unwrap();
    (failure.reason_code, why)
}

/// The next message but for ends of channels that were there before.
fn behind_ends(server: &mut Scripted) -> Vec<u8> {
    loop {
        let message = server.answer();
        if ![number::CHANNEL_EOF, number::CHANNEL_CLOSE].contains(&message[0]) {
            return message;
        }
    }
}

/// Bytes go both ways between a channel of the server's and what is at its end here.
fn still_works(server: &mut Scripted, own: u32, port: u16, far: &TcpListener) {
    say(server, &handed_on(own, port));
    let mut stream = far.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let message = behind_ends(server);
    let confirmed = ChannelOpenConfirmation::decode(&message).unwrap();
    assert_eq!(confirmed.recipient_channel, own);
    server.send(&ChannelData {
        recipient_channel: confirmed.sender_channel,
        data: b"ping",
    });
    server.flush();
    stream.read_exact(&mut [0; 4]).unwrap();
    stream.write_all(b"pong").unwrap();
    let message = behind_ends(server);
    assert_eq!(ChannelData::decode(&message).unwrap().data, b"pong");
}

#[test]
fn a_server_that_answers_what_it_was_not_asked_is_left_with_a_reason() {
    let far = TcpListener::bind(loopback()).unwrap();
    for unasked in [number::REQUEST_SUCCESS, number::REQUEST_FAILURE] {
        let (client, mut server) = asked(vec![remote(far.local_addr().unwrap())]);
        grant(&mut server, PORT);
        still_works(&mut server, 7, PORT, &far);
        say(&mut server, &[unasked]);
        let why = "Error(answer to a request that was not made)";
        assert_eq!(client.gone(), why);
        server.assert_gone();
    }
}

#[test]
fn a_port_that_is_granted_twice_is_the_first_ones() {
    let far = TcpListener::bind(loopback()).unwrap();
    let other = TcpListener::bind(loopback()).unwrap();
    let both = [&far, &other].map(|there| remote(there.local_addr().unwrap()));
    let (_client, mut server) = asked(both.to_vec());
    grant(&mut server, PORT);
    grant(&mut server, PORT);
    for own in 0..3 {
        still_works(&mut server, own, PORT, &far);
    }
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "nobody was led elsewhere");
}

#[test]
fn connections_to_what_nobody_asked_for_are_refused_by_the_thousand() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_client, mut server) = asked(vec![remote(far.local_addr().unwrap())]);
    grant(&mut server, PORT);
    for own in 0..3000 {
        server.send(&Bytes(&handed_on(own, PORT + 1)));
        if own % 100 == 99 {
            server.flush();
            for _ in 0..100 {
                let expected = (1, "this was not asked to be forwarded".to_owned());
                assert_eq!(refusal(&mut server), expected);
            }
        }
    }
    let path = OpenKind::ForwardedStreamlocal { path: b"/run/near" };
    say(&mut server, &open(path, 7, Sizes::USUAL));
    assert_eq!(refusal(&mut server).0, 1);
    let path = OpenKind::ForwardedStreamlocal {
        path: b"/run\0near",
    };
    say(&mut server, &open(path, 7, Sizes::USUAL));
    assert_eq!(
        refusal(&mut server),
        (2, "not a path of a socket".to_owned())
    );
    still_works(&mut server, 7, PORT, &far);
    far.set_nonblocking(true).unwrap();
    assert!(far.accept().is_err(), "nobody else came");
}

#[test]
fn a_connection_that_ends_before_it_has_said_where_to_is_let_go_at_once() {
    let to = To::Dynamic;
    let (_client, mut server) = asked(vec![RemoteForward {
        to,
        ..remote(loopback())
    }]);
    grant(&mut server, PORT);
    for said in [&b""[..], &[5], &[4, 1, 0]] {
        say(&mut server, &handed_on(7, PORT));
        let message = server.answer();
        let confirmed = ChannelOpenConfirmation::decode(&message).unwrap();
        let recipient_channel = confirmed.sender_channel;
        if !said.is_empty() {
            server.send(&ChannelData {
                recipient_channel,
                data: said,
            });
        }
        server.send(&ChannelEof { recipient_channel });
        server.flush();
        assert_eq!(server.answer()[0], number::CHANNEL_EOF);
        assert_eq!(server.answer()[0], number::CHANNEL_CLOSE);
        server.send(&ChannelClose { recipient_channel });
        server.flush();
    }
}

#[test]
fn connections_by_the_thousand_to_where_nobody_listens_are_each_refused() {
    // Bound and closed: nobody listens there.
    let dead = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let far = TcpListener::bind(loopback()).unwrap();
    let (_client, mut server) = asked(vec![remote(dead), remote(far.local_addr().unwrap())]);
    grant(&mut server, PORT);
    grant(&mut server, PORT + 1);
    for own in 0..3000 {
        server.send(&Bytes(&handed_on(own, PORT)));
        if own % 100 == 99 {
            server.flush();
            for _ in 0..100 {
                // Connection refused, or as many as may be on their way at once.
                assert!([2, 4].contains(&refusal(&mut server).0));
            }
        }
    }
    still_works(&mut server, 7, PORT + 1, &far);
}
