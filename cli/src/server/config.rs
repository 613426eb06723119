//! The configuration: `sshd_config(5)` for the keywords that mean something here.
//!
//! As in sshd the first value of a keyword wins, what the command line says comes before the file,
//! and `Port`, `ListenAddress` and `HostKey` accumulate. Every error is collected with its line,
//! so that one run shows them all; none of them is ever passed over.

mod forwarding;
mod sources;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use adit_forward::RekeyLimits;
use adit_forward::admission::{AddressList, NetBlocks};
use adit_forward::reactor::{KeepAlive, LoopCount, MaxStartups, PerSource, WindowMemory};
use adit_forward::spec::Family;

use crate::escape::escaped;
use crate::provider::Lists;
use crate::report::Level;
use crate::server::keywords::{Meaning, Setting, keyword};
use crate::server::listen::ListenAddress;
use crate::value;
pub use forwarding::Forwarding;
pub(super) use forwarding::Keyword;
pub use sources::{MaxPerSource, PenaltyWords};
use sources::{max_per_source, net_blocks};
use words::{add, but, first, keep_first, max_startups, names, only_one, rekey, several};

/// sshd's LoginGraceTime.
const LOGIN_GRACE: Duration = Duration::from_secs(120);
/// sshd's MaxAuthTries.
const MAX_AUTH_TRIES: u32 = 6;
/// sshd asks for no life at all. Here a tunnel whose client is gone is given up after 90 s, so that
/// its destinations learn of it.
const ALIVE: KeepAlive = KeepAlive {
    interval: Duration::from_secs(30),
    count: 3,
};
/// What was said; `None` or empty where nothing was.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// AddressFamily.
    pub family: Option<Family>,
    /// AuthorizedKeysFile, as written.
    pub authorized_keys: Option<Vec<String>>,
    /// Ciphers, as written.
    pub ciphers: Option<String>,
    /// ClientAliveCountMax.
    pub alive_count: Option<u32>,
    /// ClientAliveInterval.
    pub alive_interval: Option<Duration>,
    /// What may be forwarded.
    pub forwarding: Forwarding,
    /// HostKey.
    pub host_keys: Vec<PathBuf>,
    /// HostKeyAlgorithms, as written.
    pub host_key_algorithms: Option<String>,
    /// KexAlgorithms, as written.
    pub kex: Option<String>,
    /// ListenAddress.
    pub listen: Vec<ListenAddress>,
    /// LogLevel.
    pub level: Option<Level>,
    /// MACs, as written.
    pub macs: Option<String>,
    /// LoginGraceTime.
    pub login_grace: Option<Duration>,
    /// Loops.
    pub loops: Option<LoopCount>,
    /// MaxAuthTries.
    pub max_auth_tries: Option<u32>,
    /// MaxStartups.
    pub max_startups: Option<MaxStartups>,
    /// PerSourceNetBlockSize.
    pub net_blocks: Option<NetBlocks>,
    /// PerSourcePenalties.
    pub penalties: PenaltyWords,
    /// PerSourcePenaltyExemptList.
    pub penalty_exempt: Option<AddressList>,
    /// PerSourceMaxStartups.
    pub max_per_source: Option<MaxPerSource>,
    /// Port.
    pub ports: Vec<u16>,
    /// Whether the command line gave ports; then those of the file do not count.
    pub ports_from: PortsFrom,
    /// PubkeyAcceptedAlgorithms, as written.
    pub user_keys: Option<String>,
    /// RekeyLimit.
    pub rekey: Option<RekeyLimits>,
    /// StrictModes.
    pub strict_modes: Option<StrictModes>,
    /// WindowMemory.
    pub window_memory: Option<WindowMemory>,
}

/// Who said on which ports to listen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PortsFrom {
    /// `Port` in a file.
    #[default]
    File,
    /// `-p`, which sshd lets override those.
    CommandLine,
}

