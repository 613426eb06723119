//! Whether a key may log in: the files that AuthorizedKeysFile names, read anew for every question.
//!
//! There is one user here, the one that this process runs as; the login name is a label that
//! stands for `%u` and nothing else. Reading waits for the disk, so the event loop has it done on
//! another thread.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_auth::authorized_keys::{self, Found, Options, Unusable};
use adit_auth::permissions::{Kind, Ownership, strict};
use adit_auth::{Decision, Fingerprint, KeyPolicy, is_plain_user_name, key_type_label};
use adit_crypto::Provider;
use adit_forward::admission::AddressList;
use adit_proto::blob::blob_name;

use crate::escape::escaped;
use crate::file::{self, AUTHORIZED_MAX, Contents, FileError};
use crate::report::{ConnectionReport, Report};
use crate::server::config::StrictModes;
use crate::server::log::Word;
use crate::time;

/// Where keys are looked for when AuthorizedKeysFile does not say: below the home directory.
const DEFAULT_FILE: &str = ".ssh/authorized_keys";
/// Lines of a file that are complained about in one attempt to log in: a stranger's attempts must
/// not write more than a few lines each.
const NOTES_MAX: usize = 4;

/// A word of AuthorizedKeysFile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Home,
    User,
}

/// Why a word of AuthorizedKeysFile names no file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadTemplate {
    /// It needs the home directory, and there is none.
    NoHome,
    /// A `%` before something else than `%`, `h` or `u`.
    UnknownToken,
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHome => "there is no home directory: set HOME or give an absolute path",
            Self::UnknownToken => "only %%, %h and %u can be used here",
        })
    }
}

impl std::error::Error for BadTemplate {}

impl Template {
    /// Reads a word. As with sshd, one that is not absolute is below the home directory.
    ///
    /// # Errors
    /// [`BadTemplate`]; `home` is whether there is a home directory.
    fn parse(word: &str, home: Option<&Path>) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let is_absolute = word.starts_with('/') || word.starts_with("%h");
        if !is_absolute {
            parts.extend([Part::Home, Part::Text("/".to_owned())]);
        }
        let mut rest = word;
        while let Some((text, behind)) = rest.split_once('%') {
            parts.push(Part::Text(text.to_owned()));
            let mut chars = behind.chars();
            parts.push(match chars.next() {
                Some('%') => Part::Text("%".to_owned()),
                Some('h') => Part::Home,
                Some('u') => Part::User,
                _ => return Err(BadTemplate::UnknownToken),
            });
            rest = chars.as_str();
        }
        parts.push(Part::Text(rest.to_owned()));
        if parts.contains(&Part::Home) && home.is_none() {
            return Err(BadTemplate::NoHome);
        }
        Ok(Self(parts))
    }

    /// The file for that user; `None` when the name has no place in a path.
    fn expand(&self, user: &[u8], home: Option<&Path>) -> Option<PathBuf> {
        let mut path = std::ffi::OsString::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => path.push(text),
                Part::Home => path.push(home?),
                Part::User if is_plain_user_name(user) => {
                    path.push(std::str::from_utf8(user).ok()?);
                }
                Part::User => return None,
            }
        }
        Some(path.into())
    }
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its number in the log.
    pub connection: u64,
    /// Where it comes from, for `from`.
    pub address: Option<IpAddr>,
    /// For `expiry-time`.
    pub now: SystemTime,
}

/// Answers whether keys may log in.
#[derive(Debug)]
pub struct Authorizer {
    provider: &'static Provider,
    templates: Vec<Template>,
    home: Option<PathBuf>,
    strict_modes: StrictModes,
    uid: u32,
    report: Arc<Report>,
}

