//! The SSH transport layer (RFC 4253): identification, key exchange, encrypted packets, rekey. It
//! has no I/O and no clock: bytes go in, packets come out by position, bytes come out.
//!
//! # Calling contract
//!
//! 1. [`Transport::client`] or [`Transport::server`]: identification and KEXINIT wait to be sent.
//! 2. Whenever the peer's socket is readable: [`Transport::recv_space`], read into it,
//!    [`Transport::recv_filled`]; then [`Transport::poll`] until it gives `None`. What a packet
//!    says is in [`Transport::payload`] until the next `recv_space` or `handle_timeout`.
//! 3. Whenever it is writable: write [`Transport::send_pending`], [`Transport::send_consumed`].
//! 4. At [`Transport::deadline`]: [`Transport::handle_timeout`].
//! 5. A client answers [`Input::HostKey`] with [`Transport::trust`] or drops the transport.
//!    Both call [`Transport::authenticated`] at once when authentication succeeded, before they
//!    poll again.
//! 6. After an error: [`Transport::disconnect`] with [`Error::reason`], flush once, drop.
//!
//! The most that buffers may have is fixed when a transport is made and changes once, after
//! authentication; within that they grow as bytes come, and what is empty is given back after a second
//! in which nothing moved. Nothing that a peer announces reaches an allocator.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod error;
mod exchange;
mod extensions;
mod frame;
mod input;
mod keys;
mod negotiate;
mod none;
mod padding;
mod phase;
mod ping;
mod receive;
mod recv_buf;
mod rekey;
mod rest;
mod room;
mod rx;
mod schedule;
mod send_buf;
mod strict;
mod tx;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use adit_crypto::SigningKey;
use adit_proto::msg::{self, KexInit};
use adit_proto::{Decode, Ident, IdentReader, reason};

pub use config::{AeadFirst, Algorithms, BadSelection, Buffers, Config, RekeyLimits};
pub use error::{CryptoFailure, Error, Internal, List, PeerMisbehaved, TimedOut};
pub use exchange::{HostKeyOffer, HostKeyTrusted};
pub use extensions::Extensions;
pub use input::{Input, Sent};
pub use keys::SessionId;
pub use negotiate::Negotiated;
pub use rekey::ASLEEP;
pub use rx::Packet;
pub use tx::{DataSlot, Tx};

use exchange::Exchange;
use negotiate::Offer;
use ping::PingSent;
use rest::Rest;
use rx::Rx;
use strict::{ExtInfoWanted, Role, Strict};

/// Most SERVICE_REQUESTs of one client. paramiko sends one before each of its requests to
/// authenticate; that many answers have room in the send buffer, whether the client reads or not.
const SERVICE_REQUESTS_MAX: u8 = 32;

/// The one service that a connection begins with (RFC 4253 §10).
const SSH_USERAUTH: &[u8] = b"ssh-userauth";

/// How far a connection has come, which never goes back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    FirstExchange,
    Service,
    Auth,
    Open,
}

/// Whether there is anything left to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Running,
    Ended,
    Failed(Error),
}

/// One end of an SSH connection up to and including its packets. See the crate's contract.
pub struct Transport {
    role: Role,
    config: Config,
    offer: Offer,
    /// A server's; empty for a client.
    host_keys: Arc<[Box<dyn SigningKey>]>,
    rx: Rx,
    tx: Tx,
    ident_reader: IdentReader,
    peer_ident: Option<Ident>,
    life: Life,
    stage: Stage,
    exchange: Exchange,
    exchange_began: Duration,
    exchange_ended: Duration,
    /// How many terms the exchange under way has had.
    exchange_terms: u32,
    /// Where data waits before our KEXINIT: how much had gone out when its term began.
    exchange_behind: Option<u64>,
    /// How much had come in when its term began.
    exchange_ahead: u64,
    rekey_wanted: bool,
    strict: Strict,
    /// The peer's KEXINIT that was handled last, while its bytes are still there.
    kexinit: Option<Packet>,
    negotiated: Option<Negotiated>,
    session_id: Option<SessionId>,
    /// A client's, once somebody trusted it.
    host_key: Option<HostKeyTrusted>,
    initial_host_key: Vec<u8>,
    initial_signature: Vec<u8>,
    ext_info_wanted: ExtInfoWanted,
    ext_info_left: u8,
    service_requests_left: u8,
    extensions: Extensions,
    ping: Option<PingSent>,
    pings: u64,
    rest: Rest,
}

