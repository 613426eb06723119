//! How often the system was called.

use core::ops::Add;

use super::{Host, Net};

/// Calls on connections, but for those that were interrupted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Calls {
    /// To have events.
    pub registers: usize,
    /// Reads that gave something, or the end.
    pub reads: usize,
    /// Reads that only said that there is nothing.
    pub vain_reads: usize,
    /// Writes that took something.
    pub writes: usize,
    /// Writes that only said that there is no room.
    pub vain_writes: usize,
}

impl Add for Calls {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            registers: self.registers + other.registers,
            reads: self.reads + other.reads,
            vain_reads: self.vain_reads + other.vain_reads,
            writes: self.writes + other.writes,
            vain_writes: self.vain_writes + other.vain_writes,
        }
    }
}

impl Net {
    /// What a host has called so far on its connections with that other one.
    #[must_use]
    pub fn calls(&self, host: Host, other: Host) -> Calls {
        let inner = self.lock();
        let between = |id: &usize| {
            let hosts = [*id, *id ^ 1].map(|id| inner.end_ref(id).host);
            hosts == [host, other]
        };
        let ids = (0..inner.ends.len()).filter(between);
        ids.map(|id| inner.end_ref(id).calls)
            .fold(Calls::default(), Calls::add)
    }
}
