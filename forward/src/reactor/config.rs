//! What a program gives the event loop to start with. Plain values; nothing here opens anything.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use adit_auth::Methods;
use adit_connection::Limits;
use adit_crypto::{Provider, SigningKey};
use adit_proto::Ident;
use adit_transport::{Algorithms, Buffers, Config as TransportConfig, RekeyLimits};

use super::forwards::{Forward, RemoteForward, StreamLocalBind};
use super::way::{HopConfig, Proxy, StdioForward};
use crate::admission::{MaxStartups, PerSource};
use crate::life::Patience;
use crate::policy::PermitOpen;

/// What every session of a program is made with.
#[derive(Clone)]
pub struct SshConfig {
    /// Cryptography; its randomness is used, too.
    pub provider: &'static Provider,
    /// How we present ourselves.
    pub ident: Ident,
    /// What is offered, in order of preference.
    pub algorithms: Algorithms,
    /// When keys are changed.
    pub rekey: RekeyLimits,
}

impl SshConfig {
    /// For one session.
    pub(super) fn transport(&self, buffers: Buffers) -> TransportConfig {
        TransportConfig {
            provider: self.provider,
            random: self.provider.random,
            ident: self.ident.clone(),
            algorithms: self.algorithms.clone(),
            rekey: self.rekey,
            buffers,
        }
    }
}

impl core::fmt::Debug for SshConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SshConfig")
            .field("provider", self.provider)
            .field("ident", &self.ident)
            .field("rekey", &self.rekey)
            .finish_non_exhaustive()
    }
}

/// A client: one connection to a server, local ports forwarded through it.
#[derive(Debug)]
pub struct ClientConfig {
    /// Algorithms and what belongs to them.
    pub ssh: SshConfig,
    /// The server's addresses, all of them, in the resolver's order. They are tried with families
    /// in turn, each 250 ms after the one before or when that failed (RFC 8305); the first that
    /// connects is taken. Where `jumps` are, they are the first of those, and `connection_attempts`
    /// is for it too.
    pub addresses: Vec<SocketAddr>,
    /// What is instead of those addresses.
    pub proxy: Option<Proxy>,
    /// Servers to go through, in their order, at most [`JUMPS_MAX`](super::JUMPS_MAX). Whatever else
    /// there is here is about the last server, which the last of them leads to.
    pub jumps: Vec<HopConfig>,
    /// ConnectTimeout: from the start of one attempt at all addresses to the end of the first key
    /// exchange. `None`: the system's patience.
    pub connect_timeout: Option<Duration>,
    /// ConnectionAttempts: how often the list of addresses is tried, a second apart. At least 1.
    pub connection_attempts: u32,
    /// The user to log in as.
    pub user: String,
    /// How to log in.
    pub methods: Methods,
    /// What to log in with.
    pub identities: Identities,
    /// Sockets to open once the user is authenticated.
    pub forwards: Vec<Forward>,
    /// What to ask the server to listen on, then.
    pub remote_forwards: Vec<RemoteForward>,
    /// Where standard input and output go (`-W`).
    pub stdio: Option<StdioForward>,
    /// PermitRemoteOpen: where connections of a [`RemoteForward`] may go that say it themselves
    /// ([`To::Dynamic`](super::To::Dynamic)).
    pub permit_remote_open: PermitOpen,
    /// StreamLocalBindMask and StreamLocalBindUnlink, for `forwards`.
    pub stream_local_bind: StreamLocalBind,
    /// ExitOnForwardFailure.
    pub on_forward_failure: OnForwardFailure,
    /// ServerAliveInterval and ServerAliveCountMax. `None`: do not ask.
    pub alive: Option<KeepAlive>,
    /// How much each session may hold.
    pub room: Room,
}

/// How much a client's session may hold: channels, what waits for their readers, and buffers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    /// [`Limits::CLIENT`], and buffers in which throughput does not grow any more.
    Large,
    /// [`Limits::EMBEDDED`], a receive buffer for the largest packet and little more, and 8 KiB
    /// that may wait to be sent.
    Small,
}

impl Room {
    pub(super) const fn limits(self) -> Limits {
        match self {
            Self::Large => Limits::CLIENT,
            Self::Small => Limits::EMBEDDED,
        }
    }

    pub(super) fn buffers(self) -> Buffers {
        match self {
            Self::Large => Buffers::default(),
            Self::Small => Buffers {
                recv: 0, // the least there is
                send: 8 * 1024,
            },
        }
    }
}

