//! A peer that does what a test says: honest up to any point of a connection, and from there on
//! whatever bytes, packets or messages it is told to send. At the other end is a real session.
//!
//! It shares no code with what it talks to but messages and cryptography, so it also shows that
//! the session does what the RFCs say, and not only what it would say itself.
//!
//! ```text
//! let mut peer = Scripted::at(&Script::new(Role::Server, &toy::PROVIDER), Step::NewKeys);
//! assert_eq!(peer.answer_to(&[52]), Outcome::Refused(2));
//! ```

pub mod channels;
mod exchange;
mod keys;
mod login;
mod messages;
mod wire;

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use adit_auth::{KeyId, Methods, OfferedKey, Probe};
use adit_crypto::{Cipher, Kex, Provider, Secret, SigningKey};
use adit_forward::session::{ServerAuth, Session};
use adit_transport::RekeyLimits;

pub use keys::{ALGORITHMS, Disguise, key_for, relabelled};
pub use login::{Claim, request};
pub use messages::{IS_OPEN_ENDED, minimal, string};
pub use wire::Frame;

use crate::pair::{End, Setup, new_key};
use channels::Sizes;
use exchange::Exchange;
use wire::{Inward, Outward};

/// Who the session under test is; the peer is the other one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The peer is a server.
    Client,
    /// The peer is a client.
    Server,
}

impl Role {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];
}

/// Whether the peer offers strict key exchange (OpenSSH PROTOCOL §1.10); a session always does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strict {
    /// So it is agreed.
    Offered,
    /// So there is none.
    Absent,
}

impl Strict {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Offered, Self::Absent];
}

/// What both ends are made with. The peer offers one algorithm of each kind.
pub struct Script {
    /// Of the session under test.
    pub role: Role,
    /// Of the session under test; the peer offers its cipher, MAC and key exchange method, or
    /// aes256-gcm and curve25519-sha256.
    pub setup: Setup,
    /// Of the peer.
    pub strict: Strict,
    /// Whether a client asks before it signs; `None` if it has no key.
    pub probe: Option<Probe>,
    /// With which algorithm the peer signs.
    pub algorithm: &'static str,
    /// And with what: not every provider signs with RSA.
    pub signer: &'static Provider,
}

/// After how long the session under test wants new keys.
pub const REKEY_TIME: Duration = Duration::from_secs(3600);

impl Script {
    /// With strict key exchange.
    #[must_use]
    pub fn new(role: Role, provider: &'static Provider) -> Self {
        let mut setup = Setup::new(provider);
        setup.rekey = RekeyLimits {
            bytes: None,
            time: Some(REKEY_TIME),
        };
        Self {
            role,
            setup,
            strict: Strict::Offered,
            probe: Some(Probe::No),
            algorithm: "ssh-ed25519",
            signer: provider,
        }
    }
}

/// How far the peer goes honestly: it has sent this, and everything before it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// Nothing.
    Start,
    /// Its identification.
    Ident,
    /// Its KEXINIT.
    KexInit,
    /// KEX_ECDH_INIT or KEX_ECDH_REPLY.
    Share,
    /// Its NEWKEYS.
    NewKeys,
    /// SERVICE_REQUEST or SERVICE_ACCEPT.
    Service,
    /// What ends authentication with success.
    Login,
}

type Go = fn(&mut Scripted);

const HONEST: [(Step, Go); 6] = [
    (Step::Ident, Scripted::ident),
    (Step::KexInit, Scripted::kexinit),
    (Step::Share, Scripted::share),
    (Step::NewKeys, Scripted::newkeys),
    (Step::Service, Scripted::service),
    (Step::Login, Scripted::log_in),
];

/// What came of something that the peer sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The session has ended with an error, and said DISCONNECT with this reason and nothing else.
    Refused(u32),
    /// The session has ended because the peer said DISCONNECT.
    Ended,
    /// The session goes on, and has sent messages of these numbers.
    Said(Vec<u8>),
}

/// See the module.
pub struct Scripted {
    /// The session under test.
    pub victim: End,
    /// What both believe the time is.
    pub now: Duration,
    /// What the victim has said since the last [`Scripted::forget`].
    pub heard: VecDeque<Vec<u8>>,
    /// The victim's number of the channel that was opened last.
    pub channel: u32,
    /// What the peer proves itself with: a host key, or a user's.
    pub key: Arc<dyn SigningKey>,
    /// The algorithm that it says it signs with.
    pub algorithm: &'static str,
    role: Role,
    strict: Strict,
    provider: &'static Provider,
    cipher: &'static dyn Cipher,
    kex: &'static dyn Kex,
    outward: Outward,
    inward: Inward,
    exchange: Exchange,
}

impl Scripted {
    /// Nothing was sent by either end.
    #[must_use]
    pub fn new(script: &Script) -> Self {
        let Setup { provider, .. } = script.setup;
        let now = Duration::from_secs(1000);
        let key = match script.algorithm {
            "ssh-ed25519" => Arc::from(new_key(&script.setup)),
            other => key_for(script.signer, other),
        };
        let (session, offered) = match script.role {
            Role::Client => client(script, &*key, now),
            Role::Server => (server(script, now), Vec::new()),
        };
        let kex = script.setup.kex.unwrap_or("curve25519-sha256");
        let cipher = script.setup.cipher.unwrap_or("aes256-gcm@openssh.com");
        let mac = script.setup.mac.map(str::as_bytes);
        Self {
            victim: End::new(session, Arc::clone(&key), offered, script.setup.server),
            now,
            heard: VecDeque::new(),
            channel: 0,
            key,
            algorithm: script.algorithm,
            role: script.role,
            strict: script.strict,
            provider,
            cipher: provider.cipher(cipher.as_bytes(), mac).expect("a cipher"),
            kex: provider.kex(kex.as_bytes()).expect("a method"),
            outward: Outward::default(),
            inward: Inward::default(),
            exchange: Exchange::default(),
        }
    }

