//! What a tunnel says of what its server listens on for it, in the words of ssh.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events are not about that, and there will be more of them"
)]

use adit_forward::observer::{Destination, Event, OpenError};
use adit_forward::reactor::OnForwardFailure;
use adit_forward::socks::Refusal;
use adit_forward::spec::{RemoteForward, RemoteListen};

use super::Tunnel;
use crate::client::words::{self, Name, Spoken, connect_reason};
use crate::escape::escaped;
use crate::report::Report;

const NOT_ON_PORT: &str = "Usually the port is in use there or below 1024, or the server's policy \
     forbids it: AllowTcpForwarding or PermitListen there ('sshd -T' shows them), or restrict or \
     permitlisten at your key in authorized_keys. Its log says which it was.";

const NOT_ON_PATH: &str = "Usually something is at that path already, or the server's policy \
     forbids it: AllowStreamLocalForwarding there ('sshd -T' shows it), or restrict at your key in \
     authorized_keys. Its log says which it was.";

/// How often the server opened what it was not asked for.
#[derive(Debug, Default)]
pub(super) struct Unknown(u32);

/// So many connections to what was not asked for are told of: a server can open them as fast as it
/// likes.
const UNKNOWN_TOLD_MAX: u32 = 20;

impl Unknown {
    /// One more.
    fn tell(&mut self, at: Destination<'_>, report: &Report) {
        self.0 = self.0.saturating_add(1);
        if self.0 > UNKNOWN_TOLD_MAX {
            return;
        }
        let what = match at {
            Destination::Tcp { port, .. } => format!("listen_port {port}"),
            Destination::Unix { path } => format!("path {}", escaped(path)),
        };
        report.error(format_args!(
            "WARNING: Server requests forwarding for unknown {what}"
        ));
        if self.0 == UNKNOWN_TOLD_MAX {
            report.error("Further ones are not told of.");
        }
    }
}

impl Tunnel {
    /// What the server listens on for us, and connections to that.
    pub(super) fn remote(&mut self, event: &Event<'_>) {
        match event {
            Event::RemoteListening { forward, port, .. } => {
                let forward = self.about.remote_forwards.get(*forward).cloned();
                if let Some(forward) = forward {
                    self.remote_listening(&forward, *port);
                }
            }
            Event::RemoteListenFailed { forward, .. } => {
                let forward = self.about.remote_forwards.get(*forward).cloned();
                if let Some(forward) = forward {
                    self.remote_failed(&forward);
                }
            }
            Event::RemoteConnection {
                channel,
                forward,
                originator,
                ..
            } => {
                if let Some(forward) = self.about.remote_forwards.get(*forward) {
                    self.report.debug(format_args!(
                        "channel {channel}: connection to {} of the server from {}, forwarding to \
                         {}.",
                        words::remote_at(&forward.listen),
                        Spoken(*originator),
                        words::target(forward.to.as_ref()),
                    ));
                }
            }
            Event::RemoteGuestRefused {
                channel,
                originator,
                version,
                why,
                ..
            } => {
                if let Refusal::NotPermitted = why {
                    // ssh's words, for PermitRemoteOpen.
                    let line = "rdynamic_connect_finish: requested forward not permitted";
                    self.report.debug(line);
                }
                let spoken = version.map_or(String::new(), |version| format!("{version}: "));
                self.report.debug(format_args!(
                    "channel {channel}: connection from {} refused: {spoken}{why}",
                    Spoken(*originator)
                ));
            }
            Event::RemoteUnknown { at, .. } => self.explained.unknown.tell(*at, &self.report),
            Event::OpenFailed { to, error, .. } => self.not_reached(to, error),
            _ => {}
        }
    }

    /// Where a connection at the server was to lead to.
    fn not_reached(&self, to: &Destination<'_>, error: &OpenError<'_>) {
        match error {
            OpenError::Name(text) => self.report.error(format_args!(
                "connect_to {}: unknown host ({})",
                Name(*to),
                escaped(text.as_bytes())
            )),
            OpenError::Connect(error) => self.connect_failed(to, &connect_reason(error)),
            OpenError::Shortage => self.connect_failed(to, "no descriptors are left"),
            OpenError::TimedOut | _ => self.connect_failed(to, "Connection timed out"),
        }
    }

    fn connect_failed(&self, to: &Destination<'_>, why: &str) {
        self.report
            .error(format_args!("connect_to {}: failed. ({why})", Spoken(*to)));
    }

    fn remote_listening(&self, forward: &RemoteForward, port: Option<u16>) {
        let to = words::connect(forward.to.as_ref());
        self.report.debug(format_args!(
            "remote forward success for: listen {}, connect {to}",
            words::remote_listen(&forward.listen)
        ));
        if let Some(port) = port {
            self.report.info(format_args!(
                "Allocated port {port} for remote forward to {to}"
            ));
        }
    }

    fn remote_failed(&mut self, forward: &RemoteForward) {
        self.report.debug(format_args!(
            "remote forward failure for: listen {}, connect {}",
            words::remote_listen(&forward.listen),
            words::connect(forward.to.as_ref())
        ));
        let at = words::remote_at(&forward.listen);
        let text = format!("remote port forwarding failed for listen {at}");
        if self.about.on_forward_failure == OnForwardFailure::End {
            self.report.fatal(format_args!("Error: {text}"));
        } else {
            self.report.info(format_args!("Warning: {text}"));
        }
        self.explain(match forward.listen {
            RemoteListen::Tcp { .. } => NOT_ON_PORT,
            RemoteListen::Unix(_) => NOT_ON_PATH,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Level;

    #[test]
    fn what_was_not_asked_for_is_told_of_so_often_and_no_more() {
        let told = "WARNING: Server requests forwarding for unknown listen_port 80";
        let last = "Further ones are not told of.";
        for (times, lines) in [(19, 19), (20, 21), (21, 21), (1000, 21)] {
            let report = Report::memory(Level::Info);
            let mut unknown = Unknown::default();
            let at = Destination::Tcp {
                host: b"localhost",
                port: 80,
            };
            (0..times).for_each(|_| unknown.tell(at, &report));
            let said = report.kept();
            let (line, more) = said.split_last().unwrap();
            assert_eq!((line == last, said.len()), (times >= 20, lines), "{times}");
            assert!(more.iter().all(|line| line == told), "{said:?}");
        }
        let mut unknown = Unknown(u32::MAX);
        let report = Report::memory(Level::Info);
        unknown.tell(Destination::Unix { path: b"/x\n" }, &report);
        assert!(report.kept().is_empty());
        let mut unknown = Unknown::default();
        unknown.tell(Destination::Unix { path: b"/x\n" }, &report);
        let told = "WARNING: Server requests forwarding for unknown path /x\\n";
        assert_eq!(report.kept(), [told]);
    }
}
