//! What a server listens on for a client: asked for, connected to, cancelled, and gone with its
//! session.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use adit_crypto::encoded;
use adit_forward::policy::Policy;
use adit_forward::reactor::ServerConfig;
use adit_proto::msg::{
    CANCEL_STREAMLOCAL_FORWARD, CANCEL_TCPIP_FORWARD, ChannelClose, ChannelData, ChannelEof,
    ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, DIRECT_STREAMLOCAL,
    DirectStreamlocal, Disconnect, FORWARDED_STREAMLOCAL, FORWARDED_TCPIP, ForwardedStreamlocal,
    ForwardedTcpip, GlobalRequest, STREAMLOCAL_FORWARD, StreamlocalForward, TCPIP_FORWARD,
    TcpipForward, TcpipForwardSuccess,
};
use adit_proto::{Decode, Rest, number};

use crate::scripted::Scripted;
use crate::world::{Answers, Heard, Looped, PATIENCE, loopback, server, server_config};

/// As many as one session may have, at, below and above.
const LISTENERS_MAX: usize = 128;

fn request(client: &mut Scripted, request_name: &[u8], data: &[u8]) {
    client.send(&GlobalRequest {
        request_name,
        want_reply: true,
        data: Rest(data),
    });
    client.flush();
}

fn port(address: &[u8], port: u16) -> Vec<u8> {
    encoded(&TcpipForward {
        address_to_bind: address,
        port_number_to_bind: port.into(),
    })
}

fn path(path: &Path) -> Vec<u8> {
    encoded(&StreamlocalForward {
        socket_path: path.as_os_str().as_encoded_bytes(),
    })
}

/// Has the server listen on a port of its choice.
fn listen(client: &mut Scripted, address: &[u8]) -> u16 {
    request(client, TCPIP_FORWARD, &port(address, 0));
    let answer = client.answer();
    let granted = TcpipForwardSuccess::decode(&answer).unwrap();
    u16::try_from(granted.port_that_was_bound).unwrap()
}

fn is_granted(client: &mut Scripted, name: &[u8], data: &[u8]) -> bool {
    request(client, name, data);
    match client.answer()[..] {
        [number::REQUEST_SUCCESS] => true,
        [number::REQUEST_FAILURE] => false,
        ref other => panic!("{other:?}"),
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The channel that the server opens next: its number for it, and what it says of it.
fn offered(client: &mut Scripted, channel_type: &[u8]) -> (u32, Vec<u8>) {
    let message = client.answer();
    let open = ChannelOpen::decode(&message).unwrap();
    assert_eq!(open.channel_type, channel_type);
    (open.sender_channel, open.data.0.to_vec())
}

fn confirm(client: &mut Scripted, recipient_channel: u32, sender_channel: u32) {
    client.send(&ChannelOpenConfirmation {
        recipient_channel,
        sender_channel,
        initial_window_size: 1 << 20,
        maximum_packet_size: 32 << 10,
        data: Rest(b""),
    });
    client.flush();
}

fn say(client: &mut Scripted, recipient_channel: u32, data: &[u8]) {
    client.send(&ChannelData {
        recipient_channel,
        data,
    });
    client.flush();
}

fn heard(client: &mut Scripted) -> Vec<u8> {
    let message = client.answer();
    ChannelData::decode(&message).unwrap().data.to_vec()
}

fn is_reset(mut stream: impl Read) -> bool {
    let mut byte = [0];
    matches!(stream.read(&mut byte), Err(e) if e.kind() == ErrorKind::ConnectionReset)
}

fn world() -> (Looped, SocketAddr) {
    server(server_config(), Answers::default())
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("adit-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_connection_to_what_a_client_asked_for_comes_out_there_with_its_own_words() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    for asked in [&b"localhost"[..], b"", b"127.0.0.1"] {
        let bound = listen(&mut client, asked);
        let mut stream = connect(bound);
        let (channel, data) = offered(&mut client, FORWARDED_TCPIP);
        let data = ForwardedTcpip::decode(&data).unwrap();
        assert_eq!(data.connected_address, asked);
        assert_eq!(data.connected_port, u32::from(bound));
        assert_eq!(data.originator_ip_address, b"127.0.0.1");
        let local = stream.local_addr().unwrap();
        assert_eq!(data.originator_port, u32::from(local.port()));
        confirm(&mut client, channel, 7);
        stream.write_all(b"ping").unwrap();
        assert_eq!(heard(&mut client), b"ping");
        say(&mut client, channel, b"pong");
        let mut pong = [0; 4];
        stream.read_exact(&mut pong).unwrap();
        assert_eq!(&pong, b"pong");
        // Half-close both ways.
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(ChannelEof::decode(&client.answer()).is_ok());
        say(&mut client, channel, b"late");
        client.send(&ChannelEof {
            recipient_channel: channel,
        });
        client.flush();
        let mut late = Vec::new();
        stream.read_to_end(&mut late).unwrap();
        assert_eq!(late, b"late");
        assert!(ChannelClose::decode(&client.answer()).is_ok());
        client.send(&ChannelClose {
            recipient_channel: channel,
        });
    }
}

#[test]
fn a_port_that_is_named_is_granted_without_a_word_and_once() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let free = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let named = port(b"localhost", free.port());
    assert!(is_granted(&mut client, TCPIP_FORWARD, &named));
    assert!(!is_granted(&mut client, TCPIP_FORWARD, &named));
    // Nor for anybody else.
    let mut other = Scripted::authenticated(address);
    assert!(!is_granted(&mut other, TCPIP_FORWARD, &named));
    assert!(is_granted(&mut client, CANCEL_TCPIP_FORWARD, &named));
    assert!(is_granted(&mut other, TCPIP_FORWARD, &named));
}

#[test]
fn a_cancel_is_for_the_same_words_and_the_port_that_is_bound() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let bound = listen(&mut client, b"localhost");
    let mut other = Scripted::authenticated(address);
    for (address, port_number) in [
        (&b"localhost"[..], 0),
        (b"", bound),
        (b"127.0.0.1", bound),
        (b"localhost", bound ^ 1),
    ] {
        let data = port(address, port_number);
        assert!(!is_granted(&mut client, CANCEL_TCPIP_FORWARD, &data));
    }
    let data = port(b"localhost", bound);
    assert!(!is_granted(&mut other, CANCEL_TCPIP_FORWARD, &data));
    assert!(is_granted(&mut client, CANCEL_TCPIP_FORWARD, &data));
    assert!(TcpStream::connect(("127.0.0.1", bound)).is_err());
    assert!(!is_granted(&mut client, CANCEL_TCPIP_FORWARD, &data));
}

