//! From a command line to a server that serves, and to its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use adit_auth::Decision;
use adit_crypto::SigningKey;
use adit_forward::Algorithms;
use adit_forward::observer::{Answer, Event, KeyQuestion, ListenQuestion, OpenQuestion, Program};
use adit_forward::policy::{Denied, Permitted, PermittedListen, Policy, RunsAs};
use adit_forward::reactor::{
    End, LoopCount, Loops, ServerConfig, Signals, SshConfig, listen, raise_descriptor_limit,
};
use adit_proto::Ident;
use nix::libc;
use nix::sys::signal::Signal;

use crate::exit::Exit;
use crate::file::{self, CONFIG_MAX};
use crate::harden;
use crate::provider::{self, IDENT, PROVIDER};
use crate::report::{Level, Report};
use crate::server::Said;
use crate::server::authorized::{Authorizer, Client};
use crate::server::command::Options;
use crate::server::config::Config;
use crate::server::host_key::HostKey;
use crate::server::host_keys::{HostKeys, Missing, Wanted};
use crate::server::listen::addresses;
use crate::server::log::{Arrivals, Log};

/// Everything that is read before anything is served.
struct Ready {
    algorithms: Algorithms,
    authorizer: Authorizer,
    config: Config,
    host_keys: Vec<HostKey>,
    report: Arc<Report>,
}

/// `-t`: reads configuration and keys, and changes nothing.
#[must_use]
pub fn test(options: Options) -> Exit {
    match prepare(options, Missing::Tell) {
        Ok(_) => Exit::Done,
        Err(Said) => Exit::Failed,
    }
}

/// Serves until a signal comes.
#[must_use]
pub fn serve(options: Options) -> Exit {
    // Before any thread is made.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => {
            Report::stderr(Level::Info).fatal(format_args!("signals: {}", file::reason(&error)));
            return Exit::Failed;
        }
    };
    harden::process();
    prepare(options, Missing::Make)
        .and_then(|ready| ready.serve(signals))
        .unwrap_or(Exit::Failed)
}

/// Reads everything.
fn prepare(options: Options, missing: Missing) -> Result<Ready, Said> {
    let level = options.level;
    let report = match &options.log_file {
        None => Report::stderr(level.unwrap_or_default()),
        Some(path) => Report::file(level.unwrap_or_default(), path)
            .map_err(|error| {
                Report::stderr(level.unwrap_or_default()).fatal(format_args!(
                    "Couldn't open logfile {}: {}",
                    path.display(),
                    file::reason(&error)
                ));
                Said
            })?
            .stamped("aditd"),
    };
    let mut config = options.config;
    if let Some(path) = &options.config_file {
        read_config(&mut config, path, &report)?;
    }
    let report = Arc::new(report.at(level.or(config.level).unwrap_or_default()));
    let algorithms = provider::algorithms(&config.lists()).map_err(|(list, bad)| {
        report.fatal(format_args!("Bad list of algorithms '{list}': {bad}"));
        Said
    })?;
    let uid = nix::unistd::geteuid().as_raw();
    let home = home();
    let authorizer = Authorizer::new(
        PROVIDER,
        config.authorized_keys.as_deref(),
        home.clone(),
        config.strict_modes.unwrap_or_default(),
        uid,
        Arc::clone(&report),
    )
    .map_err(|(word, bad)| {
        report.fatal(format_args!("AuthorizedKeysFile {word}: {bad}"));
        Said
    })?;
    // Last, since it may make one.
    let wanted = Wanted {
        given: &options.host_keys,
        configured: &config.host_keys,
        home: home.as_deref(),
    };
    let host_keys = HostKeys::new(&report, uid).find(&wanted, missing)?;
    let offered = host_keys
        .iter()
        .flat_map(|host_key| host_key.key.algorithms())
        .any(|name| algorithms.host_keys.contains(name));
    if !host_keys.is_empty() && !offered {
        report.fatal("no host key is of a type that HostKeyAlgorithms names");
        return Err(Said);
    }
    Ok(Ready {
        algorithms,
        authorizer,
        config,
        host_keys,
        report,
    })
}

