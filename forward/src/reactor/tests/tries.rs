//! How often one connection may fail to authenticate.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of thing"
)]

use adit_proto::number;
use adit_testkit::toy;

use super::before_login::{SECOND, with_keys};
use super::guests::{Guest, Heard};
use super::requests::request;

#[test]
fn max_auth_tries_counts_failures_and_nothing_else() {
    let (good, bad) = (toy::ed25519_key(2), toy::ed25519_key(9));
    for max in [1, 2, 6] {
        // Failures of every kind, and among them what is none: good keys that are asked about.
        for failures in [max - 1, max, max + 1] {
            let (mut place, mut guests) = with_keys(max);
            guests[0].send(&request(b"user", b"none", b""));
            place.settle(&mut guests);
            for n in 0..failures {
                for _ in 0..2 {
                    guests[0].send(&Guest::probe(b"user", &*good));
                }
                let request = match n % 3 {
                    0 => Guest::probe(b"user", &*bad),
                    1 => guests[0].signed(b"user", &*bad),
                    _ => request(b"user", b"password", &[0; 5]),
                };
                guests[0].send(&request);
                place.wait(SECOND, &mut guests);
                if !guests[0].is_connected() {
                    break;
                }
            }
            let mut expected = vec![number::USERAUTH_FAILURE];
            for _ in 0..failures.min(max) {
                expected.extend([number::USERAUTH_PK_OK; 2]);
                expected.push(number::USERAUTH_FAILURE);
            }
            if failures >= max {
                expected.pop(); // DISCONNECT instead
            } else {
                let request = guests[0].signed(b"user", &*good);
                guests[0].send(&request);
                place.settle(&mut guests);
                expected.push(number::USERAUTH_SUCCESS);
            }
            assert_eq!(guests[0].numbers(), expected, "{failures} of {max}");
            assert_eq!(guests[0].is_connected(), failures < max);
            let told = place.take(|heard| match heard {
                Heard::Failures(n) => Some(*n),
                _ => None,
            });
            assert_eq!(told, (1..=failures.min(max)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn asking_for_the_service_again_forgives_no_failure() {
    let (mut place, mut guests) = with_keys(3);
    // At once: our own client takes no answer to what it would not ask.
    for _ in 0..5 {
        guests[0].send(b"\x05\0\0\0\x0cssh-userauth");
        guests[0].send(&Guest::probe(b"user", &*toy::ed25519_key(9)));
    }
    place.wait(SECOND, &mut guests);
    let told = place.take(|heard| match heard {
        Heard::Failures(n) => Some(*n),
        _ => None,
    });
    assert_eq!(told, [1, 2, 3]);
    assert_eq!(place.peers(), 0);
}
