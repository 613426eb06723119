//! What a session says: events, and questions. Plain data; bytes of a packet by position.

use core::ops::Range;

use adit_auth::{Failed, KeyId, Method, Prompt, Refused};
use adit_connection::{Answer, AskedKind, ChannelId, ForwardKind, RequestId};
use adit_transport::{HostKeyOffer, Packet};

/// Bytes of a packet that was received, by position: valid until the next `recv_space` or
/// `handle_timeout`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub(super) packet: Option<Packet>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// No bytes.
    pub const EMPTY: Self = Self {
        packet: None,
        start: 0,
        end: 0,
    };

    pub(super) const fn new(packet: Packet, range: &Range<usize>) -> Self {
        Self {
            packet: Some(packet),
            start: range.start,
            end: range.end,
        }
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// None at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What happened, in the order in which it did.
#[derive(Debug)]
pub enum Event {
    /// The peer answered our question for a sign of life, or PONG came.
    Alive,
    /// Authentication succeeded; channels may be opened. [`super::Session::user`] says who.
    Authenticated,
    /// Server: a request was refused.
    AuthFailed(Failed),
    /// Client: the server has a text for the user.
    Banner(Span),
    /// The peer sends no more on this channel, and takes none.
    Closed(ChannelId),
    /// Bytes for the local side.
    Data {
        /// Of this channel.
        id: ChannelId,
        /// Where they lie.
        span: Span,
    },
    /// The peer has a remark.
    Debug {
        /// Whether it asks for it to be shown.
        always_display: bool,
        /// The text, from a stranger.
        message: Span,
    },
    /// The peer ends the connection.
    Disconnected {
        /// One of [`adit_proto::reason::Disconnect`], or another.
        reason_code: u32,
        /// The text, from a stranger.
        description: Span,
    },
    /// The peer has no more to send on this channel.
    Eof(ChannelId),
    /// Keys are in use and authentication may begin, or a client's has begun:
    /// [`adit_transport::Transport::negotiated`] says which keys.
    Established,
    /// Server: the client wants it to listen somewhere, or no longer to:
    /// [`super::Session::grant_forward`] or [`super::Session::refuse_forward`] before the next
    /// call of [`super::Session::poll`] or [`super::Session::send_due`], which refuse it.
    ForwardAsked {
        /// What it asks for.
        kind: ForwardKind,
        /// What the kind says, which decodes.
        data: Span,
    },
    /// Client: the server's host key, which has signed the exchange. Nothing goes on before
    /// [`super::Session::trust`].
    HostKey(HostKeyOffer),
    /// The peer asks for a channel: [`super::Session::accept`] or [`super::Session::refuse`] it.
    OpenAsked {
        /// Its name here.
        id: ChannelId,
        /// What it is for.
        kind: AskedKind,
        /// What the kind says, which decodes.
        data: Span,
    },
    /// Client: a request with this key was sent, its first one.
    KeyOffered(KeyId),
    /// A channel is open: the peer has confirmed ours, or our confirmation of its is sealed.
    OpenConfirmed(ChannelId),
    /// A channel of ours was refused. Its id stays until [`super::Session::release`].
    OpenRefused {
        /// Its name.
        id: ChannelId,
        /// One of [`adit_proto::reason::OpenFailure`], or another.
        reason_code: u32,
        /// The text, from a stranger.
        description: Span,
    },
    /// Client: the server accepted that method and asks for another one too.
    PartialSuccess(Method),
    /// Client: the server would have the password changed, in its words. The method is given up.
    PasswordExpired(Span),
    /// Client: nothing did, and nothing is left to try.
    Refused(Refused),
    /// Client: the server has answered a request.
    RequestAnswered {
        /// Which one.
        id: RequestId,
        /// How.
        answer: Answer,
    },
    /// New keys after a re-exchange.
    Rekeyed,
    /// Client: the server tells something and asks nothing (RFC 4256 §3.2).
    Told {
        /// Perhaps empty, from a stranger.
        name: Span,
        /// Perhaps empty, from a stranger.
        instruction: Span,
    },
    /// There is window again on a channel that had none.
    WindowOpened(ChannelId),
}

/// What authentication lacks. Nobody waits inside it.
#[derive(Debug, Eq, PartialEq)]
pub enum Need<'a> {
    /// Server: whether this key is one of this user's. Answer with [`super::Session::authorize`].
    Authorize {
        /// From a stranger.
        user: &'a [u8],
        /// Signature algorithm.
        algorithm: &'static str,
        /// The key.
        key_blob: &'a [u8],
    },
    /// Client: the keys to try, once. Answer with [`super::Session::offer_keys`].
    Keys,
    /// Nothing.
    Nothing,
    /// Client: a password. Answer with [`super::Session::password`].
    Password {
        /// How many the server has refused before.
        attempt: u32,
    },
    /// Client: answers of a person. Answer with [`super::Session::respond`]. All texts are a
    /// stranger's.
    Respond {
        /// Perhaps empty.
        name: &'a [u8],
        /// Perhaps empty.
        instruction: &'a [u8],
        /// At least one.
        prompts: &'a [Prompt],
    },
    /// Client: a signature over `message`. Answer with [`super::Session::signed`].
    Sign {
        /// By this key.
        key: KeyId,
        /// Signature algorithm.
        algorithm: &'static str,
        /// What to sign.
        message: &'a [u8],
    },
}
