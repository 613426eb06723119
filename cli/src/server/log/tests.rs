//! Each line, to the letter.

use std::io;
use std::time::Duration;

use adit_auth::{FailedKey, FailedSignature, Fingerprint};
use adit_forward::observer::{
    ChannelEnd, ClosedChannel, Destination, How, OpenError, Opener, Place,
};
use adit_forward::policy::Denied;

use super::*;
use crate::report::Level;

mod dropped;
mod forwards;
mod logins;

const KEY: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn fingerprint() -> Fingerprint {
    Fingerprint::parse(KEY.as_bytes()).unwrap()
}

fn peer(user: Option<&[u8]>) -> PeerInfo<'_> {
    PeerInfo {
        id: PeerId(1),
        address: "192.0.2.1:50000".parse().ok(),
        hop: 0,
        user,
    }
}

fn connected() -> Event<'static> {
    let local = Some("[::1]:22".parse().unwrap());
    let peer = peer(None);
    Event::Connected { peer, local }
}

fn gone<'a>(user: Option<&'a [u8]>, why: Gone<'a>) -> Event<'a> {
    Event::PeerGone {
        peer: peer(user),
        why,
        authenticated: match user {
            Some(_) => Authenticated::Yes,
            None => Authenticated::No,
        },
        received: 10,
        sent: 20,
    }
}

fn failed(method: &str, key: Option<&'static str>, failures: u32) -> Failed {
    Failed {
        method: method.into(),
        key: key.map(|key_type| FailedKey {
            key_type,
            fingerprint: fingerprint(),
            signature: FailedSignature::Absent,
        }),
        failures,
    }
}

/// Of a server on one loop.
fn arrivals() -> Arc<Arrivals> {
    Arc::new(Arrivals::new(10))
}

fn logged_at(level: Level, events: &[Event<'_>]) -> Vec<String> {
    let report = Report::memory(level);
    let mut log = Log::new(&report, 3, arrivals());
    for event in events {
        log.event(event);
    }
    report.kept()
}

fn logged(events: &[Event<'_>]) -> Vec<String> {
    logged_at(Level::Info, events)
}

#[test]
fn each_end_has_its_line() {
    let reset = io::Error::from_raw_os_error(nix::libc::ECONNRESET);
    let unreachable = io::Error::from_raw_os_error(nix::libc::EHOSTUNREACH);
    let ended = Gone::Disconnected {
        reason_code: 11,
        description: b"bye\x1b[2J",
        keys_tried: 0,
    };
    for (why, lines) in [
        (
            Gone::Closed,
            &["Connection closed by 192.0.2.1 port 50000 [preauth]"][..],
        ),
        (
            ended,
            &[
                "Received disconnect from 192.0.2.1 port 50000:11: bye\\u{1b}[2J [preauth]",
                "Disconnected from 192.0.2.1 port 50000 [preauth]",
            ],
        ),
        (
            Gone::Socket(&reset),
            &["Connection reset by 192.0.2.1 port 50000 [preauth]"],
        ),
        (
            Gone::Socket(&unreachable),
            &["Read error from remote host 192.0.2.1 port 50000: No route to host [preauth]"],
        ),
        (
            Gone::TooSlow,
            &["Timeout before authentication for 192.0.2.1 port 50000"],
        ),
        (
            Gone::NoCommon {
                what: "cipher",
                offer: b"rot13,\xff",
            },
            &[
                "Unable to negotiate with 192.0.2.1 port 50000: no matching cipher found. \
               Their offer: rot13,\\xff [preauth]",
            ],
        ),
        (
            Gone::NoStrictKex {
                cipher: "aes256-ctr",
            },
            &[
                "Unable to negotiate with 192.0.2.1 port 50000: aes256-ctr without strict key \
               exchange (CVE-2023-48795) [preauth]",
            ],
        ),
        (
            Gone::Error("not an SSH identification line"),
            &["banner exchange: Connection from 192.0.2.1 port 50000: invalid format"],
        ),
        (Gone::Stopped, &[]),
    ] {
        assert_eq!(logged(&[connected(), gone(None, why)]), lines);
    }
}

#[test]
fn after_authentication_the_user_is_named() {
    let user = Some(&b"alice"[..]);
    for (why, line) in [
        (
            Gone::Silent,
            "Timeout, client not responding from user alice 192.0.2.1 port 50000",
        ),
        (
            Gone::Error("window exceeded"),
            "Disconnecting user alice 192.0.2.1 port 50000: window exceeded",
        ),
        (
            Gone::Panicked,
            "internal error: the session of user alice 192.0.2.1 port 50000 was ended, the others \
             go on",
        ),
    ] {
        assert_eq!(logged(&[gone(user, why)]), [line]);
    }
}

#[test]
fn an_error_after_the_identification_is_told_in_words() {
    let ident = Event::IdentReceived {
        peer: peer(None),
        ident: b"SSH-2.0-x",
    };
    let end = gone(None, Gone::Error("message authentication failed"));
    assert_eq!(
        logged(&[connected(), ident, end]),
        ["Disconnecting 192.0.2.1 port 50000: message authentication failed [preauth]"]
    );
}

#[test]
fn each_connection_has_its_number_in_a_stamped_log() {
    let report = Report::memory(Level::Verbose).stamped("aditd");
    let mut log = Log::new(&report, 3, arrivals());
    let user = Some(&b"alice"[..]);
    for event in [connected(), gone(user, Gone::Silent)] {
        log.event(&event);
    }
    let stamp = format!(" aditd[{}.1]: ", std::process::id());
    let lines = report.kept();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.contains(&stamp)), "{lines:?}");
}

