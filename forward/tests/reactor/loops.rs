//! A server on several event loops: who goes where, what is counted over all of them, and how they
//! end.

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use adit_auth::{Decision, KeyPolicy};
use adit_crypto::encoded;
use adit_forward::observer::{Answer, Event, Gone, KeyQuestion, OpenQuestion, Program};
use adit_forward::policy::{Denied, Permitted};
use adit_forward::reactor::{
    End, Handle, LOOPS_MAX, LoopCount, Loops, MaxStartups, ServerConfig, listen,
};
use adit_proto::msg::{ChannelOpen, DIRECT_TCPIP, DirectTcpip, GlobalRequest};
use adit_proto::{Rest, number};

use crate::scripted::Scripted;
use crate::world::{PATIENCE, loopback, server_config};

/// What a loop has told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    Authenticated,
    Connected,
    Dropped(u32),
    Gone,
    /// Its program holds it.
    Held,
}

/// The program of one loop.
struct Player {
    number: usize,
    told: Sender<(usize, Told)>,
    /// A request to open anything holds the loop until there is something here.
    hold: Arc<Mutex<Receiver<()>>>,
    faulty: bool,
}

impl Player {
    fn tell(&self, what: Told) {
        let _ = self.told.send((self.number, what));
    }
}

impl Program for Player {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Connected { .. } => {
                self.tell(Told::Connected);
                assert!(!self.faulty, "a fault outside every session");
            }
            Event::Authenticated { .. } => self.tell(Told::Authenticated),
            Event::Dropped { startups, .. } => self.tell(Told::Dropped(*startups)),
            Event::PeerGone { why, .. } => {
                assert!(!matches!(why, Gone::Panicked));
                self.tell(Told::Gone);
            }
            _ => {}
        }
    }

    fn authorize(&mut self, _: &KeyQuestion<'_>) -> Answer<Decision> {
        Answer::Now(Decision::Allowed(KeyPolicy::unrestricted(0, 1)))
    }

    fn may_open(&mut self, _: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        self.tell(Told::Held);
        let _ = self.hold.lock().unwrap().recv();
        Err(Denied::NothingAllowed)
    }
}

/// A server on so many loops.
struct Server {
    address: SocketAddr,
    told: Receiver<(usize, Told)>,
    /// Lets one loop go on that is held; all of them once this is gone.
    release: Sender<()>,
    handle: Handle,
    thread: JoinHandle<std::io::Result<End>>,
}

impl Server {
    fn new(loops: usize, config: ServerConfig) -> Self {
        Self::with_fault_on(usize::MAX, loops, config)
    }

