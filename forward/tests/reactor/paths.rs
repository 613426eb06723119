//! Unix sockets at either end of a tunnel, in every shape of `-L`: bytes, ends in order, resets,
//! and files that come and go with it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use adit_forward::reactor::{ClientConfig, End, Listen, OnForwardFailure, To};
use adit_proto::reason::OpenFailure;
use nix::sys::socket::{ControlMessage, MsgFlags, send, sendmsg};

use crate::world::{
    Answers, Heard, Looped, PATIENCE, client, client_config, loopback, server, server_config,
};

/// A directory of its own, gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let n = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("adit-tunnel-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn near(&self) -> PathBuf {
        self.0.join("near")
    }

    fn far(&self) -> PathBuf {
        self.0.join("far")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Tcp,
    Unix,
}
use Kind::{Tcp, Unix};

/// What it listens on, and where it leads. TCP to TCP has tests of its own.
const SHAPES: [(Kind, Kind); 3] = [(Unix, Tcp), (Tcp, Unix), (Unix, Unix)];

/// An application's connection, of either kind.
enum Plug {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Plug {
    fn patient(self) -> Self {
        let patience = Some(PATIENCE);
        match &self {
            Self::Tcp(tcp) => {
                tcp.set_read_timeout(patience).unwrap();
                tcp.set_write_timeout(patience).unwrap();
            }
            Self::Unix(unix) => {
                unix.set_read_timeout(patience).unwrap();
                unix.set_write_timeout(patience).unwrap();
            }
        }
        self
    }

    fn end(&self) {
        match self {
            Self::Tcp(tcp) => tcp.shutdown(Shutdown::Write).unwrap(),
            Self::Unix(unix) => unix.shutdown(Shutdown::Write).unwrap(),
        }
    }

    fn fd(&self) -> i32 {
        match self {
            Self::Tcp(tcp) => tcp.as_raw_fd(),
            Self::Unix(unix) => unix.as_raw_fd(),
        }
    }

    fn all(mut self: &Self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map(|_| bytes)
    }
}

impl Read for &Plug {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Plug::Tcp(tcp) => (&mut &*tcp).read(space),
            Plug::Unix(unix) => (&mut &*unix).read(space),
        }
    }
}

