//! Unix sockets that listen: how they are made, and what is removed at their end.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::forwards::StreamLocalBind;

/// The file of a socket that we made.
#[derive(Debug)]
pub(super) struct MadePath {
    path: PathBuf,
}

impl MadePath {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A socket that listens on this path.
///
/// # Errors
/// Why there is none.
pub(super) fn listen_on_path(
    path: &Path,
    how: StreamLocalBind,
) -> io::Result<(UnixListener, MadePath)> {
    let _ = how;
    let listener = UnixListener::bind(path)?;
    let path = path.to_path_buf();
    Ok((listener, MadePath { path }))
}
