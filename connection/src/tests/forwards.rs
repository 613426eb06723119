//! Requests to listen, ours and the peer's, and the channels that come of them.

use std::string::String;
use std::vec::Vec;

use adit_proto::msg::{
    CANCEL_STREAMLOCAL_FORWARD, CANCEL_TCPIP_FORWARD, ChannelOpen, DIRECT_STREAMLOCAL,
    DIRECT_TCPIP, DirectStreamlocal, FORWARDED_STREAMLOCAL, FORWARDED_TCPIP, ForwardedStreamlocal,
    ForwardedTcpip, GlobalRequest, RequestFailure, RequestSuccess, STREAMLOCAL_FORWARD,
    StreamlocalForward, TCPIP_FORWARD, TcpipForward, TcpipForwardSuccess,
};
use adit_proto::{Decode, Malformed, Rest};

use super::support::*;
use crate::*;

const LOCALHOST: ForwardRequest<'static> = ForwardRequest::TcpipForward {
    address: b"localhost",
    port: 8080,
};
const ANY_PORT: ForwardRequest<'static> = ForwardRequest::TcpipForward {
    address: b"",
    port: 0,
};
const PATH: ForwardRequest<'static> = ForwardRequest::StreamlocalForward { path: b"/run/s" };

fn tcpip(address: &[u8], port: u32) -> Vec<u8> {
    bytes(&TcpipForward {
        address_to_bind: address,
        port_number_to_bind: port,
    })
}

fn streamlocal(path: &[u8]) -> Vec<u8> {
    bytes(&StreamlocalForward { socket_path: path })
}

fn request<'a>(request_name: &'a [u8], want_reply: bool, data: &'a [u8]) -> GlobalRequest<'a> {
    GlobalRequest {
        request_name,
        want_reply,
        data: Rest(data),
    }
}

fn success() -> Vec<u8> {
    bytes(&RequestSuccess { data: Rest(b"") })
}

fn success_with(port_that_was_bound: u32) -> Vec<u8> {
    bytes(&TcpipForwardSuccess {
        port_that_was_bound,
    })
}

fn failure() -> Vec<u8> {
    bytes(&RequestFailure {})
}

fn misbehaved(why: PeerMisbehaved) -> Result<Event, Error> {
    Err(Error::PeerMisbehaved(why))
}

impl Side {
    fn asks_for(&mut self, request: ForwardRequest<'_>) -> RequestId {
        self.channels.request(request).unwrap()
    }

    fn answer(&mut self, payload: &[u8]) -> Result<Event, Error> {
        self.channels.handle(payload, self.now)
    }
}

#[test]
fn a_request_says_what_to_do_and_wants_an_answer() {
    let cancel_port = ForwardRequest::CancelTcpipForward {
        address: b"localhost",
        port: 8080,
    };
    let cancel_path = ForwardRequest::CancelStreamlocalForward { path: b"/run/s" };
    for (ours, name, data) in [
        (LOCALHOST, TCPIP_FORWARD, tcpip(b"localhost", 8080)),
        (ANY_PORT, TCPIP_FORWARD, tcpip(b"", 0)),
        (cancel_port, CANCEL_TCPIP_FORWARD, tcpip(b"localhost", 8080)),
        (PATH, STREAMLOCAL_FORWARD, streamlocal(b"/run/s")),
        (
            cancel_path,
            CANCEL_STREAMLOCAL_FORWARD,
            streamlocal(b"/run/s"),
        ),
    ] {
        let mut side = Side::client();
        side.asks_for(ours);
        assert!(side.channels.has_message());
        side.says(&[bytes(&request(name, true, &data))]);
    }
}

