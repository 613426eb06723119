//! known_hosts: which key a host has.
//!
//! ```text
//!   [@cert-authority|@revoked] hosts keytype base64 [comment]
//!   hosts = pattern *("," pattern)                  with * ? and !
//!         / "|1|" base64(salt) "|" base64(HMAC-SHA1(salt, name))
//!   name  = host, or "[" host "]:" port when the port is not 22; lower case
//! ```
//!
//! What is looked up is gathered from all files first and judged afterwards, since a revoked key is
//! revoked wherever that stands. A line that is not understood says nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use adit_crypto::{Provider, SecureRandom, equal};
use adit_proto::blob::blob_name;
use adit_proto::pattern::{Case, Match, match_list};

use crate::base64;
use crate::public_key::{PublicKey, is_idle, lines, split_word, to_line};
use crate::signed::key_type_label;

/// The port whose hosts are written without it.
const SSH_PORT: u16 = 22;
/// What a hashed name begins with: HMAC-SHA1, and nothing newer was ever defined.
const HASHED: &[u8] = b"|1|";
/// Length of a SHA-1, and of the salt that goes with it.
const SHA1_LEN: usize = 20;
/// Characters that mean something in a list of patterns, or at the front of a line. A host name
/// that has one is never written.
const NEVER_WRITTEN: &[u8] = b"@?*#[]|'\"\\!,";

/// A host as known_hosts names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostName {
    /// `host` or `[host]:port`, in lower case.
    name: Vec<u8>,
    /// The host without its port, where `name` has one.
    without_port: Option<Vec<u8>>,
    can_be_written: bool,
}

impl HostName {
    /// Of the host that is connected to, as the person named it.
    #[must_use]
    pub fn new(host: &[u8], port: u16) -> Self {
        let alias = Self::alias(host);
        if port == SSH_PORT {
            return alias;
        }
        let suffix = format!("]:{port}");
        Self {
            name: [b"[", &alias.name[..], suffix.as_bytes()].concat(),
            without_port: Some(alias.name),
            can_be_written: alias.can_be_written,
        }
    }

    /// Of a HostKeyAlias: the name as it is, whatever the port.
    #[must_use]
    pub fn alias(alias: &[u8]) -> Self {
        let is_harmless = |b: &u8| b.is_ascii_graphic() && !NEVER_WRITTEN.contains(b);
        Self {
            name: alias.to_ascii_lowercase(),
            without_port: None,
            can_be_written: !alias.is_empty() && alias.iter().all(is_harmless),
        }
    }

    /// `host` or `[host]:port`, in lower case.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.name
    }
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Which of the files, from 0, in the order of [`KnownHosts::add_file`].
    pub file: usize,
    /// Which line of it, from 1.
    pub line: usize,
}

/// What the files say of a host and its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The host has this key.
    Known(Place),
    /// The host is known, by other keys. As in OpenSSH this is so whatever their type: a host known
    /// by its RSA key that shows another key may be somebody else who has no such RSA key.
    Changed {
        /// One of the other keys: of the same type, if there is one.
        place: Place,
        /// What type that key has: `ED25519`, `RSA`, …
        key_type: &'static str,
    },
    /// Nothing is known of the host.
    Unknown,
    /// This key was declared bad for this host.
    Revoked(Place),
}

/// What a line does with the host it names. Certificates are not read yet, so a line with
/// `@cert-authority` is none of these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Marker {
    None,
    Revoked,
}

/// How a line names the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    Exact,
    WithoutPort,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    marker: Marker,
    scope: Scope,
    blob: Vec<u8>,
}

/// All that some files say of one host.
#[derive(Debug)]
pub struct KnownHosts {
    provider: &'static Provider,
    host: HostName,
    files: usize,
    entries: Vec<Entry>,
}

impl KnownHosts {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new(provider: &'static Provider, host: HostName) -> Self {
        Self {
            provider,
            host,
            files: 0,
            entries: Vec::new(),
        }
    }

    /// Reads one more file. One that does not exist is an empty one: its number is used all the
    /// same.
    pub fn add_file(&mut self, content: &[u8]) {
        let file = self.files;
        self.files = self.files.saturating_add(1);
        for (line, text) in lines(content) {
            if let Some((marker, scope, blob)) = self.read(text) {
                let place = Place { file, line };
                self.entries.push(Entry {
                    place,
                    marker,
                    scope,
                    blob,
                });
            }
        }
    }

    /// What the files say of the host's key.
    #[must_use]
    pub fn verdict(&self, key_blob: &[u8]) -> Verdict {
        let has_key = |entry: &&Entry| entry.blob == key_blob;
        let with = |marker: Marker, scope: Scope| {
            let is_meant = move |e: &&Entry| e.marker == marker && e.scope == scope;
            self.entries.iter().filter(is_meant)
        };
        // A key that somebody declared bad is bad, however the host was named.
        let revoked = with(Marker::Revoked, Scope::Exact)
            .chain(with(Marker::Revoked, Scope::WithoutPort))
            .find(has_key);
        if let Some(entry) = revoked {
            return Verdict::Revoked(entry.place);
        }
        if let Some(entry) = with(Marker::None, Scope::Exact).find(has_key) {
            return Verdict::Known(entry.place);
        }
        let has_type = |entry: &&Entry| blob_name(&entry.blob) == blob_name(key_blob);
        let other = with(Marker::None, Scope::Exact)
            .find(has_type)
            .or_else(|| with(Marker::None, Scope::Exact).next());
        if let Some(entry) = other {
            return Verdict::Changed {
                place: entry.place,
                key_type: key_type_label(blob_name(&entry.blob).unwrap_or_default()),
            };
        }
        // As OpenSSH: a host on another port may be the one known from port 22. Another key there
        // says nothing, since it may just as well be another machine behind the same address.
        with(Marker::None, Scope::WithoutPort)
            .find(has_key)
            .map_or(Verdict::Unknown, |entry| Verdict::Known(entry.place))
    }

