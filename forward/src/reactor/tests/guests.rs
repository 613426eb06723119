//! A server's loop on a network in memory and on a clock that the test moves, and clients that may
//! stop at any byte. All on toy cryptography.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of thing"
)]

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use adit_auth::{Decision, KeyPolicy};
use adit_crypto::Provider;
use adit_proto::{Ident, number};
use adit_testkit::net::{Host, Net, Stream, Weather};
use adit_testkit::toy;
use adit_transport::{AeadFirst, Algorithms, Buffers, Config, Input, RekeyLimits, Transport};

use super::super::accept::For;
use super::super::ready::Readiness;
use super::super::stream::Listener;
use super::super::{Reactor, ServerConfig, SshConfig, StreamLocalBind, WindowMemory};
use super::requests::{Bytes, request};
use crate::admission::{Charged, Dropped, MaxStartups, Offence, PerSource};
use crate::observer::{Answer, Event, Gone, KeyQuestion, PeerId, Program};

/// sshd's LoginGraceTime.
pub(super) const GRACE: Duration = Duration::from_secs(120);

const SERVER: &str = "203.0.113.1:22";

/// What a test hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Begun(PeerId),
    Authenticated,
    Dropped(Dropped),
    Failures(u32),
    Gone(String),
    Penalised(Offence, Charged),
}

/// Lets in who has the first key, if their name is not `nobody`; `panic` is a fault of its own.
pub(super) struct Doorman {
    pub(super) heard: Vec<(Duration, Heard)>,
    now: Duration,
    good_key: Vec<u8>,
}

impl Program for Doorman {
    fn observe(&mut self, event: &Event<'_>) {
        let heard = match event {
            Event::Connected { peer, .. } => Heard::Begun(peer.id),
            Event::Authenticated { .. } => Heard::Authenticated,
            Event::AuthenticationFailed { failed, .. } => Heard::Failures(failed.failures),
            Event::Dropped { why, .. } => Heard::Dropped(*why),
            Event::PeerGone { why, .. } => Heard::Gone(match why {
                Gone::Socket(_) => "Socket".to_owned(),
                Gone::Error(text) => (*text).to_owned(),
                Gone::Disconnected { .. } => "Disconnected".to_owned(),
                other => format!("{other:?}"),
            }),
            Event::Penalised {
                offence, charged, ..
            } => Heard::Penalised(*offence, *charged),
            _ => return,
        };
        self.heard.push((self.now, heard));
    }

    fn authorize(&mut self, question: &KeyQuestion<'_>) -> Answer<Decision> {
        assert!(question.user != b"panic", "a fault");
        let known = question.user != b"nobody" && question.key_blob == self.good_key;
        Answer::Now(if known {
            Decision::Allowed(KeyPolicy::unrestricted(0, 1))
        } else {
            Decision::Refused
        })
    }
}

/// The server, its network and its clock.
pub(super) struct Place {
    pub(super) net: Net,
    pub(super) reactor: Reactor,
    pub(super) door: Doorman,
    pub(super) now: Duration,
    provider: &'static Provider,
}

impl Place {
    pub(super) fn new(seed: u64, max_startups: MaxStartups, per_source: PerSource) -> Self {
        Self::with(seed, max_startups, per_source, 6)
    }

