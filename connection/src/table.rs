//! The table of channels: slots found by index, never by search, and the list of those that have
//! something due. Knows nothing of what is in a slot.

use alloc::vec::Vec;

/// Bits of a [`ChannelId`] that are the slot: 16384 channels, OpenSSH's CHANNELS_MAX_CHANNELS.
const SLOT_BITS: u32 = 14;

/// Most channels one session can have.
pub(crate) const SLOTS_MAX: u32 = 1 << SLOT_BITS;

/// Bits that are the generation. Together 31, not 32: a peer that keeps our numbers in a signed
/// integer would otherwise fail after 131072 connections, long after it was tested.
const GENERATION_BITS: u32 = 31 - SLOT_BITS;

/// One channel of one session, and our number for it on the wire: the slot in the low bits, in the
/// high bits how often that slot was used before. A message or a call that comes too late for a
/// channel therefore does not reach the next one in its slot.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChannelId(u32);

impl ChannelId {
    /// From a number on the wire; whether there is such a channel is for the table to say.
    pub(crate) const fn from_wire(number: u32) -> Self {
        Self(number)
    }

    /// The number on the wire, `sender_channel` of what we send about it while it opens.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The slot, for a table beside this one. Below the session's `max_channels`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.slot() as usize
    }

    /// The slot, as people know a channel: a small number that another one has later.
    #[must_use]
    pub const fn slot(self) -> u16 {
        let [_, _, high, low] = (self.0 & (SLOTS_MAX - 1)).to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    const fn new(slot: u16, generation: u32) -> Self {
        // Cannot lose a bit: both are masked to their widths where they are made.
        Self((generation << SLOT_BITS) | slot as u32)
    }
}

/// No slot: the end of a list.
const NONE: u16 = u16::MAX;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    /// In the list of due slots, or, while free, the next free one.
    next: u16,
    previous: u16,
    is_due: bool,
    value: Option<T>,
}

/// Slots with generations, a list of free ones, and a list of due ones in order of arrival.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    slots_max: u32,
    len: u32,
    free: u16,
    due_first: u16,
    due_last: u16,
}

impl<T> Table<T> {
    /// For at most `slots_max` values; room is taken as they come.
    pub(crate) const fn new(slots_max: u32) -> Self {
        Self {
            slots: Vec::new(),
            slots_max: if slots_max < SLOTS_MAX {
                slots_max
            } else {
                SLOTS_MAX
            },
            len: 0,
            free: NONE,
            due_first: NONE,
            due_last: NONE,
        }
    }

    /// How many slots there are, taken or free.
    #[cfg(test)]
    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    /// What one takes.
    #[cfg(test)]
    pub(crate) const SLOT_LEN: usize = size_of::<Slot<T>>();

    /// How many values there are.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there may be one more.
    pub(crate) const fn has_free(&self) -> bool {
        self.len < self.slots_max
    }

    /// `None` when every slot is taken; the value is then dropped.
    pub(crate) fn insert(&mut self, value: T) -> Option<ChannelId> {
        if !self.has_free() {
            return None;
        }
        if self.free == NONE {
            let slot = u16::try_from(self.slots.len()).ok()?;
            self.slots.push(Slot {
                generation: 0,
                next: NONE,
                previous: NONE,
                is_due: false,
                value: None,
            });
            self.free = slot;
        }
        let at = self.free;
        let slot = self.slots.get_mut(usize::from(at))?;
        self.free = slot.next;
        slot.next = NONE;
        slot.value = Some(value);
        self.len = self.len.saturating_add(1);
        Some(ChannelId::new(at, slot.generation))
    }

    /// The value, unless it is gone.
    pub(crate) fn get(&self, id: ChannelId) -> Option<&T> {
        let slot = self.slots.get(id.index())?;
        slot.value.as_ref().filter(|_| id == slot.id_in(id.slot()))
    }

