//! Key exchanges without end, and one that never ends.

use core::time::Duration;

use adit_connection::Limits;
use adit_crypto::{Provider, encoded};
use adit_forward::Error;
use adit_proto::msg::KexInit;
use adit_proto::{Decode, NameList};
use adit_testkit::scripted::{Outcome, REKEY_TIME, Role, Script, Scripted, Step};
use adit_testkit::seeds;
use adit_transport::{Error as TransportError, TimedOut};

use crate::app::{Asked, Takes};
use crate::flooded::{Counts, Flooded, limits};
use crate::gauge::{Memory, NOISE, NOISE_BYTES, alone};
use crate::kinds::Kind;

/// How long an exchange may take.
const EXCHANGE_MAX: Duration = Duration::from_secs(30);
const LATE: Error = Error::Transport(TransportError::TimedOut(TimedOut::Exchange));

/// What each of `n` exchanges cost.
fn storm(flooded: &mut Flooded, n: usize) -> Vec<Counts> {
    let mut each = Vec::with_capacity(n);
    for _ in 0..n {
        flooded.counts = Counts::default();
        flooded.exchange().unwrap();
        flooded.peer.forget();
        each.push(flooded.counts);
    }
    each
}

fn storms(role: Role, provider: &'static Provider, n: usize) {
    let name = format!("{role:?} {}", provider.name);
    let mut flooded = Flooded::open(role, provider);
    storm(&mut flooded, 2);
    let memory = Memory::new();
    let rekeyed = flooded.app.rekeyed;
    let each = storm(&mut flooded, n);
    let grown = memory.grown() - (each.capacity() * size_of::<Counts>()).cast_signed();
    assert!(grown < NOISE_BYTES, "{name}: {grown} bytes");
    assert_eq!(flooded.app.rekeyed - rekeyed, n);
    for (i, counts) in each.iter().enumerate() {
        // KEXINIT, a share, NEWKEYS.
        assert_eq!(counts.said, 3, "{name} {i}");
        // A server's share bears its host key and a signature, and its KEXINIT lists all it has.
        assert!(counts.sent <= 5 * counts.read, "{name} {i}: {counts:?}");
        let first = each[0].allocations;
        assert!(
            counts.allocations <= first + NOISE,
            "{name} {i}: {counts:?}"
        );
    }
    flooded.still_works();
}

fn one_exchange_after_the_other_leaves_nothing(provider: &'static Provider) {
    let _alone = alone();
    let n = if seeds::is_long() { 2000 } else { 60 };
    for role in Role::BOTH {
        storms(role, provider, n);
    }
}

fn an_exchange_begun_right_behind_another_is_as_good(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        let kexinit = flooded.peer.kexinit_payload();
        flooded.send(&kexinit).unwrap();
        let memory = Memory::new();
        for i in 0..60 {
            let share = flooded.peer.share_payload();
            flooded.send(&share).unwrap();
            // NEWKEYS, and the next KEXINIT with it.
            let mut batch = Vec::new();
            flooded.seal(&[21], &mut batch);
            flooded.peer.use_new_keys();
            let kexinit = flooded.peer.kexinit_payload();
            flooded.seal(&kexinit, &mut batch);
            flooded.feed(&batch).unwrap();
            assert_eq!(flooded.app.rekeyed, i + 1);
            flooded.peer.forget();
        }
        assert!(memory.grown() < NOISE_BYTES, "{} bytes", memory.grown());
        flooded.exchange_on().unwrap();
        flooded.still_works();
    }
}

fn keys_are_not_changed_before_the_login(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        for step in [Step::NewKeys, Step::Service] {
            let mut peer = Scripted::at(&Script::new(role, provider), step);
            let kexinit = peer.kexinit_payload();
            assert_eq!(peer.answer_to(&kexinit), Outcome::Refused(2));
        }
    }
}

