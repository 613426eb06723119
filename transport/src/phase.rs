//! Which message a peer may send when: one table for all phases and both roles. What it does not
//! list ends the connection (RFC 4253 §7.1, §10; RFC 4252 §5.1; OpenSSH PROTOCOL §1.8, §1.10).

use adit_proto::number::{self, Class, class};

use crate::error::PeerMisbehaved;
use crate::strict::Role;

/// What we wait for from the peer, as far as it decides what it may send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Its first KEXINIT.
    FirstKexInit,
    /// From its KEXINIT to its NEWKEYS.
    Exchange { next: Next, others: Others },
    /// SERVICE_REQUEST or SERVICE_ACCEPT.
    Service,
    /// Authentication.
    Auth,
    /// Anything; authentication succeeded.
    Open,
}

/// The one message of an exchange that comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// The packet of a wrong guess, to be ignored.
    WrongGuess,
    /// The client's share.
    Init,
    /// The server's share.
    Reply,
    NewKeys,
}

/// Messages 1 to 4 during an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Others {
    Tolerated,
    /// In a strict initial exchange: only DISCONNECT.
    Refused,
}

/// What to do with a message that may come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admit {
    Debug,
    Disconnect,
    /// Skip it.
    Drop,
    ExtInfo,
    KexInit,
    KexInitMessage,
    KexReplyMessage,
    NewKeys,
    Ping,
    Pong,
    ServiceAccept,
    ServiceRequest,
    /// Answer UNIMPLEMENTED.
    Unimplemented,
    /// For the layer above.
    Upper,
    /// The packet of a wrong guess.
    WrongGuess,
}

/// The table.
pub(crate) fn admit(role: Role, phase: Phase, number: u8) -> Result<Admit, PeerMisbehaved> {
    let admitted = match (phase, number) {
        (_, number::DISCONNECT) => Some(Admit::Disconnect),
        (
            Phase::Exchange {
                others: Others::Refused,
                ..
            },
            2..=4,
        ) => None,
        (_, number::IGNORE | number::UNIMPLEMENTED) => Some(Admit::Drop),
        (_, number::DEBUG) => Some(Admit::Debug),

        (Phase::FirstKexInit | Phase::Open, number::KEXINIT) => Some(Admit::KexInit),
        (Phase::Exchange { .. }, number::KEXINIT) => return Err(PeerMisbehaved::KexInitAgain),
        (Phase::Service | Phase::Auth, number::KEXINIT) => {
            return Err(PeerMisbehaved::RekeyTooEarly);
        }

        (Phase::Exchange { next, .. }, _) => match (next, number) {
            // RFC 4253 §7: whatever the guess was, such as group exchange, whose first is 34.
            (Next::WrongGuess, _) if class(number) == Class::KeyExchange => Some(Admit::WrongGuess),
            (Next::Init, number::KEX_ECDH_INIT) => Some(Admit::KexInitMessage),
            (Next::Reply, number::KEX_ECDH_REPLY) => Some(Admit::KexReplyMessage),
            (Next::NewKeys, number::NEWKEYS) => Some(Admit::NewKeys),
            _ => None,
        },

        (Phase::FirstKexInit, _) => None,

        (Phase::Service | Phase::Auth, number::EXT_INFO) => Some(Admit::ExtInfo),
        (Phase::Service | Phase::Auth, number::PING | number::PONG) => Some(Admit::Drop),
        // RFC 4253 §10 has a server accept what it supports, however often: paramiko asks again
        // before each of its requests to authenticate.
        (Phase::Service | Phase::Auth, number::SERVICE_REQUEST) if role == Role::Server => {
            Some(Admit::ServiceRequest)
        }
        (Phase::Service, number::SERVICE_ACCEPT) if role == Role::Client => {
            Some(Admit::ServiceAccept)
        }
        (Phase::Service, _) => None,

        (Phase::Auth, _) => is_auth(role, number).then_some(Admit::Upper),

        // RFC 4252 §5.1: requests after success "SHOULD be silently ignored".
        (Phase::Open, number::USERAUTH_REQUEST) if role == Role::Server => Some(Admit::Drop),
        (Phase::Open, number::PING) => Some(Admit::Ping),
        (Phase::Open, number::PONG) => Some(Admit::Pong),
        (Phase::Open, _) => match class(number) {
            Class::Global | Class::Channel => Some(Admit::Upper),
            Class::Zero | Class::KeyExchange | Class::Auth | Class::AuthMethod => None,
            // Of these ranges the known ones have their place in another phase.
            Class::Transport | Class::Negotiation | Class::Reserved | Class::Local => {
                number::name(number)
                    .is_none()
                    .then_some(Admit::Unimplemented)
            }
        },
    };
    admitted.ok_or(PeerMisbehaved::UnexpectedMessage { number })
}

