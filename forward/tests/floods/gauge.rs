//! What is counted: memory, of the whole process. Tests of this binary run
//! one after the other, each holding [`alone`].

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static TURN: Mutex<()> = Mutex::new(());

/// Allocations that the test runner's own thread may make meanwhile, for the test before.
pub(crate) const NOISE: usize = 64;
/// Bytes that they, or a list of the test's own, may take.
pub(crate) const NOISE_BYTES: isize = 16 << 10;

/// How often this thread lets others go first before it takes them to be done.
const QUIET: usize = 1000;

/// As long as this lives, no other test runs. The runner's own thread may still tell of the test
/// before and start another: that is waited for, as it allocates.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut quiet, mut memory) = (0, Memory::new());
    while quiet < QUIET {
        thread::yield_now();
        quiet += 1;
        if memory.allocations() > 0 {
            (quiet, memory) = (0, Memory::new());
        }
    }
    turn
}

/// What happened to memory since this was made.
pub(crate) struct Memory(Region<'static, System>);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(Region::new(ALLOCATOR))
    }

    /// Bytes more that are in use.
    pub(crate) fn grown(&self) -> isize {
        let change = self.0.change();
        change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed()
    }

    /// How often something was allocated, or made larger or smaller.
    pub(crate) fn allocations(&self) -> usize {
        let change = self.0.change();
        change.allocations + change.reallocations
    }
}
