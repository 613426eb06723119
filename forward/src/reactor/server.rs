//! The server's side of a loop: who may begin a session.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Write};

use adit_connection::Limits;
use adit_crypto::{Secret, SecureRandom};
use adit_transport::Buffers;
use mio::Token;

use super::config::ServerConfig;
use super::local::Seen;
use super::peer::Peer;
use super::ready::Ready;
use super::state::{Cause, Role, State};
use super::stream::Stream;
use super::{Reactor, Side, Source};
use crate::admission::{Admission, Dice, Offence};
use crate::observer::{Authenticated, Event, PeerId, Program};
use crate::session::{Config, ServerAuth, Session};

/// Bytes of the secret that failure delays are drawn from.
const TIMING_SECRET_LEN: usize = 32;

/// What a client that is dropped finds instead of an identification: sshd's words, which clients
/// show to people who ask for details.
const NOT_NOW: &[u8] = b"Not allowed at this time\r\n";

/// What the server's side keeps.
pub(super) struct Server {
    config: ServerConfig,
    pub(super) limits: Limits,
    pub(super) buffers: Buffers,
    timing_secret: [u8; TIMING_SECRET_LEN],
    admission: Admission,
}

impl Server {
    pub(super) fn new(config: ServerConfig) -> io::Result<Self> {
        let mut secret = [0; TIMING_SECRET_LEN];
        config
            .ssh
            .provider
            .random
            .fill(&mut secret)
            .map_err(io::Error::other)?;
        let admission = Admission::new(config.max_startups, config.per_source.clone());
        Ok(Self {
            config,
            limits: Limits::SERVER,
            buffers: Buffers::default(),
            timing_secret: secret,
            admission,
        })
    }

    /// A session from there was authenticated, or ended before it was.
    pub(super) fn startup_over(&mut self, address: SocketAddr) {
        self.admission.over(address.ip());
    }

    /// A session from there ended so; what it costs its source is told.
    pub(super) fn charge(
        &mut self,
        address: SocketAddr,
        end: (&Cause, Authenticated, Seen),
        now: Duration,
        program: &mut dyn Program,
    ) {
        let (cause, authenticated, tried) = end;
        if let Some(offence) = offence(cause, authenticated, tried)
            && let Some(charged) = self.admission.charge(address.ip(), offence, now)
        {
            program.observe(&Event::Penalised {
                source: self.admission.told(address.ip()),
                offence,
                charged,
            });
        }
    }

    fn session(&self, now: Duration) -> Result<Session, crate::Error> {
        Session::server(
            Config {
                transport: self.config.ssh.transport(self.buffers),
                limits: self.limits,
                patience: self.config.alive.map(Into::into),
            },
            std::sync::Arc::clone(&self.config.host_keys),
            ServerAuth {
                limits: adit_auth::Limits {
                    max_auth_tries: self.config.max_auth_tries,
                },
                timing_secret: Secret::copy_of(&self.timing_secret),
            },
            now,
        )
    }
}

/// A throw of dice. Without randomness it shows 0, which drops whatever can be dropped: such a
/// connection could not have keys either.
fn dice(random: &dyn SecureRandom) -> Dice {
    let mut bytes = [0; 4];
    Dice::of(
        random
            .fill(&mut bytes)
            .map_or(0, |()| u32::from_ne_bytes(bytes)),
    )
}

/// What a session's end is charged for; `None` when it did nothing wrong before its login.
fn offence(cause: &Cause, authenticated: Authenticated, tried: Seen) -> Option<Offence> {
    match (cause, authenticated, tried) {
        // Whoever looks for such a fault may have logged in before.
        (Cause::Panicked, ..) => Some(Offence::Crash),
        (_, Authenticated::Yes, _) | (Cause::Stopped, ..) => None,
        (Cause::TooSlow, ..) => Some(Offence::GraceExceeded),
        (
            Cause::Closed
            | Cause::Disconnected { .. }
            | Cause::Failed(_)
            | Cause::HostKeyChanged
            | Cause::HostKeyRefused
            | Cause::Refused(_)
            | Cause::Socket(_),
            Authenticated::No,
            tried,
        ) => Some(match tried {
            Seen::Yes => Offence::AuthenticationFailed,
            Seen::No => Offence::NoAuthentication,
        }),
    }
}

impl Reactor {
    pub(super) fn accept_peer(
        &mut self,
        mut stream: Stream,
        address: SocketAddr,
        program: &mut dyn Program,
    ) {
        let Side::Server(server) = &mut self.side else {
            return;
        };
        let local = stream.local_addr();
        let dice = dice(server.config.ssh.provider.random);
        let now = self.context.now;
        if let Err(why) = server.admission.check(address.ip(), dice, now) {
            program.observe(&Event::Dropped {
                address,
                local,
                startups: server.admission.startups(),
                why,
            });
            // Whether it arrives or not: the socket is new, and takes it without waiting.
            let _ = stream.write(NOT_NOW);
            return;
        }
        let Ok(session) = server.session(self.context.now) else {
            program.observe(&Event::Debug {
                peer: None,
                text: "a session could not be made: no randomness, or no host key to offer",
            });
            return;
        };
        let slot = self.peers.reserve();
        let source = self.context.sources.insert(Source::Peer(slot));
        let registered = stream.register(&self.context.registry, Token(source));
        if registered.is_err() {
            self.context.sources.remove(source);
            self.peers.release(slot);
            program.observe(&Event::Debug {
                peer: None,
                text: "a client was turned away: the system has no memory to watch its connection",
            });
            return;
        }
        server.admission.begin(address.ip());
        stream.tune(server.config.alive);
        self.peers_made += 1;
        let grace = server.config.login_grace;
        let deadline = grace.map(|grace| self.context.now.saturating_add(grace));
        let id = PeerId(self.peers_made);
        let mut state = State::new(id, slot, Role::Server, Some(address), deadline);
        state.stream_local_bind = server.config.stream_local_bind;
        program.observe(&Event::Connected {
            peer: state.info(),
            local,
        });
        let ready = Ready {
            writable: true,
            ..Ready::default()
        };
        let peer = Peer::new(stream, source, ready, session, state);
        self.peers.put(slot, Box::new(peer));
        self.schedule(slot);
    }
}

#[cfg(test)]
mod tests {
    use adit_testkit::toy;

    use super::*;
    use crate::admission::MaxStartups;

    #[test]
    fn the_dice_of_a_server_are_even() {
        let random = toy::random(1);
        for rate in [10, 30, 55, 56, 90] {
            let limits = MaxStartups {
                start: 0,
                rate,
                full: u32::MAX,
            };
            let throws = 20_000;
            let dropped = (0..throws).filter(|_| limits.drops(0, dice(random)));
            let thousandths = u32::try_from(dropped.count()).unwrap() * 1000 / throws;
            // Five standard deviations.
            assert!(
                thousandths.abs_diff(10 * rate) <= 18,
                "{thousandths} of 1000"
            );
        }
    }
}
