//! Whether the server is the one that is meant: the policy about host keys.
//!
//! Files are read before connecting, because what they know decides which type of key to ask for.
//! Asking a person and adding a line happen on another thread.

mod reading;
mod words;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_auth::known_hosts::{self, Form, HostName, KnownHosts, Place, Verdict};
use adit_auth::{Fingerprint, key_type_label};
use adit_crypto::Provider;
use adit_forward::observer::{Answer, HostKeyVerdict};
use adit_proto::blob::blob_name;

use crate::client::known_file;
use crate::client::options::StrictHostKeyChecking;
use crate::client::prompt::{self, Reply};
use crate::escape::escaped;
use crate::file;
use crate::report::Report;
use crate::terminal::{NoAnswer, Person};

/// Whether somebody can be asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `BatchMode yes`.
    Nobody,
    /// Whoever is there, if anybody is.
    Person(Person),
}

/// Whether names in new lines can be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HashNames {
    /// By anybody.
    #[default]
    No,
    /// Not even by their owner.
    Yes,
}

/// What the policy needs to know.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The server, as the person named it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `HostKeyAlias`: the name that stands for host and port.
    pub alias: Option<String>,
    /// `HashKnownHosts`.
    pub hash: HashNames,
    /// `StrictHostKeyChecking`.
    pub check: StrictHostKeyChecking,
    /// Who is asked.
    pub ask: Ask,
    /// `UserKnownHostsFile`; a new key is added to the first.
    pub user_files: Vec<PathBuf>,
    /// `GlobalKnownHostsFile`.
    pub global_files: Vec<PathBuf>,
    /// Shown as `~` in names of files.
    pub home: PathBuf,
}

impl Policy {
    fn name(&self) -> HostName {
        match &self.alias {
            Some(alias) => HostName::alias(alias.as_bytes()),
            None => HostName::new(self.host.as_bytes(), self.port),
        }
    }

    /// In the order in which they are read.
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.user_files.iter().chain(&self.global_files)
    }
}

/// The policy, and what the files say.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Inner>);

struct Inner {
    policy: Policy,
    provider: &'static Provider,
    name: HostName,
    known: KnownHosts,
    /// Whether each file could be read, or was not there.
    all_read: AllRead,
    report: Arc<Report>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AllRead {
    Yes,
    No,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.policy, f)
    }
}

impl Trust {
    /// Reads the files. One that is there and cannot be read is reported.
    #[must_use]
    pub fn load(policy: Policy, provider: &'static Provider, report: Arc<Report>) -> Self {
        let name = policy.name();
        if let Some(alias) = &policy.alias {
            report.debug(format_args!("using hostkeyalias: {alias}"));
        }
        let mut known = KnownHosts::new(provider, name.clone());
        let mut all_read = AllRead::Yes;
        for path in policy.files() {
            match reading::add_file(&mut known, path) {
                Ok(()) => {}
                Err(error) if error.is_not_found() || is_dev_null(path) => {}
                Err(error) => {
                    let path = path.display();
                    report.error(format_args!("Cannot read known hosts in {path}: {error}"));
                    all_read = AllRead::No;
                }
            }
        }
        let inner = Inner {
            policy,
            provider,
            name,
            known,
            all_read,
            report,
        };
        if let Some(place) = inner.known.authorities().next() {
            let (file, line) = inner.place(place);
            inner.report.debug(format_args!(
                "@cert-authority in {file}:{line} is passed over: no certificates are read."
            ));
        }
        Self(Arc::new(inner))
    }

