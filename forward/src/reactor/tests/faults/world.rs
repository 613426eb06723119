//! A client, a server, applications at both ends, and the network and clock that they share.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use adit_connection::Limits;
use adit_crypto::Provider;
use adit_proto::Ident;
use adit_testkit::dice::Dice;
use adit_testkit::net::{Host, Listener as FakeListener, Net, Tamper};
use adit_testkit::toy;
use adit_transport::{AeadFirst, Algorithms, RekeyLimits};

use super::super::super::accept::For;
use super::super::super::stream::Listener;
use super::super::super::{
    ClientConfig, End, FileKey, Identities, MaxStartups, OnForwardFailure, PerSource, Reactor,
    Room, ServerConfig, Side, SshConfig, StreamLocalBind, WindowMemory,
};
use super::apps::{App, Ended, socks4};
use super::kinds::{address, entry, exit, forward, remote_forward};
use super::looped::{Answers, Looped};
use super::{Break, Clock, Kind, Plan};
use crate::policy::PermitOpen;

/// Steps of a run before it counts as one that never ends.
const STEPS_MAX: usize = 3_000_000;
/// Steps in which nothing happens before nothing can.
const QUIET_MIN: u32 = 40;
/// Time that may pass with nothing done and something left to do.
const STALLED: Duration = Duration::from_secs(20 * 60);

/// A forwarded connection.
struct Connection {
    near: App,
    far: App,
    /// Where the near one connects, once somebody listens.
    entry: SocketAddr,
    exit: FakeListener,
}

pub(super) struct World {
    plan: Plan,
    dice: Dice,
    net: Net,
    client: Option<Looped>,
    server: Looped,
    connections: Vec<Connection>,
    client_end: Option<(End, Vec<String>)>,
    /// The connection between the programs was harmed when both had keys and a user.
    harmed_when_up: bool,
}

