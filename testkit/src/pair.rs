//! A client's and a server's session joined in memory, with local sockets that the test plays and
//! a clock that it turns. Nothing happens but in [`Pair::run`].

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::sync::Arc;

use adit_auth::{Decision, KeyId, KeyPolicy, OfferedKey, Probe};
use adit_connection::{ChannelId, OpenKind};
use adit_crypto::{PrivateKey, Provider, Secret, SigningKey};
use adit_forward::relay::{self, Locals, Outlet, Pull};
use adit_forward::session::{Config, Event, Need, ServerAuth, Session};
use adit_forward::{Error, Patience, Spill};
use adit_proto::{Ident, reason};
use adit_transport::{AeadFirst, Algorithms, Buffers, RekeyLimits};

use crate::socket::FakeSocket;

/// What a pair is made with.
pub struct Setup {
    /// Of both ends.
    pub provider: &'static Provider,
    /// Of both ends.
    pub limits: adit_connection::Limits,
    /// Of both ends.
    pub rekey: RekeyLimits,
    /// Of both ends.
    pub patience: Option<Patience>,
    /// Of both ends.
    pub buffers: Buffers,
    /// Only this cipher, where it is set.
    pub cipher: Option<&'static str>,
    /// Only this key exchange method, where it is set.
    pub kex: Option<&'static str>,
    /// Whether the server accepts the client's key and then every channel.
    pub server: Willing,
    /// Most bytes that one step of the wire carries.
    pub chunk: usize,
    /// How many bytes the wire holds in each direction before it is full.
    pub wire: usize,
}

/// What a test's server does when asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Willing {
    /// Accepts the key and every channel.
    All,
    /// Accepts the key and no channel.
    NoChannels,
    /// Refuses the key.
    Nobody,
}

impl Setup {
    /// A server that accepts everything, ordinary sizes.
    #[must_use]
    pub fn new(provider: &'static Provider) -> Self {
        Self {
            provider,
            limits: adit_connection::Limits {
                max_channels: 64,
                window_budget: 8 << 20,
            },
            rekey: RekeyLimits {
                bytes: None,
                time: None,
            },
            patience: None,
            buffers: Buffers::default(),
            cipher: None,
            kex: None,
            server: Willing::All,
            chunk: usize::MAX,
            wire: 1 << 20,
        }
    }

    fn config(&self) -> Config {
        let mut algorithms = Algorithms::defaults(self.provider, AeadFirst::Aes);
        if let Some(cipher) = self.cipher {
            algorithms
                .select_ciphers(self.provider, cipher)
                .expect("a cipher of this provider");
        }
        if let Some(kex) = self.kex {
            algorithms
                .select_kex(self.provider, kex)
                .expect("a method of this provider");
        }
        Config {
            transport: adit_transport::Config {
                provider: self.provider,
                random: self.provider.random,
                ident: Ident::new(b"SSH-2.0-adit_test").expect("an identification"),
                algorithms,
                rekey: self.rekey,
                buffers: self.buffers,
            },
            limits: self.limits,
            patience: self.patience,
        }
    }
}

/// One end's side of a channel.
#[derive(Default)]
pub struct Local {
    /// The application's connection.
    pub socket: FakeSocket,
    /// What it has not taken.
    pub spill: Spill,
    /// The peer sends no more; the socket gets its FIN when the spill is empty.
    pub eof: bool,
    /// Bytes that it took.
    pub taken: usize,
    writable: bool,
    open: bool,
}

/// One end.
pub struct End {
    /// Its session.
    pub session: Session,
    /// Its channels' local sides.
    pub locals: HashMap<ChannelId, Local>,
    /// What happened, but for data.
    pub log: Vec<String>,
    /// Why it ended.
    pub error: Option<Error>,
    /// The peer's bytes that were not read yet.
    inbox: VecDeque<u8>,
    is_mute: bool,
    key: Arc<dyn SigningKey>,
    willing: Willing,
}

/// Both ends.
pub struct Pair {
    /// The client's.
    pub client: End,
    /// The server's.
    pub server: End,
    /// What both believe the time is.
    pub now: Duration,
    chunk: usize,
    wire: usize,
}

