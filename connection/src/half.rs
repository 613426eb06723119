//! The two halves of an open channel, which end independently (RFC 4254 §5.3).
//!
//! ```text
//!     sending    Open ──► EofDue ──► EofSent ──► CloseDue ──► CloseSent
//!     receiving  Open ──► Eof ──► Closed
//! ```
//!
//! Any step but the last may be left out: CHANNEL_CLOSE needs no CHANNEL_EOF before it.

/// Our half: the last of CHANNEL_EOF and CHANNEL_CLOSE that is due or sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SendHalf {
    Open,
    EofDue,
    EofSent,
    /// Closed before the EOF went out: data that was all sent must not look cut off.
    EofThenCloseDue,
    CloseDue,
    CloseSent,
}

/// The peer's half.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RecvHalf {
    Open,
    Eof,
    Closed,
}

impl SendHalf {
    /// Whether nothing more is wanted of the peer.
    pub(crate) const fn is_closing(self) -> bool {
        match self {
            Self::Open | Self::EofDue | Self::EofSent => false,
            Self::EofThenCloseDue | Self::CloseDue | Self::CloseSent => true,
        }
    }

    /// No more data will be sent.
    #[must_use]
    pub(crate) const fn finish(self) -> Self {
        match self {
            Self::Open => Self::EofDue,
            Self::EofDue
            | Self::EofSent
            | Self::EofThenCloseDue
            | Self::CloseDue
            | Self::CloseSent => self,
        }
    }

    /// Nothing more is wanted of the peer.
    #[must_use]
    pub(crate) const fn close(self) -> Self {
        match self {
            Self::Open | Self::EofSent => Self::CloseDue,
            Self::EofDue => Self::EofThenCloseDue,
            Self::EofThenCloseDue | Self::CloseDue | Self::CloseSent => self,
        }
    }

    /// CHANNEL_EOF was sent. When the peer's had come, both have said all they had to say.
    #[must_use]
    pub(crate) const fn eof_sent(self, receiving: RecvHalf) -> Self {
        match (self, receiving) {
            (Self::EofThenCloseDue, _) | (_, RecvHalf::Eof) => Self::CloseDue,
            (_, RecvHalf::Open | RecvHalf::Closed) => Self::EofSent,
        }
    }

    /// The peer's CHANNEL_EOF came.
    #[must_use]
    pub(crate) const fn eof_came(self) -> Self {
        match self {
            Self::EofSent => Self::CloseDue,
            Self::Open
            | Self::EofDue
            | Self::EofThenCloseDue
            | Self::CloseDue
            | Self::CloseSent => self,
        }
    }

    /// The peer's CHANNEL_CLOSE came: it reads no EOF any more, but wants our CLOSE.
    #[must_use]
    pub(crate) const fn close_came(self) -> Self {
        match self {
            Self::CloseSent => Self::CloseSent,
            Self::Open | Self::EofDue | Self::EofSent | Self::EofThenCloseDue | Self::CloseDue => {
                Self::CloseDue
            }
        }
    }
}
