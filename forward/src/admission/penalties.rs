//! Penalties of sources whose connections ended badly before their login (sshd's
//! PerSourcePenalties): a function of address, offence and time.
//!
//! Each offence adds seconds to what its source has left, up to a maximum. Once more than a minimum
//! is left, connections from there are refused until none is. A table has a bounded number of
//! sources, and what is asked or charged costs the logarithm of that.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::addresses::AddressList;
use super::source::{NetBlocks, Source};

/// What a source did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offence {
    /// It tried to authenticate, and ended without success.
    AuthenticationFailed,
    /// It made a session panic: a fault of ours that somebody may have looked for.
    Crash,
    /// It was not authenticated when LoginGraceTime was over.
    GraceExceeded,
    /// It ended, or had to be ended, without having tried to authenticate.
    NoAuthentication,
}

impl fmt::Display for Offence {
    /// In the words of sshd's log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthenticationFailed => "penalty: failed authentication",
            Self::Crash => "penalty: caused crash",
            Self::GraceExceeded => "penalty: exceeded LoginGraceTime",
            Self::NoAuthentication => "penalty: connections without attempting authentication",
        })
    }
}

/// What happens to others when a family's table is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overflow {
    /// Whoever's penalty ends first is let off.
    Permissive,
    /// All connections of that family are refused until one penalty is over.
    DenyAll,
}

/// How much each offence costs, and what comes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Penalties {
    /// For [`Offence::AuthenticationFailed`].
    pub authentication_failed: Duration,
    /// For [`Offence::Crash`].
    pub crash: Duration,
    /// For [`Offence::GraceExceeded`].
    pub grace_exceeded: Duration,
    /// For [`Offence::NoAuthentication`].
    pub no_authentication: Duration,
    /// A source with no more than this is not refused yet.
    pub min: Duration,
    /// No source has more than this.
    pub max: Duration,
    /// Of IPv4.
    pub v4: Room,
    /// Of IPv6.
    pub v6: Room,
}

/// How much room the sources of one family have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Most sources with a penalty.
    pub sources: u32,
    /// What when there are so many.
    pub overflow: Overflow,
}

impl Default for Room {
    /// sshd's.
    fn default() -> Self {
        Self {
            sources: 65_536,
            overflow: Overflow::Permissive,
        }
    }
}

impl Default for Penalties {
    /// sshd's.
    fn default() -> Self {
        Self {
            authentication_failed: Duration::from_secs(5),
            crash: Duration::from_secs(90),
            grace_exceeded: Duration::from_secs(10),
            no_authentication: Duration::from_secs(1),
            min: Duration::from_secs(15),
            max: Duration::from_secs(600),
            v4: Room::default(),
            v6: Room::default(),
        }
    }
}

impl Penalties {
    const fn of(&self, offence: Offence) -> Duration {
        match offence {
            Offence::AuthenticationFailed => self.authentication_failed,
            Offence::Crash => self.crash,
            Offence::GraceExceeded => self.grace_exceeded,
            Offence::NoAuthentication => self.no_authentication,
        }
    }
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// Its source has a penalty, and did this last.
    Penalty(Offence),
    /// There are too many with one: [`Overflow::DenyAll`].
    TableFull,
}

impl fmt::Display for Refused {
    /// In the words of sshd's log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Penalty(offence) => offence.fmt(f),
            Self::TableFull => f.write_str("too many penalised addresses"),
        }
    }
}

/// What came of an offence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Charged {
    /// It is the first of its source for a while.
    New {
        /// From now to the end of it.
        left: Duration,
        /// Whether the source is refused from now on.
        enforced: Enforced,
    },
    /// There is more than the minimum now: the source is refused from now on.
    Activated {
        /// From now to the end of it.
        left: Duration,
    },
    /// It was added to what the source had.
    Added {
        /// From now to the end of it.
        left: Duration,
        /// Whether the source was refused before, and is still.
        enforced: Enforced,
    },
    /// There was no room for it: [`Overflow::DenyAll`], or it would have been the first to be let
    /// off.
    TableFull,
}

/// Whether connections from a source are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enforced {
    /// There is no more than the minimum.
    NotYet,
    /// There is, or was since it was last over.
    Yes,
}

/// Penalties that are over are forgotten when somebody else connects or is charged, so many at a
/// time: more than can be added, and few enough to delay nobody when all end at once.
const FORGOTTEN_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct PenaltyTable {
    penalties: Penalties,
    blocks: NetBlocks,
    exempt: AddressList,
    v4: Family,
    v6: Family,
}