impl Transport {
    /// The client's end. Identification and KEXINIT are pending at once.
    ///
    /// # Errors
    /// [`Internal::NothingToOffer`] for an empty list, [`CryptoFailure::Random`].
    pub fn client(config: Config, now: Duration) -> Result<Self, Error> {
        Self::new(Role::Client, config, Arc::new([]), now)
    }

    /// The server's end, with its host keys. It offers those of the configured algorithms that one
    /// of them has.
    ///
    /// # Errors
    /// As [`Transport::client`]; also when no key has a configured algorithm.
    pub fn server(
        mut config: Config,
        host_keys: Arc<[Box<dyn SigningKey>]>,
        now: Duration,
    ) -> Result<Self, Error> {
        let has = |name: &&str| host_keys.iter().any(|key| key.algorithms().contains(name));
        config.algorithms.host_keys.retain(has);
        Self::new(Role::Server, config, host_keys, now)
    }

    fn new(
        role: Role,
        config: Config,
        host_keys: Arc<[Box<dyn SigningKey>]>,
        now: Duration,
    ) -> Result<Self, Error> {
        let offer = Offer::new(&config.algorithms)?;
        let kex_room = room::kex_room(role, &offer, &config.algorithms, &host_keys)?;
        let mut this = Self {
            role,
            tx: Tx::new(config.random, kex_room),
            rx: Rx::new(),
            offer,
            host_keys,
            ident_reader: match role {
                Role::Client => IdentReader::client(),
                Role::Server => IdentReader::server(),
            },
            peer_ident: None,
            life: Life::Running,
            stage: Stage::FirstExchange,
            exchange: Exchange::Idle,
            exchange_began: now,
            exchange_ended: now,
            exchange_terms: 0,
            exchange_behind: None,
            exchange_ahead: 0,
            rekey_wanted: false,
            strict: Strict::No,
            kexinit: None,
            negotiated: None,
            session_id: None,
            host_key: None,
            initial_host_key: Vec::new(),
            initial_signature: Vec::new(),
            ext_info_wanted: ExtInfoWanted::No,
            ext_info_left: extensions::ext_info_allowed(role),
            service_requests_left: SERVICE_REQUESTS_MAX,
            extensions: Extensions::default(),
            ping: None,
            pings: 0,
            rest: Rest::default(),
            config,
        };
        this.tx.send_line(this.config.ident.as_bytes())?;
        this.begin_exchange()?;
        Ok(this)
    }

    /// Where to read to next; never empty. `None`: do not read now, because a host key waits for an
    /// answer, because packets must be polled first, or because the connection has ended.
    #[must_use]
    pub fn recv_space(&mut self) -> Option<&mut [u8]> {
        if self.life != Life::Running || self.awaits_trust() {
            return None;
        }
        self.kexinit = None;
        Some(self.rx.space()).filter(|space| !space.is_empty())
    }

    /// `n` bytes were read into [`Transport::recv_space`].
    pub fn recv_filled(&mut self, n: usize) {
        self.rx.filled(n);
    }

    /// Goes on with what has arrived. `None`: more must be read first.
    ///
    /// # Errors
    /// Whatever ends the connection; it stays the answer from then on.
    pub fn poll(&mut self, now: Duration) -> Result<Option<Input>, Error> {
        let result = self.poll_once(now);
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }

