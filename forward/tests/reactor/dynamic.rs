//! Applications that say themselves where to, by SOCKS or HTTP CONNECT.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use adit_forward::policy::{AllowForwarding, PermitOpen, Policy};
use adit_forward::reactor::{Listen, RemoteForward, RemoteListen, To};

use crate::world::{Answers, Heard, PATIENCE, World, loopback};

fn dynamic(answers: Answers) -> World {
    World::with(answers, |client, _| client.forwards[0].to = To::Dynamic)
}

fn socks4(to: SocketAddr) -> Vec<u8> {
    [
        &[4, 1][..],
        &to.port().to_be_bytes(),
        &[127, 0, 0, 1],
        b"me\0",
    ]
    .concat()
}

fn socks4a(to: SocketAddr) -> Vec<u8> {
    [
        &[4, 1][..],
        &to.port().to_be_bytes(),
        b"\0\0\0\x01\0localhost\0",
    ]
    .concat()
}

fn socks5(to: SocketAddr) -> Vec<u8> {
    let head = b"\x05\x01\0\x05\x01\0\x01\x7f\0\0\x01";
    [&head[..], &to.port().to_be_bytes()].concat()
}

fn connect(to: SocketAddr) -> Vec<u8> {
    format!(
        "CONNECT localhost:{} HTTP/1.1\r\nHost: x\r\n\r\n",
        to.port()
    )
    .into_bytes()
}

const SOCKS4_GRANTED: &[u8] = &[0, 90, 0, 0, 0, 0, 0, 0];
const SOCKS5_GRANTED: &[u8] = &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const CONNECTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

type Ask = fn(SocketAddr) -> Vec<u8>;
const WAYS: [(Ask, &[u8]); 4] = [
    (socks4, SOCKS4_GRANTED),
    (socks4a, SOCKS4_GRANTED),
    (socks5, SOCKS5_GRANTED),
    (connect, CONNECTED),
];

fn call(world: &World) -> TcpStream {
    let near = TcpStream::connect(world.near).unwrap();
    near.set_nodelay(true).unwrap();
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    near
}

fn read<const N: usize>(from: &mut impl Read) -> [u8; N] {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).unwrap();
    bytes
}

/// All until the end, which is one in order.
fn rest(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A port on which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind(loopback()).unwrap().local_addr().unwrap()
}

#[test]
fn each_way_of_asking_leads_there_and_nothing_that_was_sent_ahead_is_lost() {
    let world = dynamic(Answers::default());
    let to = world.far.local_addr().unwrap();
    for (ask, granted) in WAYS {
        let mut near = call(&world);
        near.write_all(&[&ask(to)[..], b"ahead"].concat()).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let mut far = world.far.accept().unwrap().0;
        assert_eq!(rest(&mut far), b"ahead");
        far.write_all(b"answer").unwrap();
        drop(far);
        assert_eq!(rest(&mut near), [granted, b"answer"].concat());
        assert_eq!(world.client.channel_closed(), (5, 6, "Finished".to_owned()));
    }
}

#[test]
fn each_way_of_asking_works_a_byte_at_a_time() {
    let world = dynamic(Answers::default());
    let to = world.far.local_addr().unwrap();
    for (ask, granted) in WAYS {
        let mut near = call(&world);
        for byte in ask(to) {
            near.write_all(&[byte]).unwrap();
        }
        let mut far = world.far.accept().unwrap().0;
        far.write_all(b"first").unwrap();
        drop(far);
        assert_eq!(rest(&mut near), [granted, b"first"].concat());
    }
}

