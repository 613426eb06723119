//! The client's side of a loop: connect, ask the agent, make the session, open the forwards.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use adit_connection::Limits;
use mio::event::Event as Readiness;

use super::accept::For;
use super::agent::Agent;
use super::config::{AgentKeys, ClientConfig, Forward, OnForwardFailure};
use super::context::{OwnedDial, Owner};
use super::dial::{Connected, Dial, Failed, Progress};
use super::keys;
use super::listener::listen;
use super::local::Seen;
use super::peer::{Peer, tune};
use super::state::{Role, State};
use super::timer::{Armed, Timer};
use super::{End, Reactor, Side, Source};
use crate::observer::{Event, PeerId, Program};
use crate::session::{Config, Session};

/// Between two rounds over all addresses (ConnectionAttempts).
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the client's side keeps.
pub(super) struct Client {
    /// What is left of it: the session takes its parts.
    pub(super) config: Option<ClientConfig>,
    pub(super) forwards: Arc<[Forward]>,
    pub(super) limits: Limits,
    on_forward_failure: OnForwardFailure,
    rounds_left: u32,
    retry: Armed,
    /// When the key exchange must be through.
    deadline: Option<Duration>,
    pub(super) agent: Option<Agent>,
    pub(super) agent_timer: Armed,
    pub(super) keys: AgentsKeys,
    connected: Option<Connected>,
    pub(super) peer: Option<usize>,
    /// Each forward listens, or has failed.
    pub(super) forwards_tried: Seen,
}

/// What is known of the agent's keys.
pub(super) enum AgentsKeys {
    /// It has been asked.
    Awaited,
    Known(Vec<(adit_auth::OfferedKey, String)>),
}

impl Client {
    pub(super) fn new(mut config: ClientConfig) -> Self {
        Self {
            forwards: core::mem::take(&mut config.forwards).into(),
            limits: Limits::CLIENT,
            on_forward_failure: config.on_forward_failure,
            rounds_left: config.connection_attempts.max(1),
            retry: Armed::default(),
            deadline: None,
            agent: None,
            agent_timer: Armed::default(),
            keys: AgentsKeys::Known(Vec::new()),
            connected: None,
            peer: None,
            forwards_tried: Seen::No,
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
        // The agent first: a connection may be through at once, and its session has to know
        // whether there are keys to wait for.
        self.ask_for_keys(program);
        self.connect(program);
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

    /// An event for a connection that waits for the agent: nobody would hear of it again.
    pub(super) fn note_connected(&mut self, event: &Readiness) {
        if let Side::Client(client) = &mut self.side
            && let Some(connected) = &mut client.connected
            && connected.source == event.token().0
        {
            connected.ready.note(event);
        }
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
    pub(super) fn make_session(&mut self, program: &mut dyn Program) {
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
        let (offers, keys) = keys::order(known, allowed, config.identities.files);
        let session = Session::client(
            Config {
                transport: config.ssh.transport(),
                limits: client.limits,
                patience: config.alive.map(Into::into),
            },
            config.user.as_bytes(),
            config.methods,
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
        state.offers = offers;
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
        if let Side::Client(client) = &mut self.side {
            client.forwards_tried = Seen::Yes;
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
