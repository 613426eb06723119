//! What a loop does without descriptors, and that it does nothing when there is nothing to do. One
//! test, in a process of its own: both are properties of a process.

#![cfg(feature = "reactor")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "tests"
)]

#[path = "reactor/world.rs"]
mod world;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use adit_proto::reason::OpenFailure;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

use world::{Heard, PATIENCE, World};

/// Time of the processor that this process has used.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let both = usage.user_time() + usage.system_time();
    Duration::from_micros(both.num_microseconds().try_into().unwrap())
}

/// Asserts that nothing runs, over a time in which a loop that spins uses all of it.
fn assert_idle(quiet: &TcpStream) {
    const SPAN: Duration = Duration::from_millis(400);
    quiet.set_read_timeout(Some(SPAN)).unwrap();
    let before = used();
    let read = (&*quiet).read(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    let used = used() - before;
    assert!(used < SPAN / 8, "{used:?}");
    quiet.set_read_timeout(Some(PATIENCE)).unwrap();
}

/// Takes all descriptors but `left`, under a low limit.
fn take_all_but(left: usize) -> Vec<File> {
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.truncate(taken.len() - left);
    taken
}

fn fill(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut refusals = 0;
    while refusals < 100 {
        match (&*stream).write(&[7; 65536]) {
            Ok(n) if n > 0 => refusals = 0,
            Ok(_) => panic!("a socket that takes nothing"),
            Err(_) => {
                refusals += 1;
                std::thread::yield_now();
            }
        }
    }
    stream.set_nonblocking(false).unwrap();
}

#[test]
fn a_loop_without_descriptors_waits_and_one_without_work_rests() {
    let world = World::new();
    let (near, far) = world.connect();
    let ping = || {
        (&near).write_all(b"x").unwrap();
        (&far).read_exact(&mut [0]).unwrap();
    };
    ping();

    // Nothing to do: idle, half closed, parked with a full window, and broken while parked.
    assert_idle(&near);
    let half = world.connect();
    half.0.shutdown(Shutdown::Write).unwrap();
    let parked = world.connect();
    fill(&parked.0);
    let broken = world.connect();
    fill(&broken.0);
    (&broken.1).write_all(b"unread").unwrap();
    broken.0.peek(&mut [0]).unwrap();
    drop(broken.0); // with unread bytes: a reset
    assert_eq!(world.client.channel_closed().2, "LocalReset");
    assert_idle(&near);
    drop((half, parked, broken.1));
    ping();

    // No descriptor for accept(2): the listener pauses, and goes on when there are some again.
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 128, hard).unwrap();
    let taken = take_all_but(1);
    let waiting = TcpStream::connect(world.near).unwrap();
    world
        .client
        .wait(|heard| matches!(heard, Heard::AcceptPaused).then_some(()));
    ping();
    assert_idle(&near);
    drop(taken);
    let (far_of_waiting, _) = world.far.accept().unwrap();
    (&waiting).write_all(b"y").unwrap();
    (&far_of_waiting).read_exact(&mut [0]).unwrap();

    // One for the application, one for accept(2), none for the server: refused in so many words.
    let taken = take_all_but(2);
    let refused = TcpStream::connect(world.near).unwrap();
    let code = world.client.wait(|heard| match heard {
        Heard::Refused(code, _) => Some(*code),
        _ => None,
    });
    assert_eq!(code, OpenFailure::ResourceShortage.code());
    let error = (&refused).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(taken);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    ping();
}