impl PenaltyTable {
    pub(super) fn new(penalties: Penalties, blocks: NetBlocks, exempt: AddressList) -> Self {
        Self {
            penalties,
            blocks,
            exempt,
            v4: Family::new(penalties.v4),
            v6: Family::new(penalties.v6),
        }
    }

    /// Whether a connection from there is refused.
    pub(super) fn check(&mut self, address: IpAddr, now: Duration) -> Result<(), Refused> {
        if self.exempt.has(address) {
            return Ok(());
        }
        let source = self.blocks.source(address);
        let family = self.family(source);
        family.forget(now);
        if family.is_full() && family.room.overflow == Overflow::DenyAll {
            return Err(Refused::TableFull);
        }
        match family.by_source.get(&source) {
            Some(penalty) if penalty.until >= now && penalty.enforced == Enforced::Yes => {
                Err(Refused::Penalty(penalty.offence))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Adds what an offence costs. `None`: nothing, or nothing to them.
    pub(super) fn charge(
        &mut self,
        address: IpAddr,
        offence: Offence,
        now: Duration,
    ) -> Option<Charged> {
        let Penalties { min, max, .. } = self.penalties;
        let cost = self.penalties.of(offence);
        if cost.is_zero() || self.exempt.has(address) {
            return None;
        }
        let source = self.blocks.source(address);
        let family = self.family(source);
        family.forget(now);
        if family.is_full() && family.room.overflow == Overflow::DenyAll {
            return Some(Charged::TableFull);
        }
        let before = family.take(source).filter(|penalty| penalty.until >= now);
        let (had, was) = match before {
            Some(penalty) => (penalty.until.saturating_sub(now), penalty.enforced),
            None => (Duration::ZERO, Enforced::NotYet),
        };
        let left = had.saturating_add(cost).min(max);
        let enforced = if left > min { Enforced::Yes } else { was };
        let until = now.saturating_add(left);
        let penalty = Penalty {
            until,
            enforced,
            offence,
        };
        if family.put(source, penalty) == Put::NoRoom {
            return Some(Charged::TableFull);
        }
        Some(match (before, was, enforced) {
            (None, ..) => Charged::New { left, enforced },
            (Some(_), Enforced::NotYet, Enforced::Yes) => Charged::Activated { left },
            (Some(_), ..) => Charged::Added { left, enforced },
        })
    }

    const fn family(&mut self, source: Source) -> &mut Family {
        match source {
            Source::V4(_) => &mut self.v4,
            Source::V6(_) => &mut self.v6,
        }
    }
}

/// What a source has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Penalty {
    /// To this moment, and in it.
    until: Duration,
    enforced: Enforced,
    /// The last one.
    offence: Offence,
}

/// Whether a penalty is in the table now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Put {
    Kept,
    NoRoom,
}

/// The sources of one family, by themselves and by when their penalties end.
#[derive(Debug)]
struct Family {
    room: Room,
    by_source: BTreeMap<Source, Penalty>,
    by_end: BTreeSet<(Duration, Source)>,
}

impl Family {
    const fn new(room: Room) -> Self {
        Self {
            room,
            by_source: BTreeMap::new(),
            by_end: BTreeSet::new(),
        }
    }

    fn is_full(&self) -> bool {
        u32::try_from(self.by_source.len()).is_ok_and(|n| n >= self.room.sources)
    }

    fn forget(&mut self, now: Duration) {
        for _ in 0..FORGOTTEN_MAX {
            match self.by_end.first() {
                Some((until, source)) if *until < now => {
                    let source = *source;
                    self.take(source);
                }
                Some(_) | None => break,
            }
        }
    }

    fn take(&mut self, source: Source) -> Option<Penalty> {
        let penalty = self.by_source.remove(&source)?;
        self.by_end.remove(&(penalty.until, source));
        Some(penalty)
    }

    /// Adds it, and lets off whoever's ends first when there is no room for one more.
    fn put(&mut self, source: Source, penalty: Penalty) -> Put {
        if self.is_full() {
            match self.by_end.first() {
                Some((until, first)) if (*until, *first) < (penalty.until, source) => {
                    let first = *first;
                    self.take(first);
                }
                // It would end first itself, or there is room for nobody.
                Some(_) | None => return Put::NoRoom,
            }
        }
        self.by_source.insert(source, penalty);
        self.by_end.insert((penalty.until, source));
        Put::Kept
    }
}

#[cfg(test)]
mod tests;
