//! What lies between a client and its server: other hosts, a program, and what comes in at standard
//! input. Plain values; nothing here opens anything.

use core::time::Duration;
use std::ffi::OsString;
use std::os::fd::OwnedFd;

use adit_auth::Methods;

use super::config::{Identities, KeepAlive, SshConfig};
use super::forwards::To;

/// Most hosts to go through on the way to a server. Each encrypts what the next one encrypted, and
/// its channel holds a window of it; a chain that is longer is a mistake in a configuration.
pub const JUMPS_MAX: usize = 8;

/// An SSH server on the way to another one (`-J`): as much as there is to say of the last one.
#[derive(Debug)]
pub struct HopConfig {
    /// Algorithms and what belongs to them.
    pub ssh: SshConfig,
    /// ConnectTimeout: from the request to be connected to the end of the first key exchange.
    pub connect_timeout: Option<Duration>,
    /// The user to log in as.
    pub user: String,
    /// How to log in.
    pub methods: Methods,
    /// What to log in with.
    pub identities: Identities,
    /// ServerAliveInterval and ServerAliveCountMax. `None`: do not ask.
    pub alive: Option<KeepAlive>,
    /// The next server on the way, as this one is to resolve it.
    pub leads_to: To,
}

/// What stands in the place of a TCP connection to the first server.
#[derive(Debug)]
pub enum Proxy {
    /// A program whose standard input and output lead there (ProxyCommand).
    Command {
        /// What runs it, with `-c` and `exec` before the command.
        shell: OsString,
        /// Whole, with nothing left to be replaced.
        command: OsString,
    },
    /// Standard input and output of this program lead there (`ProxyCommand -`).
    Stdio(Stdio),
}

/// Standard input and output, or what stands for them: files, pipes, terminals, sockets. They are
/// read and written on threads of their own and may wait, because whether a descriptor waits is
/// shared with everybody who has it.
#[derive(Debug)]
pub struct Stdio {
    /// Read up to its end.
    pub input: OwnedFd,
    /// Written, and closed when there is no more.
    pub output: OwnedFd,
}

/// Standard input and output as a channel (`-W`).
#[derive(Debug)]
pub struct StdioForward {
    /// Where the server connects.
    pub to: To,
    /// What is connected.
    pub stdio: Stdio,
}
