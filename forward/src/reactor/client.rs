//! The client's side of a loop: connect, ask the agent, make the session, open the forwards.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use adit_connection::Limits;
use adit_transport::Buffers;

use super::accept::For;
use super::agent::Agent;
use super::config::{ClientConfig, Identities, OnForwardFailure};
use super::context::{OwnedDial, Owner};
use super::dial::{Connected, Dial, Failed, Progress, Where};
use super::forwards::Forward;
use super::local::Seen;
use super::peer::Peer;
use super::signers::AGENT_PATIENCE;
use super::state::{Role, State};
use super::timer::{Armed, Timer};
use super::{End, Reactor, Side, Source};
use crate::observer::{Event, PeerId, Program};
use crate::session::{Config, Session};

/// Between two rounds over all addresses (ConnectionAttempts).
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the client's side keeps.
pub(super) struct Client {
    /// But for what was taken out of it: the forwards, and in the end the identities.
    pub(super) config: ClientConfig,
    pub(super) forwards: Arc<[Forward]>,
    pub(super) limits: Limits,
    pub(super) buffers: Buffers,
    on_forward_failure: OnForwardFailure,
    rounds_left: u32,
    retry: Armed,
    /// When the key exchange must be through.
    deadline: Option<Duration>,
    pub(super) agent: Option<Agent>,
    pub(super) agent_timer: Armed,
    /// How long the agent may take to say which keys it has.
    pub(super) agent_patience: Duration,
    pub(super) peer: Option<usize>,
    /// The host key that a person accepted on a connection that has ended since.
    accepted_key: Option<Vec<u8>>,
    /// Each forward listens, or has failed.
    pub(super) forwards_tried: Seen,
}

impl Client {
    pub(super) fn new(mut config: ClientConfig) -> Self {
        Self {
            forwards: core::mem::take(&mut config.forwards).into(),
            limits: Limits::CLIENT,
            buffers: Buffers::default(),
            on_forward_failure: config.on_forward_failure,
            rounds_left: config.connection_attempts.max(1),
            retry: Armed::default(),
            deadline: None,
            agent: None,
            agent_timer: Armed::default(),
            agent_patience: AGENT_PATIENCE,
            peer: None,
            accepted_key: None,
            forwards_tried: Seen::No,
            config,
        }
    }

    /// To be connected once more, with what there was in the beginning, to who has that key.
    pub(super) fn again(&mut self, accepted_key: Vec<u8>) {
        self.accepted_key = Some(accepted_key);
        self.peer = None;
        self.rounds_left = self.config.connection_attempts.max(1);
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
        self.connect_agent(program);
        self.connect(program);
    }

    /// One round over all addresses.
    pub(super) fn connect(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        client.retry.fired();
        let config = &client.config;
        client.rounds_left = client.rounds_left.saturating_sub(1);
        let now = self.context.now;
        client.deadline = config.connect_timeout.map(|t| now.saturating_add(t));
        let owned = OwnedDial {
            owner: Owner::Client,
            dial: Dial::new(Where::Addresses(&config.addresses), client.deadline),
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
            Progress::Connected(connected) => self.make_session(connected, program),
            Progress::Failed(failed) => {
                if let Failed::TooLate = failed
                    && let Some(address) = client.config.addresses.last()
                {
                    let error = io::Error::from(ErrorKind::TimedOut);
                    program.observe(&Event::ConnectFailed {
                        address: *address,
                        error: &error,
                    });
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

    fn make_session(&mut self, connected: Connected, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let config = &client.config;
        let session = Session::client(
            Config {
                transport: config.ssh.transport(client.buffers),
                limits: client.limits,
                patience: config.alive.map(Into::into),
            },
            config.user.as_bytes(),
            config.methods.clone(),
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
        connected.stream.tune(config.alive);
        let slot = self.peers.reserve();
        self.peers_made += 1;
        let id = PeerId(self.peers_made);
        let address = connected.address;
        let mut state = State::new(id, slot, Role::Client, address, client.deadline);
        state.login_name = Arc::from(config.user.as_str());
        state.host.accepted = client.accepted_key.take();
        state.forwards = Arc::clone(&client.forwards);
        let local = connected.stream.local_addr();
        program.observe(&Event::Connected {
            peer: state.info(),
            local,
        });
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
        let how = client.config.stream_local_bind;
        // A tunnel stands for days; keys that were not needed go now.
        client.config.identities = Identities::default();
        self.close_agent(&mut Vec::new()); // its questions are answered
        for (n, forward) in forwards.iter().enumerate() {
            match self.listen_for(&forward.listen, how, For::Forward(n)) {
                Ok(opened) => {
                    for at in opened {
                        program.observe(&Event::Listening {
                            address: at.place(),
                            forward: Some(n),
                        });
                    }
                }
                Err((at, error)) => {
                    program.observe(&Event::ListenFailed {
                        address: at.place(),
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
        self.close_agent(&mut Vec::new());
        for slot in self.context.dials.numbers() {
            if let Some(mut owned) = self.context.dials.remove(slot) {
                owned.dial.finish(slot, &mut self.context);
            }
        }
    }
}
