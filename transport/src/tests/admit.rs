//! Every message number in every phase to both roles, against a table written for this test.

use adit_crypto::encoded;
use adit_proto::number;

use super::rogue::{clear, clear_len, without_markers};
use super::*;
use crate::negotiate::Which;

/// Where an exchange or a connection is when the message comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    FirstKexInit,
    Share,
    NewKeys,
    LenientShare,
    LenientNewKeys,
    Service,
    Auth,
    Open,
    /// Our KEXINIT is out, the peer's is not here yet.
    Held,
    RekeyShare,
    RekeyNewKeys,
}

const ALL: [At; 11] = [
    At::FirstKexInit,
    At::Share,
    At::NewKeys,
    At::LenientShare,
    At::LenientNewKeys,
    At::Service,
    At::Auth,
    At::Open,
    At::Held,
    At::RekeyShare,
    At::RekeyNewKeys,
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// Something was sent, and nobody told.
    Answered,
    Debug,
    Ended,
    Error,
    Established,
    Extensions,
    Quiet,
    Rekeyed,
    Up,
}

/// What must come of message `n`. Numbers that adit has no name for are 8 to 19, 22 to 29, 128 to
/// 191 and from 194 on.
fn expected(role: Role, at: At, n: u8) -> Outcome {
    use Outcome::{Answered, Debug, Ended, Error, Established, Extensions, Quiet, Rekeyed, Up};
    let is_server = role == Role::Server;
    if n == 1 {
        return Ended;
    }
    let strict_exchange = matches!(at, At::Share | At::NewKeys);
    match n {
        2 | 3 => return if strict_exchange { Error } else { Quiet },
        4 => return if strict_exchange { Error } else { Debug },
        _ => {}
    }
    match at {
        At::FirstKexInit if n == 20 => {
            if is_server {
                Quiet
            } else {
                Answered
            }
        }
        // A client's 31 is a garbled one here, which is an error, too.
        At::Share | At::LenientShare | At::RekeyShare if n == 30 && is_server => Answered,
        At::NewKeys | At::LenientNewKeys if n == 21 => Quiet,
        At::RekeyNewKeys if n == 21 => Rekeyed,
        At::FirstKexInit
        | At::Share
        | At::LenientShare
        | At::RekeyShare
        | At::NewKeys
        | At::LenientNewKeys
        | At::RekeyNewKeys => Error,
        At::Service => match n {
            5 if is_server => Established,
            6 if !is_server => Established,
            7 => Extensions,
            192 | 193 => Quiet,
            _ => Error,
        },
        At::Auth => match n {
            // The server has had its one, the client one of two.
            7 if !is_server => Extensions,
            50 if is_server => Up,
            51..=53 if !is_server => Up,
            60..=79 => Up,
            192 | 193 => Quiet,
            _ => Error,
        },
        At::Open | At::Held => match n {
            20 if at == At::Open || !is_server => Answered,
            20 => Quiet,
            50 if is_server => Quiet,
            80..=127 => Up,
            193 => Quiet,
            192 | 8..=19 | 22..=29 | 128..=191 | 194..=255 if at == At::Open => Answered,
            192 | 8..=19 | 22..=29 | 128..=191 | 194..=255 => Quiet,
            _ => Error,
        },
    }
}

/// A message of that number which is well-formed.
fn message(n: u8, end: &End) -> Vec<u8> {
    let service_name = SSH_USERAUTH;
    match n {
        number::DISCONNECT => b"\x01\0\0\0\x0b\0\0\0\0\0\0\0\0".to_vec(),
        number::DEBUG => b"\x04\0\0\0\0\0\0\0\0\0".to_vec(),
        number::SERVICE_REQUEST => encoded(&msg::ServiceRequest { service_name }),
        number::SERVICE_ACCEPT => encoded(&msg::ServiceAccept { service_name }),
        number::KEXINIT => end.t.offer.kexinit([9; 16], Which::Later).unwrap(),
        number::NEWKEYS => encoded(&msg::NewKeys {}),
        number::KEX_ECDH_INIT => encoded(&msg::KexEcdhInit { q_c: &[7; 32] }),
        number::KEX_ECDH_REPLY => encoded(&msg::KexEcdhReply {
            k_s: b"",
            q_s: &[7; 32],
            signature: b"",
        }),
        n => [n, 0, 0, 0, 0].to_vec(),
    }
}