#[test]
fn answers_are_to_the_requests_in_their_order_and_keepalives_among_them() {
    let mut side = Side::client();
    let first = side.asks_for(ANY_PORT);
    side.channels.keepalive();
    let second = side.asks_for(PATH);
    let third = side.asks_for(LOCALHOST);
    assert_eq!(side.say().len(), 4);
    let granted = |port| Answer::Granted { port };
    let answered = |id, answer| Ok(Event::RequestAnswered { id, answer });
    assert_eq!(
        side.answer(&success_with(40_000)),
        answered(first, granted(Some(40_000)))
    );
    assert_eq!(side.answer(&failure()), Ok(Event::Alive));
    assert_eq!(side.answer(&failure()), answered(second, Answer::Refused));
    // One more, behind answers to earlier ones.
    let fourth = side.asks_for(LOCALHOST);
    assert_eq!(side.say().len(), 1);
    assert_eq!(side.answer(&success()), answered(third, granted(None)));
    assert_eq!(side.answer(&failure()), answered(fourth, Answer::Refused));
    assert_eq!(
        side.answer(&success()),
        misbehaved(PeerMisbehaved::UnaskedReply)
    );
}

#[test]
fn what_wants_no_answer_gets_none_and_is_in_nobodys_way() {
    let cancel = ForwardRequest::CancelTcpipForward {
        address: b"localhost",
        port: 8080,
    };
    let mut side = Side::client();
    let first = side.asks_for(LOCALHOST);
    side.channels.tell(cancel).unwrap();
    let second = side.asks_for(PATH);
    let data = tcpip(b"localhost", 8080);
    side.says(&[
        bytes(&request(TCPIP_FORWARD, true, &data)),
        bytes(&request(CANCEL_TCPIP_FORWARD, false, &data)),
        bytes(&request(STREAMLOCAL_FORWARD, true, &streamlocal(b"/run/s"))),
    ]);
    for id in [first, second] {
        let answer = Answer::Refused;
        let answered = Event::RequestAnswered { id, answer };
        assert_eq!(side.answer(&failure()), Ok(answered));
    }
    assert_eq!(
        side.answer(&failure()),
        misbehaved(PeerMisbehaved::UnaskedReply)
    );
    for _ in 0..REQUESTS_MAX {
        side.channels.tell(cancel).unwrap();
    }
    assert_eq!(side.channels.tell(cancel), Err(Full));
    assert_eq!(side.say().len(), REQUESTS_MAX);
    assert_eq!(side.channels.tell(cancel), Ok(()));
}

#[test]
fn an_answer_to_what_is_not_sent_yet_ends_the_session() {
    let mut side = Side::client();
    side.asks_for(LOCALHOST);
    assert_eq!(
        side.answer(&success()),
        misbehaved(PeerMisbehaved::UnaskedReply)
    );
}

#[test]
fn a_grant_says_what_it_may_say_and_no_more() {
    use PeerMisbehaved::{PortNotAskedFor, PortOutOfRange};
    let malformed = |m| Err(Error::Malformed(m));
    let granted = |port| {
        Ok(Answer::Granted {
            port: Some(port).filter(|port| *port != 0),
        })
    };
    let cancel = ForwardRequest::CancelTcpipForward {
        address: b"",
        port: 22,
    };
    let success_of = |data: &'static [u8]| bytes(&RequestSuccess { data: Rest(data) });
    for (ours, answer, expected) in [
        (ANY_PORT, success_with(1), granted(1)),
        (ANY_PORT, success_with(65_535), granted(65_535)),
        (ANY_PORT, success_with(0), Err(PortOutOfRange.into())),
        (ANY_PORT, success_with(65_536), Err(PortOutOfRange.into())),
        (ANY_PORT, success_with(u32::MAX), Err(PortOutOfRange.into())),
        (ANY_PORT, success(), malformed(Malformed::TooShort)),
        (
            ANY_PORT,
            success_of(b"\0\0\x50"),
            malformed(Malformed::TooShort),
        ),
        (
            ANY_PORT,
            success_of(b"\0\0\0\x50\0"),
            malformed(Malformed::TrailingBytes),
        ),
        (LOCALHOST, success(), granted(0)),
        // Some servers say again what was asked for.
        (LOCALHOST, success_with(8080), granted(0)),
        (LOCALHOST, success_with(8081), Err(PortNotAskedFor.into())),
        (LOCALHOST, success_with(0), Err(PortNotAskedFor.into())),
        (
            LOCALHOST,
            success_of(b"\0\0\x1f\x90\0"),
            malformed(Malformed::TrailingBytes),
        ),
        (PATH, success(), granted(0)),
        (PATH, success_with(1), malformed(Malformed::TrailingBytes)),
        (cancel, success(), granted(0)),
        (
            cancel,
            success_of(b"x"),
            malformed(Malformed::TrailingBytes),
        ),
    ] {
        let mut side = Side::client();
        let id = side.asks_for(ours);
        side.say();
        let expected = expected.map(|answer| Event::RequestAnswered { id, answer });
        assert_eq!(side.answer(&answer), expected, "{ours:?} {answer:?}");
    }
}

