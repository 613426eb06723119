//! Many channels of one session: what one costs that does nothing, and what they cost another. One
//! test, in a process of its own: memory is counted for all of it.
//!
//! What it measures with hundreds, `./test figures` measures with ten thousand and real programs.

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

use std::alloc::System;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use adit_forward::reactor::raise_descriptor_limit;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};
use nix::sys::time::TimeValLike;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use world::{Heard, PATIENCE, World};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Each has four descriptors in this process.
const CHANNELS: usize = 400;
/// What a channel may cost at its two ends together.
const BYTES_MAX: usize = 2 * 1024;
const PINGS: u32 = 2000;
/// Connections that nobody reads from, at either end.
const BLOCKED: usize = 4;
/// A way that takes nothing for so long is full.
const FULL: Duration = Duration::from_millis(30);

/// Time of the processor that this process has used.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let both = usage.user_time() + usage.system_time();
    Duration::from_micros(both.num_microseconds().try_into().unwrap())
}

/// Whether more is done in [`FULL`] than being looked at.
fn is_busy() -> bool {
    let before = used();
    thread::sleep(FULL);
    used() - before > FULL / 20
}

fn ping(pair: &(TcpStream, TcpStream)) {
    let (mut near, mut far) = (&pair.0, &pair.1);
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
    far.write_all(b"y").unwrap();
    near.read_exact(&mut [0]).unwrap();
}

/// Of some tries the one that was least disturbed.
fn pings(pair: &(TcpStream, TcpStream)) -> Duration {
    let tries = (0..5).map(|_| {
        let before = used();
        (0..PINGS / 5).for_each(|_| ping(pair));
        used() - before
    });
    tries.min().unwrap()
}

#[test]
fn channels_that_do_nothing_or_are_blocked_cost_little_memory_and_no_time() {
    let descriptors = raise_descriptor_limit().unwrap();
    assert!(descriptors > 2000, "{descriptors}");
    let world = World::new();
    let pair = world.connect();
    ping(&pair);
    let alone = pings(&pair);

    let mut held = Vec::with_capacity(CHANNELS);
    let region = Region::new(ALLOCATOR);
    for _ in 0..CHANNELS {
        let pair = world.connect();
        ping(&pair);
        held.push(pair);
    }
    let change = region.change();
    let grown = change.bytes_allocated - change.bytes_deallocated;
    let each = grown / CHANNELS;
    println!("{each} bytes for both ends of a channel");
    assert!(each <= BYTES_MAX, "{each}");

    // Whatever is done for each channel in each turn would be done four hundred times as often.
    let among = pings(&pair);
    println!("{alone:?} alone, {among:?} among {CHANNELS} others");
    assert!(among < alone * 2, "{among:?} instead of {alone:?}");

    let blocked: Vec<_> = (0..BLOCKED).map(|_| world.connect()).collect();
    for (near, far) in &blocked {
        fill(near);
        fill(far);
    }
    // The threads that fill the way may have had to wait for a processor.
    while is_busy() {}
    let beside = pings(&pair);
    println!("{beside:?} beside {BLOCKED} whose readers are blocked");
    assert!(beside < alone * 2, "{beside:?} instead of {alone:?}");
    drop(blocked);

    // All at once have something to say, and each is heard.
    for (near, _) in &held {
        (&*near).write_all(b"x").unwrap();
    }
    for (_, far) in &held {
        (&*far).read_exact(&mut [0]).unwrap();
    }
    drop(held);
    ping(&pair);
    wait_in_the_backlog(&world, &pair);
}

/// Writes until the whole way is full, to a reader that does not read.
fn fill(mut writer: &TcpStream) {
    writer.set_nonblocking(true).unwrap();
    let mut since = Instant::now();
    while since.elapsed() < FULL {
        match writer.write(&[7; 64 << 10]) {
            Ok(n) => {
                assert_ne!(n, 0);
                since = Instant::now();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                thread::sleep(FULL / 30);
            }
        }
    }
}

/// More connections than descriptors: they wait, nothing runs, and each gets its turn.
fn wait_in_the_backlog(world: &World, pair: &(TcpStream, TcpStream)) {
    const WAITING: usize = 40;
    const SPAN: Duration = Duration::from_millis(400);
    // The applications' own sockets come before the shortage.
    let sockets: Vec<TcpStream> = (0..WAITING)
        .map(|_| {
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None);
            socket.unwrap().into()
        })
        .collect();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let mut taken = vec![File::open("/dev/null").unwrap()];
    setrlimit(Resource::RLIMIT_NOFILE, 2000, hard).unwrap();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    let SocketAddr::V4(near) = world.near else {
        panic!("{}", world.near);
    };
    for socket in &sockets {
        connect(socket.as_raw_fd(), &SockaddrIn::from(near)).unwrap();
    }
    world
        .client
        .wait(|heard| matches!(heard, Heard::AcceptPaused).then_some(()));
    ping(pair);
    pair.0.set_read_timeout(Some(SPAN)).unwrap();
    let before = used();
    let read = (&pair.0).read(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    let used = used() - before;
    assert!(used < SPAN / 8, "{used:?}");
    drop(taken);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    for socket in &sockets {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut far = world.far.accept().unwrap().0;
        far.write_all(b"y").unwrap();
    }
    for mut socket in sockets {
        socket.read_exact(&mut [0]).unwrap();
    }
}
