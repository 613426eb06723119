//! The arithmetic of a binary packet (RFC 4253 §6). Numbers in, numbers out: no bytes, no keys.
//!
//! ```text
//!   packet_length (4) | padding_length (1) | payload | padding || tag
//!   \------------------------- packet -----------------------/
//!                     \------------- packet_length ----------/
//! ```
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use adit_crypto::{Open, Seal};

/// Length of the field packet_length.
pub(crate) const LENGTH_LEN: usize = 4;
/// packet_length and padding_length.
pub(crate) const PREFIX_LEN: usize = 5;
/// RFC 4253 §6: "There MUST be at least four bytes of padding."
pub(crate) const PADDING_MIN: usize = 4;
/// Largest packet_length that is accepted, in every phase (RFC 4253 §6.1: a packet of 35000 bytes).
pub(crate) const PACKET_LENGTH_MAX: u32 = 35_000;
/// padding_length, a payload of one byte, and padding.
const PACKET_LENGTH_MIN: u32 = 6;
/// Largest block of a cipher in use.
const BLOCK_MAX: usize = 16;
/// Largest tag of a cipher in use, that of HMAC-SHA2-512.
const TAG_MAX: usize = 64;
/// What a packet has besides its payload, at most, under whatever cipher.
pub(crate) const OVERHEAD_MAX: usize = PREFIX_LEN + PADDING_MIN + BLOCK_MAX + TAG_MAX;
/// Lengths of payloads with secrets are hidden up to the next multiple of this. With four bytes and
/// a block it leaves padding_length a byte; OpenSSH pads passwords to 64.
pub(crate) const HIDING_LEN: usize = 128;
/// The largest packet with its tag.
pub(crate) const WIRE_MAX: usize = LENGTH_LEN + PACKET_LENGTH_MAX as usize + TAG_MAX;

/// What in a frame is wrong. Callers make an [`crate::Error`] of it that tells no more than it may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadFrame {
    /// packet_length.
    Length,
    /// padding_length.
    Padding,
}

/// The three numbers of a cipher that decide a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    /// A packet without its first `clear_len` bytes is a multiple of this.
    pub(crate) block_len: usize,
    /// Length of the tag.
    pub(crate) tag_len: usize,
    /// 4 where packet_length is outside the blocks, 0 where it is inside.
    pub(crate) clear_len: usize,
}

impl Shape {
    pub(crate) fn of_sealer(sealer: &dyn Seal) -> Self {
        Self {
            block_len: sealer.block_len(),
            tag_len: sealer.tag_len(),
            clear_len: sealer.clear_len(),
        }
    }

    pub(crate) fn of_opener(opener: &dyn Open) -> Self {
        Self {
            block_len: opener.block_len(),
            tag_len: opener.tag_len(),
            clear_len: opener.clear_len(),
        }
    }

    /// padding_length for a payload: the least that fills the last block and is four or more.
    /// `None` for a length that no packet has.
    pub(crate) fn padding_len(self, payload_len: usize) -> Option<u8> {
        let in_blocks = PREFIX_LEN
            .checked_add(payload_len)?
            .checked_add(PADDING_MIN)?
            .checked_sub(self.clear_len)?;
        let over = in_blocks.checked_rem(self.block_len)?;
        let fill = if over == 0 {
            0
        } else {
            self.block_len.checked_sub(over)?
        };
        u8::try_from(PADDING_MIN.checked_add(fill)?).ok()
    }

    /// Length of the packet around a payload, without the tag.
    pub(crate) fn packet_len(self, payload_len: usize) -> Option<usize> {
        let padding = usize::from(self.padding_len(payload_len)?);
        PREFIX_LEN.checked_add(payload_len)?.checked_add(padding)
    }

    /// Length of the packet around a payload whose own length nobody is to see: that of one filled
    /// up to the next multiple of [`HIDING_LEN`].
    pub(crate) fn hiding_packet_len(self, payload_len: usize) -> Option<usize> {
        self.packet_len(payload_len.checked_next_multiple_of(HIDING_LEN)?)
    }

    /// Length of the packet, without the tag, that a received packet_length announces.
    pub(crate) fn announced(self, packet_length: u32) -> Result<usize, BadFrame> {
        if !(PACKET_LENGTH_MIN..=PACKET_LENGTH_MAX).contains(&packet_length) {
            return Err(BadFrame::Length);
        }
        let packet_len = usize::try_from(packet_length)
            .ok()
            .and_then(|len| len.checked_add(LENGTH_LEN))
            .ok_or(BadFrame::Length)?;
        // RFC 4253 §6: packet_length ‖ padding_length ‖ payload ‖ padding is a multiple of the
        // block, or what follows packet_length where that is in clear (RFC 5647 §7.2).
        let over = packet_len
            .checked_sub(self.clear_len)
            .and_then(|in_blocks| in_blocks.checked_rem(self.block_len));
        if over != Some(0) {
            return Err(BadFrame::Length);
        }
        Ok(packet_len)
    }
}

