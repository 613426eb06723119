//! The words behind PerSourceMaxStartups, PerSourceNetBlockSize and PerSourcePenalties.

use std::time::Duration;

use adit_forward::admission::{NetBlocks, Overflow, Penalties, Room, V6_BITS};

use super::words::{keep_first, several, unsupported};
use crate::escape::escaped;
use crate::value;

/// What PerSourcePenalties said; the first value of each counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PenaltyWords {
    switch: Option<Switch>,
    authfail: Option<Duration>,
    crash: Option<Duration>,
    grace_exceeded: Option<Duration>,
    noauth: Option<Duration>,
    min: Option<Duration>,
    max: Option<Duration>,
    max_sources4: Option<u32>,
    max_sources6: Option<u32>,
    overflow: Option<Overflow>,
    overflow6: Option<Overflow>,
}

/// Whether there are penalties. A word with a number says that there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Switch {
    On,
    Off,
}

impl PenaltyWords {
    /// What it comes to, with sshd's defaults for what was not said. `None`: no penalties.
    #[must_use]
    pub fn penalties(self) -> Option<Penalties> {
        if self.switch == Some(Switch::Off) {
            return None;
        }
        let default = Penalties::default();
        // sshd's overflow6 is that of IPv4 unless it is said otherwise.
        let overflow = self.overflow.unwrap_or(default.v4.overflow);
        Some(Penalties {
            authentication_failed: self.authfail.unwrap_or(default.authentication_failed),
            crash: self.crash.unwrap_or(default.crash),
            grace_exceeded: self.grace_exceeded.unwrap_or(default.grace_exceeded),
            no_authentication: self.noauth.unwrap_or(default.no_authentication),
            min: self.min.unwrap_or(default.min),
            max: self.max.unwrap_or(default.max),
            v4: Room {
                sources: self.max_sources4.unwrap_or(default.v4.sources),
                overflow,
            },
            v6: Room {
                sources: self.max_sources6.unwrap_or(default.v6.sources),
                overflow: self.overflow6.unwrap_or(overflow),
            },
        })
    }

    /// Adds what a line says. `yes` and `no` stand alone.
    ///
    /// # Errors
    /// What is wrong with the first word that is wrong; then nothing of the line counts.
    pub(super) fn read(&mut self, name: &str, values: &[&str]) -> Result<(), String> {
        let mut read = *self;
        match several(name, values)? {
            [word] if word.eq_ignore_ascii_case("yes") => keep_first(&mut read.switch, Switch::On),
            [word] if word.eq_ignore_ascii_case("no") => keep_first(&mut read.switch, Switch::Off),
            words => {
                for word in words {
                    read.word(word)?;
                }
                keep_first(&mut read.switch, Switch::On);
            }
        }
        *self = read;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        let refused = || unsupported(word);
        if ["yes", "no"].iter().any(|w| word.eq_ignore_ascii_case(w)) {
            let word = escaped(word.as_bytes());
            return Err(format!("\"{word}\" argument must appear alone."));
        }
        let (key, value) = word.split_once(':').ok_or_else(refused)?;
        let time = || value::time(value).ok_or("invalid time value.");
        let number = || value::number(value).ok_or_else(refused);
        let overflow = || match value {
            "deny-all" => Ok(Overflow::DenyAll),
            "permissive" => Ok(Overflow::Permissive),
            _ => Err(refused()),
        };
        match key {
            "authfail" => keep_first(&mut self.authfail, time()?),
            "crash" => keep_first(&mut self.crash, time()?),
            "grace-exceeded" => keep_first(&mut self.grace_exceeded, time()?),
            // Nobody is charged these: there are no users that it could call invalid, and no
            // RefuseConnection.
            "invaliduser" | "refuseconnection" => {
                time()?;
            }
            "max" => keep_first(&mut self.max, time()?),
            "max-sources4" => keep_first(&mut self.max_sources4, number()?),
            "max-sources6" => keep_first(&mut self.max_sources6, number()?),
            "min" => keep_first(&mut self.min, time()?),
            "noauth" => keep_first(&mut self.noauth, time()?),
            "overflow" => keep_first(&mut self.overflow, overflow()?),
            "overflow6" => keep_first(&mut self.overflow6, overflow()?),
            _ => return Err(refused()),
        }
        Ok(())
    }
}

/// How many of one source may be unauthenticated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MaxPerSource {
    /// As many as all together.
    Any,
    /// So many.
    Only(u32),
}

/// `none` or a number.
pub(super) fn max_per_source(word: &str) -> Option<MaxPerSource> {
    match word {
        "none" => Some(MaxPerSource::Any),
        digits => value::number(digits).map(MaxPerSource::Only),
    }
}

/// `v4` or `v4:v6`, in bits.
pub(super) fn net_blocks(word: &str) -> Option<NetBlocks> {
    let (v4, v6) = match word.split_once(':') {
        None => (word, V6_BITS),
        Some((v4, v6)) => (v4, value::number(v6)?),
    };
    NetBlocks::new(value::number(v4)?, v6)
}
