//! The sending half: keys, sequence number, sealed bytes waiting to go out.
//!
//! Room is kept in three steps, so that an exchange never waits for room: data leaves room for
//! control messages and a key exchange behind it, control messages leave room for a key exchange,
//! a key exchange may use all. Two peers whose sockets are full can then never each hold back the
//! KEXINIT that the other waits for.

use alloc::boxed::Box;

use adit_crypto::{Seal, SecureRandom, Unspecified};
use adit_proto::{Encode, Writer, number};

use crate::error::{CryptoFailure, Error, Internal};
use crate::frame::{HIDING_LEN, LENGTH_LEN, OVERHEAD_MAX, PREFIX_LEN, Shape};
use crate::none::NoCipher;
use crate::padding::Padding;
use crate::rekey::Usage;
use crate::send_buf::SendBuf;
use crate::strict::Strict;

/// Length of CHANNEL_DATA before its data: number, recipient_channel, length (RFC 4254 §5.2).
const DATA_HEAD_LEN: usize = 9;
/// Most data in one packet: what OpenSSH and adit announce as maximum packet size.
const DATA_MAX: usize = 32 * 1024;
/// Kept free of data for control messages: a dozen window adjustments and a CHANNEL_OPEN.
const CONTROL_ROOM: usize = 2048;
/// Less than this is not worth a packet: rather wait until more room is free.
const DATA_MIN: usize = 1024;
/// Room for authentication messages before the large buffer is there: a signed request with an
/// RSA key of 8192 bits has 2.3 KiB, and one more where it names a host key of that size.
const ROOM_BEFORE_AUTH: usize = 4096;
/// Least capacity before authentication.
const SEND_BEFORE_AUTH: usize = 8 * 1024;

/// Whether messages of the layers above may be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gate {
    Open,
    /// From our KEXINIT to our NEWKEYS (RFC 4253 §7.1). Nothing queues meanwhile.
    Held,
    /// After DISCONNECT.
    Closed,
}

/// Whether a packet's length may tell its payload's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Length {
    Shown,
    Hidden,
}

/// The sending half of a [`crate::Transport`].
pub struct Tx {
    buf: SendBuf,
    sealer: Box<dyn Seal>,
    shape: Shape,
    seq: u32,
    usage: Usage,
    gate: Gate,
    padding: Padding,
    kex_room: usize,
    flush_mark: usize,
    total: u64,
}

impl Tx {
    /// How much [`Tx::send_hiding_length`] rounds up to.
    pub const HIDING: usize = HIDING_LEN;

    pub(crate) fn new(random: &'static dyn SecureRandom, kex_room: usize) -> Self {
        let capacity = kex_room
            .saturating_add(ROOM_BEFORE_AUTH)
            .max(SEND_BEFORE_AUTH);
        Self {
            buf: SendBuf::new(capacity),
            sealer: Box::new(NoCipher),
            shape: Shape::of_sealer(&NoCipher),
            seq: 0,
            usage: Usage::default(),
            gate: Gate::Held,
            padding: Padding::new(random),
            kex_room,
            flush_mark: 0,
            total: 0,
        }
    }

    /// Changes to the buffer for data, in which `flush_mark` bytes may wait.
    pub(crate) fn resize(&mut self, flush_mark: usize) {
        let capacity = flush_mark
            .saturating_add(flush_mark.clamp(DATA_MIN, DATA_MAX))
            .saturating_add(self.data_spare())
            .saturating_add(CONTROL_ROOM);
        self.buf = self.buf.resized(capacity);
        self.flush_mark = flush_mark;
    }

