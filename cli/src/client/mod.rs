//! The client, `adit`.

pub mod about;
pub mod agent_socket;
pub mod algorithms;
pub mod background;
pub mod command;
pub mod config;
pub mod destination;
mod dump;
pub mod ending;
pub mod forwardings;
pub mod identity;
mod keywords;
pub mod known_file;
mod listening;
pub mod login;
pub mod merge;
pub mod methods;
pub mod names;
pub mod option_error;
pub mod options;
pub mod paths;
pub mod program;
pub mod prompt;
pub mod run;
pub mod trust;
pub mod unlock;
mod words;