#[test]
fn so_many_requests_may_wait_for_their_answers() {
    let mut side = Side::client();
    side.channels.keepalive();
    for n in 0..REQUESTS_MAX {
        assert!(side.channels.request(LOCALHOST).is_ok(), "{n}");
        if n % 2 == 0 {
            side.say();
        }
    }
    assert_eq!(side.channels.request(LOCALHOST), Err(Full));
    side.say();
    assert_eq!(side.channels.request(LOCALHOST), Err(Full));
    // The keepalive makes room for none.
    assert_eq!(side.answer(&failure()), Ok(Event::Alive));
    assert_eq!(side.channels.request(LOCALHOST), Err(Full));
    side.answer(&failure()).unwrap();
    assert!(side.channels.request(LOCALHOST).is_ok());
    assert_eq!(side.channels.request(LOCALHOST), Err(Full));
}

#[test]
fn what_nobody_could_listen_on_is_not_asked_for() {
    let long_path = [b'p'; PATH_MAX + 1];
    let long_host = [b'h'; HOST_MAX + 1];
    for (path, is_asked) in [
        (&b""[..], false),
        (b"/", true),
        (&long_path[..PATH_MAX], true),
        (&long_path, false),
        (b"/a\0b", false),
        (b"\0abstract", false),
        (b"/line\nbreak", true),
    ] {
        for request in [
            ForwardRequest::StreamlocalForward { path },
            ForwardRequest::CancelStreamlocalForward { path },
        ] {
            assert_eq!(Side::client().channels.request(request).is_ok(), is_asked);
        }
        let opened = Side::client()
            .channels
            .open(OpenKind::DirectStreamlocal { path });
        assert_eq!(opened.is_ok(), is_asked);
    }
    for (address, is_asked) in [
        (&b""[..], true),
        (&long_host[..HOST_MAX], true),
        (&long_host, false),
        (b"a\0b", false),
    ] {
        let request = ForwardRequest::TcpipForward { address, port: 1 };
        assert_eq!(Side::client().channels.request(request).is_ok(), is_asked);
    }
}

#[test]
fn a_server_is_asked_to_listen_and_answers_in_order() {
    let mut side = Side::server();
    for (name, kind, data) in [
        (
            TCPIP_FORWARD,
            ForwardKind::TcpipForward,
            tcpip(b"localhost", 0),
        ),
        (
            CANCEL_TCPIP_FORWARD,
            ForwardKind::CancelTcpipForward,
            tcpip(b"", 65_535),
        ),
        (
            STREAMLOCAL_FORWARD,
            ForwardKind::StreamlocalForward,
            streamlocal(b"/run/s"),
        ),
        (
            CANCEL_STREAMLOCAL_FORWARD,
            ForwardKind::CancelStreamlocalForward,
            streamlocal(b"/run/s"),
        ),
    ] {
        let payload = bytes(&request(name, true, &data));
        let range = payload.len() - data.len()..payload.len();
        let expected = Event::ForwardAsked { kind, data: range };
        for (decide, answer) in [
            (Channels::refuse_forward as fn(&mut Channels), failure()),
            (|channels| channels.grant_forward(None), success()),
            (
                |channels| channels.grant_forward(Some(40_000)),
                success_with(40_000),
            ),
        ] {
            side.hear(&request(b"keepalive@openssh.com", true, b""))
                .unwrap();
            assert_eq!(side.answer(&payload), Ok(expected.clone()));
            decide(&mut side.channels);
            // There is nothing left to decide.
            side.channels.grant_forward(None);
            side.channels.refuse_forward();
            side.says(&[failure(), answer]);
        }
    }
}

