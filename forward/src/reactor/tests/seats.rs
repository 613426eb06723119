//! Applications without a channel, on a network in memory and a clock that the test moves: how many
//! there may be, and for how long.

use std::io::{ErrorKind, Read, Write};

use adit_testkit::net::{Host, Net, Stream as Fake, Weather};

use super::super::guest::{About, DROPPED_MAX};
use super::super::guests::{GUESTS_MAX, LEAVE_TIME, REQUEST_TIME};
use super::super::local::Socket;
use super::super::ready::Ready;
use super::super::stream::Stream;
use super::*;
use crate::socks::Refusal;

struct Refusals(Vec<Refusal>);

impl Program for Refusals {
    fn observe(&mut self, event: &Event<'_>) {
        if let Event::GuestRefused { why, .. } = event {
            self.0.push(*why);
        }
    }
}

struct Hall {
    net: Net,
    listener: adit_testkit::net::Listener,
    reactor: Reactor,
    refusals: Refusals,
    now: Duration,
}

const MS: Duration = Duration::from_millis(1);

impl Hall {
    fn new() -> Self {
        let net = Net::new(1, Weather::FAIR);
        net.run_as(Host::Client);
        let listener = net.listen(([127, 0, 0, 1], 1080).into());
        Self {
            net,
            listener,
            reactor: client(loopback(), loopback()),
            refusals: Refusals(Vec::new()),
            now: Duration::ZERO,
        }
    }

    /// One more application. What it has of the connection.
    fn enter(&mut self) -> Fake {
        self.net.run_as(Host::Apps);
        let theirs = self.net.connect(([127, 0, 0, 1], 1080).into()).unwrap();
        self.net.run_as(Host::Client);
        let (ours, from) = self.listener.accept().unwrap();
        let context = &mut self.reactor.context;
        let source = context.sources.insert(Source::Waker);
        ours.register(source).unwrap();
        let socket = Socket {
            stream: Stream::Fake(ours),
            source,
            ready: Ready::writable(),
        };
        let about = About {
            from: Some(from),
            forward: 0,
        };
        context.welcome(socket, about, &mut self.refusals);
        theirs
    }

    /// Everything that there is to be done at that time.
    fn at(&mut self, now: Duration) {
        self.now = now;
        for _ in 0..4000 {
            while self.net.arrive() {}
            let events: Vec<Readiness> = self
                .net
                .events(Host::Client)
                .iter()
                .map(|told| Readiness {
                    source: told.token,
                    readable: told.readable,
                    writable: told.writable,
                    read_closed: told.read_closed,
                    error: told.error,
                    priority: false,
                })
                .collect();
            let quiet = events.is_empty();
            self.reactor
                .batch(events.into_iter(), now, &mut self.refusals);
            if quiet && !self.net.arrive() {
                return;
            }
        }
        panic!("it never ends");
    }

    fn seated(&self) -> usize {
        self.net.open_sockets(Host::Client)
    }
}

fn all(stream: &mut Fake) -> Result<String, ErrorKind> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) => Err(e.kind()),
    }
}

#[test]
fn there_are_at_most_256_and_one_more_costs_the_first_its_place() {
    let mut hall = Hall::new();
    let mut apps = Vec::new();
    for n in 0..GUESTS_MAX {
        hall.at(MS * u32::try_from(n).unwrap());
        apps.push(hall.enter());
        assert_eq!(hall.seated(), n + 1);
    }
    assert_eq!(hall.refusals.0, []);
    apps.push(hall.enter());
    hall.at(hall.now);
    assert_eq!(hall.refusals.0, [Refusal::Crowded]);
    assert_eq!(hall.seated(), GUESTS_MAX);
    assert!(all(&mut apps[0]).is_ok_and(|heard| heard.is_empty()));
    assert_eq!(all(&mut apps[1]), Err(ErrorKind::WouldBlock));
}

#[test]
fn who_waits_for_a_channel_keeps_its_place() {
    let mut hall = Hall::new();
    let mut first = hall.enter();
    first.write_all(b"CONNECT h:1 HTTP/1.1\r\n\r\n").unwrap();
    hall.at(MS);
    assert!(hall.reactor.context.guests.is_waiting());
    let apps: Vec<_> = (0..GUESTS_MAX).map(|_| hall.enter()).collect();
    hall.at(REQUEST_TIME * 2);
    assert_eq!(all(&mut first), Err(ErrorKind::WouldBlock));
    assert!(hall.reactor.context.guests.is_waiting());
    drop((first, apps));
}

