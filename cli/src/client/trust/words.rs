//! What is said and asked about host keys, in the words of ssh.

use std::net::SocketAddr;
use std::path::Path;

use adit_auth::known_hosts::{OtherNames, Place};

use super::{Inner, Key, REFUSED};
use crate::escape::escaped;
use crate::file;

/// Other names of a key that a question lists: ssh's own number.
const OTHER_NAMES_MAX: usize = 8;

impl Inner {
    pub(super) fn question(&self, address: Option<SocketAddr>, key: &Key) -> String {
        let host = self.shown();
        let reached = match address {
            None => format!("{host} (<no hostip for proxy command>)"),
            Some(address) if address.port() == 22 => format!("{host} ({})", address.ip()),
            Some(address) => format!("{host} ([{}]:{})", address.ip(), address.port()),
        };
        let (label, fingerprint) = (key.label, key.fingerprint);
        let others = self.other_names(&key.blob);
        format!(
            "The authenticity of host '{reached}' can't be established.\n\
             {label} key fingerprint is: {fingerprint}\n{others}\n"
        )
    }

    /// What else is known by this key, in the words of ssh.
    fn other_names(&self, key_blob: &[u8]) -> String {
        let mut found = Vec::new();
        for path in self.policy.files() {
            let Ok(contents) = file::read(path, file::HOSTS_MAX) else {
                continue;
            };
            let shown = match path.strip_prefix(&self.policy.home) {
                Ok(below) => Path::new("~").join(below),
                Err(_) => path.clone(),
            };
            for (line, names) in self.known.other_names(&contents.bytes, key_blob) {
                let names = match names {
                    OtherNames::Hashed => "[hashed name]".to_owned(),
                    OtherNames::Listed(names) => escaped(names).to_string(),
                };
                found.push(format!("    {}:{line}: {names}", shown.display()));
            }
        }
        if found.is_empty() {
            return "This key is not known by any other names.".to_owned();
        }
        let omitted = found.len().saturating_sub(OTHER_NAMES_MAX);
        found.truncate(OTHER_NAMES_MAX);
        if omitted > 0 {
            found.push(format!("    ({omitted} additional names omitted)"));
        }
        let found = found.join("\n");
        format!("This host key is known by the following other names/addresses:\n{found}")
    }

    pub(super) fn say_changed(&self, key: &Key, place: Place, known_type: &str) {
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

    pub(super) fn say_revoked(&self, key: &Key, place: Place) {
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