    pub(super) fn with(
        seed: u64,
        max_startups: MaxStartups,
        per_source: PerSource,
        max_auth_tries: u32,
    ) -> Self {
        let provider: &'static Provider = Box::leak(Box::new(Provider {
            random: toy::random(seed),
            ..toy::PROVIDER
        }));
        let net = Net::new(seed, Weather::FAIR);
        let config = ServerConfig {
            ssh: ssh(provider),
            host_keys: Arc::new([toy::ed25519_key(1)]),
            login_grace: Some(GRACE),
            max_startups,
            per_source,
            alive: None,
            max_auth_tries,
            stream_local_bind: StreamLocalBind::default(),
            window_memory: WindowMemory::default(),
        };
        let mut reactor = Reactor::server(config, Vec::new()).unwrap();
        net.run_as(Host::Server);
        let listener = Listener::Fake(net.listen(SERVER.parse().unwrap()));
        reactor.watch(listener, For::Peers).unwrap();
        Self {
            net,
            reactor,
            door: Doorman {
                heard: Vec::new(),
                now: Duration::ZERO,
                good_key: toy::ed25519_key(2).public_blob().to_vec(),
            },
            now: Duration::from_secs(1000),
            provider,
        }
    }

    /// A connection from there that may send so many bytes; the rest waits.
    pub(super) fn guest(&mut self, from: IpAddr, may_send: usize) -> Guest {
        self.net.run_as(Host::Apps);
        let from = SocketAddr::new(from, 40_000);
        let stream = self.net.connect_from(from, SERVER.parse().unwrap());
        let ssh = ssh(self.provider);
        let transport = Transport::client(
            Config {
                provider: ssh.provider,
                random: ssh.provider.random,
                ident: ssh.ident,
                algorithms: ssh.algorithms,
                rekey: ssh.rekey,
                buffers: Buffers::default(),
            },
            Duration::ZERO,
        );
        Guest {
            stream: Some(stream.unwrap()),
            transport: transport.unwrap(),
            may_send,
            sent: 0,
            established: false,
            answers: Vec::new(),
            raw: Vec::new(),
            wants_login: false,
        }
    }

    /// Whatever can happen now does, to the last.
    pub(super) fn settle(&mut self, guests: &mut [Guest]) {
        loop {
            let before = self.net.progress();
            self.net.run_as(Host::Apps);
            for guest in guests.iter_mut() {
                guest.pump();
            }
            while self.net.arrive() {}
            self.turn();
            let due = self.reactor.patience(self.now) == Some(Duration::ZERO);
            if self.net.progress() == before && !due && !self.net.has_events(Host::Server) {
                return;
            }
        }
    }

    fn turn(&mut self) {
        self.net.run_as(Host::Server);
        let events: Vec<Readiness> = self
            .net
            .events(Host::Server)
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
        self.door.now = self.now;
        self.reactor
            .batch(events.into_iter(), self.now, &mut self.door);
    }

    /// Time goes on, and everything that is due on the way happens in its time.
    pub(super) fn wait(&mut self, time: Duration, guests: &mut [Guest]) {
        let end = self.now + time;
        loop {
            self.settle(guests);
            match self.reactor.patience(self.now) {
                Some(due) if self.now + due <= end => self.now += due,
                _ => break,
            }
        }
        self.now = end;
        self.settle(guests);
    }

    /// Those that have a place.
    pub(super) fn peers(&self) -> usize {
        self.reactor.peers.iter().count()
    }

    /// What was heard of this kind since it was last asked, and forgets the rest.
    pub(super) fn take<T>(&mut self, like: impl Fn(&Heard) -> Option<T>) -> Vec<T> {
        self.door
            .heard
            .drain(..)
            .filter_map(|(_, heard)| like(&heard))
            .collect()
    }

    pub(super) fn take_gone(&mut self) -> Vec<String> {
        self.take(|heard| match heard {
            Heard::Gone(why) => Some(why.clone()),
            _ => None,
        })
    }

    pub(super) fn take_offences(&mut self) -> Vec<Offence> {
        self.take(|heard| match heard {
            Heard::Penalised(offence, _) => Some(*offence),
            _ => None,
        })
    }
}

fn ssh(provider: &'static Provider) -> SshConfig {
    SshConfig {
        provider,
        ident: Ident::new(b"SSH-2.0-adit_test").unwrap(),
        algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
        rekey: RekeyLimits::default(),
    }
}

/// A client.
pub(super) struct Guest {
    stream: Option<Stream>,
    pub(super) transport: Transport,
    /// Bytes that it may still send.
    pub(super) may_send: usize,
    pub(super) sent: usize,
    pub(super) established: bool,
    /// Payloads for the layers above the transport.
    pub(super) answers: Vec<Vec<u8>>,
    /// What came when it was no SSH.
    pub(super) raw: Vec<u8>,
    wants_login: bool,
}

impl Guest {
    /// As soon as there are keys it asks for the methods, and logs in.
    pub(super) fn logging_in(mut self) -> Self {
        self.wants_login = true;
        self
    }

    pub(super) fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    pub(super) fn is_authenticated(&self) -> bool {
        let success = |payload: &Vec<u8>| payload.first() == Some(&number::USERAUTH_SUCCESS);
        self.answers.iter().any(success)
    }

    /// Numbers of the messages that were answered.
    pub(super) fn numbers(&self) -> Vec<u8> {
        self.answers.iter().map(|payload| payload[0]).collect()
    }

    pub(super) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Sends these bytes as they are, beside the protocol.
    pub(super) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Nothing, once the server has ended it.
    pub(super) fn send(&mut self, payload: &[u8]) {
        let _ = self.transport.tx().send(&Bytes(payload));
    }

    fn pump(&mut self) {
        self.receive();
        if self.established && core::mem::take(&mut self.wants_login) {
            self.send(&request(b"user", b"none", b""));
            let signed = self.signed(b"user", &*toy::ed25519_key(2));
            self.send(&signed);
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let pending = self.transport.send_pending().concat();
        let most = pending.len().min(self.may_send);
        if let Ok(n) = stream.write(&pending[..most]) {
            self.transport.send_consumed(n);
            self.may_send -= n;
            self.sent += n;
        }
    }

    fn receive(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mut bytes = [0; 4096];
        loop {
            match stream.read(&mut bytes) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => {
                    self.stream = None;
                    return;
                }
                Ok(n) => {
                    self.raw.extend(&bytes[..n]);
                    // Or its own end of the session is over, by what it got for what it sent.
                    if let Some(space) = self.transport.recv_space() {
                        space[..n].copy_from_slice(&bytes[..n]);
                        self.transport.recv_filled(n);
                    }
                }
            }
            while let Ok(Some(input)) = self.transport.poll(Duration::ZERO) {
                match input {
                    Input::HostKey(offer) => self.transport.trust(offer.trust()),
                    Input::Established => self.established = true,
                    Input::Packet(packet) => {
                        self.answers.push(self.transport.payload(packet).to_vec());
                    }
                    _ => {}
                }
            }
        }
    }
}