/// The same KEXINIT with as many other names before each of its own as there may be.
pub(crate) fn maximal(kexinit: &[u8]) -> Vec<u8> {
    let ours = KexInit::decode(kexinit).unwrap();
    let others: Vec<String> = (0..128).map(|i| format!("x{i:03}yyyyyyy")).collect();
    let longer = |list: NameList<'_>| {
        let list = core::str::from_utf8(list.as_bytes()).unwrap();
        let ours: Vec<&str> = list.split(',').filter(|name| !name.is_empty()).collect();
        let others = others.iter().map(String::as_str).take(128 - ours.len());
        others
            .chain(ours.iter().copied())
            .collect::<Vec<_>>()
            .join(",")
    };
    let lists = [
        ours.kex_algorithms,
        ours.server_host_key_algorithms,
        ours.encryption_algorithms_client_to_server,
        ours.encryption_algorithms_server_to_client,
        ours.mac_algorithms_client_to_server,
        ours.mac_algorithms_server_to_client,
        ours.compression_algorithms_client_to_server,
        ours.compression_algorithms_server_to_client,
        ours.languages_client_to_server,
        ours.languages_server_to_client,
    ]
    .map(longer);
    let list = |i: usize| NameList::parse(lists[i].as_bytes()).unwrap();
    let long = encoded(&KexInit {
        kex_algorithms: list(0),
        server_host_key_algorithms: list(1),
        encryption_algorithms_client_to_server: list(2),
        encryption_algorithms_server_to_client: list(3),
        mac_algorithms_client_to_server: list(4),
        mac_algorithms_server_to_client: list(5),
        compression_algorithms_client_to_server: list(6),
        compression_algorithms_server_to_client: list(7),
        languages_client_to_server: list(8),
        languages_server_to_client: list(9),
        ..ours
    });
    assert!((15_000..=16_384).contains(&long.len()), "{}", long.len());
    long
}

fn the_longest_kexinit_costs_little_more_than_a_short_one(provider: &'static Provider) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = Flooded::open(role, provider);
        let memory = Memory::new();
        let short = storm(&mut flooded, 8);
        let long: Vec<Counts> = (0..8)
            .map(|_| {
                flooded.counts = Counts::default();
                let kexinit = flooded.peer.kexinit_payload();
                let kexinit = maximal(&kexinit);
                flooded.peer.says_instead(&kexinit);
                flooded.exchange_from(&kexinit).unwrap();
                flooded.peer.forget();
                flooded.counts
            })
            .collect();
        let least = |each: &[Counts]| {
            let allocations = each.iter().map(|counts| counts.allocations);
            let times = each.iter().map(|counts| counts.time);
            (allocations.min().unwrap(), times.min().unwrap())
        };
        let (short, long) = (least(&short), least(&long));
        assert!(long.0 <= short.0 + 2, "{short:?}, {long:?}");
        // Half a millisecond, and what else this machine does.
        let most = short.1 + Duration::from_millis(20);
        assert!(long.1 < most, "{short:?}, {long:?}");
        assert!(
            memory.grown() < NOISE_BYTES + (64 << 10),
            "{}",
            memory.grown()
        );
        flooded.still_works();
    }
}

/// A hundred channels whose applications always have more to send, to a peer that reads nothing.
fn hundred(provider: &'static Provider, role: Role) -> Flooded {
    let mut flooded = Flooded::open(role, provider);
    flooded.app.asked = Asked::Accept;
    if role == Role::Server {
        for _ in 0..100 {
            flooded.send(&Kind::Open.payload(0)).unwrap();
        }
    } else {
        for _ in 0..100 {
            flooded.open_one();
        }
    }
    assert_eq!(flooded.app.open.len(), 100);
    assert!(flooded.pull() > 0);
    flooded
}

fn an_exchange_that_never_ends_is_ended_whatever_a_hundred_channels_have(
    provider: &'static Provider,
) {
    let _alone = alone();
    for role in Role::BOTH {
        for reads in [Takes::All, Takes::Nothing] {
            let mut flooded = hundred(provider, role);
            flooded.reads = reads;
            flooded.pull();
            let kexinit = flooded.peer.kexinit_payload();
            flooded.send(&kexinit).unwrap();
            let memory = Memory::new();
            let tolerated = [Kind::Ignore(0), Kind::Debug(9), Kind::Unimplemented];
            for second in 0..29 {
                for kind in tolerated.iter().cycle().take(100) {
                    flooded.send(&kind.payload(0)).unwrap();
                }
                assert_eq!(flooded.pull(), 0, "nothing is sent meanwhile");
                flooded.wait(Duration::from_secs(1)).unwrap();
                assert!(memory.grown() < NOISE_BYTES, "{second}: {}", memory.grown());
            }
            assert_eq!(
                flooded.wait(Duration::from_secs(1)),
                Err(LATE),
                "{role:?} {reads:?}"
            );
        }
    }
}

/// How long a session whose exchange does not end lives while `moves` happens every ten seconds.
fn lives(mut flooded: Flooded, mut moves: impl FnMut(&mut Flooded)) -> Duration {
    let began = flooded.peer.now;
    while flooded.peer.now < began + REKEY_TIME {
        moves(&mut flooded);
        if let Err(error) = flooded.wait(Duration::from_secs(10)) {
            assert_eq!(error, LATE);
            break;
        }
    }
    flooded.peer.now - began
}

/// Longest that slow lines get for what waits before a KEXINIT.
const SLOW_MAX: Duration = Duration::from_secs(600);

