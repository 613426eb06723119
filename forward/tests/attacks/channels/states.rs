//! The states of a channel, and the way there in a whole session.

use adit_crypto::Provider;
use adit_proto::reason::OpenFailure;
use adit_testkit::pair::Willing;
use adit_testkit::scripted::channels::{Channel, Sizes, open};
use adit_testkit::scripted::{REKEY_TIME, Role, Script, Scripted, Step, minimal};

/// What has become of a channel when a message for it comes. What is due stays so for as long as
/// keys are changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// There never was one.
    Never,
    /// Client: CHANNEL_OPEN is due.
    OpenDue,
    /// Client: CHANNEL_OPEN was sent.
    AwaitReply,
    /// Client: … and its application has gone away.
    AwaitReplyReleased,
    /// Client: the peer has refused it.
    RefusedByPeer,
    /// Server: the peer has asked for it.
    AwaitDecision,
    /// Server: the confirmation is due.
    ConfirmationDue,
    /// Server: it was refused.
    RefusedByUs,
    Open,
    EofDue,
    EofSent,
    EofReceived,
    CloseDue,
    /// Ended and released: both are due.
    EofThenCloseDue,
    CloseSent,
    CloseSentReleased,
    CloseSentEofReceived,
    /// The peer has closed it, and our CLOSE is due.
    CloseReceived,
    /// The application has not gone yet.
    BothClosed,
    Gone,
    /// Gone, and its slot is that of an open channel.
    Recycled,
    /// Gone, and its slot is that of a channel that is not open yet.
    RecycledOpening,
}

use State::{
    AwaitDecision, AwaitReply, AwaitReplyReleased, BothClosed, CloseDue, CloseReceived, CloseSent,
    CloseSentEofReceived, CloseSentReleased, ConfirmationDue, EofDue, EofReceived, EofSent,
    EofThenCloseDue, Gone, Never, Open, OpenDue, Recycled, RecycledOpening, RefusedByPeer,
    RefusedByUs,
};

const ALL: [State; 22] = [
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
    EofThenCloseDue,
    CloseSent,
    CloseSentReleased,
    CloseSentEofReceived,
    CloseReceived,
    BothClosed,
    Gone,
    Recycled,
    RecycledOpening,
];

/// What the peer has still to say for a channel to be gone at both ends, once its application is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    Nothing,
    Close,
    Refuse,
}

/// A session with a channel in some state.
pub(super) struct Point {
    pub(super) peer: Scripted,
    /// The victim's number for it.
    pub(super) number: u32,
    /// Those that the message is not for: one beside it, and the next in its slot.
    pub(super) others: Vec<(Channel, Left)>,
}

impl State {
    pub(super) fn of(role: Role) -> impl Iterator<Item = Self> {
        let not_for = match role {
            Role::Client => [AwaitDecision, ConfirmationDue, RefusedByUs].as_slice(),
            Role::Server => &[OpenDue, AwaitReply, AwaitReplyReleased, RefusedByPeer],
        };
        ALL.into_iter().filter(|state| !not_for.contains(state))
    }

    /// Whether the victim has sent a KEXINIT, and so nothing else.
    pub(super) const fn is_held(self) -> bool {
        matches!(
            self,
            OpenDue | ConfirmationDue | EofDue | CloseDue | EofThenCloseDue | CloseReceived
        )
    }

    pub(super) fn reach(self, role: Role, provider: &'static Provider) -> Point {
        let mut peer = Scripted::at(&Script::new(role, provider), Step::Login);
        let beside = peer.open_channel(1, Sizes::USUAL);
        let mut others = vec![(beside, Left::Close)];
        let number = match self {
            Never => 5,
            OpenDue => {
                peer.wait(REKEY_TIME);
                peer.ask(7).number()
            }
            AwaitReply => peer.ask(7).number(),
            AwaitReplyReleased => {
                let channel = peer.ask(7);
                peer.victim.release(channel.id);
                channel.number()
            }
            RefusedByPeer => {
                let number = peer.ask(7).number();
                peer.send(&minimal(92, number));
                number
            }
            AwaitDecision => asked(&mut peer),
            ConfirmationDue => {
                let number = asked(&mut peer);
                peer.wait(REKEY_TIME);
                let id = peer.victim.asked[0];
                peer.victim.accept(id);
                number
            }
            RefusedByUs => {
                let number = asked(&mut peer);
                let id = peer.victim.asked[0];
                let reason = OpenFailure::ConnectFailed;
                peer.victim.session.refuse(id, reason, "no");
                number
            }
            Open | EofDue | EofSent | EofReceived | CloseDue | EofThenCloseDue | CloseSent
            | CloseSentReleased | CloseSentEofReceived | CloseReceived | BothClosed => {
                let channel = peer.open_channel(7, Sizes::USUAL);
                self.reach_open(&mut peer, channel);
                channel.number()
            }
            Gone | Recycled | RecycledOpening => {
                let gone = peer.open_channel(7, Sizes::USUAL);
                peer.send(&minimal(97, gone.number()));
                peer.victim.release(gone.id);
                others.extend(self.next(&mut peer, role));
                if let [_, (next, _)] = others[..] {
                    assert_eq!(next.id.index(), gone.id.index());
                }
                gone.number()
            }
        };
        peer.run();
        peer.forget();
        assert!(peer.victim.is_alive(), "{self:?} {:?}", peer.victim.log);
        Point {
            peer,
            number,
            others,
        }
    }

    fn reach_open(self, peer: &mut Scripted, channel: Channel) {
        let (id, number) = (channel.id, channel.number());
        if self.is_held() {
            peer.wait(REKEY_TIME);
        }
        if [EofReceived, CloseReceived, BothClosed].contains(&self) {
            let said = if self == EofReceived { 96 } else { 97 };
            peer.send(&minimal(said, number));
        }
        if [EofDue, EofThenCloseDue].contains(&self) {
            peer.victim.session.finish_sending(id);
        }
        if [CloseDue, EofThenCloseDue, CloseSentReleased].contains(&self) {
            peer.victim.release(id);
        }
        if [CloseSent, CloseSentEofReceived].contains(&self) {
            peer.victim.session.close(id);
            peer.run();
        }
        if self == CloseSentEofReceived {
            peer.send(&minimal(96, number));
        }
        if self == EofSent {
            peer.local(channel).socket.read_closed = true;
        }
    }

    /// The next channel in the slot of one that is gone.
    fn next(self, peer: &mut Scripted, role: Role) -> Option<(Channel, Left)> {
        match (self, role) {
            (Recycled, _) => Some((peer.open_channel(8, Sizes::USUAL), Left::Close)),
            (RecycledOpening, Role::Client) => Some((peer.ask(8), Left::Refuse)),
            (RecycledOpening, Role::Server) => {
                asked(peer);
                let undecided = Channel {
                    id: peer.victim.asked[0],
                    own: 7,
                    window: 0,
                    packet: 0,
                };
                Some((undecided, Left::Nothing))
            }
            _ => None,
        }
    }
}

/// The peer has asked for a channel, and waits.
fn asked(peer: &mut Scripted) -> u32 {
    peer.victim.willing = Willing::Undecided;
    peer.send(&open(7, Sizes::USUAL));
    peer.victim.asked[0].number()
}
