//! One session's local sides, found by their channel's index.

use adit_connection::ChannelId;

use super::local::Local;

/// Local sides by their channel's index. A channel's generation is compared, so that an event for
/// one that is gone reaches none.
#[derive(Default)]
pub(super) struct Locals(Vec<Option<Box<Local>>>);

impl Locals {
    pub(super) fn insert(&mut self, local: Local) {
        let index = local.channel.index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(index) {
            debug_assert!(slot.is_none(), "a slot is reused only after its release");
            *slot = Some(Box::new(local));
        }
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<&Local> {
        let local = self.0.get(id.index())?.as_deref()?;
        (local.channel == id).then_some(local)
    }

    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Local> {
        let local = self.0.get_mut(id.index())?.as_deref_mut()?;
        (local.channel == id).then_some(local)
    }

    pub(super) fn remove(&mut self, id: ChannelId) -> Option<Box<Local>> {
        let slot = self.0.get_mut(id.index())?;
        slot.take_if(|local| local.channel == id)
    }

    /// The channels that have one.
    #[cfg(test)]
    pub(super) fn ids(&self) -> impl Iterator<Item = ChannelId> {
        self.0.iter().flatten().map(|local| local.channel)
    }

    /// Empties the table.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Box<Local>> + use<> {
        core::mem::take(&mut self.0).into_iter().flatten()
    }
}