/// StrictModes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StrictModes {
    /// Files with keys that others can write are not read.
    #[default]
    Yes,
    /// They are.
    No,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}: {}", self.file, self.line, self.what)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Adds what a file says. `name` is for the messages.
    ///
    /// # Errors
    /// All that is wrong with it; the configuration must not be used then.
    pub fn read(&mut self, name: &str, contents: &[u8]) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        for (line, bytes) in (1..).zip(contents.split(|b| *b == b'\n')) {
            let read = std::str::from_utf8(bytes)
                .map_err(|_| "not UTF-8".to_owned())
                .and_then(|text| self.line(text));
            if let Err(what) = read {
                let file = name.to_owned();
                errors.push(ConfigError { file, line, what });
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// Adds what an `-o` says: a line of the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn option(&mut self, text: &str) -> Result<(), ConfigError> {
        self.line(text).map_err(|what| ConfigError {
            file: "command-line".to_owned(),
            line: 0,
            what,
        })
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        let words = value::words(text).map_err(|_| "unbalanced quotes".to_owned())?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((name, values)) = words.split_first() else {
            return Ok(());
        };
        let Some((name, meaning)) = keyword(name) else {
            return Err(format!(
                "Bad configuration option: {}",
                escaped(name.as_bytes())
            ));
        };
        match meaning {
            Meaning::Sets(setting) => self.set(name, setting, values),
            Meaning::Only(allowed, why) => {
                let one = only_one(name, values);
                let is_allowed = |v: &str| allowed.iter().any(|a| a.eq_ignore_ascii_case(v));
                if one.is_ok_and(is_allowed) {
                    Ok(())
                } else {
                    Err(format!("Unsupported option {name}: {why}{}", but(allowed)))
                }
            }
        }
    }

    fn set(&mut self, name: &str, setting: Setting, values: &[&str]) -> Result<(), String> {
        match setting {
            Setting::AddressFamily => {
                let read = |word: &str| match word.to_ascii_lowercase().as_str() {
                    "any" => Some(Family::Any),
                    "inet" => Some(Family::Inet),
                    "inet6" => Some(Family::Inet6),
                    _ => None,
                };
                first(&mut self.family, name, values, read)
            }
            Setting::AuthorizedKeysFile => {
                let files = several(name, values)?.iter().map(|w| (*w).to_owned());
                keep_first(&mut self.authorized_keys, files.collect());
                Ok(())
            }
            Setting::Ciphers => {
                let ciphers = Some(only_one(name, values)?);
                names(
                    name,
                    Lists {
                        ciphers,
                        ..Lists::default()
                    },
                    &mut self.ciphers,
                )
            }
            Setting::ClientAliveCountMax => {
                first(&mut self.alive_count, name, values, value::number)
            }
            Setting::ClientAliveInterval => {
                first(&mut self.alive_interval, name, values, value::time)
            }
            Setting::Forwarding(keyword) => self.forwarding.set(keyword, name, values),
            Setting::HostKey => {
                let file = only_one(name, values)?;
                if file.is_empty() {
                    return Err(words::unsupported(file));
                }
                add(&mut self.host_keys, PathBuf::from(file), name)
            }
            Setting::HostKeyAlgorithms => {
                let host_keys = Some(only_one(name, values)?);
                let lists = Lists {
                    host_keys,
                    ..Lists::default()
                };
                names(name, lists, &mut self.host_key_algorithms)
            }
            Setting::KexAlgorithms => {
                let kex = Some(only_one(name, values)?);
                names(
                    name,
                    Lists {
                        kex,
                        ..Lists::default()
                    },
                    &mut self.kex,
                )
            }
            Setting::ListenAddress => {
                let word = only_one(name, values)?;
                let address = ListenAddress::parse(word)
                    .map_err(|_| format!("bad address or port: {}", escaped(word.as_bytes())))?;
                add(&mut self.listen, address, name)
            }
            Setting::LogLevel => first(&mut self.level, name, values, Level::parse),
            Setting::LoginGraceTime => first(&mut self.login_grace, name, values, value::time),
            Setting::Loops => {
                let loops = |word: &str| value::number(word).and_then(LoopCount::new);
                first(&mut self.loops, name, values, loops)
            }
            Setting::Macs => {
                let macs = Some(only_one(name, values)?);
                names(
                    name,
                    Lists {
                        macs,
                        ..Lists::default()
                    },
                    &mut self.macs,
                )
            }
            Setting::MaxAuthTries => {
                let positive = |word: &str| value::number(word).filter(|n| *n > 0);
                first(&mut self.max_auth_tries, name, values, positive)
            }
            Setting::MaxStartups => {
                let word = only_one(name, values)?;
                let limits = max_startups(word).ok_or("Illegal MaxStartups spec.")?;
                keep_first(&mut self.max_startups, limits);
                Ok(())
            }
            Setting::PerSourceMaxStartups => {
                first(&mut self.max_per_source, name, values, max_per_source)
            }
            Setting::PerSourceNetBlockSize => first(&mut self.net_blocks, name, values, net_blocks),
            Setting::PerSourcePenalties => self.penalties.read(name, values),
            Setting::PerSourcePenaltyExemptList => {
                let read = |word: &str| AddressList::parse(word).ok();
                first(&mut self.penalty_exempt, name, values, read)
            }
            Setting::Port => {
                let port =
                    value::number(only_one(name, values)?).ok_or("Badly formatted port number.")?;
                match self.ports_from {
                    PortsFrom::CommandLine => Ok(()),
                    PortsFrom::File => add(&mut self.ports, port, name),
                }
            }
            Setting::PubkeyAcceptedAlgorithms => {
                let user_keys = Some(only_one(name, values)?);
                let lists = Lists {
                    user_keys,
                    ..Lists::default()
                };
                names(name, lists, &mut self.user_keys)
            }
            Setting::RekeyLimit => {
                keep_first(&mut self.rekey, rekey(values)?);
                Ok(())
            }
            Setting::StrictModes => {
                let read = |word: &str| {
                    value::yes_or_no(&word.to_ascii_lowercase()).map(|yes| match yes {
                        true => StrictModes::Yes,
                        false => StrictModes::No,
                    })
                };
                first(&mut self.strict_modes, name, values, read)
            }
            Setting::WindowMemory => {
                let read = |word: &str| value::size(word).and_then(WindowMemory::new);
                first(&mut self.window_memory, name, values, read)
            }
        }
    }

    /// Lists of algorithms, for [`crate::provider::algorithms`].
    #[must_use]
    pub fn lists(&self) -> Lists<'_> {
        Lists {
            kex: self.kex.as_deref(),
            host_keys: self.host_key_algorithms.as_deref(),
            ciphers: self.ciphers.as_deref(),
            macs: self.macs.as_deref(),
            user_keys: self.user_keys.as_deref(),
        }
    }

    /// LoginGraceTime; `None`: for ever.
    #[must_use]
    pub fn login_grace(&self) -> Option<Duration> {
        Some(self.login_grace.unwrap_or(LOGIN_GRACE)).filter(|time| !time.is_zero())
    }

    /// PerSourceMaxStartups, PerSourceNetBlockSize, PerSourcePenalties and who is exempt.
    #[must_use]
    pub fn per_source(&self) -> PerSource {
        PerSource {
            max_startups: match self.max_per_source {
                None | Some(MaxPerSource::Any) => None,
                Some(MaxPerSource::Only(n)) => Some(n),
            },
            blocks: self.net_blocks.unwrap_or_default(),
            penalties: self.penalties.penalties(),
            exempt: self.penalty_exempt.clone().unwrap_or_default(),
        }
    }

    /// MaxAuthTries.
    #[must_use]
    pub fn max_auth_tries(&self) -> u32 {
        self.max_auth_tries.unwrap_or(MAX_AUTH_TRIES)
    }

    /// ClientAliveInterval and ClientAliveCountMax; either of them 0 means never to ask. (With
    /// sshd a count of 0 asks without ever drawing a conclusion, which comes to the same.)
    #[must_use]
    pub fn alive(&self) -> Option<KeepAlive> {
        let interval = self.alive_interval.unwrap_or(ALIVE.interval);
        let count = self.alive_count.unwrap_or(ALIVE.count);
        (!interval.is_zero() && count > 0).then_some(KeepAlive { interval, count })
    }
}

#[cfg(test)]
mod tests;
