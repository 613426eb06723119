//! How channels end: two halves and the close handshake (RFC 4254 §5.3).

use super::support::*;
use crate::*;

fn misbehaved(what: PeerMisbehaved) -> Result<Event, Error> {
    Err(Error::PeerMisbehaved(what))
}

#[test]
fn when_both_eofs_have_passed_close_is_due_by_itself() {
    // Ours first, theirs first, and the peer's while ours is due.
    let mut side = Side::client();
    let id = side.opened();
    side.channels.finish_sending(id);
    side.says(&[our_eof()]);
    assert_eq!(side.eof(id), Ok(Event::Eof(id)));
    side.says(&[our_close()]);

    let id = side.opened();
    assert_eq!(side.eof(id), Ok(Event::Eof(id)));
    side.says(&[]);
    side.channels.finish_sending(id);
    side.says(&[our_eof(), our_close()]);

    let id = side.opened();
    side.channels.finish_sending(id);
    assert_eq!(side.eof(id), Ok(Event::Eof(id)));
    side.says(&[our_eof(), our_close()]);
    assert_eq!(side.close(id), Ok(Event::Closed(id)));
    side.says(&[]);
}

#[test]
fn a_half_that_is_finished_grants_nothing_and_the_other_goes_on() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.finish_sending(id);
    side.channels.finish_sending(id);
    assert_eq!(side.channels.grant(id), None);
    side.says(&[our_eof()]);
    side.channels.finish_sending(id);
    side.says(&[]);
    assert_eq!(side.data(id, 5), Ok(Event::Data { id, range: 9..14 }));
    assert_eq!(side.adjust(id, 5), Ok(Event::Quiet));

    let id = side.opened();
    side.eof(id).unwrap();
    assert!(side.channels.grant(id).is_some());
    side.channels.sent(id, PEER_WINDOW as usize);
    assert_eq!(side.adjust(id, 5), Ok(Event::WindowOpened(id)));
}

#[test]
fn a_close_needs_no_eof() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.close(id);
    assert_eq!(side.channels.grant(id), None);
    side.says(&[our_close()]);
    side.channels.close(id);
    side.channels.finish_sending(id);
    side.says(&[]);
}

#[test]
fn an_eof_that_was_due_goes_out_before_the_close() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.finish_sending(id);
    side.channels.close(id);
    side.says(&[our_eof(), our_close()]);
}

#[test]
fn channels_with_much_to_say_take_turns() {
    let mut side = Side::client();
    let ids = [side.opened(), side.opened(), side.opened()];
    for id in ids {
        side.channels.finish_sending(id);
        side.channels.close(id);
    }
    let (eof, close) = (our_eof, our_close);
    side.says(&[eof(), eof(), eof(), close(), close(), close()]);
}

#[test]
fn the_peers_close_is_answered_and_nothing_else_is_sent() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.finish_sending(id);
    side.data(id, 30_000).unwrap();
    side.channels.delivered(id, 30_000, side.now);
    assert_eq!(side.close(id), Ok(Event::Closed(id)));
    assert_eq!(side.channels.grant(id), None);
    side.says(&[our_close()]);
}

#[test]
fn a_slot_is_free_when_both_closes_have_passed_and_it_was_released() {
    // The six orders of: our CLOSE is sent, theirs comes, it is released.
    let mut side = Side::client();
    let id = side.opened();
    side.channels.close(id);
    side.says(&[our_close()]);
    assert_eq!(side.close(id), Ok(Event::Closed(id)));
    assert_eq!(side.channels.len(), 1);
    side.channels.release(id);
    assert!(side.channels.is_empty());

    let id = side.opened();
    side.channels.close(id);
    side.says(&[our_close()]);
    side.channels.release(id);
    assert_eq!(side.channels.len(), 1);
    assert_eq!(side.close(id), Ok(Event::Quiet));
    assert!(side.channels.is_empty());

    let id = side.opened();
    assert_eq!(side.close(id), Ok(Event::Closed(id)));
    side.says(&[our_close()]);
    assert_eq!(side.channels.len(), 1);
    side.channels.release(id);
    assert!(side.channels.is_empty());

    let id = side.opened();
    assert_eq!(side.close(id), Ok(Event::Closed(id)));
    side.channels.release(id);
    assert_eq!(side.channels.len(), 1);
    side.says(&[our_close()]);
    assert!(side.channels.is_empty());

    let id = side.opened();
    side.channels.release(id);
    side.says(&[our_close()]);
    assert_eq!(side.close(id), Ok(Event::Quiet));
    assert!(side.channels.is_empty());

    let id = side.opened();
    side.channels.release(id);
    assert_eq!(side.close(id), Ok(Event::Quiet));
    side.says(&[our_close()]);
    assert!(side.channels.is_empty());
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
}

