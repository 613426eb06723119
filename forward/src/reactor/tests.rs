//! What needs a look inside, or limits that no program can set.

mod before_login;
mod calls;
mod faults;
mod guests;
mod handed_on;
mod home;
mod path_dials;
mod remotes;
mod requests;
mod seats;
mod tries;
mod who_is_there;

use core::net::SocketAddr;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use adit_auth::{Decision, KeyPolicy};
use adit_connection::Limits;
use adit_crypto::{PrivateKey, RING, SigningKey};
use adit_proto::Ident;
use adit_transport::{AeadFirst, Algorithms, RekeyLimits};

use super::*;
use crate::observer::{Answer, HostKeyQuestion, HostKeyVerdict, KeyQuestion, OpenQuestion, Place};
use crate::policy::{AllowForwarding, Denied, PermitOpen, Permitted, Policy};

impl Reactor {
    /// How long nothing has to be done.
    fn patience(&self, now: Duration) -> Option<Duration> {
        if self.goes_on() {
            return Some(Duration::ZERO);
        }
        let next = self.context.timers.next()?;
        Some(next.saturating_sub(now))
    }
}

struct Willing(Sender<SocketAddr>);

impl Program for Willing {
    fn observe(&mut self, event: &Event<'_>) {
        if let Event::Listening {
            address: Place::Tcp(address),
            ..
        } = event
        {
            let _ = self.0.send(*address);
        }
    }
    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        Answer::Now(HostKeyVerdict::Trust)
    }
    fn authorize(&mut self, _: &KeyQuestion<'_>) -> Answer<Decision> {
        Answer::Now(Decision::Allowed(KeyPolicy::unrestricted(0, 1)))
    }
    fn may_open(&mut self, question: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        question.under(&Policy::new(Some(AllowForwarding::Yes), None))
    }
}

fn key() -> Box<dyn SigningKey> {
    let (seed, public) = RING.keys.generate_ed25519(RING.random).unwrap();
    let seed = seed.expose().try_into().unwrap();
    let public = &public;
    RING.keys
        .load(&PrivateKey::Ed25519 { seed, public })
        .unwrap()
}

