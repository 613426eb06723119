//! What forwards leave to those who log in. One test, in a process of its own: descriptors are a
//! process's, and so is their limit.

#![cfg(feature = "reactor")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "tests"
)]

#[path = "reactor/scripted.rs"]
mod scripted;
#[path = "reactor/world.rs"]
mod world;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use adit_forward::reactor::{MaxStartups, RemoteForward, RemoteListen, To};
use adit_proto::reason::OpenFailure;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use scripted::Scripted;
use world::{Answers, Heard, PATIENCE, World};

const LIMIT: u64 = 256;
const STARTUPS: u32 = 20;
/// One for each of those, and 32 for threads.
const KEPT_FROM: RawFd = 256 - 20 - 32;

fn assert_reset(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_session_that_takes_all_descriptors_keeps_nobody_from_logging_in() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, LIMIT, hard).unwrap();
    let world = World::with(Answers::default(), |client, server| {
        server.max_startups = MaxStartups {
            start: STARTUPS,
            rate: 100,
            full: STARTUPS,
        };
        let nowhere = To::Tcp {
            host: "127.0.0.1".to_owned(),
            port: 9,
        };
        client.remote_forwards = vec![RemoteForward {
            listen: RemoteListen::Tcp {
                address: "localhost".to_owned(),
                port: 0,
            },
            to: nowhere,
        }];
    });
    let port = world.client.wait(|heard| match heard {
        Heard::RemoteListening(port) => *port,
        _ => None,
    });

    let mut open = Vec::new();
    let code = loop {
        let near = TcpStream::connect(world.near).unwrap();
        let refused = world.client.wait(|heard| match heard {
            Heard::Opened => Some(None),
            Heard::Refused(code, _) => Some(Some(*code)),
            _ => None,
        });
        match refused {
            None => open.push((near, world.far.accept().unwrap().0)),
            Some(code) => {
                assert_reset(near);
                break code;
            }
        }
    };
    assert_eq!(code, OpenFailure::ResourceShortage.code());
    assert!(open.len() > 20, "half of them or more are for forwards");

    // Nor is there one for what comes to the server's own ports, when all up to there are taken.
    let mut taken = Vec::new();
    while taken
        .last()
        .is_none_or(|file: &File| file.as_raw_fd() < KEPT_FROM)
    {
        taken.push(File::open("/dev/null").unwrap());
    }
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert_reset(TcpStream::connect(address).unwrap());
    world
        .server
        .wait(|heard| matches!(heard, Heard::AcceptPaused).then_some(()));

    // Others log in meanwhile, and what is open goes on.
    let _others: Vec<_> = (0..10)
        .map(|_| Scripted::authenticated(world.server_address))
        .collect();
    let (near, far) = &open[0];
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    (&*near).write_all(b"x").unwrap();
    (&*far).read_exact(&mut [0]).unwrap();

    // When there are some again, there are some for forwards as well.
    open.truncate(5);
    drop(taken);
    let (near, far) = loop {
        let near = TcpStream::connect(world.near).unwrap();
        let opened = world.client.wait(|heard| match heard {
            Heard::Opened => Some(true),
            Heard::Refused(..) => Some(false),
            _ => None,
        });
        if opened {
            break (near, world.far.accept().unwrap().0);
        }
    };
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    (&near).write_all(b"y").unwrap();
    (&far).read_exact(&mut [0]).unwrap();
}
