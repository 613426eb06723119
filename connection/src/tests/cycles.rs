//! Channels come and go, and nothing stays.

use std::collections::HashSet;

use adit_proto::reason::OpenFailure;

use super::support::*;
use crate::channel::Channel;
use crate::owed::Reply;
use crate::table::Table;
use crate::*;

/// Fewer where they would take too long.
const CYCLES: u32 = if cfg!(debug_assertions) {
    50_000
} else {
    1_000_000
};

fn is_as_new(mut side: Side, limits: Limits) {
    assert!(side.channels.is_empty());
    assert_eq!(side.channels.left(), limits.window_budget);
    assert!(!side.channels.has_message());
    assert!(side.channels.can_take());
    assert!(side.channels.table.slots() <= 4);
    assert!(side.channels.owed.rows_taken() <= 64);
    // The next one is the first one.
    let id = side.channels.open(WEB).unwrap();
    assert_eq!(side.channels.loan(id), 64 << 10);
}

#[test]
fn a_million_channels_refused_leave_nothing_behind() {
    let mut server = Side::server();
    let mut client = Side::client();
    for n in 0..CYCLES {
        let id = server.asked();
        server
            .channels
            .refuse(id, OpenFailure::ConnectFailed, "Connection refused");
        let id = client.channels.open(WEB).unwrap();
        // Now and then the peer is slow to read.
        if n % 16 == 0 {
            server.say();
        }
        let _ = client.channels.poll_message(client.now).unwrap();
        client.hear(&failure(id)).unwrap();
        client.channels.release(id);
    }
    server.say();
    is_as_new(server, Limits::SERVER);
    is_as_new(client, Limits::CLIENT);
}

#[test]
fn a_million_channels_opened_and_closed_leave_nothing_behind() {
    let mut server = Side::server();
    let mut client = Side::client();
    for _ in 0..CYCLES {
        let id = server.accepted();
        server.close(id).unwrap();
        server.channels.release(id);
        server.says(&[our_close()]);

        let id = client.opened();
        client.channels.release(id);
        client.says(&[our_close()]);
        client.close(id).unwrap();
    }
    is_as_new(server, Limits::SERVER);
    is_as_new(client, Limits::CLIENT);
}

#[test]
fn an_id_does_not_come_again_before_131072_others_in_its_slot() {
    let mut side = Side::client();
    let kept = side.opened();
    let mut seen = HashSet::new();
    for n in 0..131_072 {
        let id = side.opened();
        assert!(seen.insert(id) && id != kept, "{n}");
        side.channels.release(id);
        side.say();
        side.close(id).unwrap();
    }
    assert!(seen.contains(&side.opened()));
}

#[test]
fn all_channels_of_a_client_at_once_are_found_and_served_in_order() {
    let mut side = Side::client();
    let ids: std::vec::Vec<_> = (0..16_384).map(|_| side.opened()).collect();
    assert_eq!(side.channels.open(WEB), Err(NotOpened::Full));
    assert_eq!(side.balance(&ids), Limits::CLIENT.window_budget);
    for id in &ids {
        side.channels.release(*id);
    }
    assert_eq!(side.say().len(), ids.len());
    for id in ids.iter().rev() {
        side.close(*id).unwrap();
    }
    assert!(side.channels.is_empty());
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
}

#[test]
fn an_idle_channel_takes_less_than_128_bytes() {
    let slot = Table::<Channel>::SLOT_LEN;
    assert!(slot <= 80, "{slot}");
    assert!(size_of::<Reply>() <= 24);
    assert!(size_of::<Outgoing<'_>>() <= 64);
    assert!(size_of::<Channels>() <= 256);
    // Nor does it own anything elsewhere.
    let mut side = Side::client();
    let id = side.opened();
    assert!(side.channels.table.get(id).unwrap().request().is_empty());
}
