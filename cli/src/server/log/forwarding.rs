//! The lines about forwards: what clients open, and where they have us listen.

use adit_forward::observer::{Destination, Event, OpenError, Place};

use super::Log;
use super::words::{At, Bare, Closed, Host, Listens, Name, OpenReason, Word};
use crate::escape::escaped;
use crate::file::reason;

impl Log<'_> {
    /// What clients open, and where they have us listen.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events are not about this; the enum grows"
    )]
    pub(super) fn forward_event(&self, event: &Event<'_>) {
        match event {
            Event::OpenDenied {
                peer,
                to,
                originator,
                why,
            } => {
                let report = self.about(peer);
                match (why.is_of_all(), to) {
                    (true, Destination::Tcp { .. }) => report.info(format_args!(
                        "refused local port forward: originator {}, target {}",
                        Bare(originator),
                        Bare(to),
                    )),
                    (true, Destination::Unix { .. }) => report.info(format_args!(
                        "refused streamlocal port forward: originator {}, target {}",
                        Bare(originator),
                        Bare(to),
                    )),
                    (false, Destination::Tcp { .. }) => report.info(format_args!(
                        "Received request from {} to connect to {}, but the request was denied.",
                        At(peer.address),
                        Host(to),
                    )),
                    (false, Destination::Unix { .. }) => report.info(format_args!(
                        "Received request to connect to {}, but the request was denied.",
                        Host(to),
                    )),
                }
                report.verbose(format_args!("Denied {}: {why}", Host(to)));
            }
            // sshd is silent where it listens for nobody; here each request that came to nothing
            // has the same line.
            Event::ListenDenied { peer, at, why } => {
                let report = self.about(peer);
                report.info(format_args!(
                    "Received request from {} to remote forward to {}, but the request was denied.",
                    At(peer.address),
                    Host(at),
                ));
                report.verbose(format_args!("Denied {}: {why}", Host(at)));
            }
            Event::ListenGranted { peer, at, address } => {
                let user = Word(peer.user.unwrap_or_default());
                self.about(peer).verbose(format_args!(
                    "Listening for {user} from {} on {} for {}",
                    At(peer.address),
                    Listens(address),
                    Host(at),
                ));
            }
            Event::ListenRefused {
                peer,
                at,
                address,
                error,
            } => {
                let report = self.about(peer);
                let error = reason(error);
                match (at, address) {
                    (Destination::Unix { path }, _) => report.error(format_args!(
                        "unix_listener: cannot bind to path {}: {error}",
                        Word(path)
                    )),
                    (Destination::Tcp { port, .. }, address) => {
                        match address {
                            Some(Place::Tcp(at)) => report.error(format_args!(
                                "bind [{}]:{}: {error}",
                                at.ip(),
                                at.port()
                            )),
                            Some(Place::Unix(_)) | None => report.error(&error),
                        }
                        report.error(format_args!(
                            "channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"
                        ));
                    }
                }
            }
            Event::ListenCancelled { peer, at } => {
                let user = Word(peer.user.unwrap_or_default());
                self.about(peer).verbose(format_args!(
                    "Listening no longer for {user} from {} for {}",
                    At(peer.address),
                    Host(at),
                ));
            }
            Event::ListenAccepted { peer, at, from, .. } => {
                let user = Word(peer.user.unwrap_or_default());
                let to = At(peer.address);
                match from {
                    Some(from) => self.about(peer).verbose(format_args!(
                        "Connection from {} for {user} from {to} on {}",
                        At(Some(*from)),
                        Host(at)
                    )),
                    None => self.about(peer).verbose(format_args!(
                        "Connection for {user} from {to} on {}",
                        Host(at)
                    )),
                }
            }
            Event::OpenFailed { peer, to, error } => {
                let at = At(peer.address);
                let user = Word(peer.user.unwrap_or_default());
                match error {
                    OpenError::Name(text) => self.about(peer).error(format_args!(
                        "connect_to {}: unknown host ({}) for {user} from {at}",
                        Name(to),
                        escaped(text.as_bytes()),
                    )),
                    other => self.about(peer).error(format_args!(
                        "connect_to {}: failed. ({}) for {user} from {at}",
                        Bare(to),
                        OpenReason(other),
                    )),
                }
            }
            Event::ChannelOpened {
                peer, to, address, ..
            } => {
                let user = Word(peer.user.unwrap_or_default());
                let at = At(peer.address);
                let to = Host(to);
                match address {
                    Some(address) => self.about(peer).verbose(format_args!(
                        "Opened forward for {user} from {at} to {to}: {}",
                        At(Some(*address))
                    )),
                    None => self
                        .about(peer)
                        .verbose(format_args!("Opened forward for {user} from {at} to {to}")),
                }
            }
            Event::ChannelClosed { peer, channel } => {
                self.about(peer).info(Closed { peer, channel });
            }
            _ => {}
        }
    }
}
