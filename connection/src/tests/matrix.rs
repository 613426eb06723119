//! Every state of a channel and every message that names one, in both roles: what is allowed is
//! listed here, all else ends the session.

use std::vec::Vec;

use adit_proto::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelRequest,
    ChannelSuccess, ChannelWindowAdjust,
};
use adit_proto::{Rest, number};

use super::support::*;
use crate::PeerMisbehaved::*;
use crate::table::SLOTS_MAX;
use crate::*;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Never,
    OpenDue,
    AwaitReply,
    AwaitReplyReleased,
    RefusedByPeer,
    AwaitDecision,
    ConfirmationDue,
    RefusedByUs,
    Open,
    EofDue,
    EofSent,
    EofReceived,
    CloseDue,
    CloseSent,
    CloseSentReleased,
    CloseSentEofReceived,
    CloseReceived,
    BothClosed,
    Gone,
    Recycled,
}

const STATES: [State; 20] = [
    State::Never,
    State::OpenDue,
    State::AwaitReply,
    State::AwaitReplyReleased,
    State::RefusedByPeer,
    State::AwaitDecision,
    State::ConfirmationDue,
    State::RefusedByUs,
    State::Open,
    State::EofDue,
    State::EofSent,
    State::EofReceived,
    State::CloseDue,
    State::CloseSent,
    State::CloseSentReleased,
    State::CloseSentEofReceived,
    State::CloseReceived,
    State::BothClosed,
    State::Gone,
    State::Recycled,
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    Client,
    Server,
}

/// A table in that state, and the number for the message; `None` where the role cannot be in it.
fn make(role: Role, state: State) -> Option<(Side, ChannelId)> {
    let mut side = match role {
        Role::Client => Side::client(),
        Role::Server => Side::server(),
    };
    let open = |side: &mut Side| match role {
        Role::Client => side.opened(),
        Role::Server => side.accepted(),
    };
    let is_ours = role == Role::Client;
    let id = match state {
        State::Never => ChannelId::from_wire(5),
        State::OpenDue if is_ours => side.channels.open(WEB).unwrap(),
        State::AwaitReply if is_ours => side.opening(),
        State::AwaitReplyReleased if is_ours => {
            let id = side.opening();
            side.channels.release(id);
            id
        }
        State::RefusedByPeer if is_ours => {
            let id = side.opening();
            side.hear(&failure(id)).unwrap();
            id
        }
        State::AwaitDecision if !is_ours => side.asked(),
        State::ConfirmationDue if !is_ours => {
            let id = side.asked();
            side.channels.accept(id);
            id
        }
        State::RefusedByUs if !is_ours => {
            let id = side.asked();
            side.channels.close(id);
            side.say();
            id
        }
        State::OpenDue
        | State::AwaitReply
        | State::AwaitReplyReleased
        | State::RefusedByPeer
        | State::AwaitDecision
        | State::ConfirmationDue
        | State::RefusedByUs => return None,
        _ => {
            let id = open(&mut side);
            match state {
                State::EofDue | State::EofSent => side.channels.finish_sending(id),
                State::EofReceived => drop(side.eof(id).unwrap()),
                State::CloseDue | State::CloseSent => side.channels.close(id),
                State::CloseSentReleased => side.channels.release(id),
                State::CloseSentEofReceived => {
                    side.channels.close(id);
                    side.eof(id).unwrap();
                }
                State::CloseReceived => drop(side.close(id).unwrap()),
                State::BothClosed | State::Gone | State::Recycled => {
                    side.close(id).unwrap();
                    side.say();
                }
                _ => {}
            }
            if matches!(state, State::Gone | State::Recycled) {
                side.channels.release(id);
            }
            if state == State::Recycled {
                assert_eq!(open(&mut side).index(), id.index());
            }
            if !matches!(
                state,
                State::EofDue | State::CloseDue | State::CloseReceived
            ) {
                side.say();
            }
            id
        }
    };
    Some((side, id))
}

