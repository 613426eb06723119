//! The demonstration from its first line to its last.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use adit_auth::Fingerprint;
use adit_auth::keyfile::KeyFile;
use adit_crypto::SigningKey;
use adit_forward::policy::{Permit, PermitOpen, Policy};
use adit_forward::reactor::{
    ClientConfig, FileKey, Forward, Handle, Identities, Listen, MaxStartups, OnForwardFailure,
    PerSource, Reactor, Room, ServerConfig, Signals, SshConfig, StreamLocalBind, To, WindowMemory,
    listen,
};
use adit_forward::{Algorithms, RekeyLimits};
use adit_proto::Ident;

use super::programs::{Client, News, Server};
use super::screen::{Millis, Moved, Screen};
use super::{application, visitor};
use crate::client::demonstration::Demo;
use crate::exit::Exit;
use crate::file::reason;
use crate::provider::{IDENT, PROVIDER, aead_first};
use crate::report::{Level, Report};

/// How long data is read.
const DATA_SPAN: Duration = Duration::from_secs(3);
/// How long any step may take; on a machine that is idle all of them take some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
const USER: &str = "demo";

/// Shows it.
#[must_use]
pub fn run(demo: Demo) -> Exit {
    match play(demo) {
        Ok(()) => Exit::Done,
        Err(error) => {
            let report = Report::stderr(Level::Info);
            report.fatal(format_args!("The demonstration failed: {}", reason(&error)));
            Exit::Failed
        }
    }
}

fn play(demo: Demo) -> io::Result<()> {
    let signals = Signals::block()?;
    let screen = Screen::new();
    let start = Instant::now();

    let application = application::start()?;
    let (told, news) = mpsc::channel();
    let (server, host_key) = Serving::start(application, told.clone())?;
    screen.line(
        "adit forwards TCP ports over SSH. This is all of it on one machine, over loopback:\n\n    \
         visitor ──> adit ═══ SSH ═══> aditd ──> application\n",
    );
    screen.step(
        "application",
        format_args!("serves a page on {application}"),
    );
    screen.step("aditd", format_args!("listens on {}", server.address));
    screen.step("", format_args!("its host key is ED25519 {}", host_key.1));
    screen.step(
        "",
        format_args!("it may open {application}, and nothing else"),
    );
    screen.step("adit", format_args!("connects to {}", server.address));

    let client = Connecting {
        server: server.address,
        application,
        host_key: host_key.0,
        user_key: server.user_key,
    };
    let client_thread = client.start(signals, told)?;
    let port = tell_until_listening(&screen, &news)?;
    screen.step(
        "adit",
        format_args!(
            "listens on {port} -> {application}, {} after the start",
            Millis(start.elapsed())
        ),
    );

    let page = visitor::fetch(port)?;
    screen.step(
        "visitor",
        format_args!(
            "GET http://{port}/ gives {}, {} bytes in {}",
            page.status,
            page.len,
            Millis(page.took)
        ),
    );
    let (total, took) = visitor::read_data(port, DATA_SPAN, |total, took| {
        screen.progress(DATA_SPAN, total, took);
    })?;
    screen.clear_progress();
    screen.step(
        "data",
        format_args!("{}, every byte checked", Moved { total, took }),
    );

    if demo == Demo::Stay && screen.is_terminal() {
        screen.line(format_args!(
            "\n  Look for yourself: http://{port}/    Ctrl-C ends."
        ));
    } else {
        client_thread.1.stop();
    }
    let joined = client_thread.0.join();
    server.handle.stop();
    let _ = server.thread.join();
    joined.map_err(|_| io::Error::other("the client has a fault"))?;
    screen.line("\n  Both sides said goodbye and ended.");
    Ok(())
}

/// Prints what happens until the port is open. The two programs run side by side: that one of them
/// has let the other in may come after the other says that it is in.
fn tell_until_listening(screen: &Screen, news: &Receiver<News>) -> io::Result<SocketAddr> {
    let (mut port, mut logged_in) = (None, None);
    loop {
        if let (Some(port), Some(())) = (port, logged_in) {
            return Ok(port);
        }
        let item = news
            .recv_timeout(PATIENCE)
            .map_err(|_| io::Error::other("nothing happened for too long"))?;
        match item {
            News::HostKeyKnown => screen.step("", "the host key is the one it was told of"),
            News::Negotiated {
                kex,
                cipher,
                strict,
            } => {
                let strict = if strict { ", strict" } else { "" };
                screen.step("", format_args!("agreed on {kex}{strict}, {cipher}"));
            }
            News::LoggedIn { user, fingerprint } => {
                let text = format_args!("lets '{user}' in by key ED25519 {fingerprint}");
                screen.step("aditd", text);
                logged_in = Some(());
            }
            News::Listening(address) => port = Some(address),
            News::ClientEnded(complaint) => {
                let complaint = complaint.unwrap_or_else(|| "the client ended".to_owned());
                return Err(io::Error::other(complaint));
            }
        }
    }
}

