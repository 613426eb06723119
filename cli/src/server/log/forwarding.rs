//! The lines about forwards: what clients open, and where they have us listen.

use std::io;
use std::net::SocketAddr;

use adit_forward::observer::{Destination, Event, OpenError, PeerInfo, Place};
use adit_forward::policy::Denied;

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
            } => self.open_denied(peer, to, originator, *why),
            Event::OpenFailed { peer, to, error } => self.open_failed(peer, to, error),
            Event::ChannelOpened {
                peer, to, address, ..
            } => self.opened(peer, to, *address),
            Event::ChannelClosed { peer, channel } => {
                self.about(peer).info(Closed { peer, channel });
            }
            Event::ListenDenied { peer, at, why } => self.listen_denied(peer, at, *why),
            Event::ListenRefused {
                peer,
                at,
                address,
                error,
            } => self.listen_refused(peer, at, address.as_ref(), error),
            Event::ListenGranted { peer, at, address } => {
                self.about(peer).verbose(format_args!(
                    "Listening for {} from {} on {} for {}",
                    user(peer),
                    At(peer.address),
                    Listens(address),
                    Host(at),
                ));
            }
            Event::ListenCancelled { peer, at } => {
                self.about(peer).verbose(format_args!(
                    "Listening no longer for {} from {} for {}",
                    user(peer),
                    At(peer.address),
                    Host(at),
                ));
            }
            Event::ListenAccepted { peer, at, from, .. } => self.accepted(peer, at, *from),
            _ => {}
        }
    }

    fn open_denied(
        &self,
        peer: &PeerInfo<'_>,
        to: &Destination<'_>,
        originator: &Destination<'_>,
        why: Denied,
    ) {
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

    fn open_failed(&self, peer: &PeerInfo<'_>, to: &Destination<'_>, error: &OpenError<'_>) {
        let at = At(peer.address);
        let user = user(peer);
        if let OpenError::Name(text) = error {
            return self.about(peer).error(format_args!(
                "connect_to {}: unknown host ({}) for {user} from {at}",
                Name(to),
                escaped(text.as_bytes()),
            ));
        }
        self.about(peer).error(format_args!(
            "connect_to {}: failed. ({}) for {user} from {at}",
            Bare(to),
            OpenReason(error),
        ));
    }

    fn opened(&self, peer: &PeerInfo<'_>, to: &Destination<'_>, address: Option<SocketAddr>) {
        let report = self.about(peer);
        let user = user(peer);
        let at = At(peer.address);
        let to = Host(to);
        match address {
            Some(address) => report.verbose(format_args!(
                "Opened forward for {user} from {at} to {to}: {}",
                At(Some(address))
            )),
            None => report.verbose(format_args!("Opened forward for {user} from {at} to {to}")),
        }
    }

    /// sshd is silent where it listens for nobody; here each request that came to nothing has the
    /// same line.
    fn listen_denied(&self, peer: &PeerInfo<'_>, at: &Destination<'_>, why: Denied) {
        let report = self.about(peer);
        report.info(format_args!(
            "Received request from {} to remote forward to {}, but the request was denied.",
            At(peer.address),
            Host(at),
        ));
        report.verbose(format_args!("Denied {}: {why}", Host(at)));
    }

    fn listen_refused(
        &self,
        peer: &PeerInfo<'_>,
        at: &Destination<'_>,
        address: Option<&Place<'_>>,
        error: &io::Error,
    ) {
        let report = self.about(peer);
        let error = reason(error);
        let port = match at {
            Destination::Tcp { port, .. } => port,
            Destination::Unix { path } => {
                return report.error(format_args!(
                    "unix_listener: cannot bind to path {}: {error}",
                    Word(path)
                ));
            }
        };
        match address {
            Some(Place::Tcp(at)) => {
                report.error(format_args!("bind [{}]:{}: {error}", at.ip(), at.port()));
            }
            Some(Place::Unix(_)) | None => report.error(&error),
        }
        report.error(format_args!(
            "channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"
        ));
    }

    fn accepted(&self, peer: &PeerInfo<'_>, at: &Destination<'_>, from: Option<SocketAddr>) {
        let report = self.about(peer);
        let user = user(peer);
        let to = At(peer.address);
        match from {
            Some(from) => report.verbose(format_args!(
                "Connection from {} for {user} from {to} on {}",
                At(Some(from)),
                Host(at)
            )),
            None => report.verbose(format_args!(
                "Connection for {user} from {to} on {}",
                Host(at)
            )),
        }
    }
}

fn user<'a>(peer: &PeerInfo<'a>) -> Word<'a> {
    Word(peer.user.unwrap_or_default())
}
