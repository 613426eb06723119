//! The client's side of a loop: connect, ask the agent, make the session, open the forwards.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use adit_auth::Methods;
use adit_connection::Limits;
use adit_transport::Buffers;

use super::agent::Agent;
use super::child::Child;
use super::config::{ClientConfig, Identities, KeepAlive, OnForwardFailure, SshConfig};
use super::context::{OwnedDial, Owner};
use super::dial::{Connected, Dial, Failed, Progress, Where};
use super::forwards::{Forward, RemoteForward, StreamLocalBind, To};
use super::hops::Joined;
use super::local::Seen;
use super::peer::Peer;
use super::ready::Ready;
use super::signers::AGENT_PATIENCE;
use super::state::{Role, State};
use super::stdio;
use super::stream::Stream;
use super::timer::{Armed, Timer};
use super::way::{Proxy, Stdio};
use super::{End, Reactor, Side, Source};
use crate::observer::{Event, PeerId, Program};
use crate::policy::PermitOpen;
use crate::session::{Config, Session};

/// Between two rounds over all addresses (ConnectionAttempts).
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the client's side keeps.
pub(super) struct Client {
    /// The servers on the way, the last one being where forwards lead. Keys are taken out of it.
    pub(super) hops: Vec<Hop>,
    /// How the first one is reached.
    addresses: Vec<SocketAddr>,
    attempts: u32,
    proxy: Option<Proxy>,
    pub(super) child: Option<Child>,
    pub(super) forwards: Arc<[Forward]>,
    pub(super) remote_forwards: Arc<[RemoteForward]>,
    pub(super) permit_remote_open: PermitOpen,
    pub(super) stream_local_bind: StreamLocalBind,
    pub(super) stdio: Joined,
    pub(super) limits: Limits,
    pub(super) buffers: Buffers,
    pub(super) on_forward_failure: OnForwardFailure,
    rounds_left: u32,
    retry: Armed,
    /// When the key exchange must be through.
    deadline: Option<Duration>,
    /// Of the server that is being logged in to.
    pub(super) agent: Option<Agent>,
    pub(super) agent_timer: Armed,
    /// How long the agent may take to say which keys it has.
    pub(super) agent_patience: Duration,
    /// The sessions that there are, in the order of the way.
    pub(super) slots: Vec<usize>,
    /// The host key that a person accepted on a connection that has ended since.
    pub(super) accepted_key: Option<Vec<u8>>,
    /// Each forward listens, or has failed.
    pub(super) forwards_tried: Seen,
}

/// One server.
pub(super) struct Hop {
    pub(super) ssh: SshConfig,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) user: String,
    pub(super) methods: Methods,
    pub(super) identities: Identities,
    alive: Option<KeepAlive>,
    /// Where the next one is; `None` for the last.
    pub(super) leads_to: Option<To>,
}

impl Client {
    pub(super) fn new(config: ClientConfig) -> Self {
        let jumps = config.jumps.into_iter().map(|jump| Hop {
            ssh: jump.ssh,
            connect_timeout: jump.connect_timeout,
            user: jump.user,
            methods: jump.methods,
            identities: jump.identities,
            alive: jump.alive,
            leads_to: Some(jump.leads_to),
        });
        let server = Hop {
            ssh: config.ssh,
            connect_timeout: config.connect_timeout,
            user: config.user,
            methods: config.methods,
            identities: config.identities,
            alive: config.alive,
            leads_to: None,
        };
        let attempts = config.connection_attempts.max(1);
        Self {
            hops: jumps.chain([server]).collect(),
            addresses: config.addresses,
            attempts,
            proxy: config.proxy,
            child: None,
            forwards: config.forwards.into(),
            remote_forwards: config.remote_forwards.into(),
            permit_remote_open: config.permit_remote_open,
            stream_local_bind: config.stream_local_bind,
            stdio: config.stdio.map_or(Joined::Nothing, Joined::Wanted),
            limits: config.room.limits(),
            buffers: config.room.buffers(),
            on_forward_failure: config.on_forward_failure,
            rounds_left: attempts,
            retry: Armed::default(),
            deadline: None,
            agent: None,
            agent_timer: Armed::default(),
            agent_patience: AGENT_PATIENCE,
            slots: Vec::new(),
            accepted_key: None,
            forwards_tried: Seen::No,
        }
    }

    /// To be connected once more, with what there was in the beginning, to who has that key.
    pub(super) fn again(&mut self, hop: usize, accepted_key: Vec<u8>) {
        self.accepted_key = Some(accepted_key);
        self.slots.truncate(hop);
        self.rounds_left = self.attempts;
    }

