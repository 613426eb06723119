//! A server that answers what it was not asked, grants what nobody wanted or opens what it may not,
//! and a client that asks for what cannot be (RFC 4254 §7; OpenSSH, PROTOCOL §2.4).

use adit_connection::{ForwardRequest, OpenKind};
use adit_crypto::Provider;
use adit_proto::Decode;
use adit_proto::msg::ChannelOpenFailure;
use adit_testkit::kinds::{
    CANCELS, CHANNELS, REQUESTS, asked, open, opener, streamlocal_forward, tcpip_forward,
};
use adit_testkit::on_every_provider;
use adit_testkit::pair::Willing;
use adit_testkit::scripted::channels::Sizes;
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step};

const SUCCESS: u8 = 81;
const FAILURE: u8 = 82;
/// A protocol error (RFC 4253 §11.1).
const REFUSED: Outcome = Outcome::Refused(2);

/// REQUEST_SUCCESS with these bytes behind it.
fn success(behind: &[u8]) -> Vec<u8> {
    [&[SUCCESS], behind].concat()
}

fn port(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// A client that has asked its server for these.
fn client(provider: &'static Provider, requests: &[ForwardRequest<'_>]) -> Scripted {
    let mut peer = Scripted::at(&Script::new(Role::Client, provider), Step::Login);
    for request in requests {
        peer.victim.session.request(*request).unwrap();
    }
    peer.run();
    let asked = peer.heard.iter().filter(|m| m[0] == 80).count();
    assert_eq!(asked, requests.len());
    peer
}

fn answers(peer: &Scripted) -> usize {
    let answered = |line: &&String| line.starts_with("RequestAnswered");
    peer.victim.log.iter().filter(answered).count()
}

fn an_answer_that_nobody_asked_for_ends_the_session(provider: &'static Provider) {
    let all = [success(&[]), success(&port(8080)), vec![FAILURE]];
    for unasked in &all {
        assert_eq!(client(provider, &[]).answer_to(unasked), REFUSED);
        // Nor is there a second one, to a request or to its cancel.
        for requests in [&REQUESTS[..1], &REQUESTS[1..], &CANCELS[..1], &CANCELS[1..]] {
            for first in [success(&[]), vec![FAILURE]] {
                let mut peer = client(provider, requests);
                assert_eq!(peer.answer_to(&first), Outcome::Said(vec![]));
                assert_eq!(answers(&peer), 1);
                assert_eq!(peer.answer_to(unasked), REFUSED, "{requests:?} {unasked:?}");
                assert_eq!(answers(&peer), 1);
            }
        }
    }
}

fn a_grant_says_what_was_left_open_and_nothing_else(provider: &'static Provider) {
    let address = b"localhost";
    let any = ForwardRequest::TcpipForward { address, port: 0 };
    let [named, path] = REQUESTS;
    let [cancel, cancel_path] = CANCELS;
    let bad = [
        (any, success(&[])),
        (any, success(&port(0))),
        (any, success(&port(65_536))),
        (any, success(&port(u32::MAX))),
        (any, success(&port(8080)[..3])),
        (any, success(&[0, 0, 0x1f, 0x90, 0])),
        (named, success(&port(8081))),
        (named, success(&port(0))),
        (named, success(b"x")),
        (path, success(&port(8080))),
        (cancel, success(&port(8080))),
        (cancel_path, success(b"/run/near")),
        (any, vec![FAILURE, 0]),
        (path, vec![FAILURE, 0]),
    ];
    for (request, answer) in bad {
        let mut peer = client(provider, &[request]);
        assert_eq!(peer.answer_to(&answer), REFUSED, "{request:?} {answer:?}");
        assert_eq!(answers(&peer), 0);
    }
    let good = [
        (any, success(&port(1)), "port: Some(1)"),
        (any, success(&port(65_535)), "port: Some(65535)"),
        (any, vec![FAILURE], "Refused"),
        (named, success(&[]), "port: None"),
        // Servers made with paramiko repeat it.
        (named, success(&port(8080)), "port: None"),
        (path, success(&[]), "port: None"),
        (cancel, success(&[]), "port: None"),
        (cancel_path, vec![FAILURE], "Refused"),
    ];
    for (request, answer, expected) in good {
        let mut peer = client(provider, &[request]);
        let seen = peer.answer_to(&answer);
        assert_eq!(seen, Outcome::Said(vec![]), "{request:?} {answer:?}");
        let said = peer.victim.log.last().unwrap();
        assert!(said.contains(expected), "{request:?} {said}");
    }
}

/// Why the peer's channel was refused.
fn refusal(peer: &mut Scripted, open: &[u8]) -> (u32, String) {
    assert_eq!(peer.answer_to(open), Outcome::Said(vec![92]), "{open:?}");
    let heard = peer.heard.back().unwrap();
    let failure = ChannelOpenFailure::decode(heard).unwrap();
    let why = String::from_utf8(failure.description.to_vec()).unwrap();
    (failure.reason_code, why)
}

