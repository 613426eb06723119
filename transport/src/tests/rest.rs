//! Buffers that are given back, and taken again.

use super::*;
use crate::rest::REST_AFTER;

const A_MOMENT: Duration = Duration::from_nanos(1);
/// The first of 38 numbers of messages that a transport hands on (RFC 4250 §4.1.1).
const CHANNEL_OPEN: usize = 90;

impl End {
    /// Which buffers are there: to receive, to send.
    fn has(&self) -> [bool; 2] {
        [self.t.rx.can_rest(), self.t.tx.can_rest()]
    }

    /// Until it has nothing more to do by the clock.
    fn rests(&mut self, now: &mut Duration) {
        for looks in 0.. {
            let Some(at) = self.t.rest_deadline() else {
                return;
            };
            assert!(
                looks < 2,
                "one look says that something moved, one that nothing did"
            );
            *now = (*now).max(at);
            self.t.handle_timeout(*now).unwrap();
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.t.tx().send(&Bytes(payload)).unwrap();
    }
}

fn a_session_that_rests_has_no_buffers_and_works(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    for round in 0..5 {
        for end in [&mut pair.client, &mut pair.server] {
            let mut now = pair.now;
            end.rests(&mut now);
            assert_eq!(end.has(), [false, false]);
            pair.now = now;
        }
        let message = [100 + round; 3000];
        pair.client.send(&message);
        assert!(!pair.client.has()[0], "it only sends");
        pair.run();
        assert_eq!(
            pair.server.seen.last(),
            Some(&Seen::Packet(message.to_vec()))
        );
        pair.server.t.start_rekey(pair.now).unwrap();
        pair.run();
        for end in [&pair.client, &pair.server] {
            assert_eq!(end.error, None);
            assert_eq!(end.count(&Seen::Rekeyed), usize::from(round) + 1);
            assert_eq!(end.has(), [true, true]);
        }
    }
}

fn it_rests_after_a_second_in_which_nothing_moved(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    pair.client.send(&[100]);
    let due = NOW + REST_AFTER;
    pair.client.t.handle_timeout(due - A_MOMENT).unwrap();
    assert_eq!(pair.client.t.deadline(), Some(due), "too early");
    pair.run();
    // It has moved since it looked last, and nothing has from then on.
    for (looks, has) in [(1, [true, true]), (2, [false, false])] {
        let due = NOW + REST_AFTER * looks;
        assert_eq!(pair.client.t.deadline(), Some(due));
        pair.client.t.handle_timeout(due - A_MOMENT).unwrap();
        assert_eq!(pair.client.has(), [true, true]);
        pair.client.t.handle_timeout(due).unwrap();
        assert_eq!(pair.client.has(), has);
    }
    let client = &mut pair.client.t;
    assert_eq!(client.deadline(), client.exchange_deadline());
}

fn a_byte_a_second_keeps_the_buffers(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    for _ in 0..20 {
        pair.now += REST_AFTER;
        for end in [&mut pair.client, &mut pair.server] {
            end.send(&[100]);
        }
        pair.run();
        for end in [&mut pair.client, &mut pair.server] {
            end.t.handle_timeout(pair.now).unwrap();
            assert_eq!(end.has(), [true, true]);
        }
    }
}

fn what_is_not_whole_or_not_sent_stays(provider: &'static Provider) {
    let mut pair = Pair::on(provider).authenticated();
    for end in [&mut pair.client, &mut pair.server] {
        end.rests(&mut pair.now);
    }
    pair.client.send(&[100; 3000]);
    let mut now = pair.now;
    pair.client.rests(&mut now);
    let bytes = pair.client.t.send_pending().concat();
    assert!(bytes.len() > 3000, "it waits");
    pair.client.take();
    for (number, byte) in bytes.iter().enumerate() {
        pair.server.give(&[*byte]);
        if number.is_multiple_of(100) {
            pair.server.rests(&mut now);
        }
    }
    assert_eq!(
        pair.server.seen.last(),
        Some(&Seen::Packet([100; 3000].to_vec()))
    );
    // The one that was opened last is not in the way.
    pair.server.rests(&mut now);
    assert_eq!(pair.server.has(), [false, false]);
}

fn it_may_rest_at_any_moment(provider: &'static Provider) {
    let mut next = numbers(7);
    for round in 0..20 {
        let mut pair = Pair::on(provider).authenticated();
        (pair.pipe, pair.chunk) = (next() % 4000 + 1500, next() % 4000 + 1500);
        let mut sent = [0, 0];
        while sent.iter().sum::<usize>() < 36 {
            pair.now += REST_AFTER / 2 * u32::try_from(next() % 3).unwrap();
            for (end, sent) in [&mut pair.client, &mut pair.server]
                .into_iter()
                .zip(&mut sent)
            {
                if next().is_multiple_of(8) {
                    end.t.start_rekey(pair.now).unwrap();
                }
                if end.t.tx().control_room() > 2000 && next().is_multiple_of(2) {
                    end.send(
                        &[u8::try_from(CHANNEL_OPEN + *sent).unwrap(); 2000][..next() % 2000 + 1],
                    );
                    *sent += 1;
                }
                end.t.handle_timeout(pair.now).unwrap();
            }
            pair.step();
        }
        pair.run();
        for (end, sent) in [(&pair.server, sent[0]), (&pair.client, sent[1])] {
            assert_eq!(end.error, None, "round {round}");
            let came = end.seen.iter().filter_map(|seen| {
                let Seen::Packet(payload) = seen else {
                    return None;
                };
                payload.first().map(|byte| usize::from(*byte))
            });
            assert!(came.eq(CHANNEL_OPEN..CHANNEL_OPEN + sent), "round {round}");
        }
    }
}

fn nothing_rests_before_authentication(provider: &'static Provider) {
    let mut pair = Pair::on(provider).established();
    assert_eq!(pair.client.t.deadline(), None);
    pair.client.t.handle_timeout(NOW + REST_AFTER * 9).unwrap();
    assert_eq!(pair.client.has(), [true, true]);
}

on_every_provider! {
    a_session_that_rests_has_no_buffers_and_works
    it_rests_after_a_second_in_which_nothing_moved
    a_byte_a_second_keeps_the_buffers
    what_is_not_whole_or_not_sent_stays
    it_may_rest_at_any_moment
    nothing_rests_before_authentication
}
