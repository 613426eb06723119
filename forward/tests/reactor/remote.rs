//! What a client has its server listen on: granted or not, connected to from here, and cancelled;
//! and servers that open what was not asked for.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use adit_crypto::encoded;
use adit_forward::reactor::{ClientConfig, End, OnForwardFailure, RemoteForward, RemoteListen, To};
use adit_proto::msg::{
    CANCEL_STREAMLOCAL_FORWARD, CANCEL_TCPIP_FORWARD, ChannelClose, ChannelData, ChannelEof,
    ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, FORWARDED_STREAMLOCAL,
    FORWARDED_TCPIP, ForwardedStreamlocal, ForwardedTcpip, GlobalRequest, RequestFailure,
    RequestSuccess, STREAMLOCAL_FORWARD, StreamlocalForward, TCPIP_FORWARD, TcpipForward,
    TcpipForwardSuccess,
};
use adit_proto::reason::OpenFailure;
use adit_proto::{Decode, Rest, number};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use crate::scripted::{Bytes, HostKey, Scripted};
use crate::world::{
    Answers, Heard, Looped, PATIENCE, client, client_config, key, loopback, server, server_config,
};

fn on_port(address: &str, port: u16, to: SocketAddr) -> RemoteForward {
    RemoteForward {
        listen: RemoteListen::Tcp {
            address: address.to_owned(),
            port,
        },
        to: To::Tcp {
            host: to.ip().to_string(),
            port: to.port(),
        },
    }
}

fn on_path(path: &str, to: SocketAddr) -> RemoteForward {
    RemoteForward {
        listen: RemoteListen::Unix(path.into()),
        ..on_port("", 0, to)
    }
}

/// A client that is logged in to a server under the test's control, which has answered nothing yet.
fn logged_in(forwards: Vec<RemoteForward>, how: OnForwardFailure) -> (Looped, Scripted) {
    let listener = TcpListener::bind(loopback()).unwrap();
    let host_key: HostKey = Arc::new([key()]);
    let config = ClientConfig {
        forwards: Vec::new(),
        remote_forwards: forwards,
        on_forward_failure: how,
        ..client_config(listener.local_addr().unwrap(), loopback())
    };
    let client = client(config, Answers::default());
    let mut server = Scripted::accept(&listener, &host_key);
    assert_eq!(server.answer()[0], number::USERAUTH_REQUEST);
    server.send(&Bytes(&[number::USERAUTH_SUCCESS]));
    server.flush();
    server.transport.authenticated(core::time::Duration::ZERO);
    (client, server)
}

fn port(address: &[u8], port: u16) -> Vec<u8> {
    encoded(&TcpipForward {
        address_to_bind: address,
        port_number_to_bind: port.into(),
    })
}

fn path(path: &[u8]) -> Vec<u8> {
    encoded(&StreamlocalForward { socket_path: path })
}

fn assert_asked(server: &mut Scripted, request_name: &[u8], want_reply: bool, data: &[u8]) {
    let message = server.answer();
    let request = GlobalRequest {
        request_name,
        want_reply,
        data: Rest(data),
    };
    assert_eq!(GlobalRequest::decode(&message).unwrap(), request);
}

fn grant(server: &mut Scripted) {
    server.send(&RequestSuccess { data: Rest(b"") });
    server.flush();
}

fn forwarded(address: &[u8], port: u32) -> Vec<u8> {
    encoded(&ForwardedTcpip {
        connected_address: address,
        connected_port: port,
        originator_ip_address: b"192.0.2.1",
        originator_port: 5,
    })
}

fn open(server: &mut Scripted, channel_type: &[u8], data: &[u8]) -> Vec<u8> {
    server.send(&ChannelOpen {
        channel_type,
        sender_channel: 7,
        initial_window_size: 1 << 20,
        maximum_packet_size: 32 << 10,
        data: Rest(data),
    });
    server.flush();
    server.answer()
}

fn refusal(answer: &[u8]) -> (u32, String) {
    let failure = ChannelOpenFailure::decode(answer).unwrap();
    let text = String::from_utf8_lossy(failure.description).into_owned();
    (failure.reason_code, text)
}

fn remote(client: &Looped) -> Heard {
    client.wait(|heard| match heard {
        Heard::RemoteListening(_) | Heard::RemoteListenFailed | Heard::RemoteUnknown => {
            Some(heard.clone())
        }
        _ => None,
    })
}

