//! What a peer says before it goes is heard, even when its socket is gone by then.

use core::time::Duration;
use std::io::Write;
use std::net::TcpListener;

use adit_crypto::encoded;
use adit_proto::msg::{ChannelOpen, DIRECT_TCPIP, DirectTcpip, Disconnect};
use adit_proto::{Rest, number};

use crate::scripted::Scripted;
use crate::world::{Answers, loopback, server, server_config};

#[test]
fn a_disconnect_ahead_of_a_reset_is_heard_while_data_waits_to_be_sent() {
    let (server, address) = server(server_config(), Answers::default());
    let far = TcpListener::bind(loopback()).unwrap();
    let port = far.local_addr().unwrap().port();
    let mut client = Scripted::authenticated(address);
    let data = encoded(&DirectTcpip {
        host_to_connect: b"127.0.0.1",
        port_to_connect: port.into(),
        originator_ip_address: b"127.0.0.1",
        originator_port: 1,
    });
    client.send(&ChannelOpen {
        channel_type: DIRECT_TCPIP,
        sender_channel: 0,
        initial_window_size: u32::MAX,
        maximum_packet_size: 32 << 10,
        data: Rest(&data),
    });
    client.flush();
    let (mut source, _) = far.accept().unwrap();
    assert_eq!(client.answer()[0], number::CHANNEL_OPEN_CONFIRMATION);
    // More than all the buffers on the way hold: the server's socket is full, and stays so.
    source
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    while source.write(&[0; 64 << 10]).is_ok() {}
    client.send(&Disconnect {
        reason_code: 11,
        description: b"enough",
        language_tag: b"",
    });
    client.flush();
    drop(client); // with unread bytes: RST
    assert_eq!(server.gone(), "Disconnected(11)");
    drop(source);
}
