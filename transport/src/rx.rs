//! The receiving half: keys, sequence number, bytes not opened yet. Frames and opens packets where
//! they lie; what they say is not its concern.

use alloc::boxed::Box;

use adit_crypto::{Open, Unspecified};

use crate::error::{CryptoFailure, Error, PeerMisbehaved};
use crate::frame::{self, BadFrame, LENGTH_LEN, PREFIX_LEN, Shape, WIRE_MAX};
use crate::none::NoCipher;
use crate::recv_buf::{RECV_PACKET, RecvBuf};
use crate::rekey::Usage;
use crate::strict::Strict;

/// An opened packet, by position: [`crate::Transport::payload`] has its bytes, until the next
/// [`crate::Transport::recv_space`] or [`crate::Transport::handle_timeout`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    at: usize,
    len: usize,
    seq: u32,
}

impl Packet {
    /// Its sequence number, which UNIMPLEMENTED quotes (RFC 4253 §11.4).
    #[must_use]
    pub const fn seq(self) -> u32 {
        self.seq
    }

    /// Length of its payload.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a payload is never empty")]
    pub const fn len(self) -> usize {
        self.len
    }
}

/// Whether packets are authenticated yet, which decides how much an error may tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Protection {
    Clear,
    Sealed,
}

pub(crate) struct Rx {
    buf: RecvBuf,
    opener: Box<dyn Open>,
    shape: Shape,
    protection: Protection,
    seq: u32,
    usage: Usage,
    /// Length of the packet at the front, without its tag, once that was read: it is deciphered
    /// only once.
    packet_len: Option<usize>,
    /// Bytes of the packet that was given out last.
    release: usize,
    total: u64,
}

impl Rx {
    pub(crate) fn new() -> Self {
        Self {
            buf: RecvBuf::new(RECV_PACKET),
            opener: Box::new(NoCipher),
            shape: Shape::of_opener(&NoCipher),
            protection: Protection::Clear,
            seq: 0,
            usage: Usage::default(),
            packet_len: None,
            release: 0,
            total: 0,
        }
    }

    /// The buffer may have this size from now on, or that of the largest packet.
    pub(crate) fn resize(&mut self, capacity: usize) {
        self.buf.resize(capacity.max(WIRE_MAX));
    }

    /// Where the next read goes; empty when nothing fits before a packet is taken out.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.release_last();
        let have = self.buf.pending().len();
        let whole = match self.packet_len {
            Some(len) => len.saturating_add(self.shape.tag_len),
            None => LENGTH_LEN,
        };
        self.buf.space(whole.saturating_sub(have).max(1))
    }

    /// Whether there is memory to give back.
    pub(crate) fn can_rest(&self) -> bool {
        self.buf.can_rest(self.release)
    }

    /// Gives the memory back if it can, and [`Rx::space`] takes it again. No position is of use any
    /// more.
    pub(crate) fn rest(&mut self) {
        self.release_last();
        self.buf.rest();
    }

    pub(crate) fn filled(&mut self, n: usize) {
        self.total = self.total.saturating_add(n as u64);
        self.buf.filled(n);
    }

    /// Bytes received in all.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    pub(crate) const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Bytes before the first packet: gives them one by one to `take` until that has enough.
    pub(crate) fn take_bytes<T>(
        &mut self,
        mut take: impl FnMut(u8) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let mut n: usize = 0;
        let mut taken = Ok(None);
        for byte in self.buf.pending() {
            n = n.saturating_add(1);
            taken = take(*byte);
            if !matches!(taken, Ok(None)) {
                break;
            }
        }
        self.buf.release(n);
        taken
    }

    /// Frames and opens the next packet where it lies.
    pub(crate) fn poll(&mut self) -> Result<Option<Packet>, Error> {
        self.release_last();
        let packet_len = match self.packet_len {
            Some(len) => len,
            None => {
                let Some(first) = self.buf.pending().first_chunk() else {
                    return Ok(None);
                };
                let announced = self.opener.packet_length(self.seq, *first);
                let len = self
                    .shape
                    .announced(announced)
                    .map_err(|bad| self.blame(bad))?;
                *self.packet_len.insert(len)
            }
        };
        let wire_len = packet_len.saturating_add(self.shape.tag_len);
        let Some((at, bytes)) = self.buf.front_mut(wire_len) else {
            return Ok(None);
        };
        if self.usage.is_exhausted() {
            return Err(CryptoFailure::KeyExhausted.into());
        }
        let (packet, tag) = bytes
            .split_at_mut_checked(packet_len)
            .ok_or(CryptoFailure::Packet)?;
        self.opener
            .open(self.seq, packet, tag)
            .map_err(|Unspecified| CryptoFailure::Packet)?;
        let padding_length = packet.get(LENGTH_LEN).copied().unwrap_or(0);
        let len = match frame::payload_len(packet_len, padding_length) {
            Ok(len) => len,
            Err(bad) => return Err(self.blame(bad)),
        };
        let packet = Packet {
            at: at.saturating_add(PREFIX_LEN),
            len,
            seq: self.seq,
        };
        // RFC 4253 §6.4: "It is never reset, even if keys/algorithms are renegotiated later. It
        // wraps around to zero after every 2^32 packets." Strict key exchange does reset it.
        self.seq = self.seq.wrapping_add(1);
        self.usage.count(wire_len);
        self.packet_len = None;
        self.release = wire_len;
        Ok(Some(packet))
    }

    pub(crate) fn payload(&self, packet: Packet) -> &[u8] {
        self.buf.at(packet.at, packet.len)
    }

    /// The peer's NEWKEYS was the last packet under the old keys.
    pub(crate) fn new_keys(&mut self, opener: Box<dyn Open>, usage: Usage, strict: Strict) {
        self.shape = Shape::of_opener(&*opener);
        self.opener = opener;
        self.protection = Protection::Sealed;
        self.usage = usage;
        if strict == Strict::Agreed {
            self.seq = 0;
        }
    }

    fn release_last(&mut self) {
        self.buf.release(core::mem::take(&mut self.release));
    }

    /// One answer for whatever is wrong with a protected packet.
    const fn blame(&self, bad: BadFrame) -> Error {
        match (self.protection, bad) {
            (Protection::Sealed, _) => Error::Crypto(CryptoFailure::Packet),
            (Protection::Clear, BadFrame::Length) => {
                Error::PeerMisbehaved(PeerMisbehaved::PacketLength)
            }
            (Protection::Clear, BadFrame::Padding) => {
                Error::PeerMisbehaved(PeerMisbehaved::Padding)
            }
        }
    }
}

#[cfg(test)]
impl Rx {
    pub(crate) const fn seq(&self) -> u32 {
        self.seq
    }

    pub(crate) const fn set_seq(&mut self, seq: u32) {
        self.seq = seq;
    }

    pub(crate) const fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }
}