impl Pair {
    /// Two sessions that have not exchanged a byte.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        let now = Duration::from_secs(1000);
        let host_key = new_key(setup.provider);
        let user_key: Arc<dyn SigningKey> = Arc::from(new_key(setup.provider));
        let offered = OfferedKey {
            public_blob: user_key.public_blob().to_vec(),
            id: KeyId(1),
            ask_first: Probe::No,
            algorithms: user_key.algorithms(),
        };
        let client = Session::client(setup.config(), b"user", vec![offered], now).expect("client");
        let auth = ServerAuth {
            limits: adit_auth::Limits::default(),
            timing_secret: Secret::new(vec![7; 32]),
        };
        let host_keys: Arc<[Box<dyn SigningKey>]> = Arc::from([host_key]);
        let server = Session::server(setup.config(), host_keys, auth, now).expect("server");
        let end = |session| End {
            session,
            locals: HashMap::new(),
            log: Vec::new(),
            error: None,
            inbox: VecDeque::new(),
            is_mute: false,
            key: Arc::clone(&user_key),
            willing: setup.server,
        };
        Self {
            client: end(client),
            server: end(server),
            now,
            chunk: setup.chunk,
            wire: setup.wire,
        }
    }

    /// Two sessions with keys, authenticated.
    #[must_use]
    pub fn connected(setup: &Setup) -> Self {
        let mut pair = Self::new(setup);
        pair.run();
        assert!(
            pair.client.session.user().is_some(),
            "client: {:?}",
            pair.client.log
        );
        assert!(
            pair.server.session.user().is_some(),
            "server: {:?}",
            pair.server.log
        );
        pair
    }

    /// Opens a channel from the client, whose application's connection this is.
    pub fn open(&mut self) -> ChannelId {
        let kind = OpenKind::DirectTcpip {
            host: b"localhost",
            port: 80,
            originator: b"127.0.0.1",
            originator_port: 4000,
        };
        let id = self.client.session.open(kind).expect("a free slot");
        self.client.locals.insert(
            id,
            Local {
                writable: true,
                ..Local::default()
            },
        );
        id
    }

    /// Lets everything happen that can, without the clock. Says after how many rounds nothing did.
    pub fn run(&mut self) -> usize {
        for round in 0.. {
            let mut moved = self.client.turn(self.now);
            moved |= self.server.turn(self.now);
            moved |= carry(&mut self.client, &mut self.server, self.chunk, self.wire);
            moved |= carry(&mut self.server, &mut self.client, self.chunk, self.wire);
            if !moved {
                return round;
            }
        }
        0
    }

    /// Turns the clock to the next time at which either end has something to do, at most by
    /// `limit`, and lets it happen.
    pub fn wait(&mut self, limit: Duration) {
        self.run();
        let until = self.now + limit;
        loop {
            let next = [&self.client, &self.server]
                .iter()
                .filter(|end| end.error.is_none())
                .filter_map(|end| end.session.deadline())
                .min()
                .filter(|next| *next <= until);
            let Some(next) = next else { break };
            self.now = next.max(self.now);
            for end in [&mut self.client, &mut self.server] {
                let result = end.session.handle_timeout(self.now);
                end.check(result);
            }
            self.run();
        }
        self.now = until;
        self.run();
    }

    /// The only local side that the server has.
    pub fn served(&mut self) -> &mut Local {
        let mut all = self.server.locals.values_mut();
        let one = all.next().expect("a channel at the server");
        assert!(all.next().is_none(), "one channel at the server");
        one
    }
}

fn new_key(provider: &'static Provider) -> Box<dyn SigningKey> {
    let (seed, public) = provider
        .keys
        .generate_ed25519(provider.random)
        .expect("randomness");
    let seed = seed.expose().try_into().expect("32 bytes");
    provider
        .keys
        .load(&PrivateKey::Ed25519 {
            seed,
            public: &public,
        })
        .expect("a key")
}

/// Moves sealed bytes of one end to the other. Whether any moved.
fn carry(from: &mut End, to: &mut End, chunk: usize, wire: usize) -> bool {
    if from.is_mute {
        return false;
    }
    let mut sink = WireSink {
        inbox: &mut to.inbox,
        left: chunk,
        wire,
    };
    let before: usize = from
        .session
        .send_pending()
        .iter()
        .map(|part| part.len())
        .sum();
    let _ = relay::flush(&mut from.session, &mut sink);
    let after: usize = from
        .session
        .send_pending()
        .iter()
        .map(|part| part.len())
        .sum();
    before != after
}

struct WireSink<'a> {
    inbox: &'a mut VecDeque<u8>,
    left: usize,
    wire: usize,
}

