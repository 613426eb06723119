//! What the loop calls the system for, counted on sockets in memory: a read for each packet, a write
//! for all that a turn seals, no read that only says that there is nothing, one registration for
//! each socket, and randomness for many packets at once. The time is given to a batch of events, so
//! that nothing in it can ask for it; that nothing else does is read from the sources, by
//! `cli/tests/workspace`.

use core::net::{IpAddr, Ipv4Addr};
use core::sync::atomic::{AtomicUsize, Ordering};

use adit_crypto::{Provider, SecureRandom, Unspecified};
use adit_testkit::net::{Calls, Host, Listener as Exit, Net, Stream as FakeStream, Weather};

use super::super::accept::For;
use super::super::desk::CALLS_MAX;
use super::super::local::Seen;
use super::super::stream::Listener as AnyListener;
use super::*;
use crate::relay::QUANTUM;

/// Three packets of the largest size and a small one: a multiple of that size would hide from a
/// reader that it has emptied the socket.
const PORTION: usize = 3 * QUANTUM + 1000;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 22);
const ENTRY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 1);
const EXIT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)), 1);

/// The system's randomness, and how often it was asked for some.
#[derive(Default)]
struct Counted(AtomicUsize);

impl SecureRandom for Counted {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        self.0.fetch_add(1, Ordering::Relaxed);
        RING.random.fill(out)
    }
}

impl Counted {
    /// One that a provider can hold.
    fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    fn ssh(&'static self) -> SshConfig {
        let provider = Box::leak(Box::new(Provider {
            random: self,
            ..RING
        }));
        SshConfig { provider, ..ssh() }
    }
}

/// One program, how often it was woken, and what it has randomness from.
struct Woken {
    host: Host,
    reactor: Reactor,
    program: Willing,
    wakes: usize,
    random: &'static Counted,
}

impl Woken {
    fn new(host: Host, reactor: Reactor, random: &'static Counted) -> Self {
        let (sender, _nobody) = mpsc::channel();
        Self {
            host,
            reactor,
            program: Willing(sender),
            wakes: 0,
            random,
        }
    }

    fn draws(&self) -> usize {
        self.random.0.load(Ordering::Relaxed)
    }

    /// A batch of events, if there is anything to do.
    fn wake(&mut self, net: &Net) -> bool {
        let now = Duration::from_secs(1);
        let goes_on = self.reactor.patience(now) == Some(Duration::ZERO);
        if !goes_on && !net.has_events(self.host) {
            return false;
        }
        net.run_as(self.host);
        let events = net.events(self.host).into_iter().map(|told| Readiness {
            source: told.token,
            readable: told.readable,
            writable: told.writable,
            read_closed: told.read_closed,
            error: told.error,
            priority: false,
        });
        self.reactor.batch(events, now, &mut self.program);
        self.wakes += 1;
        true
    }
}

/// Both programs, logged in, on a network on which nothing goes wrong.
struct Calm {
    net: Net,
    client: Woken,
    server: Woken,
    exit: Exit,
}

impl Calm {
    fn new() -> Self {
        let net = Net::new(
            1,
            Weather {
                room: PORTION,
                link_room: 1 << 20,
                ..Weather::FAIR
            },
        );
        net.install();
        net.run_as(Host::Apps);
        let exit = net.listen(EXIT);
        net.run_as(Host::Server);
        let [client_random, server_random] = [Counted::new(), Counted::new()];
        let config = ServerConfig {
            ssh: server_random.ssh(),
            ..server_config()
        };
        let mut server = Reactor::server(config, Vec::new()).unwrap();
        let listener = AnyListener::Fake(net.listen(SERVER));
        server.watch(listener, For::Peers).unwrap();
        let client = client_with(client_random.ssh(), SERVER, EXIT);
        let mut calm = Self {
            client: Woken::new(Host::Client, client, client_random),
            server: Woken::new(Host::Server, server, server_random),
            net,
            exit,
        };
        calm.net.run_as(Host::Client);
        let client = &mut calm.client;
        client.reactor.start(&mut client.program);
        calm.settle();
        let client = &mut calm.client.reactor;
        let tried = matches!(&client.side, Side::Client(side) if side.forwards_tried == Seen::Yes);
        assert!(tried, "logged in");
        calm.net.run_as(Host::Client);
        let listener = AnyListener::Fake(calm.net.listen(ENTRY));
        client.watch(listener, For::Forward(0)).unwrap();
        calm.settle();
        calm
    }

