//! From a command line to a running tunnel.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_auth::{Method, Methods};
use adit_forward::RekeyLimits;
use adit_forward::policy::PermitOpen;
use adit_forward::reactor::{
    self, ClientConfig, End, KeepAlive, OnForwardFailure, Reactor, Signals, SshConfig,
    StreamLocalBind, Unlink,
};
use adit_forward::spec::{Family, Names};
use adit_proto::Ident;
use nix::unistd::gethostname;

use crate::client::about::{About, Stays, WeakCrypto};
use crate::client::agent_socket::agent_socket;
use crate::client::algorithms::{BadList, algorithms};
use crate::client::background;
use crate::client::command::Tunnel as Command;
use crate::client::dump::dump;
use crate::client::identity::{Found, Search};
use crate::client::listening;
use crate::client::login::{Login, Missed};
use crate::client::methods;
use crate::client::options::Options;
use crate::client::paths::Tokens;
use crate::client::program::Tunnel;
use crate::client::trust::{Ask, HashNames, Policy, Trust};
use crate::client::unlock::Unlocker;
use crate::exit::Exit;
use crate::file::reason;
use crate::me::Me;
use crate::provider::{IDENT, PROVIDER};
use crate::report::Report;
use crate::terminal::Person;

/// The SSH port (RFC 4253 §4.1).
pub const SSH_PORT: u16 = 22;

/// `ServerAliveInterval` and `ServerAliveCountMax` when nothing is said. OpenSSH never asks; a
/// tunnel that nobody looks at should notice that it is dead.
pub(super) const ALIVE_INTERVAL: Duration = Duration::from_secs(15);
pub(super) const ALIVE_COUNT: u32 = 3;

pub(super) const USER_KNOWN_HOSTS: [&str; 2] = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];
pub(super) const GLOBAL_KNOWN_HOSTS: [&str; 2] =
    ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/// A line that says why there is no tunnel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fatal(pub String);

impl Fatal {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// `adit 0.1.0, …`: what `-V` prints.
#[must_use]
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("adit {version}, cryptography by {}", PROVIDER.name)
}

/// What `-G` prints.
///
/// # Errors
/// When an option cannot be followed.
pub fn print(command: &Command, me: &Me) -> Result<String, Fatal> {
    let algorithms = algorithms(&command.options).map_err(|BadList(text)| Fatal(text))?;
    Ok(dump(command, &here(command, me)?, &algorithms))
}

/// Makes the tunnel and runs it to its end. Everything is said to `report`.
pub fn run(command: &Command, me: &Me, names: &dyn Names, report: &Arc<Report>) -> Exit {
    match try_run(command, me, names, report) {
        Ok(exit) => exit,
        Err(Fatal(line)) => {
            report.fatal(line);
            Exit::Failed
        }
    }
}

