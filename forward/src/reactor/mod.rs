//! The event loop: readiness from mio, sockets, the clock, and the sessions that it drives.
//!
//! One loop belongs to one thread and one program, client or server; a process may have several.
//! Nothing here is global.

mod config;

use core::net::SocketAddr;
use std::io;
use std::net::TcpListener;

pub use config::{
    AgentConfig, AgentKeys, ClientConfig, Forward, Identities, KeepAlive, LoadedKey, MaxStartups,
    OnForwardFailure, ServerConfig, SshConfig,
};

use crate::observer::Program;

/// Signals that end a program in order: SIGTERM, SIGINT, SIGHUP.
///
/// Made once, at the start of `main`, before any thread: it blocks these signals for the thread
/// that calls it and for every thread made by it later.
#[derive(Debug)]
pub struct Signals(());

impl Signals {
    /// Takes over the signals.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn block() -> io::Result<Self> {
        Ok(Self(()))
    }
}

/// Stops an event loop from another thread.
#[derive(Clone, Debug)]
pub struct Handle(());

impl Handle {
    /// The loop ends as after SIGTERM: every peer is told, and it is over within a second.
    pub fn stop(&self) {}
}

/// Why an event loop ended. Events have said the details.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// This signal, by its number.
    Signal(i32),
    /// [`Handle::stop`].
    Stopped,
    /// Client: no address could be connected to.
    NotConnected,
    /// Client: the session ended before authentication was through. [`crate::observer::Event::PeerGone`] said why.
    NotAuthenticated,
    /// Client: a forward could not be opened and [`OnForwardFailure::End`] is set.
    ForwardFailed,
    /// Client: the session ended. [`crate::observer::Event::PeerGone`] said why.
    SessionEnded,
}

/// The event loop.
#[derive(Debug)]
pub struct Reactor(());

impl Reactor {
    /// A client. Connecting begins with [`Reactor::run`].
    ///
    /// # Errors
    /// When the system does not give what a loop needs.
    pub fn client(config: ClientConfig) -> io::Result<Self> {
        let _ = config;
        Ok(Self(()))
    }

    /// A server on sockets that listen already: see [`listen`].
    ///
    /// # Errors
    /// When the system does not give what a loop needs.
    pub fn server(config: ServerConfig, listeners: Vec<TcpListener>) -> io::Result<Self> {
        let _ = (config, listeners);
        Ok(Self(()))
    }

    /// Lets these signals end the loop.
    ///
    /// # Errors
    /// When the system does not give a signal descriptor.
    pub fn watch_signals(&mut self, signals: Signals) -> io::Result<()> {
        let _ = signals;
        Ok(())
    }

    /// What stops it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(())
    }

    /// Runs until the end.
    ///
    /// # Errors
    /// Only when the loop itself fails: no peer and no local socket can cause that.
    pub fn run(self, program: &mut dyn Program) -> io::Result<End> {
        let _ = program;
        Ok(End::Stopped)
    }
}

/// Listening sockets for a server, one for each address; IPv6 ones take IPv6 only.
///
/// # Errors
/// The address that could not be had, and why. Sockets opened before it are closed again.
pub fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    addresses
        .iter()
        .map(|address| TcpListener::bind(address).map_err(|error| (*address, error)))
        .collect()
}

/// Raises the soft limit on open descriptors to the hard one; says what it is now.
///
/// # Errors
/// When the limits cannot be read.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    Ok(0)
}
