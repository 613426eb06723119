//! The joint: transport, user authentication and the channel table as one machine without I/O.
//!
//! ```text
//!        bytes ─► recv_space/recv_filled ─► poll ─► Event          questions: need, then an answer
//!        bytes ◄─ send_pending/send_consumed ◄─ send_due           times: deadline, handle_timeout
//! ```
//!
//! Nothing queues here. What is due is state of a layer; `send_due` turns it into packets when the
//! send buffer has room.

mod answers;
mod channels;
mod event;
mod news;
mod times;

use core::time::Duration;
use std::sync::Arc;

use adit_auth::{Client, Established, Methods, Request, Server, UserAuthenticated};
use adit_connection::{self as connection, Accepts, Channels};
use adit_crypto::{Provider, Secret, SigningKey};
use adit_proto::{Encode, reason};
use adit_transport::{self as transport, Input, Packet, Transport, Tx};

use crate::error::Error;
use crate::life::{Life, Patience};
pub use event::{Event, Need, Span};

/// What both ends of a session need to know.
pub struct Config {
    /// Algorithms, buffers, rekey limits.
    pub transport: transport::Config,
    /// Channels and their windows.
    pub limits: connection::Limits,
    /// How long a silent peer is believed in, once it has authenticated.
    pub patience: Option<Patience>,
}

/// What a server gives each session beyond [`Config`].
pub struct ServerAuth {
    /// How often a client may try.
    pub limits: adit_auth::Limits,
    /// Random, the same for all sessions of a process: see [`Server::new`].
    pub timing_secret: Secret,
}

/// Where authentication stands. Only a value of [`UserAuthenticated`] leads to `Open`, and nothing
/// but `Open` hands messages to the channel table.
enum Phase {
    ClientAuth(Client),
    Open(UserAuthenticated),
    ServerAuth(Server),
    /// Before the first keys there is no session id to authenticate over.
    ServerAwaitKeys(ServerAuth),
    /// Nothing goes on: refused, or an error.
    Over,
}

/// One connection to a peer, either role.
pub struct Session {
    pub(crate) transport: Transport,
    pub(crate) channels: Channels,
    phase: Phase,
    provider: &'static Provider,
    patience: Option<Patience>,
    life: Life,
    /// `poll` stopped before it had seen all that was read: an answer had to go out first.
    is_behind: bool,
    /// Data on its way to one channel: [`crate::relay::push`] has it only for as long as it runs.
    pub(crate) gathered: Vec<Span>,
}

impl Session {
    /// A client's end. Its identification and KEXINIT are ready to be sent.
    ///
    /// # Errors
    /// When there is no randomness, or nothing to offer.
    pub fn client(
        config: Config,
        user: &[u8],
        methods: Methods,
        now: Duration,
    ) -> Result<Self, Error> {
        let provider = config.transport.provider;
        Ok(Self {
            transport: Transport::client(config.transport, now)?,
            channels: Channels::new(config.limits, Accepts::Nothing),
            phase: Phase::ClientAuth(Client::new(provider, user, methods)),
            provider,
            patience: config.patience,
            life: Life::new(None, now),
            is_behind: false,
            gathered: Vec::new(),
        })
    }

    /// A server's end. Its identification and KEXINIT are ready to be sent.
    ///
    /// # Errors
    /// When there is no randomness, or no host key that anyone could use.
    pub fn server(
        config: Config,
        host_keys: Arc<[Box<dyn SigningKey>]>,
        auth: ServerAuth,
        now: Duration,
    ) -> Result<Self, Error> {
        let provider = config.transport.provider;
        Ok(Self {
            transport: Transport::server(config.transport, host_keys, now)?,
            channels: Channels::new(config.limits, Accepts::Direct),
            phase: Phase::ServerAwaitKeys(auth),
            provider,
            patience: config.patience,
            life: Life::new(None, now),
            is_behind: false,
            gathered: Vec::new(),
        })
    }

    /// Where the next bytes from the peer go. `None`: do not read now; ask again after a flush.
    pub fn recv_space(&mut self) -> Option<&mut [u8]> {
        if self.can_take() {
            self.transport.recv_space()
        } else {
            None
        }
    }

