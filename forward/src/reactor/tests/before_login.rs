//! What clients can do before their login: hold places, byte by byte or not at all, and fail. In
//! virtual time, on a network in memory.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of thing"
)]

use core::net::IpAddr;
use core::time::Duration;

use adit_proto::number;
use adit_testkit::seeds;
use adit_testkit::toy;

use super::guests::{GRACE, Guest, Heard, Place};
use super::requests::request;
use crate::admission::{Dropped, MaxStartups, Offence, Penalties, PerSource, Refused};

pub(super) const SECOND: Duration = Duration::from_secs(1);
const ANY: usize = usize::MAX;
const MANY: MaxStartups = MaxStartups {
    start: 10_000,
    rate: 100,
    full: 10_000,
};

fn from(last: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, last])
}

/// Bytes of a client up to its login.
fn whole() -> usize {
    let mut place = Place::new(1, MANY, PerSource::unlimited());
    let mut guests = [place.guest(from(1), ANY).logging_in()];
    place.wait(SECOND, &mut guests);
    assert!(guests[0].is_authenticated());
    guests[0].sent
}

#[test]
fn who_stops_at_any_byte_is_given_up_when_the_grace_time_is_over_and_leaves_nothing() {
    let mut place = Place::new(1, MANY, PerSource::unlimited());
    let idle = place.net.open_sockets(adit_testkit::net::Host::Server);
    let mut guests: Vec<Guest> = (0..whole())
        .map(|bytes| place.guest(from(1), bytes).logging_in())
        .collect();
    let all = guests.len();
    assert!(all > 500, "identification, KEXINIT, share, NEWKEYS, login");
    place.settle(&mut guests);
    assert_eq!(place.peers(), all);
    place.wait(GRACE - Duration::from_millis(1), &mut guests);
    assert_eq!(place.peers(), all, "a moment before");
    // Others get in meanwhile.
    guests.push(place.guest(from(2), ANY).logging_in());
    place.settle(&mut guests);
    assert!(guests.last().unwrap().is_authenticated());
    place.wait(Duration::from_millis(1), &mut guests);
    assert_eq!(place.take_gone(), vec!["TooSlow"; all], "in time");
    place.settle(&mut guests);
    assert_eq!(place.peers(), 1, "the one that is logged in");
    assert!(guests[..all].iter().all(|guest| !guest.is_connected()));
    let sockets = place.net.open_sockets(adit_testkit::net::Host::Server);
    assert_eq!(sockets, idle + 1);
}

#[test]
fn a_byte_a_second_is_given_up_as_nothing_at_all_is() {
    // From each place on, a byte a second is too slow for what is missing.
    let last = whole() - usize::try_from(GRACE.as_secs()).unwrap() - 10;
    let mut place = Place::new(1, MANY, PerSource::unlimited());
    let mut guests: Vec<Guest> = (0..last)
        .step_by(9)
        .map(|bytes| place.guest(from(1), bytes).logging_in())
        .collect();
    let all = guests.len();
    for _ in 0..GRACE.as_secs() {
        place.settle(&mut guests);
        assert_eq!(place.peers(), all);
        guests.iter_mut().for_each(|guest| guest.may_send += 1);
        place.wait(SECOND, &mut guests);
    }
    assert_eq!(place.take_gone(), vec!["TooSlow"; all]);
    place.settle(&mut guests);
    assert_eq!(place.peers(), 0);
}

fn only(max: u32) -> PerSource {
    PerSource {
        max_startups: Some(max),
        ..PerSource::unlimited()
    }
}

#[test]
fn with_a_limit_for_each_source_one_that_floods_keeps_nobody_else_out() {
    seeds::each(2, 20, |seed| {
        let mut place = Place::new(seed, MaxStartups::default(), only(5));
        let mut flood: Vec<Guest> = Vec::new();
        for other in 1..=50 {
            for _ in 0..100 {
                flood.push(place.guest(from(99), 0));
            }
            let mut honest = [place.guest(from(other), ANY).logging_in()];
            place.settle(&mut honest);
            assert!(honest[0].is_authenticated(), "{other}");
            honest[0].hang_up();
            place.settle(&mut honest);
        }
        place.settle(&mut flood);
        let dropped = place.take(|heard| match heard {
            Heard::Dropped(why) => Some(*why),
            _ => None,
        });
        assert_eq!(dropped, vec![Dropped::PastMaxStartups; 4995]);
        assert_eq!(place.peers(), 5);
    });
}

