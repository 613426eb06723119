//! Connections that a server hands on, in virtual time: how many there may be on their way or about
//! to say where to, for how long, and what is left of those that end early.

use core::net::SocketAddr;
use core::time::Duration;

use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpenConfirmation, ChannelOpenFailure,
};
use adit_proto::reason::OpenFailure;
use adit_proto::{Decode, number};
use adit_testkit::net::Host;

use super::super::To;
use super::super::asked::OPENING_MAX;
use super::super::asking::ASKING_MAX;
use super::super::guests::REQUEST_TIME;
use super::super::opens::CONNECT_TIMEOUT;
use super::home::{Home, PORT};
use crate::socks::Refusal;

const MS: Duration = Duration::from_millis(1);

fn lost() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 80))
}

fn there() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 2], 80))
}

fn to(address: SocketAddr) -> To {
    To::Tcp {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}

/// Why each channel was refused, by the server's numbers.
fn refusals(home: &mut Home) -> Vec<(u32, u32)> {
    let heard = home.take_heard();
    let failed = heard.iter().map(|payload| {
        let failure = ChannelOpenFailure::decode(payload).unwrap();
        (failure.recipient_channel, failure.reason_code)
    });
    failed.collect()
}

/// The client's numbers of the channels that it has confirmed.
fn confirmed(home: &mut Home) -> Vec<u32> {
    let heard = home.take_heard();
    let all = heard.iter().map(|payload| {
        let confirmation = ChannelOpenConfirmation::decode(payload).unwrap();
        confirmation.sender_channel
    });
    all.collect()
}

/// Every one of these is over, and nothing else was said.
fn ends(home: &mut Home) -> Vec<u32> {
    let heard = home.take_heard();
    let closed = heard.iter().filter_map(|payload| match payload[0] {
        number::CHANNEL_EOF => {
            ChannelEof::decode(payload).unwrap();
            None
        }
        _ => Some(ChannelClose::decode(payload).unwrap().recipient_channel),
    });
    closed.collect()
}

fn say(home: &mut Home, recipient_channel: u32, data: &[u8]) {
    let message = ChannelData {
        recipient_channel,
        data,
    };
    home.send(&adit_crypto::encoded(&message));
}

fn close(home: &mut Home, recipient_channel: u32) {
    home.send(&adit_crypto::encoded(&ChannelClose { recipient_channel }));
}

#[test]
fn a_host_that_does_not_answer_is_given_up_in_time() {
    let mut home = Home::new(&[to(lost())]);
    home.net.lose(lost());
    home.hand_on(7, PORT);
    home.wait(CONNECT_TIMEOUT - MS);
    assert_eq!(home.heard.len(), 0, "a moment before");
    home.wait(MS);
    let code = OpenFailure::ConnectFailed.code();
    assert_eq!(refusals(&mut home), [(7, code)]);
    assert_eq!(home.hears.failed, ["TimedOut"]);
    assert_eq!(home.net.open_sockets(Host::Client), 1, "to the server");
    assert!(home.reactor.context.dials.is_empty());
}

#[test]
fn as_many_are_on_their_way_as_may_be_and_one_more_is_refused() {
    let mut home = Home::new(&[to(lost())]);
    home.net.lose(lost());
    for own in 0..count(OPENING_MAX) {
        home.hand_on(own, PORT);
    }
    home.settle();
    assert_eq!(refusals(&mut home), []);
    for more in [1000, 1001] {
        home.hand_on(more, PORT);
        home.settle();
        let code = OpenFailure::ResourceShortage.code();
        assert_eq!(refusals(&mut home), [(more, code)]);
    }
    // One that ends makes room for one.
    home.wait(CONNECT_TIMEOUT);
    assert_eq!(refusals(&mut home).len(), OPENING_MAX);
    for own in 0..count(OPENING_MAX) {
        home.hand_on(own, PORT);
    }
    home.settle();
    assert_eq!(refusals(&mut home), []);
}

#[test]
fn who_says_nothing_on_one_port_is_in_nobodys_way_on_another() {
    let mut home = Home::new(&[To::Dynamic, to(there())]);
    home.net.run_as(Host::Apps);
    let listener = home.net.listen(there());
    for n in 0..count(ASKING_MAX) {
        home.hand_on(n, PORT);
        home.wait(MS);
    }
    assert_eq!(confirmed(&mut home).len(), ASKING_MAX);
    assert_eq!(home.peer().state.askings.counts(), (ASKING_MAX, 0));
    let mut served = Vec::new();
    for own in 0..3 {
        home.hand_on(1000 + own, PORT + 1);
        home.settle();
        assert_eq!(confirmed(&mut home).len(), 1);
        served.push(listener.accept().unwrap());
    }
    assert_eq!(home.hears.refused, []);
}

#[test]
fn one_more_that_asks_costs_the_first_its_place() {
    let mut home = Home::new(&[To::Dynamic]);
    for n in 0..count(ASKING_MAX) {
        home.hand_on(n, PORT);
        home.wait(MS);
    }
    let first = confirmed(&mut home);
    // The first has said nothing, and the second has begun to.
    say(&mut home, first[1], b"CONNECT ");
    home.settle();
    home.hand_on(1000, PORT);
    home.settle();
    assert_eq!(home.hears.refused, [Refusal::Crowded]);
    let heard = home.take_heard();
    let numbers: Vec<u8> = heard.iter().map(|payload| payload[0]).collect();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.contains(&number::CHANNEL_OPEN_CONFIRMATION));
    let closed = heard.iter().find(|heard| heard[0] == number::CHANNEL_CLOSE);
    let closed = ChannelClose::decode(closed.unwrap()).unwrap();
    assert_eq!(closed.recipient_channel, 0);
    assert_eq!(home.peer().state.askings.counts(), (ASKING_MAX, 0));

    home.hand_on(1001, PORT);
    home.settle();
    assert_eq!(home.hears.refused, [Refusal::Crowded; 2]);
    let heard = home.take_heard();
    let told = heard.iter().find(|heard| heard[0] == number::CHANNEL_DATA);
    let told = ChannelData::decode(told.unwrap()).unwrap();
    assert_eq!(told.recipient_channel, 1);
    assert!(told.data.starts_with(b"HTTP/1.1 503 "));
    // Time does the same to the others.
    home.wait(REQUEST_TIME);
    assert_eq!(ends(&mut home).len(), ASKING_MAX);
    assert_eq!(home.peer().state.askings.counts(), (0, 0));
}

