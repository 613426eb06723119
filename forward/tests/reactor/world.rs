//! A client and a server on loops of their own, and an application behind the server.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use adit_auth::{Decision, KeyPolicy};
use adit_crypto::{PrivateKey, Provider, RING, SigningKey};
use adit_forward::admission::{Dropped, Offence, Refused};
use adit_forward::observer::{
    Answer, Destination, Event, Gone, HostKeyQuestion, HostKeyVerdict, KeyQuestion, ListenQuestion,
    OpenQuestion, Place, Program,
};
use adit_forward::policy::{
    AllowForwarding, Denied, PermitOpen, Permitted, PermittedListen, Policy,
};
use adit_forward::reactor::{
    ClientConfig, End, FileKey, Forward, Handle, Identities, Listen, MaxStartups, OnForwardFailure,
    PerSource, Reactor, Room, ServerConfig, SshConfig, StreamLocalBind, To, WindowMemory, listen,
};
use adit_proto::Ident;
use adit_transport::{AeadFirst, Algorithms, RekeyLimits};

/// Longest wait for anything: only a failing test waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a test hears of a loop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Heard {
    Authenticated,
    Listening(SocketAddr),
    ListeningOn(PathBuf),
    ListenFailed,
    ListenDenied,
    ListenGranted,
    ListenRefused,
    ListenCancelled,
    AcceptPaused,
    ConnectFailed,
    Opened,
    /// The server listens, on a port of its choice or as it was asked to.
    RemoteListening(Option<u16>),
    RemoteListenFailed,
    RemoteUnknown,
    Refused(u32, String),
    GuestRefused(String),
    Denied,
    OpenFailed,
    /// Bytes to the peer, bytes from it, and why.
    ChannelClosed(u64, u64, String),
    Gone(String),
    Startups(u32),
    Penalty(Refused),
    Penalised(Offence),
}

fn heard(event: &Event<'_>) -> Option<Heard> {
    Some(match event {
        Event::Authenticated { .. } => Heard::Authenticated,
        Event::Listening {
            address: Place::Tcp(address),
            ..
        } => Heard::Listening(*address),
        Event::Listening {
            address: Place::Unix(path),
            ..
        } => Heard::ListeningOn(path.to_path_buf()),
        Event::ListenFailed { .. } => Heard::ListenFailed,
        Event::ListenDenied { .. } => Heard::ListenDenied,
        Event::ListenGranted { .. } => Heard::ListenGranted,
        Event::ListenRefused { .. } => Heard::ListenRefused,
        Event::ListenCancelled { .. } => Heard::ListenCancelled,
        Event::AcceptPaused { .. } => Heard::AcceptPaused,
        Event::ConnectFailed { .. } => Heard::ConnectFailed,
        Event::ChannelOpened { .. } => Heard::Opened,
        Event::RemoteListening { port, .. } => Heard::RemoteListening(*port),
        Event::RemoteListenFailed { .. } => Heard::RemoteListenFailed,
        Event::RemoteUnknown { .. } => Heard::RemoteUnknown,
        Event::OpenRefused {
            reason_code,
            description,
            ..
        } => Heard::Refused(*reason_code, String::from_utf8_lossy(description).into()),
        Event::RemoteGuestRefused { why, .. } | Event::GuestRefused { why, .. } => {
            Heard::GuestRefused(why.to_string())
        }
        Event::OpenDenied { .. } => Heard::Denied,
        Event::OpenFailed { .. } => Heard::OpenFailed,
        Event::ChannelClosed { channel, .. } => {
            Heard::ChannelClosed(channel.sent, channel.received, format!("{:?}", channel.why))
        }
        Event::PeerGone { why, .. } => Heard::Gone(match why {
            Gone::Error(text) => format!("Error({text})"),
            Gone::Socket(_) => "Socket".to_owned(),
            Gone::Disconnected { reason_code, .. } => format!("Disconnected({reason_code})"),
            Gone::AuthenticationRefused(_) => "AuthenticationRefused".to_owned(),
            other => format!("{other:?}"),
        }),
        Event::Dropped { startups, why, .. } => match why {
            Dropped::PastMaxStartups => Heard::Startups(*startups),
            Dropped::Refused(why) => Heard::Penalty(*why),
        },
        Event::Penalised { offence, .. } => Heard::Penalised(*offence),
        _ => return None,
    })
}

