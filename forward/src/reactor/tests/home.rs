//! A client's loop on a network in memory and a clock that the test moves, and a server that says
//! what a test has it say. All on toy cryptography.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use adit_connection::OpenKind;
use adit_crypto::{Provider, SigningKey};
use adit_proto::{Ident, number};
use adit_testkit::kinds::open;
use adit_testkit::net::{Host, Listener, Net, Stream, Weather};
use adit_testkit::scripted::channels::Sizes;
use adit_testkit::toy;
use adit_transport::{AeadFirst, Algorithms, Buffers, Config, Input, RekeyLimits, Transport};

use super::super::peer::Peer;
use super::super::ready::Readiness;
use super::super::{
    ClientConfig, FileKey, Identities, OnForwardFailure, Reactor, RemoteForward, RemoteListen,
    Room, SshConfig, StreamLocalBind, To,
};
use super::requests::Bytes;
use crate::observer::{Answer, Event, HostKeyQuestion, HostKeyVerdict, Program};
use crate::policy::PermitOpen;
use crate::socks::Refusal;

/// The port that stands for the first forward at the server; the next one's is one more.
pub(super) const PORT: u16 = 8000;

/// What a test hears.
#[derive(Default)]
pub(super) struct Hears {
    pub(super) refused: Vec<Refusal>,
    pub(super) failed: Vec<String>,
    pub(super) channels: Vec<u32>,
}

impl Program for Hears {
    fn observe(&mut self, event: &Event<'_>) {
        if let Event::RemoteGuestRefused { why, .. } = event {
            self.refused.push(*why);
        }
        if let Event::RemoteConnection { channel, .. } = event {
            self.channels.push(*channel);
        }
        if let Event::OpenFailed { error, .. } = event {
            self.failed.push(format!("{error:?}"));
        }
    }

    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        Answer::Now(HostKeyVerdict::Trust)
    }
}

/// The client, its network and its clock, and the server's end of its connection.
pub(super) struct Home {
    pub(super) net: Net,
    pub(super) reactor: Reactor,
    pub(super) hears: Hears,
    pub(super) now: Duration,
    listener: Listener,
    stream: Option<Stream>,
    transport: Transport,
    /// Payloads for the layers above the transport.
    pub(super) heard: Vec<Vec<u8>>,
}

fn ssh(provider: &'static Provider) -> SshConfig {
    SshConfig {
        provider,
        ident: Ident::new(b"SSH-2.0-test").unwrap(),
        algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
        rekey: RekeyLimits::default(),
    }
}

fn client(provider: &'static Provider, server: SocketAddr, to: &[To]) -> Reactor {
    let forwards = to.iter().map(|to| RemoteForward {
        listen: RemoteListen::Tcp {
            address: "localhost".to_owned(),
            port: 0,
        },
        to: to.clone(),
    });
    Reactor::client(ClientConfig {
        ssh: ssh(provider),
        addresses: vec![server],
        connect_timeout: None,
        connection_attempts: 1,
        user: "user".to_owned(),
        methods: adit_auth::Methods::default(),
        identities: Identities {
            files: vec![FileKey::loaded(String::new(), toy::ed25519_key(2))],
            agent: None,
        },
        forwards: Vec::new(),
        remote_forwards: forwards.collect(),
        stdio: None,
        proxy: None,
        jumps: Vec::new(),
        permit_remote_open: PermitOpen::Any,
        stream_local_bind: StreamLocalBind::default(),
        on_forward_failure: OnForwardFailure::GoOn,
        alive: None,
        room: Room::Large,
    })
    .unwrap()
}

