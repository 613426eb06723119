//! What happens, as lines of a log in the words of sshd: people search for them, and programs such
//! as fail2ban act on them, so each is kept to the letter.
//!
//! The end of a forwarded connection has a line of our own, since sshd has none. Every text that
//! came from a peer is escaped and cut; in a user's name a blank is escaped too, so that no name
//! can look like the rest of the line.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use adit_auth::{Failed, key_type_label};
use adit_forward::observer::{
    Authenticated, ChannelEnd, ClosedChannel, Destination, Event, Gone, OpenError, PeerId, PeerInfo,
};

use crate::escape::escaped;
use crate::file::reason;
use crate::report::{Level, Report};

/// Longest user name or host in a line, before it is escaped: sshd's `%.100s`.
const WORD_MAX: usize = 100;
/// While connections are dropped it is said once in this time (sshd's
/// SSHD_MAXSTARTUPS_LOG_INTERVAL), and for each at VERBOSE.
const THROTTLING_EVERY: Duration = Duration::from_secs(5 * 60);

/// The lines about one event loop.
#[derive(Debug)]
pub struct Log<'a> {
    report: &'a Report,
    max_auth_tries: u32,
    /// Those that are not authenticated yet: no more than MaxStartups lets in.
    startups: HashMap<PeerId, Startup>,
    throttling: Option<Throttling>,
    max_startups_begin: usize,
}

/// What is known of a peer before its authentication.
#[derive(Debug, Default)]
struct Startup {
    identified: bool,
    user: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Throttling {
    since: Instant,
    said: Instant,
    dropped: u64,
}

impl<'a> Log<'a> {
    /// `max_startups_begin`: the first number of MaxStartups.
    #[must_use]
    pub fn new(report: &'a Report, max_auth_tries: u32, max_startups_begin: u32) -> Self {
        Self {
            report,
            max_auth_tries,
            startups: HashMap::new(),
            throttling: None,
            max_startups_begin: usize::try_from(max_startups_begin).unwrap_or(usize::MAX),
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
            Event::Listening { address, .. } => self.report.info(format_args!(
                "Server listening on {} port {}.",
                address.ip(),
                address.port()
            )),
            Event::AcceptPaused { error, .. } => {
                self.report.error(format_args!("accept: {}", reason(error)));
            }
            Event::StartupsExceeded {
                address,
                local,
                startups,
            } => self.dropped(*address, *local, *startups, Instant::now()),
            Event::Connected { peer, local } => self.connected(peer, *local),
            Event::IdentReceived { peer, ident } => {
                if let Some(startup) = self.startups.get_mut(&peer.id) {
                    startup.identified = true;
                }
                let at = At(peer.address);
                self.report
                    .debug(format_args!("{at} is {}", escaped(ident)));
            }
            Event::Negotiated { peer, negotiated } => {
                let at = At(peer.address);
                self.report.debug(format_args!("{at}: {negotiated:?}"));
            }
            Event::Rekeyed { peer } => {
                let who = self.who(peer);
                self.report.debug(format_args!("{who}: new keys"));
            }
            Event::AuthenticationFailed { peer, user, failed } => {
                self.authentication_failed(peer, user, failed);
            }
            Event::Authenticated {
                peer,
                key_type,
                fingerprint,
            } => {
                self.startups.remove(&peer.id);
                self.report.info(format_args!(
                    "Accepted publickey for {} from {} ssh2: {} {fingerprint}",
                    Word(peer.user.unwrap_or_default()),
                    At(peer.address),
                    key_type_label(key_type.as_bytes()),
                ));
            }
            Event::PeerGone {
                peer,
                why,
                authenticated,
                received,
                sent,
            } => {
                self.gone(peer, why, *authenticated);
                self.report.verbose(format_args!(
                    "Transferred: sent {sent}, received {received} bytes"
                ));
                self.startups.remove(&peer.id);
            }
            Event::Debug { peer, text } => match peer {
                Some(peer) => self.report.debug(format_args!(
                    "{}: {}",
                    self.who(peer),
                    escaped(text.as_bytes())
                )),
                None => self.report.debug(escaped(text.as_bytes())),
            },
            _ => {}
        }
    }

