//! The server's side of a loop: who may begin a session.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Write};
use std::sync::Arc;

use adit_connection::{Limits, ProcessBook};
use adit_crypto::{Secret, SecureRandom};
use adit_transport::Buffers;
use mio::Token;

use super::config::ServerConfig;
use super::descriptors::Mark;
use super::door::Door;
use super::inbox::Note;
use super::local::Seen;
use super::peer::Peer;
use super::ready::Ready;
use super::spread::{Burden, Newcomer, Spread};
use super::state::{Cause, Role, State};
use super::stream::Stream;
use super::{Reactor, Side, Source};
use crate::admission::{Dice, Offence};
use crate::observer::{Authenticated, Event, PeerId, Program};
use crate::session::{Config, ServerAuth, Session};

/// Bytes of the secret that failure delays are drawn from.
const TIMING_SECRET_LEN: usize = 32;

/// What a client that is dropped finds instead of an identification: sshd's words, which clients
/// show to people who ask for details.
const NOT_NOW: &[u8] = b"Not allowed at this time\r\n";

/// What the server's side of a loop keeps.
pub(super) struct Server {
    house: Arc<House>,
    pub(super) limits: Limits,
    pub(super) buffers: Buffers,
    /// One for all loops.
    pub(super) book: ProcessBook,
    /// The loops that it spreads sessions over, where it is the one that accepts.
    pub(super) spread: Spread,
}

/// What is the same for all loops of a server.
struct House {
    config: ServerConfig,
    timing_secret: [u8; TIMING_SECRET_LEN],
    door: Arc<Door>,
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
        let door = Door::new(config.max_startups, config.per_source.clone());
        let book = ProcessBook::new(config.window_memory.get());
        let house = House {
            config,
            timing_secret: secret,
            door: Arc::new(door),
        };
        Ok(Self::of(Arc::new(house), book))
    }

    fn of(house: Arc<House>, book: ProcessBook) -> Self {
        Self {
            house,
            limits: Limits::SERVER,
            buffers: Buffers::default(),
            book,
            spread: Spread::default(),
        }
    }

    /// Another loop's side of the same server.
    pub(super) fn beside(&self) -> Self {
        Self::of(Arc::clone(&self.house), self.book.clone())
    }

    /// What forwards leave to those who log in.
    pub(super) fn mark(&self) -> Mark {
        Mark::of_process(self.house.config.max_startups.full)
    }

    /// A session from there ended so; what it costs its source is told.
    pub(super) fn charge(
        &self,
        address: SocketAddr,
        end: (&Cause, Authenticated, Seen),
        now: Duration,
        program: &mut dyn Program,
    ) {
        let (cause, authenticated, tried) = end;
        if let Some(offence) = offence(cause, authenticated, tried)
            && let Some((source, charged)) = self.house.door.charge(address.ip(), offence, now)
        {
            program.observe(&Event::Penalised {
                source,
                offence,
                charged,
            });
        }
    }

    fn session(&self, now: Duration) -> Result<Session, crate::Error> {
        let House {
            config,
            timing_secret,
            ..
        } = &*self.house;
        let mut session = Session::server(
            Config {
                transport: config.ssh.transport(self.buffers),
                limits: self.limits,
                patience: config.alive.map(Into::into),
            },
            Arc::clone(&config.host_keys),
            ServerAuth {
                limits: adit_auth::Limits {
                    max_auth_tries: config.max_auth_tries,
                },
                timing_secret: Secret::copy_of(timing_secret),
            },
            now,
        )?;
        session.share(self.book.clone());
        Ok(session)
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
    /// A connection of a client: whether it is let in, and which loop it goes to.
    pub(super) fn accept_peer(
        &mut self,
        mut stream: Stream,
        address: SocketAddr,
        program: &mut dyn Program,
    ) {
        let Side::Server(server) = &mut self.side else {
            return;
        };
        let House { config, door, .. } = &*server.house;
        let local = stream.local_addr();
        let dice = dice(config.ssh.provider.random);
        let now = self.context.now;
        let startup = match door.admit(address.ip(), dice, now) {
            Ok(startup) => startup,
            Err(away) => {
                program.observe(&Event::Dropped {
                    address,
                    local,
                    startups: away.startups,
                    why: away.why,
                });
                // Whether it arrives or not: the socket is new, and takes it without waiting.
                let _ = stream.write(NOT_NOW);
                return;
            }
        };
        self.peers_made += 1;
        let newcomer = Newcomer {
            stream,
            address,
            local,
            id: PeerId(self.peers_made),
            accepted: now,
            startup,
        };
        if let Some((newcomer, burden)) = server.spread.place(newcomer) {
            self.welcome(newcomer, burden, program);
        }
    }

    /// A client that was let in, here or on the loop that accepts.
    pub(super) fn welcome(
        &mut self,
        newcomer: Newcomer,
        burden: Burden,
        program: &mut dyn Program,
    ) {
        let Side::Server(server) = &mut self.side else {
            return;
        };
        let Newcomer {
            mut stream,
            address,
            local,
            id,
            accepted,
            startup,
        } = newcomer;
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
        let config = &server.house.config;
        stream.tune(config.alive, Some(address));
        let deadline = config
            .login_grace
            .map(|grace| accepted.saturating_add(grace));
        let mut state = State::new(id, slot, Role::Server, Some(address), deadline);
        state.startup = Some(startup);
        state.burden = Some(burden);
        state.stream_local_bind = config.stream_local_bind;
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

    /// The loops that this one spreads sessions over end as it does.
    pub(super) fn stop_others(&self) {
        if let Side::Server(server) = &self.side {
            server.spread.tell(|| Note::Stop);
        }
    }

    /// Another loop is over. While this one goes on that is a failure of the whole.
    pub(super) fn loop_over(&mut self, how: io::Result<()>) {
        let Side::Server(server) = &mut self.side else {
            return;
        };
        server.spread.others_up = server.spread.others_up.saturating_sub(1);
        let early = || io::Error::other("a loop ended before the others");
        if let Some(error) = how.err().or_else(|| self.ending.is_none().then(early)) {
            self.broken = Some(error);
        }
    }

    /// Whether no other loop runs that this one spreads sessions over.
    pub(super) fn others_are_over(&self) -> bool {
        match &self.side {
            Side::Client(_) => true,
            Side::Server(server) => server.spread.others_up == 0,
        }
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
