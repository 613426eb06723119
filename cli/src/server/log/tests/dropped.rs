//! Connections that are refused before a word is said.

use adit_forward::admission::{Charged, NetBlocks, Offence, Refused};

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