    /// Until nothing happens any more.
    fn settle(&mut self) {
        loop {
            while self.net.arrive() {}
            let client = self.client.wake(&self.net);
            if !self.server.wake(&self.net) && !client && !self.net.arrive() {
                break;
            }
        }
    }

    fn connect(&mut self) -> FakeStream {
        self.net.run_as(Host::Apps);
        self.net.connect(ENTRY).unwrap()
    }

    /// A forwarded connection.
    fn connected(&mut self) -> [FakeStream; 2] {
        let near = self.connect();
        self.settle();
        self.net.run_as(Host::Apps);
        let (far, _) = self.exit.accept().unwrap();
        self.settle();
        [near, far]
    }

    /// One sends, the other gets it.
    fn pass(&mut self, bytes: &[u8], [from, to]: [&mut FakeStream; 2]) {
        self.net.run_as(Host::Apps);
        assert_eq!(from.write(bytes).unwrap(), bytes.len());
        self.settle();
        self.net.run_as(Host::Apps);
        let mut got = vec![0; bytes.len()];
        to.read_exact(&mut got).unwrap();
        assert_eq!(got, bytes);
    }

    /// What a program has called for so far, with applications and with the other program.
    fn calls(&self, host: Host) -> [Calls; 2] {
        let other = match host {
            Host::Client => Host::Server,
            Host::Apps | Host::Server => Host::Client,
        };
        [Host::Apps, other].map(|with| self.net.calls(host, with))
    }
}

impl Drop for Calm {
    fn drop(&mut self) {
        Net::remove();
    }
}

/// What came since.
fn since(before: [Calls; 2], now: [Calls; 2]) -> [Calls; 2] {
    let less = |now: Calls, before: Calls| Calls {
        registers: now.registers - before.registers,
        reads: now.reads - before.reads,
        vain_reads: now.vain_reads - before.vain_reads,
        writes: now.writes - before.writes,
        vain_writes: now.vain_writes - before.vain_writes,
    };
    let ([app, link], [app_before, link_before]) = (now, before);
    [less(app, app_before), less(link, link_before)]
}

#[test]
fn a_packet_costs_one_read_and_a_part_of_a_write() {
    const ROUNDS: usize = 20;
    let mut calm = Calm::new();
    let [mut near, mut far] = calm.connected();
    let bytes = vec![0x5a; PORTION];
    calm.pass(&bytes, [&mut near, &mut far]); // the window grows
    let before = [Host::Client, Host::Server].map(|host| calm.calls(host));
    let wakes = [calm.client.wakes, calm.server.wakes];
    for _ in 0..ROUNDS {
        calm.pass(&bytes, [&mut near, &mut far]);
    }
    let [client, server] = before;
    let [client_app, client_link] = since(client, calm.calls(Host::Client));
    let [server_app, server_link] = since(server, calm.calls(Host::Server));
    let only = Calls::default();
    assert_eq!(
        client_app,
        Calls {
            reads: 4 * ROUNDS,
            ..only
        }
    );
    assert_eq!(
        server_app,
        Calls {
            writes: ROUNDS,
            ..only
        }
    );
    // Four packets in one write and one read; what comes back is a window, for some of them.
    assert_eq!(client_link.writes, ROUNDS);
    assert_eq!(server_link.reads, ROUNDS);
    assert!(server_link.writes <= ROUNDS, "{server_link:?}");
    for link in [client_link, server_link] {
        assert_eq!(
            (link.registers, link.vain_reads, link.vain_writes),
            (0, 0, 0)
        );
    }
    let woken = [calm.client.wakes - wakes[0], calm.server.wakes - wakes[1]];
    assert!(
        woken[0] <= 2 * ROUNDS && woken[1] <= 2 * ROUNDS,
        "{woken:?}"
    );
}

