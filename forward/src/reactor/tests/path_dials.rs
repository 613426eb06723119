//! Connections to Unix sockets: they are there at once, refused at once, or asked for again.

use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen as start_listening, socket,
};

use super::super::Reactor;
use super::super::context::{OwnedDial, Owner};
use super::super::dial::{Dial, Failed, PATH_RETRY, PATH_RETRY_MAX, Progress, Where};
use super::loopback;

/// A directory with a path in it, gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("adit-dials-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Where one connection may wait to be accepted.
fn narrow(path: &Path) -> UnixListener {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd: OwnedFd = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
    bind(fd.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    start_listening(&fd, Backlog::new(0).unwrap()).unwrap();
    UnixListener::from(fd)
}

fn dial(reactor: &mut Reactor, path: &Path, deadline: Option<Duration>) -> (usize, Progress) {
    let owned = OwnedDial {
        owner: Owner::Client,
        dial: Dial::new(Where::Path(path), deadline),
    };
    let told = &mut |_, _: Option<&io::Error>| panic!("a path is no address");
    reactor.context.dial(owned, told)
}

fn again(reactor: &mut Reactor, slot: usize) -> Progress {
    let now = reactor.context.timers.next().unwrap();
    reactor.context.now = now;
    assert!(reactor.context.timers.pop(now).is_some());
    if let Some(owned) = reactor.context.dials.get_mut(slot) {
        owned.dial.fired();
    }
    reactor.context.advance(slot, &mut |_, _| {})
}

fn errno(progress: &Progress) -> Option<i32> {
    match progress {
        Progress::Failed(Failed::Connect(error)) => error.raw_os_error(),
        Progress::Connected(_) | Progress::Failed(Failed::TooLate) | Progress::Pending => None,
    }
}

#[test]
fn a_socket_that_listens_is_connected_to_at_once() {
    let scratch = Scratch::new("listens");
    let listener = UnixListener::bind(scratch.path()).unwrap();
    let mut reactor = super::client(loopback(), loopback());
    let (_, progress) = dial(&mut reactor, &scratch.path(), None);
    let Progress::Connected(connected) = progress else {
        panic!("{progress:?}");
    };
    assert_eq!(connected.address, None);
    listener.accept().unwrap();
    connected.give_up(&mut reactor.context);
}

#[test]
fn one_that_does_not_is_refused_at_once() {
    let scratch = Scratch::new("refuses");
    let mut reactor = super::client(loopback(), loopback());
    let (_, progress) = dial(&mut reactor, &scratch.path(), None);
    assert_eq!(errno(&progress), Some(Errno::ENOENT as i32));
    drop(UnixListener::bind(scratch.path()).unwrap());
    let (_, progress) = dial(&mut reactor, &scratch.path(), Some(PATH_RETRY * 10));
    assert_eq!(errno(&progress), Some(Errno::ECONNREFUSED as i32));
    assert_eq!(reactor.context.timers.next(), None);
}

#[test]
fn one_that_has_no_room_is_asked_again_until_it_has() {
    let scratch = Scratch::new("room");
    let listener = narrow(&scratch.path());
    let _first = UnixStream::connect(scratch.path()).unwrap();
    let mut reactor = super::client(loopback(), loopback());
    let (slot, progress) = dial(&mut reactor, &scratch.path(), Some(PATH_RETRY * 100));
    assert!(matches!(progress, Progress::Pending));
    assert_eq!(reactor.context.timers.next(), Some(PATH_RETRY));
    assert!(matches!(again(&mut reactor, slot), Progress::Pending));
    listener.accept().unwrap();
    let progress = again(&mut reactor, slot);
    assert!(matches!(progress, Progress::Connected(_)), "{progress:?}");
    assert_eq!(reactor.context.timers.next(), None);
    listener.accept().unwrap();
}

#[test]
fn one_that_never_has_room_is_given_up() {
    let scratch = Scratch::new("never");
    let _listener = narrow(&scratch.path());
    let _first = UnixStream::connect(scratch.path()).unwrap();
    let mut reactor = super::client(loopback(), loopback());
    for (deadline, tries) in [
        (None, 1),
        (Some(Duration::ZERO), 1),
        (Some(PATH_RETRY), 1),
        (Some(PATH_RETRY + Duration::from_millis(1)), 2),
        (Some(PATH_RETRY * 3), 2),
        (Some(PATH_RETRY * 3 + Duration::from_millis(1)), 3),
        // 50, 100, 200, 400 and 800 ms, and then each second.
        (Some(Duration::from_secs(10)), 14),
        (Some(Duration::from_secs(100)), 104),
    ] {
        reactor.context.now = Duration::ZERO;
        let (slot, mut progress) = dial(&mut reactor, &scratch.path(), deadline);
        let mut tried = 1;
        while let Progress::Pending = progress {
            let now = reactor.context.now;
            let wait = reactor.context.timers.next().unwrap() - now;
            assert!((PATH_RETRY..=PATH_RETRY_MAX).contains(&wait), "{wait:?}");
            progress = again(&mut reactor, slot);
            tried += 1;
        }
        assert_eq!(errno(&progress), Some(Errno::EAGAIN as i32));
        assert_eq!(tried, tries, "{deadline:?}");
        assert_eq!(reactor.context.timers.next(), None);
    }
}
