//! What messages about a tunnel need to know of it.

use std::fmt;

use adit_auth::Methods;
use adit_forward::reactor::OnForwardFailure;
use adit_forward::spec::{Listen, RemoteForward, Target};

use crate::client::login::Missed;

/// What a tunnel is about, for its messages.
#[derive(Clone, Debug)]
pub struct About {
    /// The server, as the person named it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whom to log in as.
    pub user: String,
    /// In the order of the event loop's configuration.
    pub forwards: Vec<Forwarded>,
    /// The same of what the server is to listen on.
    pub remote_forwards: Vec<RemoteForward>,
    /// `ExitOnForwardFailure`.
    pub on_forward_failure: OnForwardFailure,
    /// By which methods, and how often a person is asked.
    pub methods: Methods,
    /// Whether `-f` was given.
    pub stays: Stays,
    /// `WarnWeakCrypto`.
    pub weak_crypto: WeakCrypto,
    /// Why keys were left out and questions not answered: said when the server refused the rest.
    pub missed: Missed,
}

/// A `-L` or a `-D`, as a person said it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forwarded {
    /// Where to listen.
    pub listen: Listen,
    /// Where to, from the server. `None`: each connection says it.
    pub to: Option<Target>,
}

impl fmt::Display for Forwarded {
    /// As a specification.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "{}:{to}", self.listen),
            None => self.listen.fmt(f),
        }
    }
}

/// What to say of a key exchange that a quantum computer could undo.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WeakCrypto {
    /// Nothing: the person knows.
    Accepted,
    /// One line.
    WarnedOf,
}

/// Where the program is once its forwards stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stays {
    /// In front of whoever started it.
    Foreground,
    /// Behind (`-f`).
    Background,
}
