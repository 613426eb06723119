//! Sockets that listen.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Host, Net, Stream, Told};

/// EMFILE, as Linux numbers it.
const EMFILE: i32 = 24;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    net: Net,
    at: usize,
    address: SocketAddr,
    path: Option<PathBuf>,
}

/// What the network keeps of one.
#[derive(Debug)]
pub(super) struct Listening {
    host: Host,
    address: SocketAddr,
    token: Option<usize>,
    waiting: VecDeque<usize>,
    has_news: bool,
    is_closed: bool,
}

impl Listener {
    pub(super) const fn new(net: Net, at: usize, address: SocketAddr) -> Self {
        Self {
            net,
            at,
            address,
            path: None,
        }
    }

    pub(super) fn on_path(mut self, path: &Path) -> Self {
        self.path = Some(path.to_path_buf());
        self
    }

    /// The same, if it is a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has its events come with this token.
    ///
    /// # Errors
    /// Never.
    pub fn register(&self, token: usize) -> io::Result<()> {
        let mut inner = self.net.lock();
        if let Some(listening) = inner.listeners.get_mut(self.at) {
            listening.token = Some(token);
            listening.has_news = true;
        }
        Ok(())
    }

    /// A connection that waits.
    ///
    /// # Errors
    /// `WouldBlock`, and what a bad day has.
    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let mut inner = self.net.lock();
        let (weather, calm) = (inner.weather, inner.running == Host::Apps);
        if !calm && inner.dice.one_in(weather.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        if inner.listening(self.at).waiting.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if !calm && inner.dice.one_in(weather.no_descriptor) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let waiting = inner.listeners.get_mut(self.at);
        let id = waiting.and_then(|listening| listening.waiting.pop_front());
        let id = id.expect("a connection that waits");
        inner.progress += 1;
        let from = inner.end_ref(id).from.unwrap_or(stream_address(id));
        drop(inner);
        let mut stream = Stream::new(self.net.clone(), id);
        if self.path.is_some() {
            stream = stream.on_path();
        }
        Ok((stream, from))
    }
}

/// Each connection comes from a port of its own.
pub(super) fn stream_address(id: usize) -> SocketAddr {
    let port = u16::try_from(id % 50_000).unwrap_or(0);
    SocketAddr::from(([192, 0, 2, 1], 10_000 + port))
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut inner = self.net.lock();
        let Some(listening) = inner.listeners.get_mut(self.at) else {
            return;
        };
        listening.is_closed = true;
        // Those that nobody accepted are reset.
        for id in core::mem::take(&mut listening.waiting) {
            inner.end(id).is_closed = true;
            inner.end(id ^ 1).is_reset_coming = true;
        }
    }
}

impl Listening {
    pub(super) const fn new(host: Host, address: SocketAddr) -> Self {
        Self {
            host,
            address,
            token: None,
            waiting: VecDeque::new(),
            has_news: false,
            is_closed: false,
        }
    }

    pub(super) const fn host(&self) -> Host {
        self.host
    }

    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        !self.is_closed && self.address == address
    }

    pub(super) fn queue(&mut self, id: usize) {
        self.waiting.push_back(id);
        self.has_news = true;
    }

    pub(super) const fn has_event(&self) -> bool {
        self.has_news && self.token.is_some() && !self.is_closed
    }

    pub(super) fn take_event(&mut self) -> Option<Told> {
        if !self.has_event() {
            return None;
        }
        self.has_news = false;
        Some(Told {
            token: self.token?,
            readable: true,
            writable: false,
            read_closed: false,
            error: false,
        })
    }
}
