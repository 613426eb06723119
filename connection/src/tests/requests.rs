//! Requests, replies, and what is owed.

use std::vec::Vec;

use adit_proto::msg::{
    ChannelExtendedData, ChannelFailure, ChannelOpen, ChannelRequest, ChannelSuccess,
    GlobalRequest, RequestFailure, RequestSuccess,
};
use adit_proto::reason::OpenFailure;
use adit_proto::{Malformed, Rest};

use super::support::*;
use crate::*;

fn global(request_name: &[u8], want_reply: bool) -> GlobalRequest<'_> {
    GlobalRequest {
        request_name,
        want_reply,
        data: Rest(b"of any kind"),
    }
}

fn request(id: ChannelId, want_reply: bool) -> ChannelRequest<'static> {
    ChannelRequest {
        recipient_channel: id.number(),
        request_type: b"keepalive@openssh.com",
        want_reply,
        data: Rest(b""),
    }
}

fn our_failure() -> Vec<u8> {
    bytes(&ChannelFailure {
        recipient_channel: PEER_CHANNEL,
    })
}

fn session() -> ChannelOpen<'static> {
    ChannelOpen {
        channel_type: b"session",
        ..asks(b"", PEER_PACKET)
    }
}

#[test]
fn global_requests_are_answered_when_they_want_it() {
    let failure = bytes(&RequestFailure {});
    let success = bytes(&RequestSuccess { data: Rest(b"") });
    for (name, reply) in [
        (&b"keepalive@openssh.com"[..], &failure),
        (b"no-more-sessions@openssh.com", &success),
        (b"hostkeys-00@openssh.com", &failure),
        (b"", &failure),
        (b"\0\xff", &failure),
    ] {
        for mut side in [Side::client(), Side::server()] {
            assert_eq!(side.hear(&global(name, false)), Ok(Event::Quiet));
            side.says(&[]);
            assert_eq!(side.hear(&global(name, true)), Ok(Event::Quiet));
            side.says(core::slice::from_ref(reply));
        }
    }
}

#[test]
fn replies_go_out_in_the_order_of_the_requests() {
    let mut side = Side::server();
    let id = side.accepted();
    side.hear(&global(b"keepalive@openssh.com", true)).unwrap();
    side.hear(&request(id, true)).unwrap();
    side.hear(&global(b"no-more-sessions@openssh.com", true))
        .unwrap();
    side.hear(&session()).unwrap();
    side.says(&[
        bytes(&RequestFailure {}),
        our_failure(),
        bytes(&RequestSuccess { data: Rest(b"") }),
        our_refusal(1, "this server only forwards ports; use ssh -N"),
    ]);
}

#[test]
fn replies_go_out_before_anything_else() {
    let mut side = Side::server();
    let id = side.accepted();
    side.channels.keepalive();
    side.channels.close(id);
    side.hear(&request(id, true)).unwrap();
    let keepalive = GlobalRequest {
        data: Rest(b""),
        ..global(b"keepalive@openssh.com", true)
    };
    side.says(&[our_failure(), our_close(), bytes(&keepalive)]);
}

#[test]
fn requests_on_channels_are_unknown_and_said_to_be_if_they_ask() {
    for side in [Side::client(), Side::server()].iter_mut() {
        let id = match side.channels.accepts {
            Accepts::Direct => side.accepted(),
            Accepts::Forwarded | Accepts::Nothing => side.opened(),
        };
        assert_eq!(side.hear(&request(id, false)), Ok(Event::Quiet));
        side.says(&[]);
        assert_eq!(side.hear(&request(id, true)), Ok(Event::Quiet));
        side.says(&[our_failure()]);
        side.eof(id).unwrap();
        assert_eq!(side.hear(&request(id, true)), Ok(Event::Quiet));
        side.says(&[our_failure()]);
    }
}

#[test]
fn nothing_is_sent_behind_our_close_not_even_a_reply() {
    let mut side = Side::client();
    let id = side.opened();
    side.channels.close(id);
    side.says(&[our_close()]);
    assert_eq!(side.hear(&request(id, true)), Ok(Event::Quiet));
    side.says(&[]);
}

#[test]
fn a_keepalive_is_sent_once_and_its_answer_is_a_sign_of_life() {
    let mut side = Side::client();
    let keepalive = bytes(&GlobalRequest {
        data: Rest(b""),
        ..global(b"keepalive@openssh.com", true)
    });
    for (i, answer) in [
        bytes(&RequestFailure {}),
        bytes(&RequestSuccess {
            data: Rest(b"anything"),
        }),
    ]
    .iter()
    .enumerate()
    {
        assert!(!side.channels.has_message(), "{i}");
        side.channels.keepalive();
        side.channels.keepalive();
        side.says(core::slice::from_ref(&keepalive));
        side.channels.keepalive();
        side.says(&[]);
        assert_eq!(side.channels.handle(answer, side.now), Ok(Event::Alive));
    }
}

#[test]
fn a_reply_to_nothing_ends_the_session() {
    let unasked = Err(Error::PeerMisbehaved(PeerMisbehaved::UnaskedReply));
    let sides = || {
        let mut answered = Side::client();
        answered.channels.keepalive();
        assert_eq!(answered.say().len(), 1);
        assert_eq!(answered.hear(&RequestFailure {}), Ok(Event::Alive));
        let mut due = Side::client();
        due.channels.keepalive(); // Not sent: a reply now is not to it.
        [Side::client(), Side::server(), answered, due]
    };
    for reply in [
        bytes(&RequestSuccess { data: Rest(b"") }),
        bytes(&RequestSuccess {
            data: Rest(&[0, 0, 0, 22]),
        }),
        bytes(&RequestFailure {}),
        bytes(&ChannelSuccess {
            recipient_channel: 0,
        }),
        bytes(&ChannelFailure {
            recipient_channel: u32::MAX,
        }),
    ] {
        for mut side in sides() {
            assert_eq!(side.channels.handle(&reply, side.now), unasked);
        }
    }
}

