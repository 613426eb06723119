//! How channels come to be, or do not.

use std::string::String;
use std::vec::Vec;

use adit_proto::msg::{ChannelOpen, ChannelOpenConfirmation, DIRECT_TCPIP, DirectTcpip};
use adit_proto::reason::OpenFailure;
use adit_proto::{Decode, Malformed, Rest};

use super::support::*;
use crate::outgoing::TEXT_MAX;
use crate::*;

#[test]
fn an_open_says_where_to_and_where_from_and_what_we_take() {
    let mut side = Side::client();
    let id = side.channels.open(WEB).unwrap();
    let said = side.say();
    let open = ChannelOpen::decode(&said[0]).unwrap();
    assert_eq!(open.channel_type, DIRECT_TCPIP);
    assert_eq!(open.sender_channel, id.number());
    assert_eq!(open.initial_window_size, 64 << 10);
    assert_eq!(open.maximum_packet_size, 32 << 10);
    let direct = DirectTcpip::decode(open.data.0).unwrap();
    assert_eq!(direct.host_to_connect, b"web");
    assert_eq!(direct.port_to_connect, 80);
    assert_eq!(direct.originator_ip_address, b"127.0.0.1");
    assert_eq!(direct.originator_port, 40_000);
    assert_eq!(side.channels.grant(id), None);
    assert_eq!(side.confirm(id), Ok(Event::OpenConfirmed(id)));
    let grant = side.channels.grant(id).unwrap();
    assert_eq!(grant.recipient_channel, PEER_CHANNEL);
    assert_eq!(grant.max, 32 << 10);
    side.says(&[]);
}

#[test]
fn the_longest_open_is_the_longest_message() {
    let open = |host: &[u8], originator: &[u8]| {
        let mut side = Side::server();
        let opened = side.channels.open(OpenKind::ForwardedTcpip {
            address: host,
            port: 65535,
            originator,
            originator_port: 65535,
        });
        opened.map(|_| side.say().remove(0))
    };
    let host = [b'h'; HOST_MAX + 1];
    let originator = [b'o'; ORIGINATOR_MAX];
    let longest = open(&host[..HOST_MAX], &originator).unwrap();
    assert_eq!(longest.len(), Outgoing::MAX_LEN);
    let shorter = open(&host[..HOST_MAX - 1], &originator).unwrap();
    assert_eq!(shorter.len(), Outgoing::MAX_LEN - 1);
    assert_eq!(open(&host, &originator), Err(NotOpened::BadName));
}

#[test]
fn an_originator_that_is_no_address_is_sent_as_unknown() {
    let mut side = Side::client();
    let originator = [b'o'; ORIGINATOR_MAX + 1];
    let kind = OpenKind::DirectTcpip {
        host: b"web",
        port: 80,
        originator: &originator,
        originator_port: 1,
    };
    side.channels.open(kind).unwrap();
    let said = side.say();
    let open = ChannelOpen::decode(&said[0]).unwrap();
    let direct = DirectTcpip::decode(open.data.0).unwrap();
    assert_eq!(direct.originator_ip_address, b"127.0.0.1");
    assert_eq!(direct.originator_port, 65535);
}

#[test]
fn a_refused_open_tells_why_and_lends_nothing() {
    let mut side = Side::client();
    let id = side.opening();
    let payload = bytes(&failure(id));
    let event = side.channels.handle(&payload, side.now);
    let Ok(Event::OpenRefused {
        id: refused,
        reason_code,
        description,
    }) = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(refused, id);
    assert_eq!(reason_code, OpenFailure::ConnectFailed.code());
    assert_eq!(&payload[description], b"Connection refused");
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
    side.channels.release(id);
    assert!(side.channels.is_empty());
    side.says(&[]);
}

#[test]
fn only_what_waits_for_an_answer_can_be_answered() {
    let not_opening = Err(Error::PeerMisbehaved(PeerMisbehaved::NotOpening));
    // CHANNEL_OPEN is due, not sent: the peer cannot know the number.
    let mut side = Side::client();
    let id = side.channels.open(WEB).unwrap();
    assert_eq!(side.confirm(id), not_opening);
    let mut side = Side::client();
    let id = side.channels.open(WEB).unwrap();
    assert_eq!(side.hear(&failure(id)), not_opening);
    // Answered already.
    let mut side = Side::client();
    let id = side.opened();
    assert_eq!(side.confirm(id), not_opening);
    let mut side = Side::client();
    let id = side.opened();
    assert_eq!(side.hear(&failure(id)), not_opening);
    let mut side = Side::client();
    let id = side.opening();
    side.hear(&failure(id)).unwrap();
    assert_eq!(side.confirm(id), not_opening);
    // The peer's own.
    let mut side = Side::server();
    let id = side.asked();
    assert_eq!(side.confirm(id), not_opening);
    // Never given out.
    let mut side = Side::server();
    assert_eq!(side.confirm(ChannelId::from_wire(3)), not_opening);
}

