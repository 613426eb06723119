//! Every state of a channel and every message that names one (RFC 4254 §5), in both roles, with
//! channels beside it that the message is not for: the last one in the same slot, with the next id.

mod states;

use adit_crypto::Provider;
use adit_testkit::scripted::channels::{Channel, Sizes, adjust, confirmation, data, extended_data};
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step, minimal, string};
use adit_testkit::{on_every_provider, toy};

use State::{
    AwaitDecision, AwaitReply, AwaitReplyReleased, CloseDue, CloseSent, CloseSentEofReceived,
    CloseSentReleased, ConfirmationDue, EofDue, EofReceived, EofSent, EofThenCloseDue, Open,
    OpenDue,
};
use states::{Left, Point, State};

/// All messages about one channel that somebody might send.
fn messages(channel: u32) -> Vec<Vec<u8>> {
    let extended = [0, 1, 7, u32::MAX]
        .into_iter()
        .flat_map(|code| [&b""[..], b"error"].map(|text| extended_data(channel, code, text)));
    let mut requests = [
        b"exit-status".as_slice(),
        b"shell",
        b"keepalive@openssh.com",
    ]
    .map(|name| [&[98][..], &channel.to_be_bytes(), &string(name)].concat())
    .into_iter()
    .flat_map(|head| [[&head[..], &[0]].concat(), [&head[..], &[1]].concat()])
    .collect::<Vec<_>>();
    let mut all = vec![
        confirmation(channel, 9, Sizes::USUAL),
        minimal(92, channel),
        adjust(channel, 0),
        adjust(channel, 1),
        data(channel, b""),
        data(channel, b"data"),
        minimal(96, channel),
        minimal(97, channel),
        minimal(99, channel),
        minimal(100, channel),
    ];
    all.append(&mut requests);
    all.extend(extended);
    all
}

type Row = (&'static [u8], &'static [State], &'static [u8]);

const OPENING: &[State] = &[
    OpenDue,
    AwaitReply,
    AwaitReplyReleased,
    AwaitDecision,
    ConfirmationDue,
];

/// Which messages are taken in which states, and what is said to that. Any other ends the session.
const TAKEN: &[Row] = &[
    // Only what was asked for can be confirmed or refused (RFC 4254 §5.1). Who asked and has gone
    // since closes what was opened for them.
    (&[91, 92], &[AwaitReply], &[]),
    (&[91], &[AwaitReplyReleased], &[97]),
    (&[92], &[AwaitReplyReleased], &[]),
    (
        &[94],
        &[
            Open,
            EofDue,
            EofSent,
            CloseDue,
            EofThenCloseDue,
            CloseSent,
            CloseSentReleased,
        ],
        &[],
    ),
    // RFC 4254 §5.3: when both have said EOF, both can close.
    (&[96], &[EofSent], &[97]),
    (
        &[96],
        &[
            Open,
            EofDue,
            CloseDue,
            EofThenCloseDue,
            CloseSent,
            CloseSentReleased,
        ],
        &[],
    ),
    // §5.3: "a party MUST send SSH_MSG_CHANNEL_CLOSE unless it has already sent this message".
    (&[97], &[Open, EofSent, EofReceived], &[97]),
    (
        &[97, 98],
        &[
            EofDue,
            CloseDue,
            EofThenCloseDue,
            CloseSent,
            CloseSentReleased,
            CloseSentEofReceived,
        ],
        &[],
    ),
    // §5.4: with want_reply, "the recipient responds".
    (&[98], &[Open, EofSent, EofReceived], &[100]),
];

/// What must come of it: `None` ends the session, else it is what is said.
fn must(state: State, message: &[u8]) -> Option<&'static [u8]> {
    match message[0] {
        // Nobody knows the number yet. A late one gives nothing to anybody; OpenSSH ignores it, too.
        93 => (!OPENING.contains(&state)).then_some(&[]),
        number => {
            let mut rows = TAKEN.iter();
            let row = rows
                .find(|(numbers, states, _)| numbers.contains(&number) && states.contains(&state));
            let asks = number != 98 || message.last() == Some(&1);
            row.map(|(.., said)| if asks { *said } else { &[] })
        }
    }
}