/// Keys to log in with. Those of `files` that the agent holds are offered first, then the agent's
/// other ones, then the rest of `files`: the order of OpenSSH.
#[derive(Debug, Default)]
pub struct Identities {
    /// Keys that files name.
    pub files: Vec<FileKey>,
    /// The ssh-agent, if one is to be asked.
    pub agent: Option<AgentConfig>,
}

/// A key that a file names.
pub struct FileKey {
    /// For messages: the file's name.
    pub name: String,
    /// Its public half.
    pub public_blob: Vec<u8>,
    /// Signature algorithms it can be used with, best first.
    pub algorithms: &'static [&'static str],
    /// What there is of the private half.
    pub key: FileKeyState,
}

/// What a file gave of a key's private half.
pub enum FileKeyState {
    /// All of it.
    Loaded(Box<dyn SigningKey>),
    /// It wants a passphrase: [`Program::unlock`](crate::observer::Program::unlock) is asked once
    /// the server accepts the key.
    Locked,
    /// Nothing: of use only where the agent has it.
    Public,
}

impl FileKey {
    /// A key that needs no passphrase.
    #[must_use]
    pub fn loaded(name: String, key: Box<dyn SigningKey>) -> Self {
        Self {
            name,
            public_blob: key.public_blob().to_vec(),
            algorithms: key.algorithms(),
            key: FileKeyState::Loaded(key),
        }
    }
}

impl core::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FileKey({}, {:?})", self.name, self.key)
    }
}

impl core::fmt::Debug for FileKeyState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Loaded(_) => "Loaded",
            Self::Locked => "Locked",
            Self::Public => "Public",
        })
    }
}

/// How to use the ssh-agent.
#[derive(Debug)]
pub struct AgentConfig {
    /// Its socket.
    pub socket: PathBuf,
    /// Which of its keys may be offered.
    pub keys: AgentKeys,
}

/// Which of an agent's keys may be offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AgentKeys {
    /// All of them.
    All,
    /// Those that a file names, too (IdentitiesOnly).
    OfFiles,
}

/// What to do when a listening socket cannot be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnForwardFailure {
    /// Tell, and go on with the others.
    GoOn,
    /// End the program.
    End,
}

/// How life is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// Silence before asking. Any byte that arrives is life.
    pub interval: Duration,
    /// Questions without an answer before the peer is given up. At least 1.
    pub count: u32,
}

/// A server: SSH clients connect, their channels go to destinations that the policy allows.
pub struct ServerConfig {
    /// Algorithms and what belongs to them.
    pub ssh: SshConfig,
    /// At least one. Of two for the same algorithm the first one is used.
    pub host_keys: Arc<[Box<dyn SigningKey>]>,
    /// LoginGraceTime, from accept to authentication. `None`: for ever.
    pub login_grace: Option<Duration>,
    /// MaxStartups.
    pub max_startups: MaxStartups,
    /// PerSourceMaxStartups, PerSourcePenalties and what belongs to them.
    pub per_source: PerSource,
    /// ClientAliveInterval and ClientAliveCountMax. `None`: do not ask.
    pub alive: Option<KeepAlive>,
    /// MaxAuthTries.
    pub max_auth_tries: u32,
    /// StreamLocalBindMask and StreamLocalBindUnlink.
    pub stream_local_bind: StreamLocalBind,
    /// What all sessions together may have in their windows.
    pub window_memory: WindowMemory,
}

/// Fewest bytes for the windows of all sessions: 512 channels, and something on top.
pub const WINDOW_MEMORY_MIN: u64 = 1 << 20;

/// Bytes that the windows of all channels of all sessions may have together: what a server promises
/// to hold, and so what it holds of others' data at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WindowMemory(usize);

impl WindowMemory {
    /// `None` below [`WINDOW_MEMORY_MIN`], and for more than there are addresses.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        let enough = bytes >= WINDOW_MEMORY_MIN;
        usize::try_from(bytes).ok().filter(|_| enough).map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for WindowMemory {
    /// 256 MiB: as much as eight sessions can have at most, or 131072 channels that nobody uses.
    fn default() -> Self {
        Self(256 << 20)
    }
}

impl core::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("ssh", &self.ssh)
            .field("host_keys", &self.host_keys.len())
            .field("login_grace", &self.login_grace)
            .field("max_startups", &self.max_startups)
            .field("per_source", &self.per_source)
            .field("alive", &self.alive)
            .field("max_auth_tries", &self.max_auth_tries)
            .field("stream_local_bind", &self.stream_local_bind)
            .field("window_memory", &self.window_memory)
            .finish()
    }
}

impl From<KeepAlive> for Patience {
    fn from(alive: KeepAlive) -> Self {
        Self {
            interval: alive.interval,
            count_max: alive.count,
        }
    }
}
