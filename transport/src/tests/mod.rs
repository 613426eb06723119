//! Whole connections in memory, on every provider. What needs only one part is beside that part.

mod connect;
mod host_keys;
mod limits;
mod rekey;
mod rest;
mod rogue;

use std::boxed::Box;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use adit_crypto::{Provider, SigningKey};
use adit_proto::{Encode, Ident, Writer};
use adit_testkit::dice::Dice;
use adit_testkit::providers::stride;
use adit_testkit::{on_every_provider, toy};

use super::*;

pub(super) const NOW: Duration = Duration::from_secs(1000);

/// What a side was told, without positions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    Debug(Vec<u8>),
    Disconnected(u32, Vec<u8>),
    Established,
    Extensions,
    HostKey,
    Packet(Vec<u8>),
    Pong(Duration),
    Rekeyed,
}

pub(super) fn config(provider: &'static Provider, seed: u64) -> Config {
    Config {
        provider,
        random: toy::random(seed),
        ident: Ident::new(b"SSH-2.0-adit_test").unwrap(),
        algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
        rekey: RekeyLimits::default(),
        buffers: Buffers::default(),
    }
}

/// A key that comes of this seed.
pub(super) fn host_keys(provider: &'static Provider, seed: u64) -> Arc<[Box<dyn SigningKey>]> {
    let key = provider.keys.generate_ed25519(toy::random(seed)).unwrap();
    let seed: &[u8; 32] = key.0.expose().try_into().unwrap();
    let public = &key.1;
    let parts = adit_crypto::PrivateKey::Ed25519 { seed, public };
    Arc::new([provider.keys.load(&parts).unwrap()])
}

/// One side, with what it was told.
pub(super) struct End {
    pub(super) t: Transport,
    pub(super) seen: Vec<Seen>,
    pub(super) error: Option<Error>,
    /// Whether host keys are trusted as soon as they are offered.
    pub(super) trusting: bool,
}

impl End {
    pub(super) fn new(t: Transport) -> Self {
        Self {
            t,
            seen: Vec::new(),
            error: None,
            trusting: true,
        }
    }

    pub(super) fn client(config: Config) -> Self {
        Self::new(Transport::client(config, NOW).unwrap())
    }

    pub(super) fn server(config: Config) -> Self {
        let keys = host_keys(config.provider, 5);
        Self::new(Transport::server(config, keys, NOW).unwrap())
    }

    pub(super) fn poll(&mut self, now: Duration) {
        while self.error.is_none() {
            let input = match self.t.poll(now) {
                Ok(Some(input)) => input,
                Ok(None) => return,
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            };
            let seen = match input {
                Input::Debug {
                    message, packet, ..
                } => Seen::Debug(self.t.payload(packet)[message].to_vec()),
                Input::Disconnected {
                    reason_code,
                    description,
                    packet,
                } => {
                    let text = self.t.payload(packet)[description].to_vec();
                    Seen::Disconnected(reason_code, text)
                }
                Input::Established => Seen::Established,
                Input::Extensions => Seen::Extensions,
                Input::HostKey(offer) => {
                    assert_eq!(offer.blob, self.t.initial_host_key());
                    assert!(self.t.recv_space().is_none());
                    if self.trusting {
                        self.t.trust(offer.trust());
                    }
                    Seen::HostKey
                }
                Input::Packet(packet) => Seen::Packet(self.t.payload(packet).to_vec()),
                Input::Pong { round_trip } => Seen::Pong(round_trip),
                Input::Rekeyed => Seen::Rekeyed,
            };
            self.seen.push(seen);
        }
    }

    /// Everything that waits to go out.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let out = self.t.send_pending().concat();
        self.t.send_consumed(out.len());
        out
    }

    /// All of these bytes arrive.
    pub(super) fn give(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.error.is_none() {
            let Some(space) = self.t.recv_space() else {
                return;
            };
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            self.t.recv_filled(n);
            bytes = &bytes[n..];
            self.poll(NOW);
        }
    }

    fn step(
        &mut self,
        out: &mut VecDeque<u8>,
        back: &mut VecDeque<u8>,
        (pipe, chunk, now): (usize, usize, Duration),
    ) -> usize {
        let [a, b] = self.t.send_pending();
        let before = out.len();
        out.extend(a.iter().chain(b).take(pipe.saturating_sub(before)));
        let sent = out.len() - before;
        self.t.send_consumed(sent);
        let mut got = 0;
        if self.error.is_none()
            && let Some(space) = self.t.recv_space()
        {
            got = back.len().min(space.len()).min(chunk);
            for (to, from) in space.iter_mut().zip(back.drain(..got)) {
                *to = from;
            }
            self.t.recv_filled(got);
        }
        self.poll(now);
        sent + got
    }

    pub(super) fn count(&self, what: &Seen) -> usize {
        self.seen.iter().filter(|seen| *seen == what).count()
    }

    /// A whole message, whatever the state says to it.
    pub(super) fn inject(&mut self, payload: &[u8]) {
        self.t.tx.send_kex(&Bytes(payload)).unwrap();
    }
}

/// A payload as it is.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Encode for Bytes<'_> {
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0);
    }
}

/// Both sides and two pipes between them, of which each holds so many bytes.
pub(super) struct Pair {
    pub(super) client: End,
    pub(super) server: End,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    pub(super) pipe: usize,
    /// Most bytes of one read.
    pub(super) chunk: usize,
    pub(super) now: Duration,
}

impl Pair {
    pub(super) fn new(client: End, server: End) -> Self {
        Self {
            client,
            server,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            pipe: usize::MAX,
            chunk: usize::MAX,
            now: NOW,
        }
    }

    pub(super) fn on(provider: &'static Provider) -> Self {
        Self::new(
            End::client(config(provider, 1)),
            End::server(config(provider, 2)),
        )
    }

    /// Each side writes, reads and polls once. How many bytes moved.
    pub(super) fn step(&mut self) -> usize {
        let Self {
            client,
            server,
            to_server,
            to_client,
            ..
        } = self;
        let limits = (self.pipe, self.chunk, self.now);
        client.step(to_server, to_client, limits) + server.step(to_client, to_server, limits)
    }

    pub(super) fn run(&mut self) {
        while self.step() > 0 || !self.client.t.tx.is_empty() || !self.server.t.tx.is_empty() {}
    }

    pub(super) fn established(mut self) -> Self {
        self.run();
        for end in [&self.client, &self.server] {
            assert_eq!(end.error, None);
            assert_eq!(end.count(&Seen::Established), 1, "{:?}", end.seen);
        }
        self
    }

    pub(super) fn authenticated(self) -> Self {
        let mut this = self.established();
        this.client.t.authenticated(this.now);
        this.server.t.authenticated(this.now);
        this
    }
}

/// Numbers of any size, the same for the same seed.
pub(super) fn numbers(seed: u64) -> impl FnMut() -> usize {
    let mut dice = Dice::new(seed);
    move || dice.below(1 << 32)
}