#[test]
fn the_start_is_said_as_sshd_says_it() {
    let listening = |address: &str| Event::Listening {
        address: Place::Tcp(address.parse().unwrap()),
        forward: None,
    };
    assert_eq!(
        logged(&[listening("0.0.0.0:22"), listening("[::]:2222")]),
        [
            "Server listening on 0.0.0.0 port 22.",
            "Server listening on :: port 2222."
        ]
    );
    assert_eq!(
        logged_at(Level::Verbose, &[connected()]),
        ["Connection from 192.0.2.1 port 50000 on ::1 port 22"]
    );
}

#[test]
fn what_was_negotiated_is_for_those_who_look_closely() {
    let negotiated = Event::Negotiated {
        peer: peer(None),
        negotiated: Negotiated {
            kex: "curve25519-sha256",
            post_quantum: false,
            host_key: "ssh-ed25519",
            cipher_to_server: "aes256-gcm@openssh.com",
            cipher_to_client: "aes256-ctr",
            mac_to_server: None,
            mac_to_client: Some("hmac-sha2-256-etm@openssh.com"),
            strict_kex: true,
        },
    };
    assert_eq!(
        logged_at(Level::Debug1, &[negotiated]),
        [
            "debug1: 192.0.2.1 port 50000: kex: algorithm: curve25519-sha256, strict, \
             host key algorithm: ssh-ed25519",
            "debug1: kex: client->server cipher: aes256-gcm@openssh.com MAC: <implicit> \
             compression: none",
            "debug1: kex: server->client cipher: aes256-ctr MAC: hmac-sha2-256-etm@openssh.com \
             compression: none",
        ]
    );
}

#[test]
fn what_a_peer_says_is_escaped_and_cut() {
    for user in [
        &b"root from 203.0.113.9 port 22 ssh2"[..],
        b"x\nAccepted publickey for root",
        b"\x1b]0;title\x07",
        "a\u{202e}b".as_bytes(),
        b"\xff\xfe",
    ] {
        let end = gone(Some(user), Gone::Closed);
        let lines = logged(&[end]);
        let [line] = &*lines else { panic!("{lines:?}") };
        let name = line.strip_prefix("Connection closed by user ").unwrap();
        let name = name.strip_suffix(" 192.0.2.1 port 50000").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_graphic()), "{name:?}");
    }
    let word = |n: usize| Word(&vec![b'a'; n]).to_string().chars().count();
    assert_eq!(word(WORD_MAX - 1), WORD_MAX - 1);
    assert_eq!(word(WORD_MAX), WORD_MAX);
    assert_eq!(word(WORD_MAX + 1), WORD_MAX + 1, "cut, and an ellipsis");
    assert_eq!(word(10 * WORD_MAX), WORD_MAX + 1);
}