fn ssh() -> io::Result<SshConfig> {
    Ok(SshConfig {
        provider: PROVIDER,
        ident: Ident::new(IDENT.as_bytes()).map_err(io::Error::other)?,
        algorithms: Algorithms::defaults(PROVIDER, aead_first()),
        rekey: RekeyLimits::default(),
    })
}

/// A key that exists in this process alone.
fn new_key() -> io::Result<Box<dyn SigningKey>> {
    let key = KeyFile::generate(PROVIDER, PROVIDER.random, "").map_err(io::Error::other)?;
    key.load(PROVIDER.keys).map_err(io::Error::other)
}

/// The server, running.
struct Serving {
    address: SocketAddr,
    user_key: Box<dyn SigningKey>,
    handle: Handle,
    thread: thread::JoinHandle<()>,
}

impl Serving {
    /// Also gives its host key and the fingerprint of that.
    fn start(
        application: SocketAddr,
        news: mpsc::Sender<News>,
    ) -> io::Result<(Self, (Vec<u8>, Fingerprint))> {
        let (host_key, user_key) = (new_key()?, new_key()?);
        let blob = host_key.public_blob().to_vec();
        let fingerprint = Fingerprint::of(PROVIDER, &blob);
        let permit = Permit::parse(&application.to_string()).map_err(io::Error::other)?;
        let mut program = Server {
            user_key: user_key.public_blob().to_vec(),
            policy: Policy::new(None, Some(PermitOpen::Only(vec![permit]))),
            news,
        };
        let listeners = listen(&[(Ipv4Addr::LOCALHOST, 0).into()]).map_err(|(_, error)| error)?;
        let address = listeners
            .first()
            .ok_or(io::ErrorKind::AddrNotAvailable)?
            .local_addr()?;
        let config = ServerConfig {
            ssh: ssh()?,
            host_keys: vec![host_key].into(),
            login_grace: Some(PATIENCE),
            max_startups: MaxStartups::default(),
            per_source: PerSource::unlimited(),
            alive: None,
            max_auth_tries: 6,
            stream_local_bind: StreamLocalBind::default(),
            window_memory: WindowMemory::default(),
        };
        let reactor = Reactor::server(config, listeners)?;
        let handle = reactor.handle();
        let serve = move || {
            let _ = reactor.run(&mut program);
        };
        let thread = thread::Builder::new()
            .name("aditd".to_owned())
            .spawn(serve)?;
        let serving = Self {
            address,
            user_key,
            handle,
            thread,
        };
        Ok((serving, (blob, fingerprint)))
    }
}

/// The client, not started yet.
struct Connecting {
    server: SocketAddr,
    application: SocketAddr,
    host_key: Vec<u8>,
    user_key: Box<dyn SigningKey>,
}

impl Connecting {
    fn start(
        self,
        signals: Signals,
        news: mpsc::Sender<News>,
    ) -> io::Result<(thread::JoinHandle<()>, Handle)> {
        let config = ClientConfig {
            ssh: ssh()?,
            addresses: vec![self.server],
            connect_timeout: Some(PATIENCE),
            connection_attempts: 1,
            user: USER.to_owned(),
            methods: adit_auth::Methods {
                order: vec![adit_auth::Method::Publickey],
                prompts: 0,
                ..adit_auth::Methods::default()
            },
            identities: Identities {
                files: vec![FileKey::loaded(USER.to_owned(), self.user_key)],
                agent: None,
            },
            forwards: vec![Forward {
                listen: Listen::Tcp(vec![(Ipv4Addr::LOCALHOST, 0).into()]),
                to: To::Tcp {
                    host: self.application.ip().to_string(),
                    port: self.application.port(),
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
        };
        let mut program = Client {
            host_key: self.host_key,
            news,
            complaint: None,
        };
        let mut reactor = Reactor::client(config)?;
        reactor.watch_signals(signals)?;
        let handle = reactor.handle();
        let run = move || {
            let ended = reactor.run(&mut program);
            let error = ended.err().map(|error| error.to_string());
            let complaint = error.or_else(|| program.complaint.take());
            let _ = program.news.send(News::ClientEnded(complaint));
        };
        let thread = thread::Builder::new().name("adit".to_owned()).spawn(run)?;
        Ok((thread, handle))
    }
}
