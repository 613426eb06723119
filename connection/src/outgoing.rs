//! A message that the table wants on the wire, built from its state at the moment there is room.

use adit_proto::msg::{
    ChannelClose, ChannelEof, ChannelFailure, ChannelOpen, ChannelOpenConfirmation,
    ChannelOpenFailure, ChannelWindowAdjust, FORWARDED_TCPIP, GlobalRequest, RequestFailure,
    RequestSuccess, TcpipForwardSuccess,
};
use adit_proto::{Encode, Rest, Writer};

use crate::open::{HOST_MAX, ORIGINATOR_MAX};
use crate::owed::Reply;
use crate::table::ChannelId;

/// One message. Once it is taken from the table it counts as sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "the table counts it as sent"]
pub enum Outgoing<'a> {
    /// CHANNEL_CLOSE.
    Close(ChannelClose),
    /// CHANNEL_EOF.
    Eof(ChannelEof),
    /// CHANNEL_FAILURE.
    Failure(ChannelFailure),
    /// GLOBAL_REQUEST.
    GlobalRequest(GlobalRequest<'a>),
    /// CHANNEL_OPEN.
    Open(ChannelOpen<'a>),
    /// CHANNEL_OPEN_CONFIRMATION.
    OpenConfirmation(ChannelOpenConfirmation<'static>),
    /// CHANNEL_OPEN_FAILURE.
    OpenFailure(ChannelOpenFailure<'static>),
    /// REQUEST_SUCCESS with a port.
    PortBound(TcpipForwardSuccess),
    /// REQUEST_FAILURE.
    RequestFailure(RequestFailure),
    /// REQUEST_SUCCESS.
    RequestSuccess(RequestSuccess<'static>),
    /// CHANNEL_WINDOW_ADJUST.
    WindowAdjust(ChannelWindowAdjust),
}

/// Longest text of a refusal; the rest of a longer one is not sent.
pub(crate) const TEXT_MAX: usize = 255;

impl Outgoing<'_> {
    /// The longest of them: a CHANNEL_OPEN with the longest host and originator. Ask for a message
    /// only when there is room for this much.
    pub const MAX_LEN: usize =
        1 + (4 + FORWARDED_TCPIP.len()) + 3 * 4 + (4 + HOST_MAX) + 4 + (4 + ORIGINATOR_MAX) + 4;

    /// The channel that this opens for data from here: until it is sent there is no
    /// [`grant`](crate::Channels::grant), and no event tells when there is one.
    #[must_use]
    pub const fn confirms(&self) -> Option<ChannelId> {
        match self {
            Self::OpenConfirmation(message) => Some(ChannelId::from_wire(message.sender_channel)),
            Self::Close(_)
            | Self::Eof(_)
            | Self::Failure(_)
            | Self::GlobalRequest(_)
            | Self::Open(_)
            | Self::OpenFailure(_)
            | Self::PortBound(_)
            | Self::RequestFailure(_)
            | Self::RequestSuccess(_)
            | Self::WindowAdjust(_) => None,
        }
    }
}

macro_rules! each {
    ($self:ident, $message:ident => $value:expr) => {
        match $self {
            Outgoing::Close($message) => $value,
            Outgoing::Eof($message) => $value,
            Outgoing::Failure($message) => $value,
            Outgoing::GlobalRequest($message) => $value,
            Outgoing::Open($message) => $value,
            Outgoing::OpenConfirmation($message) => $value,
            Outgoing::OpenFailure($message) => $value,
            Outgoing::PortBound($message) => $value,
            Outgoing::RequestFailure($message) => $value,
            Outgoing::RequestSuccess($message) => $value,
            Outgoing::WindowAdjust($message) => $value,
        }
    };
}

impl Encode for Outgoing<'_> {
    fn encoded_len(&self) -> usize {
        each!(self, message => message.encoded_len())
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        each!(self, message => message.encode(writer));
    }
}

impl From<Reply> for Outgoing<'static> {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::ChannelFailure { recipient_channel } => {
                Self::Failure(ChannelFailure { recipient_channel })
            }
            Reply::OpenFailure {
                recipient_channel,
                reason,
                text,
            } => {
                let (text, _) = text.split_at(text.floor_char_boundary(TEXT_MAX));
                Self::OpenFailure(ChannelOpenFailure {
                    recipient_channel,
                    reason_code: reason.code(),
                    description: text.as_bytes(),
                    language_tag: b"",
                })
            }
            Reply::RequestFailure => Self::RequestFailure(RequestFailure {}),
            Reply::RequestSuccess { port: None } => {
                Self::RequestSuccess(RequestSuccess { data: Rest(&[]) })
            }
            Reply::RequestSuccess { port: Some(port) } => Self::PortBound(TcpipForwardSuccess {
                port_that_was_bound: port.into(),
            }),
        }
    }
}