    /// The value, unless it is gone.
    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index())?;
        if id != slot.id_in(id.slot()) {
            return None;
        }
        slot.value.as_mut()
    }

    /// Frees the slot; from now on `id` finds nothing.
    pub(crate) fn remove(&mut self, id: ChannelId) {
        if self.get(id).is_none() {
            return;
        }
        self.set_due(id, Due::No);
        let free = self.free;
        if let Some(slot) = self.slots.get_mut(id.index()) {
            slot.value = None;
            slot.generation = slot.generation.wrapping_add(1) & ((1 << GENERATION_BITS) - 1);
            slot.next = free;
            self.free = id.slot();
            self.len = self.len.saturating_sub(1);
        }
    }

    /// Puts the slot at the end of the list of due ones, unless it is there, or takes it out.
    pub(crate) fn set_due(&mut self, id: ChannelId, due: Due) {
        if self.get(id).is_none() {
            return;
        }
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return;
        };
        match (due, slot.is_due) {
            (Due::Yes, false) => {
                slot.is_due = true;
                slot.previous = self.due_last;
                slot.next = NONE;
                let last = core::mem::replace(&mut self.due_last, id.slot());
                self.link(last, id.slot());
            }
            (Due::No, true) => {
                slot.is_due = false;
                let previous = core::mem::replace(&mut slot.previous, NONE);
                let next = core::mem::replace(&mut slot.next, NONE);
                self.link(previous, next);
                match self.slots.get_mut(usize::from(next)) {
                    Some(slot) => slot.previous = previous,
                    None => self.due_last = previous,
                }
            }
            (Due::Yes, true) | (Due::No, false) => {}
        }
    }

    /// The slot that has been due longest.
    pub(crate) fn first_due(&self) -> Option<ChannelId> {
        let slot = self.slots.get(usize::from(self.due_first))?;
        Some(slot.id_in(self.due_first))
    }

    fn link(&mut self, previous: u16, next: u16) {
        match self.slots.get_mut(usize::from(previous)) {
            Some(slot) => slot.next = next,
            None => self.due_first = next,
        }
    }
}

impl<T> Slot<T> {
    const fn id_in(&self, slot: u16) -> ChannelId {
        ChannelId::new(slot, self.generation)
    }
}

/// Whether a slot is to be in the list of due ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    No,
    Yes,
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_recycled_slot_has_another_id() {
        let mut table = Table::new(4);
        let first = table.insert('a').unwrap();
        table.remove(first);
        let second = table.insert('b').unwrap();
        assert_eq!(first.index(), second.index());
        assert_ne!(first, second);
        assert_eq!(table.get(first), None);
        assert_eq!(table.get_mut(first), None);
        table.remove(first);
        table.set_due(first, Due::Yes);
        assert_eq!(table.first_due(), None);
        assert_eq!(table.get(second), Some(&'b'));
    }

    #[test]
    fn a_slot_comes_back_to_its_first_id_only_after_every_generation() {
        let mut table = Table::new(1);
        let first = table.insert(()).unwrap();
        let mut id = first;
        for generation in 1..1_u32 << GENERATION_BITS {
            table.remove(id);
            id = table.insert(()).unwrap();
            assert_eq!(id.number(), generation << SLOT_BITS);
            assert!(i32::try_from(id.number()).is_ok());
        }
        table.remove(id);
        assert_eq!(table.insert(()), Some(first));
    }

    #[test]
    fn a_table_takes_what_it_is_made_for_and_no_more() {
        for max in [0, 1, 2, SLOTS_MAX - 1, SLOTS_MAX, SLOTS_MAX + 1, u32::MAX] {
            let mut table = Table::new(max);
            let n = max.min(SLOTS_MAX);
            for i in 0..n {
                assert_eq!(table.insert(i).unwrap().index(), i as usize);
            }
            assert_eq!(table.insert(n), None);
            assert_eq!(table.len(), n);
        }
    }

    #[test]
    fn numbers_that_were_never_given_out_find_nothing() {
        let mut table = Table::new(SLOTS_MAX);
        table.insert(()).unwrap();
        for number in [1, SLOTS_MAX - 1, SLOTS_MAX, 1 << 31, u32::MAX] {
            assert_eq!(table.get(ChannelId::from_wire(number)), None, "{number}");
        }
        assert!(table.get(ChannelId::from_wire(0)).is_some());
    }

    #[test]
    fn due_slots_come_in_the_order_in_which_they_became_due() {
        let mut x = 0x9e37_79b9_u32;
        let mut random = move |below: usize| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x as usize % below
        };
        let mut table = Table::new(16);
        let mut live = Vec::new();
        let mut due = VecDeque::new();
        for _ in 0..50_000 {
            match random(5) {
                0 => live.extend(table.insert(())),
                1 if !live.is_empty() => {
                    let id = live.swap_remove(random(live.len()));
                    table.remove(id);
                    due.retain(|d| *d != id);
                }
                2 | 3 if !live.is_empty() => {
                    let id = live[random(live.len())];
                    table.set_due(id, Due::Yes);
                    if !due.contains(&id) {
                        due.push_back(id);
                    }
                }
                4 if !live.is_empty() => {
                    let id = live[random(live.len())];
                    table.set_due(id, Due::No);
                    due.retain(|d| *d != id);
                }
                _ => {}
            }
            assert_eq!(table.first_due(), due.front().copied());
            assert_eq!(table.len() as usize, live.len());
        }
    }
}
