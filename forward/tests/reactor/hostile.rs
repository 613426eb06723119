//! Peers that keep to the letter and mean harm: nothing grows, nothing spins, others go on.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use adit_crypto::encoded;
use adit_forward::reactor::KeepAlive;
use adit_proto::msg::{
    ChannelData, ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, ChannelWindowAdjust,
    DIRECT_TCPIP, Debug, DirectTcpip, GlobalRequest, Ignore,
};
use adit_proto::{Decode, Rest, number};

use crate::scripted::Scripted;
use crate::world::{Answers, PATIENCE, loopback, server, server_config};

/// Asks for a channel to `far`.
fn ask(client: &mut Scripted, far: SocketAddr, n: u32, window: u32) {
    let data = encoded(&DirectTcpip {
        host_to_connect: b"127.0.0.1",
        port_to_connect: far.port().into(),
        originator_ip_address: b"127.0.0.1",
        originator_port: 1,
    });
    client.send(&ChannelOpen {
        channel_type: DIRECT_TCPIP,
        sender_channel: n,
        initial_window_size: window,
        maximum_packet_size: 32 << 10,
        data: Rest(&data),
    });
}

/// A channel of ours to `far`, the server's number for it, and its other end.
fn open(client: &mut Scripted, far: &TcpListener, n: u32, window: u32) -> (u32, TcpStream) {
    ask(client, far.local_addr().unwrap(), n, window);
    client.flush();
    let (stream, _) = far.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let answer = client.answer();
    let confirmed = ChannelOpenConfirmation::decode(&answer).unwrap();
    (confirmed.sender_channel, stream)
}

fn data(recipient_channel: u32, data: &[u8]) -> ChannelData<'_> {
    ChannelData {
        recipient_channel,
        data,
    }
}

#[test]
fn floods_that_ask_for_nothing_delay_only() {
    let (_server, address) = server(server_config(), Answers::default());
    let far = TcpListener::bind(loopback()).unwrap();
    let mut client = Scripted::authenticated(address);
    let (channel, mut stream) = open(&mut client, &far, 7, 0);
    stream.write_all(&[b'x'; 3000]).unwrap();
    for _ in 0..3000 {
        client.send(&Ignore { data: b"" });
        client.send(&Debug {
            always_display: true,
            message: b"\x1b[2J",
            language_tag: b"",
        });
        client.send(&data(channel, b""));
        client.send(&ChannelWindowAdjust {
            recipient_channel: channel,
            bytes_to_add: 1,
        });
        client.flush();
    }
    client.send(&data(channel, b"end"));
    client.flush();
    stream.read_exact(&mut [0; 3]).unwrap();
    let mut got = 0;
    while got < 3000 {
        let payload = client.answer();
        assert_eq!(payload[0], number::CHANNEL_DATA);
        got += ChannelData::decode(&payload).unwrap().data.len();
    }
}

#[test]
fn a_key_exchange_that_never_ends_holds_its_own_session_alone() {
    let (_server, address) = server(server_config(), Answers::default());
    let far = TcpListener::bind(loopback()).unwrap();
    let mut held = Scripted::authenticated(address);
    let mut streams = Vec::new();
    for n in 0..100 {
        streams.push(open(&mut held, &far, n, 1 << 20).1);
    }
    held.transport.start_rekey(Duration::ZERO).unwrap();
    held.flush();
    // Nobody reads these any more: each end finds its buffers full, and waits.
    for stream in &mut streams {
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[0; 64 << 10]).is_ok() {}
    }
    let mut other = Scripted::authenticated(address);
    let (channel, mut stream) = open(&mut other, &far, 7, 1 << 20);
    for _ in 0..100 {
        other.send(&data(channel, b"ping"));
        other.flush();
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(b"pong").unwrap();
        assert_eq!(other.answer()[0], number::CHANNEL_DATA);
    }
}

#[test]
fn a_thousand_opens_on_their_way_while_keys_change_are_all_answered() {
    let mut config = server_config();
    config.ssh.rekey.bytes = Some(10_000);
    let (_server, address) = server(config, Answers::default());
    // Bound and closed: nobody listens there.
    let dead = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let mut client = Scripted::authenticated(address);
    for n in 0..1000 {
        ask(&mut client, dead, n, 1 << 20);
    }
    client.flush();
    let mut answered: Vec<u32> = (0..1000)
        .map(|_| {
            let answer = client.answer();
            ChannelOpenFailure::decode(&answer)
                .unwrap()
                .recipient_channel
        })
        .collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..1000));
}

#[test]
fn a_peer_that_spoke_while_the_loop_was_held_up_is_not_given_up() {
    let interval = Duration::from_secs(1);
    let mut config = server_config();
    config.alive = Some(KeepAlive { interval, count: 2 });
    let answers = Answers {
        slow: interval,
        ..Answers::default()
    };
    let (server, address) = server(config, answers);
    let mut client = Scripted::authenticated(address);
    let mut other = Scripted::authenticated(address);
    thread::sleep(interval * 13 / 10);
    // The client has been asked once, and has not answered. Now the loop does not look.
    ask(&mut other, SocketAddr::from(([127, 0, 0, 1], 2)), 7, 0);
    other.flush();
    thread::sleep(interval / 5);
    let question = GlobalRequest {
        request_name: b"k",
        want_reply: true,
        data: Rest(b""),
    };
    client.send(&question);
    client.flush();
    assert_eq!(client.answer()[0], number::REQUEST_FAILURE);
    drop(server);
}
