//! What a tunnel says of its forwards and of the channels through them, in the words of ssh.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events are not about forwards, and there will be more of them"
)]

use core::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

use adit_forward::observer::{Destination, Event, Place};
use adit_forward::spec::Listen;
use adit_proto::reason::OpenFailure;

use super::Tunnel;
use super::remote::Unknown;
use crate::client::about::{Forwarded, Stays};
use crate::client::words::{self, At, Closed, open_failure};
use crate::escape::escaped;
use crate::file::reason;
use crate::report::Level;

/// What was explained once need not be again: a browser may have a hundred connections refused.
#[derive(Debug, Default)]
pub(super) struct Explained {
    /// Forwards that were said to be open to other machines.
    open_to_others: Vec<usize>,
    /// Forwards whose port was told.
    allocated: Vec<usize>,
    /// What the server opened and was not asked for.
    pub(super) unknown: Unknown,
    /// Why a server may not connect to a port, or to a path, or not listen.
    hints: Vec<&'static str>,
}

const NOT_TO_PORT: &str = "The server's policy forbids it: usually AllowTcpForwarding or PermitOpen \
     there ('sshd -T' shows them), or restrict or permitopen at your key in authorized_keys. Its \
     log says what was refused.";

const NOT_TO_PATH: &str = "If the socket is there, the server's policy forbids it: usually \
     AllowStreamLocalForwarding there ('sshd -T' shows it), or restrict at your key in \
     authorized_keys. Its log says what was refused.";

impl Tunnel {
    /// What is listened on here, and connections to that.
    pub(super) fn forwarding(&mut self, event: &Event<'_>) {
        match event {
            Event::Listening { address, forward } => self.listening(*address, *forward),
            Event::ListenFailed { address, error, .. } => self.not_listening(*address, error),
            Event::AcceptPaused { error, .. } => {
                self.report.error(format_args!("accept: {}", reason(error)));
            }
            Event::Accepted {
                channel,
                from,
                forward,
                ..
            } => {
                if let Some(forward) = self.about.forwards.get(*forward) {
                    self.report.debug(format_args!(
                        "channel {channel}: connection from {} to {} forwarding to {} requested.",
                        who(*from),
                        words::at(&forward.listen),
                        words::target(forward.to.as_ref()),
                    ));
                }
            }
            Event::Requested {
                channel,
                from,
                version,
                to,
                ..
            } => self.report.debug(format_args!(
                "channel {channel}: connection from {} asks by {version} for {}.",
                who(*from),
                At(*to)
            )),
            Event::GuestRefused {
                from, version, why, ..
            } => {
                let spoken = version.map_or(String::new(), |version| format!("{version}: "));
                self.report.debug(format_args!(
                    "connection from {} refused: {spoken}{why}",
                    who(*from)
                ));
            }
            _ => self.channel(event),
        }
    }

    /// Channels that were asked for.
    fn channel(&mut self, event: &Event<'_>) {
        match event {
            Event::ChannelOpened { channel, to, .. } => self.report.line(
                Level::Debug2,
                format_args!("channel {channel}: open confirm {}", At(*to)),
            ),
            Event::OpenRefused {
                channel,
                to,
                reason_code,
                description,
                ..
            } => {
                self.report.error(format_args!(
                    "channel {channel}: open failed: {}: {} ({})",
                    open_failure(*reason_code),
                    escaped(description),
                    At(*to)
                ));
                if let Some(hint) = hint(to, *reason_code, description) {
                    self.explain(hint);
                }
            }
            Event::ChannelClosed { channel, .. } => self.report.debug(Closed(channel)),
            _ => self.remote(event),
        }
    }

    pub(super) fn explain(&mut self, hint: &'static str) {
        if !self.explained.hints.contains(&hint) {
            self.report.info(hint);
            self.explained.hints.push(hint);
        }
    }

