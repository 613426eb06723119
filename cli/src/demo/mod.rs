//! The main job on one machine, with nothing installed: an application, `aditd` and `adit` in one
//! process, joined by real sockets on loopback.
//!
//! Both programs are the real event loops with the real protocol between them. Only what a person
//! would set up by hand is made here: keys, in memory alone, and who may open what.

mod application;
pub mod command;
mod programs;
mod screen;
mod story;
mod visitor;

pub use story::run;