/// What is said behind that message once keys have changed.
fn due(state: State, message: &[u8]) -> Vec<u8> {
    let asks = message[0] == 98 && message.last() == Some(&1);
    let due: &[u8] = match (state, message[0]) {
        (OpenDue, _) => &[90],
        (ConfirmationDue, _) => &[91],
        (EofDue | EofThenCloseDue, 97) => &[97],
        (EofDue, 96) | (EofThenCloseDue, _) => &[96, 97],
        (EofDue, _) => &[96],
        _ => &[97],
    };
    let answer = [100].into_iter().filter(|_| asks);
    answer.chain(due.iter().copied()).collect()
}

/// What the peer has still to say behind that message.
fn left(state: State, message: u8) -> Left {
    let is_asked = [OpenDue, AwaitReply, AwaitReplyReleased].contains(&state);
    let is_open = [
        ConfirmationDue,
        Open,
        EofDue,
        EofSent,
        EofReceived,
        CloseDue,
        EofThenCloseDue,
        CloseSent,
        CloseSentReleased,
        CloseSentEofReceived,
    ]
    .contains(&state);
    match message {
        91 if is_asked => Left::Close,
        92 if is_asked => Left::Nothing,
        _ if is_asked => Left::Refuse,
        97 => Left::Nothing,
        _ if is_open => Left::Close,
        _ => Left::Nothing,
    }
}

/// Bytes pass in both directions, all of them and no others.
fn still_works(peer: &mut Scripted, channel: Channel, what: &str) {
    peer.forget();
    let local = peer.local(channel);
    assert!(local.socket.written.is_empty(), "{what}");
    local.socket.to_read.extend(b"from here");
    peer.run();
    peer.send(&data(channel.number(), b"from there"));
    assert_eq!(peer.data_heard(channel).concat(), b"from here", "{what}");
    assert_eq!(peer.local(channel).socket.written, b"from there", "{what}");
}

fn each_state_of_a_channel_takes_only_its_messages(provider: &'static Provider) {
    for role in Role::BOTH {
        for state in State::of(role) {
            let count = messages(0).len();
            for at in 0..count {
                let point = state.reach(role, provider);
                let message = messages(point.number).swap_remove(at);
                try_one(role, state, point, &message);
            }
        }
    }
}

fn try_one(role: Role, state: State, point: Point, message: &[u8]) {
    let Point {
        mut peer,
        number,
        others,
    } = point;
    let what = format!("{role:?} {state:?} {message:?}");
    let loans: Vec<_> = others.iter().map(|(o, _)| loan(&peer, *o)).collect();
    let seen = peer.answer_to(message);
    let must = must(state, message);
    let expected = match must {
        None => Outcome::Refused(2),
        Some(said) => Outcome::Said(said.to_vec()),
    };
    assert_eq!(seen, expected, "{what}");
    if must.is_none() {
        return;
    }
    for ((other, _), before) in others.iter().zip(loans) {
        assert_eq!(loan(&peer, *other), before, "{what}");
    }
    if state.is_held() {
        peer.forget();
        peer.rekey();
        let said = peer.heard.iter().map(|m| m[0]).filter(|n| *n >= 90);
        assert_eq!(said.collect::<Vec<_>>(), due(state, message), "{what}");
    }
    for (other, _) in others.iter().filter(|(_, left)| *left == Left::Close) {
        still_works(&mut peer, *other, &what);
    }
    let others = others.iter().map(|(other, left)| (other.number(), *left));
    let all = others.chain([(number, left(state, message[0]))]);
    all_go(&mut peer, all, &what);
}

fn loan(peer: &Scripted, channel: Channel) -> u32 {
    peer.victim.session.channels().loan(channel.id)
}

