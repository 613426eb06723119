//! The lines of what is forwarded, and of what is not.

use super::*;

fn to(host: &[u8]) -> Destination<'_> {
    Destination::Tcp { host, port: 5432 }
}

#[test]
fn a_refused_destination_has_the_line_of_sshd() {
    let denied = Event::OpenDenied {
        peer: peer(Some(b"alice")),
        to: to(b"db.example"),
        originator: to(b"127.0.0.1"),
        why: Denied::NotListed,
    };
    assert_eq!(
        logged(&[denied]),
        [
            "Received request from 192.0.2.1 port 50000 to connect to host db.example port 5432, \
          but the request was denied."
        ]
    );
}

#[test]
fn what_is_refused_whatever_was_asked_has_another_line_of_sshd() {
    let path = || Destination::Unix { path: b"/run/db" };
    let denied = |to, why| Event::OpenDenied {
        peer: peer(Some(b"alice")),
        to,
        originator: Destination::Tcp {
            host: b"127.0.0.1",
            port: 4000,
        },
        why,
    };
    assert_eq!(
        logged(&[
            denied(to(b"db\nx"), Denied::NothingAllowed),
            denied(to(b"db"), Denied::KeyForwardsNothing),
            denied(path(), Denied::NoSockets),
            denied(path(), Denied::KeyNotListed),
        ]),
        [
            "refused local port forward: originator 127.0.0.1 port 4000, target db\\nx port 5432",
            "refused local port forward: originator 127.0.0.1 port 4000, target db port 5432",
            "refused streamlocal port forward: originator 127.0.0.1 port 4000, target /run/db",
            "Received request to connect to path /run/db, but the request was denied.",
        ]
    );
}

#[test]
fn where_it_does_not_listen_for_a_client_has_the_lines_of_sshd() {
    let in_use = io::Error::from_raw_os_error(nix::libc::EADDRINUSE);
    let path = Destination::Unix { path: b"/run/a b" };
    let peer = || peer(Some(b"alice"));
    assert_eq!(
        logged(&[
            Event::ListenDenied {
                peer: peer(),
                at: to(b"localhost"),
                why: Denied::ListenNotListed,
            },
            Event::ListenDenied {
                peer: peer(),
                at: path,
                why: Denied::ListenNoSockets,
            },
            Event::ListenRefused {
                peer: peer(),
                at: to(b"localhost"),
                address: Some(Place::Tcp("[::1]:5432".parse().unwrap())),
                error: &in_use,
            },
            Event::ListenRefused {
                peer: peer(),
                at: path,
                address: None,
                error: &in_use,
            },
        ]),
        [
            "Received request from 192.0.2.1 port 50000 to remote forward to host localhost port \
             5432, but the request was denied.",
            "Received request from 192.0.2.1 port 50000 to remote forward to path \
             /run/a\\u{20}b, but the request was denied.",
            "bind [::1]:5432: Address already in use",
            "channel_setup_fwd_listener_tcpip: cannot listen to port: 5432",
            "unix_listener: cannot bind to path /run/a\\u{20}b: Address already in use",
        ]
    );
}

#[test]
fn a_destination_that_is_not_reached_is_named() {
    let refused = io::Error::from_raw_os_error(nix::libc::ECONNREFUSED);
    for (error, line) in [
        (
            OpenError::Name("Name or service not known"),
            "connect_to db: unknown host (Name or service not known) for alice from 192.0.2.1 \
             port 50000",
        ),
        (
            OpenError::Connect(&refused),
            "connect_to db port 5432: failed. (Connection refused) for alice from 192.0.2.1 port \
             50000",
        ),
        (
            OpenError::TimedOut,
            "connect_to db port 5432: failed. (Connection timed out) for alice from 192.0.2.1 \
             port 50000",
        ),
    ] {
        let event = Event::OpenFailed {
            peer: peer(Some(b"alice")),
            to: to(b"db"),
            error,
        };
        assert_eq!(logged(&[event]), [line]);
    }
}

#[test]
fn a_forwarded_connection_has_one_line_at_its_end() {
    let channel = ClosedChannel {
        channel: 0,
        opener: Opener::Peer,
        from: to(b"127.0.0.1"),
        to: to(b"db.example"),
        sent: 2000,
        received: 10,
        lasted: Duration::from_millis(1234),
        why: ChannelEnd::Finished,
    };
    // A connection to what the server listens on for the client.
    let remote = ClosedChannel {
        opener: Opener::Us,
        to: to(b"localhost"),
        why: ChannelEnd::LocalReset,
        ..channel
    };
    let peer = peer(Some(b"alice"));
    let closed = |channel| Event::ChannelClosed { peer, channel };
    assert_eq!(
        logged(&[closed(&channel), closed(&remote)]),
        [
            "Closed forward for alice from 192.0.2.1 port 50000 to host db.example port 5432: \
          10 bytes sent, 2000 received, 1.234 s, finished",
            "Closed connection for alice from 192.0.2.1 port 50000 on host localhost port 5432: \
          2000 bytes sent, 10 received, 1.234 s, reset by the application"
        ]
    );
}