/// Length of the payload in a packet with this padding_length; at least one byte.
pub(crate) fn payload_len(packet_len: usize, padding_length: u8) -> Result<usize, BadFrame> {
    let padding = usize::from(padding_length);
    if padding < PADDING_MIN {
        return Err(BadFrame::Padding);
    }
    packet_len
        .checked_sub(PREFIX_LEN)
        .and_then(|rest| rest.checked_sub(padding))
        .filter(|len| *len > 0)
        .ok_or(BadFrame::Padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before NEWKEYS, AES-GCM, chacha20-poly1305, AES-CTR with an -etm MAC.
    const SHAPES: [Shape; 4] = [
        Shape {
            block_len: 8,
            tag_len: 0,
            clear_len: 0,
        },
        Shape {
            block_len: 16,
            tag_len: 16,
            clear_len: 4,
        },
        Shape {
            block_len: 8,
            tag_len: 16,
            clear_len: 4,
        },
        Shape {
            block_len: 16,
            tag_len: 64,
            clear_len: 4,
        },
    ];

    #[test]
    fn what_we_frame_we_would_accept() {
        for shape in SHAPES {
            for len in 1..600 {
                let packet_len = shape.packet_len(len).unwrap();
                let padding = shape.padding_len(len).unwrap();
                assert!((4..=4 + 15).contains(&padding));
                let announced = u32::try_from(packet_len - 4).unwrap();
                assert_eq!(shape.announced(announced), Ok(packet_len));
                assert_eq!(payload_len(packet_len, padding), Ok(len));
                assert!(packet_len + shape.tag_len <= len + OVERHEAD_MAX);
            }
        }
    }

    #[test]
    fn packet_length_has_a_least_and_a_greatest_value_under_each_cipher() {
        // (least, below it, greatest, above it): multiples of the block, less what is in clear.
        let edges = [
            (12, 4, 34_996, 35_004),
            (16, 0, 34_992, 35_008),
            (8, 0, 35_000, 35_008),
            (16, 0, 34_992, 35_008),
        ];
        for (shape, (least, below, greatest, above)) in SHAPES.into_iter().zip(edges) {
            for good in [least, greatest] {
                assert_eq!(
                    shape.announced(good),
                    Ok(usize::try_from(good).unwrap() + 4)
                );
                for bad in [good - 1, good + 1] {
                    assert_eq!(
                        shape.announced(bad),
                        Err(BadFrame::Length),
                        "{shape:?} {bad}"
                    );
                }
            }
            for bad in [0, 1, 4, 5, below, above, 1 << 31, u32::MAX - 3, u32::MAX] {
                assert_eq!(
                    shape.announced(bad),
                    Err(BadFrame::Length),
                    "{shape:?} {bad}"
                );
            }
        }
    }

    #[test]
    fn every_padding_length_gives_a_payload_or_an_error() {
        for packet_len in 0..300 {
            for padding in 0..=255 {
                let expected = packet_len as i64 - 5 - i64::from(padding);
                let good = padding >= 4 && expected >= 1;
                match payload_len(packet_len, padding) {
                    Ok(len) => assert!(good && len as i64 == expected),
                    Err(bad) => assert!(!good && bad == BadFrame::Padding),
                }
            }
        }
    }

    #[test]
    fn a_hidden_length_is_that_of_a_multiple() {
        for shape in SHAPES {
            for len in 1..600_usize {
                let packet_len = shape.hiding_packet_len(len).unwrap();
                assert_eq!(
                    packet_len,
                    shape
                        .packet_len(len.div_ceil(HIDING_LEN) * HIDING_LEN)
                        .unwrap()
                );
                let padding = u8::try_from(packet_len - PREFIX_LEN - len).unwrap();
                assert!(usize::from(padding) >= PADDING_MIN);
                let announced = u32::try_from(packet_len - 4).unwrap();
                assert_eq!(shape.announced(announced), Ok(packet_len));
                assert_eq!(payload_len(packet_len, padding), Ok(len));
                assert!(packet_len + shape.tag_len <= len + HIDING_LEN + OVERHEAD_MAX);
            }
        }
    }

    #[test]
    fn a_length_that_no_packet_has_is_none() {
        for shape in SHAPES {
            assert_eq!(shape.packet_len(usize::MAX), None);
            assert_eq!(shape.packet_len(usize::MAX - 8), None);
            assert_eq!(shape.hiding_packet_len(usize::MAX), None);
        }
    }
}
