//! ssh's configuration files: `~/.ssh/config`, then `/etc/ssh/ssh_config`, or one named with `-F`.
//!
//! The syntax, the order and the messages are ssh_config(5)'s. What the command line said was said
//! first and wins. A mistake anywhere is fatal, also in a block for other hosts: half a
//! configuration might be one that trusts more than the whole.

mod blocks;
mod disk;
mod include;
mod lines;
pub(in crate::client) mod others;
mod reader;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use adit_forward::spec::Names;

use crate::client::options::Options;
use crate::report::Report;
use reader::{Kind, Reader};

pub use disk::{Checks, Disk, Files, ReadError};
pub use include::{Directories, NAMES_MAX};
pub use lines::Place;
pub use others::{Effect, Means, Other};
pub use reader::{BYTES_MAX, DEPTH_MAX, FILES_MAX};

/// The system's file.
const SYSTEM_FILE: &str = "/etc/ssh/ssh_config";

/// Which files are read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConfigFiles {
    /// None at all: `-F none`.
    None,
    /// This one, as written after `-F`.
    Only(PathBuf),
    /// The person's, then the system's.
    Usual,
}

/// What the files are read for, and with what.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The destination, as typed.
    pub host: &'a str,
    /// Where `~` is.
    pub home: &'a Path,
    /// Who runs this program; empty if nobody knows.
    pub local_user: &'a str,
    /// For what a forward may refer to.
    pub names: &'a dyn Names,
    /// Where files come from.
    pub files: &'a dyn Files,
    /// Where to say what is passed over.
    pub report: &'a Report,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.host)
    }
}

/// A configuration that must not be used: the last line that is said about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadConfig(pub String);

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadConfig {}

/// Adds to `options` what the files say of a destination.
///
/// # Errors
/// [`BadConfig`]; what led to it was said to the report.
pub fn read(
    which: &ConfigFiles,
    context: &Context<'_>,
    options: &mut Options,
) -> Result<(), BadConfig> {
    let mut reader = Reader::new(context, options);
    reader.all(which)?;
    if reader.wants_final() {
        reader.begin_final()?;
        reader.all(which)?;
    }
    Ok(())
}

impl Reader<'_> {
    fn all(&mut self, which: &ConfigFiles) -> Result<(), BadConfig> {
        match which {
            ConfigFiles::None => Ok(()),
            ConfigFiles::Only(path) => self.top(path, Kind::Named),
            ConfigFiles::Usual => {
                let user = self.home().join(".ssh/config");
                self.top(&user, Kind::User)?;
                self.top(Path::new(SYSTEM_FILE), Kind::System)
            }
        }
    }
}

/// Where the destination really is: `HostName` with its tokens, or the name as typed. A name is in
/// lower case, as ssh has it from here on.
///
/// # Errors
/// A token that is none there.
pub fn host_name(options: &Options, typed: &str) -> Result<String, BadConfig> {
    let Some(template) = &options.host_name else {
        return Ok(lower(typed));
    };
    let mut out = String::with_capacity(template.len());
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        match (c, c == '%') {
            (c, false) => out.push(c),
            (_, true) => match chars.next() {
                Some('%') => out.push('%'),
                Some('h') => out.push_str(typed),
                other => {
                    let token = other.map(String::from).unwrap_or_default();
                    let why = format!("HostName {template}: unknown token %{token}");
                    return Err(BadConfig(
                        crate::escape::escaped(why.as_bytes()).to_string(),
                    ));
                }
            },
        }
    }
    Ok(lower(&out))
}

fn lower(host: &str) -> String {
    // Behind the "%" of an address stands the name of an interface.
    if host.parse::<IpAddr>().is_ok() || host.contains('%') {
        host.to_owned()
    } else {
        host.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests;
