//! The client's side of a loop: connect, ask the agent, make the session, open the forwards.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use adit_connection::Limits;
use adit_crypto::Unspecified;
use mio::event::Event as Readiness;

use super::accept::For;
use super::agent::{Agent, Said};
use super::config::{AgentKeys, ClientConfig, Forward, OnForwardFailure};
use super::context::{OwnedDial, Owner};
use super::dial::{Connected, Dial, Failed, Progress};
use super::keys;
use super::listener::listen;
use super::peer::{Peer, tune};
use super::state::{Letter, Role, State};
use super::timer::{Armed, Timer};
use super::{End, Reactor, Side, Source};
use crate::observer::{Event, PeerId, Program};
use crate::session::{Config, Session};

/// Between two rounds over all addresses (ConnectionAttempts).
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// An agent that has not said which keys it has by then is left out.
const AGENT_PATIENCE: Duration = Duration::from_secs(10);

/// What the client's side keeps.
pub(super) struct Client {
    /// What is left of it: the session takes its parts.
    config: Option<ClientConfig>,
    pub(super) forwards: Arc<[Forward]>,
    on_forward_failure: OnForwardFailure,
    rounds_left: u32,
    retry: Armed,
    /// When the key exchange must be through.
    deadline: Option<Duration>,
    agent: Option<Agent>,
    agent_timer: Armed,
    keys: AgentsKeys,
    connected: Option<Connected>,
    peer: Option<usize>,
}

/// What is known of the agent's keys.
enum AgentsKeys {
    /// It has been asked.
    Awaited,
    Known(Vec<(adit_auth::OfferedKey, String)>),
}

impl Client {
    pub(super) fn new(mut config: ClientConfig) -> Self {
        Self {
            forwards: core::mem::take(&mut config.forwards).into(),
            on_forward_failure: config.on_forward_failure,
            rounds_left: config.connection_attempts.max(1),
            retry: Armed::default(),
            deadline: None,
            agent: None,
            agent_timer: Armed::default(),
            keys: AgentsKeys::Known(Vec::new()),
            connected: None,
            peer: None,
            config: Some(config),
        }
    }

    /// The session's slot.
    pub(super) fn peer(&self) -> Option<usize> {
        self.peer
    }
}

/// Tells a program of connection attempts.
pub(super) fn tell_of(
    program: &mut dyn Program,
) -> impl FnMut(SocketAddr, Option<&io::Error>) + use<'_> {
    |address, failed| {
        program.observe(&match failed {
            None => Event::Connecting { address },
            Some(error) => Event::ConnectFailed { address, error },
        });
    }
}

impl Reactor {
    pub(super) fn start_client(&mut self, program: &mut dyn Program) {
        self.connect(program);
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let config = client.config.as_ref();
        let Some(agent) = config.and_then(|c| c.identities.agent.as_ref()) else {
            return;
        };
        match Agent::connect(&agent.socket, &mut self.context) {
            Ok(agent) => {
                client.agent = Some(agent);
                client.keys = AgentsKeys::Awaited;
                let due = self.context.now.saturating_add(AGENT_PATIENCE);
                let timers = &mut self.context.timers;
                timers.arm(Timer::Agent, &mut client.agent_timer, Some(due));
            }
            Err(error) => program.observe(&Event::AgentFailed { error: &error }),
        }
        self.make_session(program);
    }

    /// One round over all addresses.
    pub(super) fn connect(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        client.retry.fired();
        let Some(config) = &client.config else { return };
        client.rounds_left = client.rounds_left.saturating_sub(1);
        let now = self.context.now;
        client.deadline = config.connect_timeout.map(|t| now.saturating_add(t));
        let owned = OwnedDial {
            owner: Owner::Client,
            dial: Dial::new(&config.addresses, client.deadline),
        };
        let (_, progress) = self.context.dial(owned, &mut tell_of(program));
        self.client_dialled(progress, program);
    }

    pub(super) fn client_dialled(&mut self, progress: Progress, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        match progress {
            Progress::Pending => {}
            Progress::Connected(connected) => {
                client.connected = Some(connected);
                self.make_session(program);
            }
            Progress::Failed(failed) => {
                if let Failed::TooLate = failed {
                    let addresses = client.config.as_ref().map(|c| c.addresses.as_slice());
                    if let Some(address) = addresses.and_then(|a| a.last()) {
                        let error = io::Error::from(ErrorKind::TimedOut);
                        program.observe(&Event::ConnectFailed {
                            address: *address,
                            error: &error,
                        });
                    }
                }
                if client.rounds_left > 0 {
                    let due = self.context.now.saturating_add(RETRY_DELAY);
                    let timers = &mut self.context.timers;
                    timers.arm(Timer::Retry, &mut client.retry, Some(due));
                } else {
                    self.stop(End::NotConnected, program);
                }
            }
        }
    }