#[test]
fn what_is_cancelled_while_connections_are_opened_lets_them_be() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let bound = listen(&mut client, b"localhost");
    let mut streams: Vec<_> = (0..3).map(|_| connect(bound)).collect();
    let channels: Vec<_> = (0..3)
        .map(|_| offered(&mut client, FORWARDED_TCPIP).0)
        .collect();
    let data = port(b"localhost", bound);
    assert!(is_granted(&mut client, CANCEL_TCPIP_FORWARD, &data));
    confirm(&mut client, channels[0], 7);
    streams[0].write_all(b"ping").unwrap();
    assert_eq!(heard(&mut client), b"ping");
    client.send(&ChannelOpenFailure {
        recipient_channel: channels[1],
        reason_code: 1,
        description: b"no",
        language_tag: b"",
    });
    client.flush();
    assert!(is_reset(&streams[1]));
    // The third one's answer never comes; its session's end does.
    drop(client);
    assert!(is_reset(&streams[2]) && is_reset(&streams[0]));
}

#[test]
fn who_breaks_off_closes_the_channel_and_no_more() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let bound = listen(&mut client, b"localhost");
    let stream = connect(bound);
    let (channel, _) = offered(&mut client, FORWARDED_TCPIP);
    confirm(&mut client, channel, 7);
    say(&mut client, channel, b"x");
    stream.peek(&mut [0]).unwrap();
    drop(stream); // With a byte unread: RST.
    assert!(ChannelClose::decode(&client.answer()).is_ok());
    let mut again = connect(bound);
    let (channel, _) = offered(&mut client, FORWARDED_TCPIP);
    confirm(&mut client, channel, 8);
    again.write_all(b"ping").unwrap();
    assert_eq!(heard(&mut client), b"ping");
}

#[test]
fn listeners_are_their_sessions_own_and_gone_with_it() {
    let (server, address) = world();
    for ending in 0..3 {
        let mut client = Scripted::authenticated(address);
        let ports = [b"localhost", b"127.0.0.1"].map(|at| listen(&mut client, at));
        let waiting = connect(ports[0]);
        offered(&mut client, FORWARDED_TCPIP);
        match ending {
            0 => drop(client),
            1 => {
                client.send(&Disconnect {
                    reason_code: 11,
                    description: b"",
                    language_tag: b"",
                });
                client.flush();
            }
            // An answer to nothing.
            _ => {
                client.send(&adit_proto::msg::RequestFailure {});
                client.flush();
            }
        }
        server.gone();
        assert!(is_reset(waiting));
        for port in ports {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        }
    }
}

#[test]
fn a_session_has_so_many_listeners_and_another_has_its_own() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let ports: Vec<_> = (0..LISTENERS_MAX)
        .map(|_| listen(&mut client, b"127.0.0.1"))
        .collect();
    let one_more = port(b"127.0.0.1", 0);
    assert!(!is_granted(&mut client, TCPIP_FORWARD, &one_more));
    let mut other = Scripted::authenticated(address);
    listen(&mut other, b"127.0.0.1");
    // One less, and there is room for one.
    let data = port(b"127.0.0.1", ports[5]);
    assert!(is_granted(&mut client, CANCEL_TCPIP_FORWARD, &data));
    let last = listen(&mut client, b"127.0.0.1");
    assert!(!is_granted(&mut client, TCPIP_FORWARD, &one_more));
    let _stream = connect(last);
    offered(&mut client, FORWARDED_TCPIP);
}

