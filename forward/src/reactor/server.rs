//! The server's side of a loop: who may begin a session.

use core::net::SocketAddr;
use std::io;

use adit_connection::Limits;
use adit_crypto::{Secret, SecureRandom};
use adit_transport::Buffers;
use mio::Token;

use super::config::{MaxStartups, ServerConfig};
use super::peer::Peer;
use super::ready::Ready;
use super::state::{Role, State};
use super::stream::Stream;
use super::{Reactor, Side, Source};
use crate::observer::{Event, PeerId, Program};
use crate::session::{Config, ServerAuth, Session};

/// Bytes of the secret that failure delays are drawn from.
const TIMING_SECRET_LEN: usize = 32;

/// What the server's side keeps.
pub(super) struct Server {
    config: ServerConfig,
    pub(super) limits: Limits,
    pub(super) buffers: Buffers,
    timing_secret: [u8; TIMING_SECRET_LEN],
    /// Sessions that are not authenticated yet.
    startups: u32,
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
        Ok(Self {
            config,
            limits: Limits::SERVER,
            buffers: Buffers::default(),
            timing_secret: secret,
            startups: 0,
        })
    }

    /// A session was authenticated, or ended before it was.
    pub(super) fn startup_over(&mut self) {
        self.startups = self.startups.saturating_sub(1);
    }

    fn session(&self, now: core::time::Duration) -> Result<Session, crate::Error> {
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

/// What to do with a connection while others are not authenticated yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Startup {
    Begin,
    Drop,
}

/// sshd's rule: none is dropped below `start`, `rate` percent there, all from `full` on, and in
/// between the rate rises linearly. `dice` is 0 to 99.
fn startup(limits: MaxStartups, startups: u32, dice: u8) -> Startup {
    let MaxStartups { start, rate, full } = limits;
    if startups < start {
        return Startup::Begin;
    }
    if startups >= full || rate >= 100 {
        return Startup::Drop;
    }
    // Cannot divide by 0: start <= startups < full.
    let (above, span) = (u64::from(startups - start), u64::from(full - start));
    let percent = u64::from(rate) + u64::from(100 - rate) * above / span;
    if u64::from(dice) < percent {
        Startup::Drop
    } else {
        Startup::Begin
    }
}

/// 0 to 99. The bias of 256 mod 100 does not matter for a rate.
fn dice(random: &dyn SecureRandom) -> u8 {
    let mut byte = [0];
    // Without randomness the connection is dropped; it could not have keys either.
    random.fill(&mut byte).map_or(0, |()| byte[0] % 100)
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
        let local = stream.local_addr().ok();
        let dice = dice(server.config.ssh.provider.random);
        if startup(server.config.max_startups, server.startups, dice) == Startup::Drop {
            program.observe(&Event::StartupsExceeded {
                address,
                local,
                startups: server.startups,
            });
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
            return;
        }
        server.startups += 1;
        stream.tune(server.config.alive);
        self.peers_made += 1;
        let grace = server.config.login_grace;
        let deadline = grace.map(|grace| self.context.now.saturating_add(grace));
        let id = PeerId(self.peers_made);
        let state = State::new(id, slot, Role::Server, address, deadline);
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
    use super::*;

    #[test]
    fn startups_are_dropped_as_sshd_does() {
        let limits = MaxStartups::default(); // 10:30:100
        for (startups, dice, expected) in [
            (0, 0, Startup::Begin),
            (9, 0, Startup::Begin),
            (10, 29, Startup::Drop),
            (10, 30, Startup::Begin),
            (55, 64, Startup::Drop),
            (55, 65, Startup::Begin),
            (99, 98, Startup::Drop),
            (99, 99, Startup::Begin),
            (100, 99, Startup::Drop),
            (200, 99, Startup::Drop),
        ] {
            assert_eq!(
                startup(limits, startups, dice),
                expected,
                "{startups} {dice}"
            );
        }
    }

    #[test]
    fn one_number_for_all_three_is_a_hard_limit() {
        let limits = MaxStartups {
            start: 5,
            rate: 100,
            full: 5,
        };
        assert_eq!(startup(limits, 4, 0), Startup::Begin);
        assert_eq!(startup(limits, 5, 99), Startup::Drop);
        let inverted = MaxStartups {
            start: 5,
            rate: 30,
            full: 2,
        };
        assert_eq!(startup(inverted, 5, 99), Startup::Drop);
    }
}
