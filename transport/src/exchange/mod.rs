//! A key exchange from our KEXINIT to the peer's NEWKEYS (RFC 4253 §7, RFC 5656 §4).
//!
//! ```text
//!             client                                  server
//!   KEXINIT  ───────────────────►◄───────────────────  KEXINIT      we may send no more data
//!   KEX_ECDH_INIT  ─────────────►                                   nor may the peer
//!                                ◄─────────────  KEX_ECDH_REPLY
//!                                ◄───────────────────  NEWKEYS      server: may send again
//!   (first exchange: is this the right host key?)
//!   NEWKEYS  ───────────────────►                                   client: may send again
//! ```
//!
//! The states are values that are consumed: there is no way to new keys but through all of them.

mod client;
mod hash;
mod newkeys;
mod server;

use alloc::vec::Vec;

use adit_crypto::SigningKey;
use adit_proto::msg::{KexEcdhInit, KexEcdhReply, KexInit, ServiceRequest};
use adit_proto::{Decode, Ident, msg};

pub use client::{HostKeyOffer, HostKeyTrusted};

use crate::error::{CryptoFailure, Error, Internal, PeerMisbehaved};
use crate::extensions::{Encoded, OurExtensions};
use crate::negotiate::{self, Guess, Negotiated, Which};
use crate::phase::{Next, Others};
use crate::rekey::Usage;
use crate::strict::{ExtInfoWanted, Markers, Role, Strict, our_markers};
use crate::{Input, Packet, SSH_USERAUTH, Stage, Transport};
use client::{AwaitReply, AwaitTrust};
use hash::ExchangeHash;
use newkeys::{AwaitNewKeys, Derivation, NewKeys};
use server::AwaitInit;

/// Longest KEXINIT that is accepted. OpenSSH's has 1.5 KiB.
const KEXINIT_MAX: usize = 16 * 1024;

/// Where an exchange is: what is awaited from the peer or, once, from the caller.
pub(crate) enum Exchange {
    /// None is under way.
    Idle,
    /// Our KEXINIT is out; here it is for the exchange hash.
    KexInit(Vec<u8>),
    Init(AwaitInit),
    Reply(AwaitReply),
    Trust(AwaitTrust),
    NewKeys(AwaitNewKeys),
}

impl Exchange {
    /// What the peer must send next, if it has begun.
    pub(crate) fn next(&self) -> Option<Next> {
        match self {
            Self::Idle | Self::KexInit(_) => None,
            Self::Init(state) if state.guess == Guess::Wrong => Some(Next::WrongGuess),
            Self::Reply(state) if state.guess == Guess::Wrong => Some(Next::WrongGuess),
            Self::Init(_) => Some(Next::Init),
            Self::Reply(_) => Some(Next::Reply),
            Self::Trust(_) | Self::NewKeys(_) => Some(Next::NewKeys),
        }
    }
}

impl Transport {
    /// Sends our KEXINIT; from here on nothing but the exchange is sent.
    pub(crate) fn begin_exchange(&mut self) -> Result<(), Error> {
        let mut cookie = [0; 16];
        self.config
            .random
            .fill(&mut cookie)
            .map_err(|_| CryptoFailure::Random)?;
        let which = match self.session_id {
            None => Which::First {
                markers: our_markers(self.role),
            },
            Some(_) => Which::Later,
        };
        let kexinit = self.offer.kexinit(cookie, which)?;
        self.tx.hold();
        self.exchange_terms = 0;
        self.exchange_behind = (!self.tx.is_empty()).then(|| self.tx.total());
        self.exchange_ahead = self.rx.total();
        self.tx.send_kex(&Encoded(&kexinit))?;
        self.exchange = Exchange::KexInit(kexinit);
        Ok(())
    }