#[test]
fn a_request_has_thirty_seconds_and_its_end_five() {
    let mut hall = Hall::new();
    let (mut silent, mut slow) = (hall.enter(), hall.enter());
    slow.write_all(b"CONNECT ").unwrap();
    hall.at(REQUEST_TIME - MS);
    assert_eq!(hall.refusals.0, []);
    for app in [&mut silent, &mut slow] {
        let read = app.read(&mut [0]).map_err(|e| e.kind());
        assert_eq!(read, Err(ErrorKind::WouldBlock));
    }
    hall.at(REQUEST_TIME);
    assert_eq!(hall.refusals.0, [Refusal::TooSlow, Refusal::TooSlow]);
    assert_eq!(all(&mut silent), Ok(String::new()));
    assert!(
        all(&mut slow)
            .unwrap()
            .starts_with("HTTP/1.1 408 Request Timeout\r\n")
    );
    // Neither of them has closed.
    hall.at(REQUEST_TIME + LEAVE_TIME - MS);
    assert_eq!(hall.seated(), 2);
    hall.at(REQUEST_TIME + LEAVE_TIME);
    assert_eq!(hall.seated(), 0);
}

#[test]
fn of_one_that_leaves_at_most_256_kib_are_read() {
    let mut hall = Hall::new();
    let mut app = hall.enter();
    app.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    hall.at(MS);
    assert_eq!(hall.refusals.0, [Refusal::Method]);
    assert!(all(&mut app).unwrap().starts_with("HTTP/1.1 405 "));
    let mut sent = 0;
    while sent < 2 * DROPPED_MAX && hall.seated() == 1 {
        sent += app.write(&[b'x'; 10_000]).unwrap_or(0);
        hall.at(MS);
    }
    assert!(
        (DROPPED_MAX..DROPPED_MAX + 100_000).contains(&sent),
        "{sent}"
    );
}

#[test]
fn one_that_goes_away_leaves_nothing() {
    let mut hall = Hall::new();
    for said in [&b""[..], b"\x05\x01", b"CONNECT h:1 HTTP/1.1\r\n\r\n"] {
        let mut app = hall.enter();
        app.write_all(said).unwrap();
        hall.at(hall.now + MS);
        assert_eq!(hall.seated(), 1);
        app.set_linger(adit_testkit::net::Closing::Reset);
        drop(app);
        hall.at(hall.now + MS);
        assert_eq!(hall.seated(), 0);
        assert!(!hall.reactor.context.guests.is_waiting());
    }
    assert_eq!(hall.refusals.0, []);
}

#[test]
fn a_request_waits_while_there_is_no_channel_and_so_does_who_comes_then() {
    let far = TcpListener::bind(loopback()).unwrap();
    let to = far.local_addr().unwrap();
    let (server, address) = server();
    let mut reactor = client(address, to);
    if let Side::Client(client) = &mut reactor.side {
        client.forwards = client
            .forwards
            .iter()
            .map(|forward| Forward {
                to: To::Dynamic,
                ..forward.clone()
            })
            .collect();
        client.limits = Limits {
            max_channels: 2,
            ..Limits::CLIENT
        };
    }
    let (handle, near) = started(reactor);
    let request = [
        &b"\x04\x01"[..],
        &to.port().to_be_bytes(),
        b"\x7f\0\0\x01\0",
    ]
    .concat();
    let connect = || {
        let mut near = TcpStream::connect(near).unwrap();
        near.write_all(&request).unwrap();
        near
    };
    let accept = |mut near: TcpStream| {
        let far = far.accept().unwrap().0;
        near.read_exact(&mut [0; 8]).unwrap();
        (near, far)
    };
    let mut open: Vec<_> = (0..2).map(|_| accept(connect())).collect();
    let waiting = [connect(), connect(), connect()];
    for _ in 0..20 {
        open.iter().for_each(|(near, far)| ping(near, far));
    }
    far.set_nonblocking(true).unwrap();
    assert_eq!(far.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    far.set_nonblocking(false).unwrap();
    for waiting in waiting {
        drop(open.remove(0));
        open.push(accept(waiting));
        let (near, far) = open.last().unwrap();
        ping(near, far);
    }
    handle.stop();
    server.stop();
}