#[test]
fn what_the_policy_does_not_allow_is_refused_and_told() {
    let answers = Answers {
        policy: Policy::default(),
        ..Answers::default()
    };
    let (server, address) = server(server_config(), answers);
    let mut client = Scripted::authenticated(address);
    let data = port(b"localhost", 0);
    assert!(!is_granted(&mut client, TCPIP_FORWARD, &data));
    server.wait(|heard| (*heard == Heard::ListenDenied).then_some(()));
    let data = path(Path::new("/nowhere/s"));
    assert!(!is_granted(&mut client, STREAMLOCAL_FORWARD, &data));
    server.wait(|heard| (*heard == Heard::ListenDenied).then_some(()));
}

#[test]
fn many_requests_at_once_are_answered_in_their_order() {
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    for n in 0..50 {
        let data = port(b"localhost", 0);
        let cancel = port(b"nothing", 1);
        for (name, data) in [(TCPIP_FORWARD, &data), (CANCEL_TCPIP_FORWARD, &cancel)] {
            client.send(&GlobalRequest {
                request_name: name,
                want_reply: n % 5 != 0 || name != TCPIP_FORWARD,
                data: Rest(data),
            });
        }
    }
    client.flush();
    for n in 0..50 {
        if n % 5 != 0 {
            assert!(TcpipForwardSuccess::decode(&client.answer()).is_ok());
        }
        assert_eq!(client.answer(), [number::REQUEST_FAILURE]);
    }
}

#[test]
fn a_path_is_listened_on_and_removed_again() {
    let folder = Folder::new("remotes");
    let at = folder.0.join("s");
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let data = path(&at);
    assert!(is_granted(&mut client, STREAMLOCAL_FORWARD, &data));
    let mut stream = UnixStream::connect(&at).unwrap();
    let (channel, said) = offered(&mut client, FORWARDED_STREAMLOCAL);
    let said = ForwardedStreamlocal::decode(&said).unwrap();
    assert_eq!(said.socket_path, at.as_os_str().as_encoded_bytes());
    confirm(&mut client, channel, 7);
    stream.write_all(b"ping").unwrap();
    assert_eq!(heard(&mut client), b"ping");
    assert!(is_granted(&mut client, CANCEL_STREAMLOCAL_FORWARD, &data));
    assert!(!is_granted(&mut client, CANCEL_STREAMLOCAL_FORWARD, &data));
    assert!(UnixStream::connect(&at).is_err());
    // What was connected stays.
    say(&mut client, channel, b"pong");
    stream.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_socket_of_the_server_is_connected_to() {
    let folder = Folder::new("direct");
    let at = folder.0.join("s");
    let far = UnixListener::bind(&at).unwrap();
    let (_server, address) = world();
    let mut client = Scripted::authenticated(address);
    let open = |client: &mut Scripted, path: &Path| {
        let data = encoded(&DirectStreamlocal {
            socket_path: path.as_os_str().as_encoded_bytes(),
            reserved: b"",
            reserved_port: 0,
        });
        client.send(&ChannelOpen {
            channel_type: DIRECT_STREAMLOCAL,
            sender_channel: 7,
            initial_window_size: 1 << 20,
            maximum_packet_size: 32 << 10,
            data: Rest(&data),
        });
        client.flush();
        client.answer()
    };
    let answer = open(&mut client, &at);
    let confirmed = ChannelOpenConfirmation::decode(&answer)
        .unwrap_or_else(|_| panic!("{}", answer.escape_ascii()));
    let (mut stream, _) = far.accept().unwrap();
    stream.write_all(b"ping").unwrap();
    assert_eq!(heard(&mut client), b"ping");
    say(&mut client, confirmed.sender_channel, b"pong");
    stream.read_exact(&mut [0; 4]).unwrap();
    let answer = open(&mut client, &folder.0.join("none"));
    let refused = ChannelOpenFailure::decode(&answer).unwrap();
    assert_eq!(refused.reason_code, 2);
    assert_eq!(refused.description, b"No such file or directory");
}

#[test]
fn a_key_exchange_in_between_delays_only() {
    let mut config: ServerConfig = server_config();
    config.ssh.rekey.bytes = Some(2000);
    let (_server, address) = server(config, Answers::default());
    let mut client = Scripted::authenticated(address);
    let bound = listen(&mut client, b"localhost");
    let mut streams = Vec::new();
    for n in 0..20 {
        let mut stream = connect(bound);
        let (channel, _) = offered(&mut client, FORWARDED_TCPIP);
        confirm(&mut client, channel, n);
        stream.write_all(&[7; 500]).unwrap();
        let mut got = 0;
        while got < 500 {
            got += heard(&mut client).len();
        }
        let next = listen(&mut client, b"localhost");
        let data = port(b"localhost", next);
        assert!(is_granted(&mut client, CANCEL_TCPIP_FORWARD, &data));
        streams.push(stream);
    }
}