    /// The slot of the session with the last server.
    pub(super) fn peer(&self) -> Option<usize> {
        let last = self.hops.len().checked_sub(1)?;
        self.slots.get(last).copied()
    }

    /// The server that is being logged in to, or would be next.
    pub(super) fn hop(&mut self) -> Option<&mut Hop> {
        let at = self.slots.len().saturating_sub(1);
        self.hops.get_mut(at)
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

    /// One round over all addresses of the first server, or whatever else leads to it.
    pub(super) fn connect(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        client.retry.fired();
        client.rounds_left = client.rounds_left.saturating_sub(1);
        let now = self.context.now;
        let timeout = client.hops.first().and_then(|hop| hop.connect_timeout);
        client.deadline = timeout.map(|t| now.saturating_add(t));
        if client.proxy.is_some() {
            return self.connect_proxy(program);
        }
        let owned = OwnedDial {
            owner: Owner::Client,
            dial: Dial::new(Where::Addresses(&client.addresses), client.deadline),
        };
        let (_, progress) = self.context.dial(owned, &mut tell_of(program));
        self.client_dialled(progress, program);
    }

    /// Has a program, or standard input and output, lead to the first server.
    fn connect_proxy(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(proxy) = &mut client.proxy else {
            return;
        };
        let started = UnixStream::pair().and_then(|(ours, theirs)| {
            match proxy {
                Proxy::Command { shell, command } => {
                    client.child = Some(Child::start(shell, command, theirs)?);
                }
                Proxy::Stdio(Stdio { input, output }) => {
                    let stdio = Stdio {
                        input: input.try_clone()?,
                        output: output.try_clone()?,
                    };
                    stdio::join(stdio, theirs, self.context.notes.clone())?;
                }
            }
            ours.set_nonblocking(true)?;
            Ok(mio::net::UnixStream::from_std(ours))
        });
        match started {
            Ok(ours) => self.begin_session(ours, program),
            Err(error) => {
                program.observe(&Event::ProxyFailed { error: &error });
                self.stop(End::NotConnected, program);
            }
        }
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
                    && let Some(address) = client.addresses.last()
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

    /// The next session on the way, over one end of a socket pair.
    pub(super) fn begin_session(
        &mut self,
        socket: mio::net::UnixStream,
        program: &mut dyn Program,
    ) {
        let mut stream = Stream::Unix(socket);
        let source = match self.context.register(&mut stream, Source::Waker) {
            Ok(source) => source,
            Err(error) => {
                program.observe(&Event::ProxyFailed { error: &error });
                return self.stop(End::NotConnected, program);
            }
        };
        let connected = Connected {
            stream,
            address: None,
            source,
            ready: Ready::writable(),
        };
        self.make_session(connected, program);
    }

    /// How long the next session's key exchange may take, from now on.
    pub(super) fn set_deadline(&mut self) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let hop = client.hops.get(client.slots.len());
        let timeout = hop.and_then(|hop| hop.connect_timeout);
        client.deadline = timeout.map(|t| self.context.now.saturating_add(t));
    }

    fn make_session(&mut self, connected: Connected, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let at = client.slots.len();
        let Some(hop) = client.hops.get(at) else {
            return connected.give_up(&mut self.context);
        };
        let session = Session::client(
            Config {
                transport: hop.ssh.transport(client.buffers),
                limits: client.limits,
                patience: hop.alive.map(Into::into),
            },
            hop.user.as_bytes(),
            hop.methods.clone(),
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
        connected.stream.tune(hop.alive, connected.address);
        let slot = self.peers.reserve();
        self.peers_made += 1;
        let id = PeerId(self.peers_made);
        let mut state = State::new(id, slot, Role::Client, connected.address, client.deadline);
        state.hop = at;
        state.login_name = Arc::from(hop.user.as_str());
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
        client.slots.push(slot);
        self.schedule(slot);
    }

    /// Gives up whatever the client waits for.
    pub(super) fn stop_client(&mut self) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let timers = &mut self.context.timers;
        timers.disarm(Timer::Retry, &mut client.retry);
        timers.disarm(Timer::Agent, &mut client.agent_timer);
        client.stdio = Joined::Nothing;
        self.close_agent(&mut Vec::new());
        for slot in self.context.dials.numbers() {
            if let Some(mut owned) = self.context.dials.remove(slot) {
                owned.dial.finish(slot, &mut self.context);
            }
        }
        self.context.clear_guests();
    }
}