#[test]
fn who_has_asked_counts_among_those_that_are_on_their_way() {
    let mut home = Home::new(&[To::Dynamic]);
    home.net.lose(lost());
    let request = b"CONNECT 198.51.100.1:80 HTTP/1.1\r\n\r\n";
    for n in 0..=count(OPENING_MAX) {
        home.hand_on(n, PORT);
        home.settle();
        let id = confirmed(&mut home)[0];
        say(&mut home, id, request);
        home.settle();
        let is_one_more = n == count(OPENING_MAX);
        assert_eq!(!home.heard.is_empty(), is_one_more, "{n}");
    }
    let heard = home.take_heard();
    let told = ChannelData::decode(&heard[0]).unwrap();
    assert_eq!(told.recipient_channel, count(OPENING_MAX));
    assert!(told.data.starts_with(b"HTTP/1.1 503 "), "{:?}", told.data);
    assert_eq!(home.hears.failed, ["Shortage"]);
    assert_eq!(home.peer().state.askings.counts(), (0, 0));
}

#[test]
fn look_ups_that_nobody_waits_for_any_more_leave_nothing() {
    let mut home = Home::new(&[To::Dynamic]);
    // A name that the resolver knows without asking anybody; its answers are never read here.
    let request = b"CONNECT localhost:80 HTTP/1.1\r\n\r\n";
    let mut own = 0;
    for _ in 0..50 {
        for n in own..own + 20 {
            home.hand_on(n, PORT);
        }
        own += 20;
        home.settle();
        let open = confirmed(&mut home);
        open.iter().for_each(|id| say(&mut home, *id, request));
        home.settle();
        let (waiting, unanswered) = home.peer().state.look_ups.counts();
        assert!(waiting <= 20 && unanswered == 20, "{waiting} {unanswered}");
        open.iter().for_each(|id| close(&mut home, *id));
        home.settle();
        assert_eq!(ends(&mut home).len(), 20);
        assert_eq!(home.peer().state.look_ups.counts(), (0, 0));
    }
    // People are told of the slot, which is the same for those that follow each other.
    assert_eq!(home.hears.channels.len(), 1000);
    assert!(home.hears.channels.iter().all(|channel| *channel < 20));
}
