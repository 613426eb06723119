//! Whether the server is the one that is meant: the policy about host keys.
//!
//! Files are read before connecting, because what they know decides which type of key to ask for.
//! Asking a person and adding a line happen on another thread.

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

/// What the policy needs to know.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The server, as the person named it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `StrictHostKeyChecking`.
    pub check: StrictHostKeyChecking,
    /// Who is asked.
    pub ask: Ask,
    /// `UserKnownHostsFile`; a new key is added to the first.
    pub user_files: Vec<PathBuf>,
    /// `GlobalKnownHostsFile`.
    pub global_files: Vec<PathBuf>,
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
        let name = HostName::new(policy.host.as_bytes(), policy.port);
        let mut known = KnownHosts::new(provider, name.clone());
        let mut all_read = AllRead::Yes;
        for path in policy.user_files.iter().chain(&policy.global_files) {
            let bytes = match file::read(path, file::HOSTS_MAX) {
                Ok(contents) => contents.bytes,
                Err(error) if error.is_not_found() || is_dev_null(path) => Vec::new(),
                Err(error) => {
                    let path = path.display();
                    report.error(format_args!("Cannot read known hosts in {path}: {error}"));
                    all_read = AllRead::No;
                    Vec::new()
                }
            };
            known.add_file(&bytes);
        }
        Self(Arc::new(Inner {
            policy,
            provider,
            name,
            known,
            all_read,
            report,
        }))
    }

    /// Puts algorithms of those types first that the host is known by, so that it is not asked for
    /// a key that nobody here has seen.
    pub fn prefer_known(&self, algorithms: &mut [&'static str]) {
        algorithms.sort_by_key(|algorithm| {
            let verifier = self.0.provider.verifier(algorithm.as_bytes());
            let key_type = verifier.map_or(*algorithm, |v| v.key_type());
            // `false` sorts first.
            !self.0.known.key_types().any(|t| t == key_type.as_bytes())
        });
    }

    /// Whether to go on with a server at `address` that proved to have this key.
    #[must_use]
    pub fn decide(&self, address: SocketAddr, key_blob: &[u8]) -> Answer<HostKeyVerdict> {
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
        let mut files = self
            .policy
            .user_files
            .iter()
            .chain(&self.policy.global_files);
        let file = files.nth(place.file);
        let file = file.map(|f| f.display().to_string()).unwrap_or_default();
        (file, place.line)
    }

    /// On a thread of its own: this may wait for a person and for a disk.
    fn unknown(&self, address: SocketAddr, key: &Key) -> HostKeyVerdict {
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

    fn ask(&self, address: SocketAddr, key: &Key) -> HostKeyVerdict {
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

    fn question(&self, address: SocketAddr, key: &Key) -> String {
        let host = self.shown();
        let ip = address.ip().to_string();
        let reached = if address.port() == 22 {
            format!("{host} ({ip})")
        } else {
            format!("{host} ([{ip}]:{})", address.port())
        };
        let (label, fingerprint) = (key.label, key.fingerprint);
        format!(
            "The authenticity of host '{reached}' can't be established.\n\
             {label} key fingerprint is: {fingerprint}\n"
        )
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
        let kept = known_hosts::line(self.provider, &self.name, &key.blob, Form::Plain)
            .map_err(|error| error.to_string())
            .and_then(|line| {
                known_file::append(path, line.trim_end())
                    .map_err(|error: io::Error| file::reason(&error))
            });
        match kept {
            Ok(()) => self.report.info(format_args!(
                "Warning: Permanently added '{host}' ({label}) to the list of known hosts."
            )),
            Err(why) => self.report.error(format_args!(
                "Failed to add the host to the list of known hosts ({}): {why}",
                path.display()
            )),
        }
    }

    fn say_changed(&self, key: &Key, place: Place, known_type: &str) {
        let (file, line) = self.place(place);
        let (host, label, fingerprint) = (self.shown(), key.label, key.fingerprint);
        self.banner("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!");
        let report = &self.report;
        if known_type == label {
            report.error("Somebody may be between you and the server and read everything.");
            report.error("Or the server has been given a new host key: ask who runs it.");
        } else {
            report.error(format_args!(
                "It is known by its {known_type} key, and showed one of type {label}. If it is the"
            ));
            report.error("same server, have its fingerprint confirmed and add that key, too.");
        }
        report.error(format_args!(
            "The {label} key sent by the server has the fingerprint {fingerprint}."
        ));
        report.error(format_args!("Offending {known_type} key in {file}:{line}"));
        if known_type == label {
            report.error(format_args!(
                "  remove with: ssh-keygen -f \"{file}\" -R \"{host}\""
            ));
        }
        report.error(format_args!(
            "Host key for {host} has changed and you have requested strict checking."
        ));
        report.error(REFUSED);
    }

    fn say_revoked(&self, key: &Key, place: Place) {
        let (file, line) = self.place(place);
        let (host, label) = (self.shown(), key.label);
        self.banner("WARNING: REVOKED HOST KEY DETECTED!");
        self.report.error(format_args!(
            "The {label} host key for {host} is marked as revoked in {file}:{line}."
        ));
        self.report
            .error("Somebody who stole it may be pretending to be this server.");
        self.report.error(REFUSED);
    }

    fn banner(&self, text: &str) {
        let line = "@".repeat(59);
        self.report.error(&line);
        self.report.error(format_args!("@    {text:<53}@"));
        self.report.error(&line);
    }
}

/// Where people send what they do not want to keep.
fn is_dev_null(path: &Path) -> bool {
    path == Path::new("/dev/null")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use adit_auth::keyfile::KeyFile;

    use super::*;
    use crate::provider::PROVIDER;
    use crate::report::Level;
    use crate::testing::Directory;

    fn new_key() -> Vec<u8> {
        let key = KeyFile::generate(PROVIDER, PROVIDER.random, "");
        key.unwrap().public_blob()
    }

    fn line(host: &str, port: u16, key: &[u8]) -> String {
        let host = HostName::new(host.as_bytes(), port);
        known_hosts::line(PROVIDER, &host, key, Form::Plain).unwrap()
    }

    struct Case {
        directory: Directory,
        policy: Policy,
        report: Arc<Report>,
    }

    impl Case {
        fn new(check: StrictHostKeyChecking, user_file: &str) -> Self {
            let directory = Directory::new();
            let path = directory.join("ssh/known_hosts");
            if !user_file.is_empty() {
                fs::create_dir(directory.join("ssh")).unwrap();
                fs::write(&path, user_file).unwrap();
            }
            let policy = Policy {
                host: "HostB".into(),
                port: 2222,
                check,
                ask: Ask::Nobody,
                user_files: vec![path, directory.join("none")],
                global_files: vec![],
            };
            let report = Arc::new(Report::memory(Level::Info));
            Self {
                directory,
                policy,
                report,
            }
        }

        fn decide(&self, key: &[u8]) -> HostKeyVerdict {
            let trust = Trust::load(self.policy.clone(), PROVIDER, Arc::clone(&self.report));
            let address = "192.0.2.1:2222".parse().unwrap();
            match trust.decide(address, key) {
                Answer::Now(verdict) => verdict,
                Answer::Later(work) => work(),
            }
        }

        fn file(&self) -> String {
            fs::read_to_string(self.directory.join("ssh/known_hosts")).unwrap_or_default()
        }

        fn said(&self, text: &str) -> bool {
            self.report.kept().iter().any(|line| line.contains(text))
        }
    }

    use HostKeyVerdict::{Refuse, Trust as Trusted};
    use StrictHostKeyChecking::{AcceptNew, Ask as Asking, No, Yes};

    #[test]
    fn a_known_key_is_trusted_whatever_the_policy() {
        let key = new_key();
        for check in [Asking, AcceptNew, No, Yes] {
            let case = Case::new(check, &line("hostb", 2222, &key));
            assert_eq!(case.decide(&key), Trusted, "{check:?}");
            assert_eq!(case.report.kept(), [""; 0]);
        }
    }

    #[test]
    fn a_key_known_for_the_host_without_a_port_is_trusted() {
        let key = new_key();
        let case = Case::new(Yes, &line("hostb", 22, &key));
        assert_eq!(case.decide(&key), Trusted);
        let case = Case::new(Yes, &line("hostb", 22, &new_key()));
        assert_eq!(case.decide(&key), Refuse);
        assert!(case.said("No ED25519 host key is known for [hostb]:2222"));
    }

    #[test]
    fn a_changed_key_is_refused_whatever_the_policy() {
        let (old, new) = (new_key(), new_key());
        for check in [Asking, AcceptNew, No, Yes] {
            let before = line("hostb", 2222, &old);
            let case = Case::new(check, &before);
            assert_eq!(case.decide(&new), Refuse, "{check:?}");
            for text in [
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
                "Host key for [hostb]:2222 has changed and you have requested strict checking.",
                "known_hosts:1",
                REFUSED,
            ] {
                assert!(case.said(text), "{text}: {:?}", case.report.kept());
            }
            assert_eq!(case.file(), before);
        }
    }

    #[test]
    fn a_host_that_is_known_by_another_type_of_key_is_refused_with_what_to_do() {
        let mut rsa = Vec::new();
        for part in [&b"ssh-rsa"[..], &[1, 0, 1], &[0x55; 256]] {
            rsa.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            rsa.extend(part);
        }
        let case = Case::new(No, &line("hostb", 2222, &rsa));
        assert_eq!(case.decide(&new_key()), Refuse);
        assert!(case.said("It is known by its RSA key, and showed one of type ED25519."));
        assert!(case.said("add that key, too."));
    }

    #[test]
    fn a_revoked_key_is_refused_even_if_it_is_known() {
        let key = new_key();
        let known = line("hostb", 2222, &key);
        let case = Case::new(No, &format!("{known}@revoked {known}"));
        assert_eq!(case.decide(&key), Refuse);
        assert!(case.said("WARNING: REVOKED HOST KEY DETECTED!"));
        assert!(case.said("marked as revoked"));
    }

    #[test]
    fn an_unknown_key_is_added_or_refused_as_the_policy_says() {
        let key = new_key();
        for (check, verdict) in [
            (Asking, Refuse),
            (Yes, Refuse),
            (AcceptNew, Trusted),
            (No, Trusted),
        ] {
            let case = Case::new(check, "");
            assert_eq!(case.decide(&key), verdict, "{check:?}");
            let added = case.file() == line("hostb", 2222, &key);
            assert_eq!(added, verdict == Trusted, "{check:?}");
            let text = match verdict {
                Trusted => {
                    "Warning: Permanently added '[hostb]:2222' (ED25519) to the list of known hosts."
                }
                Refuse => REFUSED,
            };
            assert!(case.said(text), "{:?}", case.report.kept());
            // The second time it is known.
            assert_eq!(case.decide(&key), verdict);
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_does_not_stop_the_tunnel() {
        let mut case = Case::new(AcceptNew, "");
        case.policy.user_files = vec![case.directory.join("no/such/directory")];
        assert_eq!(case.decide(&new_key()), Trusted);
        assert!(case.said("Failed to add the host to the list of known hosts"));
    }

    #[test]
    fn no_file_and_dev_null_keep_nothing() {
        for files in [vec![], vec![PathBuf::from("/dev/null")]] {
            let mut case = Case::new(No, "");
            case.policy.user_files = files;
            assert_eq!(case.decide(&new_key()), Trusted);
            assert!(case.said("without keeping it"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_nothing_new_accepted() {
        for check in [AcceptNew, No, Yes] {
            let mut case = Case::new(check, "");
            case.policy.global_files = vec![case.directory.to_path_buf()];
            assert_eq!(case.decide(&new_key()), Refuse);
            assert!(case.said("Cannot read known hosts in"));
        }
    }

    #[test]
    fn types_that_are_known_are_asked_for_first() {
        let case = Case::new(Yes, &line("hostb", 2222, &new_key()));
        let trust = Trust::load(case.policy.clone(), PROVIDER, Arc::clone(&case.report));
        let mut algorithms = ["ecdsa-sha2-nistp256", "ssh-ed25519", "rsa-sha2-512"];
        trust.prefer_known(&mut algorithms);
        assert_eq!(
            algorithms,
            ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"]
        );
    }

    #[test]
    fn the_question_names_host_address_and_fingerprint() {
        let case = Case::new(Asking, "");
        let trust = Trust::load(case.policy.clone(), PROVIDER, Arc::clone(&case.report));
        let key = Key::new(PROVIDER, &new_key());
        let question = trust.0.question("192.0.2.1:2222".parse().unwrap(), &key);
        let expected = format!(
            "The authenticity of host '[hostb]:2222 ([192.0.2.1]:2222)' can't be established.\n\
             ED25519 key fingerprint is: {}\n",
            key.fingerprint
        );
        assert_eq!(question, expected);
    }
}