#[test]
fn the_reply_tells_what_really_happened() {
    let world = dynamic(Answers::default());
    let refused = [5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0];
    for (ask, told) in [
        (socks4 as Ask, &[0, 91, 0, 0, 0, 0, 0, 0][..]),
        (socks5, &refused),
        (connect, b"HTTP/1.1 502 Bad Gateway\r\n"),
    ] {
        let mut near = call(&world);
        near.write_all(&ask(nobody())).unwrap();
        let heard = rest(&mut near);
        assert!(
            heard.starts_with(told),
            "{}",
            String::from_utf8_lossy(&heard)
        );
        let heard = world.client.wait(|heard| match heard {
            Heard::Refused(code, text) => Some((*code, text.clone())),
            _ => None,
        });
        assert_eq!(heard, (2, "Connection refused".to_owned()));
    }
}

#[test]
fn what_the_servers_policy_forbids_is_told_as_not_allowed() {
    let policy = Policy::new(
        Some(AllowForwarding::Yes),
        Some(PermitOpen::parse(&["192.0.2.1:1"]).unwrap()),
    );
    let world = dynamic(Answers {
        policy,
        ..Answers::default()
    });
    let to = world.far.local_addr().unwrap();
    let mut near = call(&world);
    near.write_all(&socks5(to)).unwrap();
    assert_eq!(rest(&mut near), [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
    let mut near = call(&world);
    near.write_all(&connect(to)).unwrap();
    let page = String::from_utf8(rest(&mut near)).unwrap();
    assert!(page.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{page}");
    assert!(
        page.contains("this server does not permit that destination"),
        "{page}"
    );
}

#[test]
fn a_browser_on_the_port_reads_what_it_is_for_however_much_it_has_sent() {
    let world = dynamic(Answers::default());
    let mut near = call(&world);
    near.write_all(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    near.write_all(&vec![b'x'; 100_000]).unwrap();
    let page = String::from_utf8(rest(&mut near)).unwrap();
    assert!(page.starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\n"));
    assert!(page.contains("This is a SOCKS and CONNECT proxy of adit"));
    assert_eq!(
        world.client.guest_refused(),
        "only the method CONNECT is offered"
    );
}

#[test]
fn what_is_not_offered_is_refused_and_what_is_no_request_ends() {
    let world = dynamic(Answers::default());
    for (said, told) in [
        (
            &[5, 1, 0, 5, 2, 0, 1][..],
            &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0][..],
        ),
        (
            &[5, 1, 0, 5, 3, 0, 1],
            &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0],
        ),
        (&[5, 1, 2], &[5, 0xff]),
        (&[4, 2], &[0, 91, 0, 0, 0, 0, 0, 0]),
        (&[22, 3, 1, 0, 100], b""),
        (b"\r\n", b""),
    ] {
        let mut near = call(&world);
        near.write_all(said).unwrap();
        assert_eq!(rest(&mut near), told);
        world.client.guest_refused();
    }
    // One that leaves in the middle leaves nothing.
    let mut near = call(&world);
    near.write_all(&[5, 1]).unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let _ = near.read(&mut [0]);
    let to = world.far.local_addr().unwrap();
    let mut near = call(&world);
    near.write_all(&socks4(to)).unwrap();
    assert_eq!(&read::<8>(&mut near), SOCKS4_GRANTED);
}

#[test]
fn a_unix_socket_takes_requests_as_a_port_does() {
    let path = std::env::temp_dir().join(format!("adit-dynamic-{}", std::process::id()));
    let at = path.clone();
    let world = World::with(Answers::default(), |client, _| {
        // The port stays, so that the world can wait for it.
        let mut forward = client.forwards[0].clone();
        forward.listen = Listen::Unix(at);
        forward.to = To::Dynamic;
        client.forwards.insert(0, forward);
    });
    let to = world.far.local_addr().unwrap();
    let mut near = UnixStream::connect(&path).unwrap();
    near.write_all(&[&socks5(to)[..], b"ahead"].concat())
        .unwrap();
    let mut far = world.far.accept().unwrap().0;
    assert_eq!(&read::<5>(&mut far), b"ahead");
    far.write_all(b"answer").unwrap();
    drop(far);
    assert_eq!(&read::<12>(&mut near)[..], SOCKS5_GRANTED);
    assert_eq!(&read::<6>(&mut near), b"answer");
    let mut near = UnixStream::connect(&path).unwrap();
    near.write_all(&socks5(nobody())).unwrap();
    assert_eq!(rest(&mut near), [5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
}

/// A world whose server listens for requests; `near` is there.
fn reverse(permits: PermitOpen) -> World {
    let mut world = World::with(Answers::default(), |client, _| {
        client.permit_remote_open = permits;
        client.remote_forwards.push(RemoteForward {
            listen: RemoteListen::Tcp {
                address: "127.0.0.1".to_owned(),
                port: 0,
            },
            to: To::Dynamic,
        });
    });
    let port = world.client.wait(|heard| match heard {
        Heard::RemoteListening(port) => *port,
        _ => None,
    });
    world.near.set_port(port);
    world
}

#[test]
fn what_connects_to_the_server_says_where_to_and_nothing_sent_ahead_is_lost() {
    let world = reverse(PermitOpen::Any);
    let to = world.far.local_addr().unwrap();
    let ahead = vec![b'a'; 300_000];
    for (ask, granted) in WAYS {
        let mut near = call(&world);
        near.write_all(&[&ask(to)[..], b"ahead"].concat()).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let mut far = world.far.accept().unwrap().0;
        assert_eq!(rest(&mut far), b"ahead");
        far.write_all(b"answer").unwrap();
        drop(far);
        assert_eq!(rest(&mut near), [granted, b"answer"].concat());

        let mut near = call(&world);
        for byte in ask(to) {
            near.write_all(&[byte]).unwrap();
        }
        let mut far = world.far.accept().unwrap().0;
        far.write_all(b"first").unwrap();
        near.write_all(&ahead).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut far), ahead);
        drop(far);
        assert_eq!(rest(&mut near), [granted, b"first"].concat());
    }
}

#[test]
fn what_connects_to_the_server_is_told_what_really_happened_here() {
    let world = reverse(PermitOpen::Any);
    let refused = [5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0];
    for (ask, told) in [
        (socks4 as Ask, &[0, 91, 0, 0, 0, 0, 0, 0][..]),
        (socks5, &refused),
        (connect, b"HTTP/1.1 502 Bad Gateway\r\n"),
    ] {
        let mut near = call(&world);
        near.write_all(&ask(nobody())).unwrap();
        let heard = rest(&mut near);
        assert!(
            heard.starts_with(told),
            "{}",
            String::from_utf8_lossy(&heard)
        );
        world.client.wait(|heard| match heard {
            Heard::OpenFailed => Some(()),
            _ => None,
        });
    }
    for (said, told) in [
        (
            &[5, 1, 0, 5, 2, 0, 1][..],
            &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0][..],
        ),
        (&[5, 1, 2], &[5, 0xff]),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 "),
        (&[22, 3, 1, 0, 100], b""),
    ] {
        let mut near = call(&world);
        near.write_all(said).unwrap();
        assert!(rest(&mut near).starts_with(told));
        world.client.guest_refused();
    }
}

#[test]
fn permit_remote_open_says_what_may_be_connected_to_from_here() {
    let listed = TcpListener::bind(loopback()).unwrap();
    let listed_at = listed.local_addr().unwrap();
    let permits = format!("localhost:{}", listed_at.port());
    for (permits, may) in [
        (PermitOpen::Any, [true, true]),
        (PermitOpen::parse(&[&permits]).unwrap(), [true, false]),
        (PermitOpen::Nothing, [false, false]),
    ] {
        let world = reverse(permits);
        let there = world.far.local_addr().unwrap();
        for (to, may) in [(listed_at, may[0]), (there, may[1])] {
            let mut near = call(&world);
            near.write_all(&socks4a(to)).unwrap();
            let told = read::<8>(&mut near);
            assert_eq!(told == *SOCKS4_GRANTED, may, "{to}");
            if !may {
                let why = world.client.guest_refused();
                assert_eq!(why, "that destination is not permitted here");
            }
        }
    }
}