#[test]
fn after_our_close_what_arrives_is_dropped_and_its_loan_repaid() {
    let mut side = Side::client();
    let id = side.opened();
    let first = side.channels.loan(id);
    side.data(id, 1000).unwrap();
    side.channels.close(id);
    assert_eq!(side.channels.loan(id), 1000, "what is held");
    assert_eq!(side.data(id, 2000), Ok(Event::Quiet));
    side.says(&[our_close()]);
    assert_eq!(side.data(id, 3000), Ok(Event::Quiet));
    assert_eq!(side.channels.loan(id), 1000);
    side.channels.delivered(id, 400, side.now);
    assert_eq!(side.channels.loan(id), 600);
    side.channels.release(id);
    assert_eq!(side.channels.loan(id), 0);
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
    side.channels.delivered(id, 600, side.now);
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
    // The window that was granted is still the limit for what comes.
    let left = first - 6000;
    for _ in 0..left / 1000 {
        assert_eq!(side.data(id, 1000), Ok(Event::Quiet));
    }
    assert_eq!(side.data(id, left as usize % 1000), Ok(Event::Quiet));
    let exceeded = misbehaved(PeerMisbehaved::WindowExceeded);
    assert_eq!(side.data(id, 1), exceeded);
}

#[test]
fn after_our_close_the_rest_of_the_handshake_is_quiet_until_the_peers_close() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.close(id);
    side.says(&[our_close()]);
    assert_eq!(side.adjust(id, 1), Ok(Event::Quiet));
    assert_eq!(side.eof(id), Ok(Event::Quiet));
    assert_eq!(side.adjust(id, 1), Ok(Event::Quiet));
    side.says(&[]);
    assert_eq!(side.close(id), Ok(Event::Closed(id)));
    assert_eq!(side.adjust(id, 1), Ok(Event::Quiet));
}

#[test]
fn data_after_eof_ends_the_session() {
    let mut side = Side::client();
    let id = side.opened();
    side.eof(id).unwrap();
    assert_eq!(side.data(id, 1), misbehaved(PeerMisbehaved::DataAfterEof));
    let mut side = Side::client();
    let id = side.opened();
    side.eof(id).unwrap();
    assert_eq!(side.data(id, 0), misbehaved(PeerMisbehaved::DataAfterEof));
}

#[test]
fn eof_twice_ends_the_session() {
    let mut side = Side::client();
    let id = side.opened();
    side.eof(id).unwrap();
    assert_eq!(side.eof(id), misbehaved(PeerMisbehaved::EofTwice));
}

#[test]
fn anything_but_an_adjust_after_close_ends_the_session() {
    let closed = misbehaved(PeerMisbehaved::ChannelClosed);
    let close = |side: &mut Side| {
        let id = side.opened();
        side.close(id).unwrap();
        id
    };
    let mut side = Side::client();
    let id = close(&mut side);
    assert_eq!(side.data(id, 1), closed);
    let mut side = Side::client();
    let id = close(&mut side);
    assert_eq!(side.eof(id), closed);
    let mut side = Side::client();
    let id = close(&mut side);
    assert_eq!(side.close(id), closed);
    let mut side = Side::client();
    let id = close(&mut side);
    assert_eq!(side.adjust(id, u32::MAX), Ok(Event::Quiet));
}

#[test]
fn the_peers_eof_repays_all_but_what_is_held() {
    let mut side = Side::client();
    let id = side.opened();
    side.data(id, 30_000).unwrap();
    side.channels.delivered(id, 20_000, side.now);
    side.eof(id).unwrap();
    assert_eq!(side.channels.loan(id), 10_000);
    side.says(&[]); // No WINDOW_ADJUST, though one was due.
    side.channels.delivered(id, 10_000, side.now);
    assert_eq!(side.channels.loan(id), 0);
    assert_eq!(side.channels.left(), Limits::CLIENT.window_budget);
    side.says(&[]);
}

#[test]
fn a_released_channel_has_no_more_events() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.sent(id, PEER_WINDOW as usize);
    side.channels.release(id);
    assert_eq!(side.data(id, 10), Ok(Event::Quiet));
    assert_eq!(side.adjust(id, 10), Ok(Event::Quiet));
    assert_eq!(side.eof(id), Ok(Event::Quiet));
    assert_eq!(side.close(id), Ok(Event::Quiet));
}

#[test]
fn calls_for_a_channel_that_is_gone_do_nothing() {
    let mut side = Side::client();
    let gone = side.opened();
    side.channels.release(gone);
    side.say();
    side.close(gone).unwrap();
    let id = side.opened();
    assert_eq!(id.index(), gone.index());
    side.data(id, 100).unwrap();
    let loan = side.channels.loan(id);
    side.channels.accept(gone);
    side.channels.sent(gone, 10);
    side.channels.delivered(gone, 100, side.now);
    side.channels.finish_sending(gone);
    side.channels.close(gone);
    side.channels.release(gone);
    let reason = adit_proto::reason::OpenFailure::ConnectFailed;
    side.channels.refuse(gone, reason, "");
    assert_eq!(side.channels.grant(gone), None);
    assert_eq!(side.channels.loan(gone), 0);
    side.says(&[]);
    assert_eq!(side.channels.loan(id), loan);
    assert!(side.channels.grant(id).is_some());
}
