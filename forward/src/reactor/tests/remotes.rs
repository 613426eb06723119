//! Connections to what a server listens on for a client, while there is no channel for them.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read};

use adit_connection::{Accepts, Channels, Limits, OpenKind, ProcessBook};
use adit_crypto::encoded;
use adit_proto::msg::{ChannelOpen, ChannelOpenFailure, FORWARDED_TCPIP};
use adit_proto::{Decode, number};
use adit_testkit::net::{Host, Stream};

use super::super::Side;
use super::super::accept::For;
use super::super::remotes::Named;
use super::super::stream::Listener;
use super::guests::{Guest, Place};
use crate::admission::{MaxStartups, PerSource};

const REMOTE: &str = "203.0.113.1:8080";
/// Channels that a session has here.
const CHANNELS: u32 = 3;
const LIMITS: Limits = Limits {
    max_channels: CHANNELS,
    window_budget: 1 << 20,
};
/// What each has at least.
const BASE: usize = 32 << 10;

/// A server with a client that is logged in, for which it listens, and the socket's slot.
fn place() -> (Place, Vec<Guest>, usize) {
    place_with(&ProcessBook::new(64 << 20))
}

fn place_with(book: &ProcessBook) -> (Place, Vec<Guest>, usize) {
    let mut place = Place::new(1, MaxStartups::default(), PerSource::unlimited());
    if let Side::Server(server) = &mut place.reactor.side {
        server.limits = LIMITS;
        server.book = book.clone();
    }
    let guest = place.guest([192, 0, 2, 1].into(), usize::MAX);
    let mut guests = vec![guest.logging_in()];
    place.settle(&mut guests);
    assert!(guests[0].is_authenticated());
    guests[0].transport.authenticated(place.now);
    let slot = place.reactor.peers.numbers()[0];
    place.net.run_as(Host::Server);
    let listener = Listener::Fake(place.net.listen(REMOTE.parse().unwrap()));
    let peer = place.reactor.peers.get_mut(slot).unwrap();
    let context = &mut place.reactor.context;
    let at = Named::Tcp {
        address: b"localhost".to_vec(),
        port: 8080,
    };
    let listening = peer.state.remotes.stand(at, |remote| {
        let purpose = For::Remote { peer: slot, remote };
        context.watch(listener, purpose).unwrap().1
    });
    (place, guests, listening)
}

fn connect(place: &mut Place, n: u16) -> Stream {
    place.net.run_as(Host::Apps);
    let from = SocketAddr::new([192, 0, 2, 9].into(), 50_000 + n);
    place
        .net
        .connect_from(from, REMOTE.parse().unwrap())
        .unwrap()
}

/// The channels that the client was offered.
fn offered(guest: &Guest) -> Vec<u32> {
    let opens = guest
        .answers
        .iter()
        .filter(|payload| payload[0] == number::CHANNEL_OPEN);
    opens
        .map(|payload| {
            let open = ChannelOpen::decode(payload).unwrap();
            assert_eq!(open.channel_type, FORWARDED_TCPIP);
            open.sender_channel
        })
        .collect()
}

fn refuse(guest: &mut Guest, recipient_channel: u32) {
    guest.send(&encoded(&ChannelOpenFailure {
        recipient_channel,
        reason_code: 1,
        description: b"no",
        language_tag: b"",
    }));
}

fn is_reset(place: &Place, stream: &mut Stream) -> bool {
    place.net.run_as(Host::Apps);
    match stream.read(&mut [0]) {
        Err(e) if e.kind() == ErrorKind::WouldBlock => false,
        Err(e) => e.kind() == ErrorKind::ConnectionReset,
        Ok(n) => panic!("{n} bytes"),
    }
}

#[test]
fn connections_wait_until_the_session_has_a_channel_for_them() {
    let (mut place, mut guests, _) = place();
    let mut streams: Vec<_> = (0..6).map(|n| connect(&mut place, n)).collect();
    place.settle(&mut guests);
    for done in 0..3 {
        let open = offered(&guests[0]);
        assert_eq!(open.len(), CHANNELS as usize + done);
        refuse(&mut guests[0], open[done]);
        place.settle(&mut guests);
        assert!(is_reset(&place, &mut streams[done]));
    }
    assert_eq!(offered(&guests[0]).len(), 6);
    assert!(streams[3..].iter_mut().all(|s| !is_reset(&place, s)));
}

#[test]
fn who_waits_for_a_channel_is_reset_when_nothing_is_listened_on_any_more() {
    for ends in [true, false] {
        let (mut place, mut guests, listening) = place();
        let mut streams: Vec<_> = (0..6).map(|n| connect(&mut place, n)).collect();
        place.settle(&mut guests);
        if ends {
            guests[0].hang_up();
        } else {
            place.net.run_as(Host::Server);
            place.reactor.context.unlisten(listening);
        }
        place.settle(&mut guests);
        // Those that have a channel stay with a session that goes on.
        for (n, stream) in streams.iter_mut().enumerate() {
            let expected = ends || n >= CHANNELS as usize;
            assert_eq!(is_reset(&place, stream), expected, "{n}");
        }
        assert_eq!(place.reactor.context.listeners.numbers().len(), 1);
    }
}

#[test]
fn a_full_session_delays_no_other() {
    let (mut place, mut guests, _) = place();
    let streams: Vec<_> = (0..6).map(|n| connect(&mut place, n)).collect();
    place.settle(&mut guests);
    assert!(!place.reactor.can_accept(), "nothing can be taken now");
    let patience = place.reactor.patience(place.now);
    assert!(patience >= Some(Duration::from_secs(1)), "{patience:?}");
    let other = place.guest([192, 0, 2, 2].into(), usize::MAX);
    guests.push(other.logging_in());
    place.settle(&mut guests);
    assert!(guests[1].is_authenticated());
    drop(streams);
}

#[test]
fn who_waits_because_of_other_sessions_channels_has_one_soon_after_those_are_over() {
    let book = ProcessBook::new(2 * 2 * BASE);
    let mut others = Channels::new(LIMITS, Accepts::Nothing);
    others.share(book.clone());
    for _ in 0..2 {
        others
            .open(OpenKind::ForwardedStreamlocal { path: b"/" })
            .unwrap();
    }
    let (mut place, mut guests, _) = place_with(&book);
    let mut streams = [connect(&mut place, 1), connect(&mut place, 2)];
    place.wait(Duration::from_secs(60), &mut guests);
    assert!(offered(&guests[0]).is_empty());
    assert!(!place.reactor.can_accept(), "nothing spins");
    drop(others);
    place.wait(Duration::from_secs(1), &mut guests);
    assert_eq!(offered(&guests[0]).len(), 2);
    assert!(streams.iter_mut().all(|s| !is_reset(&place, s)));
    assert_eq!(book.left(), BASE / 2, "what first windows leave");
    guests[0].hang_up();
    place.settle(&mut guests);
    assert_eq!(book.left(), 2 * 2 * BASE);
}
