//! RFC 4254 §4 and §5.

use crate::message::message;
use crate::number;
use crate::wire::Rest;

message! {
    /// SSH_MSG_GLOBAL_REQUEST (RFC 4254 §4).
    struct GlobalRequest<'a> = number::GLOBAL_REQUEST {
        /// Says what `data` is.
        request_name: &'a [u8],
        /// Whether an answer is owed.
        want_reply: bool,
        /// Of the request.
        data: Rest<'a>,
    }

    /// SSH_MSG_REQUEST_SUCCESS (RFC 4254 §4).
    struct RequestSuccess<'a> = number::REQUEST_SUCCESS {
        /// What the request asked for, if anything.
        data: Rest<'a>,
    }

    /// SSH_MSG_REQUEST_FAILURE (RFC 4254 §4).
    struct RequestFailure = number::REQUEST_FAILURE {}

    /// SSH_MSG_CHANNEL_OPEN (RFC 4254 §5.1).
    struct ChannelOpen<'a> = number::CHANNEL_OPEN {
        /// Says what `data` is.
        channel_type: &'a [u8],
        /// The opener's number.
        sender_channel: u32,
        /// Bytes the receiver may send.
        initial_window_size: u32,
        /// Bytes the receiver may send in one message.
        maximum_packet_size: u32,
        /// Of the channel type.
        data: Rest<'a>,
    }

    /// SSH_MSG_CHANNEL_OPEN_CONFIRMATION (RFC 4254 §5.1).
    struct ChannelOpenConfirmation<'a> = number::CHANNEL_OPEN_CONFIRMATION {
        /// The opener's number.
        recipient_channel: u32,
        /// The other side's number.
        sender_channel: u32,
        /// Bytes the opener may send.
        initial_window_size: u32,
        /// Bytes the opener may send in one message.
        maximum_packet_size: u32,
        /// Of the channel type; in forwarding nothing.
        data: Rest<'a>,
    }

    /// SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1).
    struct ChannelOpenFailure<'a> = number::CHANNEL_OPEN_FAILURE {
        /// The opener's number.
        recipient_channel: u32,
        /// One of [`crate::reason::OpenFailure`], or another.
        reason_code: u32,
        /// UTF-8, from a stranger.
        description: &'a [u8],
        /// RFC 3066, in practice empty.
        language_tag: &'a [u8],
    }

    /// SSH_MSG_CHANNEL_WINDOW_ADJUST (RFC 4254 §5.2).
    struct ChannelWindowAdjust = number::CHANNEL_WINDOW_ADJUST {
        /// The receiver's number.
        recipient_channel: u32,
        /// Bytes the receiver may send on top of what it may already.
        bytes_to_add: u32,
    }

    /// SSH_MSG_CHANNEL_DATA (RFC 4254 §5.2).
    struct ChannelData<'a> = number::CHANNEL_DATA {
        /// The receiver's number.
        recipient_channel: u32,
        /// The bytes.
        data: &'a [u8],
    }

    /// SSH_MSG_CHANNEL_EXTENDED_DATA (RFC 4254 §5.2).
    struct ChannelExtendedData<'a> = number::CHANNEL_EXTENDED_DATA {
        /// The receiver's number.
        recipient_channel: u32,
        /// 1 is stderr, which no forwarded connection has.
        data_type_code: u32,
        /// The bytes.
        data: &'a [u8],
    }

    /// SSH_MSG_CHANNEL_EOF (RFC 4254 §5.3).
    struct ChannelEof = number::CHANNEL_EOF {
        /// The receiver's number.
        recipient_channel: u32,
    }

    /// SSH_MSG_CHANNEL_CLOSE (RFC 4254 §5.3).
    struct ChannelClose = number::CHANNEL_CLOSE {
        /// The receiver's number.
        recipient_channel: u32,
    }

    /// SSH_MSG_CHANNEL_REQUEST (RFC 4254 §5.4).
    struct ChannelRequest<'a> = number::CHANNEL_REQUEST {
        /// The receiver's number.
        recipient_channel: u32,
        /// Says what `data` is.
        request_type: &'a [u8],
        /// Whether an answer is owed.
        want_reply: bool,
        /// Of the request.
        data: Rest<'a>,
    }

    /// SSH_MSG_CHANNEL_SUCCESS (RFC 4254 §5.4).
    struct ChannelSuccess = number::CHANNEL_SUCCESS {
        /// The receiver's number.
        recipient_channel: u32,
    }

    /// SSH_MSG_CHANNEL_FAILURE (RFC 4254 §5.4).
    struct ChannelFailure = number::CHANNEL_FAILURE {
        /// The receiver's number.
        recipient_channel: u32,
    }
}

/// The nine bytes in front of the data in SSH_MSG_CHANNEL_DATA (RFC 4254 §5.2), for a sender that
/// reads a socket straight to where the data goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChannelDataHead {
    /// The receiver's number.
    pub recipient_channel: u32,
    /// Length of the data behind it.
    pub data_len: u32,
}

impl ChannelDataHead {
    /// Message number, channel, length.
    pub const LEN: usize = 9;

    /// As on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b, c, d] = self.recipient_channel.to_be_bytes();
        let [e, f, g, h] = self.data_len.to_be_bytes();
        [number::CHANNEL_DATA, a, b, c, d, e, f, g, h]
    }
}