#[test]
fn what_is_not_decided_at_once_is_refused_in_its_place() {
    let data = tcpip(b"localhost", 8080);
    let asked = bytes(&request(TCPIP_FORWARD, true, &data));
    let mut side = Side::server();
    side.answer(&asked).unwrap();
    assert!(side.channels.has_message());
    side.says(&[failure()]);
    side.answer(&asked).unwrap();
    side.answer(&asked).unwrap();
    side.channels.grant_forward(None);
    side.says(&[failure(), success()]);
}

#[test]
fn who_wants_no_answer_gets_none() {
    let data = tcpip(b"localhost", 8080);
    let asked = bytes(&request(TCPIP_FORWARD, false, &data));
    let mut side = Side::server();
    for decide in [Channels::refuse_forward as fn(&mut Channels), |channels| {
        channels.grant_forward(None)
    }] {
        let event = side.answer(&asked);
        assert!(matches!(event, Ok(Event::ForwardAsked { .. })));
        decide(&mut side.channels);
        side.says(&[]);
    }
}

#[test]
fn what_nobody_could_listen_on_is_refused_unasked() {
    let long_path = [b'p'; PATH_MAX + 1];
    let long_host = [b'h'; HOST_MAX + 1];
    let rows = [
        (TCPIP_FORWARD, tcpip(b"", 65_535), true),
        (TCPIP_FORWARD, tcpip(b"", 65_536), false),
        (TCPIP_FORWARD, tcpip(b"", u32::MAX), false),
        (CANCEL_TCPIP_FORWARD, tcpip(b"", 65_536), false),
        (TCPIP_FORWARD, tcpip(&long_host[..HOST_MAX], 1), true),
        (TCPIP_FORWARD, tcpip(&long_host, 1), false),
        (TCPIP_FORWARD, tcpip(b"a\x1bb", 1), false),
        (
            STREAMLOCAL_FORWARD,
            streamlocal(&long_path[..PATH_MAX]),
            true,
        ),
        (STREAMLOCAL_FORWARD, streamlocal(&long_path), false),
        (STREAMLOCAL_FORWARD, streamlocal(b""), false),
        (STREAMLOCAL_FORWARD, streamlocal(b"/a\0b"), false),
        (CANCEL_STREAMLOCAL_FORWARD, streamlocal(b"\0a"), false),
    ];
    for (name, data, is_asked) in rows {
        let mut side = Side::server();
        let event = side.hear(&request(name, true, &data)).unwrap();
        assert_eq!(matches!(event, Event::ForwardAsked { .. }), is_asked);
        side.says(&[failure()]);
    }
    // A port that nobody is told of.
    let mut side = Side::server();
    let data = tcpip(b"localhost", 0);
    let event = side.hear(&request(TCPIP_FORWARD, false, &data));
    assert_eq!(event, Ok(Event::Quiet));
    side.says(&[]);
}

#[test]
fn a_request_with_bytes_too_many_or_too_few_ends_the_session() {
    for (name, data) in [
        (TCPIP_FORWARD, tcpip(b"localhost", 8080)),
        (CANCEL_TCPIP_FORWARD, tcpip(b"localhost", 8080)),
        (STREAMLOCAL_FORWARD, streamlocal(b"/run/s")),
        (CANCEL_STREAMLOCAL_FORWARD, streamlocal(b"/run/s")),
    ] {
        for len in 0..data.len() {
            let result = Side::server().hear(&request(name, true, &data[..len]));
            assert_eq!(result, Err(Error::Malformed(Malformed::TooShort)));
        }
        let long = [&data[..], b"x"].concat();
        let result = Side::server().hear(&request(name, true, &long));
        assert_eq!(result, Err(Error::Malformed(Malformed::TrailingBytes)));
    }
}

#[test]
fn a_client_listens_for_nobody() {
    let data = tcpip(b"localhost", 8080);
    let mut side = Side::client();
    side.asks_for(LOCALHOST);
    side.say();
    for name in [TCPIP_FORWARD, STREAMLOCAL_FORWARD] {
        let event = side.hear(&request(name, true, &data));
        assert_eq!(event, Ok(Event::Quiet));
        side.says(&[failure()]);
    }
}

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
