//! From a command line to a running tunnel.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use adit_forward::policy::PermitOpen;
use adit_forward::reactor::{
    self, ClientConfig, End, HopConfig, Proxy, Reactor, Signals, Stdio, StdioForward,
    StreamLocalBind, To, Unlink,
};
use adit_forward::spec::{Family, Names};
use nix::unistd::dup2_stdout;

use crate::client::about::Stays;
use crate::client::algorithms::{BadList, algorithms};
use crate::client::background;
use crate::client::command::Tunnel as Command;
use crate::client::dump::dump;
use crate::client::jump;
use crate::client::listening;
use crate::client::options::Options;
use crate::client::paths::Tokens;
use crate::client::prepare::{Preparing, alive, connect_timeout, here};
use crate::client::program::{Server, Tunnel};
use crate::exit::Exit;
use crate::file::reason;
use crate::me::Me;
use crate::provider::PROVIDER;
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

/// gai_strerror(3) of a host that has no address of the family that is asked for.
pub(super) const OTHER_FAMILY: &str = "Address family for hostname not supported";

/// A line that says why there is no tunnel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fatal(pub String);

impl Fatal {
    pub(super) fn new(text: impl Into<String>) -> Self {
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
    let person = Person::from_environment();
    let with = Preparing {
        me,
        names,
        report,
        person: &person,
    };
    let (jumps, servers) = jumps(command, &with)?;
    let options = &command.options;
    let here = here(command, me)?;
    let (forwards, listen) = listening::local(options, &here, report)?;
    let remote_forwards = listening::remote(options, &here)?;
    let prepared = with.prepare(command, forwards)?;
    let first = command.jumps.first().unwrap_or(command);
    let (addresses, proxy) = beginning(first, me)?;
    let stdio = stdio_forward(options, &here, proxy.as_ref())?;
    let config = ClientConfig {
        ssh: prepared.ssh,
        addresses,
        connect_timeout: connect_timeout(options),
        connection_attempts: first.options.connection_attempts.unwrap_or(1),
        methods: prepared.methods,
        user: prepared.here.user,
        identities: prepared.identities,
        forwards: listen,
        remote_forwards,
        stdio,
        proxy,
        jumps,
        permit_remote_open: options
            .permit_remote_open
            .clone()
            .unwrap_or(PermitOpen::Any),
        stream_local_bind: stream_local_bind(options),
        on_forward_failure: prepared.server.about.on_forward_failure,
        alive: alive(options),
        room: crate::provider::ROOM,
    };
    let stays = prepared.server.about.stays;
    let mut program = Tunnel::new(servers, prepared.server, PROVIDER, Arc::clone(report));
    let end = live(config, &mut program, stays, report);
    // A question may be open still: the terminal is to be as it was.
    if !matches!(end, Ok(End::Signal(_))) {
        person.await_last_line();
    }
    person.dismiss();
    let end = end.map_err(|error| Fatal::new(format!("event loop: {}", reason(&error))))?;
    Ok(program.end(end))
}

/// The servers on the way, for the event loop and for messages.
fn jumps(command: &Command, with: &Preparing<'_>) -> Result<(Vec<HopConfig>, Vec<Server>), Fatal> {
    let (mut jumps, mut servers) = (Vec::new(), Vec::new());
    for (n, jump) in command.jumps.iter().enumerate() {
        let prepared = with.prepare(jump, Vec::new())?;
        let next = command.jumps.get(n.saturating_add(1)).unwrap_or(command);
        servers.push(prepared.server);
        jumps.push(HopConfig {
            ssh: prepared.ssh,
            connect_timeout: connect_timeout(&jump.options),
            user: prepared.here.user,
            methods: prepared.methods,
            identities: prepared.identities,
            alive: alive(&jump.options),
            leads_to: To::Tcp {
                host: next.host.clone(),
                port: next.options.port.unwrap_or(SSH_PORT),
            },
        });
    }
    Ok((jumps, servers))
}

/// What the first server is reached by.
fn beginning(first: &Command, me: &Me) -> Result<(Vec<SocketAddr>, Option<Proxy>), Fatal> {
    let here = here(first, me)?;
    Ok(match jump::program(&first.options, &here)? {
        None => {
            let family = first.options.address_family.unwrap_or_default();
            (resolve(&first.host, here.port, family)?, None)
        }
        Some(jump::Program::Command { shell, command }) => {
            (Vec::new(), Some(Proxy::Command { shell, command }))
        }
        Some(jump::Program::Stdio) => (Vec::new(), Some(Proxy::Stdio(stdio()?))),
    })
}

/// `-W` for the event loop.
fn stdio_forward(
    options: &Options,
    here: &Tokens,
    proxy: Option<&Proxy>,
) -> Result<Option<StdioForward>, Fatal> {
    let Some(forward) = &options.stdio_forward else {
        return Ok(None);
    };
    let to = listening::to(Some(&forward.to), here).map_err(|why| {
        Fatal::new(format!(
            "Bad stdio forwarding specification '{forward}': {why}"
        ))
    })?;
    if let Some(Proxy::Stdio(_)) = proxy {
        let why = "-W and ProxyCommand - both want standard input and output.";
        return Err(Fatal::new(why));
    }
    let stdio = stdio()?;
    Ok(Some(StdioForward { to, stdio }))
}

/// Standard input and output, for the event loop alone: what is left in their place is not what
/// others wait for the end of.
fn stdio() -> Result<Stdio, Fatal> {
    let stdio = || {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        let null = fs::OpenOptions::new().write(true).open("/dev/null")?;
        dup2_stdout(null)?;
        Ok(Stdio { input, output })
    };
    stdio().map_err(|error: io::Error| Fatal::new(format!("dup(): {}", reason(&error))))
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
        return Err(OTHER_FAMILY.to_owned());
    }
    Ok(found)
}

/// The words of gai_strerror(3) alone.
fn resolver_reason(text: &str) -> String {
    let prefix = "failed to lookup address information: ";
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}