#[test]
fn what_the_server_hands_on_is_connected_to_from_here() {
    let far = TcpListener::bind(loopback()).unwrap();
    let forwards = vec![on_port("localhost", 0, far.local_addr().unwrap())];
    let (client, mut server) = logged_in(forwards, OnForwardFailure::End);
    assert_asked(&mut server, TCPIP_FORWARD, true, &port(b"localhost", 0));
    server.send(&TcpipForwardSuccess {
        port_that_was_bound: 40_000,
    });
    server.flush();
    assert_eq!(remote(&client), Heard::RemoteListening(Some(40_000)));
    // By what was asked for, and by what another server says instead.
    for address in [&b"localhost"[..], b"127.0.0.1"] {
        let data = forwarded(address, 40_000);
        let answer = open(&mut server, FORWARDED_TCPIP, &data);
        let confirmed = ChannelOpenConfirmation::decode(&answer).unwrap();
        let recipient_channel = confirmed.sender_channel;
        let mut stream = far.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let data = b"there";
        server.send(&ChannelData {
            recipient_channel,
            data,
        });
        server.send(&ChannelEof { recipient_channel });
        server.flush();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(got, data);
        // Half-closed: the other way is open still.
        stream.write_all(b"back").unwrap();
        let message = server.answer();
        assert_eq!(ChannelData::decode(&message).unwrap().data, b"back");
        drop(stream);
        assert_eq!(server.answer()[0], number::CHANNEL_EOF);
        assert_eq!(server.answer()[0], number::CHANNEL_CLOSE);
        server.send(&ChannelClose { recipient_channel });
        server.flush();
        assert_eq!(client.channel_closed(), (4, 5, "Finished".to_owned()));
    }
}

#[test]
fn a_server_that_opens_what_was_not_asked_for_is_refused() {
    let far = TcpListener::bind(loopback()).unwrap();
    let to = far.local_addr().unwrap();
    let forwards = vec![
        on_port("localhost", 80, to),
        on_port("10.0.0.1", 81, to),
        on_port("10.0.0.2", 81, to),
        on_port("localhost", 82, to),
        on_path("/a", to),
    ];
    let (client, mut server) = logged_in(forwards, OnForwardFailure::GoOn);
    for data in [
        port(b"localhost", 80),
        port(b"10.0.0.1", 81),
        port(b"10.0.0.2", 81),
        port(b"localhost", 82),
    ] {
        assert_asked(&mut server, TCPIP_FORWARD, true, &data);
    }
    assert_asked(&mut server, STREAMLOCAL_FORWARD, true, &path(b"/a"));
    let not_asked = |answer: Vec<u8>| {
        let code = OpenFailure::AdministrativelyProhibited.code();
        let text = "this was not asked to be forwarded".to_owned();
        assert_eq!(refusal(&answer), (code, text));
    };
    // Asked for, and not granted yet.
    let data = forwarded(b"localhost", 80);
    not_asked(open(&mut server, FORWARDED_TCPIP, &data));
    assert_eq!(remote(&client), Heard::RemoteUnknown);
    for _ in 0..3 {
        grant(&mut server);
        assert_eq!(remote(&client), Heard::RemoteListening(None));
    }
    server.send(&RequestFailure {});
    grant(&mut server);
    assert_eq!(remote(&client), Heard::RemoteListenFailed);
    assert_eq!(remote(&client), Heard::RemoteListening(None));
    for (address, port) in [
        (&b"localhost"[..], 22),
        (b"localhost", 82),
        (b"10.0.0.3", 81),
        (b"", 81),
    ] {
        let data = forwarded(address, port);
        not_asked(open(&mut server, FORWARDED_TCPIP, &data));
        assert_eq!(remote(&client), Heard::RemoteUnknown);
    }
    let streamlocal = |socket_path| {
        encoded(&ForwardedStreamlocal {
            socket_path,
            reserved: b"",
        })
    };
    let data = streamlocal(b"/b");
    not_asked(open(&mut server, FORWARDED_STREAMLOCAL, &data));
    assert_eq!(remote(&client), Heard::RemoteUnknown);
    // What nobody can have asked for is not even heard of.
    for (channel_type, data) in [
        (FORWARDED_STREAMLOCAL, streamlocal(b"/a\0")),
        (FORWARDED_STREAMLOCAL, streamlocal(&[b'a'; 108])),
        (FORWARDED_TCPIP, forwarded(b"localhost", 0)),
        (FORWARDED_TCPIP, forwarded(b"localhost", 65_536 + 80)),
        (FORWARDED_TCPIP, forwarded(b"local\0host", 80)),
        (&b"session"[..], Vec::new()),
        (b"x11", Vec::new()),
        (b"auth-agent@openssh.com", Vec::new()),
    ] {
        refusal(&open(&mut server, channel_type, &data));
    }
    // And what was asked for is had all the same.
    let answer = open(&mut server, FORWARDED_STREAMLOCAL, &streamlocal(b"/a"));
    assert_eq!(answer[0], number::CHANNEL_OPEN_CONFIRMATION);
    far.accept().unwrap();
}

