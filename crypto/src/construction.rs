//! What all constructions here have in common: packet_length lies outside of the cipher's blocks,
//! and a packet that is not what was sealed is cleared, so that nobody takes it for something.
//!
//! ```text
//!   packet_length (4) | body: whole blocks || tag
//! ```

use alloc::boxed::Box;

use crate::cipher::{Open, Seal};
use crate::provider::Unspecified;

/// Length of packet_length (RFC 4253 §6).
pub(crate) const PACKET_LENGTH_LEN: usize = 4;

/// One direction under one key: each does both, as the keys of both are made the same way.
pub(crate) trait Construction: Send + 'static {
    /// As [`Seal::block_len`].
    const BLOCK_LEN: usize;
    /// As [`Seal::tag_len`].
    const TAG_LEN: usize;
    /// As [`Seal::seal`].
    fn seal(&mut self, seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified>;
    /// As [`Open::packet_length`], which most have in clear.
    fn packet_length(&self, _seq: u32, first: [u8; PACKET_LENGTH_LEN]) -> u32 {
        u32::from_be_bytes(first)
    }
    /// As [`Open::open`], but that on failure `packet` may hold anything.
    fn open(&mut self, seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified>;
}

/// The sending half.
pub(crate) fn sealer(construction: impl Construction) -> Box<dyn Seal> {
    Box::new(Direction(construction))
}

/// The receiving half.
pub(crate) fn opener(construction: impl Construction) -> Box<dyn Open> {
    Box::new(Direction(construction))
}

struct Direction<C>(C);

impl<C: Construction> Seal for Direction<C> {
    fn block_len(&self) -> usize {
        C::BLOCK_LEN
    }

    fn tag_len(&self) -> usize {
        C::TAG_LEN
    }

    fn clear_len(&self) -> usize {
        PACKET_LENGTH_LEN
    }

    fn seal(&mut self, seq: u32, packet: &mut [u8], tag: &mut [u8]) -> Result<(), Unspecified> {
        self.0.seal(seq, packet, tag)
    }
}

impl<C: Construction> Open for Direction<C> {
    fn block_len(&self) -> usize {
        C::BLOCK_LEN
    }

    fn tag_len(&self) -> usize {
        C::TAG_LEN
    }

    fn clear_len(&self) -> usize {
        PACKET_LENGTH_LEN
    }

    fn packet_length(&self, seq: u32, first: [u8; PACKET_LENGTH_LEN]) -> u32 {
        self.0.packet_length(seq, first)
    }

    fn open(&mut self, seq: u32, packet: &mut [u8], tag: &[u8]) -> Result<(), Unspecified> {
        let opened = self.0.open(seq, packet, tag);
        if opened.is_err() {
            packet.fill(0);
        }
        opened
    }
}