/// The toy, with randomness of its own, so that a run is the same each time.
fn provider(seed: u64) -> &'static Provider {
    Box::leak(Box::new(Provider {
        random: toy::random(seed),
        ..toy::PROVIDER
    }))
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut dice = Dice::new(plan.seed ^ 0x5eed);
        let net = Net::new(plan.seed, plan.weather);
        net.install();
        let provider = provider(plan.seed);
        let ssh = || SshConfig {
            provider,
            ident: Ident::new(b"SSH-2.0-adit_test").unwrap(),
            algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
            rekey: RekeyLimits {
                bytes: plan.rekey,
                time: Some(Duration::from_secs(3600)),
            },
        };
        let mut server = Reactor::server(
            ServerConfig {
                ssh: ssh(),
                host_keys: Arc::new([toy::ed25519_key(1)]),
                login_grace: plan.login_time,
                max_startups: MaxStartups::default(),
                per_source: PerSource::unlimited(),
                alive: plan.alive,
                max_auth_tries: 6,
                stream_local_bind: StreamLocalBind::default(),
                window_memory: WindowMemory::default(),
            },
            Vec::new(),
        )
        .unwrap();
        if let Side::Server(side) = &mut server.side {
            (side.limits, side.buffers) = (plan.server_limits, plan.buffers);
        }
        let kinds = || plan.kinds.iter().copied().zip(0..);
        let mut client = Reactor::client(ClientConfig {
            ssh: ssh(),
            addresses: vec![address(1, 0)],
            connect_timeout: plan.login_time,
            connection_attempts: 1,
            user: "user".to_owned(),
            methods: adit_auth::Methods::default(),
            identities: Identities {
                files: vec![FileKey::loaded(String::new(), toy::ed25519_key(2))],
                agent: None,
            },
            forwards: kinds().filter_map(|(kind, n)| forward(kind, n)).collect(),
            remote_forwards: kinds()
                .filter_map(|(kind, n)| remote_forward(kind, n))
                .collect(),
            stdio: None,
            proxy: None,
            jumps: Vec::new(),
            permit_remote_open: PermitOpen::Any,
            stream_local_bind: StreamLocalBind::default(),
            on_forward_failure: OnForwardFailure::End,
            alive: plan.alive,
            room: Room::Large,
        })
        .unwrap();
        if let Side::Client(side) = &mut client.side {
            (side.limits, side.buffers) = (plan.limits, plan.buffers);
        }
        net.run_as(Host::Server);
        let listener = Listener::Fake(net.listen(address(1, 0)));
        server.watch(listener, For::Peers).unwrap();
        net.run_as(Host::Apps);
        let connections = kinds()
            .map(|(kind, n)| {
                let mut app = |way| App::new(n, way, plan.bytes, plan.manners, &mut dice);
                let (near, far) = (app(0), app(1));
                Connection {
                    near: match (kind, exit(n)) {
                        (Kind::Dynamic | Kind::RemoteDynamic, SocketAddr::V4(to)) => {
                            near.greeting(socks4(to))
                        }
                        _ => near,
                    },
                    far,
                    entry: entry(n),
                    exit: net.listen(exit(n)),
                }
            })
            .collect();
        let looped = |host, reactor, limits: Limits| Looped {
            host,
            reactor,
            program: Answers { told: Vec::new() },
            now: Duration::from_secs(1),
            idle: 0,
            channels: BTreeSet::new(),
            budget: limits.window_budget,
        };
        Self {
            dice,
            client: Some(looped(Host::Client, client, plan.limits)),
            server: looped(Host::Server, server, plan.server_limits),
            net,
            connections,
            plan,
            client_end: None,
            harmed_when_up: false,
        }
    }

    /// From the first connection to the last byte.
    pub(super) fn run(mut self) {
        self.start();
        let (mut stalled_since, mut quiet) = (None, 0);
        for step in 0.. {
            if self.is_over() {
                self.plan.rekey_now = 0; // or there is no end
            }
            assert!(step < STEPS_MAX, "it never ends: {}", self.describe());
            if self.step() {
                (stalled_since, quiet) = (None, 0);
                continue;
            }
            // Chance may have had nobody do what could be done.
            quiet += 1;
            if quiet < QUIET_MIN {
                continue;
            }
            if self.is_over() {
                break;
            }
            let now = self.server.now;
            let since = *stalled_since.get_or_insert(now);
            let waited = now.saturating_sub(since);
            assert!(waited < STALLED, "nothing goes on: {}", self.describe());
            let woken = self.wait() || self.net.time_out();
            assert!(woken, "nothing is due: {}", self.describe());
        }
        self.check_end();
        Net::remove();
    }

    fn start(&mut self) {
        for looped in [self.client.as_mut(), Some(&mut self.server)]
            .into_iter()
            .flatten()
        {
            self.net.run_as(looped.host);
            looped.reactor.start(&mut looped.program);
        }
        let most = 7000 + 3 * self.plan.bytes;
        let at = self.dice.between(0, most) as u64;
        let tamper = match self.plan.harm {
            Break::Never => return,
            Break::Flip => Tamper::Flip {
                at,
                bit: (at % 8) as u32,
            },
            Break::Fin => Tamper::Fin(at),
            Break::Reset => Tamper::Reset(at),
            Break::Silence => Tamper::Silence(at),
        };
        // Theirs is the first connection that there is.
        self.net.tamper(self.dice.below(2), tamper);
    }

    /// Something that can happen does. `false`: nothing can.
    fn step(&mut self) -> bool {
        let first = self.dice.below(4);
        let mut moved = false;
        let is_up = self.is_up();
        let is_harmed = self.net.is_harmed();
        for n in 0..4 {
            moved |= match (first + n) % 4 {
                0 => self.net.arrive(),
                1 => self.apps_step(),
                2 => self.client_step(),
                _ => {
                    let due = self.server.is_due(&self.net);
                    due && self.server_step()
                }
            };
            if moved && !self.dice.one_in(4) {
                break;
            }
        }
        self.harmed_when_up |= is_up && !is_harmed && self.net.is_harmed();
        moved
    }

    fn is_up(&self) -> bool {
        self.client.as_ref().is_some_and(Looped::is_up) && self.server.is_up()
    }

    fn apps_step(&mut self) -> bool {
        self.net.run_as(Host::Apps);
        let mut moved = false;
        for connection in &mut self.connections {
            let (near, far) = (&mut connection.near, &mut connection.far);
            if near.stream.is_none() && !near.is_over() {
                near.stream = self.net.connect(connection.entry).ok();
                moved |= near.stream.is_some();
            }
            if near.stream.is_none() && self.client.is_none() {
                near.ended.get_or_insert(Ended::Broken);
            }
            if far.stream.is_none()
                && !far.is_over()
                && let Ok((stream, _)) = connection.exit.accept()
            {
                far.stream = Some(stream);
                moved = true;
            }
            if self.dice.one_in(2) {
                moved |= near.step(far, &mut self.dice);
            }
            if self.dice.one_in(2) {
                moved |= far.step(near, &mut self.dice);
            }
        }
        moved
    }

    fn client_step(&mut self) -> bool {
        let Some(client) = &mut self.client else {
            return false;
        };
        if !client.is_due(&self.net) {
            return false;
        }
        client.turn(&self.net, &self.plan, &mut self.dice);
        if let Some(end) = client.reactor.ended() {
            self.client_end = Some((end, client.program.told.clone()));
            self.client = None; // the process is gone, and its sockets
        }
        true
    }

    fn server_step(&mut self) -> bool {
        self.server.turn(&self.net, &self.plan, &mut self.dice);
        true
    }

    /// Nothing happens until something is due.
    fn wait(&mut self) -> bool {
        let clients = self.client.iter().filter_map(Looped::until_due);
        let Some(time) = clients.chain(self.server.until_due()).min() else {
            return false;
        };
        for looped in self.client.iter_mut().chain([&mut self.server]) {
            looped.now += time;
        }
        true
    }

    fn is_over(&self) -> bool {
        let mut all = self.connections.iter();
        let apps = all.all(|c| c.near.is_over() && (c.far.is_over() || c.far.stream.is_none()));
        // A program without the other ends too, and so do both when what is between them is harmed.
        let gone = (self.client.is_none(), self.server.reactor.peers.is_empty());
        // One that knocks at a path that is full does not hear that nobody waits for it.
        let mut programs = self.client.iter().chain([&self.server]);
        let is_dialing = programs.any(|looped| !looped.reactor.context.dials.is_empty());
        apps && !is_dialing && gone.0 == gone.1 && (gone.0 || !self.harmed_when_up)
    }

    fn check_end(&mut self) {
        let is_broken = self.client.is_none() || self.server.reactor.peers.is_empty();
        assert!(
            is_broken || !self.harmed_when_up,
            "harm that nobody saw: {}",
            self.describe()
        );
        assert!(
            !is_broken || self.net.is_harmed(),
            "it broke: {}",
            self.describe()
        );
        for c in &self.connections {
            let ended = (c.near.ended, c.far.ended);
            let clean = (Some(Ended::Cleanly), Some(Ended::Cleanly));
            // A destination that is not reached in time, by a clock that went mad meanwhile.
            let may_be_unreachable =
                self.plan.weather.refused > 0 || self.plan.clock == Clock::Jumps;
            let is_unreached = c.near.got + c.far.got == 0;
            let excused =
                is_broken || c.near.abrupt || c.far.abrupt || (may_be_unreachable && is_unreached);
            assert!(ended == clean || excused, "not clean: {}", self.describe());
        }
        match &mut self.client {
            Some(client) => client.check_nothing_left(&self.net),
            None => assert_eq!(self.net.open_sockets(Host::Client), 0),
        }
        self.server.check_nothing_left(&self.net);
    }

    fn describe(&self) -> String {
        let mut text = format!("{:#?}\nclient ended: {:?}\n", self.plan, self.client_end);
        for looped in self.client.iter().chain([&self.server]) {
            text += &looped.describe();
        }
        for c in &self.connections {
            text += &format!("{:?}\n{:?}\n", c.near, c.far);
        }
        text
    }
}
