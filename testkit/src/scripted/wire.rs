//! Binary packets (RFC 4253 §6) as a test wants them, and as the victim sends them.

use adit_crypto::{Open, Seal};

/// A packet, right or wrong.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What packet_length says.
    pub packet_length: u32,
    /// What padding_length says.
    pub padding_length: u8,
    /// The payload.
    pub payload: &'a [u8],
    /// How many bytes of padding there are. With them the packet must be whole blocks, or no
    /// cipher seals it.
    pub padding: usize,
}

impl<'a> Frame<'a> {
    /// With so much padding, and numbers that say so.
    #[must_use]
    pub fn padded(payload: &'a [u8], padding: usize) -> Self {
        Self {
            packet_length: u32::try_from(1 + payload.len() + padding).expect("a length"),
            padding_length: u8::try_from(padding).unwrap_or(u8::MAX),
            payload,
            padding,
        }
    }
}

/// What the peer sends with.
#[derive(Default)]
pub(super) struct Outward {
    pub(super) seq: u32,
    pub(super) sealer: Option<Box<dyn Seal>>,
}

impl Outward {
    /// The least padding that there may be.
    pub(super) fn honest<'a>(&self, payload: &'a [u8]) -> Frame<'a> {
        let (block, clear) = match &self.sealer {
            Some(sealer) => (sealer.block_len(), sealer.clear_len()),
            None => (8, 0),
        };
        let least = 5 + payload.len() + 4 - clear;
        Frame::padded(payload, 4 + least.next_multiple_of(block) - least)
    }

    pub(super) fn seal(&mut self, frame: Frame<'_>) -> Vec<u8> {
        let mut packet = frame.packet_length.to_be_bytes().to_vec();
        packet.push(frame.padding_length);
        packet.extend(frame.payload);
        packet.resize(packet.len() + frame.padding, 0);
        if let Some(sealer) = &mut self.sealer {
            let mut tag = vec![0; sealer.tag_len()];
            sealer
                .seal(self.seq, &mut packet, &mut tag)
                .expect("whole blocks");
            packet.extend(tag);
        }
        self.seq = self.seq.wrapping_add(1);
        packet
    }
}

/// What the peer hears with. The victim is held to send nothing that is not well-formed.
#[derive(Default)]
pub(super) struct Inward {
    bytes: Vec<u8>,
    pub(super) seq: u32,
    pub(super) opener: Option<Box<dyn Open>>,
}

impl Inward {
    pub(super) fn arrived(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The identification, without its line end.
    pub(super) fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.bytes.iter().position(|b| *b == b'\n')?;
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        line.truncate(end.saturating_sub(1));
        Some(line)
    }

    /// The next payload.
    pub(super) fn packet(&mut self) -> Option<Vec<u8>> {
        let first = *self.bytes.first_chunk()?;
        let (length, tag_len) = match &self.opener {
            Some(opener) => (opener.packet_length(self.seq, first), opener.tag_len()),
            None => (u32::from_be_bytes(first), 0),
        };
        let length = usize::try_from(length).expect("a length");
        if self.bytes.len() < 4 + length + tag_len {
            return None;
        }
        let mut packet: Vec<u8> = self.bytes.drain(..4 + length).collect();
        let tag: Vec<u8> = self.bytes.drain(..tag_len).collect();
        if let Some(opener) = &mut self.opener {
            opener
                .open(self.seq, &mut packet, &tag)
                .expect("a packet of the victim's");
        }
        self.seq = self.seq.wrapping_add(1);
        let padding = usize::from(*packet.get(4).expect("padding_length"));
        packet.truncate(packet.len().checked_sub(padding).expect("padding"));
        Some(packet.split_off(5))
    }
}
