//! Connections that are refused before a word is said.

use adit_forward::admission::{Charged, Dropped, NetBlocks, Offence, Refused};

use super::*;

#[test]
fn a_flood_is_said_once_and_its_end_once() {
    let exceeded = |startups| Event::Dropped {
        address: "192.0.2.7:1".parse().unwrap(),
        local: Some("192.0.2.2:22".parse().unwrap()),
        startups,
        why: Dropped::PastMaxStartups,
    };
    let lines = logged(&[exceeded(10), exceeded(11), connected()]);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "beginning MaxStartups throttling");
    assert_eq!(
        lines[1],
        "drop connection #10 from [192.0.2.7]:1 on [192.0.2.2]:22 past MaxStartups"
    );
    assert!(
        lines[2].starts_with("exited MaxStartups throttling after "),
        "{lines:?}"
    );
    assert!(lines[2].ends_with(" s, 2 connections dropped"), "{lines:?}");
}

#[test]
fn a_flood_that_several_loops_tell_of_is_one() {
    let report = Report::memory(Level::Info);
    let arrivals = arrivals();
    let [mut accepting, mut other] = [(); 2].map(|()| Log::new(&report, 3, Arc::clone(&arrivals)));
    let peer = |n| {
        let address = Some("192.0.2.1:50000".parse().unwrap());
        PeerInfo {
            id: PeerId(n),
            address,
            hop: 0,
            user: None,
        }
    };
    let connected = |n| Event::Connected {
        peer: peer(n),
        local: None,
    };
    let gone = |n| Event::PeerGone {
        peer: peer(n),
        why: Gone::Closed,
        authenticated: Authenticated::No,
        received: 0,
        sent: 0,
    };
    for n in 1..=10 {
        let log = if n % 2 == 0 {
            &mut accepting
        } else {
            &mut other
        };
        log.event(&connected(n));
    }
    accepting.event(&Event::Dropped {
        address: "192.0.2.7:1".parse().unwrap(),
        local: None,
        startups: 10,
        why: Dropped::PastMaxStartups,
    });
    // Nine are left, and that is still as many as when it began.
    other.event(&gone(1));
    let before = report.kept().len();
    other.event(&connected(11));
    assert_eq!(report.kept().len(), before);
    for n in [3, 11] {
        other.event(&gone(n));
    }
    let before = report.kept().len();
    accepting.event(&connected(12));
    let line = &report.kept()[before];
    assert!(line.starts_with("exited MaxStartups throttling"), "{line}");
}

#[test]
fn a_source_that_is_refused_is_told_of_once() {
    let address = "[::ffff:192.0.2.7]:1".parse().unwrap();
    let refused = || Event::Dropped {
        address,
        local: Some("[::ffff:192.0.2.2]:22".parse().unwrap()),
        startups: 4,
        why: Dropped::Refused(Refused::Penalty(Offence::AuthenticationFailed)),
    };
    let penalised = Event::Penalised {
        source: NetBlocks::default().told(address.ip()),
        offence: Offence::AuthenticationFailed,
        charged: Charged::Activated {
            left: Duration::from_secs(20),
        },
    };
    let line = "drop connection #4 from [192.0.2.7]:1 on [192.0.2.2]:22 penalty: failed \
                authentication";
    assert_eq!(
        logged(&[penalised, refused(), refused()]),
        [
            "srclimit_penalise: 192.0.2.7/32: activating ipv4 penalty of 20 seconds for \
             penalty: failed authentication",
            line
        ]
    );
}