fn channels_are_opened_by_those_who_may(provider: &'static Provider) {
    for kind in CHANNELS {
        let message = open(kind, 7, Sizes::USUAL);
        // Whoever would open such a channel is offered none, and is not asked about it.
        let mut peer = match opener(kind) {
            Role::Client => client(provider, &REQUESTS),
            Role::Server => Scripted::at(&Script::new(Role::Server, provider), Step::Login),
        };
        let (reason, why) = refusal(&mut peer, &message);
        let expected = if opener(kind) == Role::Client { 1 } else { 3 };
        assert_eq!((reason, peer.opens()), (expected, 0), "{kind:?} {why}");
        // A client that has asked for nothing is offered nothing.
        let mut peer = client(provider, &[]);
        let (reason, why) = refusal(&mut peer, &message);
        assert_eq!((reason, peer.opens()), (1, 0), "{kind:?} {why}");
        // And those that are, are asked about.
        let mut peer = match opener(kind) {
            Role::Client => Scripted::at(&Script::new(Role::Server, provider), Step::Login),
            Role::Server => client(provider, &REQUESTS),
        };
        assert_eq!(peer.answer_to(&message), Outcome::Said(vec![91]));
        assert_eq!(peer.opens(), 1);
    }
}

fn a_path_has_a_byte_or_more_and_no_nul(provider: &'static Provider) {
    let longest = [b'p'; 107];
    let too_long = [b'p'; 108];
    let bad: [&[u8]; 6] = [
        b"",
        b"\0",
        b"\0abstract",
        b"/run/s\0",
        b"/run\0/s",
        &too_long,
    ];
    for make in [
        (|path| OpenKind::DirectStreamlocal { path }) as fn(&[u8]) -> OpenKind<'_>,
        |path| OpenKind::ForwardedStreamlocal { path },
    ] {
        let peer = || match opener(make(b"/run/s")) {
            Role::Client => Scripted::at(&Script::new(Role::Server, provider), Step::Login),
            Role::Server => client(provider, &REQUESTS),
        };
        for path in bad {
            let mut peer = peer();
            let (reason, why) = refusal(&mut peer, &open(make(path), 7, Sizes::USUAL));
            assert_eq!((reason, &*why), (2, "not a path of a socket"), "{path:?}");
            assert_eq!(peer.opens(), 0);
        }
        let seen = peer().answer_to(&open(make(&longest), 7, Sizes::USUAL));
        assert_eq!(seen, Outcome::Said(vec![91]));
    }
    let server = || Scripted::at(&Script::new(Role::Server, provider), Step::Login);
    for path in bad {
        let seen = server().answer_to(&streamlocal_forward(path));
        assert_eq!(seen, Outcome::Said(vec![FAILURE]), "{path:?}");
    }
    let seen = server().answer_to(&streamlocal_forward(&longest));
    assert_eq!(seen, Outcome::Said(vec![SUCCESS]));
}

fn a_port_and_an_address_are_ones_that_there_can_be(provider: &'static Provider) {
    let forwarded = |address, port| OpenKind::ForwardedTcpip {
        address,
        port,
        originator: b"",
        originator_port: 0,
    };
    let long = [b'a'; 1026];
    for (address, port) in [
        (&b"localhost"[..], 0),
        (b"local\0host", 8080),
        (b"a\nb", 8080),
        (&long, 8080),
    ] {
        let mut peer = client(provider, &REQUESTS);
        let message = open(forwarded(address, port), 7, Sizes::USUAL);
        let (reason, why) = refusal(&mut peer, &message);
        assert_eq!((reason, peer.opens()), (2, 0), "{why}");
    }
    for (address, port) in [
        (&b"localhost"[..], 65_536),
        (b"localhost", u32::MAX),
        (b"local\0host", 8080),
        (&long, 8080),
    ] {
        let mut peer = Scripted::at(&Script::new(Role::Server, provider), Step::Login);
        let seen = peer.answer_to(&tcpip_forward(address, port));
        assert_eq!(seen, Outcome::Said(vec![FAILURE]));
        assert!(
            !peer
                .victim
                .log
                .iter()
                .any(|line| line.starts_with("ForwardAsked"))
        );
    }
}

/// However many the server opens, the table has its slots and the rest is refused for that.
fn channels_by_the_thousand_fill_the_table_and_no_more(provider: &'static Provider) {
    const SLOTS: u32 = 50;
    const OPENS: u32 = 2000;
    for kind in CHANNELS {
        let mut script = Script::new(asked(kind), provider);
        script.setup.limits.max_channels = SLOTS;
        script.setup.server = Willing::Undecided;
        let mut peer = Scripted::at(&script, Step::Login);
        if opener(kind) == Role::Server {
            for request in REQUESTS {
                peer.victim.session.request(request).unwrap();
            }
            peer.run();
        }
        peer.forget();
        for own in 0..OPENS {
            peer.send(&open(kind, own, Sizes::USUAL));
        }
        assert_eq!(peer.opens(), SLOTS as usize, "{kind:?}");
        let refused = |m: &&Vec<u8>| ChannelOpenFailure::decode(m).unwrap().reason_code == 4;
        let refused = peer.heard.iter().filter(|m| m[0] == 92).filter(refused);
        assert_eq!(refused.count(), (OPENS - SLOTS) as usize, "{kind:?}");
        assert!(peer.victim.is_alive());
    }
}

on_every_provider! {
    an_answer_that_nobody_asked_for_ends_the_session
    a_grant_says_what_was_left_open_and_nothing_else
    channels_are_opened_by_those_who_may
    a_path_has_a_byte_or_more_and_no_nul
    a_port_and_an_address_are_ones_that_there_can_be
    channels_by_the_thousand_fill_the_table_and_no_more
}
