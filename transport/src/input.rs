//! What a transport tells its caller. Owned and without lifetimes: texts and messages are positions
//! in a payload, so that the loop that polls can hold a socket at the same time.

use core::ops::Range;
use core::time::Duration;

use crate::exchange::HostKeyOffer;
use crate::rx::Packet;

/// What a peer did that a caller must know.
#[derive(Debug)]
pub enum Input {
    /// DEBUG. The text is a stranger's: escape it before showing it.
    Debug {
        /// Whether the peer wants it shown.
        always_display: bool,
        /// Where the text is in the payload.
        message: Range<usize>,
        /// The packet.
        packet: Packet,
    },
    /// DISCONNECT: nothing is sent or read any more.
    Disconnected {
        /// One of [`adit_proto::reason::Disconnect`], or another.
        reason_code: u32,
        /// Where the text is in the payload; a stranger's.
        description: Range<usize>,
        /// The packet.
        packet: Packet,
    },
    /// Once: the first exchange is done and ssh-userauth accepted. Authentication may start.
    Established,
    /// EXT_INFO arrived; see [`crate::Transport::peer_extensions`].
    Extensions,
    /// To a client, once: nothing is read until [`crate::Transport::trust`].
    HostKey(HostKeyOffer),
    /// A message for the layer above: 50..=79 before authentication succeeded, 80..=127 after.
    Packet(Packet),
    /// The answer to [`crate::Transport::ping`].
    Pong {
        /// Since the PING was sealed.
        round_trip: Duration,
    },
    /// A later exchange is done.
    Rekeyed,
}

/// What became of [`crate::Transport::ping`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// It is on its way.
    Yes,
    /// There is no room, or an exchange holds the sender. Nothing is queued.
    NotNow,
    /// The peer did not offer ping@openssh.com.
    NotOffered,
}
