//! Peers that break the rules of the first exchange, and a stranger in between.

use adit_crypto::encoded;
use adit_proto::{NameList, number};

use super::*;
use crate::negotiate::Which;

/// Changes an end's KEXINIT before anybody saw it.
pub(super) fn edit_kexinit(end: &mut End, edit: impl FnOnce(&mut KexInit<'_>)) {
    let Exchange::KexInit(payload) = core::mem::replace(&mut end.t.exchange, Exchange::Idle) else {
        panic!("its KEXINIT was answered");
    };
    let mut kexinit = KexInit::decode(&payload).unwrap();
    edit(&mut kexinit);
    let payload = encoded(&kexinit);
    let mut tx = Tx::new(
        end.t.config.random,
        end.t.tx.kex_room().max(2 * payload.len()),
    );
    tx.send_line(end.t.config.ident.as_bytes()).unwrap();
    tx.send_kex(&Bytes(&payload)).unwrap();
    end.t.tx = tx;
    end.t.exchange = Exchange::KexInit(payload);
}

pub(super) fn names(joined: &'static str) -> NameList<'static> {
    NameList::parse(joined.as_bytes()).unwrap()
}

/// Takes extension names and markers out of an end's KEXINIT.
pub(super) fn without_markers(end: &mut End) {
    edit_kexinit(end, |kexinit| {
        kexinit.kex_algorithms = names("curve25519-sha256");
    });
}

/// A server without strict key exchange and without extensions.
pub(super) fn lenient_pair(provider: &'static Provider) -> Pair {
    let mut pair = Pair::on(provider);
    without_markers(&mut pair.server);
    pair
}

/// One packet before NEWKEYS.
pub(super) fn clear(payload: &[u8]) -> Vec<u8> {
    let mut tx = Tx::new(toy::random(3), 32 * 1024);
    tx.send_kex(&Bytes(payload)).unwrap();
    tx.pending().concat()
}

/// Length of the first packet before NEWKEYS.
pub(super) fn clear_len(bytes: &[u8]) -> usize {
    4 + u32::from_be_bytes(*bytes.first_chunk().unwrap()) as usize
}

/// Lets `peer` and `victim` talk, with `payload` put before the peer's packet number `gap`, of
/// which the first is KEXINIT, then its share, then NEWKEYS.
pub(super) fn talk(victim: &mut End, peer: &mut End, gap: usize, payload: &[u8]) {
    let mut packets = 0;
    let mut line = true;
    loop {
        let bytes = peer.take();
        let mut rest = &bytes[..];
        if line {
            let end = rest.iter().position(|b| *b == b'\n').unwrap() + 1;
            victim.give(&rest[..end]);
            rest = &rest[end..];
            line = false;
        }
        while !rest.is_empty() {
            if packets == gap {
                victim.give(&clear(payload));
            }
            let len = if packets < 3 {
                clear_len(rest)
            } else {
                rest.len()
            };
            victim.give(&rest[..len]);
            rest = &rest[len..];
            packets += 1;
        }
        let back = victim.take();
        peer.give(&back);
        if bytes.is_empty() && back.is_empty() {
            return;
        }
    }
}

fn talk_to(pair: &mut Pair, role: Role, gap: usize, payload: &[u8]) -> Option<Error> {
    let (victim, peer) = match role {
        Role::Client => (&mut pair.client, &mut pair.server),
        Role::Server => (&mut pair.server, &mut pair.client),
    };
    talk(victim, peer, gap, payload);
    victim.error
}

const BOTH: [Role; 2] = [Role::Client, Role::Server];

fn unexpected(number: u8) -> Option<Error> {
    Some(PeerMisbehaved::UnexpectedMessage { number }.into())
}

fn a_strict_first_exchange_bears_no_other_message_in_any_gap(provider: &'static Provider) {
    for role in BOTH {
        for gap in 0..3 {
            for payload in [
                &b"\x02\0\0\0\0"[..],
                b"\x03\0\0\0\0",
                b"\x04\0\0\0\0\0\0\0\0\0",
            ] {
                let mut pair = Pair::on(provider);
                let expected = match gap {
                    0 => Some(PeerMisbehaved::KexInitNotFirst.into()),
                    _ => unexpected(payload[0]),
                };
                assert_eq!(
                    talk_to(&mut pair, role, gap, payload),
                    expected,
                    "{role:?} {gap}"
                );
            }
        }
    }
}

fn another_first_exchange_bears_messages_two_to_four(provider: &'static Provider) {
    for role in BOTH {
        for gap in 0..3 {
            for payload in [
                &b"\x02\0\0\0\0"[..],
                b"\x03\0\0\0\0",
                b"\x04\0\0\0\0\0\0\0\0\0",
            ] {
                let mut pair = Pair::on(provider);
                without_markers(match role {
                    Role::Client => &mut pair.server,
                    Role::Server => &mut pair.client,
                });
                assert_eq!(
                    talk_to(&mut pair, role, gap, payload),
                    None,
                    "{role:?} {gap}"
                );
                pair.established();
            }
        }
    }
}

fn no_first_exchange_bears_anything_else(provider: &'static Provider) {
    for strict in [Strict::Agreed, Strict::No] {
        for role in BOTH {
            for gap in 0..3 {
                for number in [5, 6, 7, 50, 52, 80, 94, 192, 193] {
                    let mut pair = Pair::on(provider);
                    if strict == Strict::No {
                        without_markers(&mut pair.server);
                    }
                    let error = talk_to(&mut pair, role, gap, &[number, 0, 0, 0, 0]);
                    assert_eq!(error, unexpected(number), "{role:?} {gap}");
                }
            }
        }
    }
}

fn disconnect_is_heard_in_every_gap(provider: &'static Provider) {
    for role in BOTH {
        for gap in 0..3 {
            let mut pair = Pair::on(provider);
            let text = b"\x01\0\0\0\x0b\0\0\0\x03bye\0\0\0\0";
            assert_eq!(talk_to(&mut pair, role, gap, text), None);
            let victim = if role == Role::Client {
                pair.client
            } else {
                pair.server
            };
            let bye = Seen::Disconnected(11, b"bye".to_vec());
            assert_eq!(victim.seen.last(), Some(&bye));
        }
    }
}

fn a_second_kexinit_ends_the_connection(provider: &'static Provider) {
    for role in BOTH {
        for gap in [1, 2] {
            let mut pair = Pair::on(provider);
            let Exchange::KexInit(again) = &pair.client.t.exchange else {
                panic!()
            };
            let again = again.clone();
            let error = talk_to(&mut pair, role, gap, &again);
            assert_eq!(
                error,
                Some(PeerMisbehaved::KexInitAgain.into()),
                "{role:?} {gap}"
            );
        }
    }
}

fn no_key_exchange_before_authentication_succeeded(provider: &'static Provider) {
    let mut pair = Pair::on(provider).established();
    let kexinit = pair.client.t.offer.kexinit([1; 16], Which::Later).unwrap();
    pair.client.inject(&kexinit);
    pair.server.inject(&kexinit);
    pair.run();
    for end in [&pair.client, &pair.server] {
        assert_eq!(end.error, Some(PeerMisbehaved::RekeyTooEarly.into()));
    }
}

fn newkeys_without_an_exchange_ends_the_connection(provider: &'static Provider) {
    for role in BOTH {
        for gap in 0..2 {
            assert_eq!(
                talk_to(&mut Pair::on(provider), role, gap, &[21]),
                unexpected(21)
            );
        }
    }
}

fn a_wrong_guess_costs_exactly_one_packet(provider: &'static Provider) {
    let guess = [&[number::KEX_ECDH_INIT][..], b"\0\0\0\x03abc"].concat();
    let guessing = |kex, host_keys| {
        let mut pair = Pair::on(provider);
        edit_kexinit(&mut pair.client, |kexinit| {
            kexinit.kex_algorithms = kex;
            kexinit.server_host_key_algorithms = host_keys;
            kexinit.first_kex_packet_follows = true;
        });
        pair
    };
    let same_kex = names("mlkem768x25519-sha256,kex-strict-c-v00@openssh.com");
    let other_kex = names("curve25519-sha256,kex-strict-c-v00@openssh.com");
    let same_key = names("ssh-ed25519");
    let other_key = names("rsa-sha2-512,ssh-ed25519");

    // A right guess is the next message of the exchange.
    let mut pair = guessing(same_kex, same_key);
    assert_eq!(talk_to(&mut pair, Role::Server, 9, b""), None);
    pair.established();

    for (kex, host_key) in [
        (other_kex, same_key),
        (same_kex, other_key),
        (other_kex, other_key),
    ] {
        let mut pair = guessing(kex, host_key);
        assert_eq!(talk_to(&mut pair, Role::Server, 1, &guess), None);
        pair.established();

        // The packet that is skipped is one of an exchange, by whatever method: RFC 4253 §7.
        for other in [31, 34, 49] {
            let mut pair = guessing(kex, host_key);
            assert_eq!(
                talk_to(&mut pair, Role::Server, 1, &[other, 0, 0, 0, 0]),
                None
            );
            pair.established();
        }
        for other in [5, 21, 29, 50, 80] {
            let mut pair = guessing(kex, host_key);
            let error = talk_to(&mut pair, Role::Server, 1, &[other, 0, 0, 0, 0]);
            assert_eq!(error, unexpected(other));
        }

        // The next one is not skipped.
        let mut pair = guessing(kex, host_key);
        let twice = [&clear(&guess)[..], &clear(&guess)].concat();
        let hello = pair.client.take();
        pair.server.give(&hello);
        pair.server.give(&twice);
        assert_eq!(pair.server.error, Some(CryptoFailure::Kex.into()));
    }

    let mut pair = Pair::on(provider);
    edit_kexinit(&mut pair.server, |kexinit| {
        kexinit.server_host_key_algorithms = names("rsa-sha2-512,ssh-ed25519");
        kexinit.first_kex_packet_follows = true;
    });
    assert_eq!(talk_to(&mut pair, Role::Client, 1, &guess), None);
    pair.established();
}

fn nothing_in_common_names_the_list_and_the_offer(provider: &'static Provider) {
    let lists = [
        List::Kex,
        List::HostKey,
        List::CipherToServer,
        List::CipherToClient,
        List::CompressionToServer,
        List::CompressionToClient,
    ];
    for list in lists {
        for role in BOTH {
            let mut pair = Pair::on(provider);
            let (victim, peer) = match role {
                Role::Client => (&mut pair.client, &mut pair.server),
                Role::Server => (&mut pair.server, &mut pair.client),
            };
            edit_kexinit(peer, |kexinit| {
                let field = match list {
                    List::Kex => &mut kexinit.kex_algorithms,
                    List::HostKey => &mut kexinit.server_host_key_algorithms,
                    List::CipherToServer => &mut kexinit.encryption_algorithms_client_to_server,
                    List::CipherToClient => &mut kexinit.encryption_algorithms_server_to_client,
                    List::MacToServer => &mut kexinit.mac_algorithms_client_to_server,
                    List::MacToClient => &mut kexinit.mac_algorithms_server_to_client,
                    List::CompressionToServer => {
                        &mut kexinit.compression_algorithms_client_to_server
                    }
                    List::CompressionToClient => {
                        &mut kexinit.compression_algorithms_server_to_client
                    }
                };
                *field = names("zlib,old");
            });
            talk(victim, peer, 9, b"");
            assert_eq!(victim.error, Some(Error::NoCommon(list)));
            assert_eq!(victim.t.peer_offer(list), b"zlib,old");
            assert_eq!(
                Error::NoCommon(list).reason(),
                Some(reason::Disconnect::KeyExchangeFailed)
            );
        }
    }
}

fn an_aead_cipher_needs_no_mac_in_common(provider: &'static Provider) {
    for macs in ["", "hmac-md5"] {
        let mut pair = Pair::on(provider);
        edit_kexinit(&mut pair.server, |kexinit| {
            kexinit.mac_algorithms_client_to_server = names(macs);
            kexinit.mac_algorithms_server_to_client = names(macs);
        });
        let pair = pair.established();
        assert_eq!(pair.client.t.negotiated().unwrap().mac_to_client, None);
    }
}

fn another_cipher_needs_a_mac_in_common(provider: &'static Provider) {
    let only_ctr = |seed| {
        let mut config = config(provider, seed);
        config
            .algorithms
            .select_ciphers(provider, "aes256-ctr")
            .unwrap();
        config
    };
    let mut pair = Pair::new(End::client(only_ctr(1)), End::server(only_ctr(2)));
    edit_kexinit(&mut pair.server, |kexinit| {
        kexinit.mac_algorithms_client_to_server = names("hmac-sha2-512-etm@openssh.com");
    });
    let pair = pair.established();
    let negotiated = pair.client.t.negotiated().unwrap();
    assert_eq!(
        negotiated.mac_to_server,
        Some("hmac-sha2-512-etm@openssh.com")
    );
    assert_eq!(
        negotiated.mac_to_client,
        Some("hmac-sha2-256-etm@openssh.com")
    );

    let mut pair = Pair::new(End::client(only_ctr(1)), End::server(only_ctr(2)));
    edit_kexinit(&mut pair.server, |kexinit| {
        kexinit.mac_algorithms_server_to_client = names("hmac-sha2-512");
    });
    let error = talk_to(&mut pair, Role::Client, 9, b"");
    assert_eq!(error, Some(Error::NoCommon(List::MacToClient)));
}

/// Two ends that have one cipher, and whether it needs strict key exchange: every cipher.
fn with_ciphers(provider: &'static Provider) -> Vec<(&'static str, bool, Pair)> {
    let ciphers = provider.ciphers.iter();
    ciphers
        .map(|cipher| {
            let only = |seed| {
                let mut config = config(provider, seed);
                let algorithms = &mut config.algorithms;
                algorithms.ciphers = [*cipher].to_vec();
                algorithms
                    .select_kex(provider, "curve25519-sha256")
                    .unwrap();
                config
            };
            let pair = Pair::new(End::client(only(1)), End::server(only(2)));
            let name = cipher.name();
            // The toy's aes192-ctr has a MAC that is no encrypt-then-MAC.
            let safe = ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"].contains(&name)
                || cipher.mac() == Some("hmac-sha2-256");
            (name, !safe, pair)
        })
        .collect()
}

fn a_client_ends_what_needs_strict_key_exchange_without_it_before_its_share(
    provider: &'static Provider,
) {
    for (cipher, refused, mut pair) in with_ciphers(provider) {
        without_markers(&mut pair.server);
        pair.client.take();
        let hello = pair.server.take();
        pair.client.give(&hello);
        let error = Error::NoStrictKex { cipher };
        assert_eq!(pair.client.error, refused.then_some(error), "{cipher}");
        if refused {
            assert!(pair.client.t.tx().is_empty(), "our share went out");
            assert_eq!(error.reason().unwrap().code(), 3);
        }
    }
}

fn a_server_ends_what_needs_strict_key_exchange_without_it_before_its_newkeys(
    provider: &'static Provider,
) {
    for (cipher, refused, mut pair) in with_ciphers(provider) {
        without_markers(&mut pair.client);
        pair.server.take();
        let hello = pair.client.take();
        pair.server.give(&hello);
        assert_eq!(pair.server.error, None, "{cipher}");
        pair.server
            .give(&clear(&encoded(&msg::KexEcdhInit { q_c: &[9; 32] })));
        let error = Error::NoStrictKex { cipher };
        assert_eq!(pair.server.error, refused.then_some(error), "{cipher}");
        let flight = pair.server.take();
        assert_eq!(flight[5], number::KEX_ECDH_REPLY);
        let reply_alone = clear_len(&flight) == flight.len();
        assert_eq!(reply_alone, refused, "{cipher}");
    }
}

fn a_peer_that_mirrors_our_markers_is_not_strict(provider: &'static Provider) {
    let mut pair = Pair::on(provider);
    edit_kexinit(&mut pair.server, |kexinit| {
        kexinit.kex_algorithms = names("ext-info-c,kex-strict-c-v00@openssh.com");
    });
    pair.run();
    assert_eq!(pair.client.error, Some(Error::NoCommon(List::Kex)));
    let mut pair = Pair::on(provider);
    edit_kexinit(&mut pair.server, |kexinit| {
        kexinit.kex_algorithms = names("curve25519-sha256,kex-strict-c-v00@openssh.com");
    });
    pair.run();
    assert_eq!(pair.client.t.strict, Strict::No);
    assert_eq!(pair.client.t.ext_info_wanted, ExtInfoWanted::No);
}

fn a_peer_without_extensions_gets_none(provider: &'static Provider) {
    let pair = lenient_pair(provider).established();
    assert_eq!(pair.server.seen, [Seen::Established]);
    assert_eq!(pair.server.t.peer_extensions(), &Extensions::default());
    assert!(!pair.client.t.negotiated().unwrap().strict_kex);
}

fn kexinit_has_at_most_16_kib(provider: &'static Provider) {
    const MAX: usize = 16 * 1024;
    for (len, good) in [(MAX - 1, true), (MAX, true), (MAX + 1, false)] {
        let mut pair = Pair::on(provider);
        edit_kexinit(&mut pair.client, |kexinit| {
            let now = Encode::encoded_len(kexinit);
            // Two lists of languages, of names of 63 bytes and one that makes up the rest.
            let list = |len: usize| -> NameList<'static> {
                let mut text = std::vec![b'x'; len];
                for comma in text.iter_mut().skip(63).step_by(64) {
                    *comma = b',';
                }
                if let Some(last) = text.last_mut() {
                    *last = b'x';
                }
                NameList::parse(text.leak()).unwrap()
            };
            kexinit.languages_client_to_server = list(64 * 120);
            kexinit.languages_server_to_client = list(len - now - 64 * 120);
        });
        let Exchange::KexInit(payload) = &pair.client.t.exchange else {
            panic!()
        };
        assert_eq!(payload.len(), len);
        let bytes = [b"SSH-2.0-x\r\n", &clear(payload)[..]].concat();
        pair.server.give(&bytes);
        let error = Some(PeerMisbehaved::KexInitTooLong.into());
        assert_eq!(pair.server.error, if good { None } else { error }, "{len}");
    }
}

fn a_stranger_who_changes_a_byte_never_gets_two_who_disagree(provider: &'static Provider) {
    let mut refused = 0;
    let step = 3 * stride(provider, 15);
    for to_server in [true, false] {
        for at in (0..4_000_usize).step_by(step) {
            let mut pair = Pair::on(provider);
            let mut seen = [0_usize; 2];
            loop {
                let mut a = pair.client.take();
                let mut b = pair.server.take();
                if a.is_empty() && b.is_empty() {
                    break;
                }
                let (bytes, seen_before) = if to_server {
                    (&mut a, seen[0])
                } else {
                    (&mut b, seen[1])
                };
                if let Some(byte) = at.checked_sub(seen_before).and_then(|i| bytes.get_mut(i)) {
                    *byte ^= 1 << (at % 8);
                }
                seen[0] += a.len();
                seen[1] += b.len();
                pair.server.give(&a);
                pair.client.give(&b);
            }
            let established = |end: &End| end.count(&Seen::Established) == 1;
            if established(&pair.client) && established(&pair.server) {
                assert_eq!(pair.client.t.session_id(), pair.server.t.session_id());
            } else {
                refused += 1;
            }
        }
    }
    assert!(refused > 3_000 / step, "{refused}");
}

fn a_share_that_is_none_ends_the_connection(provider: &'static Provider) {
    for share in [&[][..], &[7; 31], &[7; 33], &[0; 32]] {
        let mut pair = Pair::on(provider);
        edit_kexinit(&mut pair.client, |kexinit| {
            kexinit.kex_algorithms = names("curve25519-sha256");
        });
        let hello = pair.client.take();
        pair.server.give(&hello);
        let init = encoded(&msg::KexEcdhInit { q_c: share });
        pair.server.give(&clear(&init));
        assert_eq!(pair.server.error, Some(CryptoFailure::Kex.into()));
    }
}

fn only_ssh_userauth_may_be_asked_for(provider: &'static Provider) {
    let mut pair = Pair::on(provider);
    pair.client.trusting = false;
    pair.run();
    assert!(matches!(pair.server.t.exchange, Exchange::NewKeys(_)));
    for (service, expected) in [
        (&b"ssh-userauth"[..], None),
        (
            b"ssh-connection",
            Some(Error::from(PeerMisbehaved::UnknownService)),
        ),
        (b"", Some(Error::from(PeerMisbehaved::UnknownService))),
    ] {
        let mut pair = Pair::on(provider);
        pair.run();
        pair.server.t.stage = Stage::Service;
        pair.client.inject(&encoded(&msg::ServiceRequest {
            service_name: service,
        }));
        pair.run();
        assert_eq!(pair.server.error, expected);
    }
    assert_eq!(
        Error::from(PeerMisbehaved::UnknownService).reason(),
        Some(reason::Disconnect::ServiceNotAvailable)
    );
}

on_every_provider! {
    a_strict_first_exchange_bears_no_other_message_in_any_gap
    another_first_exchange_bears_messages_two_to_four
    no_first_exchange_bears_anything_else
    disconnect_is_heard_in_every_gap
    a_second_kexinit_ends_the_connection
    no_key_exchange_before_authentication_succeeded
    newkeys_without_an_exchange_ends_the_connection
    a_wrong_guess_costs_exactly_one_packet
    nothing_in_common_names_the_list_and_the_offer
    an_aead_cipher_needs_no_mac_in_common
    another_cipher_needs_a_mac_in_common
    a_client_ends_what_needs_strict_key_exchange_without_it_before_its_share
    a_server_ends_what_needs_strict_key_exchange_without_it_before_its_newkeys
    a_peer_that_mirrors_our_markers_is_not_strict
    a_peer_without_extensions_gets_none
    kexinit_has_at_most_16_kib
    a_stranger_who_changes_a_byte_never_gets_two_who_disagree
    a_share_that_is_none_ends_the_connection
    only_ssh_userauth_may_be_asked_for
}
