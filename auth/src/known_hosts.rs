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

mod reading;
mod writing;

use alloc::format;
use alloc::vec::Vec;

use adit_crypto::Provider;
use adit_proto::blob::blob_name;

use crate::public_key::{PublicKey, lines};
use crate::signed::key_type_label;

use reading::{Line, Marker, Names, Scope};

pub use writing::{CannotWrite, Form, line, repair, with_line};

/// The port whose hosts are written without it.
const SSH_PORT: u16 = 22;
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

/// How well a type of key is known of a host, best first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Familiarity {
    /// The host has a key of that type.
    Known,
    /// The host has one on port 22.
    KnownWithoutPort,
    /// It has none that anybody knows of.
    Unknown,
}

/// The hosts of a line that is about others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtherNames<'a> {
    /// A hash, of which nobody can tell the name.
    Hashed,
    /// As written; any bytes but blanks.
    Listed(&'a [u8]),
}

impl<'a> OtherNames<'a> {
    const fn of(hosts: &'a [u8]) -> Self {
        match hosts {
            [b'|', ..] => Self::Hashed,
            hosts => Self::Listed(hosts),
        }
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

#[derive(Debug)]
struct Entry {
    place: Place,
    marker: Marker,
    scope: Scope,
    blob: Vec<u8>,
}

/// What one piece of a file says of the host.
#[derive(Debug, Default)]
pub struct Found {
    lines: usize,
    /// Their lines are counted from the beginning of the piece.
    entries: Vec<Entry>,
}

/// All that some files say of one host.
#[derive(Debug)]
pub struct KnownHosts {
    provider: &'static Provider,
    host: HostName,
    files: usize,
    /// Lines of the last file so far.
    lines: usize,
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
            lines: 0,
            entries: Vec::new(),
        }
    }

    /// Reads one more file. One that does not exist is an empty one: its number is used all the
    /// same.
    pub fn add_file(&mut self, content: &[u8]) {
        self.begin_file();
        self.add_lines(content);
    }

    /// Begins one more file, whose lines come in pieces.
    pub const fn begin_file(&mut self) {
        self.files = self.files.saturating_add(1);
        self.lines = 0;
    }

    /// Reads on in the file that was begun last. A piece ends where a line ends, or with the file.
    pub fn add_lines(&mut self, piece: &[u8]) {
        let found = self.scan(piece);
        self.add(found);
    }

    /// Looks for the host in one piece of a file, so that several threads can each take one.
    #[must_use]
    pub fn scan(&self, piece: &[u8]) -> Found {
        let names = Names {
            provider: self.provider,
            host: &self.host,
        };
        let mut found = Found::default();
        for (line, text) in lines(piece) {
            found.lines = line;
            if !names.may_be_in(text) {
                continue;
            }
            if let Some((marker, scope, blob)) = read(names, text) {
                let place = Place { file: 0, line };
                found.entries.push(Entry {
                    place,
                    marker,
                    scope,
                    blob,
                });
            }
        }
        found
    }

    /// Adds what was found in the next piece of the file that was begun last.
    pub fn add(&mut self, found: Found) {
        let file = self.files.saturating_sub(1);
        let before = self.lines;
        self.lines = before.saturating_add(found.lines);
        self.entries.extend(found.entries.into_iter().map(|entry| {
            let line = before.saturating_add(entry.place.line);
            let place = Place { file, line };
            Entry { place, ..entry }
        }));
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

    /// How well a key of that type is known: those of the host itself come before those that it has
    /// on port 22, and both before types that nobody has seen. To be sorted by.
    #[must_use]
    pub fn familiarity(&self, key_type: &[u8]) -> Familiarity {
        let has = |scope: Scope| {
            let is_meant = |e: &Entry| e.marker == Marker::None && e.scope == scope;
            let mut entries = self.entries.iter().filter(|e| is_meant(e));
            entries.any(|e| blob_name(&e.blob) == Ok(key_type))
        };
        if has(Scope::Exact) {
            Familiarity::Known
        } else if has(Scope::WithoutPort) {
            Familiarity::KnownWithoutPort
        } else {
            Familiarity::Unknown
        }
    }

    /// Lines that name the host, or all hosts of a pattern, by an authority that certifies their
    /// keys. They say nothing here, since certificates are not read.
    pub fn authorities(&self) -> impl Iterator<Item = Place> {
        let is_authority = |e: &&Entry| e.marker == Marker::CertAuthority;
        self.entries.iter().filter(is_authority).map(|e| e.place)
    }

    /// The lines of one file that name other hosts by this key, with their numbers from 1. A person
    /// who is asked may know the server by one of these.
    pub fn other_names<'a>(
        &'a self,
        content: &'a [u8],
        key_blob: &'a [u8],
    ) -> impl Iterator<Item = (usize, OtherNames<'a>)> {
        let names = Names {
            provider: self.provider,
            host: &self.host,
        };
        lines(content).filter_map(move |(number, text)| {
            let line = Line::split(text).filter(|line| line.marker == Marker::None)?;
            let has_key = line.has_key(key_blob);
            (has_key && names.scope(line.hosts).is_none())
                .then(|| (number, OtherNames::of(line.hosts)))
        })
    }
}

/// What a line says of the host, if anything. The key is decoded last.
fn read(names: Names<'_>, text: &[u8]) -> Option<(Marker, Scope, Vec<u8>)> {
    let line = Line::split(text)?;
    let scope = names.scope(line.hosts)?;
    let key = PublicKey::parse(line.key).ok()?;
    Some((line.marker, scope, key.blob))
}

#[cfg(test)]
mod tests;