/// Authentication messages that a role can get: a server requests, a client answers (RFC 4252 §6).
const fn is_auth(role: Role, number: u8) -> bool {
    match number {
        number::USERAUTH_REQUEST => matches!(role, Role::Server),
        number::USERAUTH_FAILURE | number::USERAUTH_SUCCESS | number::USERAUTH_BANNER => {
            matches!(role, Role::Client)
        }
        60..=79 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use core::ops::RangeInclusive;

    use super::*;

    type Row = (&'static [Role], Phase, &'static [RangeInclusive<u8>]);

    const BOTH: &[Role] = &[Role::Server, Role::Client];
    const SERVER: &[Role] = &[Role::Server];
    const CLIENT: &[Role] = &[Role::Client];

    const fn exchange(next: Next) -> Phase {
        let others = Others::Tolerated;
        Phase::Exchange { next, others }
    }

    const fn strict(next: Next) -> Phase {
        let others = Others::Refused;
        Phase::Exchange { next, others }
    }

    const ADMITTED: &[Row] = &[
        (BOTH, Phase::FirstKexInit, &[1..=4, 20..=20]),
        (BOTH, exchange(Next::Init), &[1..=4, 30..=30]),
        (BOTH, strict(Next::Init), &[1..=1, 30..=30]),
        (BOTH, exchange(Next::Reply), &[1..=4, 31..=31]),
        (BOTH, strict(Next::Reply), &[1..=1, 31..=31]),
        (BOTH, exchange(Next::NewKeys), &[1..=4, 21..=21]),
        (BOTH, strict(Next::NewKeys), &[1..=1, 21..=21]),
        (BOTH, exchange(Next::WrongGuess), &[1..=4, 30..=49]),
        (BOTH, strict(Next::WrongGuess), &[1..=1, 30..=49]),
        (SERVER, Phase::Service, &[1..=5, 7..=7, 192..=193]),
        (CLIENT, Phase::Service, &[1..=4, 6..=7, 192..=193]),
        (
            SERVER,
            Phase::Auth,
            &[1..=5, 7..=7, 50..=50, 60..=79, 192..=193],
        ),
        (
            CLIENT,
            Phase::Auth,
            &[1..=4, 7..=7, 51..=53, 60..=79, 192..=193],
        ),
        (
            SERVER,
            Phase::Open,
            &[1..=4, 8..=20, 22..=29, 50..=50, 80..=255],
        ),
        (CLIENT, Phase::Open, &[1..=4, 8..=20, 22..=29, 80..=255]),
    ];

    // In whole sessions the floor above refuses much of it a second time, and would hide a hole.
    #[test]
    fn each_phase_admits_these_numbers_and_no_other() {
        for (roles, phase, admitted) in ADMITTED {
            for role in *roles {
                for number in 0..=u8::MAX {
                    let may_come = admitted.iter().any(|range| range.contains(&number));
                    let result = admit(*role, *phase, number);
                    assert_eq!(result.is_ok(), may_come, "{role:?} {phase:?} {number}");
                }
            }
        }
    }
}
