//! Sessions joined from the layers below, the relay, and the event loop.

#![forbid(unsafe_code)]

pub mod admission;
mod error;
mod life;
pub mod observer;
pub mod policy;
#[cfg(feature = "reactor")]
pub mod reactor;
pub mod relay;
mod retry;
pub mod session;
pub mod socks;
pub mod spec;
mod spill;

pub use error::Error;
pub use life::Patience;
pub use spill::Spill;

/// What a program chooses: it reads lists of names and limits, and knows the processor.
pub use adit_transport::{AeadFirst, Algorithms, BadSelection, RekeyLimits};