impl Write for &Plug {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Plug::Tcp(tcp) => (&mut &*tcp).write(bytes),
            Plug::Unix(unix) => (&mut &*unix).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Far {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Far {
    fn accept(&self) -> Plug {
        match self {
            Self::Tcp(listener) => Plug::Tcp(listener.accept().unwrap().0),
            Self::Unix(listener) => Plug::Unix(listener.accept().unwrap().0),
        }
        .patient()
    }
}

/// Where a tunnel begins.
#[derive(Debug)]
enum Entry {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Entry {
    fn connect(&self) -> Plug {
        match self {
            Self::Tcp(address) => Plug::Tcp(TcpStream::connect(address).unwrap()),
            Self::Unix(path) => Plug::Unix(UnixStream::connect(path).unwrap()),
        }
        .patient()
    }
}

struct Tunnel {
    client: Looped,
    _server: Looped,
    entry: Entry,
    far: Far,
    scratch: Scratch,
}

/// Waits for the place that a client listens on.
fn entry(client: &Looped) -> Entry {
    client.wait(|heard| match heard {
        Heard::Listening(address) => Some(Entry::Tcp(*address)),
        Heard::ListeningOn(path) => Some(Entry::Unix(path.clone())),
        _ => None,
    })
}

impl Tunnel {
    fn new(shape: (Kind, Kind)) -> Self {
        Self::with(shape, |_| {})
    }

    fn with((near, far): (Kind, Kind), change: impl FnOnce(&mut ClientConfig)) -> Self {
        let scratch = Scratch::new();
        let (_server, address) = server(server_config(), Answers::default());
        let far_tcp = TcpListener::bind(loopback()).unwrap();
        let mut config = client_config(address, far_tcp.local_addr().unwrap());
        let far = match far {
            Tcp => Far::Tcp(far_tcp),
            Unix => {
                config.forwards[0].to = To::Unix(scratch.far());
                Far::Unix(UnixListener::bind(scratch.far()).unwrap())
            }
        };
        if near == Unix {
            config.forwards[0].listen = Listen::Unix(scratch.near());
        }
        change(&mut config);
        let client = client(config, Answers::default());
        let entry = entry(&client);
        Self {
            client,
            _server,
            entry,
            far,
            scratch,
        }
    }

    fn connect(&self) -> (Plug, Plug) {
        let near = self.entry.connect();
        (near, self.far.accept())
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

#[test]
fn bytes_go_both_ways_and_each_side_may_end_first() {
    for shape in SHAPES {
        let tunnel = Tunnel::new(shape);
        for near_first in [true, false] {
            let (near, far) = tunnel.connect();
            let (first, second) = if near_first {
                (&near, &far)
            } else {
                (&far, &near)
            };
            let bytes = pattern(300_000);
            thread::scope(|scope| {
                scope.spawn(|| {
                    (&mut &*first).write_all(&bytes).unwrap();
                    first.end();
                });
                assert!(second.all().unwrap() == bytes, "{shape:?}");
            });
            // The other way is open still.
            let bytes = pattern(3 << 20);
            thread::scope(|scope| {
                scope.spawn(|| {
                    (&mut &*second).write_all(&bytes).unwrap();
                    second.end();
                });
                assert!(first.all().unwrap() == bytes, "{shape:?}");
            });
            assert_eq!(tunnel.client.channel_closed().2, "Finished", "{shape:?}");
        }
    }
}

#[test]
fn the_last_bytes_arrive_before_the_end_though_nobody_reads_yet() {
    for shape in SHAPES {
        let tunnel = Tunnel::new(shape);
        let (near, far) = tunnel.connect();
        let bytes = pattern(2 << 20);
        thread::scope(|scope| {
            scope.spawn(|| {
                (&near).write_all(&bytes).unwrap();
                near.end();
            });
            // What is written meanwhile fills windows and socket buffers.
            tunnel
                .client
                .wait(|heard| matches!(heard, Heard::Opened).then_some(()));
            assert!(far.all().unwrap() == bytes, "{shape:?}");
        });
    }
}

#[test]
fn a_close_with_unread_bytes_is_a_reset_at_the_other_end() {
    for shape in SHAPES {
        let tunnel = Tunnel::new(shape);
        for near_closes in [true, false] {
            let (near, far) = tunnel.connect();
            let (victim, other) = if near_closes {
                (near, far)
            } else {
                (far, near)
            };
            (&other).write_all(b"unread").unwrap();
            let mut seen = [0];
            let flags = MsgFlags::MSG_PEEK;
            assert_eq!(nix::sys::socket::recv(victim.fd(), &mut seen, flags), Ok(1));
            drop(victim);
            let why = tunnel.client.channel_closed().2;
            assert_ne!(why, "Finished", "{shape:?}");
            // A Unix socket has no RST of its own: an end is all that can be had, unless there are
            // bytes that were not read.
            match (other.all(), &other) {
                (Err(e), _) => assert_eq!(e.kind(), ErrorKind::ConnectionReset, "{shape:?}"),
                (Ok(bytes), Plug::Unix(_)) => assert!(bytes.is_empty()),
                (Ok(_), Plug::Tcp(_)) => panic!("{shape:?}: looks like an end in order"),
            }
            // Nothing more is taken either way.
            let mut other = &other;
            while other.write_all(b"more").is_ok() {}
        }
    }
}

#[test]
fn a_tunnel_that_ends_resets_what_was_not_read_of_an_application() {
    let tunnel = Tunnel::new((Unix, Tcp));
    let (near, far) = tunnel.connect();
    let (other_near, other_far) = tunnel.connect();
    let Plug::Unix(mut writes) = near else {
        panic!("a Unix socket was connected to");
    };
    // Until nothing has been taken for a while: then some of it lies unread in the socket.
    writes.set_nonblocking(true).unwrap();
    let chunk = pattern(64 << 10);
    let mut idle = 0;
    while idle < 50 {
        if writes.write_all(&chunk).is_ok() {
            idle = 0;
        } else {
            idle += 1;
            // Somebody else's bytes pass, which also is the time that passes.
            (&other_near).write_all(b"x").unwrap();
            (&other_far).read_exact(&mut [0]).unwrap();
        }
    }
    tunnel.client.handle.stop();
    tunnel.client.gone();
    writes.set_nonblocking(false).unwrap();
    let ended = writes.read(&mut [0]).unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    drop(far);
}

#[test]
fn urgent_bytes_stop_nothing_and_arrive_in_their_place() {
    for shape in SHAPES {
        let tunnel = Tunnel::new(shape);
        let (near, far) = tunnel.connect();
        for (mut from, mut to) in [(&near, &far), (&far, &near)] {
            for _ in 0..5 {
                from.write_all(b"before").unwrap();
                let sent = send(from.fd(), b"!", MsgFlags::MSG_OOB);
                if let (Err(nix::errno::Errno::EOPNOTSUPP), Plug::Unix(_)) = (sent, from) {
                    break; // a kernel without them on Unix sockets
                }
                assert_eq!(sent, Ok(1));
                from.write_all(b"behind").unwrap();
                let mut got = [0; 13];
                to.read_exact(&mut got).unwrap();
                assert_eq!(&got, b"before!behind", "{shape:?}");
            }
        }
    }
}

#[test]
fn descriptors_that_are_passed_along_go_nowhere_and_stop_nothing() {
    let tunnel = Tunnel::new((Unix, Tcp));
    let null = File::open("/dev/null").unwrap();
    for _ in 0..20 {
        let near = tunnel.entry.connect();
        let passed = [null.as_raw_fd()];
        for _ in 0..3 {
            let bytes = [IoSlice::new(b"with")];
            let along = [ControlMessage::ScmRights(&passed)];
            let sent = sendmsg::<()>(near.fd(), &bytes, &along, MsgFlags::empty(), None);
            assert_eq!(sent, Ok(4));
        }
        (&near).write_all(b"behind").unwrap();
        let mut got = [0; 18];
        (&tunnel.far.accept()).read_exact(&mut got).unwrap();
        assert_eq!(&got, b"withwithwithbehind");
    }
}

#[test]
fn many_connections_at_once_each_get_their_own_bytes() {
    let tunnel = Tunnel::new((Unix, Unix));
    let (entry, far) = (&tunnel.entry, &tunnel.far);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                let stream = far.accept();
                scope.spawn(move || {
                    let mut bytes = stream.all().unwrap();
                    bytes.reverse();
                    (&stream).write_all(&bytes).unwrap();
                });
            }
        });
        for n in 0..100 {
            scope.spawn(move || {
                let stream = entry.connect();
                let mut bytes = pattern(5000 + n);
                (&stream).write_all(&bytes).unwrap();
                stream.end();
                bytes.reverse();
                assert!(stream.all().unwrap() == bytes);
            });
        }
    });
}