    /// The peer has gone so far, and the victim has answered what it answers.
    #[must_use]
    pub fn at(script: &Script, step: Step) -> Self {
        let mut this = Self::new(script);
        this.run();
        for (_, go) in HONEST.into_iter().filter(|(at, _)| *at <= step) {
            go(&mut this);
            assert!(this.victim.is_alive(), "{:?}", this.victim.log);
        }
        this.forget();
        this
    }

    /// The peer goes on honestly from where it has gone so far, and is logged in.
    pub fn go_on(&mut self, from: Step) {
        for (_, go) in HONEST.into_iter().filter(|(at, _)| *at > from) {
            go(self);
        }
    }

    /// The peer sends these bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.victim.inbox.extend(bytes);
        self.run();
    }

    /// The peer sends a message as it should be sent.
    pub fn send(&mut self, payload: &[u8]) {
        let frame = self.outward.honest(payload);
        self.send_frame(frame);
    }

    /// The peer sends a packet as it should not be sent.
    pub fn send_frame(&mut self, frame: Frame<'_>) {
        let bytes = self.sealed(frame);
        self.send_raw(&bytes);
    }

    /// What would be sent for this message.
    #[must_use]
    pub fn frame<'a>(&self, payload: &'a [u8]) -> Frame<'a> {
        self.outward.honest(payload)
    }

    /// The packet on the wire. It counts as sent.
    pub fn sealed(&mut self, frame: Frame<'_>) -> Vec<u8> {
        self.outward.seal(frame)
    }

    /// What comes of a message within a second.
    pub fn answer_to(&mut self, payload: &[u8]) -> Outcome {
        self.forget();
        self.send(payload);
        self.wait(Duration::from_secs(1));
        self.outcome()
    }

    /// What has come of everything since the last [`Scripted::forget`].
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let said: Vec<u8> = self
            .heard
            .iter()
            .filter_map(|m| m.first().copied())
            .collect();
        if self
            .victim
            .log
            .iter()
            .any(|e| e.starts_with("Disconnected"))
        {
            assert!(said.is_empty() && self.victim.is_alive());
            return Outcome::Ended;
        }
        if self.victim.is_alive() {
            return Outcome::Said(said);
        }
        // A KEXINIT is answered with another before it is read.
        assert!(
            said == [1] || said == [20, 1],
            "{said:?} {:?}",
            self.victim.log
        );
        match self.heard.back().map_or(&[][..], Vec::as_slice) {
            [1, a, b, c, d, ..] => Outcome::Refused(u32::from_be_bytes([*a, *b, *c, *d])),
            other => panic!("no DISCONNECT: {other:?}"),
        }
    }

    /// How many channels the victim was about to connect to something.
    #[must_use]
    pub fn opens(&self) -> usize {
        let asked = |event: &&String| event.starts_with("OpenAsked");
        self.victim.log.iter().filter(asked).count()
    }

    /// Whether the victim believes that authentication has succeeded.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        self.victim.session.user().is_some()
    }

    /// What was heard before is of no interest.
    pub fn forget(&mut self) {
        self.heard.clear();
    }

    /// A channel is opened, and [`Scripted::channel`] is its number.
    pub fn open(&mut self) {
        self.channel = self.open_channel(7, Sizes::USUAL).number();
    }

    /// Lets everything happen that can, without the clock.
    pub fn run(&mut self) {
        loop {
            let moved = self.victim.turn(self.now);
            let bytes = self.victim.session.send_pending().concat();
            self.victim.session.send_consumed(bytes.len());
            self.hear(&bytes);
            if !moved && bytes.is_empty() {
                return;
            }
        }
    }

    /// Hears what the victim has said, where the test carries its bytes.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.inward.arrived(bytes);
        self.listen();
    }

    /// Turns the clock, and lets everything happen in its time.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        self.run();
        while self.victim.is_alive()
            && let Some(next) = self.victim.session.deadline().filter(|at| *at <= until)
        {
            self.now = next.max(self.now);
            let result = self.victim.session.handle_timeout(self.now);
            self.victim.check(result);
            self.run();
        }
        self.now = until;
        self.run();
    }
}

fn client(script: &Script, key: &dyn SigningKey, now: Duration) -> (Session, Vec<OfferedKey>) {
    let config = script.setup.config();
    let session = Session::client(config, b"user", Methods::default(), now).expect("a client");
    let offered = script.probe.map(|ask_first| OfferedKey {
        public_blob: key.public_blob().to_vec(),
        id: KeyId(1),
        ask_first,
        algorithms: key.algorithms(),
    });
    (session, offered.into_iter().collect())
}

fn server(script: &Script, now: Duration) -> Session {
    let auth = ServerAuth {
        limits: adit_auth::Limits::default(),
        timing_secret: Secret::new(vec![7; 32]),
    };
    let host_keys = Arc::from([new_key(&script.setup)]);
    Session::server(script.setup.config(), host_keys, auth, now).expect("a server")
}