impl Home {
    /// Logged in, with a port at the server for each of these.
    pub(super) fn new(to: &[To]) -> Self {
        let provider: &'static Provider = Box::leak(Box::new(Provider {
            random: toy::random(1),
            ..toy::PROVIDER
        }));
        let server = SocketAddr::from(([203, 0, 113, 1], 22));
        let net = Net::new(1, Weather::FAIR);
        net.install();
        let ssh = ssh(provider);
        let config = Config {
            provider,
            random: provider.random,
            ident: ssh.ident,
            algorithms: ssh.algorithms,
            rekey: ssh.rekey,
            buffers: Buffers::default(),
        };
        let keys: Arc<[Box<dyn SigningKey>]> = Arc::new([toy::ed25519_key(1)]);
        net.run_as(Host::Apps);
        let mut home = Self {
            listener: net.listen(server),
            reactor: client(provider, server, to),
            net,
            hears: Hears::default(),
            now: Duration::from_secs(1000),
            stream: None,
            transport: Transport::server(config, keys, Duration::ZERO).unwrap(),
            heard: Vec::new(),
        };
        home.net.run_as(Host::Client);
        home.reactor.start(&mut home.hears);
        home.settle();
        assert_eq!(home.heard[0][0], number::USERAUTH_REQUEST);
        home.send(&[number::USERAUTH_SUCCESS]);
        home.transport.authenticated(Duration::ZERO);
        home.settle();
        for n in 0..to.len() {
            let port = u32::from(PORT) + u32::try_from(n).unwrap();
            let granted = [&[number::REQUEST_SUCCESS][..], &port.to_be_bytes()];
            home.send(&granted.concat());
        }
        home.settle();
        home.heard.clear();
        home
    }

    /// The server says this, when things go on.
    pub(super) fn send(&mut self, payload: &[u8]) {
        self.transport.tx().send(&Bytes(payload)).unwrap();
    }

    /// The server has a connection for that port.
    pub(super) fn hand_on(&mut self, own: u32, port: u16) {
        let kind = OpenKind::ForwardedTcpip {
            address: b"localhost",
            port,
            originator: b"192.0.2.1",
            originator_port: 4000,
        };
        self.send(&open(kind, own, Sizes::USUAL));
    }

    /// Whatever can happen now does, to the last.
    pub(super) fn settle(&mut self) {
        loop {
            let before = self.net.progress();
            self.net.run_as(Host::Apps);
            self.pump();
            while self.net.arrive() {}
            self.turn();
            let due = self.reactor.patience(self.now) == Some(Duration::ZERO);
            if self.net.progress() == before && !due && !self.net.has_events(Host::Client) {
                return;
            }
        }
    }

    fn turn(&mut self) {
        self.net.run_as(Host::Client);
        let events = self.net.events(Host::Client);
        let events = events.iter().map(|told| Readiness {
            source: told.token,
            readable: told.readable,
            writable: told.writable,
            read_closed: told.read_closed,
            error: told.error,
            priority: false,
        });
        self.reactor.batch(events, self.now, &mut self.hears);
    }

    /// Time goes on, and everything that is due on the way happens in its time.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            match self.reactor.patience(self.now) {
                Some(due) if self.now + due <= end => self.now += due,
                Some(_) | None => break,
            }
        }
        self.now = end;
        self.settle();
    }

    /// What was heard since this was last asked.
    pub(super) fn take_heard(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.heard)
    }

    /// The client's session.
    pub(super) fn peer(&self) -> &Peer {
        let slot = self.reactor.peers.numbers()[0];
        self.reactor.peers.get(slot).unwrap()
    }

    fn pump(&mut self) {
        if self.stream.is_none() {
            self.stream = self.listener.accept().ok().map(|(stream, _)| stream);
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mut bytes = [0; 4096];
        loop {
            let space = self.transport.recv_space().unwrap();
            let most = space.len().min(bytes.len());
            match stream.read(&mut bytes[..most]) {
                Ok(n) => {
                    assert_ne!(n, 0, "the client is gone");
                    space[..n].copy_from_slice(&bytes[..n]);
                    self.transport.recv_filled(n);
                }
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
            while let Some(input) = self.transport.poll(Duration::ZERO).unwrap() {
                if let Input::Packet(packet) = input {
                    self.heard.push(self.transport.payload(packet).to_vec());
                }
            }
        }
        let pending = self.transport.send_pending().concat();
        if let Ok(n) = stream.write(&pending) {
            self.transport.send_consumed(n);
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        Net::remove();
    }
}