    /// Once there is a connection and the agent has said its keys.
    fn make_session(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let AgentsKeys::Known(known) = &mut client.keys else {
            return;
        };
        let Some(connected) = client.connected.take() else {
            return;
        };
        let Some(config) = client.config.take() else {
            return;
        };
        let allowed = config.identities.agent.map_or(AgentKeys::All, |a| a.keys);
        let known = core::mem::take(known);
        let (offers, keys) = keys::order(known, &allowed, config.identities.loaded);
        let session = Session::client(
            Config {
                transport: config.ssh.transport(),
                limits: Limits::CLIENT,
                patience: config.alive.map(Into::into),
            },
            config.user.as_bytes(),
            offers,
            self.context.now,
        );
        let Ok(session) = session else {
            program.observe(&Event::Debug {
                peer: None,
                text: "no randomness, or no algorithm to offer",
            });
            self.context.sources.remove(connected.source);
            return self.stop(End::NotAuthenticated, program);
        };
        tune(&connected.stream, config.alive);
        let slot = self.peers.reserve();
        self.peers_made += 1;
        let id = PeerId(self.peers_made);
        let address = connected.address;
        let mut state = State::new(id, slot, Role::Client, address, client.deadline);
        state.keys = keys;
        state.forwards = Arc::clone(&client.forwards);
        let local = connected.stream.local_addr().ok();
        program.observe(&Event::Connected {
            peer: state.info(),
            local,
        });
        for key in &state.keys {
            program.observe(&Event::OfferingKey {
                peer: state.info(),
                name: &key.name,
                key_blob: &key.public_blob,
            });
        }
        if let Some(entry) = self.context.sources.get_mut(connected.source) {
            *entry = Source::Peer(slot);
        }
        let peer = Peer::new(
            connected.stream,
            connected.source,
            connected.ready,
            session,
            state,
        );
        self.peers.put(slot, Box::new(peer));
        client.peer = Some(slot);
        self.schedule(slot);
    }

    pub(super) fn agent_event(&mut self, event: &Readiness, program: &mut dyn Program) {
        if let Side::Client(client) = &mut self.side
            && let Some(agent) = &mut client.agent
        {
            agent.note(event);
        }
        self.agent_turn(program);
    }

    fn agent_turn(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(agent) = &mut client.agent else {
            return;
        };
        let mut heard = Vec::new();
        if let Err(error) = agent.turn(&mut |said| heard.push(said)) {
            program.observe(&Event::AgentFailed { error: &error });
            self.close_agent(&mut heard);
        }
        for said in heard {
            self.agent_said(said, program);
        }
    }

    fn close_agent(&mut self, heard: &mut Vec<Said>) {
        if let Side::Client(client) = &mut self.side
            && let Some(agent) = client.agent.take()
        {
            self.context.sources.remove(agent.source());
            heard.extend(agent.close());
        }
    }

    fn agent_said(&mut self, said: Said, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        match said {
            Said::Identities(keys) => {
                let timers = &mut self.context.timers;
                timers.disarm(Timer::Agent, &mut client.agent_timer);
                client.keys = AgentsKeys::Known(keys);
                self.make_session(program);
            }
            Said::Signature(key, signature) => {
                if let Some(slot) = client.peer
                    && let Some(peer) = self.peers.get_mut(slot)
                {
                    peer.state.letters.push(Letter::Signed(key, signature));
                    self.schedule(slot);
                }
            }
        }
    }

    pub(super) fn agent_too_slow(&mut self, program: &mut dyn Program) {
        if let Side::Client(client) = &mut self.side {
            client.agent_timer.fired();
        }
        let error = io::Error::from(ErrorKind::TimedOut);
        program.observe(&Event::AgentFailed { error: &error });
        let mut heard = Vec::new();
        self.close_agent(&mut heard);
        for said in heard {
            self.agent_said(said, program);
        }
    }

    /// Passes on what only the agent can sign.
    pub(super) fn ask_agent(&mut self, slot: usize) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let Some(wanted) = peer.state.for_agent.take() else {
            return;
        };
        let key = usize::try_from(wanted.key.0)
            .ok()
            .and_then(|n| peer.state.keys.get(n));
        let asked = client.agent.as_mut().zip(key).and_then(|(agent, key)| {
            agent.sign(
                wanted.key,
                &key.public_blob,
                wanted.algorithm,
                &wanted.message,
            )
        });
        if asked.is_none() {
            let letter = Letter::Signed(wanted.key, Err(Unspecified));
            peer.state.letters.push(letter);
            self.schedule(slot);
        }
    }

    /// The user is authenticated: listen.
    pub(super) fn open_forwards(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let (forwards, on_failure) = (Arc::clone(&client.forwards), client.on_forward_failure);
        self.close_agent(&mut Vec::new()); // its questions are answered
        for (n, forward) in forwards.iter().enumerate() {
            let opened = listen(&forward.listen).and_then(|listeners| {
                let added = listeners.into_iter().map(|listener| {
                    self.add_listener(listener, For::Forward(n))
                        .map_err(|error| (SocketAddr::from(([0; 4], 0)), error))
                });
                added.collect::<Result<Vec<_>, _>>()
            });
            match opened {
                Ok(addresses) => {
                    for address in addresses {
                        program.observe(&Event::Listening {
                            address,
                            forward: Some(n),
                        });
                    }
                }
                Err((address, error)) => {
                    program.observe(&Event::ListenFailed {
                        address,
                        forward: n,
                        error: &error,
                    });
                    if on_failure == OnForwardFailure::End {
                        return self.stop(End::ForwardFailed, program);
                    }
                }
            }
        }
    }

    /// Gives up whatever the client waits for.
    pub(super) fn stop_client(&mut self) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let timers = &mut self.context.timers;
        timers.disarm(Timer::Retry, &mut client.retry);
        timers.disarm(Timer::Agent, &mut client.agent_timer);
        client.config = None;
        client.connected = None;
        self.close_agent(&mut Vec::new());
        for slot in self.context.dials.numbers() {
            if let Some(mut owned) = self.context.dials.remove(slot) {
                owned.dial.finish(slot, &mut self.context);
            }
        }
    }
}
