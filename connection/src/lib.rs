//! The SSH connection protocol (RFC 4254), as far as forwarding connections needs it: the table of
//! channels, their windows, and what is owed to the peer.
//!
//! Payloads go in, events come out, and messages are pulled when there is room for them: nothing is
//! queued that is not bounded, and nothing is allocated for a packet. It knows no socket and no
//! clock. Every number it calculates with is a peer's; whatever a peer sends gives an event or an
//! error that ends its own session.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod book;
mod budget;
mod channel;
mod channels;
mod error;
mod event;
mod global;
mod half;
mod handle;
mod open;
mod outgoing;
mod owed;
mod requests;
mod table;
#[cfg(test)]
mod tests;
mod window;

pub use book::ProcessBook;
pub use budget::Limits;
pub use channel::{DATA_MAX, PACKET_SIZE_MIN};
pub use channels::{Channels, Full, NotOpened};
pub use error::{Error, PeerMisbehaved};
pub use event::{AskedKind, Event, ForwardKind, Grant};
pub use open::{Accepts, HOST_MAX, ORIGINATOR_MAX, OpenKind, PATH_MAX, UNKNOWN_ORIGINATOR};
pub use outgoing::Outgoing;
pub use requests::{Answer, ForwardRequest, REQUESTS_MAX, RequestId};
pub use table::ChannelId;