fn ssh() -> SshConfig {
    SshConfig {
        provider: &RING,
        ident: Ident::new(b"SSH-2.0-adit_test").unwrap(),
        algorithms: Algorithms::defaults(&RING, AeadFirst::Aes),
        rekey: RekeyLimits::default(),
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn server_config() -> ServerConfig {
    ServerConfig {
        ssh: ssh(),
        host_keys: Arc::new([key()]),
        login_grace: None,
        max_startups: MaxStartups::default(),
        per_source: PerSource::unlimited(),
        alive: None,
        max_auth_tries: 6,
        stream_local_bind: StreamLocalBind::default(),
        window_memory: WindowMemory::default(),
    }
}

fn server() -> (Handle, SocketAddr) {
    let listeners = listen(&[loopback()]).unwrap();
    started(Reactor::server(server_config(), listeners).unwrap())
}

fn client(server: SocketAddr, to: SocketAddr) -> Reactor {
    client_with(ssh(), server, to)
}

fn client_with(ssh: SshConfig, server: SocketAddr, to: SocketAddr) -> Reactor {
    Reactor::client(ClientConfig {
        ssh,
        addresses: vec![server],
        connect_timeout: None,
        connection_attempts: 1,
        user: "user".to_owned(),
        methods: adit_auth::Methods::default(),
        identities: Identities {
            files: vec![FileKey::loaded(String::new(), key())],
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
    })
    .unwrap()
}

/// Runs it in a thread, and waits for the address that it listens on.
fn started(reactor: Reactor) -> (Handle, SocketAddr) {
    let (sender, addresses) = mpsc::channel();
    let handle = reactor.handle();
    thread::spawn(move || reactor.run(&mut Willing(sender)).unwrap());
    (handle, addresses.recv().unwrap())
}

fn ping(near: &TcpStream, far: &TcpStream) {
    for stream in [near, far] {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
    }
    let (mut near, mut far) = (near, far);
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_full_channel_table_accepts_nothing_more_until_a_channel_ends() {
    const CHANNELS: usize = 2;
    let far = TcpListener::bind(loopback()).unwrap();
    let (server, address) = server();
    let mut reactor = client(address, far.local_addr().unwrap());
    if let Side::Client(client) = &mut reactor.side {
        client.limits = Limits {
            max_channels: 2,
            ..Limits::CLIENT
        };
    }
    let (handle, near) = started(reactor);
    let connect = || TcpStream::connect(near).unwrap();
    let accept = || far.accept().unwrap().0;

    let mut open: Vec<_> = (0..CHANNELS).map(|_| (connect(), accept())).collect();
    let waiting = [connect(), connect(), connect()];
    for _ in 0..20 {
        // As long as this takes, nothing else comes through.
        open.iter().for_each(|(near, far)| ping(near, far));
    }
    far.set_nonblocking(true).unwrap();
    assert_eq!(far.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    far.set_nonblocking(false).unwrap();

    for waiting in waiting {
        drop(open.remove(0));
        open.push((waiting, accept()));
        let (near, far) = open.last().unwrap();
        ping(near, far);
    }
    handle.stop();
    server.stop();
}

#[test]
fn what_no_server_can_be_told_is_reset_and_holds_nobody_up() {
    let (server, address) = server();
    let mut reactor = client(address, loopback());
    if let Side::Client(client) = &mut reactor.side {
        client.forwards = Arc::new([Forward {
            listen: Listen::Tcp(vec![loopback()]),
            to: To::Tcp {
                host: "h".repeat(adit_connection::HOST_MAX + 1),
                port: 80,
            },
        }]);
    }
    let (handle, near) = started(reactor);
    for _ in 0..3 {
        let mut near = TcpStream::connect(near).unwrap();
        let patience = Some(Duration::from_secs(20));
        near.set_read_timeout(patience).unwrap();
        let read = near.read(&mut [0]).map_err(|e| e.kind());
        assert_eq!(read, Err(ErrorKind::ConnectionReset));
    }
    handle.stop();
    server.stop();
}

/// Tells of what is not as it should be, and when there is something to wait for.
struct Attentive(Sender<String>);

#[expect(clippy::wildcard_enum_match_arm, reason = "only some events matter")]
impl Program for Attentive {
    fn observe(&mut self, event: &Event<'_>) {
        let told = match event {
            Event::AgentFailed { error } => error.kind().to_string(),
            Event::Debug { text, .. } => (*text).to_owned(),
            Event::Listening { .. } => "listening".to_owned(),
            _ => return,
        };
        self.0.send(told).unwrap();
    }

    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        Answer::Now(HostKeyVerdict::Trust)
    }
}

#[test]
fn an_agent_that_says_nothing_is_waited_for_a_while_and_left_out() {
    let (server, address) = server();
    let path = std::env::temp_dir().join(format!("adit-silent-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let silent = UnixListener::bind(&path).unwrap();
    let mut reactor = client(address, loopback());
    if let Side::Client(client) = &mut reactor.side {
        client.agent_patience = Duration::from_millis(50);
        client.hops[0].identities.agent = Some(AgentConfig {
            socket: path.clone(),
            keys: AgentKeys::All,
        });
    }
    let (sender, told) = mpsc::channel();
    let handle = reactor.handle();
    let client = thread::spawn(move || reactor.run(&mut Attentive(sender)).unwrap());
    assert_eq!(told.recv().unwrap(), "asking ssh-agent for its keys");
    assert_eq!(told.recv().unwrap(), ErrorKind::TimedOut.to_string());
    assert_eq!(told.recv().unwrap(), "listening");
    handle.stop();
    assert_eq!(client.join().unwrap(), End::Stopped);
    server.stop();
    drop(silent);
    std::fs::remove_file(&path).unwrap();
}