/// What both programs answer.
#[derive(Clone)]
pub(crate) struct Answers {
    pub(crate) policy: Policy,
    pub(crate) host_key: HostKeyVerdict,
    pub(crate) key: Decision,
    /// Whether answers come from another thread.
    pub(crate) later: bool,
    /// Whether the server's program has a fault that a request for port 1 shows.
    pub(crate) faulty: bool,
    /// How long the server's program holds its loop up over a request for port 2.
    pub(crate) slow: Duration,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            policy: Policy {
                allow_streamlocal: Some(AllowForwarding::Yes),
                ..Policy::new(Some(AllowForwarding::Yes), None)
            },
            host_key: HostKeyVerdict::Trust,
            key: Decision::Allowed(KeyPolicy::unrestricted(0, 1)),
            later: false,
            faulty: false,
            slow: Duration::ZERO,
        }
    }
}

struct Played {
    answers: Answers,
    heard: Sender<Heard>,
}

impl Program for Played {
    fn observe(&mut self, event: &Event<'_>) {
        if let Some(heard) = heard(event) {
            let _ = self.heard.send(heard);
        }
    }

    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        let verdict = self.answers.host_key;
        if self.answers.later {
            Answer::Later(Box::new(move || verdict))
        } else {
            Answer::Now(verdict)
        }
    }

    fn authorize(&mut self, _: &KeyQuestion<'_>) -> Answer<Decision> {
        let decision = self.answers.key.clone();
        if self.answers.later {
            Answer::Later(Box::new(move || decision))
        } else {
            Answer::Now(decision)
        }
    }

    fn may_open(&mut self, question: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        if let Destination::Tcp { port, .. } = question.to {
            assert!(!self.answers.faulty || port != 1, "a fault");
            if port == 2 {
                thread::sleep(self.answers.slow);
            }
        }
        question.under(&self.answers.policy)
    }

    fn may_listen(&mut self, question: &ListenQuestion<'_>) -> Result<PermittedListen, Denied> {
        question.under(&self.answers.policy)
    }
}

/// One loop in its thread.
pub(crate) struct Looped {
    pub(crate) handle: Handle,
    heard: Receiver<Heard>,
    thread: Option<JoinHandle<End>>,
}

