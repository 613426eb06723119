//! The network of this thread, for whoever connects and listens as the system would have it.

use core::cell::RefCell;
use core::net::SocketAddr;
use std::io;
use std::path::{Path, PathBuf};

use super::{Listener, Net, Stream};

thread_local! {
    static CURRENT: RefCell<Option<Net>> = const { RefCell::new(None) };
}

/// Where the Unix sockets of a network lie; what is below it is an address.
const PATHS: &str = "/net";

/// Connects in the network of this thread; `None` where there is none.
#[must_use]
pub fn connect(address: SocketAddr) -> Option<io::Result<Stream>> {
    CURRENT.with_borrow(|net| net.as_ref().map(|net| net.connect(address)))
}

/// The same to a Unix socket, which is there at once or not at all: `WouldBlock` is what a program
/// hears where many wait already.
#[must_use]
pub fn connect_path(path: &Path) -> Option<io::Result<Stream>> {
    CURRENT.with_borrow(|net| net.as_ref().map(|net| net.connect_path(path)))
}

/// Listens in the network of this thread; `None` where there is none.
#[must_use]
pub fn listen(address: SocketAddr) -> Option<Listener> {
    CURRENT.with_borrow(|net| net.as_ref().map(|net| net.listen(address)))
}

/// The same on a path, which must be one of [`path_of`].
#[must_use]
pub fn listen_on_path(path: &Path) -> Option<Listener> {
    let address = address_of(path)?;
    listen(address).map(|listener| listener.on_path(path))
}

/// A Unix socket's path that is another name for this address.
#[must_use]
pub fn path_of(address: SocketAddr) -> PathBuf {
    Path::new(PATHS).join(address.to_string())
}

pub(super) fn address_of(path: &Path) -> Option<SocketAddr> {
    path.strip_prefix(PATHS).ok()?.to_str()?.parse().ok()
}

impl Net {
    /// Makes it this thread's.
    pub fn install(&self) {
        CURRENT.with_borrow_mut(|current| *current = Some(self.clone()));
    }

    /// This thread has none any more.
    pub fn remove() {
        CURRENT.with_borrow_mut(|current| *current = None);
    }
}