fn try_run(
    command: &Command,
    me: &Me,
    names: &dyn Names,
    report: &Arc<Report>,
) -> Result<Exit, Fatal> {
    for warning in &command.warnings {
        report.info(format_args!("Warning: {warning}"));
    }
    let options = &command.options;
    let here = here(command, me)?;
    let mut algorithms = algorithms(options).map_err(|BadList(text)| Fatal(text))?;

    let person = Person::from_environment();
    let policy = policy(command, &here, names, &person)?;
    let trust = Trust::load(policy, PROVIDER, Arc::clone(report));
    // As ssh: a list of one's own is kept in its order, unless it only changes the default.
    let list = options.host_key_algorithms.as_deref();
    if list.is_none_or(|list| list.starts_with(['+', '-'])) {
        trust.prefer_known(&mut algorithms.host_keys);
    }
    let methods = methods::methods(options);
    let Found {
        identities,
        locked,
        left_out,
    } = found(options, &methods, &here, names, report)?;
    let missed = Missed::from(left_out);
    let (forwards, listen) = listening::local(options, &here, report)?;
    let remote_forwards = listening::remote(options, &here)?;
    let family = options.address_family.unwrap_or_default();
    let rekey = options.rekey_limit.unwrap_or_default();

    let on_forward_failure = match options.exits_on_forward_failure() {
        true => OnForwardFailure::End,
        false => OnForwardFailure::GoOn,
    };
    let config = ClientConfig {
        ssh: SshConfig {
            provider: PROVIDER,
            ident: Ident::new(IDENT.as_bytes()).map_err(|bad| Fatal::new(bad.to_string()))?,
            algorithms,
            rekey: RekeyLimits {
                bytes: rekey.bytes,
                time: rekey.time.or(RekeyLimits::default().time),
            },
        },
        addresses: resolve(&command.host, here.port, family)?,
        connect_timeout: options.connect_timeout.filter(|t| !t.is_zero()),
        connection_attempts: options.connection_attempts.unwrap_or(1),
        methods: methods.clone(),
        user: here.user.clone(),
        identities,
        forwards: listen,
        remote_forwards,
        stdio: None,
        proxy: None,
        jumps: Vec::new(),
        permit_remote_open: options
            .permit_remote_open
            .clone()
            .unwrap_or(PermitOpen::Any),
        stream_local_bind: stream_local_bind(options),
        on_forward_failure,
        alive: alive(options),
    };
    let stays = match options.fork_after_authentication {
        Some(true) => Stays::Background,
        _ => Stays::Foreground,
    };
    let about = About {
        host: command.host.clone(),
        port: here.port,
        user: here.user.clone(),
        forwards,
        remote_forwards: options.remote_forwards.clone(),
        on_forward_failure,
        methods,
        stays,
        weak_crypto: match options.warn_weak_crypto {
            Some(false) => WeakCrypto::Accepted,
            _ => WeakCrypto::WarnedOf,
        },
        missed: missed.clone(),
    };
    let alias = options.host_key_alias.as_ref();
    let login = Login {
        user: here.user,
        host: alias.unwrap_or(&command.host).clone(),
        person: person.clone(),
        unlocker: Unlocker {
            locked,
            prompts: methods::prompts(options),
            person: person.clone(),
            provider: PROVIDER,
            report: Arc::clone(report),
            missed: missed.clone(),
        },
        report: Arc::clone(report),
        missed,
    };
    let mut program = Tunnel::new(about, PROVIDER, Arc::clone(report), trust, login);
    let end = live(config, &mut program, stays, report);
    // A question may be open still: the terminal is to be as it was.
    if !matches!(end, Ok(End::Signal(_))) {
        person.await_last_line();
    }
    person.dismiss();
    let end = end.map_err(|error| Fatal::new(format!("event loop: {}", reason(&error))))?;
    Ok(program.end(end))
}

/// The keys to log in with, where keys are to be tried at all.
fn found(
    options: &Options,
    methods: &Methods,
    here: &Tokens,
    names: &dyn Names,
    report: &Report,
) -> Result<Found, Fatal> {
    let agent_socket = agent_socket(options, here, names)
        .map_err(|error| Fatal::new(format!("Bad IdentityAgent: {error}.")))?;
    if !methods.order.contains(&Method::Publickey) {
        return Ok(Found::default());
    }
    let search = Search {
        provider: PROVIDER,
        tokens: here,
        names,
        agent_socket: agent_socket.as_deref(),
        uid: here.local_uid,
        report,
    };
    Ok(search.run(options))
}

/// The event loop, in the foreground or from some moment on in the background. Only here are
/// signals blocked: before, Ctrl-C ends the program by itself, even while a name is looked up.
fn live(
    config: ClientConfig,
    program: &mut Tunnel,
    stays: Stays,
    report: &Report,
) -> io::Result<End> {
    let signals = Signals::block()?;
    reactor::raise_descriptor_limit()?;
    let mut reactor = Reactor::client(config)?;
    reactor.watch_signals(signals)?;
    if stays == Stays::Background {
        if let Some(end) = reactor.run_until_ready(program)? {
            return Ok(end);
        }
        background::go(&mut reactor, report)?;
    }
    reactor.run(program)
}

