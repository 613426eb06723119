//! What the login to one server on the way needs, from its options.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_auth::{Method, Methods};
use adit_forward::reactor::{Identities, KeepAlive, OnForwardFailure, SshConfig};
use adit_forward::spec::Names;
use adit_forward::{Algorithms, RekeyLimits};
use adit_proto::Ident;
use nix::unistd::gethostname;

use crate::client::about::{About, Forwarded, Stays, WeakCrypto};
use crate::client::agent_socket::agent_socket;
use crate::client::algorithms::{BadList, algorithms};
use crate::client::command::Tunnel as Command;
use crate::client::identity::{Found, Search};
use crate::client::login::{Login, Missed};
use crate::client::methods;
use crate::client::options::Options;
use crate::client::paths::Tokens;
use crate::client::program::Server;
use crate::client::run::{
    ALIVE_COUNT, ALIVE_INTERVAL, Fatal, GLOBAL_KNOWN_HOSTS, SSH_PORT, USER_KNOWN_HOSTS,
};
use crate::client::trust::{Ask, HashNames, Policy, Trust};
use crate::client::unlock::{Locked, Unlocker};
use crate::me::Me;
use crate::provider::{IDENT, PROVIDER};
use crate::report::Report;
use crate::terminal::Person;

/// Who prepares the login to each server on the way.
pub(super) struct Preparing<'a> {
    pub(super) me: &'a Me,
    pub(super) names: &'a dyn Names,
    pub(super) report: &'a Arc<Report>,
    pub(super) person: &'a Person,
}

/// What one login needs.
pub(super) struct Prepared {
    pub(super) here: Tokens,
    pub(super) ssh: SshConfig,
    pub(super) methods: Methods,
    pub(super) identities: Identities,
    pub(super) server: Server,
}

impl Preparing<'_> {
    pub(super) fn prepare(
        &self,
        command: &Command,
        forwards: Vec<Forwarded>,
    ) -> Result<Prepared, Fatal> {
        let (names, report) = (self.names, self.report);
        for warning in &command.warnings {
            report.info(format_args!("Warning: {warning}"));
        }
        let options = &command.options;
        let here = here(command, self.me)?;
        let mut algorithms = algorithms(options).map_err(|BadList(text)| Fatal(text))?;
        let policy = policy(command, &here, names, self.person)?;
        let trust = Trust::load(policy, PROVIDER, Arc::clone(report));
        // As ssh: a list of one's own is kept in its order, unless it only changes the default.
        let list = options.host_key_algorithms.as_deref();
        if list.is_none_or(|list| list.starts_with(['+', '-'])) {
            trust.prefer_known(&mut algorithms.host_keys);
        }
        let ssh = ssh(options, algorithms)?;
        let methods = methods::methods(options);
        let Found {
            identities,
            locked,
            left_out,
        } = found(options, &methods, &here, names, report)?;
        let missed = Missed::from(left_out);
        let about = About {
            forwards,
            ..about(command, &here, &methods, &missed)
        };
        let login = self.login(command, &here, locked, missed);
        Ok(Prepared {
            here,
            ssh,
            methods,
            identities,
            server: Server::new(about, trust, login),
        })
    }

    fn login(
        &self,
        command: &Command,
        here: &Tokens,
        locked: Vec<Arc<Locked>>,
        missed: Missed,
    ) -> Login {
        let options = &command.options;
        let alias = options.host_key_alias.as_ref();
        Login {
            user: here.user.clone(),
            host: alias.unwrap_or(&command.host).clone(),
            person: self.person.clone(),
            unlocker: Unlocker {
                locked,
                prompts: methods::prompts(options),
                person: self.person.clone(),
                provider: PROVIDER,
                report: Arc::clone(self.report),
                missed: missed.clone(),
            },
            report: Arc::clone(self.report),
            missed,
        }
    }
}

/// What messages are about.
fn about(command: &Command, here: &Tokens, methods: &Methods, missed: &Missed) -> About {
    let options = &command.options;
    About {
        host: command.host.clone(),
        port: here.port,
        user: here.user.clone(),
        forwards: Vec::new(),
        remote_forwards: options.remote_forwards.clone(),
        on_forward_failure: match options.exits_on_forward_failure() {
            true => OnForwardFailure::End,
            false => OnForwardFailure::GoOn,
        },
        methods: methods.clone(),
        stays: match options.fork_after_authentication {
            Some(true) => Stays::Background,
            _ => Stays::Foreground,
        },
        weak_crypto: match options.warn_weak_crypto {
            Some(false) => WeakCrypto::Accepted,
            _ => WeakCrypto::WarnedOf,
        },
        missed: missed.clone(),
    }
}

fn ssh(options: &Options, algorithms: Algorithms) -> Result<SshConfig, Fatal> {
    let rekey = options.rekey_limit.unwrap_or_default();
    Ok(SshConfig {
        provider: PROVIDER,
        ident: Ident::new(IDENT.as_bytes()).map_err(|bad| Fatal::new(bad.to_string()))?,
        algorithms,
        rekey: RekeyLimits {
            bytes: rekey.bytes,
            time: rekey.time.or(RekeyLimits::default().time),
        },
    })
}

pub(super) fn connect_timeout(options: &Options) -> Option<Duration> {
    options.connect_timeout.filter(|timeout| !timeout.is_zero())
}

/// Who and where we are, as far as names of files need it.
pub(super) fn here(command: &Command, me: &Me) -> Result<Tokens, Fatal> {
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

pub(super) fn alive(options: &Options) -> Option<KeepAlive> {
    let interval = options.server_alive_interval.unwrap_or(ALIVE_INTERVAL);
    let count = options.server_alive_count_max.unwrap_or(ALIVE_COUNT);
    // With 0 ssh gives a server up that was not even asked yet.
    let count = count.max(1);
    (!interval.is_zero()).then_some(KeepAlive { interval, count })
}
