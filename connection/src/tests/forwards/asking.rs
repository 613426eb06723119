//! What a client asks for, and the answers.

use super::*;

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