fn a_peer_that_sips_what_was_sent_before_our_kexinit_is_not_waited_for_without_end(
    provider: &'static Provider,
) {
    let _alone = alone();
    for role in Role::BOTH {
        let mut flooded = hundred(provider, role);
        flooded.reads = Takes::Nothing;
        flooded.pull();
        let kexinit = flooded.peer.kexinit_payload();
        flooded.send(&kexinit).unwrap();
        println!(
            "{role:?} {} {}",
            flooded.peer.victim.session.send_pending()[0].len(),
            flooded.unread()
        );
        let lived = lives(flooded, |flooded| flooded.sip(1));
        assert!(lived > EXCHANGE_MAX && lived <= SLOW_MAX, "{lived:?}");
    }
}

fn a_peer_that_answers_our_kexinit_with_other_messages_is_not_waited_for_without_end(
    provider: &'static Provider,
) {
    let _alone = alone();
    for role in Role::BOTH {
        for kind in [Kind::Ignore(0), Kind::Data(0), Kind::GlobalRequest] {
            let mut flooded = hundred(provider, role);
            flooded.wait(REKEY_TIME).unwrap();
            let lived = lives(flooded, |flooded| {
                let payload = kind.payload(flooded.peer.channel);
                flooded.send(&payload).unwrap();
            });
            assert!(lived > EXCHANGE_MAX && lived <= SLOW_MAX, "{lived:?}");
        }
    }
}

fn a_thousand_opens_in_flight_when_our_kexinit_leaves_are_all_answered(
    provider: &'static Provider,
) {
    let _alone = alone();
    for asked in [Asked::Accept, Asked::Refuse, Asked::Wait] {
        let mut flooded = Flooded::open(Role::Server, provider);
        flooded.app.asked = asked;
        flooded.wait(REKEY_TIME).unwrap();
        assert_eq!(flooded.peer.heard[0][0], 20);
        let mut batch = Vec::new();
        for _ in 0..1000 {
            flooded.seal(&Kind::Open.payload(0), &mut batch);
        }
        flooded.feed(&batch).unwrap();
        assert_eq!(flooded.peer.heard.len(), 1, "nothing is said meanwhile");
        flooded.exchange().unwrap();
        flooded.decide();
        flooded.feed(&[]).unwrap();
        let answers = |number| flooded.peer.heard.iter().filter(|m| m[0] == number).count();
        let (confirmed, refused) = (answers(91), answers(92));
        let all_confirmed = (1000, 0);
        let expected = if asked == Asked::Accept {
            all_confirmed
        } else {
            (0, 1000)
        };
        assert_eq!(
            (confirmed, refused),
            expected,
            "{} {asked:?}",
            provider.name
        );
        flooded.still_works();
    }
}

fn more_requests_behind_our_kexinit_than_can_be_owed_end_the_session_at_once(
    provider: &'static Provider,
) {
    let _alone = alone();
    for role in Role::BOTH {
        let few = Limits {
            max_channels: 32,
            ..limits(role)
        };
        let mut flooded = Flooded::open_with(role, provider, few);
        flooded.wait(REKEY_TIME).unwrap();
        let mut batch = Vec::new();
        for _ in 0..32 + 64 {
            flooded.seal(&Kind::GlobalRequestWithReply.payload(0), &mut batch);
        }
        flooded.feed(&batch).unwrap();
        // Its exchange is heard all the same.
        let kexinit = flooded.peer.kexinit_payload();
        flooded.send(&kexinit).unwrap();
        assert_eq!(flooded.unread(), 0);
        flooded.exchange_on().unwrap();
        flooded.still_works();

        flooded.wait(REKEY_TIME).unwrap();
        flooded.feed(&batch[..0]).unwrap();
        let mut batch = Vec::new();
        for _ in 0..32 + 64 + 1 {
            flooded.seal(&Kind::GlobalRequestWithReply.payload(0), &mut batch);
        }
        let error = flooded.feed(&batch).unwrap_err();
        assert_eq!(error.to_string(), "too many requests at a time");
    }
}

adit_testkit::on_every_provider! {
    one_exchange_after_the_other_leaves_nothing
    an_exchange_begun_right_behind_another_is_as_good
    keys_are_not_changed_before_the_login
    a_thousand_opens_in_flight_when_our_kexinit_leaves_are_all_answered
    an_exchange_that_never_ends_is_ended_whatever_a_hundred_channels_have
    a_peer_that_sips_what_was_sent_before_our_kexinit_is_not_waited_for_without_end
    a_peer_that_answers_our_kexinit_with_other_messages_is_not_waited_for_without_end
    more_requests_behind_our_kexinit_than_can_be_owed_end_the_session_at_once
    ; real:
    the_longest_kexinit_costs_little_more_than_a_short_one
}