#[test]
fn those_that_hold_all_places_are_refused_once_they_had_to_be_given_up() {
    let mut place = Place::new(1, MaxStartups::default(), PerSource::default());
    let mut mute: Vec<Guest> = Vec::new();
    while place.peers() < 100 {
        mute.push(place.guest(from(1), 0));
        place.settle(&mut []);
        assert!(mute.len() < 10_000, "a place is never given out");
    }
    // One that waits for the server's words; whoever speaks first may find RST instead.
    let mut late = [place.guest(from(2), 0)];
    place.settle(&mut late);
    assert_eq!(late[0].raw, b"Not allowed at this time\r\n");
    assert!(!late[0].is_connected(), "there is no place at all");
    place.wait(GRACE, &mut mute);
    assert_eq!(place.take_offences(), vec![Offence::GraceExceeded; 100]);
    let mut both = [
        place.guest(from(1), ANY).logging_in(),
        place.guest(from(2), ANY).logging_in(),
    ];
    place.settle(&mut both);
    assert_eq!(both.map(|guest| guest.is_authenticated()), [false, true]);
    let refused = Dropped::Refused(Refused::Penalty(Offence::GraceExceeded));
    let is_dropped = |heard: &Heard| (*heard == Heard::Dropped(refused)).then_some(());
    assert_eq!(place.take(is_dropped).len(), 1);
    // A hundred times ten seconds are ten minutes at most.
    place.wait(Penalties::default().max, &mut []);
    let mut again = [place.guest(from(1), ANY).logging_in()];
    place.settle(&mut again);
    assert!(!again[0].is_authenticated());
    place.wait(SECOND, &mut []);
    let mut again = [place.guest(from(1), ANY).logging_in()];
    place.settle(&mut again);
    assert!(again[0].is_authenticated());
}

#[test]
fn places_are_given_out_by_chance_as_max_startups_says() {
    // With as many places taken as there are, each of a thousand is thrown for.
    seeds::each(3, 50, |seed| {
        for (start, rate, full, taken, percent) in [
            (10, 30, 100, 9, 0),
            (10, 30, 100, 10, 30),
            (5, 50, 15, 10, 75),
        ] {
            let limits = MaxStartups { start, rate, full };
            let mut place = Place::new(seed, limits, PerSource::unlimited());
            let mut mute = Vec::new();
            while place.peers() < taken {
                mute.push(place.guest(from(1), 0));
                place.settle(&mut []);
            }
            place.take(|_| Some(()));
            for _ in 0..1000 {
                let mut one = [place.guest(from(2), 0)];
                place.settle(&mut one);
                one[0].hang_up();
                place.settle(&mut one);
            }
            let dropped = place.take(|heard| matches!(heard, Heard::Dropped(_)).then_some(()));
            // Five standard deviations of a thousand throws.
            let (dropped, expected) = (dropped.len(), 10 * percent);
            assert!(
                dropped.abs_diff(expected) < 80,
                "{dropped} of 1000 for {taken}"
            );
            assert!(percent > 0 || dropped == 0);
        }
    });
}

/// A server that charges everything, and a client that has keys.
pub(super) fn with_keys(max_auth_tries: u32) -> (Place, Vec<Guest>) {
    let per_source = PerSource::default();
    let mut place = Place::with(1, MANY, per_source, max_auth_tries);
    let mut guests = vec![place.guest(from(1), ANY)];
    place.settle(&mut guests);
    assert!(guests[0].established);
    (place, guests)
}

/// One way to end, and what it is charged for.
type Way = (
    &'static str,
    fn(&mut Place, &mut Vec<Guest>),
    Option<Offence>,
);

