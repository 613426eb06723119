//! Who may begin a session on a server: sshd's MaxStartups, PerSourceMaxStartups and
//! PerSourcePenalties as a function of addresses, events, time and dice. No sockets, no clock.
//!
//! ```text
//!   connection ─► admit ─► Ok, counted ─► authenticated          ─► over
//!                  │                  └─► ended before that      ─► over, charge
//!                  └─► Err: dropped, not counted, charged nothing
//! ```

mod addresses;
mod penalties;
mod source;
mod startups;

use core::net::IpAddr;
use core::time::Duration;

pub use addresses::{AddressList, BadAddress};
use penalties::PenaltyTable;
pub use penalties::{Charged, Enforced, Offence, Overflow, Penalties, Refused, Room};
pub use source::{AddressAndBits, NetBlocks, Source, V4_BITS, V6_BITS};
use startups::Startups;
pub use startups::{Dice, MaxStartups};

/// What single sources are held to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PerSource {
    /// PerSourceMaxStartups. `None`: as many as all together.
    pub max_startups: Option<u32>,
    /// PerSourceNetBlockSize.
    pub blocks: NetBlocks,
    /// PerSourcePenalties. `None`: there are none.
    pub penalties: Option<Penalties>,
    /// PerSourcePenaltyExemptList: they have none whatever they do.
    pub exempt: AddressList,
}

impl Default for PerSource {
    /// sshd's: penalties, and nothing else.
    fn default() -> Self {
        Self {
            max_startups: None,
            blocks: NetBlocks::default(),
            penalties: Some(Penalties::default()),
            exempt: AddressList::default(),
        }
    }
}

impl PerSource {
    /// Nobody is held to anything.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            penalties: None,
            ..Self::default()
        }
    }
}

/// Why a connection is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dropped {
    /// For what its source did before.
    Refused(Refused),
    /// Too many are not authenticated yet.
    PastMaxStartups,
}

/// See the module.
#[derive(Debug)]
pub struct Admission {
    startups: Startups,
    penalties: Option<PenaltyTable>,
    blocks: NetBlocks,
}

impl Admission {
    /// Nobody is there yet, and nobody has done anything.
    #[must_use]
    pub fn new(max_startups: MaxStartups, per_source: PerSource) -> Self {
        let PerSource {
            max_startups: each,
            blocks,
            penalties,
            exempt,
        } = per_source;
        Self {
            startups: Startups::new(max_startups, each, blocks),
            penalties: penalties.map(|costs| PenaltyTable::new(costs, blocks, exempt)),
            blocks,
        }
    }

    /// How many are not authenticated yet.
    #[must_use]
    pub const fn startups(&self) -> u32 {
        self.startups.all()
    }

    /// Whether a connection may become a session. Counts nothing: see [`Admission::begin`].
    ///
    /// # Errors
    /// Why it is dropped. It costs its source nothing.
    pub fn check(&mut self, address: IpAddr, dice: Dice, now: Duration) -> Result<(), Dropped> {
        if let Some(table) = &mut self.penalties {
            table.check(address, now).map_err(Dropped::Refused)?;
        }
        if self.startups.drops(address, dice) {
            return Err(Dropped::PastMaxStartups);
        }
        Ok(())
    }

    /// It is a session now, and its user not authenticated yet.
    pub fn begin(&mut self, address: IpAddr) {
        self.startups.begin(address);
    }

    /// Its user was authenticated, or it ended before that. Once for each [`Admission::begin`].
    pub fn over(&mut self, address: IpAddr) {
        self.startups.over(address);
    }

    /// A session's end is charged to its source. `None` when it costs nothing.
    pub fn charge(&mut self, address: IpAddr, offence: Offence, now: Duration) -> Option<Charged> {
        self.penalties.as_mut()?.charge(address, offence, now)
    }

    /// An address and how much of it counts.
    #[must_use]
    pub fn told(&self, address: IpAddr) -> AddressAndBits {
        self.blocks.told(address)
    }
}

#[cfg(test)]
mod tests;