    fn with_fault_on(faulty: usize, loops: usize, config: ServerConfig) -> Self {
        let listeners = listen(&[loopback()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let count = LoopCount::new(loops).unwrap();
        let loops = Loops::server(config, listeners, count).unwrap();
        let handle = loops.handle();
        let (sender, told) = mpsc::channel();
        let (release, hold) = mpsc::channel();
        let hold = Arc::new(Mutex::new(hold));
        let player = move |number| Player {
            number,
            told: sender.clone(),
            hold: Arc::clone(&hold),
            faulty: number == faulty,
        };
        Self {
            address,
            told,
            release,
            handle,
            thread: thread::spawn(move || loops.run(player)),
        }
    }

    fn next(&self) -> (usize, Told) {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn log_in(&self) -> Scripted {
        Scripted::authenticated(self.address)
    }

    /// The loops that so many sessions went to, which log in one after the other.
    fn logged_in(&self, n: usize) -> (Vec<Scripted>, Vec<usize>) {
        let log_in = |_| {
            let session = self.log_in();
            let (at, what) = self.next();
            assert_eq!(what, Told::Connected);
            assert_eq!(self.next(), (at, Told::Authenticated));
            (session, at)
        };
        (0..n).map(log_in).unzip()
    }

    fn end(self) -> End {
        self.thread.join().unwrap().unwrap()
    }
}

/// Asks for a connection, which the program has to say something about.
fn ask(client: &mut Scripted) {
    let data = encoded(&DirectTcpip {
        host_to_connect: b"127.0.0.1",
        port_to_connect: 1,
        originator_ip_address: b"127.0.0.1",
        originator_port: 1,
    });
    client.send(&ChannelOpen {
        channel_type: DIRECT_TCPIP,
        sender_channel: 0,
        initial_window_size: 1 << 20,
        maximum_packet_size: 32 << 10,
        data: Rest(&data),
    });
    client.flush();
}

/// Asks for something that nobody knows, and has the answer.
fn ping(client: &mut Scripted) {
    client.send(&GlobalRequest {
        request_name: b"unknown",
        want_reply: true,
        data: Rest(&[]),
    });
    client.flush();
    assert_eq!(client.answer()[0], number::REQUEST_FAILURE);
}

#[test]
fn sessions_go_to_the_loop_with_the_fewest_and_stay_there() {
    let server = Server::new(3, server_config());
    let (mut sessions, at) = server.logged_in(9);
    assert_eq!(at, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    // Where some end there is room for the next ones.
    for n in [7, 4] {
        drop(sessions.remove(n));
        assert_eq!(server.next(), (1, Told::Gone));
    }
    drop(sessions.remove(5));
    assert_eq!(server.next(), (0, Told::Gone));
    let (_more, at) = server.logged_in(3);
    assert_eq!(at, [1, 0, 1]);
    server.handle.stop();
    assert_eq!(server.end(), End::Stopped);
}

#[test]
fn one_loop_has_all_sessions_and_runs_where_it_was_started() {
    let server = Server::new(1, server_config());
    let (sessions, at) = server.logged_in(3);
    assert_eq!(at, [0, 0, 0]);
    server.handle.stop();
    for session in sessions {
        session.assert_gone();
    }
    assert_eq!(server.end(), End::Stopped);
}

#[test]
fn startups_are_counted_over_all_loops_and_to_the_last_one() {
    const FULL: u32 = 5;
    let mut config = server_config();
    config.max_startups = MaxStartups {
        start: FULL,
        rate: 100,
        full: FULL,
    };
    let server = Server::new(3, config);
    let connect = || TcpStream::connect(server.address).unwrap();
    let (mut logged_in, _) = server.logged_in(2);
    let mut silent: Vec<_> = (0..FULL).map(|_| connect()).collect();
    let mut at: Vec<_> = (0..FULL).map(|_| server.next()).collect();
    at.sort_unstable_by_key(|told| told.0);
    let connected = |n| (n, Told::Connected);
    assert_eq!(at, [0, 0, 1, 2, 2].map(connected).to_vec());
    let _dropped = connect();
    assert_eq!(server.next(), (0, Told::Dropped(FULL)));
    // One leaves, and one comes in its place; then it is full again. So on each loop.
    for _ in 0..FULL {
        drop(silent.remove(0));
        let (n, what) = server.next();
        assert_eq!(what, Told::Gone);
        silent.push(connect());
        assert_eq!(server.next(), (n, Told::Connected));
        let _dropped = connect();
        assert_eq!(server.next(), (0, Told::Dropped(FULL)));
    }
    // So does one that logs in, wherever that is.
    for _ in 0..3 {
        drop(silent.remove(0));
        assert_eq!(server.next().1, Told::Gone);
        let (more, _) = server.logged_in(1);
        logged_in.extend(more);
        silent.push(connect());
        assert_eq!(server.next().1, Told::Connected);
        let _dropped = connect();
        assert_eq!(server.next(), (0, Told::Dropped(FULL)));
    }
    server.handle.stop();
    assert_eq!(server.end(), End::Stopped);
}

#[test]
fn a_loop_that_is_held_holds_only_its_own_sessions() {
    let server = Server::new(2, server_config());
    let (mut sessions, at) = server.logged_in(4);
    assert_eq!(at, [0, 1, 0, 1]);
    ask(&mut sessions[1]);
    assert_eq!(server.next(), (1, Told::Held));
    // The other loop accepts, and lets in who is its own.
    let (mut more, at) = server.logged_in(1);
    assert_eq!(at, [0]);
    // Its sessions have their answers, as often as they ask.
    for _ in 0..100 {
        ping(&mut more[0]);
        ping(&mut sessions[2]);
    }
    server.release.send(()).unwrap();
    assert_eq!(sessions[1].answer()[0], number::CHANNEL_OPEN_FAILURE);
    server.handle.stop();
    assert_eq!(server.end(), End::Stopped);
}

#[test]
fn a_loop_that_is_held_is_not_waited_for_longer_than_sessions_are() {
    let server = Server::new(2, server_config());
    let (mut sessions, _) = server.logged_in(2);
    ask(&mut sessions[1]);
    assert_eq!(server.next(), (1, Told::Held));
    let begun = Instant::now();
    server.handle.stop();
    sessions.remove(0).assert_gone();
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Stopped);
    assert!(begun.elapsed() < PATIENCE / 2);
    drop(server.release);
}

#[test]
fn a_loop_that_fails_ends_the_server() {
    let server = Server::with_fault_on(1, 2, server_config());
    let _first = server.log_in();
    let second = TcpStream::connect(server.address).unwrap();
    assert!(server.thread.join().unwrap().is_err());
    drop(second);
}

#[test]
fn there_is_one_loop_at_least_and_no_more_than_so_many() {
    assert_eq!(LoopCount::new(0), None);
    assert_eq!(LoopCount::new(1), Some(LoopCount::ONE));
    for n in [LOOPS_MAX - 1, LOOPS_MAX] {
        assert_eq!(LoopCount::new(n).unwrap().get(), n);
    }
    assert_eq!(LoopCount::new(LOOPS_MAX + 1), None);
    let here = LoopCount::of_this_machine().get();
    assert!((1..=LOOPS_MAX).contains(&here));
}
