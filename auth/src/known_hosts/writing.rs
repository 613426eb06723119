//! What is written to a file of known hosts: one line for each key, behind all that is there.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use adit_crypto::{Provider, SecureRandom};

use super::HostName;
use super::reading::{HASHED, SHA1_LEN};
use crate::base64;
use crate::public_key::to_line;

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
            Ok(format!("{HASHED}{salt}|{hash} {key}"))
        }
    }
}

/// A file with a line added: every byte of it, an end for its last line where that has none (a line
/// glued to it would be lost with it), and `line`, which has its own end.
#[must_use]
pub fn with_line(content: &[u8], line: &str) -> Vec<u8> {
    [content, repair(content).as_bytes(), line.as_bytes()].concat()
}

/// What to write before a new line, given how the file ends.
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
