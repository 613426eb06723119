//! What a server is asked for, and what it answers.

use super::*;

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
