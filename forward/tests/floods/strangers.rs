//! Strangers from everywhere: what is remembered of those that failed to log in, at most.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use adit_forward::admission::{Admission, MaxStartups, Offence, PerSource, Room};

use crate::gauge::{Memory, alone};

/// What a family's full table takes, whatever the order in which its sources came.
const FULL: isize = 13 << 20;

/// The `n`th address of a family.
type Address = fn(u32) -> IpAddr;

const FAMILIES: [Address; 2] = [
    |n| Ipv4Addr::from_bits(n).into(),
    |n| Ipv6Addr::from_bits(u128::from(n) | 1 << 125).into(),
];

/// Each number once, in no order: a product with an odd one.
const fn scattered(n: u32) -> u32 {
    n.wrapping_mul(0x9e37_79b1)
}

#[test]
fn a_full_table_of_penalties_takes_so_much_and_no_more() {
    let _alone = alone();
    let sources = Room::default().sources;
    let orders: [fn(u32) -> u32; 3] = [|n| n, |n| !n, scattered];
    for address in FAMILIES {
        for order in orders {
            let mut admission = Admission::new(MaxStartups::default(), PerSource::default());
            let memory = Memory::new();
            let mut charge = |n: u32| {
                let now = Duration::from_millis(u64::from(n / 1000));
                admission.charge(address(order(n)), Offence::Crash, now);
                memory.grown()
            };
            let grown = (0..sources).map(&mut charge).max().unwrap();
            assert!(grown > FULL / 4 && grown <= FULL, "{grown} bytes");
            // Again as many: each takes the place of another.
            let grown = (sources..2 * sources).map(&mut charge).max().unwrap();
            assert!(grown <= FULL, "{grown} bytes");
        }
    }
}