    /// Puts algorithms of those types first that the host is known by, so that it is not asked for
    /// a key that nobody here has seen.
    pub fn prefer_known(&self, algorithms: &mut [&'static str]) {
        // One by one into a list of ten: what sorts any number of them is 8 KiB of code.
        let mut sorted = Vec::with_capacity(algorithms.len());
        for algorithm in &*algorithms {
            let verifier = self.0.provider.verifier(algorithm.as_bytes());
            let key_type = verifier.map_or(*algorithm, |v| v.key_type());
            let familiarity = self.0.known.familiarity(key_type.as_bytes());
            let place = sorted.partition_point(|(before, _)| *before <= familiarity);
            sorted.insert(place, (familiarity, *algorithm));
        }
        for (to, (_, from)) in algorithms.iter_mut().zip(sorted) {
            *to = from;
        }
    }

    /// Whether to go on with a server at `address` that proved to have this key.
    #[must_use]
    pub fn decide(&self, address: Option<SocketAddr>, key_blob: &[u8]) -> Answer<HostKeyVerdict> {
        let key = Key::new(self.0.provider, key_blob);
        match self.0.known.verdict(key_blob) {
            Verdict::Known(place) => {
                let (file, line) = self.0.place(place);
                let (host, label) = (self.0.shown(), key.label);
                let report = &self.0.report;
                report.debug(format_args!(
                    "Host '{host}' is known and matches the {label} host key."
                ));
                report.debug(format_args!("Found key in {file}:{line}"));
                Answer::Now(HostKeyVerdict::Trust)
            }
            Verdict::Changed { place, key_type } => {
                self.0.say_changed(&key, place, key_type);
                Answer::Now(HostKeyVerdict::Refuse)
            }
            Verdict::Revoked(place) => {
                self.0.say_revoked(&key, place);
                Answer::Now(HostKeyVerdict::Refuse)
            }
            Verdict::Unknown => {
                let inner = Arc::clone(&self.0);
                Answer::Later(Box::new(move || inner.unknown(address, &key)))
            }
        }
    }
}

/// A key as messages show it.
struct Key {
    blob: Vec<u8>,
    label: &'static str,
    fingerprint: Fingerprint,
}

impl Key {
    fn new(provider: &Provider, blob: &[u8]) -> Self {
        Self {
            blob: blob.to_vec(),
            label: key_type_label(blob_name(blob).unwrap_or_default()),
            fingerprint: Fingerprint::of(provider, blob),
        }
    }
}

const REFUSED: &str = "Host key verification failed.";

impl Inner {
    /// `host` or `[host]:port`, as known_hosts names it.
    fn shown(&self) -> String {
        escaped(self.name.as_bytes()).to_string()
    }

    fn place(&self, place: Place) -> (String, usize) {
        let file = self.policy.files().nth(place.file);
        let file = file.map(|f| f.display().to_string()).unwrap_or_default();
        (file, place.line)
    }

    /// On a thread of its own: this may wait for a person and for a disk.
    fn unknown(&self, address: Option<SocketAddr>, key: &Key) -> HostKeyVerdict {
        let verdict = match self.policy.check {
            StrictHostKeyChecking::Yes => {
                self.refuse_unknown(key, "you have requested strict checking")
            }
            StrictHostKeyChecking::Ask => self.ask(address, key),
            // What was not read may say that this key is not the host's.
            StrictHostKeyChecking::AcceptNew | StrictHostKeyChecking::No
                if self.all_read == AllRead::No =>
            {
                self.refuse_unknown(key, "not every file of known hosts could be read")
            }
            StrictHostKeyChecking::AcceptNew | StrictHostKeyChecking::No => HostKeyVerdict::Trust,
        };
        if verdict == HostKeyVerdict::Trust {
            self.keep(key);
        }
        verdict
    }

    fn refuse_unknown(&self, key: &Key, why: &str) -> HostKeyVerdict {
        let (host, label, fingerprint) = (self.shown(), key.label, key.fingerprint);
        self.report.error(format_args!(
            "No {label} host key is known for {host} and {why}. It showed {fingerprint}."
        ));
        self.report.error(REFUSED);
        HostKeyVerdict::Refuse
    }

    fn ask(&self, address: Option<SocketAddr>, key: &Key) -> HostKeyVerdict {
        let reply = match &self.policy.ask {
            Ask::Nobody => Err(NoAnswer::Nobody),
            Ask::Person(person) => {
                let question = self.question(address, key);
                prompt::confirm(&mut person.clone(), &question, key.fingerprint)
            }
        };
        match reply {
            Ok(Reply::Yes) => HostKeyVerdict::Trust,
            Ok(Reply::No) => {
                self.report.error(REFUSED);
                HostKeyVerdict::Refuse
            }
            Err(nobody) => self.refuse_unknown(key, &nobody.to_string()),
        }
    }

    /// Adds the key to the first file. That it could not be does not stop a tunnel.
    fn keep(&self, key: &Key) {
        let (host, label) = (self.shown(), key.label);
        let Some(path) = self.policy.user_files.first().filter(|p| !is_dev_null(p)) else {
            let fingerprint = key.fingerprint;
            self.report.info(format_args!(
                "Warning: accepted the {label} host key {fingerprint} of '{host}' without keeping it."
            ));
            return;
        };
        let form = match self.policy.hash {
            HashNames::No => Form::Plain,
            HashNames::Yes => Form::Hashed(self.provider.random),
        };
        let kept = known_hosts::line(self.provider, &self.name, &key.blob, form)
            .map_err(|error| error.to_string())
            .and_then(|line| {
                known_file::add(path, &line).map_err(|error: io::Error| file::reason(&error))
            });
        match kept {
            Ok(()) => self.report.info(format_args!(
                "Warning: Permanently added '{host}' ({label}) to the list of known hosts."
            )),
            Err(why) => self.report.error(format_args!(
                "Failed to add the host to the list of known hosts ({}): {why}.",
                path.display()
            )),
        }
    }
}

/// Where people send what they do not want to keep.
fn is_dev_null(path: &Path) -> bool {
    path == Path::new("/dev/null")
}

#[cfg(test)]
mod tests;