    fn not_listening(&self, at: Place<'_>, error: &std::io::Error) {
        let report = &self.report;
        match at {
            Place::Tcp(address) => {
                report.error(format_args!(
                    "bind [{}]:{}: {}",
                    address.ip(),
                    address.port(),
                    reason(error)
                ));
                report.error(format_args!(
                    "channel_setup_fwd_listener_tcpip: cannot listen to port: {}",
                    address.port()
                ));
            }
            Place::Unix(path) => report.error(format_args!(
                "unix_listener: cannot bind to path {}: {}",
                escaped(path.as_os_str().as_bytes()),
                reason(error)
            )),
        }
        report.error("Could not request local forwarding.");
    }

    fn listening(&mut self, at: Place<'_>, forward: Option<usize>) {
        let Some((n, forward)) = forward.and_then(|n| Some((n, self.about.forwards.get(n)?)))
        else {
            return;
        };
        let report = &self.report;
        let end = match self.about.stays {
            Stays::Foreground => ", Ctrl-C ends",
            Stays::Background => "",
        };
        let to = forward.to.as_ref().map_or_else(
            || "SOCKS and HTTP CONNECT".to_owned(),
            |to| escaped(to.to_string().as_bytes()).to_string(),
        );
        let address = match at {
            Place::Tcp(address) => address,
            Place::Unix(path) => {
                let path = escaped(path.as_os_str().as_bytes());
                report.debug(format_args!("Local forwarding listening on path {path}."));
                if report.is_terminal() {
                    report.info(format_args!("listening on {path} -> {to}{end}"));
                }
                return;
            }
        };
        report.debug(format_args!(
            "Local forwarding listening on {} port {}.",
            address.ip(),
            address.port()
        ));
        if is_any_port(forward) && !self.explained.allocated.contains(&n) {
            report.info(format_args!(
                "Allocated port {} for local forward to {}",
                address.port(),
                words::connect(forward.to.as_ref())
            ));
            self.explained.allocated.push(n);
        }
        if report.is_terminal() {
            report.info(format_args!("listening on {address} -> {to}{end}"));
        }
        if !address.ip().is_loopback() && !self.explained.open_to_others.contains(&n) {
            report.info(format_args!(
                "Warning: port {} is open to other machines: whoever reaches it uses this tunnel \
                 without authenticating.",
                address.port()
            ));
            self.explained.open_to_others.push(n);
        }
    }
}

/// Who connected to a forwarded port; over a Unix socket nobody has an address.
fn who(from: Option<SocketAddr>) -> String {
    match from {
        Some(from) => format!("{} port {}", from.ip(), from.port()),
        None => "a local program".to_owned(),
    }
}

fn is_any_port(forward: &Forwarded) -> bool {
    matches!(forward.listen, Listen::Tcp { port: 0, .. })
}

/// Which policy of the server a refusal usually comes from. OpenSSH's server says that a path is not
/// allowed with the code and words that it also has for one which is not there.
fn hint(to: &Destination<'_>, reason_code: u32, description: &[u8]) -> Option<&'static str> {
    match (to, OpenFailure::from_code(reason_code)) {
        (Destination::Tcp { .. }, Some(OpenFailure::AdministrativelyProhibited)) => {
            Some(NOT_TO_PORT)
        }
        (Destination::Unix { .. }, Some(OpenFailure::AdministrativelyProhibited)) => {
            Some(NOT_TO_PATH)
        }
        (Destination::Unix { .. }, Some(OpenFailure::ConnectFailed))
            if description == b"open failed" =>
        {
            Some(NOT_TO_PATH)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_explained_where_it_is_about_policy() {
        let port = Destination::Tcp {
            host: b"h",
            port: 80,
        };
        let path = Destination::Unix { path: b"/s" };
        for (to, reason_code, description, expected) in [
            (port, 1, &b"open failed"[..], Some(NOT_TO_PORT)),
            (port, 2, b"Connection refused", None),
            (port, 2, b"open failed", None),
            (path, 1, b"x", Some(NOT_TO_PATH)),
            (path, 2, b"open failed", Some(NOT_TO_PATH)),
            (path, 2, b"Connection refused", None),
            (port, 3, b"", None),
            (port, 99, b"", None),
        ] {
            assert_eq!(hint(&to, reason_code, description), expected);
        }
    }
}