    fn poll_once(&mut self, now: Duration) -> Result<Option<Input>, Error> {
        loop {
            match self.life {
                Life::Running => {}
                Life::Ended => return Ok(None),
                Life::Failed(error) => return Err(error),
            }
            if self.awaits_trust() || !self.has_peer_ident()? {
                return Ok(None);
            }
            self.rekey_if_due(now)?;
            let Some(packet) = self.rx.poll()? else {
                return Ok(None);
            };
            if let Some(input) = self.handle(packet, now)? {
                return Ok(Some(input));
            }
        }
    }

    fn has_peer_ident(&mut self) -> Result<bool, Error> {
        if self.peer_ident.is_none() {
            let reader = &mut self.ident_reader;
            self.peer_ident = self.rx.take_bytes(|byte| Ok(reader.push(byte)?))?;
        }
        Ok(self.peer_ident.is_some())
    }

    /// A packet's payload, at least one byte. Empty for a packet that is no longer there.
    #[must_use]
    pub fn payload(&self, packet: Packet) -> &[u8] {
        self.rx.payload(packet)
    }

    /// The host key that [`Input::HostKey`] offered is the right one: the exchange goes on. What
    /// goes wrong with that is the answer to the next [`Transport::poll`].
    pub fn trust(&mut self, key: HostKeyTrusted) {
        if let Err(error) = self.on_trusted(key) {
            self.fail(error);
        }
    }

    /// Authentication succeeded: from now on the connection protocol's messages pass and
    /// authentication's do not, keys may be changed, and the buffers are those of the profile.
    pub fn authenticated(&mut self, now: Duration) {
        if self.stage != Stage::Auth {
            self.fail(Internal::Order.into());
            return;
        }
        self.stage = Stage::Open;
        self.exchange_ended = now;
        self.rx.resize(self.config.buffers.recv);
        self.tx.resize(self.config.buffers.send);
        self.begin_rests(now);
    }

    /// The first exchange hash, once there is one (RFC 4253 §7.2).
    #[must_use]
    pub const fn session_id(&self) -> Option<&SessionId> {
        self.session_id.as_ref()
    }

    /// What the latest KEXINITs came to.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// The peer's identification.
    #[must_use]
    pub const fn peer_ident(&self) -> Option<&Ident> {
        self.peer_ident.as_ref()
    }

    /// What the peer told in EXT_INFO.
    #[must_use]
    pub const fn peer_extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// One of the peer's lists, joined, after [`Error::NoCommon`]; otherwise perhaps nothing.
    #[must_use]
    pub fn peer_offer(&self, which: List) -> &[u8] {
        let payload = self
            .kexinit
            .map_or(&[][..], |packet| self.rx.payload(packet));
        KexInit::decode(payload).map_or(&[], |kexinit| negotiate::list(&kexinit, which).as_bytes())
    }

    /// The host key of the first exchange; empty before that.
    #[must_use]
    pub fn initial_host_key(&self) -> &[u8] {
        &self.initial_host_key
    }

    /// Its signature over the session identifier; empty before that.
    #[must_use]
    pub fn initial_signature(&self) -> &[u8] {
        &self.initial_signature
    }

    /// The sending half, for data and messages of the layers above.
    pub const fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// What waits to be written, in this order.
    #[must_use]
    pub fn send_pending(&self) -> [&[u8]; 2] {
        self.tx.pending()
    }

    /// The first `n` bytes of [`Transport::send_pending`] were written.
    pub fn send_consumed(&mut self, n: usize) {
        self.tx.consumed(n);
    }

    /// Ends the connection: DISCONNECT is sealed if that is possible, and nothing is read or sent
    /// after it. Flush what is pending, then drop the transport.
    pub fn disconnect(&mut self, reason: reason::Disconnect, text: &str) {
        if self.life == Life::Ended {
            return;
        }
        let message = msg::Disconnect {
            reason_code: reason.code(),
            description: text.as_bytes(),
            language_tag: b"",
        };
        // Without room or keys for it the peer sees the connection close, which says enough.
        let _ = self.tx.send_kex(&message);
        self.end();
    }
}

#[cfg(test)]
mod tests;