    /// The types of the keys that the host is known by, in the order of the files, so that one of
    /// them can be asked for. May name one more than once.
    pub fn key_types(&self) -> impl Iterator<Item = &[u8]> {
        let by = |scope| move |e: &&Entry| e.marker == Marker::None && e.scope == scope;
        let exact = self.entries.iter().filter(by(Scope::Exact));
        let without_port = self.entries.iter().filter(by(Scope::WithoutPort));
        exact
            .chain(without_port)
            .filter_map(|entry| blob_name(&entry.blob).ok())
    }

    /// What a line says of this host, if anything. The key is decoded last: most lines are about
    /// other hosts.
    fn read(&self, line: &[u8]) -> Option<(Marker, Scope, Vec<u8>)> {
        if is_idle(line) {
            return None;
        }
        let (first, rest) = split_word(line);
        let (marker, hosts, rest) = match first {
            b"@revoked" => {
                let (hosts, rest) = split_word(rest);
                (Marker::Revoked, hosts, rest)
            }
            [b'@', ..] => return None,
            hosts => (Marker::None, hosts, rest),
        };
        let scope = self.scope(hosts)?;
        let key = PublicKey::parse(rest).ok()?;
        Some((marker, scope, key.blob))
    }

    /// How the hosts of a line name ours.
    fn scope(&self, hosts: &[u8]) -> Option<Scope> {
        let is_ours: &dyn Fn(&[u8]) -> bool = if hosts.first() == Some(&b'|') {
            let (salt, hash) = hashed_parts(hosts)?;
            &move |name| equal(&(self.provider.hmac_sha1)(&salt, name), &hash)
        } else {
            &|name| match_list(hosts, name, Case::Folded) == Match::Yes
        };
        let without_port = self.host.without_port.as_deref();
        if is_ours(&self.host.name) {
            Some(Scope::Exact)
        } else if without_port.is_some_and(is_ours) {
            Some(Scope::WithoutPort)
        } else {
            None
        }
    }
}

/// Salt and hash of a hashed name.
fn hashed_parts(hosts: &[u8]) -> Option<([u8; SHA1_LEN], [u8; SHA1_LEN])> {
    let mut parts = hosts.strip_prefix(HASHED)?.split(|b| *b == b'|');
    let mut part = || {
        let mut bytes = [0; SHA1_LEN + 1];
        let n = base64::decode_into(parts.next()?.iter().copied(), &mut bytes)?;
        bytes.get(..n)?.try_into().ok()
    };
    let (salt, hash) = (part()?, part()?);
    parts.next().is_none().then_some((salt, hash))
}

/// How a host is named in a line that is written.
#[derive(Clone, Copy)]
pub enum Form<'a> {
    /// As it is.
    Plain,
    /// Hashed with a random salt (HashKnownHosts).
    Hashed(&'a dyn SecureRandom),
}

/// Why a line cannot be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CannotWrite {
    /// The key has no type.
    BadKey,
    /// The host name has a character that means something else in this file.
    BadName,
    /// There is no randomness for a salt.
    NoRandomness,
}

/// The line that makes a host known by a key, with its end.
///
/// # Errors
/// [`CannotWrite`].
pub fn line(
    provider: &Provider,
    host: &HostName,
    key_blob: &[u8],
    form: Form<'_>,
) -> Result<String, CannotWrite> {
    let key = to_line(key_blob, "").map_err(|_| CannotWrite::BadKey)?;
    let name = core::str::from_utf8(&host.name)
        .ok()
        .filter(|_| host.can_be_written)
        .ok_or(CannotWrite::BadName)?;
    match form {
        Form::Plain => Ok(format!("{name} {key}")),
        Form::Hashed(random) => {
            let mut salt = [0; SHA1_LEN];
            random
                .fill(&mut salt)
                .map_err(|_| CannotWrite::NoRandomness)?;
            let hash = (provider.hmac_sha1)(&salt, &host.name);
            let (salt, hash) = (base64::encode(&salt), base64::encode(&hash));
            Ok(format!("|1|{salt}|{hash} {key}"))
        }
    }
}

/// What to write before a new line, given how the file ends: its last line may lack an end, and a
/// line glued to it would be lost with it.
#[must_use]
pub const fn repair(content: &[u8]) -> &'static str {
    match content.last() {
        None | Some(b'\n') => "",
        Some(_) => "\n",
    }
}

impl fmt::Display for CannotWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadKey => "the key has no type",
            Self::BadName => "the host name has a character that cannot stand in known_hosts",
            Self::NoRandomness => "no randomness",
        })
    }
}

impl core::error::Error for CannotWrite {}

#[cfg(test)]
mod tests;