/// Everybody goes away, and nothing is left of any channel.
fn all_go(peer: &mut Scripted, all: impl Iterator<Item = (u32, Left)>, what: &str) {
    let ids: Vec<_> = peer.victim.locals.keys().copied().collect();
    let undecided = std::mem::take(&mut peer.victim.asked);
    for id in ids.into_iter().chain(undecided) {
        peer.victim.release(id);
    }
    peer.run();
    for (number, left) in all {
        match left {
            Left::Nothing => {}
            Left::Close => peer.send(&minimal(97, number)),
            Left::Refuse => peer.send(&minimal(92, number)),
        }
    }
    assert!(peer.victim.is_alive(), "{what} {:?}", peer.victim.log);
    let channels = peer.victim.session.channels();
    assert!(channels.is_empty(), "{what}");
    let limits = Script::new(Role::Client, &toy::PROVIDER).setup.limits;
    assert_eq!(channels.left(), limits.window_budget, "{what}");
}

/// Every message cut off, and with a byte behind it.
fn a_message_about_a_channel_is_whole_or_ends_the_session(provider: &'static Provider) {
    for role in Role::BOTH {
        let states = [Open, AwaitReply, AwaitReplyReleased, CloseSent].into_iter();
        for state in states.filter(|state| State::of(role).any(|of| of == *state)) {
            for (at, whole) in messages(0).into_iter().enumerate() {
                // On real ones, where a session costs more: the ends.
                let end = whole.len();
                let lens: Vec<_> = if provider.name == toy::PROVIDER.name {
                    (1..end).chain([end + 1]).collect()
                } else {
                    vec![1, end - 1, end + 1]
                };
                for len in lens {
                    // Data of CHANNEL_REQUEST goes on to the end of the message.
                    if whole[0] == 98 && len > end {
                        continue;
                    }
                    let mut point = state.reach(role, provider);
                    let mut message = messages(point.number).swap_remove(at);
                    message.resize(len, 0);
                    let seen = point.peer.answer_to(&message);
                    assert_eq!(seen, Outcome::Refused(2), "{role:?} {state:?} {message:?}");
                }
            }
        }
    }
}

/// Two channels that are one to the peer, or two of the peer's that it mixes up: each message is for
/// the channel whose number it has.
fn the_peers_own_numbers_mean_nothing_here(provider: &'static Provider) {
    for role in Role::BOTH {
        let mut peer = Scripted::at(&Script::new(role, provider), Step::Login);
        let [one, other] = [0, 1].map(|_| peer.open_channel(u32::MAX, Sizes::USUAL));
        assert_ne!(one.number(), other.number());
        peer.send(&data(one.number(), b"one"));
        peer.send(&data(other.number(), b"other"));
        peer.send(&minimal(97, one.number()));
        peer.send(&data(other.number(), b" more"));
        assert_eq!(peer.local(one).socket.written, b"one");
        assert_eq!(peer.local(other).socket.written, b"other more");
    }
}

/// A client's two channels, and an answer for one of them that names the other, or comes twice.
fn an_answer_is_for_the_channel_that_it_names(provider: &'static Provider) {
    for twice in [91, 92] {
        let script = Script::new(Role::Client, provider);
        let mut peer = Scripted::at(&script, Step::Login);
        let [one, other] = [7, 8].map(|own| peer.ask(own));
        // The numbers of both ends are exchanged.
        let seen = peer.answer_to(&confirmation(other.number(), one.number(), Sizes::USUAL));
        assert_eq!(seen, Outcome::Said(vec![]));
        let is_open = |peer: &mut Scripted, channel| peer.local(channel).is_open();
        assert!(is_open(&mut peer, other) && !is_open(&mut peer, one));
        let again = match twice {
            91 => confirmation(other.number(), 8, Sizes::USUAL),
            _ => minimal(92, other.number()),
        };
        assert_eq!(peer.answer_to(&again), Outcome::Refused(2));
    }
}

on_every_provider! {
    each_state_of_a_channel_takes_only_its_messages
    a_message_about_a_channel_is_whole_or_ends_the_session
    the_peers_own_numbers_mean_nothing_here
    an_answer_is_for_the_channel_that_it_names
}