#[test]
fn each_end_before_the_login_is_charged_for_what_it_is() {
    let ways: &[Way] = &[
        (
            "hangs up",
            |_, g| g[0].hang_up(),
            Some(Offence::NoAuthentication),
        ),
        (
            "says something wrong",
            |_, g| g[0].send(&[number::CHANNEL_OPEN, 0]),
            Some(Offence::NoAuthentication),
        ),
        (
            "is no SSH in the middle",
            |_, g| g[0].send_raw(&[0xff; 64]),
            Some(Offence::NoAuthentication),
        ),
        (
            "asks for the methods alone",
            |p, g| {
                g[0].send(&request(b"user", b"none", b""));
                p.settle(g);
                g[0].hang_up();
            },
            Some(Offence::NoAuthentication),
        ),
        (
            "fails once",
            |p, g| {
                g[0].send(&Guest::probe(b"user", &*toy::ed25519_key(9)));
                p.wait(SECOND, g);
                g[0].hang_up();
            },
            Some(Offence::AuthenticationFailed),
        ),
        (
            "asks about a good key",
            |p, g| {
                g[0].send(&Guest::probe(b"user", &*toy::ed25519_key(2)));
                p.wait(SECOND, g);
                g[0].hang_up();
            },
            Some(Offence::AuthenticationFailed),
        ),
        (
            "tries passwords",
            |p, g| {
                g[0].send(&request(b"user", b"password", &[0; 5]));
                p.wait(SECOND, g);
                g[0].hang_up();
            },
            Some(Offence::AuthenticationFailed),
        ),
        (
            "takes too long",
            |p, g| p.wait(GRACE, g),
            Some(Offence::GraceExceeded),
        ),
        (
            "takes too long after a failure",
            |p, g| {
                g[0].send(&Guest::probe(b"user", &*toy::ed25519_key(9)));
                p.wait(GRACE, g);
            },
            Some(Offence::GraceExceeded),
        ),
        (
            "makes us panic",
            |_, g| g[0].send(&Guest::probe(b"panic", &*toy::ed25519_key(2))),
            Some(Offence::Crash),
        ),
        (
            "logs in, and hangs up at once",
            |p, g| {
                let request = g[0].signed(b"user", &*toy::ed25519_key(2));
                g[0].send(&request);
                p.settle(g);
                g[0].hang_up();
            },
            None,
        ),
        (
            "logs in after a failure",
            |p, g| {
                g[0].send(&Guest::probe(b"user", &*toy::ed25519_key(9)));
                p.wait(SECOND, g);
                let request = g[0].signed(b"user", &*toy::ed25519_key(2));
                g[0].send(&request);
                p.settle(g);
                g[0].hang_up();
            },
            None,
        ),
        (
            "is there when the server stops",
            |p, _| p.reactor.stop(super::End::Stopped, &mut p.door),
            None,
        ),
    ];
    for (what, way, expected) in ways {
        let (mut place, mut guests) = with_keys(6);
        way(&mut place, &mut guests);
        place.settle(&mut guests);
        assert_eq!(place.peers(), 0, "{what}");
        let charged = place.take_offences();
        assert_eq!(charged, Vec::from_iter(*expected), "{what}");
    }
}

#[test]
fn who_says_no_word_of_ssh_is_charged_for_not_authenticating() {
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n"] {
        let mut place = Place::new(1, MANY, PerSource::default());
        let mut guests = [place.guest(from(1), 0)];
        guests[0].send_raw(bytes);
        place.settle(&mut guests);
        guests[0].hang_up();
        place.settle(&mut guests);
        assert_eq!(place.take_offences(), [Offence::NoAuthentication]);
    }
}

#[test]
fn the_fourth_failed_login_of_a_source_is_the_last_for_a_while() {
    let mut place = Place::new(1, MANY, PerSource::default());
    let fail = |place: &mut Place, from: IpAddr| {
        let mut guests = [place.guest(from, ANY)];
        place.settle(&mut guests);
        if !guests[0].established {
            return false;
        }
        guests[0].send(&Guest::probe(b"user", &*toy::ed25519_key(9)));
        // The answer takes some milliseconds, which are no longer owed then.
        place.wait(Duration::from_millis(20), &mut guests);
        guests[0].hang_up();
        place.settle(&mut guests);
        true
    };
    let failed = (0..10).take_while(|_| fail(&mut place, from(1))).count();
    assert_eq!(failed, 4, "5 s, 10 s and 15 s are borne, 20 s are not");
    assert!(fail(&mut place, from(2)), "others can");
    place.wait(20 * SECOND, &mut []);
    assert!(fail(&mut place, from(1)), "and so can it, some time later");
}
