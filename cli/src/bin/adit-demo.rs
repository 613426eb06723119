//! `adit-demo`: the main job on one machine, with nothing installed.
//!
//! A program of its own, so that `adit` has nothing of a server in it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use adit::demo::command::{self, USAGE};
use adit::exit::Exit;
use adit::harden;
use adit::inherited;
use adit::report::{Level, Report};

fn main() -> ExitCode {
    inherited::close_all();
    harden::process();
    match command::parse(std::env::args_os().skip(1)) {
        Some(demo) => adit::demo::run(demo),
        None => {
            Report::stderr(Level::Info).fatal(USAGE);
            Exit::Failed
        }
    }
    .code()
}