#[test]
fn a_byte_and_its_echo_cost_each_end_two_reads_and_two_writes() {
    const ROUNDS: usize = 100;
    let mut calm = Calm::new();
    let [mut near, mut far] = calm.connected();
    let before = [Host::Client, Host::Server].map(|host| calm.calls(host));
    let wakes = [calm.client.wakes, calm.server.wakes];
    for _ in 0..ROUNDS {
        calm.pass(b"x", [&mut near, &mut far]);
        calm.pass(b"x", [&mut far, &mut near]);
    }
    for (host, before) in [Host::Client, Host::Server].into_iter().zip(before) {
        let expected = Calls {
            reads: ROUNDS,
            writes: ROUNDS,
            ..Calls::default()
        };
        assert_eq!(since(before, calm.calls(host)), [expected; 2], "{host:?}");
    }
    let woken = [calm.client.wakes - wakes[0], calm.server.wakes - wakes[1]];
    assert_eq!(woken, [2 * ROUNDS; 2]);
}

#[test]
fn a_connection_is_confirmed_in_the_turn_in_which_it_is_made() {
    let mut calm = Calm::new();
    let _near = calm.connect();
    while calm.client.wake(&calm.net) {}
    while calm.net.arrive() {}
    let before = calm.calls(Host::Server);
    assert!(calm.server.wake(&calm.net));
    let [app, link] = since(before, calm.calls(Host::Server));
    assert_eq!((link.reads, link.writes, app.registers), (1, 1, 1));
    calm.net.run_as(Host::Apps);
    let (_far, _) = calm.exit.accept().unwrap();
    calm.settle();
    let [app, link] = since(before, calm.calls(Host::Server));
    assert_eq!((link.reads, link.writes), (1, 1), "that was all");
    assert_eq!((app.reads, app.vain_reads), (0, 0), "nobody said anything");
}

#[test]
fn of_many_connections_the_first_are_confirmed_before_the_others_are_made() {
    for many in [CALLS_MAX - 1, CALLS_MAX, CALLS_MAX + 1] {
        let mut calm = Calm::new();
        let _near: Vec<_> = (0..many).map(|_| calm.connect()).collect();
        while calm.client.wake(&calm.net) {}
        while calm.net.arrive() {}
        let before = calm.calls(Host::Server);
        assert!(calm.server.wake(&calm.net));
        let [app, link] = since(before, calm.calls(Host::Server));
        assert_eq!((app.registers, link.writes), (many.min(CALLS_MAX), 1));
        calm.settle();
        let [app, link] = since(before, calm.calls(Host::Server));
        let writes = many.div_ceil(CALLS_MAX);
        assert_eq!((app.registers, link.writes), (many, writes));
        assert_eq!((link.reads, link.vain_reads), (1, 0));
    }
}

/// RFC 4253 §6 wants random padding in each packet. It has nineteen bytes at most with blocks of
/// sixteen, and comes from a pool of 640.
#[test]
fn not_one_packet_in_thirty_asks_for_randomness() {
    const ROUNDS: usize = 100;
    let mut calm = Calm::new();
    let [mut near, mut far] = calm.connected();
    let bytes = vec![0x5a; PORTION];
    let before = [calm.client.draws(), calm.server.draws()];
    assert!(before.iter().all(|draws| *draws > 0), "the key exchange");
    for _ in 0..ROUNDS {
        calm.pass(&bytes, [&mut near, &mut far]);
        calm.pass(&bytes, [&mut far, &mut near]);
    }
    let draws = [
        calm.client.draws() - before[0],
        calm.server.draws() - before[1],
    ];
    let packets = 4 * ROUNDS;
    assert!(
        draws.iter().all(|draws| *draws <= packets / 30),
        "{draws:?}"
    );
}
