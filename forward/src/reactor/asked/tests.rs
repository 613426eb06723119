//! Which forward an answer is about, and which one a connection belongs to.

use adit_connection::{Accepts, Channels, Limits, ORIGINATOR_MAX};

use super::super::forwards::To;
use super::*;

fn tcp(address: &str, port: u16) -> RemoteListen {
    RemoteListen::Tcp {
        address: address.to_owned(),
        port,
    }
}

fn unix(path: &str) -> RemoteListen {
    RemoteListen::Unix(path.into())
}

/// Forwards that were answered so.
fn answered(rows: &[(RemoteListen, Answer)]) -> RemoteForwards {
    let forwards = rows.iter().map(|(listen, _)| RemoteForward {
        listen: listen.clone(),
        to: To::Dynamic,
    });
    let mut remote = RemoteForwards::new(forwards.collect());
    let mut channels = Channels::new(Limits::CLIENT, Accepts::Nothing);
    for (n, (_, answer)) in rows.iter().enumerate() {
        let listen = ForwardRequest::TcpipForward {
            address: b"",
            port: 1,
        };
        let id = channels.request(listen).unwrap();
        remote.in_flight.push_back((id, n));
        remote.standings.push(Standing::Pending);
        assert!(remote.answered(id, *answer).is_some());
        assert_eq!(remote.answered(id, *answer), None, "there is one answer");
    }
    remote
}

const YES: Answer = Answer::Granted { port: None };
const NO: Answer = Answer::Refused;

const fn chose(port: u16) -> Answer {
    Answer::Granted { port: Some(port) }
}

fn find(remote: &RemoteForwards, host: &str, port: u32) -> Option<usize> {
    let host = host.as_bytes();
    remote.find(Destination::Tcp { host, port })
}

#[test]
fn a_connection_belongs_to_what_was_asked_for_and_granted() {
    let remote = answered(&[
        (tcp("localhost", 80), YES),
        (tcp("", 81), NO),
        (tcp("localhost", 0), chose(40_000)),
        (unix("/a"), YES),
        (unix("/b"), NO),
    ]);
    for (host, port, expected) in [
        ("localhost", 80, Some(0)),
        ("localhost", 40_000, Some(2)),
        ("localhost", 0, None),
        ("", 81, None),
        ("localhost", 81, None),
        ("localhost", 82, None),
        ("localhost", 80 + 65_536, None),
        // What the address means to the server, as dropbear says it.
        ("127.0.0.1", 80, Some(0)),
        ("", 80, Some(0)),
    ] {
        assert_eq!(find(&remote, host, port), expected, "{host} {port}");
    }
    let path = |path: &str| {
        let path = path.as_bytes();
        remote.find(Destination::Unix { path })
    };
    assert_eq!(
        [path("/a"), path("/b"), path("/"), path("localhost")],
        [Some(3), None, None, None]
    );
}

#[test]
fn where_two_forwards_have_a_port_the_address_decides() {
    let remote = answered(&[(tcp("10.0.0.1", 80), YES), (tcp("10.0.0.2", 80), YES)]);
    assert_eq!(find(&remote, "10.0.0.1", 80), Some(0));
    assert_eq!(find(&remote, "10.0.0.2", 80), Some(1));
    assert_eq!(find(&remote, "10.0.0.3", 80), None);
    assert_eq!(find(&remote, "", 80), None);
}

#[test]
fn a_place_that_is_granted_twice_is_one_place() {
    let twice = answered(&[
        (tcp("localhost", 0), chose(80)),
        (tcp("localhost", 0), chose(80)),
        (tcp("localhost", 80), YES),
        (unix("/a"), YES),
        (unix("/a"), YES),
    ]);
    let standings = [
        Standing::Granted(80),
        Standing::Refused,
        Standing::Refused,
        Standing::Granted(0),
        Standing::Refused,
    ];
    assert_eq!(twice.standings, standings);
    assert_eq!(find(&twice, "localhost", 80), Some(0));
    assert_eq!(twice.cancels().count(), 2);
}

#[test]
fn one_refusal_decides_before_all_have_answered() {
    let mut remote = answered(&[(tcp("", 1), YES), (tcp("", 2), YES)]);
    assert_eq!(remote.outcome(), Outcome::Granted);
    remote.standings.pop();
    assert_eq!(remote.outcome(), Outcome::Open);
    let remote = answered(&[(tcp("", 1), NO), (tcp("", 2), YES)]);
    assert_eq!(remote.outcome(), Outcome::Refused);
    assert_eq!(RemoteForwards::default().outcome(), Outcome::Granted);
}

#[test]
fn no_more_are_in_flight_than_may_be() {
    let forwards: Vec<_> = (0..=REQUESTS_MAX)
        .map(|_| RemoteForward {
            listen: tcp("", 0),
            to: To::Dynamic,
        })
        .collect();
    let mut remote = RemoteForwards::new(forwards.into());
    let mut channels = Channels::new(Limits::CLIENT, Accepts::Nothing);
    let mut asked = Vec::new();
    while let Some((n, _)) = remote.next() {
        let listen = ForwardRequest::TcpipForward {
            address: b"",
            port: 0,
        };
        let id = channels.request(listen).unwrap();
        remote.in_flight.push_back((id, n));
        remote.standings.push(Standing::Pending);
        asked.push(id);
    }
    assert_eq!(asked.len(), REQUESTS_MAX);
    assert!(remote.answered(asked[0], chose(1)).is_some());
    assert_eq!(remote.next().map(|(n, _)| n), Some(REQUESTS_MAX));
}

#[test]
fn no_more_connections_are_on_their_way_than_may_be() {
    let remote = answered(&[(tcp("", 80), YES)]);
    let begin = || {
        let mut one = remote.handed_on(0, &[b'o'; ORIGINATOR_MAX + 1], 1);
        one.begun(remote.begin()?);
        Some(one)
    };
    let mut opening: Vec<_> = (0..OPENING_MAX).map(|_| begin().unwrap()).collect();
    let kept = Destination::Tcp {
        host: &[b'o'; ORIGINATOR_MAX],
        port: 1,
    };
    assert_eq!(opening[0].originator(), kept);
    assert!(begin().is_none());
    // One that is there is on its way no longer, and one that is given up neither.
    opening[0].is_there_or_given_up();
    let one = begin();
    assert!(one.is_some() && begin().is_none());
    drop(one);
    assert!(begin().is_some());
}
