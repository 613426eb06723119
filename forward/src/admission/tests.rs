//! MaxStartups and its neighbours: at, below and above each number, and what chance comes to.

use adit_testkit::dice::Dice as Chance;
use adit_testkit::seeds;

use super::*;

const NOW: Duration = Duration::from_secs(1);

fn address(n: u32) -> IpAddr {
    IpAddr::V4(n.to_be_bytes().into())
}

/// The throw that shows `n`.
fn shows(n: u32) -> Dice {
    Dice::of(n)
}

fn limits(start: u32, rate: u32, full: u32) -> MaxStartups {
    MaxStartups { start, rate, full }
}

#[test]
fn startups_are_dropped_as_sshd_does() {
    let limits = MaxStartups::default(); // 10:30:100
    for (startups, dice, dropped) in [
        (0, 0, false),
        (9, 0, false),
        (10, 29, true),
        (10, 30, false),
        (11, 29, true),
        (12, 30, true),
        (55, 64, true),
        (55, 65, false),
        (99, 98, true),
        (99, 99, false),
        (100, 99, true),
        (101, 99, true),
        (u32::MAX, 99, true),
    ] {
        let drops = limits.drops(startups, shows(dice));
        assert_eq!(drops, dropped, "{startups} {dice}");
    }
}

#[test]
fn one_number_for_all_three_is_a_hard_limit() {
    assert!(!limits(5, 100, 5).drops(4, shows(0)));
    assert!(limits(5, 100, 5).drops(5, shows(99)));
    assert!(limits(5, 30, 2).drops(5, shows(99)), "the other way round");
}

/// In thousandths, of many throws with one seed.
fn dropped_of_1000(limits: MaxStartups, startups: u32, seed: u64) -> u32 {
    const THROWS: u32 = 20_000;
    let mut chance = Chance::new(seed);
    let mut throw = || Dice::of(u32::try_from(chance.next() >> 32).unwrap());
    let dropped = (0..THROWS).filter(|_| limits.drops(startups, throw()));
    u32::try_from(dropped.count()).unwrap() * 1000 / THROWS
}

#[test]
fn chance_drops_as_many_as_the_rate_says() {
    let limits = MaxStartups::default();
    seeds::each(5, 200, |seed| {
        let mut before = 0;
        for (startups, percent) in [
            (0, 0),
            (9, 0),
            (10, 30),
            (11, 30),
            (28, 44),
            (55, 65),
            (82, 86),
            (99, 99),
            (100, 100),
            (101, 100),
        ] {
            let dropped = dropped_of_1000(limits, startups, seed);
            // Five standard deviations of 20 000 throws are 18 thousandths at most.
            let off = dropped.abs_diff(10 * percent);
            assert!(off <= 18, "{dropped} of 1000 for {startups}");
            assert!(dropped + 18 >= before, "and never fewer than with fewer");
            before = dropped;
        }
    });
}

#[test]
fn every_number_of_the_dice_has_its_hundredth() {
    assert!((0..100).all(|n| Dice::of(n) == Dice::of(n + 100)));
    // A byte would show 0 to 55 half as often again as 56 to 99.
    let last = u32::MAX;
    assert_eq!(last / 100, 42_949_672);
    assert_eq!(Dice::of(last), shows(95));
}

fn admission(max_startups: MaxStartups, each: Option<u32>, blocks: NetBlocks) -> Admission {
    let per_source = PerSource {
        max_startups: each,
        blocks,
        ..PerSource::unlimited()
    };
    Admission::new(max_startups, per_source)
}

const FULL: Result<(), Dropped> = Err(Dropped::PastMaxStartups);

#[test]
fn a_source_has_so_many_startups_and_no_more() {
    let blocks = NetBlocks::new(24, 64).unwrap();
    let mut admission = admission(limits(10, 100, 10), Some(2), blocks);
    let (here, beside, there) = (
        address(0x0a00_0001),
        address(0x0a00_0002),
        address(0x0a00_0101),
    );
    let check = |admission: &mut Admission, from| admission.check(from, shows(0), NOW);
    assert_eq!(check(&mut admission, here), Ok(()), "none");
    admission.begin(here);
    assert_eq!(check(&mut admission, beside), Ok(()), "one below");
    admission.begin(beside);
    assert_eq!(check(&mut admission, here), FULL, "at the number");
    assert_eq!(check(&mut admission, there), Ok(()), "another block");
    admission.over(here);
    assert_eq!(check(&mut admission, beside), Ok(()), "one is over");
    assert_eq!(admission.startups(), 1);
}

#[test]
fn the_lower_of_both_numbers_counts() {
    let blocks = NetBlocks::default();
    let mut admission = admission(limits(2, 100, 2), Some(9), blocks);
    for n in 0..2 {
        assert_eq!(admission.check(address(n), shows(99), NOW), Ok(()));
        admission.begin(address(n));
    }
    assert_eq!(admission.check(address(7), shows(99), NOW), FULL);
}

#[test]
fn a_source_of_which_nobody_may_begin_cannot() {
    let mut admission = admission(MaxStartups::default(), Some(0), NetBlocks::default());
    assert_eq!(admission.check(address(1), shows(99), NOW), FULL);
}

#[test]
fn nothing_is_kept_of_startups_that_are_over() {
    let mut admission = admission(limits(200, 100, 200), Some(3), NetBlocks::default());
    let mut begun = Vec::new();
    let mut chance = Chance::new(1);
    for _ in 0..10_000 {
        let from = address(u32::try_from(chance.below(50)).unwrap());
        if chance.one_in(2) && admission.check(from, shows(0), NOW).is_ok() {
            admission.begin(from);
            begun.push(from);
        } else if !begun.is_empty() {
            admission.over(begun.swap_remove(chance.below(begun.len())));
        }
        let of_source = begun.iter().filter(|one| **one == from).count();
        assert!(of_source <= 3);
        assert_eq!(admission.startups() as usize, begun.len());
        assert!(admission.startups.sources() <= begun.len());
    }
    for from in begun {
        admission.over(from);
    }
    assert_eq!(admission.startups.sources(), 0);
}

#[test]
fn who_has_a_penalty_is_refused_before_anybody_is_counted() {
    let mut admission = Admission::new(limits(1, 100, 1), PerSource::default());
    admission.charge(address(1), Offence::Crash, NOW);
    let refused = Err(Dropped::Refused(Refused::Penalty(Offence::Crash)));
    assert_eq!(admission.check(address(1), shows(99), NOW), refused);
    admission.begin(address(2));
    assert_eq!(admission.check(address(1), shows(99), NOW), refused);
    assert_eq!(admission.check(address(2), shows(99), NOW), FULL);
    assert_eq!(admission.startups(), 1, "what is refused has no place");
}

#[test]
fn without_penalties_nothing_is_charged() {
    let mut admission = Admission::new(MaxStartups::default(), PerSource::unlimited());
    assert_eq!(admission.charge(address(1), Offence::Crash, NOW), None);
    assert_eq!(admission.check(address(1), shows(0), NOW), Ok(()));
}
