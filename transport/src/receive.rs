//! What happens to a packet that arrived: the table in [`crate::phase`] says whether it may come,
//! this says what comes of it. Messages 1 to 49 and PING end here.

use core::ops::Range;
use core::time::Duration;

use adit_proto::msg::{
    Debug, Disconnect, ExtInfo, Ping, Pong, ServiceAccept, ServiceRequest, Unimplemented,
};
use adit_proto::{Decode, Reader};

use crate::error::{Error, Internal, PeerMisbehaved};
use crate::exchange::Exchange;
use crate::phase::{Admit, Phase, admit};
use crate::{Input, Life, Packet, SSH_USERAUTH, Stage, Transport};

/// number, always_display, length of message
const DEBUG_TEXT_AT: usize = 1 + 1 + 4;
/// number, reason_code, length of description
const DISCONNECT_TEXT_AT: usize = 1 + 4 + 4;

impl Transport {
    /// What the peer may send now.
    fn phase(&self) -> Phase {
        if let Some(next) = self.exchange.next() {
            return Phase::Exchange {
                next,
                others: self.others(),
            };
        }
        match self.stage {
            Stage::FirstExchange => Phase::FirstKexInit,
            Stage::Service => Phase::Service,
            Stage::Auth => Phase::Auth,
            Stage::Open => Phase::Open,
        }
    }

    /// Whether a caller must answer before anything more is read.
    pub(crate) const fn awaits_trust(&self) -> bool {
        matches!(self.exchange, Exchange::Trust(_))
    }

    pub(crate) fn handle(&mut self, packet: Packet, now: Duration) -> Result<Option<Input>, Error> {
        let payload = self.rx.payload(packet);
        let number = *payload.first().ok_or(Internal::Order)?;
        match admit(self.role, self.phase(), number)? {
            Admit::Drop => Ok(None),
            Admit::Upper => Ok(Some(Input::Packet(packet))),
            Admit::Debug => {
                let Debug {
                    always_display,
                    message,
                    ..
                } = Debug::decode(payload)?;
                let message = text_range(DEBUG_TEXT_AT, message);
                Ok(Some(Input::Debug {
                    always_display,
                    message,
                    packet,
                }))
            }
            Admit::Disconnect => {
                let input = disconnected(payload, packet);
                self.end();
                Ok(Some(input))
            }
            Admit::Unimplemented => {
                self.unimplemented(packet);
                Ok(None)
            }
            Admit::KexInit => {
                if matches!(self.exchange, Exchange::Idle) {
                    self.exchange_began = now;
                }
                self.on_kexinit(packet)?;
                Ok(None)
            }
            Admit::WrongGuess => {
                self.on_wrong_guess();
                Ok(None)
            }
            Admit::KexInitMessage => {
                self.on_init(packet)?;
                Ok(None)
            }
            Admit::KexReplyMessage => self.on_reply(packet),
            Admit::NewKeys => {
                self.exchange_ended = now;
                self.on_newkeys(packet)
            }
            Admit::ExtInfo => {
                let message = ExtInfo::decode(payload)?;
                self.ext_info_left = self
                    .ext_info_left
                    .checked_sub(1)
                    .ok_or(PeerMisbehaved::TooManyExtInfo)?;
                self.extensions.read(self.role, &message)?;
                Ok(Some(Input::Extensions))
            }
            Admit::ServiceRequest => {
                let ServiceRequest { service_name } = ServiceRequest::decode(payload)?;
                if service_name != SSH_USERAUTH {
                    return Err(PeerMisbehaved::UnknownService.into());
                }
                self.service_requests_left = self
                    .service_requests_left
                    .checked_sub(1)
                    .ok_or(PeerMisbehaved::UnexpectedMessage { number })?;
                self.tx.send_kex(&ServiceAccept { service_name })?;
                if self.stage == Stage::Auth {
                    return Ok(None); // authentication goes on where it is
                }
                self.stage = Stage::Auth;
                Ok(Some(Input::Established))
            }
            Admit::ServiceAccept => {
                let ServiceAccept { service_name } = ServiceAccept::decode(payload)?;
                if service_name != SSH_USERAUTH {
                    return Err(PeerMisbehaved::UnknownService.into());
                }
                self.stage = Stage::Auth;
                Ok(Some(Input::Established))
            }
            Admit::Ping => {
                let Ping { data } = Ping::decode(payload)?;
                // Dropped while held and without room: an answer that queues is a way to make us
                // hold memory (CVE-2025-26466).
                not_now_is_never(self.tx.send(&Pong { data }))?;
                Ok(None)
            }
            Admit::Pong => {
                let Pong { data } = Pong::decode(payload)?;
                let sent = self.ping.filter(|ping| ping.data == data);
                if sent.is_some() {
                    self.ping = None;
                }
                Ok(sent.map(|ping| Input::Pong {
                    round_trip: now.saturating_sub(ping.at),
                }))
            }
        }
    }

    /// Answers UNIMPLEMENTED (RFC 4253 §11.4) to a message of a number that nobody knows; the layer
    /// above says so of those that it was given. Without room the answer is dropped.
    pub fn unimplemented(&mut self, packet: Packet) {
        let answer = Unimplemented {
            packet_sequence_number: packet.seq(),
        };
        if let Err(error) = not_now_is_never(self.tx.send(&answer)) {
            self.fail(error);
        }
    }

    /// Nothing more is read and nothing more is sent but what is waiting.
    pub(crate) fn end(&mut self) {
        self.life = Life::Ended;
        self.tx.close();
    }

    /// As an error of the next poll.
    pub(crate) fn fail(&mut self, error: Error) {
        if matches!(self.life, Life::Running) {
            self.life = Life::Failed(error);
            self.tx.close();
        }
    }
}

/// For answers that are dropped when they find no room.
const fn not_now_is_never(sent: Result<(), Error>) -> Result<(), Error> {
    match sent {
        Err(Error::Full | Error::Ended) => Ok(()),
        other => other,
    }
}

fn text_range(at: usize, text: &[u8]) -> Range<usize> {
    at..at.saturating_add(text.len())
}

/// It ends all the same when it is malformed: old peers leave out the language tag.
fn disconnected(payload: &[u8], packet: Packet) -> Input {
    let (reason_code, description) = match Disconnect::decode(payload) {
        Ok(message) => (message.reason_code, message.description),
        Err(_) => {
            let mut reader = Reader::new(payload.get(1..).unwrap_or(&[]));
            let reason_code = reader.u32().unwrap_or(0);
            (reason_code, reader.string().unwrap_or(&[]))
        }
    };
    Input::Disconnected {
        reason_code,
        description: text_range(DISCONNECT_TEXT_AT, description),
        packet,
    }
}