    /// The peer's KEXINIT.
    pub(crate) fn on_kexinit(&mut self, packet: Packet) -> Result<(), Error> {
        self.kexinit = Some(packet);
        if matches!(self.exchange, Exchange::Idle) {
            self.begin_exchange()?;
        }
        let Exchange::KexInit(our_payload) = core::mem::replace(&mut self.exchange, Exchange::Idle)
        else {
            return Err(PeerMisbehaved::KexInitAgain.into());
        };
        let payload = self.rx.payload(packet);
        if payload.len() > KEXINIT_MAX {
            return Err(PeerMisbehaved::KexInitTooLong.into());
        }
        let ours = KexInit::decode(&our_payload)?;
        let theirs = KexInit::decode(payload)?;
        if self.session_id.is_none() {
            let markers = Markers::read(self.role, ours.kex_algorithms, theirs.kex_algorithms);
            self.strict = markers.strict;
            self.ext_info_wanted = markers.ext_info;
            if markers.strict == Strict::Agreed && packet.seq() != 0 {
                return Err(PeerMisbehaved::KexInitNotFirst.into());
            }
        }
        let guess = negotiate::guess(&ours, &theirs);
        let their_ident = self.peer_ident.as_ref().ok_or(Internal::Order)?;
        let our_ident: &Ident = &self.config.ident;
        let (client, server, idents, payloads) = match self.role {
            Role::Client => (
                &ours,
                &theirs,
                [our_ident, their_ident],
                [&*our_payload, payload],
            ),
            Role::Server => (
                &theirs,
                &ours,
                [their_ident, our_ident],
                [payload, &*our_payload],
            ),
        };
        let agreement = negotiate::negotiate(&self.config.algorithms, client, server)?;
        let negotiated = Negotiated::new(&agreement, self.strict);
        let hash = ExchangeHash::start(agreement.kex.hash(), idents, payloads)?;
        self.negotiated = Some(negotiated);
        self.exchange = match self.role {
            Role::Client => {
                agreement.require_strict(self.strict)?;
                let state = AwaitReply::start(agreement, hash, guess, self.config.random)?;
                self.tx.send_kex(&KexEcdhInit { q_c: state.share() })?;
                Exchange::Reply(state)
            }
            Role::Server => Exchange::Init(AwaitInit {
                agreement,
                hash,
                guess,
            }),
        };
        Ok(())
    }

    /// The packet of a wrong guess was ignored: exactly one (RFC 4253 §7).
    pub(crate) fn on_wrong_guess(&mut self) {
        match &mut self.exchange {
            Exchange::Init(state) => state.guess = Guess::Fine,
            Exchange::Reply(state) => state.guess = Guess::Fine,
            Exchange::Idle | Exchange::KexInit(_) | Exchange::Trust(_) | Exchange::NewKeys(_) => {}
        }
    }

    /// Server: the client's share. Our flight goes out whole.
    pub(crate) fn on_init(&mut self, packet: Packet) -> Result<(), Error> {
        let Exchange::Init(state) = core::mem::replace(&mut self.exchange, Exchange::Idle) else {
            return Err(Internal::Order.into());
        };
        let algorithm = state.agreement.host_key;
        let keys = self.host_keys.iter().map(|key| &**key);
        let key: &dyn SigningKey = keys
            .into_iter()
            .find(|key| key.algorithms().contains(&algorithm))
            .ok_or(Internal::Order)?;
        let answer = state.init(self.rx.payload(packet), self.config.random, key)?;
        let k_s = key.public_blob();
        let reply = KexEcdhReply {
            k_s,
            q_s: &answer.q_s,
            signature: &answer.signature,
        };
        self.tx.send_kex(&reply)?;
        if self.session_id.is_none() {
            self.initial_host_key = k_s.to_vec();
            self.initial_signature = answer.signature;
        }
        let session_id = *self.session_id.get_or_insert(answer.derivation.h);
        // Not before the reply: ssh-keyscan, which is never strict, wants the host key that is in
        // it and leaves. No key of this exchange is used by then.
        answer.derivation.agreement.require_strict(self.strict)?;
        let first = self.stage == Stage::FirstExchange;
        let keys = NewKeys::of_server(&answer.derivation, &session_id)?;
        self.send_newkeys(keys)?;
        if first {
            self.send_ext_info()?;
        }
        Ok(())
    }

