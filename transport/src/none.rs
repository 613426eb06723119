//! What packets go through before the first NEWKEYS (RFC 4253 §6.3, §6.4): no encryption and no
//! tag. It has no name, so no negotiation can end in it.

use adit_crypto::{Open, Seal, Unspecified};

/// RFC 4253 §6: the block is eight bytes where the cipher has none.
const BLOCK_LEN: usize = 8;

/// The cipher before NEWKEYS.
pub(crate) struct NoCipher;

impl Seal for NoCipher {
    fn block_len(&self) -> usize {
        BLOCK_LEN
    }
    fn tag_len(&self) -> usize {
        0
    }
    fn clear_len(&self) -> usize {
        0
    }
    fn seal(&mut self, _seq: u32, _packet: &mut [u8], _tag: &mut [u8]) -> Result<(), Unspecified> {
        Ok(())
    }
}

impl Open for NoCipher {
    fn block_len(&self) -> usize {
        BLOCK_LEN
    }
    fn tag_len(&self) -> usize {
        0
    }
    fn clear_len(&self) -> usize {
        0
    }
    fn packet_length(&self, _seq: u32, first: [u8; 4]) -> u32 {
        u32::from_be_bytes(first)
    }
    fn open(&mut self, _seq: u32, _packet: &mut [u8], _tag: &[u8]) -> Result<(), Unspecified> {
        Ok(())
    }
}
