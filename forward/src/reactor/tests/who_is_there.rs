//! Who is there, and who is not: nobody who may not log in can tell, by bytes or by time.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of thing"
)]

use core::net::IpAddr;
use core::time::Duration;

use adit_proto::number;
use adit_testkit::toy;

use super::guests::{Guest, Heard, Place};
use super::requests::request;
use crate::admission::{MaxStartups, PerSource};

/// No failure is told before this.
const SHORTEST: Duration = Duration::from_millis(5);

/// A client that has keys, of a server that draws this secret.
fn visitor(seed: u64) -> (Place, [Guest; 1]) {
    let mut place = Place::with(seed, MaxStartups::default(), PerSource::unlimited(), 100);
    let mut guests = [place.guest(IpAddr::from([198, 51, 100, 1]), usize::MAX)];
    place.settle(&mut guests);
    assert!(guests[0].established);
    (place, guests)
}

/// A request as some user, made by somebody whose key that user may have.
type Attempt = fn(&Guest, &[u8]) -> Vec<u8>;

/// All that can be sent without knowing whether the user is there.
const ATTEMPTS: &[(&str, Attempt)] = &[
    ("another key", |_, user| {
        Guest::probe(user, &*toy::ed25519_key(9))
    }),
    ("a signature by another key", |g, user| {
        g.signed(user, &*toy::ed25519_key(9))
    }),
    ("a false signature by the right key", |g, user| {
        let mut request = g.signed(user, &*toy::ed25519_key(2));
        *request.last_mut().unwrap() ^= 1;
        request
    }),
    ("a signature that is cut", |g, user| {
        cut(&g.signed(user, &*toy::ed25519_key(2)), 1)
    }),
    ("a blob of nothing", |_, user| {
        publickey(user, b"ssh-ed25519", b"")
    }),
    ("a blob that is cut", |_, user| {
        let blob = toy::ed25519_key(2).public_blob().to_vec();
        publickey(user, b"ssh-ed25519", &blob[..blob.len() - 1])
    }),
    ("a blob of another type", |_, user| {
        publickey(user, b"ssh-rsa", toy::ed25519_key(2).public_blob())
    }),
    ("no algorithm that is known", |_, user| {
        publickey(user, b"x", toy::ed25519_key(2).public_blob())
    }),
    ("another method", |_, user| {
        request(user, b"password", &[0; 5])
    }),
    ("no method that is known", |_, user| {
        request(user, b"x", b"")
    }),
];

fn publickey(user: &[u8], algorithm: &[u8], blob: &[u8]) -> Vec<u8> {
    let mut method = vec![0];
    for part in [algorithm, blob] {
        method.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        method.extend(part);
    }
    request(user, b"publickey", &method)
}

/// Without its last bytes.
fn cut(request: &[u8], n: usize) -> Vec<u8> {
    request[..request.len() - n].to_vec()
}

/// What came of it: how many bytes, which message, whether the connection is still there, and
/// after how long.
fn answered(place: &mut Place, guests: &mut [Guest; 1], request: &[u8]) -> (Answered, Duration) {
    let sent = place.now;
    let before = (guests[0].raw.len(), guests[0].answers.len());
    guests[0].send(request);
    let step = Duration::from_micros(1);
    place.settle(guests);
    let mut until = place.now;
    while guests[0].raw.len() == before.0 && guests[0].is_connected() {
        until = place.now + place.reactor.patience(place.now).unwrap().max(step);
        place.wait(until - place.now, guests);
    }
    let answered = Answered {
        bytes: guests[0].raw.len() - before.0,
        payloads: guests[0].answers[before.1..].to_vec(),
        connected: guests[0].is_connected(),
    };
    (answered, until - sent)
}

#[derive(Debug, Eq, PartialEq)]
struct Answered {
    bytes: usize,
    payloads: Vec<Vec<u8>>,
    connected: bool,
}

#[test]
fn every_attempt_has_the_same_bytes_for_those_who_are_there_and_those_who_are_not() {
    for (what, attempt) in ATTEMPTS {
        let [known, unknown] = [&b"user"[..], b"nobody"].map(|user| {
            let (mut place, mut guests) = visitor(1);
            let request = attempt(&guests[0], user);
            let twice = [0; 2].map(|_| {
                let (answer, time) = answered(&mut place, &mut guests, &request);
                assert!(!answer.connected || time >= SHORTEST, "{what}: {time:?}");
                answer
            });
            let failures = place.take(|heard| match heard {
                Heard::Failures(n) => Some(*n),
                _ => None,
            });
            (twice, failures)
        });
        assert_eq!(known, unknown, "{what}");
    }
    // The right key is told, or there would be nothing to compare.
    let (mut place, mut guests) = visitor(1);
    let probe = |user| Guest::probe(user, &*toy::ed25519_key(2));
    let told = |answered: Answered| answered.payloads[0][0];
    let (answer, _) = answered(&mut place, &mut guests, &probe(b"user"));
    assert_eq!(told(answer), number::USERAUTH_PK_OK);
    let (mut place, mut guests) = visitor(1);
    let (answer, _) = answered(&mut place, &mut guests, &probe(b"nobody"));
    assert_eq!(told(answer), number::USERAUTH_FAILURE);
}

/// Greatest distance of two distributions (Kolmogorov and Smirnov's), in thousandths.
fn distance(one: &[Duration], other: &[Duration]) -> usize {
    let below = |all: &[Duration], at| all.iter().filter(|time| **time <= at).count();
    let thousandths = |all: &[Duration], at| below(all, at) * 1000 / all.len();
    let off = |at: &Duration| thousandths(one, *at).abs_diff(thousandths(other, *at));
    one.iter().chain(other).map(off).max().unwrap()
}

#[test]
fn times_of_those_who_are_there_and_those_who_are_not_are_spread_alike() {
    // Each seed is a server of its own: its secret decides which name has which time.
    const SERVERS: u64 = 300;
    let longest = Duration::from_nanos(9_294_967);
    // Each of these fails at another point: before any look-up, at it, and behind it.
    for (what, attempt) in [ATTEMPTS[0], ATTEMPTS[2], ATTEMPTS[5]] {
        let times = |user: &[u8]| -> Vec<Duration> {
            let time = |seed| {
                let (mut place, mut guests) = visitor(seed);
                let request = attempt(&guests[0], user);
                let (answer, time) = answered(&mut place, &mut guests, &request);
                assert_eq!(answer.payloads[0][0], number::USERAUTH_FAILURE, "{what}");
                assert!((SHORTEST..=longest).contains(&time), "{time:?}");
                let (_, again) = answered(&mut place, &mut guests, &request);
                assert_eq!(again, time, "{what}: asking twice tells no more");
                time
            };
            (1..=SERVERS).map(time).collect()
        };
        let (known, unknown) = (times(b"user"), times(b"nobody"));
        assert_ne!(known, unknown, "a time belongs to a name");
        // Two samples of 300 from one distribution are further apart once in a thousand times.
        let apart = distance(&known, &unknown);
        assert!(apart < 160, "{what}: {apart}");
        // And they fill what there is of time.
        let even: Vec<Duration> = (0..300)
            .map(|n| SHORTEST + (longest - SHORTEST) * n / 300)
            .collect();
        assert!(distance(&known, &even) < 120, "{what}");
    }
}