impl Authorizer {
    /// `words`: AuthorizedKeysFile, or `None` for the default. `uid` is whose the files must be
    /// (or root's) under StrictModes.
    ///
    /// # Errors
    /// The word that names no file, and why.
    pub fn new<'a>(
        provider: &'static Provider,
        words: Option<&'a [String]>,
        home: Option<PathBuf>,
        strict_modes: StrictModes,
        uid: u32,
        report: Arc<Report>,
    ) -> Result<Self, (&'a str, BadTemplate)> {
        let templates = match words {
            None => vec![
                Template::parse(DEFAULT_FILE, home.as_deref())
                    .map_err(|bad| (DEFAULT_FILE, bad))?,
            ],
            Some(words) => words
                .iter()
                .filter(|word| !word.eq_ignore_ascii_case("none"))
                .map(|word| {
                    Template::parse(word, home.as_deref()).map_err(|bad| (word.as_str(), bad))
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            provider,
            templates,
            home,
            strict_modes,
            uid,
            report,
        })
    }

    /// Whether that key may log in as that user. Reads files: not for the event loop's thread.
    #[must_use]
    pub fn decide(&self, client: Client, user: &[u8], key_blob: &[u8]) -> Decision {
        let report = self.report.about(client.connection);
        for (file, template) in self.templates.iter().enumerate() {
            let Some(path) = template.expand(user, self.home.as_deref()) else {
                continue;
            };
            if let Some(Found { line, options }) = self.find(client, &path, user, key_blob) {
                let key_type = blob_name(key_blob).unwrap_or_default();
                report.verbose(format_args!(
                    "Accepted key {} {} found at {}:{line}",
                    key_type_label(key_type),
                    Fingerprint::of(self.provider, key_blob),
                    path.display()
                ));
                return Decision::Allowed(KeyPolicy {
                    file,
                    line,
                    permissions: options.permissions,
                });
            }
        }
        Decision::Refused
    }

    /// The line of a file that has the key.
    fn find(&self, client: Client, path: &Path, user: &[u8], key_blob: &[u8]) -> Option<Found> {
        let report = self.report.about(client.connection);
        let contents = match file::read(path, AUTHORIZED_MAX) {
            Ok(contents) => contents,
            Err(error) => {
                not_read(report, path, user, &error);
                return None;
            }
        };
        if self.strict_modes == StrictModes::Yes
            && let Err(why) = self.is_strict(path, &contents)
        {
            report.info(format_args!("Authentication refused: {why}"));
            return None;
        }
        let suits = |found: &Found| match suits(&found.options, client, user) {
            Ok(()) => true,
            Err(why) => {
                report.info(format_args!("{}:{}: {why}", path.display(), found.line));
                false
            }
        };
        let mut notes = 0_usize;
        authorized_keys::find(&contents.bytes, key_blob, suits, |note| {
            let text = format_args!("{}:{}: {}", path.display(), note.line, note.why);
            // sshd passes over what is no key, or none for it, in silence too.
            if matches!(note.why, Unusable::BadKey(_) | Unusable::NoSuchKey(_)) {
                report.debug(text);
                return;
            }
            notes = notes.saturating_add(1);
            if notes <= NOTES_MAX {
                report.info(text);
            }
        })
    }

    /// sshd's StrictModes: the file that was read, and every directory down to it from the home
    /// directory, or from the root when it is not below that.
    fn is_strict(&self, path: &Path, contents: &Contents) -> Result<(), String> {
        let ownership = |mode, owner| Ownership {
            mode,
            owner,
            user: self.uid,
        };
        let real = |path: &Path| {
            fs::canonicalize(path).map_err(|e| format!("{}: {}", path.display(), file::reason(&e)))
        };
        let shown = path.to_string_lossy();
        strict(&shown, Kind::File, ownership(contents.mode, contents.uid))
            .map_err(|why| why.to_string())?;
        let path = real(path)?;
        let home = self.home.as_deref().and_then(|home| real(home).ok());
        for directory in path.ancestors().skip(1) {
            let metadata = fs::metadata(directory)
                .map_err(|e| format!("{}: {}", directory.display(), file::reason(&e)))?;
            let shown = directory.to_string_lossy();
            strict(
                &shown,
                Kind::Directory,
                ownership(metadata.mode(), metadata.uid()),
            )
            .map_err(|why| why.to_string())?;
            if Some(directory) == home.as_deref() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a line with the key takes it from there and now; the words are sshd's.
fn suits(options: &Options, client: Client, user: &[u8]) -> Result<(), String> {
    let now = client.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some(expiry) = options.expiry
        && expiry.is_over(now.as_secs())
    {
        let at = UNIX_EPOCH + Duration::from_secs(expiry.seconds());
        return Err(format!("entry expired at {}", time::utc(at)));
    }
    let Some(from) = &options.from else {
        return Ok(());
    };
    // As sshd with UseDNS no, which is its default: names of clients are not looked up, so a list
    // that has one is not understood.
    let list = AddressList::parse(from)
        .map_err(|_| "bad key option \"from\": not a list of addresses, so the key is refused")?;
    match client.address {
        Some(address) if list.has(address) => Ok(()),
        address => {
            let ip = address.map_or("UNKNOWN".to_owned(), |ip| ip.to_canonical().to_string());
            Err(format!(
                "Authentication tried for {} with correct key but not from a permitted host \
                 (host={ip}, ip={ip}, required={}).",
                Word(user),
                escaped(from.as_bytes()),
            ))
        }
    }
}

fn not_read(report: ConnectionReport<'_>, path: &Path, user: &[u8], error: &FileError) {
    let text = format_args!(
        "Could not open user '{}' authorized keys '{}': {error}",
        Word(user),
        path.display()
    );
    // A user without a file is nothing special, and any name can be tried.
    if error.is_not_found() {
        report.debug(text);
    } else {
        report.info(text);
    }
}

#[cfg(test)]
mod tests;