impl Looped {
    fn start(reactor: Reactor, answers: Answers) -> Self {
        let handle = reactor.handle();
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut program = Played {
                answers,
                heard: sender,
            };
            reactor.run(&mut program).unwrap()
        });
        Self {
            handle,
            heard: receiver,
            thread: Some(thread),
        }
    }

    /// The next thing that is like that; others are passed over.
    pub(crate) fn wait<T>(&self, like: impl Fn(&Heard) -> Option<T>) -> T {
        let mut passed = Vec::new();
        loop {
            match self.heard.recv_timeout(PATIENCE) {
                Ok(heard) => match like(&heard) {
                    Some(found) => return found,
                    None => passed.push(heard),
                },
                Err(_) => panic!("not heard in time; heard {passed:?}"),
            }
        }
    }

    pub(crate) fn listening(&self) -> SocketAddr {
        self.wait(|heard| match heard {
            Heard::Listening(address) => Some(*address),
            _ => None,
        })
    }

    pub(crate) fn gone(&self) -> String {
        self.wait(|heard| match heard {
            Heard::Gone(why) => Some(why.clone()),
            _ => None,
        })
    }

    pub(crate) fn channel_closed(&self) -> (u64, u64, String) {
        self.wait(|heard| match heard {
            Heard::ChannelClosed(sent, received, why) => Some((*sent, *received, why.clone())),
            _ => None,
        })
    }

    /// Why an application got no connection.
    pub(crate) fn guest_refused(&self) -> String {
        self.wait(|heard| match heard {
            Heard::GuestRefused(why) => Some(why.clone()),
            _ => None,
        })
    }

    /// Whether authentication succeeds.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.wait(|heard| match heard {
            Heard::Authenticated => Some(true),
            Heard::Gone(_) => Some(false),
            _ => None,
        })
    }

    /// Why the loop ended.
    pub(crate) fn end(mut self) -> End {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Looped {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Loops are tried with this one; they know providers by what they pass on alone.
pub(crate) fn ssh() -> SshConfig {
    ssh_on(&RING)
}

pub(crate) fn ssh_on(provider: &'static Provider) -> SshConfig {
    SshConfig {
        provider,
        ident: Ident::new(b"SSH-2.0-adit_test").unwrap(),
        algorithms: Algorithms::defaults(provider, AeadFirst::Aes),
        rekey: RekeyLimits::default(),
    }
}

pub(crate) fn key() -> Box<dyn SigningKey> {
    key_on(&RING)
}

pub(crate) fn key_on(provider: &Provider) -> Box<dyn SigningKey> {
    let (seed, public) = provider.keys.generate_ed25519(provider.random).unwrap();
    let seed = seed.expose().try_into().unwrap();
    let key = PrivateKey::Ed25519 {
        seed,
        public: &public,
    };
    provider.keys.load(&key).unwrap()
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn server_config() -> ServerConfig {
    ServerConfig {
        ssh: ssh(),
        host_keys: Arc::new([key()]),
        login_grace: Some(PATIENCE),
        max_startups: MaxStartups::default(),
        per_source: PerSource::unlimited(),
        alive: None,
        max_auth_tries: 6,
        stream_local_bind: StreamLocalBind::default(),
        window_memory: WindowMemory::default(),
    }
}

pub(crate) fn client_config(server: SocketAddr, to: SocketAddr) -> ClientConfig {
    ClientConfig {
        ssh: ssh(),
        addresses: vec![server],
        connect_timeout: Some(PATIENCE),
        connection_attempts: 1,
        user: "user".to_owned(),
        methods: adit_auth::Methods::default(),
        identities: Identities {
            files: vec![FileKey::loaded("test".to_owned(), key())],
            agent: None,
        },
        forwards: vec![Forward {
            listen: Listen::Tcp(vec![loopback()]),
            to: To::Tcp {
                host: to.ip().to_string(),
                port: to.port(),
            },
        }],
        remote_forwards: Vec::new(),
        stdio: None,
        proxy: None,
        jumps: Vec::new(),
        permit_remote_open: PermitOpen::Any,
        stream_local_bind: StreamLocalBind::default(),
        on_forward_failure: OnForwardFailure::End,
        alive: None,
        room: Room::Large,
    }
}

pub(crate) fn server(config: ServerConfig, answers: Answers) -> (Looped, SocketAddr) {
    let listeners = listen(&[loopback()]).unwrap();
    let reactor = Reactor::server(config, listeners).unwrap();
    let server = Looped::start(reactor, answers);
    let address = server.listening();
    (server, address)
}

pub(crate) fn client(config: ClientConfig, answers: Answers) -> Looped {
    Looped::start(Reactor::client(config).unwrap(), answers)
}

/// A tunnel that is up, and what is at its far end.
pub(crate) struct World {
    pub(crate) server: Looped,
    pub(crate) client: Looped,
    pub(crate) server_address: SocketAddr,
    /// Where applications connect.
    pub(crate) near: SocketAddr,
    /// Where they come out.
    pub(crate) far: TcpListener,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Answers::default(), |_, _| {})
    }

    pub(crate) fn with(
        answers: Answers,
        change: impl FnOnce(&mut ClientConfig, &mut ServerConfig),
    ) -> Self {
        let far = TcpListener::bind(loopback()).unwrap();
        let mut for_server = server_config();
        let mut for_client = client_config(loopback(), far.local_addr().unwrap());
        change(&mut for_client, &mut for_server);
        let (server, address) = server(for_server, answers.clone());
        for_client.addresses = vec![address];
        let client = client(for_client, answers);
        let near = client.listening();
        Self {
            server,
            client,
            server_address: address,
            near,
            far,
        }
    }

    /// An application's connection, and its other end.
    pub(crate) fn connect(&self) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(self.near).unwrap();
        let far = self.far.accept().unwrap().0;
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
        }
        (near, far)
    }
}
