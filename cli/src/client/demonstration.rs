//! `adit --demo`. What it shows has a server in it, and so is a program of its own, `adit-demo`:
//! this process becomes it.

use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::file::reason;

/// When a demonstration ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Demo {
    /// On a terminal, when it is interrupted.
    Stay,
    /// By itself.
    Once,
}

/// What `adit-demo` takes for [`Demo::Once`].
pub const ONCE: &str = "--once";

/// The program's name.
const PROGRAM: &str = "adit-demo";

/// Becomes the `adit-demo` that lies beside this program, and comes back with the reason only where
/// that cannot be. It is looked for nowhere else: what lies on the way of `PATH` may be anybody's.
#[must_use]
pub fn become_demo(demo: Demo) -> String {
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return format!("{PROGRAM} cannot be found: {}", reason(&error)),
    };
    let path = own.with_file_name(PROGRAM);
    let mut command = Command::new(&path);
    match demo {
        Demo::Stay => {}
        Demo::Once => {
            command.arg(ONCE);
        }
    }
    why(&path, &command.exec())
}

/// What somebody reads who wanted to see it.
fn why(path: &Path, error: &io::Error) -> String {
    if error.kind() != ErrorKind::NotFound {
        return format!("{}: {}", path.display(), reason(error));
    }
    format!(
        "The demonstration is a program of its own, and there is no {}.\n\
         In adit's sources: cargo run --release --bin {PROGRAM}",
        path.display()
    )
}
