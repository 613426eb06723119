//! Numbered slots. A slot freed while a batch of events is handled is handed out again only after
//! it, so that a late event of the batch cannot reach a newcomer.

/// Values by number.
#[derive(Debug)]
pub(super) struct Arena<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    /// Freed in this batch.
    freed: Vec<usize>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
        }
    }
}

impl<T> Arena<T> {
    /// Puts a value into a slot and says which.
    pub(super) fn insert(&mut self, value: T) -> usize {
        let n = self.reserve();
        self.put(n, value);
        n
    }

    /// A slot for a value that has to know its number; [`Arena::put`] or [`Arena::release`]
    /// follows.
    pub(super) fn reserve(&mut self) -> usize {
        while let Some(n) = self.free.pop() {
            if n < self.slots.len() {
                return n;
            }
        }
        self.slots.push(None);
        self.slots.len() - 1
    }

    /// Takes a value out for good; its slot is free after [`Arena::end_batch`].
    pub(super) fn remove(&mut self, n: usize) -> Option<T> {
        let gone = self.slots.get_mut(n)?.take()?;
        self.freed.push(n);
        Some(gone)
    }

    /// Takes a value out for a moment: [`Arena::put`] or [`Arena::release`] follows.
    pub(super) fn take(&mut self, n: usize) -> Option<T> {
        self.slots.get_mut(n)?.take()
    }

    /// Puts back what [`Arena::take`] took.
    pub(super) fn put(&mut self, n: usize, value: T) {
        if let Some(slot) = self.slots.get_mut(n) {
            *slot = Some(value);
        }
    }

    /// Gives up the slot of what [`Arena::take`] took.
    pub(super) fn release(&mut self, n: usize) {
        debug_assert!(self.slots.get(n).is_some_and(Option::is_none));
        self.freed.push(n);
    }

    pub(super) fn get(&self, n: usize) -> Option<&T> {
        self.slots.get(n)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, n: usize) -> Option<&mut T> {
        self.slots.get_mut(n)?.as_mut()
    }

    /// All values.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    /// No value at all.
    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All values, with their numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        let slots = self.slots.iter_mut().enumerate();
        slots.filter_map(|(n, slot)| slot.as_mut().map(|value| (n, value)))
    }

    /// Numbers in use.
    pub(super) fn numbers(&self) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter_map(|(n, slot)| slot.as_ref().map(|_| n))
            .collect()
    }

    /// The batch is over: what it freed may be used again.
    pub(super) fn end_batch(&mut self) {
        self.free.append(&mut self.freed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_freed_in_a_batch_is_not_reused_in_it() {
        let mut arena = Arena::default();
        let a = arena.insert('a');
        let b = arena.insert('b');
        assert_eq!(arena.remove(a), Some('a'));
        assert_eq!(arena.remove(a), None);
        let c = arena.insert('c');
        assert!(c != a && c != b);
        assert!(arena.get(a).is_none());
        arena.end_batch();
        assert_eq!(arena.insert('d'), a);
        assert_eq!(arena.get(a), Some(&'d'));
        assert_eq!(arena.numbers(), [a, b, c]);
    }

    #[test]
    fn what_was_taken_keeps_its_slot() {
        let mut arena = Arena::default();
        let a = arena.insert('a');
        let value = arena.take(a).unwrap();
        arena.end_batch();
        assert_ne!(arena.insert('b'), a);
        arena.put(a, value);
        assert_eq!(arena.get_mut(a), Some(&mut 'a'));
        arena.take(a);
        arena.release(a);
        arena.end_batch();
        assert_eq!(arena.insert('c'), a);
        assert_eq!(arena.iter_mut().count(), 2);
    }
}