#[test]
fn a_confirmation_has_nothing_behind_its_last_field() {
    let mut side = Side::client();
    let id = side.opening();
    let data = Rest(b"x");
    let message = ChannelOpenConfirmation {
        data,
        ..confirmation(id)
    };
    let expected = Err(Error::Malformed(Malformed::TrailingBytes));
    assert_eq!(side.hear(&message), expected);
}

#[test]
fn a_confirmation_without_room_for_data_ends_the_session() {
    let too_small = Err(Error::PeerMisbehaved(PeerMisbehaved::PacketSizeTooSmall));
    for (maximum_packet_size, max) in [
        (0, None),
        (1, None),
        (PACKET_SIZE_MIN - 1, None),
        (PACKET_SIZE_MIN, Some(32)),
        (PACKET_SIZE_MIN + 1, Some(33)),
        (DATA_MAX - 1, Some(DATA_MAX as usize - 1)),
        (DATA_MAX, Some(DATA_MAX as usize)),
        (DATA_MAX + 1, Some(DATA_MAX as usize)),
        (u32::MAX, Some(DATA_MAX as usize)),
    ] {
        let mut side = Side::client();
        let id = side.opening();
        let message = ChannelOpenConfirmation {
            maximum_packet_size,
            ..confirmation(id)
        };
        match max {
            None => assert_eq!(side.hear(&message), too_small),
            Some(max) => {
                assert_eq!(side.hear(&message), Ok(Event::OpenConfirmed(id)));
                assert_eq!(side.channels.grant(id).unwrap().max, max);
            }
        }
    }
}

#[test]
fn an_open_given_up_before_it_was_sent_is_never_sent() {
    let mut side = Side::client();
    let id = side.channels.open(WEB).unwrap();
    side.channels.close(id);
    side.says(&[]);
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
    assert_eq!(side.channels.len(), 1);
    side.channels.release(id);
    assert!(side.channels.is_empty());
}

#[test]
fn an_open_given_up_before_its_answer_is_closed_after_it() {
    let mut side = Side::client();
    let id = side.opening();
    side.channels.release(id);
    side.says(&[]);
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
    assert_eq!(side.confirm(id), Ok(Event::Quiet));
    side.says(&[our_close()]);
    assert_eq!(side.data(id, 100), Ok(Event::Quiet));
    assert_eq!(side.close(id), Ok(Event::Quiet));
    assert!(side.channels.is_empty());

    let id = side.opening();
    side.channels.release(id);
    assert_eq!(side.hear(&failure(id)), Ok(Event::Quiet));
    assert!(side.channels.is_empty());
}

#[test]
fn an_open_closed_but_not_released_still_hears_the_refusal() {
    let mut side = Side::client();
    let id = side.opening();
    side.channels.close(id);
    assert!(matches!(
        side.hear(&failure(id)),
        Ok(Event::OpenRefused { .. })
    ));
    assert_eq!(side.channels.len(), 1);
}

#[test]
fn all_sent_before_the_confirmation_becomes_an_eof_after_it() {
    let mut side = Side::client();
    let id = side.opening();
    side.channels.finish_sending(id);
    side.says(&[]);
    assert_eq!(side.confirm(id), Ok(Event::OpenConfirmed(id)));
    assert_eq!(side.channels.grant(id), None);
    side.says(&[our_eof()]);
}

