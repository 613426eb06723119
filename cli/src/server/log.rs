//! What happens, as lines of a log in the words of sshd: people search for them, and programs such
//! as fail2ban act on them, so each is kept to the letter.
//!
//! The end of a forwarded connection has a line of our own, since sshd has none. Every text that
//! came from a peer is escaped and cut; in a user's name a blank is escaped too, so that no name
//! can look like the rest of the line.

mod arrivals;
mod forwarding;
mod penalties;
mod throttling;
mod words;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use adit_auth::{Failed, FailedSignature, key_type_label};
use adit_forward::observer::{
    Authenticated, Event, Gone, How, Negotiated, PeerId, PeerInfo, Place,
};

use crate::escape::escaped;
use crate::file::reason;
use crate::report::{ConnectionReport, Report};
pub use arrivals::Arrivals;
use throttling::Ends;
use words::{At, WORD_MAX, Who};

pub(super) use words::Word;

/// The lines about one event loop.
#[derive(Debug)]
pub struct Log<'a> {
    report: &'a Report,
    max_auth_tries: u32,
    /// Those that are not authenticated yet: no more than MaxStartups lets in.
    startups: HashMap<PeerId, Startup>,
    /// What all loops of the server share.
    arrivals: Arc<Arrivals>,
}

/// What is known of a peer before its authentication.
#[derive(Debug, Default)]
struct Startup {
    identified: bool,
    user: Option<Vec<u8>>,
}

impl<'a> Log<'a> {
    /// `arrivals` is one for all loops of a server.
    #[must_use]
    pub fn new(report: &'a Report, max_auth_tries: u32, arrivals: Arc<Arrivals>) -> Self {
        Self {
            report,
            max_auth_tries,
            startups: HashMap::new(),
            arrivals,
        }
    }

    /// Writes what there is to say about an event.
    pub fn event(&mut self, event: &Event<'_>) {
        self.peer_event(event);
        self.forward_event(event);
    }

