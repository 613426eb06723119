//! The client, `adit`.

pub mod command;
pub mod destination;
pub mod identity;
pub mod known_file;
pub mod names;
pub mod options;
pub mod paths;
pub mod prompt;
pub mod trust;
