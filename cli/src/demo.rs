//! The main job on one machine, with nothing installed.

use crate::client::command::Demo;
use crate::exit::Exit;
use crate::report::{Level, Report};

/// Shows it.
#[must_use]
pub fn run(demo: Demo) -> Exit {
    let _ = demo;
    Report::stderr(Level::Info).fatal("not here yet");
    Exit::Failed
}
