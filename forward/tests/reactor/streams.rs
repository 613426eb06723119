//! Bytes and ends of streams: what an application sees through the tunnel is what it would see
//! over plain TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;

use adit_crypto::{PURE, Provider, RING};
use adit_forward::reactor::{ClientConfig, FileKey, Room, ServerConfig};
use adit_proto::Ident;
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;
use nix::sys::socket::{MsgFlags, send};

use crate::world::{Answers, Heard, PATIENCE, World, key_on, ssh_on};

/// Bytes that depend on where they are in the stream.
fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        out.extend_from_slice(&dice.next().to_le_bytes());
    }
    out.truncate(len);
    out
}

fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut out = Vec::new();
    stream.read_to_end(&mut out).unwrap();
    out
}

/// A client on this provider, a server on each.
fn a_byte_goes_there_and_back(provider: &'static Provider) {
    for there in [&RING, &PURE] {
        let world = World::with(Answers::default(), |client, server| {
            client.ssh = ssh_on(provider);
            client.identities.files = vec![FileKey::loaded("test".to_owned(), key_on(provider))];
            server.ssh = ssh_on(there);
            server.host_keys = Arc::new([key_on(there)]);
        });
        let (mut near, mut far) = world.connect();
        near.write_all(b"p").unwrap();
        let mut one = [0];
        far.read_exact(&mut one).unwrap();
        far.write_all(b"q").unwrap();
        near.read_exact(&mut one).unwrap();
        assert_eq!(&one, b"q");
    }
}

on_every_provider! { real: a_byte_goes_there_and_back }

#[test]
fn many_bytes_go_both_ways_while_keys_change() {
    many_bytes(24 << 20, |client, server| {
        client.ssh.rekey.bytes = Some(1 << 20);
        server.ssh.rekey.bytes = Some(1 << 20);
    });
}

#[test]
fn many_bytes_go_both_ways_at_once() {
    many_bytes(24 << 20, |_, _| {});
}

#[test]
fn many_bytes_go_both_ways_through_a_client_with_little_room() {
    many_bytes(2 << 20, |client, _| client.room = Room::Small);
}

