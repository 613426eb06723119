//! A client's and a server's session joined in memory, with local sockets that the test plays and
//! a clock that it turns. Nothing happens but in [`Pair::run`].

mod end;
mod setup;

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use adit_auth::{KeyId, Methods, OfferedKey, Probe};
use adit_connection::{ChannelId, OpenKind};
use adit_crypto::{PrivateKey, Secret, SigningKey};
use adit_forward::session::{ServerAuth, Session};
use adit_forward::{Error, relay};

use crate::kinds;
use crate::scripted::Role;

pub use end::{CHOSEN_PORT, End, Local};
pub use setup::{Setup, Willing};

/// Both ends.
pub struct Pair {
    /// The client's.
    pub client: End,
    /// The server's.
    pub server: End,
    /// What both believe the time is.
    pub now: Duration,
    /// The way to the server, and the way to the client.
    pub ways: [Way; 2],
}

/// One direction between the ends.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Most bytes that one step carries.
    pub chunk: usize,
    /// How many bytes it holds before it is full.
    pub wire: usize,
}

impl Pair {
    /// Two sessions that have not exchanged a byte.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        Self::try_new(setup).expect("two sessions")
    }

    /// The same, where it may be that one cannot be made.
    ///
    /// # Errors
    /// As [`Session::client`] and [`Session::server`].
    ///
    /// # Panics
    ///
    /// If the keys of both cannot be made.
    pub fn try_new(setup: &Setup) -> Result<Self, Error> {
        let now = Duration::from_secs(1000);
        let host_key = new_key(setup);
        let user_key: Arc<dyn SigningKey> = Arc::from(new_key(setup));
        let offered = OfferedKey {
            public_blob: user_key.public_blob().to_vec(),
            id: KeyId(1),
            ask_first: Probe::No,
            algorithms: user_key.algorithms(),
        };
        let client = Session::client(setup.config(), b"user", Methods::default(), now)?;
        let auth = ServerAuth {
            limits: adit_auth::Limits::default(),
            timing_secret: Secret::new(vec![7; 32]),
        };
        let host_keys: Arc<[Box<dyn SigningKey>]> = Arc::from([host_key]);
        let server = Session::server(setup.config(), host_keys, auth, now)?;
        let end =
            |session, offered| End::new(session, Arc::clone(&user_key), offered, setup.server);
        Ok(Self {
            client: end(client, vec![offered]),
            server: end(server, Vec::new()),
            now,
            ways: [Way {
                chunk: setup.chunk,
                wire: setup.wire,
            }; 2],
        })
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
        let [direct_tcpip, ..] = kinds::CHANNELS;
        self.open_as(direct_tcpip)
    }

    /// Opens a channel of this kind, from the end that opens such.
    pub fn open_as(&mut self, kind: OpenKind<'_>) -> ChannelId {
        let [opener, _] = self.ends(kind);
        let id = opener.session.open(kind).expect("a free slot");
        opener.locals.insert(id, Local::new());
        id
    }

    /// The end that opens channels of this kind, and the other.
    pub const fn ends(&mut self, kind: OpenKind<'_>) -> [&mut End; 2] {
        match kinds::opener(kind) {
            Role::Client => [&mut self.client, &mut self.server],
            Role::Server => [&mut self.server, &mut self.client],
        }
    }

    /// The client asks for all that its server may open channels for, and gets it.
    pub fn forward(&mut self) {
        for request in kinds::REQUESTS {
            let asked = self.client.session.request(request);
            asked.expect("a request that has room");
        }
        self.run();
    }

    /// Lets everything happen that can, without the clock. Says after how many rounds nothing did.
    pub fn run(&mut self) -> usize {
        (0..).take_while(|_| self.step()).count()
    }

    /// One turn of each end and one step of each way between them. Whether anything happened.
    pub fn step(&mut self) -> bool {
        let [there, back] = self.ways;
        let mut moved = self.client.turn(self.now);
        moved |= self.server.turn(self.now);
        moved |= carry(&mut self.client, &mut self.server, there);
        moved |= carry(&mut self.server, &mut self.client, back);
        moved
    }

    /// Lets both ends do what they can, and then carries what they have to say to the other: as much
    /// as happens in half a round trip.
    pub fn flight(&mut self) {
        // One answer a turn, and no message of a login leads to more than a few.
        for _ in 0..8 {
            self.client.turn(self.now);
            self.server.turn(self.now);
        }
        let [there, back] = self.ways;
        carry(&mut self.client, &mut self.server, there);
        carry(&mut self.server, &mut self.client, back);
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

pub(crate) fn new_key(setup: &Setup) -> Box<dyn SigningKey> {
    let keys = setup.provider.keys;
    let (seed, public) = keys.generate_ed25519(setup.random).expect("randomness");
    let seed = seed.expose().try_into().expect("32 bytes");
    let key = PrivateKey::Ed25519 {
        seed,
        public: &public,
    };
    keys.load(&key).expect("a key")
}

/// Moves sealed bytes of one end to the other. Whether any moved.
fn carry(from: &mut End, to: &mut End, way: Way) -> bool {
    if from.is_mute {
        return false;
    }
    let mut sink = WireSink {
        inbox: &mut to.inbox,
        sent: from.sent.as_mut(),
        left: way.chunk,
        wire: way.wire,
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
    sent: Option<&'a mut Vec<u8>>,
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
        if let Some(sent) = &mut self.sent {
            sent.extend(bytes.iter().take(n));
        }
        self.left -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