    /// Connections of clients, their authentication, their end.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events are not about this; the enum grows"
    )]
    fn peer_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Listening {
                address: Place::Tcp(address),
                ..
            } => self.report.info(format_args!(
                "Server listening on {} port {}.",
                address.ip(),
                address.port()
            )),
            Event::AcceptPaused { error, .. } => {
                self.report.error(format_args!("accept: {}", reason(error)));
            }
            Event::Dropped {
                address,
                local,
                startups,
                why,
            } => {
                let (address, local) = (*address, *local);
                let ends = Ends { address, local };
                self.arrivals
                    .dropped(self.report, ends, *startups, *why, Instant::now());
            }
            Event::Penalised {
                source,
                offence,
                charged,
            } => penalties::charged(self.report, *source, *offence, *charged),
            Event::Connected { peer, local } => self.connected(peer, *local),
            Event::IdentReceived { peer, ident } => self.identified(peer, ident),
            Event::Negotiated { peer, negotiated } => self.negotiated(peer, negotiated),
            Event::Rekeyed { peer } => {
                let who = self.who(peer);
                self.about(peer).debug(format_args!("{who}: new keys"));
            }
            Event::AuthenticationFailed { peer, user, failed } => {
                self.authentication_failed(peer, user, failed);
            }
            Event::Authenticated { peer, how } => self.authenticated(peer, how),
            Event::PeerGone {
                peer,
                why,
                authenticated,
                received,
                sent,
            } => {
                self.gone(peer, why, *authenticated);
                self.about(peer).verbose(format_args!(
                    "Transferred: sent {sent}, received {received} bytes"
                ));
                self.startup_over(peer.id);
            }
            Event::Debug {
                peer: Some(peer),
                text,
            } => self.about(peer).debug(format_args!(
                "{}: {}",
                self.who(peer),
                escaped(text.as_bytes())
            )),
            Event::Debug { peer: None, text } => self.report.debug(escaped(text.as_bytes())),
            _ => {}
        }
    }

    fn connected(&mut self, peer: &PeerInfo<'_>, local: Option<SocketAddr>) {
        self.arrivals.let_in(self.report, Instant::now());
        self.startups.insert(peer.id, Startup::default());
        let at = At(peer.address);
        match local {
            Some(local) => self
                .about(peer)
                .verbose(format_args!("Connection from {at} on {}", At(Some(local)))),
            None => self
                .about(peer)
                .verbose(format_args!("Connection from {at}")),
        }
    }

    fn startup_over(&mut self, id: PeerId) {
        if self.startups.remove(&id).is_some() {
            self.arrivals.startup_over();
        }
    }

    fn identified(&mut self, peer: &PeerInfo<'_>, ident: &[u8]) {
        if let Some(startup) = self.startups.get_mut(&peer.id) {
            startup.identified = true;
        }
        let at = At(peer.address);
        self.about(peer)
            .debug(format_args!("{at} is {}", escaped(ident)));
    }

    fn negotiated(&self, peer: &PeerInfo<'_>, negotiated: &Negotiated) {
        let report = self.about(peer);
        let implicit = "<implicit>";
        let strict = if negotiated.strict_kex {
            ", strict"
        } else {
            ""
        };
        report.debug(format_args!(
            "{}: kex: algorithm: {}{strict}, host key algorithm: {}",
            At(peer.address),
            negotiated.kex,
            negotiated.host_key
        ));
        report.debug(format_args!(
            "kex: client->server cipher: {} MAC: {} compression: none",
            negotiated.cipher_to_server,
            negotiated.mac_to_server.unwrap_or(implicit)
        ));
        report.debug(format_args!(
            "kex: server->client cipher: {} MAC: {} compression: none",
            negotiated.cipher_to_client,
            negotiated.mac_to_client.unwrap_or(implicit)
        ));
    }

    fn authentication_failed(&mut self, peer: &PeerInfo<'_>, user: &[u8], failed: &Failed) {
        let first_part = user.get(..WORD_MAX).unwrap_or(user).to_vec();
        self.startups.entry(peer.id).or_default().user = Some(first_part);
        let method = escaped(&failed.method);
        let user = Word(user);
        let at = At(peer.address);
        // Every client asks with "none" first, to learn the methods. sshd is silent at INFO about
        // refused keys as well, until half of MaxAuthTries is used; here each has its line.
        if let Some(key) = &failed.key
            && key.signature == FailedSignature::KeyUnsound
        {
            let what = match key_type_label(key.key_type.as_bytes()) {
                "RSA" => "RSA key: Invalid key length",
                "ECDSA" => "ECDSA key: invalid format",
                _ => "key: invalid format",
            };
            self.about(peer).info(format_args!("refusing {what}"));
        }
        match &failed.key {
            Some(key) => self.about(peer).info(format_args!(
                "Failed {method} for {user} from {at} ssh2: {} {}",
                key_type_label(key.key_type.as_bytes()),
                key.fingerprint,
            )),
            None if failed.method == b"none" => self
                .about(peer)
                .verbose(format_args!("Failed {method} for {user} from {at} ssh2")),
            None => self
                .about(peer)
                .info(format_args!("Failed {method} for {user} from {at} ssh2")),
        }
        if failed.failures >= self.max_auth_tries {
            self.about(peer).error(format_args!(
                "maximum authentication attempts exceeded for {user} from {at} ssh2 [preauth]"
            ));
        }
    }

    fn authenticated(&mut self, peer: &PeerInfo<'_>, how: &How) {
        self.startup_over(peer.id);
        let key = match how {
            How::Publickey {
                key_type,
                fingerprint,
            } => format!(": {} {fingerprint}", key_type_label(key_type.as_bytes())),
            How::KeyboardInteractive | How::Password => String::new(),
        };
        self.about(peer).info(format_args!(
            "Accepted {} for {} from {} ssh2{key}",
            how.method(),
            Word(peer.user.unwrap_or_default()),
            At(peer.address),
        ));
    }

    fn gone(&self, peer: &PeerInfo<'_>, why: &Gone<'_>, authenticated: Authenticated) {
        let who = self.who(peer);
        let at = At(peer.address);
        let preauth = match authenticated {
            Authenticated::Yes => "",
            Authenticated::No => " [preauth]",
        };
        let report = self.about(peer);
        match why {
            Gone::Closed => report.info(format_args!("Connection closed by {who}{preauth}")),
            Gone::Disconnected {
                reason_code,
                description,
                ..
            } => {
                report.info(format_args!(
                    "Received disconnect from {at}:{reason_code}: {}{preauth}",
                    escaped(description)
                ));
                report.info(format_args!("Disconnected from {who}{preauth}"));
            }
            Gone::Socket(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                report.info(format_args!("Connection reset by {who}{preauth}"));
            }
            Gone::Socket(error) => report.info(format_args!(
                "Read error from remote host {who}: {}{preauth}",
                reason(error)
            )),
            Gone::Silent => {
                report.info(format_args!("Timeout, client not responding from {who}"));
            }
            Gone::TooSlow => {
                report.info(format_args!("Timeout before authentication for {at}"));
            }
            Gone::NoCommon { what, offer } => report.info(format_args!(
                "Unable to negotiate with {at}: no matching {what} found. Their offer: \
                 {}{preauth}",
                escaped(offer)
            )),
            Gone::NoStrictKex { cipher } => report.info(format_args!(
                "Unable to negotiate with {at}: {cipher} without strict key exchange \
                 (CVE-2023-48795){preauth}"
            )),
            Gone::Error(_) if self.startups.get(&peer.id).is_some_and(|s| !s.identified) => {
                report.info(format_args!(
                    "banner exchange: Connection from {at}: invalid format"
                ));
            }
            Gone::Error(text) => report.info(format_args!(
                "Disconnecting {who}: {}{preauth}",
                escaped(text.as_bytes())
            )),
            Gone::Stopped => report.verbose(format_args!("Closing connection to {at}")),
            Gone::Panicked => report.error(format_args!(
                "internal error: the session of {who} was ended, the others go on"
            )),
            // No answers of a client's, so never of a server's session.
            Gone::HostKeyChanged | Gone::HostKeyRefused | Gone::AuthenticationRefused(_) => {
                report.info(format_args!("Disconnected from {who}{preauth}"));
            }
            other => report.info(format_args!("Disconnecting {who}: {other:?}{preauth}")),
        }
    }

    const fn about(&self, peer: &PeerInfo<'_>) -> ConnectionReport<'a> {
        self.report.about(peer.id.0)
    }

    /// `user alice 192.0.2.1 port 50000`, and what sshd writes before that is known.
    fn who(&self, peer: &PeerInfo<'_>) -> Who {
        let (state, user) = match (peer.user, self.startups.get(&peer.id)) {
            (Some(user), _) => ("user ", Some(user)),
            (None, Some(startup)) => ("authenticating user ", startup.user.as_deref()),
            (None, None) => ("", None),
        };
        Who {
            user: user.map(|user| format!("{state}{} ", Word(user))),
            at: At(peer.address),
        }
    }
}

#[cfg(test)]
mod tests;