fn many_bytes(len: usize, change: impl FnOnce(&mut ClientConfig, &mut ServerConfig)) {
    let world = World::with(Answers::default(), change);
    let (near, far) = world.connect();
    let (there, back) = (pattern(len, 1), pattern(len, 2));
    thread::scope(|scope| {
        for (mut stream, bytes) in [(&near, &there), (&far, &back)] {
            scope.spawn(move || {
                stream.write_all(bytes).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
        }
        let arrived = scope.spawn(|| read_all(&far));
        assert!(read_all(&near) == back);
        assert!(arrived.join().unwrap() == there);
    });
    let (sent, received, why) = world.client.channel_closed();
    assert_eq!((sent, received), (there.len() as u64, back.len() as u64));
    assert_eq!(why, "Finished");
}

#[test]
fn one_side_may_end_while_the_other_goes_on() {
    let world = World::new();
    for (a, b) in [(true, 1), (false, 2)] {
        let (near, far) = world.connect();
        let (first, mut second) = if a { (&near, &far) } else { (&far, &near) };
        first.shutdown(Shutdown::Write).unwrap();
        assert!(read_all(second).is_empty());
        let bytes = pattern(3 << 20, b);
        thread::scope(|scope| {
            let reader = scope.spawn(|| read_all(first));
            second.write_all(&bytes).unwrap();
            second.shutdown(Shutdown::Write).unwrap();
            assert!(reader.join().unwrap() == bytes);
        });
        assert_eq!(world.client.channel_closed().2, "Finished");
    }
}

#[test]
fn the_last_bytes_arrive_before_the_end_though_nobody_reads_yet() {
    let world = World::new();
    let (mut near, far) = world.connect();
    let bytes = pattern(1 << 20, 3);
    thread::scope(|scope| {
        scope.spawn(|| {
            far.shutdown(Shutdown::Write).unwrap();
            near.write_all(&bytes).unwrap();
            drop(near);
        });
        // What is written meanwhile fills windows and socket buffers.
        world
            .client
            .wait(|heard| matches!(heard, Heard::Opened).then_some(()));
        assert!(read_all(&far) == bytes);
    });
}

#[test]
fn a_reset_is_not_taken_for_a_clean_end_and_hurts_nobody_else() {
    let world = World::new();
    let (mut bystander, mut bystander_far) = world.connect();
    for reset_near in [true, false] {
        let (near, far) = world.connect();
        let (victim, other) = if reset_near { (near, far) } else { (far, near) };
        // Unread bytes make close(2) a reset.
        (&other).write_all(b"unread").unwrap();
        let mut one = [0];
        assert_eq!(victim.peek(&mut one).unwrap(), 1);
        drop(victim);
        let mut rest = Vec::new();
        let ended = (&other).read_to_end(&mut rest).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
        assert!(rest.is_empty());
        drop(other);
        world.client.channel_closed();
    }
    bystander.write_all(b"still here").unwrap();
    let mut ten = [0; 10];
    bystander_far.read_exact(&mut ten).unwrap();
    assert_eq!(&ten, b"still here");
}

#[test]
fn a_reset_reaches_who_writes_and_does_not_read() {
    let world = World::new();
    for reset_near in [true, false] {
        let (near, far) = world.connect();
        let (victim, other) = if reset_near { (near, far) } else { (far, near) };
        fill(&world, &victim);
        (&other).write_all(b"unread").unwrap();
        assert_eq!(victim.peek(&mut [0]).unwrap(), 1);
        drop(victim);
        other.set_write_timeout(Some(PATIENCE)).unwrap();
        let ended = (&other).write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_ne!(ended.kind(), ErrorKind::WouldBlock, "it waits to be read");
    }
}

#[test]
fn a_close_without_eof_from_another_program_is_taken_for_an_end_in_order() {
    // It may have meant one, and a reset would take from an application what it has not read.
    let world = World::with(Answers::default(), |client, server| {
        client.ssh.ident = Ident::new(b"SSH-2.0-other").unwrap();
        server.ssh.ident = Ident::new(b"SSH-2.0-other").unwrap();
    });
    for reset_near in [true, false] {
        let (near, far) = world.connect();
        let (victim, other) = if reset_near { (near, far) } else { (far, near) };
        (&other).write_all(b"unread").unwrap();
        assert_eq!(victim.peek(&mut [0]).unwrap(), 1);
        drop(victim);
        assert_eq!((&other).read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

/// Writes until nothing has been taken for a while: windows and socket buffers are full then. Says
/// how much was taken.
fn fill(world: &World, stream: &TcpStream) -> u64 {
    stream.set_nonblocking(true).unwrap();
    let chunk = pattern(64 << 10, 4);
    let (mut written, mut idle) = (0_u64, 0);
    while idle < 50 {
        match (&mut &*stream).write(&chunk) {
            Ok(n) => {
                written += n as u64;
                idle = 0;
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::WouldBlock);
                idle += 1;
                // Meanwhile somebody else's bytes pass, which also is the time that passes.
                let (mut near, mut far) = world.connect();
                near.write_all(&chunk).unwrap();
                let mut got = vec![0; chunk.len()];
                far.read_exact(&mut got).unwrap();
                assert!(got == chunk);
            }
        }
    }
    stream.set_nonblocking(false).unwrap();
    written
}

#[test]
fn a_slow_reader_is_bounded_and_stops_nobody_else() {
    let world = World::new();
    let (slow_near, slow_far) = world.connect();
    let written = fill(&world, &slow_near);
    // The server may hold a quarter of its 32 MiB for one channel; sockets hold a few more each.
    assert!(written < 48 << 20, "{written}");
    slow_near.shutdown(Shutdown::Write).unwrap();
    let mut total = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match (&slow_far).read(&mut buffer).unwrap() {
            0 => break,
            n => total += n as u64,
        }
    }
    assert_eq!(total, written);
}

#[test]
fn many_connections_at_once_each_get_their_own_bytes() {
    let world = World::new();
    let far = &world.far;
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                let mut stream = far.accept().unwrap().0;
                scope.spawn(move || {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).unwrap();
                    bytes.reverse();
                    stream.write_all(&bytes).unwrap();
                });
            }
        });
        for n in 0..200 {
            let near = world.near;
            scope.spawn(move || {
                let mut stream = TcpStream::connect(near).unwrap();
                let mut bytes = pattern(10_000 + n, n as u64);
                stream.write_all(&bytes).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                bytes.reverse();
                assert!(read_all(&stream) == bytes);
            });
        }
    });
}

#[test]
fn urgent_bytes_stop_nothing_and_arrive_in_their_place() {
    let world = World::new();
    let (near, far) = world.connect();
    for (mut from, mut to) in [(&near, &far), (&far, &near)] {
        for _ in 0..20 {
            from.write_all(b"before").unwrap();
            let sent = send(from.as_raw_fd(), b"!", MsgFlags::MSG_OOB);
            assert_eq!(sent, Ok(1));
            from.write_all(b"behind").unwrap();
            let mut got = [0; 13];
            to.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"before!behind");
        }
    }
}

#[test]
fn an_answer_ahead_of_a_reset_arrives_though_the_question_goes_on() {
    let world = World::new();
    for _ in 0..5 {
        let (near, mut far) = world.connect();
        // Far more than the sockets hold: the server has bytes that it cannot get rid of.
        let asking = near.try_clone().unwrap();
        let asks = thread::spawn(move || while (&asking).write_all(&[0; 64 << 10]).is_ok() {});
        far.read_exact(&mut [0; 1 << 20]).unwrap();
        far.write_all(b"too much").unwrap();
        drop(far); // with unread bytes: RST
        let mut answer = [0; 8];
        (&near).read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"too much");
        asks.join().unwrap();
    }
}
