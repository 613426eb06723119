//! The client, `adit`.

pub mod command;
pub mod destination;
pub mod options;