impl Write for WireSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.wire.saturating_sub(self.inbox.len()).min(self.left);
        let n = bytes.len().min(room);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.inbox.extend(bytes.iter().take(n));
        self.left -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl End {
    /// Whether the session goes on.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.error.is_none()
    }

    /// Neither reads nor sends from now on, as if its machine had gone.
    pub const fn mute(&mut self) {
        self.is_mute = true;
    }

    fn check(&mut self, result: Result<(), Error>) {
        if let Err(error) = result
            && self.error.is_none()
        {
            self.log.push(format!("error: {error}"));
            self.session.fail(error);
            self.error = Some(error);
        }
    }

    /// As a reactor's turn of a peer. Whether anything happened.
    fn turn(&mut self, now: Duration) -> bool {
        if self.error.is_some() || self.is_mute {
            return false;
        }
        let mut moved = self.receive(now);
        moved |= self.answer(now);
        let (seen, due) = (self.log.len(), self.session.has_due());
        let result = self.send_due(now);
        self.check(result);
        moved |= self.log.len() != seen || (due && !self.session.has_due());
        moved |= self.drain();
        moved |= self.pull();
        moved
    }

    fn send_due(&mut self, now: Duration) -> Result<(), Error> {
        while let Some(event) = self.session.send_due(now)? {
            self.log.push(format!("{event:?}"));
            if let Event::OpenConfirmed(id) = event
                && let Some(local) = self.locals.get_mut(&id)
            {
                local.open = true;
            }
        }
        Ok(())
    }

    fn receive(&mut self, now: Duration) -> bool {
        let mut moved = false;
        if !self.inbox.is_empty()
            && let Some(space) = self.session.recv_space()
        {
            let n = self.inbox.read(space).unwrap_or(0);
            self.session.recv_filled(n, now);
            moved = n > 0;
        }
        let seen = self.log.len();
        let mut side = Side {
            locals: &mut self.locals,
            log: &mut self.log,
            willing: self.willing,
        };
        let result = relay::push(&mut self.session, now, &mut side);
        self.check(result);
        moved || self.log.len() != seen
    }

    fn answer(&mut self, now: Duration) -> bool {
        match self.session.need() {
            Need::Nothing => false,
            Need::Sign {
                key,
                algorithm,
                message,
            } => {
                let signature = self.key.sign(algorithm, message);
                let _ = self.session.signed(key, signature);
                true
            }
            Need::Authorize { key_blob, .. } => {
                let known = self.willing != Willing::Nobody && key_blob == self.key.public_blob();
                let decision = if known {
                    Decision::Allowed(KeyPolicy { file: 0, line: 1 })
                } else {
                    Decision::Refused
                };
                match self.session.authorize(decision, now) {
                    Ok(event) => self.log.extend(event.map(|event| format!("{event:?}"))),
                    Err(error) => self.check(Err(error)),
                }
                true
            }
        }
    }

    fn drain(&mut self) -> bool {
        let mut moved = false;
        for (id, local) in &mut self.locals {
            local.writable = true;
            let mut outlet = Outlet {
                sink: &mut local.socket,
                spill: &mut local.spill,
                writable: &mut local.writable,
            };
            if let Ok(n) = outlet.drain()
                && n > 0
            {
                local.taken += n;
                self.session.delivered(*id, n);
                moved = true;
            }
        }
        moved
    }

    fn pull(&mut self) -> bool {
        let mut moved = false;
        let mut broken = Vec::new();
        for (id, local) in self.locals.iter_mut().filter(|(_, local)| local.open) {
            match relay::pull(&mut self.session, *id, &mut local.socket) {
                Ok(Pull::Moved { .. }) => moved = true,
                Ok(Pull::Ended) => {
                    local.open = false;
                    moved = true;
                }
                Ok(Pull::Failed(_)) => {
                    broken.push(*id);
                    moved = true;
                }
                Ok(Pull::NoRoom) => break,
                Ok(Pull::NoWindow | Pull::NotReady) => {}
                Err(error) => {
                    self.check(Err(error));
                    return true;
                }
            }
        }
        for id in broken {
            self.locals.remove(&id);
            self.session.release(id);
        }
        moved
    }
}

/// What the relay sees of one end.
struct Side<'a> {
    locals: &'a mut HashMap<ChannelId, Local>,
    log: &'a mut Vec<String>,
    willing: Willing,
}

impl Locals for Side<'_> {
    type Sink = FakeSocket;

    fn outlet(&mut self, id: ChannelId) -> Option<Outlet<'_, FakeSocket>> {
        let local = self.locals.get_mut(&id)?;
        Some(Outlet {
            sink: &mut local.socket,
            spill: &mut local.spill,
            writable: &mut local.writable,
        })
    }

    fn took(&mut self, id: ChannelId, n: usize) {
        if let Some(local) = self.locals.get_mut(&id) {
            local.taken += n;
        }
    }

    fn failed(&mut self, session: &mut Session, id: ChannelId, error: io::Error) {
        self.log
            .push(format!("Local {id:?} failed: {:?}", error.kind()));
        self.locals.remove(&id);
        session.release(id);
    }

    fn event(&mut self, session: &mut Session, event: Event) -> Result<(), Error> {
        self.log.push(format!("{event:?}"));
        match event {
            Event::HostKey(offer) => session.trust(offer.trust()),
            Event::OpenAsked { id, .. } if self.willing == Willing::All => {
                self.locals.insert(
                    id,
                    Local {
                        writable: true,
                        ..Local::default()
                    },
                );
                session.accept(id);
            }
            Event::OpenAsked { id, .. } => {
                session.refuse(id, reason::OpenFailure::ConnectFailed, "Connection refused");
            }
            Event::OpenConfirmed(id) => {
                if let Some(local) = self.locals.get_mut(&id) {
                    local.open = true;
                }
            }
            Event::OpenRefused { id, .. } => {
                self.locals.remove(&id);
                session.release(id);
            }
            Event::Eof(id) => {
                if let Some(local) = self.locals.get_mut(&id) {
                    local.eof = true;
                }
            }
            Event::Closed(id) => {
                if let Some(local) = self.locals.get_mut(&id) {
                    local.eof = true;
                    local.open = false;
                }
            }
            Event::Alive
            | Event::Authenticated
            | Event::AuthFailed(_)
            | Event::Banner(_)
            | Event::Data { .. }
            | Event::Debug { .. }
            | Event::Disconnected { .. }
            | Event::Established
            | Event::Refused(_)
            | Event::Rekeyed
            | Event::WindowOpened(_) => {}
        }
        Ok(())
    }
}