fn read_config(config: &mut Config, path: &Path, report: &Report) -> Result<(), Said> {
    // As with sshd: no file at all.
    if path == Path::new("none") {
        return Ok(());
    }
    let contents = file::read(path, CONFIG_MAX).map_err(|error| {
        report.fatal(format_args!("{}: {error}", path.display()));
        Said
    })?;
    let name = path.display().to_string();
    config.read(&name, &contents.bytes).map_err(|errors| {
        for error in &errors {
            report.error(error);
        }
        report.fatal(format_args!(
            "{name}: terminating, {} bad configuration options",
            errors.len()
        ));
        Said
    })
}

/// `$HOME`, or what the system says.
fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|home| home.is_absolute())
        .or_else(|| {
            let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
            user.ok().flatten().map(|user| user.dir)
        })
}

impl Ready {
    fn serve(self, signals: Signals) -> Result<Exit, Said> {
        // As long as the process: a loop that does not end with the others is left behind.
        let report: &'static Report = Box::leak(Box::new(Arc::clone(&self.report)));
        let failed = |what: &str, error: &io::Error| {
            report.fatal(format_args!("{what}: {}", file::reason(error)));
            Said
        };
        let runs_as = self.runs_as();
        let listeners = self.listen()?;
        if let Err(error) = raise_descriptor_limit() {
            report.verbose(format_args!("descriptor limit: {}", file::reason(&error)));
        }
        let policy = Policy {
            runs_as,
            ..self.config.forwarding.policy()
        };
        self.announce(&policy);
        let host_keys: Vec<Box<dyn SigningKey>> = self
            .host_keys
            .into_iter()
            .map(|host_key| host_key.key)
            .collect();
        let user_keys = self.algorithms.user_keys.clone();
        let config = ServerConfig {
            ssh: SshConfig {
                provider: PROVIDER,
                ident: Ident::new(IDENT.as_bytes()).map_err(|error| {
                    report.fatal(error);
                    Said
                })?,
                algorithms: self.algorithms,
                rekey: self.config.rekey.unwrap_or_default(),
            },
            host_keys: host_keys.into(),
            login_grace: self.config.login_grace(),
            max_startups: self.config.max_startups.unwrap_or_default(),
            per_source: self.config.per_source(),
            alive: self.config.alive(),
            max_auth_tries: self.config.max_auth_tries(),
            stream_local_bind: self.config.forwarding.bind(),
            window_memory: self.config.window_memory.unwrap_or_default(),
        };
        let max_auth_tries = config.max_auth_tries;
        let arrivals = Arc::new(Arrivals::new(config.max_startups.start));
        let user_keys: Arc<[_]> = user_keys.into();
        let authorizer = Arc::new(self.authorizer);
        let policy = Arc::new(policy);
        let program = |_loop| Serving {
            report,
            user_keys: Arc::clone(&user_keys),
            log: Log::new(report, max_auth_tries, Arc::clone(&arrivals)),
            authorizer: Arc::clone(&authorizer),
            policy: Arc::clone(&policy),
        };
        let count = self.config.loops;
        let count = count.unwrap_or_else(LoopCount::of_this_machine);
        report.verbose(format_args!("Event loops: {}", count.get()));
        let mut loops = Loops::server(config, listeners, count)
            .map_err(|error| failed("event loop", &error))?;
        loops
            .watch_signals(signals)
            .map_err(|error| failed("signals", &error))?;
        let end = loops
            .run(program)
            .map_err(|error| failed("event loop", &error))?;
        Ok(exit(&end, report))
    }