#[test]
fn when_as_much_is_owed_as_can_be_the_peer_is_not_read() {
    let limits = Limits {
        max_channels: 3,
        window_budget: 1 << 20,
    };
    let rows = 3 + 64;
    let full = Err(Error::PeerMisbehaved(PeerMisbehaved::TooManyRequests));
    let fill = || {
        let mut side = Side::new(limits, Accepts::Direct);
        let id = side.accepted();
        // Opens that wait for a decision have their rows.
        let asked = side.asked();
        for n in 1..rows {
            assert!(side.channels.can_take(), "{n}");
            match n % 3 {
                0 => side.hear(&request(id, true)),
                1 => side.hear(&global(b"r", true)),
                _ => side.hear(&session()),
            }
            .unwrap();
        }
        assert!(!side.channels.can_take());
        (side, id, asked)
    };
    let (mut side, id, asked) = fill();
    // What wants no reply is no harm.
    assert_eq!(side.hear(&global(b"r", false)), Ok(Event::Quiet));
    assert_eq!(side.hear(&request(id, false)), Ok(Event::Quiet));
    assert_eq!(side.data(id, 1), Ok(Event::Data { id, range: 9..10 }));
    // The decision itself has its row, and frees it only when that is sent.
    side.channels.refuse(asked, OpenFailure::ConnectFailed, "");
    assert!(!side.channels.can_take());
    let _ = side.channels.poll_message(side.now).unwrap();
    assert!(side.channels.can_take());
    side.hear(&global(b"r", true)).unwrap();
    assert!(!side.channels.can_take());
    assert_eq!(side.say().len(), rows);
    assert!(side.channels.can_take());

    // To accept frees the row at once: a confirmation is a flag of its channel.
    let (mut side, _, asked) = fill();
    side.channels.accept(asked);
    assert!(side.channels.can_take());

    // One more: the caller could not stop reading.
    let (mut side, ..) = fill();
    assert_eq!(side.hear(&global(b"r", true)), full);
    let (mut side, id, _) = fill();
    assert_eq!(side.hear(&request(id, true)), full);
    let (mut side, ..) = fill();
    assert_eq!(side.hear(&session()), full);
    let (mut side, ..) = fill();
    assert_eq!(side.hear(&asks(&direct(b"web", 80), PEER_PACKET)), full);
}

#[test]
fn extended_data_ends_the_session() {
    for data_type_code in [0, 1, 7, u32::MAX] {
        for side in [Side::client(), Side::server()].iter_mut() {
            let id = match side.channels.accepts {
                Accepts::Direct => side.accepted(),
                Accepts::Forwarded | Accepts::Nothing => side.opened(),
            };
            let message = ChannelExtendedData {
                recipient_channel: id.number(),
                data_type_code,
                data: b"to stderr",
            };
            let expected = Err(Error::PeerMisbehaved(PeerMisbehaved::ExtendedData));
            assert_eq!(side.hear(&message), expected);
        }
    }
}

#[test]
fn other_numbers_are_unknown_and_nothing_at_all_is_malformed() {
    let mut side = Side::server();
    let too_short = Err(Error::Malformed(Malformed::TooShort));
    assert_eq!(side.channels.handle(&[], side.now), too_short);
    for number in 0..=255_u8 {
        let event = side.channels.handle(&[number], side.now);
        if matches!(number, 80..=82 | 90..=100) {
            // REQUEST_SUCCESS and REQUEST_FAILURE are whole without more, and answer nothing.
            let is_whole = matches!(number, 81 | 82);
            let unasked = Err(Error::PeerMisbehaved(PeerMisbehaved::UnaskedReply));
            assert_eq!(event == unasked, is_whole, "{number}");
            assert_eq!(event == too_short, !is_whole, "{number}");
        } else {
            assert_eq!(event, Ok(Event::Unknown), "{number}");
        }
    }
    side.says(&[]);
}

#[test]
fn every_message_of_this_protocol_is_read_to_its_end() {
    let mut side = Side::client();
    let id = side.opened();
    let recipient_channel = id.number();
    for message in [
        bytes(&RequestFailure {}),
        bytes(&failure(id)),
        bytes(&ChannelSuccess { recipient_channel }),
        bytes(&ChannelFailure { recipient_channel }),
        bytes(&adit_proto::msg::ChannelWindowAdjust {
            recipient_channel,
            bytes_to_add: 1,
        }),
        bytes(&adit_proto::msg::ChannelData {
            recipient_channel,
            data: b"data",
        }),
        bytes(&adit_proto::msg::ChannelEof { recipient_channel }),
        bytes(&adit_proto::msg::ChannelClose { recipient_channel }),
    ] {
        for len in 1..message.len() {
            let result = side.channels.handle(&message[..len], side.now);
            assert_eq!(result, Err(Error::Malformed(Malformed::TooShort)));
        }
        let long = [&message[..], b"\0"].concat();
        let result = side.channels.handle(&long, side.now);
        assert_eq!(result, Err(Error::Malformed(Malformed::TrailingBytes)));
    }
}