    /// Whether a key exchange forbids to send anything else (RFC 4253 §7.1).
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.gate != Gate::Open
    }

    /// Whether nothing waits to go out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.len() == 0
    }

    /// How many sealed bytes wait to go out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// The longest payload that [`Tx::send`] would take now; 0 while held.
    #[must_use]
    pub fn control_room(&self) -> usize {
        if self.is_held() {
            return 0;
        }
        let taken = self.kex_room.saturating_add(OVERHEAD_MAX);
        self.buf.hole(usize::MAX).len.saturating_sub(taken)
    }

    /// Room for one CHANNEL_DATA of at most `want` bytes. `None`: not now, because a key exchange
    /// holds the sender, or because enough is waiting to be flushed.
    #[must_use]
    pub fn reserve(&mut self, want: usize) -> Option<DataSlot<'_>> {
        if self.is_held() || self.buf.len() >= self.flush_mark {
            return None;
        }
        let want = want.min(DATA_MAX);
        let spare = self.data_spare();
        let hole = self.buf.hole(want.saturating_add(spare));
        let room = hole.len.checked_sub(spare)?.min(want);
        if room == 0 || room < want.min(DATA_MIN) {
            return None;
        }
        Some(DataSlot {
            tx: self,
            at: hole.at,
            room,
        })
    }

    /// Seals one message of a layer above.
    ///
    /// # Errors
    /// [`Error::Full`] while held or without room: nothing was sent, ask again after a flush.
    /// [`Error::Ended`] after DISCONNECT. Anything else is final.
    pub fn send(&mut self, message: &impl Encode) -> Result<(), Error> {
        self.send_as(Length::Shown, message)
    }

    /// Seals a message with a secret in it. The packet's length does not tell the message's, within
    /// [`Tx::HIDING`] bytes (RFC 4252 §8).
    ///
    /// # Errors
    /// As [`Tx::send`]; it needs up to [`Tx::HIDING`] bytes more room.
    pub fn send_hiding_length(&mut self, message: &impl Encode) -> Result<(), Error> {
        self.send_as(Length::Hidden, message)
    }

    fn send_as(&mut self, length: Length, message: &impl Encode) -> Result<(), Error> {
        match self.gate {
            Gate::Open => self.send_leaving(self.kex_room, length, message),
            Gate::Held => Err(Error::Full),
            Gate::Closed => Err(Error::Ended),
        }
    }

    /// Seals a message of a key exchange, for which room was kept.
    pub(crate) fn send_kex(&mut self, message: &impl Encode) -> Result<(), Error> {
        match self.send_leaving(0, Length::Shown, message) {
            Err(Error::Full) => Err(Internal::NoRoom.into()),
            other => other,
        }
    }

    /// Whether a whole flight of a key exchange fits now.
    pub(crate) fn has_kex_room(&self) -> bool {
        self.buf.hole(usize::MAX).len >= self.kex_room
    }

    /// Our KEXINIT is about to go out.
    pub(crate) const fn hold(&mut self) {
        self.gate = Gate::Held;
    }

    /// Nothing more goes out but what is waiting.
    pub(crate) const fn close(&mut self) {
        self.gate = Gate::Closed;
    }

    /// Our NEWKEYS was the last packet under the old keys.
    pub(crate) fn new_keys(&mut self, sealer: Box<dyn Seal>, usage: Usage, strict: Strict) {
        self.shape = Shape::of_sealer(&*sealer);
        self.sealer = sealer;
        self.usage = usage;
        if strict == Strict::Agreed {
            self.seq = 0;
        }
        self.gate = Gate::Open;
    }

    /// Bytes that are no packet: our identification.
    pub(crate) fn send_line(&mut self, line: &[u8]) -> Result<(), Error> {
        for part in [line, b"\r\n"] {
            let hole = self.buf.hole(part.len());
            let to = self
                .buf
                .hole_mut(hole.at, part.len())
                .ok_or(Internal::NoRoom)?;
            to.copy_from_slice(part);
            self.buf.commit(hole.at, part.len());
        }
        Ok(())
    }

    /// Whether there is memory to give back.
    pub(crate) fn can_rest(&self) -> bool {
        self.buf.can_rest()
    }

    /// Gives the memory back if it can; what is to be sealed next takes it again.
    pub(crate) fn rest(&mut self) {
        self.buf.rest();
    }

    pub(crate) fn pending(&self) -> [&[u8]; 2] {
        self.buf.pending()
    }

    pub(crate) fn consumed(&mut self, n: usize) {
        self.total = self.total.saturating_add(n as u64);
        self.buf.consume(n);
    }

    /// Bytes that went out in all.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    pub(crate) const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What a packet of data needs besides its data, and must leave free behind itself.
    const fn data_spare(&self) -> usize {
        self.kex_room
            .saturating_add(CONTROL_ROOM)
            .saturating_add(OVERHEAD_MAX)
            .saturating_add(DATA_HEAD_LEN)
    }

    fn send_leaving(
        &mut self,
        spare: usize,
        length: Length,
        message: &impl Encode,
    ) -> Result<(), Error> {
        let len = message.encoded_len();
        let packet_len = match length {
            Length::Shown => self.shape.packet_len(len),
            Length::Hidden => self.shape.hiding_packet_len(len),
        }
        .ok_or(Internal::Encode)?;
        let wanted = packet_len
            .saturating_add(self.shape.tag_len)
            .saturating_add(spare);
        let hole = self.buf.hole(wanted);
        if hole.len < wanted {
            return Err(Error::Full);
        }
        let payload = self
            .buf
            .hole_mut(hole.at.saturating_add(PREFIX_LEN), len)
            .ok_or(Internal::Encode)?;
        let mut writer = Writer::new(payload);
        message.encode(&mut writer);
        if writer.written() != Some(len) {
            return Err(Internal::Encode.into());
        }
        self.seal(hole.at, len, packet_len)
    }

    /// Puts head, padding and tag around the payload at `at` and lets it go out. An error leaves
    /// everything as it was.
    fn seal(&mut self, at: usize, payload_len: usize, packet_len: usize) -> Result<(), Error> {
        // A nonce is never used twice: rather end here (RFC 4344 §3.1).
        if self.usage.is_exhausted() {
            return Err(CryptoFailure::KeyExhausted.into());
        }
        let padding_length = packet_len
            .checked_sub(PREFIX_LEN)
            .and_then(|rest| rest.checked_sub(payload_len))
            .and_then(|padding| u8::try_from(padding).ok())
            .ok_or(Internal::Encode)?;
        let wire_len = packet_len.saturating_add(self.shape.tag_len);
        let packet_length = packet_len
            .checked_sub(LENGTH_LEN)
            .and_then(|len| u32::try_from(len).ok())
            .ok_or(Internal::Encode)?;
        let (packet, tag) = self
            .buf
            .hole_mut(at, wire_len)
            .and_then(|slot| slot.split_at_mut_checked(packet_len))
            .ok_or(Internal::Encode)?;
        let [l0, l1, l2, l3] = packet_length.to_be_bytes();
        if let Some(prefix) = packet.first_chunk_mut::<PREFIX_LEN>() {
            *prefix = [l0, l1, l2, l3, padding_length];
        }
        let padding = packet
            .get_mut(PREFIX_LEN.saturating_add(payload_len)..)
            .ok_or(Internal::Encode)?;
        self.padding.fill(padding)?;
        self.sealer
            .seal(self.seq, packet, tag)
            .map_err(|Unspecified| CryptoFailure::Keys)?;
        self.seq = self.seq.wrapping_add(1);
        self.usage.count(wire_len);
        self.buf.commit(at, wire_len);
        Ok(())
    }
}

