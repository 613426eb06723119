//! How sessions and loops begin and end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adit_auth::Decision;
use adit_forward::observer::HostKeyVerdict;
use adit_forward::policy::{AllowForwarding, Policy};
use adit_forward::reactor::{
    ClientConfig, End, Forward, KeepAlive, Listen, MaxStartups, OnForwardFailure, To,
};
use adit_proto::reason::OpenFailure;

use crate::world::{
    Answers, Heard, PATIENCE, World, client, client_config, loopback, server, server_config,
};

fn refusal(world: &World) -> (u32, String) {
    world.client.wait(|heard| match heard {
        Heard::Refused(code, text) => Some((*code, text.clone())),
        _ => None,
    })
}

/// The application's side of a refused connection: a reset, never a clean end.
fn assert_reset(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn answers_may_come_from_other_threads() {
    let answers = Answers {
        later: true,
        ..Answers::default()
    };
    let world = World::with(answers, |_, _| {});
    let (mut near, mut far) = world.connect();
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

fn set_host(client: &mut ClientConfig, name: &str) {
    if let To::Tcp { host, .. } = &mut client.forwards[0].to {
        *host = name.to_owned();
    }
}

#[test]
fn a_name_is_looked_up_by_the_server() {
    let world = World::with(Answers::default(), |client, _| {
        set_host(client, "localhost");
    });
    let (mut near, mut far) = world.connect();
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_name_without_addresses_is_refused_with_the_resolvers_words() {
    let world = World::with(Answers::default(), |client, _| {
        set_host(client, "no-such-host.invalid");
    });
    let near = TcpStream::connect(world.near).unwrap();
    let (code, text) = refusal(&world);
    assert_eq!(code, OpenFailure::ConnectFailed.code());
    assert!(!text.is_empty());
    assert_reset(near);
}

#[test]
fn a_refused_destination_ends_that_connection_only() {
    // Bound and closed: nobody listens there.
    let dead = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let world = World::with(Answers::default(), |client, _| {
        client.forwards.push(Forward {
            listen: Listen::Tcp(vec![loopback()]),
            to: To::Tcp {
                host: dead.ip().to_string(),
                port: dead.port(),
            },
        });
    });
    let second = world.client.listening();
    assert_reset(TcpStream::connect(second).unwrap());
    let expected = (OpenFailure::ConnectFailed.code(), "Connection refused");
    let (code, text) = refusal(&world);
    assert_eq!((code, text.as_str()), expected);
    let (mut near, mut far) = world.connect();
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

#[test]
fn what_the_policy_does_not_allow_is_not_opened() {
    let answers = Answers {
        policy: Policy::new(Some(AllowForwarding::No), None),
        ..Answers::default()
    };
    let world = World::with(answers, |_, _| {});
    assert_reset(TcpStream::connect(world.near).unwrap());
    let (code, _) = refusal(&world);
    assert_eq!(code, OpenFailure::AdministrativelyProhibited.code());
    world
        .server
        .wait(|heard| matches!(heard, Heard::Denied).then_some(()));
    world.far.set_nonblocking(true).unwrap();
    assert!(world.far.accept().is_err());
}

#[test]
fn a_host_key_that_is_refused_ends_the_client() {
    let answers = Answers {
        host_key: HostKeyVerdict::Refuse,
        ..Answers::default()
    };
    let (server, address) = server(server_config(), answers.clone());
    let client = client(client_config(address, loopback()), answers);
    assert_eq!(client.gone(), "HostKeyRefused");
    assert_eq!(client.end(), End::NotAuthenticated);
    assert_eq!(server.gone(), "Disconnected(9)");
}

#[test]
fn a_key_that_is_refused_ends_the_client() {
    for later in [false, true] {
        let answers = Answers {
            key: Decision::Refused,
            later,
            ..Answers::default()
        };
        let (_server, address) = server(server_config(), answers.clone());
        let client = client(client_config(address, loopback()), answers);
        assert_eq!(client.gone(), "AuthenticationRefused");
        assert_eq!(client.end(), End::NotAuthenticated);
    }
}

#[test]
fn a_port_in_use_fails_its_forward_and_the_client_if_it_is_told_so() {
    let used = TcpListener::bind(loopback()).unwrap();
    let (_server, address) = server(server_config(), Answers::default());
    for (on_failure, ends) in [
        (OnForwardFailure::End, true),
        (OnForwardFailure::GoOn, false),
    ] {
        let mut config = client_config(address, loopback());
        config.on_forward_failure = on_failure;
        config.forwards[0].listen = Listen::Tcp(vec![used.local_addr().unwrap()]);
        config.forwards.push(Forward {
            listen: Listen::Tcp(vec![loopback()]),
            to: To::Tcp {
                host: "127.0.0.1".to_owned(),
                port: 1,
            },
        });
        let client = client(config, Answers::default());
        client.wait(|heard| matches!(heard, Heard::ListenFailed).then_some(()));
        if ends {
            assert_eq!(client.end(), End::ForwardFailed);
        } else {
            client.listening();
        }
    }
}

#[test]
fn all_addresses_are_tried() {
    let dead = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let (_server, address) = server(server_config(), Answers::default());
    let mut config = client_config(address, loopback());
    config.addresses = vec![dead, address];
    let client = client(config, Answers::default());
    client.wait(|heard| matches!(heard, Heard::ConnectFailed).then_some(()));
    client.listening();
}

#[test]
fn a_server_that_nobody_can_reach_ends_the_client() {
    let dead = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let client = client(client_config(dead, loopback()), Answers::default());
    assert_eq!(client.end(), End::NotConnected);
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let mute = TcpListener::bind(loopback()).unwrap();
    let mut config = client_config(mute.local_addr().unwrap(), loopback());
    config.connect_timeout = Some(Duration::from_millis(100));
    let client = client(config, Answers::default());
    assert_eq!(client.gone(), "TooSlow");
    assert_eq!(client.end(), End::NotAuthenticated);
}

#[test]
fn a_client_that_says_nothing_is_given_up_in_time() {
    let mut config = server_config();
    config.login_grace = Some(Duration::from_millis(100));
    let (server, address) = server(config, Answers::default());
    let _mute = TcpStream::connect(address).unwrap();
    assert_eq!(server.gone(), "TooSlow");
}

#[test]
fn too_many_startups_are_dropped_and_count_no_longer_when_they_end() {
    let mut config = server_config();
    config.max_startups = MaxStartups {
        start: 2,
        rate: 100,
        full: 2,
    };
    let (server, address) = server(config, Answers::default());
    let mut first = TcpStream::connect(address).unwrap();
    let mut second = TcpStream::connect(address).unwrap();
    for stream in [&mut first, &mut second] {
        stream.read_exact(&mut [0; 4]).unwrap();
    }
    let mut third = TcpStream::connect(address).unwrap();
    let mut told = String::new();
    third.read_to_string(&mut told).unwrap();
    assert_eq!(told, "Not allowed at this time\r\n");
    let startups = |heard: &Heard| match heard {
        Heard::Startups(n) => Some(*n),
        _ => None,
    };
    assert_eq!(server.wait(startups), 2);
    drop(first);
    server.gone();
    let mut fourth = TcpStream::connect(address).unwrap();
    fourth.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_peer_that_answers_keepalives_lives() {
    let alive = KeepAlive {
        interval: Duration::from_millis(30),
        count: 2,
    };
    let world = World::with(Answers::default(), |client, server| {
        client.alive = Some(alive);
        server.alive = Some(alive);
    });
    let (mut near, mut far) = world.connect();
    let begin = Instant::now();
    // Idle for many intervals, measured by the application's own timeout.
    far.set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    assert!(far.read(&mut [0]).is_err());
    assert!(begin.elapsed() > alive.interval * 8);
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

/// Carries bytes between a client and a server until it is told to fall silent.
fn wire(server: SocketAddr, silent: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(server).unwrap();
        thread::scope(|scope| {
            for (mut from, mut to) in [(&near, &far), (&far, &near)] {
                let silent = &silent;
                scope.spawn(move || {
                    let mut buffer = [0; 65536];
                    while let Ok(n) = from.read(&mut buffer) {
                        let dropped = silent.load(Ordering::SeqCst);
                        if n == 0 || (!dropped && to.write_all(&buffer[..n]).is_err()) {
                            break;
                        }
                    }
                });
            }
        });
    });
    address
}

#[test]
fn a_silent_peer_is_given_up_and_its_connections_are_reset() {
    let far = TcpListener::bind(loopback()).unwrap();
    let (_server, address) = server(server_config(), Answers::default());
    let silent = Arc::new(AtomicBool::new(false));
    let wire = wire(address, Arc::clone(&silent));
    let mut config = client_config(wire, far.local_addr().unwrap());
    config.alive = Some(KeepAlive {
        interval: Duration::from_millis(50),
        count: 3,
    });
    let client = client(config, Answers::default());
    let near = TcpStream::connect(client.listening()).unwrap();
    let _far = far.accept().unwrap();
    silent.store(true, Ordering::SeqCst);
    assert_eq!(client.gone(), "Silent");
    assert_reset(near);
    assert_eq!(client.end(), End::SessionEnded);
}

#[test]
fn stopping_tells_the_peer_and_resets_connections() {
    let world = World::new();
    let (near, _far) = world.connect();
    world.client.handle.stop();
    assert_eq!(world.client.gone(), "Stopped");
    assert_reset(near);
    assert_eq!(world.server.gone(), "Disconnected(11)");
    assert_eq!(world.client.end(), End::Stopped);
    assert!(TcpStream::connect(world.near).is_err());
}

#[test]
fn a_server_that_stops_ends_its_clients() {
    let world = World::new();
    let (near, far) = world.connect();
    world.server.handle.stop();
    assert_eq!(world.client.gone(), "Disconnected(11)");
    assert_reset(near);
    assert_reset(far);
    assert_eq!(world.client.end(), End::SessionEnded);
    assert_eq!(world.server.end(), End::Stopped);
}

#[test]
fn a_fault_in_one_session_leaves_the_others_alone() {
    let answers = Answers {
        faulty: true,
        ..Answers::default()
    };
    let world = World::with(answers.clone(), |_, _| {});
    let (mut near, mut far) = world.connect();
    let server_address = world.server_address;
    let bad = client(
        client_config(server_address, SocketAddr::from(([127, 0, 0, 1], 1))),
        answers,
    );
    let _poke = TcpStream::connect(bad.listening()).unwrap();
    assert_eq!(world.server.gone(), "Panicked");
    assert_eq!(bad.end(), End::SessionEnded);
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_request_that_no_buffer_takes_ends_the_client() {
    let (_server, address) = server(server_config(), Answers::default());
    for (len, why) in [
        // Sent, and then the server's affair.
        (5000, "Disconnected(2)"),
        (8000, "Error(user name, key or answer too long)"),
    ] {
        let mut config = client_config(address, loopback());
        config.user = "u".repeat(len);
        let client = client(config, Answers::default());
        assert_eq!(client.gone(), why);
        assert_eq!(client.end(), End::NotAuthenticated);
    }
}
