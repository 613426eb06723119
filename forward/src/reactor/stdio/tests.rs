//! Each kind of descriptor at both ends.

use std::fs::{self, OpenOptions};
use std::io::pipe;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use super::*;
use crate::reactor::inbox::Inbox;

/// Longest wait for anything: only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    far: UnixStream,
    notes: Inbox,
    poll: Poll,
    /// As a loop has one: the last that goes closes the descriptor that wakes, and nobody is woken.
    _outlet: Outlet,
}

impl World {
    fn new(input: impl Into<OwnedFd>, output: impl Into<OwnedFd>) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        far.set_write_timeout(Some(PATIENCE)).unwrap();
        let poll = Poll::new().unwrap();
        let (outlet, notes) = Outlet::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let stdio = Stdio {
            input: input.into(),
            output: output.into(),
        };
        join(stdio, near, outlet.clone()).unwrap();
        Self {
            far,
            notes,
            poll,
            _outlet: outlet,
        }
    }

    fn read_to_end(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        self.far.read_to_end(&mut read).unwrap();
        read
    }
}

/// What is said in the end of standard output.
fn written(notes: &Inbox, poll: &mut Poll) -> io::Result<()> {
    let note = loop {
        if let Some(note) = notes.next() {
            break note;
        }
        let mut events = Events::with_capacity(1);
        poll.poll(&mut events, Some(PATIENCE)).unwrap();
        assert!(!events.is_empty(), "nobody said anything");
    };
    match note {
        Note::Written(written) => written,
        Note::Letter { .. }
        | Note::LoopOver(_)
        | Note::Newcomer(..)
        | Note::Stop
        | Note::StopNow => panic!("another note"),
    }
}

fn path() -> std::path::PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("adit-stdio-{}-{n}", std::process::id()))
}

fn null() -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).open("/dev/null").unwrap()
}

#[test]
fn files_are_copied_whole_both_ways() {
    let (from, to) = (path(), path());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(&from, &bytes).unwrap();
    let mut world = World::new(File::open(&from).unwrap(), File::create(&to).unwrap());
    assert_eq!(world.read_to_end(), bytes);
    world.far.write_all(&bytes).unwrap();
    world.far.shutdown(Shutdown::Write).unwrap();
    written(&world.notes, &mut world.poll).unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes);
    fs::remove_file(from).unwrap();
    fs::remove_file(to).unwrap();
}

#[test]
fn each_half_of_pipes_ends_by_itself() {
    let ((input, mut their_output), (mut their_input, output)) = (pipe().unwrap(), pipe().unwrap());
    let mut world = World::new(input, output);
    world.far.write_all(b"one").unwrap();
    world.far.shutdown(Shutdown::Write).unwrap();
    let mut read = Vec::new();
    their_input.read_to_end(&mut read).unwrap();
    assert_eq!(read, b"one");
    written(&world.notes, &mut world.poll).unwrap();
    their_output.write_all(b"two").unwrap();
    drop(their_output);
    assert_eq!(world.read_to_end(), b"two");
}

#[test]
fn one_socket_for_both_ends_by_halves_too() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut world = World::new(ours.try_clone().unwrap(), ours);
    theirs.write_all(b"one").unwrap();
    world.far.write_all(b"two").unwrap();
    world.far.shutdown(Shutdown::Write).unwrap();
    let mut read = Vec::new();
    theirs.read_to_end(&mut read).unwrap();
    assert_eq!(read, b"two");
    written(&world.notes, &mut world.poll).unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    assert_eq!(world.read_to_end(), b"one");
}

#[test]
fn nothing_comes_from_dev_null_and_everything_goes_there() {
    let mut world = World::new(null(), null());
    assert_eq!(world.read_to_end(), b"");
    world.far.write_all(&[0; 1_000_000]).unwrap();
    world.far.shutdown(Shutdown::Write).unwrap();
    written(&world.notes, &mut world.poll).unwrap();
}

#[test]
fn a_descriptor_that_somebody_told_not_to_wait_is_waited_for_and_left_so() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let shared = ours.try_clone().unwrap();
    let mut world = World::new(ours.try_clone().unwrap(), ours);
    let bytes = vec![7; 1_000_000];
    world.far.write_all(&bytes[..100_000]).unwrap();
    let mut some = vec![0; 100_000];
    theirs.read_exact(&mut some).unwrap();
    theirs.write_all(b"x").unwrap();
    world.far.read_exact(&mut [0]).unwrap();
    let error = (&shared).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn an_output_that_nobody_reads_is_told_of_and_ends_both_ways() {
    let (reader, output) = pipe().unwrap();
    drop(reader);
    let (input, _their_output) = pipe().unwrap();
    let mut world = World::new(input, output);
    world.far.write_all(b"x").unwrap();
    let error = written(&world.notes, &mut world.poll).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(world.read_to_end(), b"");
    assert!(world.far.write_all(b"x").is_err());
}

#[test]
fn what_is_on_its_way_is_written_though_the_other_side_is_closed() {
    let (mut reader, output) = pipe().unwrap();
    let (input, _their_output) = pipe().unwrap();
    let mut world = World::new(input, output);
    let bytes = vec![7; 150_000]; // more than a pipe holds
    world.far.write_all(&bytes).unwrap();
    drop(world.far);
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes);
    written(&world.notes, &mut world.poll).unwrap();
}