/// chacha20-poly1305, because its nonce is the sequence number: a packet of ours can take the
/// place of one that was sealed already.
fn simple(seed: u64, cipher: &str) -> Config {
    let mut config = config(&toy::PROVIDER, seed);
    let algorithms = &mut config.algorithms;
    algorithms
        .select_kex(&toy::PROVIDER, "curve25519-sha256")
        .unwrap();
    algorithms.select_ciphers(&toy::PROVIDER, cipher).unwrap();
    config
}

/// Length of NEWKEYS under chacha20-poly1305.
const SEALED_NEWKEYS_LEN: usize = 4 + 8 + 16;

/// The victim after message `n`, and what that made it send.
fn send(role: Role, at: At, n: u8) -> (End, Vec<u8>) {
    send_with(role, at, |victim| message(n, victim))
}

fn send_with(role: Role, at: At, message: impl FnOnce(&End) -> Vec<u8>) -> (End, Vec<u8>) {
    let is_lenient = matches!(at, At::LenientShare | At::LenientNewKeys);
    // KEXINIT comes without a marker here, which chacha20-poly1305 would refuse.
    let cipher = if is_lenient || at == At::FirstKexInit {
        "aes256-gcm@openssh.com"
    } else {
        "chacha20-poly1305@openssh.com"
    };
    let mut pair = Pair::new(
        End::client(simple(1, cipher)),
        End::server(simple(2, cipher)),
    );
    let bytes = match at {
        At::FirstKexInit
        | At::Share
        | At::NewKeys
        | At::LenientShare
        | At::LenientNewKeys
        | At::Service => {
            let (victim, peer) = sides(&mut pair, role);
            if is_lenient {
                without_markers(peer);
            }
            first_exchange(role, at, message, victim, peer)
        }
        At::Auth | At::Open | At::Held | At::RekeyShare | At::RekeyNewKeys => {
            pair = pair.established();
            if at != At::Auth {
                pair.client.t.authenticated(NOW);
                pair.server.t.authenticated(NOW);
            }
            let (victim, peer) = sides(&mut pair, role);
            later(role, at, &message(victim), victim, peer)
        }
    };
    let victim = if role == Role::Client {
        &mut pair.client
    } else {
        &mut pair.server
    };
    assert_eq!(victim.error, None, "before the message");
    victim.seen.clear();
    victim.take();
    victim.give(&bytes);
    let answer = victim.take();
    let end = if role == Role::Client {
        pair.client
    } else {
        pair.server
    };
    (end, answer)
}

fn sides(pair: &mut Pair, role: Role) -> (&mut End, &mut End) {
    match role {
        Role::Client => (&mut pair.client, &mut pair.server),
        Role::Server => (&mut pair.server, &mut pair.client),
    }
}

fn first_exchange(
    role: Role,
    at: At,
    message: impl FnOnce(&End) -> Vec<u8>,
    victim: &mut End,
    peer: &mut End,
) -> Vec<u8> {
    if at == At::FirstKexInit {
        victim.give(b"SSH-2.0-x\r\n");
        return clear(&message(victim));
    }
    let ours = victim.take();
    let theirs = peer.take();
    victim.give(&theirs);
    if matches!(at, At::Share | At::LenientShare) {
        return clear(&message(victim));
    }
    peer.give(&ours);
    match role {
        Role::Server => {
            // The client's share; then everything of ours up to our NEWKEYS.
            let share = peer.take();
            victim.give(&share);
            if at != At::Service {
                return clear(&message(victim));
            }
            let flight = victim.take();
            peer.give(&flight);
            let newkeys = peer.take();
            victim.give(&newkeys[..clear_len(&newkeys)]);
            // Instead of its EXT_INFO and SERVICE_REQUEST.
            peer.t.tx.set_seq(0);
        }
        Role::Client => {
            let share = victim.take();
            peer.give(&share);
            let flight = peer.take();
            let reply = clear_len(&flight);
            if at != At::Service {
                victim.give(&flight[..reply]);
                return clear(&message(victim));
            }
            victim.give(&flight);
        }
    }
    peer.inject(&message(victim));
    peer.take()
}

