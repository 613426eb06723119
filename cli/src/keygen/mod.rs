//! The maker of keys, `adit-keygen`: what ssh-keygen does about the keys that adit is used with.

pub mod ask;
pub mod command;
mod make;
mod public;
pub mod run;
pub mod show;
#[cfg(test)]
mod tests;