    /// `n` bytes were read to [`Session::recv_space`].
    pub fn recv_filled(&mut self, n: usize, now: Duration) {
        self.life.heard(now);
        self.transport.recv_filled(n);
    }

    /// What happened next, or `None` when more bytes, an answer, or room to send are needed first.
    ///
    /// # Errors
    /// What ends the session: call [`Session::fail`] with it, flush, and close.
    pub fn poll(&mut self, now: Duration) -> Result<Option<Event>, Error> {
        while self.can_take() {
            let Some(input) = self.transport.poll(now)? else {
                break;
            };
            let event = match input {
                Input::Packet(packet) => self.packet(packet, now)?,
                Input::HostKey(offer) => Some(Event::HostKey(offer)),
                Input::Established => {
                    self.begin_auth();
                    Some(Event::Established)
                }
                Input::Rekeyed => Some(Event::Rekeyed),
                // RFC 4253 §10: a client waits for SERVICE_ACCEPT only where the exchange has not
                // proved who the server is. EXT_INFO is the first that comes under the server's keys
                // (RFC 8308 §2.4), and the last that authentication has to know: a round trip less.
                Input::Extensions => {
                    if let Phase::ClientAuth(_) = self.phase {
                        self.begin_auth();
                    }
                    None
                }
                Input::Pong { round_trip } => {
                    self.channels.set_round_trip(round_trip);
                    Some(Event::Alive)
                }
                Input::Debug {
                    always_display,
                    message,
                    packet,
                } => Some(Event::Debug {
                    always_display,
                    message: Span::new(packet, &message),
                }),
                Input::Disconnected {
                    reason_code,
                    description,
                    packet,
                } => {
                    let description = Span::new(packet, &description);
                    Some(Event::Disconnected {
                        reason_code,
                        description,
                    })
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        self.is_behind = !self.can_take();
        Ok(None)
    }

    /// Whether [`Session::poll`] would go on with bytes that were read before: what it waited for
    /// has gone out since. Its caller polls again then, since no event of a socket will say so.
    #[must_use]
    pub fn can_go_on(&self) -> bool {
        self.is_behind && self.can_take()
    }

    /// The bytes of a span, or nothing when it is no longer valid.
    #[must_use]
    pub fn bytes(&self, span: Span) -> &[u8] {
        span.packet
            .and_then(|packet| self.transport.payload(packet).get(span.start..span.end))
            .unwrap_or(&[])
    }

    /// Builds what is due, as far as there is room. An event when sending made something true:
    /// [`Event::Authenticated`] on a server, [`Event::OpenConfirmed`] for a channel of the peer's.
    /// Call again until there is none.
    ///
    /// # Errors
    /// What ends the session.
    pub fn send_due(&mut self, now: Duration) -> Result<Option<Event>, Error> {
        let tx = self.transport.tx();
        match &mut self.phase {
            Phase::ClientAuth(client) => {
                if let Some(event) = client.take_event() {
                    return Ok(self.client_event(None, event, now));
                }
                let message = client.message();
                if let Some(message) = message.as_ref().filter(|m| request_fits(tx, m)) {
                    if message.is_secret() {
                        tx.send_hiding_length(message)?;
                    } else {
                        tx.send(message)?;
                    }
                    let event = client.message_sent();
                    return Ok(self.client_event(None, event, now));
                } else if message.is_some() && tx.is_empty() && !tx.is_held() {
                    // There will never be more room than now.
                    let error = adit_auth::Internal::RequestTooLong;
                    return Err(adit_auth::Error::Internal(error).into());
                }
            }
            Phase::ServerAuth(server) => {
                if let Some(message) = server.message().filter(|m| fits(tx, m)) {
                    tx.send(&message)?;
                    let event = server.message_sent();
                    return Ok(self.server_event(event, now));
                }
            }
            Phase::Open(_) => {
                while tx.control_room() >= connection::Outgoing::MAX_LEN {
                    let Some(message) = self.channels.poll_message(now) else {
                        break;
                    };
                    let confirmed = message.confirms();
                    tx.send(&message)?;
                    if let Some(id) = confirmed {
                        return Ok(Some(Event::OpenConfirmed(id)));
                    }
                }
            }
            Phase::ServerAwaitKeys(_) | Phase::Over => {}
        }
        Ok(None)
    }

    /// Whether [`Session::send_due`] would have something to send, were there room.
    #[must_use]
    pub fn has_due(&self) -> bool {
        match &self.phase {
            Phase::ClientAuth(client) => client.has_event() || client.message().is_some(),
            Phase::ServerAuth(server) => server.message().is_some(),
            Phase::Open(_) => self.channels.has_message(),
            Phase::ServerAwaitKeys(_) | Phase::Over => false,
        }
    }

    /// Sealed bytes that wait for the peer's socket, in order.
    #[must_use]
    pub fn send_pending(&self) -> [&[u8]; 2] {
        self.transport.send_pending()
    }

    /// The peer's socket took this many of them.
    pub fn send_consumed(&mut self, n: usize) {
        self.transport.send_consumed(n);
    }

    /// The transport, to read what was negotiated.
    #[must_use]
    pub const fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The channel table, to read.
    #[must_use]
    pub const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Ends the session in order: DISCONNECT is sealed if it can be, and nothing goes on.
    pub fn disconnect(&mut self, reason: reason::Disconnect, text: &str) {
        self.transport.disconnect(reason, text);
        self.phase = Phase::Over;
    }

    /// Ends the session for an error, telling the peer what it did wrong.
    pub fn fail(&mut self, error: Error) {
        if let Some(reason) = error.reason() {
            self.transport.disconnect(reason, &error.to_string());
        }
        self.phase = Phase::Over;
    }

    /// Whether the next packet may be looked at: an answer that is owed comes first. Not where a key
    /// exchange holds all answers: the peer's part of it may be behind its requests, and one that
    /// finds no row any more is the peer's mistake.
    fn can_take(&self) -> bool {
        match &self.phase {
            Phase::Open(_) => self.channels.can_take() || self.transport.is_held(),
            Phase::ServerAuth(server) => server.can_take(),
            Phase::ClientAuth(_) | Phase::ServerAwaitKeys(_) => true,
            Phase::Over => false,
        }
    }

    /// Where that was done before it does nothing.
    fn begin_auth(&mut self) {
        let Some(session_id) = self.transport.session_id() else {
            return;
        };
        self.phase = match core::mem::replace(&mut self.phase, Phase::Over) {
            Phase::ClientAuth(mut client) => {
                let extensions = self.transport.peer_extensions();
                let host_key = self.transport.initial_host_key();
                client.start(&Established {
                    session_id: session_id.as_bytes(),
                    server_sig_algs: extensions.server_sig_algs.as_deref(),
                    hostbound: extensions.hostbound.then_some(host_key),
                });
                Phase::ClientAuth(client)
            }
            Phase::ServerAwaitKeys(auth) => Phase::ServerAuth(Server::new(
                self.provider,
                session_id.as_bytes(),
                self.transport.initial_host_key(),
                auth.timing_secret,
                auth.limits,
            )),
            other @ (Phase::Open(_) | Phase::ServerAuth(_) | Phase::Over) => other,
        };
    }

    /// A message for the layer that this phase has.
    fn packet(&mut self, packet: Packet, now: Duration) -> Result<Option<Event>, Error> {
        let payload = self.transport.payload(packet);
        match &mut self.phase {
            Phase::ClientAuth(client) => {
                let event = client.handle(payload)?;
                Ok(self.client_event(Some(packet), event, now))
            }
            Phase::ServerAuth(server) => {
                let event = server.handle(payload, now)?;
                Ok(self.server_event(event, now))
            }
            Phase::Open(_) => {
                let event = self.channels.handle(payload, now)?;
                Ok(self.channel_event(packet, event))
            }
            // The transport lets nothing through before its keys, and `poll` stops at `Over`.
            Phase::ServerAwaitKeys(_) | Phase::Over => Ok(None),
        }
    }
}

fn request_fits(tx: &Tx, request: &Request<'_>) -> bool {
    let hiding = if request.is_secret() { Tx::HIDING } else { 0 };
    request.encoded_len() + hiding <= tx.control_room()
}

fn fits(tx: &Tx, message: &impl Encode) -> bool {
    message.encoded_len() <= tx.control_room()
}