    /// What clients open.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events are not about this; the enum grows"
    )]
    fn forward_event(&self, event: &Event<'_>) {
        match event {
            Event::OpenDenied { peer, to, .. } => self.report.info(format_args!(
                "Received request from {} to connect to {}, but the request was denied.",
                At(peer.address),
                Host(to),
            )),
            Event::OpenFailed { peer, to, error } => {
                let at = At(peer.address);
                let user = Word(peer.user.unwrap_or_default());
                match error {
                    OpenError::Name(text) => self.report.error(format_args!(
                        "connect_to {}: unknown host ({}) for {user} from {at}",
                        Word(to.host),
                        escaped(text.as_bytes()),
                    )),
                    other => self.report.error(format_args!(
                        "connect_to {} port {}: failed. ({}) for {user} from {at}",
                        Word(to.host),
                        to.port,
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
                    Some(address) => self.report.verbose(format_args!(
                        "Opened forward for {user} from {at} to {to}: {}",
                        At(*address)
                    )),
                    None => self
                        .report
                        .verbose(format_args!("Opened forward for {user} from {at} to {to}")),
                }
            }
            Event::ChannelClosed { peer, channel } => {
                self.report.info(Closed { peer, channel });
            }
            _ => {}
        }
    }

    fn connected(&mut self, peer: &PeerInfo<'_>, local: Option<SocketAddr>) {
        self.stop_throttling();
        self.startups.insert(peer.id, Startup::default());
        let at = At(peer.address);
        match local {
            Some(local) => self
                .report
                .verbose(format_args!("Connection from {at} on {}", At(local))),
            None => self.report.verbose(format_args!("Connection from {at}")),
        }
    }

    fn authentication_failed(&mut self, peer: &PeerInfo<'_>, user: &[u8], failed: &Failed) {
        let first_part = user.get(..WORD_MAX).unwrap_or(user).to_vec();
        self.startups.entry(peer.id).or_default().user = Some(first_part);
        let method = escaped(&failed.method);
        let user = Word(user);
        let at = At(peer.address);
        // Every client asks with "none" first, to learn the methods. sshd is silent at INFO about
        // refused keys as well, until half of MaxAuthTries is used; here each has its line.
        match &failed.key {
            Some(key) => self.report.info(format_args!(
                "Failed {method} for {user} from {at} ssh2: {} {}",
                key_type_label(key.key_type.as_bytes()),
                key.fingerprint,
            )),
            None if failed.method == b"none" => self
                .report
                .verbose(format_args!("Failed {method} for {user} from {at} ssh2")),
            None => self
                .report
                .info(format_args!("Failed {method} for {user} from {at} ssh2")),
        }
        if failed.failures >= self.max_auth_tries {
            self.report.error(format_args!(
                "maximum authentication attempts exceeded for {user} from {at} ssh2 [preauth]"
            ));
        }
    }

    fn gone(&self, peer: &PeerInfo<'_>, why: &Gone<'_>, authenticated: Authenticated) {
        let who = self.who(peer);
        let at = At(peer.address);
        let preauth = match authenticated {
            Authenticated::Yes => "",
            Authenticated::No => " [preauth]",
        };
        let report = self.report;
        match why {
            Gone::Closed => report.info(format_args!("Connection closed by {who}{preauth}")),
            Gone::Disconnected {
                reason_code,
                description,
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
            Gone::HostKeyRefused | Gone::AuthenticationRefused(_) => {
                report.info(format_args!("Disconnected from {who}{preauth}"));
            }
            other => report.info(format_args!("Disconnecting {who}: {other:?}{preauth}")),
        }
    }

    fn dropped(
        &mut self,
        address: SocketAddr,
        local: Option<SocketAddr>,
        startups: u32,
        now: Instant,
    ) {
        let level = match &mut self.throttling {
            None => {
                self.report.error("beginning MaxStartups throttling");
                self.throttling = Some(Throttling {
                    since: now,
                    said: now,
                    dropped: 1,
                });
                Level::Info
            }
            Some(throttling) => {
                let long_ago = now.saturating_duration_since(throttling.said) > THROTTLING_EVERY;
                if long_ago {
                    self.report.error(format_args!(
                        "in MaxStartups throttling for {} s, {} connections dropped",
                        now.saturating_duration_since(throttling.since).as_secs(),
                        throttling.dropped
                    ));
                    throttling.said = now;
                }
                throttling.dropped = throttling.dropped.saturating_add(1);
                if long_ago {
                    Level::Info
                } else {
                    Level::Verbose
                }
            }
        };
        let on = local.map_or_else(String::new, |local| {
            format!(" on [{}]:{}", local.ip(), local.port())
        });
        self.report.line(
            level,
            format_args!(
                "drop connection #{startups} from [{}]:{}{on} past MaxStartups",
                address.ip(),
                address.port()
            ),
        );
    }

    /// One was let in: when well below the mark (as sshd has it), the flood is over.
    fn stop_throttling(&mut self) {
        if self.startups.len() < self.max_startups_begin.saturating_sub(1)
            && let Some(throttling) = self.throttling.take()
        {
            self.report.info(format_args!(
                "exited MaxStartups throttling after {} s, {} connections dropped",
                throttling.since.elapsed().as_secs(),
                throttling.dropped
            ));
        }
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

/// `192.0.2.1 port 50000`.
struct At(SocketAddr);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", self.0.ip().to_canonical(), self.0.port())
    }
}

struct Who {
    user: Option<String>,
    at: At,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.user.as_deref().unwrap_or(""), self.at)
    }
}

/// A peer's word: escaped, cut, and without blanks.
pub(super) struct Word<'a>(pub(super) &'a [u8]);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, cut) = match self.0.get(..WORD_MAX) {
            Some(first) if first.len() < self.0.len() => (first, "…"),
            _ => (self.0, ""),
        };
        let word = escaped(word).to_string().replace(' ', "\\u{20}");
        write!(f, "{word}{cut}")
    }
}

/// `host db.example port 5432`.
struct Host<'a>(&'a Destination<'a>);

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {} port {}", Word(self.0.host), self.0.port)
    }
}

struct OpenReason<'a>(&'a OpenError<'a>);

impl fmt::Display for OpenReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OpenError::Name(text) => write!(f, "{}", escaped(text.as_bytes())),
            OpenError::TimedOut => f.write_str("Connection timed out"),
            OpenError::Connect(error) => f.write_str(&reason(error)),
            OpenError::Shortage => f.write_str("too many at once"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// The end of a forwarded connection.
struct Closed<'a> {
    peer: &'a PeerInfo<'a>,
    channel: &'a ClosedChannel<'a>,
}

impl fmt::Display for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.channel.why {
            ChannelEnd::Finished => "finished",
            ChannelEnd::LocalReset => "reset by the destination",
            ChannelEnd::PeerClosed => "closed by the client",
            ChannelEnd::SessionEnded => "the session ended",
        };
        // Towards the destination goes what the peer sent.
        write!(
            f,
            "Closed forward for {} from {} to {}: {} bytes sent, {} received, {:.3} s, {why}",
            Word(self.peer.user.unwrap_or_default()),
            At(self.peer.address),
            Host(&self.channel.to),
            self.channel.received,
            self.channel.sent,
            self.channel.lasted.as_secs_f64(),
        )
    }
}

#[cfg(test)]
mod tests;
