//! The messages that can be sent without end, and what may come of each.

use adit_testkit::kinds::{CHANNELS, open, streamlocal_forward, tcpip_forward};
use adit_testkit::scripted::channels::Sizes;
use adit_testkit::scripted::{Role, minimal, string};

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// PING with so many bytes of data.
    Ping(usize),
    Ignore(usize),
    Debug(usize),
    Unimplemented,
    /// A number that nobody knows.
    Unknown,
    /// USERAUTH_REQUEST behind the login.
    LoginAgain,
    GlobalRequest,
    GlobalRequestWithReply,
    ChannelRequest,
    ChannelRequestWithReply,
    /// A channel of a type that there is not.
    OpenOther,
    /// A channel to somewhere, which a server is asked about.
    Open,
    /// The same, to a path.
    OpenPath,
    /// A channel that only servers open.
    OpenForwarded,
    /// To listen on a port, which a server is asked about.
    Listen,
    /// The same, on a path.
    ListenPath,
    Pong,
    /// WINDOW_ADJUST by so many bytes.
    Adjust(u32),
    /// WINDOW_ADJUST of a channel that is not there.
    AdjustNobody,
    /// So many bytes of data.
    Data(usize),
    Close,
}

impl Kind {
    /// All that one may send, with sizes that cost little.
    pub(crate) const ALL: [Self; 21] = [
        Self::Ping(0),
        Self::Ping(100),
        Self::Ignore(0),
        Self::Debug(10),
        Self::Unimplemented,
        Self::Unknown,
        Self::LoginAgain,
        Self::GlobalRequest,
        Self::GlobalRequestWithReply,
        Self::ChannelRequest,
        Self::ChannelRequestWithReply,
        Self::OpenOther,
        Self::Open,
        Self::OpenPath,
        Self::OpenForwarded,
        Self::Listen,
        Self::ListenPath,
        Self::Pong,
        Self::Adjust(1),
        Self::Data(0),
        Self::Data(1),
    ];

    /// Whether a session of that role takes it.
    pub(crate) fn is_for(self, role: Role) -> bool {
        self != Self::LoginAgain || role == Role::Server
    }

    /// The message, about the channel that is open.
    pub(crate) fn payload(self, channel: u32) -> Vec<u8> {
        let id = channel.to_be_bytes();
        match self {
            Self::Ping(len) => [&[192][..], &string(&vec![7; len])].concat(),
            Self::Ignore(len) => [&[2][..], &string(&vec![7; len])].concat(),
            Self::Debug(len) => [&[4, 1][..], &string(&vec![b'x'; len]), &[0; 4]].concat(),
            Self::Unimplemented => minimal(3, 0),
            Self::Unknown => vec![199],
            Self::LoginAgain => minimal(50, 0),
            Self::GlobalRequest => [&[80][..], &string(b"x"), &[0]].concat(),
            Self::GlobalRequestWithReply => minimal(80, 0),
            Self::ChannelRequest => [&[98][..], &id, &string(b"x"), &[0]].concat(),
            Self::ChannelRequestWithReply => minimal(98, channel),
            Self::OpenOther => [&[90][..], &string(b""), &[0; 12]].concat(),
            Self::Open => minimal(90, 0),
            Self::OpenPath => open(CHANNELS[1], 7, Sizes::USUAL),
            Self::OpenForwarded => open(CHANNELS[2], 7, Sizes::USUAL),
            Self::Listen => tcpip_forward(b"localhost", 8080),
            Self::ListenPath => streamlocal_forward(b"/run/near"),
            Self::Pong => minimal(193, 0),
            Self::Adjust(n) => [&[93][..], &id, &n.to_be_bytes()].concat(),
            Self::AdjustNobody => [&[93, 0x7f][..], &[0xff; 3], &[0, 0, 0, 1]].concat(),
            Self::Close => minimal(97, channel),
            Self::Data(len) => [&[94][..], &id, &string(&vec![7; len])].concat(),
        }
    }

    /// How many messages come back for a hundred of these, at most.
    pub(crate) const fn answers(self) -> usize {
        match self {
            Self::Ping(_)
            | Self::Unknown
            | Self::GlobalRequestWithReply
            | Self::ChannelRequestWithReply
            | Self::OpenOther
            | Self::Open
            | Self::OpenPath
            | Self::OpenForwarded
            | Self::Listen
            | Self::ListenPath => 100,
            // A window is granted again by quarters.
            Self::Data(1..) => 1,
            _ => 0,
        }
    }
}
