//! The SSH wire format: data types, names, the identification line, every message adit knows.
//!
//! Bytes to values and back, and nothing else: no I/O, no clock, no allocation. A decoded value
//! borrows from the bytes it came from. Every decoder is total: any bytes give a value or
//! [`Malformed`], and nothing is left over unread.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

#[cfg(test)]
extern crate std;

mod error;
mod ident;
mod message;
mod mpint;
pub mod msg;
mod name;
pub mod number;
pub mod pattern;
pub mod reason;
mod wire;

pub mod blob;

pub use error::Malformed;
pub use ident::{Ident, IdentReader};
pub use message::{Decode, Encode, Field, Message};
pub use mpint::Mpint;
pub use name::{NAME_MAX, NAMES_MAX, NameList, is_name};
pub use wire::{Reader, Rest, Writer};