fn later(role: Role, at: At, message: &[u8], victim: &mut End, peer: &mut End) -> Vec<u8> {
    match at {
        At::Held => victim.t.start_rekey(NOW).unwrap(),
        At::RekeyShare | At::RekeyNewKeys => {
            peer.t.start_rekey(NOW).unwrap();
            let kexinit = peer.take();
            victim.give(&kexinit);
        }
        At::FirstKexInit
        | At::Share
        | At::NewKeys
        | At::LenientShare
        | At::LenientNewKeys
        | At::Service
        | At::Auth
        | At::Open => {}
    }
    if at == At::RekeyNewKeys {
        let ours = victim.take();
        // Sealed now, for the place that NEWKEYS will have.
        let seq = peer.t.tx.seq();
        peer.t.tx.set_seq(seq + 1);
        peer.inject(message);
        let sealed = peer.take();
        peer.t.tx.set_seq(seq);
        peer.give(&ours);
        let share = peer.take();
        let newkeys = if role == Role::Client {
            SEALED_NEWKEYS_LEN
        } else {
            0
        };
        victim.give(&share[..share.len() - newkeys]);
        return sealed;
    }
    peer.inject(message);
    peer.take()
}

fn outcome(end: &End, answer: &[u8]) -> Outcome {
    if end.error.is_some() {
        assert_eq!(end.seen, []);
        assert!(answer.is_empty());
        return Outcome::Error;
    }
    match &end.seen[..] {
        [] if answer.is_empty() => Outcome::Quiet,
        [] => Outcome::Answered,
        [Seen::Debug(_)] => Outcome::Debug,
        [Seen::Disconnected(..)] => Outcome::Ended,
        [Seen::Established] => Outcome::Established,
        [Seen::Extensions] => Outcome::Extensions,
        [Seen::Packet(_)] => Outcome::Up,
        [Seen::Rekeyed] => Outcome::Rekeyed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_message_in_every_phase_to_both_roles() {
    for role in [Role::Client, Role::Server] {
        for at in ALL {
            for n in 0..=255 {
                let (end, answer) = send(role, at, n);
                let outcome = outcome(&end, &answer);
                assert_eq!(
                    outcome,
                    expected(role, at, n),
                    "{role:?} {at:?} {n} {:?}",
                    end.error
                );
            }
        }
    }
}

#[test]
fn a_byte_behind_a_message_is_an_error() {
    for (role, at, n) in [
        (Role::Client, At::FirstKexInit, number::KEXINIT),
        (Role::Server, At::Share, number::KEX_ECDH_INIT),
        (Role::Client, At::Share, number::KEX_ECDH_REPLY),
        (Role::Server, At::NewKeys, number::NEWKEYS),
        (Role::Server, At::Service, number::SERVICE_REQUEST),
        (Role::Client, At::Service, number::SERVICE_ACCEPT),
        (Role::Client, At::Service, number::EXT_INFO),
        (Role::Client, At::Open, number::DEBUG),
        (Role::Client, At::Open, number::PING),
        (Role::Client, At::Open, number::PONG),
    ] {
        let (end, _) = send_with(role, at, |victim| {
            let mut message = message(n, victim);
            message.push(0);
            message
        });
        let error = Error::Malformed(adit_proto::Malformed::TrailingBytes);
        assert_eq!(end.error, Some(error), "{at:?} {n}");
    }
}
