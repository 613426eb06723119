//! Both programs' loops on a network in memory, with whatever a seed has go wrong: the very code
//! that runs on real sockets, but for the calls to the system.

mod apps;
mod kinds;
mod looped;
mod plan;
mod world;

use core::net::SocketAddr;
use std::io::{ErrorKind, Read};

use adit_testkit::net::{Host, Net, Weather};
use adit_testkit::seeds::each;

use super::super::context::{OwnedDial, Owner};
use super::super::dial::{Dial, Progress, Where};
use plan::{Break, Clock, Kind, Manners, Plan};
use world::World;

#[test]
fn every_byte_arrives_once_and_in_order_whatever_sockets_do() {
    each(60, 3000, |seed| {
        World::new(Plan::rough(seed)).run();
    });
}

#[test]
fn a_channel_goes_on_when_its_window_opens_and_nothing_else_happens() {
    each(20, 1000, |seed| World::new(Plan::tight(seed)).run());
}

#[test]
fn a_destination_that_was_reached_too_late_sees_no_end_in_order() {
    let address = SocketAddr::from(([10, 0, 0, 3], 1000));
    let late = Weather {
        at_once: 0,
        ..Weather::FAIR
    };
    let net = Net::new(1, late);
    net.install();
    let destination = net.listen(address);
    net.run_as(Host::Server);
    let mut reactor = super::client(address, address);
    let owned = OwnedDial {
        owner: Owner::Client,
        dial: Dial::new(Where::Addresses(&[address]), None),
    };
    let (slot, progress) = reactor.context.dial(owned, &mut |_, _| {});
    assert!(matches!(progress, Progress::Pending));
    assert!(net.arrive());
    let (mut accepted, _) = destination.accept().unwrap();
    let mut given_up = reactor.context.dials.remove(slot).unwrap();
    given_up.dial.finish(slot, &mut reactor.context);
    assert!(net.arrive());
    let seen = accepted.read(&mut [0]).unwrap_err().kind();
    assert_eq!(seen, ErrorKind::ConnectionReset);
    Net::remove();
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
