//! Both programs' loops on a network in memory, with whatever a seed has go wrong: the very code
//! that runs on real sockets, but for the calls to the system.

mod apps;
mod plan;
mod world;

use adit_testkit::seeds::each;

use plan::{Break, Clock, Manners, Plan};
use world::World;

#[test]
fn every_byte_arrives_once_and_in_order_whatever_sockets_do() {
    each(60, 3000, |seed| {
        World::new(Plan::rough(seed)).run();
    });
}

#[test]
fn applications_that_break_off_hurt_nobody_and_leave_nothing_behind() {
    each(60, 3000, |seed| World::new(Plan::rude(seed)).run());
}

#[test]
fn a_clock_that_jumps_ends_nothing() {
    each(60, 3000, |seed| World::new(Plan::untimely(seed)).run());
}

#[test]
fn a_tunnel_that_breaks_never_looks_like_an_end_in_order() {
    each(60, 3000, |seed| World::new(Plan::broken(seed)).run());
}