    /// Client: the server's share and signature.
    pub(crate) fn on_reply(&mut self, packet: Packet) -> Result<Option<Input>, Error> {
        let Exchange::Reply(state) = core::mem::replace(&mut self.exchange, Exchange::Idle) else {
            return Err(Internal::Order.into());
        };
        let mut replied = state.reply(self.rx.payload(packet), self.config.provider)?;
        if let Some(host) = &self.host_key {
            let derivation = replied.again(host)?;
            let session_id = self.session_id.ok_or(Internal::Order)?;
            let keys = NewKeys::of_client(&derivation, &session_id, host)?;
            self.send_newkeys(keys)?;
            return Ok(None);
        }
        self.initial_host_key = replied.k_s.clone();
        self.initial_signature = core::mem::take(&mut replied.signature);
        self.session_id = Some(replied.derivation.h);
        let (offer, wait) = replied.offer();
        self.exchange = Exchange::Trust(wait);
        Ok(Some(Input::HostKey(offer)))
    }

    /// Client: somebody says that this is the server that was meant.
    pub(crate) fn on_trusted(&mut self, key: HostKeyTrusted) -> Result<(), Error> {
        let Exchange::Trust(state) = core::mem::replace(&mut self.exchange, Exchange::Idle) else {
            return Err(Internal::Order.into());
        };
        let derivation: Derivation = state.trusted(&key).ok_or(Internal::Order)?;
        let session_id = self.session_id.ok_or(Internal::Order)?;
        let keys = NewKeys::of_client(&derivation, &session_id, &key)?;
        self.host_key = Some(key);
        self.send_newkeys(keys)?;
        self.send_ext_info()?;
        // RFC 4253 §7.3 lets us speak right after NEWKEYS; the server's may still be under way.
        self.tx.send_kex(&ServiceRequest {
            service_name: SSH_USERAUTH,
        })
    }

    /// The peer's NEWKEYS: the exchange is over.
    pub(crate) fn on_newkeys(&mut self, packet: Packet) -> Result<Option<Input>, Error> {
        msg::NewKeys::decode(self.rx.payload(packet))?;
        let Exchange::NewKeys(state) = core::mem::replace(&mut self.exchange, Exchange::Idle)
        else {
            return Err(Internal::Order.into());
        };
        let usage = Usage::new(state.cipher, self.config.rekey);
        self.rx.new_keys(state.opener, usage, self.strict);
        if self.stage == Stage::FirstExchange {
            self.stage = Stage::Service;
            return Ok(None);
        }
        Ok(Some(Input::Rekeyed))
    }

    fn send_newkeys(&mut self, keys: NewKeys) -> Result<(), Error> {
        self.tx.send_kex(&msg::NewKeys {})?;
        let usage = Usage::new(keys.seal_cipher, self.config.rekey);
        self.tx.new_keys(keys.sealer, usage, self.strict);
        self.exchange = Exchange::NewKeys(keys.open);
        Ok(())
    }

    /// The first packet after our first NEWKEYS, where the peer takes it (RFC 8308 §2.4).
    fn send_ext_info(&mut self) -> Result<(), Error> {
        if self.ext_info_wanted == ExtInfoWanted::No {
            return Ok(());
        }
        let ours = OurExtensions::new(self.role, &self.config.algorithms.user_keys);
        self.tx.send_kex(&ours.message())
    }

    /// Whether messages 1 to 4 may come between those of the exchange.
    pub(crate) fn others(&self) -> Others {
        match (self.stage, self.strict) {
            (Stage::FirstExchange, Strict::Agreed) => Others::Refused,
            _ => Others::Tolerated,
        }
    }
}
