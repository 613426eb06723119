//! Sessions joined from the layers below, the relay, and the event loop.

#![forbid(unsafe_code)]

pub mod observer;
pub mod policy;
#[cfg(feature = "reactor")]
pub mod reactor;
pub mod spec;

/// What a program chooses: it reads lists of names and limits, and knows the processor.
pub use adit_transport::{AeadFirst, Algorithms, BadSelection, RekeyLimits};