#[test]
fn the_file_is_the_owners_alone_unless_the_mask_says_otherwise() {
    for (mask, mode) in [(None, 0o600), (Some(0o111), 0o666)] {
        let tunnel = Tunnel::with((Unix, Tcp), |client| {
            if let Some(mask) = mask {
                client.stream_local_bind.mask = mask;
            }
        });
        let file = fs::symlink_metadata(tunnel.scratch.near()).unwrap();
        assert_eq!(file.permissions().mode() & 0o7777, mode);
    }
}

/// A client whose first forward listens on this path, and cannot.
fn failing(path: &Path, on_failure: OnForwardFailure) -> (Looped, Looped) {
    let (server, address) = server(server_config(), Answers::default());
    let mut config = client_config(address, loopback());
    config.on_forward_failure = on_failure;
    let mut second = config.forwards[0].clone();
    second.listen = Listen::Unix(path.to_path_buf());
    config.forwards.insert(0, second);
    let client = client(config, Answers::default());
    client.wait(|heard| matches!(heard, Heard::ListenFailed).then_some(()));
    (server, client)
}

#[test]
fn a_path_in_use_fails_its_forward_and_the_client_if_it_is_told_so() {
    let scratch = Scratch::new();
    fs::write(scratch.near(), b"precious").unwrap();
    let (_server, client) = failing(&scratch.near(), OnForwardFailure::GoOn);
    assert!(matches!(entry(&client), Entry::Tcp(_)));
    drop(client);
    let (_server, client) = failing(&scratch.near(), OnForwardFailure::End);
    assert_eq!(client.end(), End::ForwardFailed);
    assert_eq!(fs::read(scratch.near()).unwrap(), b"precious");
}

#[test]
fn the_file_goes_with_the_tunnel_however_that_ends() {
    // The program is told to stop.
    let mut tunnel = Tunnel::new((Unix, Tcp));
    tunnel.client.handle.stop();
    assert_eq!(tunnel.client.end(), End::Stopped);
    assert!(!tunnel.scratch.near().exists());

    // The session ends.
    tunnel = Tunnel::new((Unix, Tcp));
    tunnel._server.handle.stop();
    assert_eq!(tunnel.client.end(), End::SessionEnded);
    assert!(!tunnel.scratch.near().exists());

    // Another forward fails.
    let held = TcpListener::bind(loopback()).unwrap();
    let taken = held.local_addr().unwrap();
    let tunnel = Tunnel::with((Unix, Tcp), |client| {
        let mut second = client.forwards[0].clone();
        second.listen = Listen::Tcp(vec![taken]);
        client.forwards.push(second);
    });
    assert_eq!(tunnel.client.end(), End::ForwardFailed);
    assert!(!tunnel.scratch.near().exists());
    drop(held);

    // Somebody else's file is there by then.
    let tunnel = Tunnel::new((Unix, Tcp));
    fs::remove_file(tunnel.scratch.near()).unwrap();
    fs::write(tunnel.scratch.near(), b"theirs").unwrap();
    tunnel.client.handle.stop();
    assert_eq!(tunnel.client.end(), End::Stopped);
    assert_eq!(fs::read(tunnel.scratch.near()).unwrap(), b"theirs");
}

#[test]
fn a_destination_that_is_not_there_is_refused_with_the_systems_words() {
    for (remove, words) in [
        (true, "No such file or directory"),
        (false, "Connection refused"),
    ] {
        let mut tunnel = Tunnel::new((Tcp, Unix));
        // Closed, so that nobody listens; its file stays.
        tunnel.far = Far::Tcp(TcpListener::bind(loopback()).unwrap());
        if remove {
            fs::remove_file(tunnel.scratch.far()).unwrap();
        }
        let near = tunnel.entry.connect();
        let (code, text) = tunnel.client.wait(|heard| match heard {
            Heard::Refused(code, text) => Some((*code, text.clone())),
            _ => None,
        });
        let expected = (OpenFailure::ConnectFailed.code(), words);
        assert_eq!((code, text.as_str()), expected);
        assert!(near.all().is_err());
    }
}
