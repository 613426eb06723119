//! What is said of where connections come from: limits and penalties of a source.

use adit_forward::admission::{Overflow, Penalties, Room};

use super::*;

fn penalties(text: &str) -> Option<Penalties> {
    read(text).per_source().penalties
}

#[test]
fn sources_are_held_to_what_sshd_holds_them_to() {
    assert_eq!(read("").per_source(), PerSource::default());
    let default = Penalties::default();
    assert_eq!(penalties("PerSourcePenalties yes"), Some(default));
    assert_eq!(penalties("PerSourcePenalties NO"), None);

    let config = read(concat!(
        "PerSourceMaxStartups 3\nPerSourceNetBlockSize 24:64\n",
        "PerSourcePenaltyExemptList 192.0.2.0/24,!192.0.2.1\n",
    ));
    let per_source = config.per_source();
    assert_eq!(per_source.max_startups, Some(3));
    assert_eq!(per_source.blocks, NetBlocks::new(24, 64).unwrap());
    assert!(per_source.exempt.has("192.0.2.2".parse().unwrap()));
    assert!(!per_source.exempt.has("192.0.2.1".parse().unwrap()));

    let config = read("PerSourceMaxStartups none\nPerSourceNetBlockSize 16\n");
    let per_source = config.per_source();
    assert_eq!(per_source.max_startups, None);
    assert_eq!(per_source.blocks, NetBlocks::new(16, 128).unwrap());
    let list = "PerSourcePenaltyExemptList none";
    assert_eq!(read(list).per_source().exempt, AddressList::default());
}

#[test]
fn each_penalty_has_a_word() {
    let secs = Duration::from_secs;
    let said = concat!(
        "PerSourcePenalties authfail:1s crash:2m grace-exceeded:3 noauth:4s min:5s max:6h ",
        "max-sources4:7 max-sources6:8 overflow:deny-all overflow6:permissive ",
        "invaliduser:9s refuseconnection:10s",
    );
    let (v4, v6) = (
        Room {
            sources: 7,
            overflow: Overflow::DenyAll,
        },
        Room {
            sources: 8,
            overflow: Overflow::Permissive,
        },
    );
    let expected = Penalties {
        authentication_failed: secs(1),
        crash: secs(120),
        grace_exceeded: secs(3),
        no_authentication: secs(4),
        min: secs(5),
        max: secs(6 * 3600),
        v4,
        v6,
    };
    assert_eq!(penalties(said), Some(expected));
    let overflow = penalties("PerSourcePenalties overflow:deny-all").unwrap();
    assert_eq!(overflow.v6.overflow, Overflow::DenyAll, "as that of IPv4");
    assert_eq!(overflow.v6.sources, 65_536);
}

#[test]
fn the_first_word_of_each_penalty_counts_and_so_does_the_first_no() {
    let both = "PerSourcePenalties authfail:1s\nPerSourcePenalties authfail:2s crash:3s\n";
    let both = penalties(both).unwrap();
    assert_eq!(both.authentication_failed, Duration::from_secs(1));
    assert_eq!(both.crash, Duration::from_secs(3));
    let off = "PerSourcePenalties no\nPerSourcePenalties authfail:2s\n";
    assert_eq!(penalties(off), None);
    let on = "PerSourcePenalties authfail:2s\nPerSourcePenalties no\n";
    assert!(penalties(on).is_some());
}

#[test]
fn what_is_said_of_sources_is_read_to_the_letter() {
    for line in [
        "PerSourceMaxStartups -1",
        "PerSourceMaxStartups 1 2",
        "PerSourceMaxStartups",
        "PerSourceNetBlockSize 33",
        "PerSourceNetBlockSize 32:129",
        "PerSourceNetBlockSize 24:",
        "PerSourceNetBlockSize :64",
        "PerSourceNetBlockSize 24:64:1",
        "PerSourcePenalties",
        "PerSourcePenalties off",
        "PerSourcePenalties yes authfail:1s",
        "PerSourcePenalties authfail:1s no",
        "PerSourcePenalties authfail",
        "PerSourcePenalties authfail:",
        "PerSourcePenalties authfail:x",
        "PerSourcePenalties AuthFail:1s",
        "PerSourcePenalties invaliduser:x",
        "PerSourcePenalties max-sources4:-1",
        "PerSourcePenalties max-sources4:4294967296",
        "PerSourcePenalties overflow:deny",
        "PerSourcePenalties overflow4:deny-all",
        "PerSourcePenaltyExemptList",
        "PerSourcePenaltyExemptList example.com",
        "PerSourcePenaltyExemptList 192.0.2.1 192.0.2.2",
    ] {
        assert!(!error(line).is_empty(), "{line}");
    }
    let mut config = Config::default();
    assert!(
        config
            .read("file", b"PerSourcePenalties crash:1s x:1s")
            .is_err()
    );
    assert_eq!(config.penalties, PenaltyWords::default(), "all or nothing");
}