    /// As which user, said where it need not be.
    fn runs_as(&self) -> RunsAs {
        if !nix::unistd::geteuid().is_root() {
            return RunsAs::User;
        }
        let report = &self.report;
        report.info("warning: this runs as root and need not: any user will do");
        report.info(
            "Ports below 1024 and Unix sockets are for clients that log in as root, \
             and where PermitListen and PermitOpen name them",
        );
        RunsAs::Root
    }

    /// What this server is, and what it lets pass.
    fn announce(&self, policy: &Policy) {
        for host_key in &self.host_keys {
            self.report.info(format_args!("Host key {host_key}"));
        }
        self.report.info(policy.opens());
        self.report.info(policy.listens());
    }

    /// All of them or none, except where this host does not have a family at all: a server that
    /// runs on half of its addresses would leave the other half to whoever took them.
    fn listen(&self) -> Result<Vec<TcpListener>, Said> {
        let config = &self.config;
        let report = &self.report;
        let family = config.family.unwrap_or_default();
        let wanted = addresses(&config.listen, &config.ports, family).map_err(|(one, error)| {
            report.fatal(format_args!(
                "bad addr or host: {one} ({})",
                file::reason(&error)
            ));
            Said
        })?;
        let mut listeners = Vec::new();
        for address in wanted {
            match listen(&[address]) {
                Ok(listener) => listeners.extend(listener),
                Err((_, error)) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                    report.verbose(bind_failed(address, &error));
                }
                Err((_, error)) => {
                    report.fatal(bind_failed(address, &error));
                    return Err(Said);
                }
            }
        }
        if listeners.is_empty() {
            report.fatal("Cannot bind any address.");
            return Err(Said);
        }
        Ok(listeners)
    }
}

/// What the process says and ends with when its loops have ended.
fn exit(end: &End, report: &Report) -> Exit {
    match end {
        End::Signal(number) => {
            report.info(format_args!("Received signal {number}; terminating."));
            // sshd's exit codes.
            if *number == Signal::SIGTERM as i32 {
                Exit::Done
            } else {
                Exit::Failed
            }
        }
        // Nobody else stops it, and the other ends are those of clients.
        End::Stopped
        | End::NotConnected
        | End::NotAuthenticated
        | End::ForwardFailed
        | End::SessionEnded
        | _ => Exit::Done,
    }
}

fn bind_failed(address: SocketAddr, error: &io::Error) -> String {
    format!(
        "Bind to port {} on {} failed: {}.",
        address.port(),
        address.ip(),
        file::reason(error)
    )
}

/// The program that an event loop asks and tells.
struct Serving {
    report: &'static Report,
    log: Log<'static>,
    /// PubkeyAcceptedAlgorithms.
    user_keys: Arc<[&'static str]>,
    authorizer: Arc<Authorizer>,
    policy: Arc<Policy>,
}

impl Program for Serving {
    fn observe(&mut self, event: &Event<'_>) {
        self.log.event(event);
    }

    fn authorize(&mut self, question: &KeyQuestion<'_>) -> Answer<Decision> {
        let connection = question.peer.id.0;
        let client = Client {
            connection,
            address: question.peer.address.map(|address| address.ip()),
            now: SystemTime::now(),
        };
        if !self.user_keys.contains(&question.algorithm) {
            // sshd's words, at its level.
            self.report.about(connection).info(format_args!(
                "userauth_pubkey: signature algorithm {} not in PubkeyAcceptedAlgorithms [preauth]",
                question.algorithm
            ));
            return Answer::Now(Decision::Refused);
        }
        let authorizer = Arc::clone(&self.authorizer);
        let user = question.user.to_vec();
        let key_blob = question.key_blob.to_vec();
        Answer::Later(Box::new(move || {
            authorizer.decide(client, &user, &key_blob)
        }))
    }

    fn may_open(&mut self, question: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        question.under(&self.policy)
    }

    fn may_listen(&mut self, question: &ListenQuestion<'_>) -> Result<PermittedListen, Denied> {
        question.under(&self.policy)
    }
}