/// Who and where we are, as far as names of files need it.
fn here(command: &Command, me: &Me) -> Result<Tokens, Fatal> {
    let options = &command.options;
    let user = options.user.clone().or_else(|| me.name.clone());
    let user = user.ok_or_else(|| {
        Fatal::new(format!(
            "No user exists for uid {}: say whom to log in as with -l or user@host.",
            me.uid
        ))
    })?;
    let local_host = gethostname().unwrap_or_default();
    Ok(Tokens {
        home: me.home.clone(),
        host: command.host.clone(),
        host_key_alias: options.host_key_alias.clone(),
        local_host: local_host.to_string_lossy().into_owned(),
        local_user: me.name.clone().unwrap_or_default(),
        local_uid: me.uid,
        original_host: command.original_host.clone(),
        port: options.port.unwrap_or(SSH_PORT),
        user,
    })
}

fn policy(
    command: &Command,
    here: &Tokens,
    names: &dyn Names,
    person: &Person,
) -> Result<Policy, Fatal> {
    let options = &command.options;
    let files = |given: &Option<Vec<String>>, default: [&str; 2]| {
        let default = || default.map(str::to_owned).to_vec();
        let given = given.clone().unwrap_or_else(default);
        given
            .iter()
            .map(|file| {
                here.path(file, names)
                    .map_err(|error| Fatal::new(format!("Bad file name '{file}': {error}.")))
            })
            .collect::<Result<Vec<PathBuf>, Fatal>>()
    };
    Ok(Policy {
        host: command.host.clone(),
        port: here.port,
        alias: options.host_key_alias.clone(),
        hash: match options.hash_known_hosts {
            Some(true) => HashNames::Yes,
            _ => HashNames::No,
        },
        check: options.strict_host_key_checking.unwrap_or_default(),
        ask: match options.batch_mode {
            Some(true) => Ask::Nobody,
            _ => Ask::Person(person.clone()),
        },
        user_files: files(&options.user_known_hosts, USER_KNOWN_HOSTS)?,
        global_files: files(&options.global_known_hosts, GLOBAL_KNOWN_HOSTS)?,
        home: here.home.clone(),
    })
}

fn stream_local_bind(options: &Options) -> StreamLocalBind {
    let default = StreamLocalBind::default();
    StreamLocalBind {
        mask: options.stream_local_bind_mask.unwrap_or(default.mask),
        unlink: match options.stream_local_bind_unlink {
            Some(true) => Unlink::Always,
            Some(false) | None => default.unlink,
        },
    }
}

fn alive(options: &Options) -> Option<KeepAlive> {
    let interval = options.server_alive_interval.unwrap_or(ALIVE_INTERVAL);
    let count = options.server_alive_count_max.unwrap_or(ALIVE_COUNT);
    // With 0 ssh gives a server up that was not even asked yet.
    let count = count.max(1);
    (!interval.is_zero()).then_some(KeepAlive { interval, count })
}

fn resolve(host: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, Fatal> {
    addresses(host, port, family)
        .map_err(|why| Fatal::new(format!("ssh: Could not resolve hostname {host}: {why}")))
}

/// All addresses of a name, or why there are none. A literal is not looked up.
pub(super) fn addresses(name: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> = match name.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => (name, port)
            .to_socket_addrs()
            .map_err(|error| resolver_reason(&reason(&error)))?
            .collect(),
    };
    let found: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| family.allows(address.ip()))
        .collect();
    if found.is_empty() {
        return Err("Address family for hostname not supported".to_owned());
    }
    Ok(found)
}

/// The words of gai_strerror(3) alone.
fn resolver_reason(text: &str) -> String {
    let prefix = "failed to lookup address information: ";
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}
