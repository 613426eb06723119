//! What tests of every crate share. Nothing here ships.

pub mod toy;
