//! Tables of what is charged, and a naive table beside the real one.

use adit_testkit::dice::Dice;
use adit_testkit::seeds;

use super::*;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn at(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn table(penalties: Penalties) -> PenaltyTable {
    PenaltyTable::new(penalties, NetBlocks::default(), AddressList::default())
}

const ONE: &str = "192.0.2.1";

/// The last whole second in which a source is refused. Time goes on only.
fn refused_until(table: &mut PenaltyTable, address: IpAddr) -> Option<u64> {
    let is_over = |n: &u64| table.check(address, secs(*n)).is_ok();
    (0..).find(is_over).and_then(|n| n.checked_sub(1))
}

#[test]
fn each_offence_costs_what_sshd_charges() {
    let penalties = Penalties {
        min: Duration::ZERO,
        ..Penalties::default()
    };
    for (offence, cost) in [
        (Offence::AuthenticationFailed, 5),
        (Offence::Crash, 90),
        (Offence::GraceExceeded, 10),
        (Offence::NoAuthentication, 1),
    ] {
        let mut table = table(penalties);
        let charged = table.charge(at(ONE), offence, secs(0)).unwrap();
        let (left, enforced) = (secs(cost), Enforced::Yes);
        assert_eq!(charged, Charged::New { left, enforced });
        let refused = Err(Refused::Penalty(offence));
        assert_eq!(table.check(at(ONE), secs(0)), refused);
        assert_eq!(
            refused_until(&mut table, at(ONE)),
            Some(cost),
            "{offence:?}"
        );
    }
}

#[test]
fn nothing_is_enforced_up_to_the_minimum() {
    let mut table = table(Penalties::default());
    let mut charge = |now: Duration| {
        let charged = table.charge(at(ONE), Offence::AuthenticationFailed, now);
        (charged.unwrap(), table.check(at(ONE), now).is_ok())
    };
    let enforced = Enforced::NotYet;
    let (five, ten, fifteen, twenty) = (secs(5), secs(10), secs(15), secs(20));
    let new = Charged::New {
        left: five,
        enforced,
    };
    assert_eq!(charge(secs(0)), (new, true), "below");
    let added = |left| Charged::Added { left, enforced };
    assert_eq!(charge(secs(0)), (added(ten), true), "below");
    assert_eq!(charge(secs(0)), (added(fifteen), true), "at the minimum");
    let activated = Charged::Activated { left: twenty };
    assert_eq!(charge(secs(0)), (activated, false), "above");
}

#[test]
fn a_penalty_once_enforced_lasts_to_its_end() {
    let mut table = table(Penalties::default());
    for _ in 0..4 {
        table.charge(at(ONE), Offence::AuthenticationFailed, secs(100));
    }
    // Far less than the minimum is left.
    assert!(table.check(at(ONE), secs(119)).is_err());
    assert!(table.check(at(ONE), secs(120)).is_err());
    let just_over = secs(120) + Duration::from_nanos(1);
    assert!(table.check(at(ONE), just_over).is_ok());
    // And begins anew: what was is forgotten.
    let enforced = Enforced::NotYet;
    let left = secs(5);
    let charged = table.charge(at(ONE), Offence::AuthenticationFailed, just_over);
    assert_eq!(charged, Some(Charged::New { left, enforced }));
}

#[test]
fn an_end_that_is_past_counts_for_nothing_even_when_it_is_not_forgotten_yet() {
    let mut table = table(Penalties::default());
    // More than are forgotten in three calls, and all before the one that is asked about.
    let others = u8::try_from(3 * FORGOTTEN_MAX).unwrap();
    for n in 0..others {
        table.charge(IpAddr::from([10, 0, 0, n]), Offence::Crash, secs(0));
    }
    table.charge(at(ONE), Offence::Crash, secs(1));
    assert!(table.check(at(ONE), secs(91)).is_err());
    assert!(table.check(at(ONE), secs(92)).is_ok());
    assert_eq!(table.v4.by_end.len(), FORGOTTEN_MAX + 1);
    let charged = table.charge(at(ONE), Offence::NoAuthentication, secs(92));
    let (left, enforced) = (secs(1), Enforced::NotYet);
    assert_eq!(charged, Some(Charged::New { left, enforced }));
}

#[test]
fn no_penalty_is_more_than_the_maximum() {
    for (crashes, expected) in [(1, 90), (6, 540), (7, 600), (8, 600), (100, 600)] {
        let mut table = table(Penalties::default());
        for _ in 0..crashes {
            table.charge(at(ONE), Offence::Crash, secs(0));
        }
        let until = refused_until(&mut table, at(ONE));
        assert_eq!(until, Some(expected), "{crashes}");
    }
    let at_its_end = table(Penalties::default()).charge(at(ONE), Offence::Crash, Duration::MAX);
    assert!(at_its_end.is_some(), "a clock at its end does no harm");
}

#[test]
fn sources_pay_for_themselves_alone_and_blocks_as_one() {
    let blocks = NetBlocks::new(24, 64).unwrap();
    let mut table = PenaltyTable::new(Penalties::default(), blocks, AddressList::default());
    for address in ["192.0.2.1", "2001:db8::1"] {
        table.charge(at(address), Offence::Crash, secs(0));
    }
    for (address, refused) in [
        ("192.0.2.1", true),
        ("192.0.2.255", true),
        ("::ffff:192.0.2.7", true),
        ("192.0.3.1", false),
        ("2001:db8::ffff", true),
        ("2001:db8:0:1::", false),
    ] {
        let checked = table.check(at(address), secs(1));
        assert_eq!(checked.is_err(), refused, "{address}");
    }
}

#[test]
fn who_is_exempt_has_no_penalty_and_is_let_in_when_nobody_is() {
    let exempt = AddressList::parse("192.0.2.0/24").unwrap();
    let penalties = Penalties {
        v4: Room {
            sources: 1,
            overflow: Overflow::DenyAll,
        },
        ..Penalties::default()
    };
    let mut table = PenaltyTable::new(penalties, NetBlocks::default(), exempt);
    assert_eq!(table.charge(at(ONE), Offence::Crash, secs(0)), None);
    assert!(
        table
            .charge(at("10.0.0.1"), Offence::Crash, secs(0))
            .is_some()
    );
    assert_eq!(table.check(at(ONE), secs(0)), Ok(()));
    let full = Err(Refused::TableFull);
    assert_eq!(table.check(at("10.0.0.2"), secs(0)), full);
    assert_eq!(table.check(at("::1"), secs(0)), Ok(()), "the other family");
}

#[test]
fn a_full_table_lets_off_whoever_is_free_first_or_nobody_in() {
    let room = |overflow| Room {
        sources: 2,
        overflow,
    };
    let penalties = |overflow| Penalties {
        v4: room(overflow),
        ..Penalties::default()
    };
    let [one, two, three] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(at);

    let mut permissive = table(penalties(Overflow::Permissive));
    permissive.charge(one, Offence::Crash, secs(0));
    permissive.charge(two, Offence::Crash, secs(1));
    assert!(permissive.check(one, secs(1)).is_err(), "at the number");
    permissive.charge(three, Offence::Crash, secs(2));
    let refused = [one, two, three].map(|a| permissive.check(a, secs(2)).is_err());
    assert_eq!(refused, [false, true, true], "above it");
    // Whose own would end first is not kept at all.
    permissive.charge(one, Offence::NoAuthentication, secs(2));
    assert_eq!(permissive.v4.by_source.len(), 2);
    assert!(permissive.check(two, secs(2)).is_err());

    let mut strict = table(penalties(Overflow::DenyAll));
    strict.charge(one, Offence::NoAuthentication, secs(0));
    assert_eq!(strict.check(three, secs(0)), Ok(()), "below the number");
    strict.charge(two, Offence::Crash, secs(0));
    let full = Err(Refused::TableFull);
    assert_eq!(strict.check(three, secs(1)), full, "at it");
    let charged = strict.charge(three, Offence::Crash, secs(1));
    assert_eq!(charged, Some(Charged::TableFull));
    assert_eq!(strict.check(three, secs(2)), Ok(()), "one is over");
}

#[test]
fn a_penalty_for_which_there_is_no_room_is_not_said_to_be_one() {
    let of = |sources| {
        table(Penalties {
            v4: Room {
                sources,
                overflow: Overflow::Permissive,
            },
            ..Penalties::default()
        })
    };
    let [one, two] = ["10.0.0.1", "10.0.0.2"].map(at);
    let left = secs(90);
    let enforced = Enforced::Yes;

    let mut none = of(0);
    for _ in 0..2 {
        let charged = none.charge(one, Offence::Crash, secs(0));
        assert_eq!(charged, Some(Charged::TableFull), "room for nobody");
        assert_eq!(none.check(one, secs(0)), Ok(()));
    }

    let mut single = of(1);
    let charged = single.charge(one, Offence::Crash, secs(0));
    assert_eq!(charged, Some(Charged::New { left, enforced }));
    let charged = single.charge(two, Offence::GraceExceeded, secs(1));
    assert_eq!(charged, Some(Charged::TableFull), "it would end first");
    assert_eq!(single.check(two, secs(1)), Ok(()));
    let left = secs(95);
    let charged = single.charge(one, Offence::AuthenticationFailed, secs(0));
    assert_eq!(
        charged,
        Some(Charged::Added { left, enforced }),
        "it has it"
    );
    let left = secs(90);
    let charged = single.charge(two, Offence::Crash, secs(6));
    assert_eq!(
        charged,
        Some(Charged::New { left, enforced }),
        "it ends later"
    );
    assert!(single.check(two, secs(6)).is_err());
    assert_eq!(single.check(one, secs(6)), Ok(()));
}

#[test]
fn what_costs_nothing_is_not_written_down() {
    let penalties = Penalties {
        no_authentication: Duration::ZERO,
        ..Penalties::default()
    };
    let mut table = table(penalties);
    let charged = table.charge(at(ONE), Offence::NoAuthentication, secs(0));
    assert_eq!(charged, None);
    assert!(table.v4.by_source.is_empty());
}

/// A table in which everything is looked for from one end to the other.
struct Naive {
    penalties: Penalties,
    blocks: NetBlocks,
    all: Vec<(Source, Penalty)>,
}

impl Naive {
    /// Those of the same family, and what holds for it.
    fn family(&mut self, source: Source, now: Duration) -> (usize, Room) {
        self.all.retain(|(_, penalty)| penalty.until >= now);
        let is_v4 = |s: &Source| matches!(s, Source::V4(_));
        let same = |(s, _): &&(Source, Penalty)| is_v4(s) == is_v4(&source);
        let room = if is_v4(&source) {
            self.penalties.v4
        } else {
            self.penalties.v6
        };
        (self.all.iter().filter(same).count(), room)
    }

    fn check(&mut self, address: IpAddr, now: Duration) -> Result<(), Refused> {
        let source = self.blocks.source(address);
        let (count, room) = self.family(source, now);
        if room.overflow == Overflow::DenyAll && count >= room.sources as usize {
            return Err(Refused::TableFull);
        }
        let found = self.all.iter().find(|(s, _)| *s == source);
        match found {
            Some((_, p)) if p.enforced == Enforced::Yes => Err(Refused::Penalty(p.offence)),
            _ => Ok(()),
        }
    }

    fn charge(&mut self, address: IpAddr, offence: Offence, now: Duration) {
        let source = self.blocks.source(address);
        let (count, room) = self.family(source, now);
        if room.overflow == Overflow::DenyAll && count >= room.sources as usize {
            return;
        }
        let place = self.all.iter().position(|(s, _)| *s == source);
        let before = place.map(|place| self.all.remove(place).1);
        let left = before.map_or(Duration::ZERO, |p| p.until - now) + self.penalties.of(offence);
        let left = left.min(self.penalties.max);
        let was = before.is_some_and(|p| p.enforced == Enforced::Yes);
        let penalty = Penalty {
            until: now + left,
            enforced: if was || left > self.penalties.min {
                Enforced::Yes
            } else {
                Enforced::NotYet
            },
            offence,
        };
        self.all.push((source, penalty));
        let (count, room) = self.family(source, now);
        if count > room.sources as usize {
            let same = |s: &Source| matches!(s, Source::V4(_)) == matches!(source, Source::V4(_));
            let of_family = self.all.iter().filter(|(s, _)| same(s));
            let first = of_family.min_by_key(|(s, p)| (p.until, *s)).unwrap().0;
            self.all.retain(|(s, _)| *s != first);
        }
    }
}

#[test]
fn whatever_happens_in_whatever_order_it_agrees_with_a_naive_table() {
    seeds::each(20, 2000, |seed| {
        let mut dice = Dice::new(seed);
        let mut room = || Room {
            sources: u32::try_from(dice.between(1, 5)).unwrap(),
            overflow: dice.pick(&[Overflow::Permissive, Overflow::DenyAll]),
        };
        let (v4, v6) = (room(), room());
        let penalties = Penalties {
            max: secs(20 + dice.next() % 100),
            v4,
            v6,
            ..Penalties::default()
        };
        let blocks = NetBlocks::new(24, 64).unwrap();
        let mut real = PenaltyTable::new(penalties, blocks, AddressList::default());
        let all = Vec::new();
        let mut naive = Naive {
            penalties,
            blocks,
            all,
        };
        let mut now = Duration::ZERO;
        for step in 0..400 {
            now += Duration::from_millis(500 * (dice.next() % 12));
            let [net, host] = [8, 3].map(|n| u8::try_from(dice.below(n)).unwrap());
            let address = if dice.one_in(2) {
                IpAddr::from([10, 0, net, host])
            } else {
                IpAddr::from([0x2001, 0xdb8, 0, net.into(), 0, 0, 0, host.into()])
            };
            let offence = dice.pick(&[
                Offence::AuthenticationFailed,
                Offence::Crash,
                Offence::GraceExceeded,
                Offence::NoAuthentication,
            ]);
            if dice.one_in(2) {
                real.charge(address, offence, now);
                naive.charge(address, offence, now);
            }
            let expected = naive.check(address, now);
            assert_eq!(real.check(address, now), expected, "step {step}");
            for family in [&real.v4, &real.v6] {
                assert_eq!(family.by_source.len(), family.by_end.len());
                assert!(family.by_end.len() <= family.room.sources as usize);
            }
        }
    });
}
