//! The channels that come of it, and those of paths.

use super::*;

fn forwarded(port: u32, address: &[u8]) -> Vec<u8> {
    bytes(&ForwardedTcpip {
        connected_address: address,
        connected_port: port,
        originator_ip_address: b"192.0.2.1",
        originator_port: 50_000,
    })
}

fn forwarded_path(path: &[u8]) -> Vec<u8> {
    bytes(&ForwardedStreamlocal {
        socket_path: path,
        reserved: b"",
    })
}

fn direct_path(path: &[u8]) -> Vec<u8> {
    bytes(&DirectStreamlocal {
        socket_path: path,
        reserved: b"",
        reserved_port: 0,
    })
}

#[test]
fn each_role_takes_its_own_kinds_of_channels() {
    use AskedKind as K;
    let kinds = [
        (K::DirectTcpip, DIRECT_TCPIP, direct(b"web", 80)),
        (
            K::DirectStreamlocal,
            DIRECT_STREAMLOCAL,
            direct_path(b"/run/s"),
        ),
        (K::ForwardedTcpip, FORWARDED_TCPIP, forwarded(8080, b"")),
        (
            K::ForwardedStreamlocal,
            FORWARDED_STREAMLOCAL,
            forwarded_path(b"/run/s"),
        ),
    ];
    let no_channels = our_refusal(1, "this client accepts no channels");
    let unknown = our_refusal(3, "unknown channel type");
    let not_asked = our_refusal(
        1,
        "this client connects only for what it asked to be forwarded",
    );
    for (kind, channel_type, data) in kinds {
        let open = ChannelOpen {
            channel_type,
            ..asks(&data, PEER_PACKET)
        };
        let is_direct = matches!(kind, K::DirectTcpip | K::DirectStreamlocal);
        for accepts in [Accepts::Direct, Accepts::Forwarded, Accepts::Nothing] {
            let mut side = Side::new(Limits::CLIENT, accepts);
            let refusal = match (accepts, is_direct) {
                (Accepts::Direct, true) | (Accepts::Forwarded, false) => None,
                (Accepts::Direct, false) => Some(unknown.clone()),
                (Accepts::Forwarded, true) => Some(not_asked.clone()),
                (Accepts::Nothing, _) => Some(no_channels.clone()),
            };
            let payload = bytes(&open);
            let event = side.answer(&payload).unwrap();
            match (event, refusal) {
                (
                    Event::OpenAsked {
                        id,
                        kind: k,
                        data: d,
                    },
                    None,
                ) => {
                    assert_eq!((k, &payload[d]), (kind, &data[..]));
                    side.channels.accept(id);
                    assert_eq!(side.say().len(), 1);
                }
                (Event::Quiet, Some(refusal)) => side.says(&[refusal]),
                other => panic!("{kind:?} {accepts:?} {other:?}"),
            }
        }
    }
}

#[test]
fn a_client_that_asks_for_a_forward_takes_channels_from_then_on() {
    let data = forwarded(8080, b"localhost");
    let open = ChannelOpen {
        channel_type: FORWARDED_TCPIP,
        ..asks(&data, PEER_PACKET)
    };
    let mut side = Side::client();
    assert_eq!(side.hear(&open), Ok(Event::Quiet));
    side.say();
    side.asks_for(LOCALHOST);
    side.say();
    assert!(matches!(side.hear(&open), Ok(Event::OpenAsked { .. })));
    // What runs a command is refused by a client in other words.
    let session = ChannelOpen {
        channel_type: b"session",
        ..asks(b"", PEER_PACKET)
    };
    assert_eq!(side.hear(&session), Ok(Event::Quiet));
    side.says(&[our_refusal(3, "unknown channel type")]);
}

#[test]
fn places_that_are_none_are_refused() {
    let long_path = [b'p'; PATH_MAX + 1];
    let path = our_refusal(2, "not a path of a socket");
    let port = our_refusal(2, "port out of range");
    let host = our_refusal(2, "not a host name or address");
    let rows = [
        (FORWARDED_TCPIP, forwarded(1, b""), None),
        (FORWARDED_TCPIP, forwarded(65_535, b"localhost"), None),
        (FORWARDED_TCPIP, forwarded(0, b""), Some(&port)),
        (FORWARDED_TCPIP, forwarded(65_536, b""), Some(&port)),
        (FORWARDED_TCPIP, forwarded(1, b"a\0b"), Some(&host)),
        (FORWARDED_STREAMLOCAL, forwarded_path(b"/"), None),
        (
            FORWARDED_STREAMLOCAL,
            forwarded_path(&long_path[..PATH_MAX]),
            None,
        ),
        (
            FORWARDED_STREAMLOCAL,
            forwarded_path(&long_path),
            Some(&path),
        ),
        (FORWARDED_STREAMLOCAL, forwarded_path(b""), Some(&path)),
        (FORWARDED_STREAMLOCAL, forwarded_path(b"/a\0b"), Some(&path)),
        (DIRECT_STREAMLOCAL, direct_path(b"/run/s"), None),
        (DIRECT_STREAMLOCAL, direct_path(&long_path), Some(&path)),
        (DIRECT_STREAMLOCAL, direct_path(b"\0a"), Some(&path)),
    ];
    for (channel_type, data, refusal) in rows {
        let accepts = if channel_type == DIRECT_STREAMLOCAL {
            Accepts::Direct
        } else {
            Accepts::Forwarded
        };
        let open = |data| ChannelOpen {
            channel_type,
            ..asks(data, PEER_PACKET)
        };
        let mut side = Side::new(Limits::CLIENT, accepts);
        let event = side.hear(&open(&data)).unwrap();
        let name = String::from_utf8_lossy(channel_type);
        assert_eq!(event == Event::Quiet, refusal.is_some(), "{name}");
        side.says(refusal.map_or(&[][..], core::slice::from_ref));
        for len in 0..data.len() {
            let result = Side::new(Limits::CLIENT, accepts).hear(&open(&data[..len]));
            assert_eq!(result, Err(Error::Malformed(Malformed::TooShort)));
        }
        let long = [&data[..], b"x"].concat();
        let result = Side::new(Limits::CLIENT, accepts).hear(&open(&long));
        assert_eq!(result, Err(Error::Malformed(Malformed::TrailingBytes)));
    }
}

#[test]
fn our_opens_say_their_type_and_what_belongs_to_it() {
    for (kind, channel_type, data) in [
        (
            OpenKind::DirectStreamlocal { path: b"/run/s" },
            DIRECT_STREAMLOCAL,
            direct_path(b"/run/s"),
        ),
        (
            OpenKind::ForwardedStreamlocal { path: b"/run/s" },
            FORWARDED_STREAMLOCAL,
            forwarded_path(b"/run/s"),
        ),
        (
            OpenKind::ForwardedTcpip {
                address: b"LocalHost",
                port: 8080,
                originator: b"192.0.2.1",
                originator_port: 50_000,
            },
            FORWARDED_TCPIP,
            forwarded(8080, b"LocalHost"),
        ),
    ] {
        let mut side = Side::server();
        side.channels.open(kind).unwrap();
        let said = side.say();
        let open = ChannelOpen::decode(&said[0]).unwrap();
        assert_eq!((open.channel_type, open.data.0), (channel_type, &data[..]));
    }
}