#[test]
fn a_refusal_ends_the_client_only_where_it_is_to() {
    for (how, end) in [
        (OnForwardFailure::GoOn, End::Stopped),
        (OnForwardFailure::End, End::ForwardFailed),
    ] {
        let forwards = vec![on_port("", 80, loopback())];
        let (client, mut server) = logged_in(forwards, how);
        assert_asked(&mut server, TCPIP_FORWARD, true, &port(b"", 80));
        server.send(&RequestFailure {});
        server.flush();
        assert_eq!(remote(&client), Heard::RemoteListenFailed);
        if how == OnForwardFailure::GoOn {
            client.handle.stop();
        }
        assert_eq!(client.end(), end);
    }
}

#[test]
fn where_nobody_is_the_server_hears_why() {
    // Bound and closed: nobody listens there.
    let dead = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let forwards = vec![on_port("", 80, dead)];
    let (client, mut server) = logged_in(forwards, OnForwardFailure::End);
    server.answer();
    grant(&mut server);
    let answer = open(&mut server, FORWARDED_TCPIP, &forwarded(b"", 80));
    let code = OpenFailure::ConnectFailed.code();
    assert_eq!(refusal(&answer), (code, "Connection refused".to_owned()));
    client.wait(|heard| (*heard == Heard::OpenFailed).then_some(()));
}

#[test]
fn what_is_listened_on_is_cancelled_before_the_client_goes() {
    let to = loopback();
    let forwards = vec![
        on_port("localhost", 0, to),
        on_port("", 81, to),
        on_path("/a", to),
    ];
    let (client, mut server) = logged_in(forwards, OnForwardFailure::GoOn);
    for _ in 0..3 {
        server.answer();
    }
    server.send(&TcpipForwardSuccess {
        port_that_was_bound: 40_000,
    });
    server.send(&RequestFailure {});
    grant(&mut server);
    for _ in 0..3 {
        remote(&client);
    }
    client.handle.stop();
    // The port that was granted, and nothing of what was refused.
    let data = port(b"localhost", 40_000);
    assert_asked(&mut server, CANCEL_TCPIP_FORWARD, false, &data);
    assert_asked(&mut server, CANCEL_STREAMLOCAL_FORWARD, false, &path(b"/a"));
    assert_eq!(client.end(), End::Stopped);
}

#[test]
fn a_reset_on_either_side_of_a_remote_forward_is_one_on_the_other() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_server, address) = server(server_config(), Answers::default());
    let config = ClientConfig {
        forwards: Vec::new(),
        remote_forwards: vec![on_port("localhost", 0, far.local_addr().unwrap())],
        ..client_config(address, loopback())
    };
    let client = client(config, Answers::default());
    let Heard::RemoteListening(Some(port)) = remote(&client) else {
        panic!("not granted");
    };
    let connect = || {
        let near = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let far = far.accept().unwrap().0;
        for stream in [&near, &far] {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        (near, far)
    };
    let reset = |stream: TcpStream| {
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &linger).unwrap();
    };
    let is_reset = |mut stream: TcpStream| {
        let read = stream.read(&mut [0]);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    };
    let (near, far_end) = connect();
    reset(near);
    is_reset(far_end);
    let (near, far_end) = connect();
    reset(far_end);
    is_reset(near);
    // A half-close is none, and its other half comes through behind it.
    let (mut near, mut far_end) = connect();
    near.write_all(b"question").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    far_end.read_to_string(&mut got).unwrap();
    far_end.write_all(b"answer").unwrap();
    drop(far_end);
    near.read_to_string(&mut got).unwrap();
    assert_eq!(got, "questionanswer");
}