fn messages(id: ChannelId) -> Vec<Vec<u8>> {
    let recipient_channel = id.number();
    Vec::from([
        bytes(&confirmation(id)),
        bytes(&failure(id)),
        bytes(&ChannelWindowAdjust {
            recipient_channel,
            bytes_to_add: 1,
        }),
        bytes(&ChannelData {
            recipient_channel,
            data: b"data",
        }),
        bytes(&ChannelExtendedData {
            recipient_channel,
            data_type_code: 1,
            data: b"data",
        }),
        bytes(&ChannelEof { recipient_channel }),
        bytes(&ChannelClose { recipient_channel }),
        bytes(&ChannelRequest {
            recipient_channel,
            request_type: b"shell",
            want_reply: true,
            data: Rest(b""),
        }),
        bytes(&ChannelSuccess { recipient_channel }),
        bytes(&ChannelFailure { recipient_channel }),
    ])
}

fn expected(state: State, id: ChannelId, message: u8) -> Result<Event, PeerMisbehaved> {
    use State as S;
    let quiet = Ok(Event::Quiet);
    match message {
        number::CHANNEL_OPEN_CONFIRMATION => match state {
            S::AwaitReply => Ok(Event::OpenConfirmed(id)),
            S::AwaitReplyReleased => quiet,
            _ => Err(NotOpening),
        },
        number::CHANNEL_OPEN_FAILURE => match state {
            S::AwaitReply => Ok(Event::OpenRefused {
                id,
                reason_code: 2,
                description: 13..31,
            }),
            S::AwaitReplyReleased => quiet,
            _ => Err(NotOpening),
        },
        number::CHANNEL_SUCCESS | number::CHANNEL_FAILURE => Err(UnaskedReply),
        number::CHANNEL_EXTENDED_DATA => Err(ExtendedData),
        number::CHANNEL_WINDOW_ADJUST => match state {
            S::OpenDue
            | S::AwaitReply
            | S::AwaitReplyReleased
            | S::RefusedByPeer
            | S::AwaitDecision
            | S::ConfirmationDue
            | S::RefusedByUs => Err(UnknownChannel),
            _ => quiet,
        },
        _ => match (state, message) {
            (S::Open | S::EofDue | S::EofSent, number::CHANNEL_DATA) => {
                Ok(Event::Data { id, range: 9..13 })
            }
            (S::Open | S::EofDue | S::EofSent, number::CHANNEL_EOF) => Ok(Event::Eof(id)),
            (S::EofReceived | S::CloseSentEofReceived, number::CHANNEL_DATA) => Err(DataAfterEof),
            (S::EofReceived | S::CloseSentEofReceived, number::CHANNEL_EOF) => Err(EofTwice),
            (
                S::CloseDue | S::CloseSent | S::CloseSentReleased,
                number::CHANNEL_DATA | number::CHANNEL_EOF,
            )
            | (S::CloseSentReleased, number::CHANNEL_CLOSE) => quiet,
            (
                S::Open
                | S::EofDue
                | S::EofSent
                | S::EofReceived
                | S::CloseDue
                | S::CloseSent
                | S::CloseSentEofReceived,
                number::CHANNEL_CLOSE,
            ) => Ok(Event::Closed(id)),
            (
                S::Open
                | S::EofDue
                | S::EofSent
                | S::EofReceived
                | S::CloseDue
                | S::CloseSent
                | S::CloseSentReleased
                | S::CloseSentEofReceived,
                number::CHANNEL_REQUEST,
            ) => quiet,
            (S::CloseReceived | S::BothClosed, _) => Err(ChannelClosed),
            _ => Err(UnknownChannel),
        },
    }
}

#[test]
fn each_state_takes_only_its_messages() {
    let mut cases = 0;
    for role in [Role::Client, Role::Server] {
        for state in STATES {
            let Some((_, id)) = make(role, state) else {
                continue;
            };
            for message in messages(id) {
                let (mut side, id) = make(role, state).unwrap();
                let result = side.channels.handle(&message, side.now);
                let expected = expected(state, id, message[0]).map_err(Error::from);
                assert_eq!(result, expected, "{role:?} {state:?} {}", message[0]);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 10 * (20 - 3 + 20 - 4));
}

#[test]
fn a_late_message_does_not_reach_the_next_channel_in_its_slot() {
    for role in [Role::Client, Role::Server] {
        let (mut side, late) = make(role, State::Recycled).unwrap();
        let new = ChannelId::from_wire(late.number() + SLOTS_MAX);
        let grant = side.channels.grant(new).unwrap();
        let loan = side.channels.loan(new);
        for message in messages(late) {
            let _ = side.channels.handle(&message, side.now);
            assert_eq!(side.channels.grant(new), Some(grant));
            assert_eq!(side.channels.loan(new), loan);
        }
        side.says(&[]);
    }
}