/// A hole in the send buffer for one CHANNEL_DATA. Dropping it sends nothing and uses no sequence
/// number.
#[must_use]
pub struct DataSlot<'a> {
    tx: &'a mut Tx,
    at: usize,
    room: usize,
}

impl DataSlot<'_> {
    /// Where the data goes: a socket is read straight into this.
    pub fn body(&mut self) -> &mut [u8] {
        let at = self
            .at
            .saturating_add(PREFIX_LEN)
            .saturating_add(DATA_HEAD_LEN);
        self.tx.buf.hole_mut(at, self.room).unwrap_or(&mut [])
    }

    /// Seals the first `n` bytes of [`DataSlot::body`] as data of a channel.
    ///
    /// # Errors
    /// All are final; an `n` larger than the body is [`Internal::Encode`].
    pub fn seal(self, recipient_channel: u32, n: usize) -> Result<(), Error> {
        let data_len = u32::try_from(n)
            .ok()
            .filter(|_| n <= self.room)
            .ok_or(Internal::Encode)?;
        let head_at = self.at.saturating_add(PREFIX_LEN);
        let head = self
            .tx
            .buf
            .hole_mut(head_at, DATA_HEAD_LEN)
            .ok_or(Internal::Encode)?;
        let mut writer = Writer::new(head);
        writer.byte(number::CHANNEL_DATA);
        writer.u32(recipient_channel);
        writer.u32(data_len);
        let len = DATA_HEAD_LEN.saturating_add(n);
        let packet_len = self.tx.shape.packet_len(len).ok_or(Internal::Encode)?;
        self.tx.seal(self.at, len, packet_len)
    }
}

#[cfg(test)]
impl Tx {
    pub(crate) const fn seq(&self) -> u32 {
        self.seq
    }

    pub(crate) const fn set_seq(&mut self, seq: u32) {
        self.seq = seq;
    }

    pub(crate) const fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    pub(crate) const fn kex_room(&self) -> usize {
        self.kex_room
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.buf.capacity()
    }
}