#[test]
fn a_peers_open_says_where_its_data_is() {
    let mut side = Side::server();
    let data = direct(b"web", 80);
    let payload = bytes(&asks(&data, PEER_PACKET));
    let event = side.channels.handle(&payload, side.now);
    let Ok(Event::OpenAsked { id, kind, data }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(kind, AskedKind::DirectTcpip);
    let asked = DirectTcpip::decode(&payload[data]).unwrap();
    assert_eq!(asked.host_to_connect, b"web");
    assert_eq!(asked.port_to_connect, 80);
    side.says(&[]);

    side.channels.accept(id);
    assert_eq!(side.channels.grant(id), None, "not before the confirmation");
    let message = side.channels.poll_message(side.now).unwrap();
    assert_eq!(message.confirms(), Some(id));
    let expected = ChannelOpenConfirmation {
        recipient_channel: PEER_CHANNEL,
        sender_channel: id.number(),
        initial_window_size: 64 << 10,
        maximum_packet_size: 32 << 10,
        data: Rest(b""),
    };
    assert_eq!(bytes(&message), bytes(&expected));
    let grant = side.channels.grant(id).unwrap();
    assert_eq!(grant.recipient_channel, PEER_CHANNEL);
    assert_eq!(grant.max, 32 << 10);
    side.says(&[]);
}

#[test]
fn a_peers_open_that_is_refused_is_gone() {
    let mut side = Side::server();
    let id = side.asked();
    assert_eq!(side.channels.loan(id), 64 << 10);
    side.channels
        .refuse(id, OpenFailure::ConnectFailed, "Connection refused");
    assert!(side.channels.is_empty());
    assert_eq!(side.channels.left(), Limits::SERVER.window_budget);
    side.channels.accept(id);
    side.channels
        .refuse(id, OpenFailure::ConnectFailed, "twice");
    side.says(&[our_refusal(2, "Connection refused")]);
}

#[test]
fn a_peers_open_that_the_caller_closes_or_drops_is_refused() {
    let mut side = Side::server();
    let id = side.asked();
    side.channels.close(id);
    side.says(&[our_refusal(2, "given up")]);
    assert_eq!(side.channels.len(), 1);
    side.channels.release(id);
    assert!(side.channels.is_empty());
    let id = side.asked();
    side.channels.release(id);
    side.says(&[our_refusal(2, "given up")]);
    assert!(side.channels.is_empty());
}

#[test]
fn a_peers_open_dropped_after_it_was_accepted_is_confirmed_and_closed() {
    let mut side = Side::server();
    let id = side.asked();
    side.channels.accept(id);
    side.channels.release(id);
    let said = side.say();
    assert!(ChannelOpenConfirmation::decode(&said[0]).is_ok());
    assert_eq!(said[1..], [our_close()]);
    assert_eq!(side.close(id), Ok(Event::Quiet));
    assert!(side.channels.is_empty());
}

#[test]
fn an_open_with_bytes_too_many_or_too_few_ends_the_session() {
    let data = direct(b"web", 80);
    for len in 0..data.len() {
        let result = Side::server().hear(&asks(&data[..len], PEER_PACKET));
        assert_eq!(result, Err(Error::Malformed(Malformed::TooShort)));
    }
    let long = [&data[..], b"x"].concat();
    let result = Side::server().hear(&asks(&long, PEER_PACKET));
    assert_eq!(result, Err(Error::Malformed(Malformed::TrailingBytes)));
}

#[test]
fn a_port_that_is_none_is_refused() {
    for (port, is_taken) in [
        (0, false),
        (1, true),
        (65535, true),
        (65536, false),
        (u32::MAX, false),
    ] {
        let mut side = Side::server();
        let event = side
            .hear(&asks(&direct(b"web", port), PEER_PACKET))
            .unwrap();
        assert_eq!(matches!(event, Event::OpenAsked { .. }), is_taken, "{port}");
        if !is_taken {
            side.says(&[our_refusal(2, "port out of range")]);
            assert!(side.channels.is_empty());
        }
    }
}

#[test]
fn a_host_that_is_none_is_refused() {
    let long = [b'h'; HOST_MAX + 1];
    for (host, is_taken) in [
        (&b""[..], false),
        (b"h", true),
        (b"::1", true),
        (b"fe80::1%eth0", true),
        ("b\u{fc}cher.example".as_bytes(), true),
        (&long[..HOST_MAX - 1], true),
        (&long[..HOST_MAX], true),
        (&long, false),
        (b"web\0.example", false),
        (b"web\n", false),
        (b"\x1b[2J", false),
        (b"web\x7f", false),
    ] {
        let mut side = Side::server();
        let event = side.hear(&asks(&direct(host, 80), PEER_PACKET)).unwrap();
        assert_eq!(
            matches!(event, Event::OpenAsked { .. }),
            is_taken,
            "{}",
            String::from_utf8_lossy(host)
        );
        if !is_taken {
            side.says(&[our_refusal(2, "not a host name or address")]);
            assert!(side.channels.is_empty());
        }
    }
}

#[test]
fn an_open_without_room_for_data_is_refused() {
    for (maximum_packet_size, is_taken) in [
        (0, false),
        (1, false),
        (PACKET_SIZE_MIN - 1, false),
        (PACKET_SIZE_MIN, true),
        (u32::MAX, true),
    ] {
        let mut side = Side::server();
        let data = direct(b"web", 80);
        match side.hear(&asks(&data, maximum_packet_size)).unwrap() {
            Event::OpenAsked { id, .. } => {
                assert!(is_taken);
                side.channels.accept(id);
                side.say();
                let max = maximum_packet_size.min(DATA_MAX) as usize;
                assert_eq!(side.channels.grant(id).unwrap().max, max);
            }
            _ => {
                assert!(!is_taken);
                side.says(&[our_refusal(2, "maximum packet size too small")]);
            }
        }
    }
}

#[test]
fn other_uses_of_ssh_are_refused_in_words_a_person_understands() {
    for (channel_type, reason, text) in [
        (
            &b"session"[..],
            1,
            "this server only forwards ports; use ssh -N",
        ),
        (b"x11", 3, "X11 is not forwarded here"),
        (
            b"auth-agent@openssh.com",
            3,
            "agents are not forwarded here",
        ),
        (
            b"tun@openssh.com",
            3,
            "tunnel devices are not supported here",
        ),
        (b"forwarded-tcpip", 3, "unknown channel type"),
        (
            b"forwarded-streamlocal@openssh.com",
            3,
            "unknown channel type",
        ),
        (b"", 3, "unknown channel type"),
        (&[0xff; 30_000], 3, "unknown channel type"),
    ] {
        let open = ChannelOpen {
            channel_type,
            data: Rest(b"whatever"),
            ..asks(b"", 0)
        };
        let mut server = Side::server();
        assert_eq!(server.hear(&open), Ok(Event::Quiet));
        server.says(&[our_refusal(reason, text)]);
        let mut client = Side::client();
        assert_eq!(client.hear(&open), Ok(Event::Quiet));
        client.says(&[our_refusal(1, "this client accepts no channels")]);
        assert!(server.channels.is_empty() && client.channels.is_empty());
    }
    let data = direct(b"web", 80);
    let mut client = Side::client();
    assert_eq!(client.hear(&asks(&data, PEER_PACKET)), Ok(Event::Quiet));
    client.says(&[our_refusal(1, "this client accepts no channels")]);
}

#[test]
fn a_full_table_refuses_and_is_full() {
    let limits = Limits {
        max_channels: 3,
        window_budget: 1 << 20,
    };
    let mut side = Side::new(limits, Accepts::Direct);
    let ids: Vec<_> = (0..3).map(|_| side.accepted()).collect();
    let data = direct(b"web", 80);
    assert_eq!(side.hear(&asks(&data, PEER_PACKET)), Ok(Event::Quiet));
    side.says(&[our_refusal(4, "too many channels")]);
    assert_eq!(side.channels.open(WEB), Err(NotOpened::Full));
    assert!(!side.channels.has_place());
    assert_eq!(side.balance(&ids), limits.window_budget);
    // As soon as one is gone there is room for one, and those that never were do not count.
    side.channels.release(ids[1]);
    side.say();
    side.close(ids[1]).unwrap();
    let id = side.channels.open(WEB).unwrap();
    assert_eq!(side.channels.loan(id), limits.window_budget / (8 * 3));
    assert_eq!(side.channels.open(WEB), Err(NotOpened::Full));
}

#[test]
fn an_empty_book_refuses_and_is_full() {
    for (window_budget, opens) in [
        (0, 0),
        (1023, 0),
        (1024, 1),
        (2047, 1),
        (2048, 2),
        (2049, 2),
    ] {
        let limits = Limits {
            max_channels: 16_384,
            window_budget,
        };
        let mut side = Side::new(limits, Accepts::Direct);
        let ids: Vec<_> = (0..opens).map(|_| side.asked()).collect();
        assert_eq!(side.channels.open(WEB), Err(NotOpened::Full));
        assert!(!side.channels.has_place());
        let data = direct(b"web", 80);
        assert_eq!(side.hear(&asks(&data, PEER_PACKET)), Ok(Event::Quiet));
        side.says(&[our_refusal(4, "too many channels")]);
        assert_eq!(side.balance(&ids), window_budget);
    }
}

#[test]
fn the_channels_of_other_sessions_leave_a_place_and_nothing_for_it() {
    let mut side = Side::new(Limits::SERVER, Accepts::Direct);
    side.channels.share(ProcessBook::new(0));
    assert_eq!(side.channels.open(WEB), Err(NotOpened::Full));
    assert!(side.channels.has_place());
}

#[test]
fn a_refusal_is_never_longer_than_its_limit() {
    const LONG: &str = concat!(
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        "01234567890123456789012345678901234567890123\u{fc}tail"
    );
    assert!(!LONG.is_char_boundary(TEXT_MAX));
    for (text, sent) in [
        (&LONG[..TEXT_MAX - 1], &LONG[..TEXT_MAX - 1]),
        (&LONG[1..TEXT_MAX + 1], &LONG[1..TEXT_MAX + 1]),
        (LONG, &LONG[..TEXT_MAX - 1]),
        ("", ""),
    ] {
        let mut side = Side::server();
        let id = side.asked();
        side.channels
            .refuse(id, OpenFailure::AdministrativelyProhibited, text);
        side.says(&[our_refusal(1, sent)]);
    }
}
