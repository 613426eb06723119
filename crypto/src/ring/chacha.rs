//! chacha20-poly1305@openssh.com where there are two that give the same bytes: ring's, and that of
//! the crates which the provider `pure` has, built with AVX-512 (`.cargo/config.toml`). On a
//! processor that has it these seal long packets half as fast again, and lose with short ones.

use core::arch::x86_64::{__cpuid, __cpuid_count};

use super::aead;
use crate::chacha::{self, ChaChaPoly};
use crate::chacha_crates;
use crate::provider::Unspecified;

/// Length of the shortest packet that the crates seal. Measured as `adit-micro` of bench/ does: at 2
/// and at 4 KiB ring is the faster one yet, from 16 KiB on they are.
const WIDE_FROM: usize = 8192;

/// The leaf of cpuid with a processor's newer features, and in EBX the two that chacha20 asks for
/// before it takes its AVX-512 (Intel, SDM volume 2, CPUID).
const FEATURES_LEAF: u32 = 7;
const AVX512F: u32 = 1 << 16;
const AVX512VL: u32 = 1 << 31;

/// Both, under the same keys.
pub(super) struct ChaCha {
    narrow: aead::ChaCha,
    wide: Option<chacha_crates::ChaCha>,
}

/// Whether this processor has what makes the crates faster. Where the system has switched it off
/// they take something slower, and all is still right.
fn is_wide() -> bool {
    let (highest_leaf, both) = (__cpuid(0).eax, AVX512F | AVX512VL);
    highest_leaf >= FEATURES_LEAF && __cpuid_count(FEATURES_LEAF, 0).ebx & both == both
}

impl ChaCha {
    fn wide_for(&self, packet: &[u8]) -> Option<&chacha_crates::ChaCha> {
        self.wide.as_ref().filter(|_| packet.len() >= WIDE_FROM)
    }
}

impl ChaChaPoly for ChaCha {
    fn new(key: &[u8; chacha::KEY_LEN]) -> Self {
        Self {
            narrow: aead::ChaCha::new(key),
            wide: is_wide().then(|| chacha_crates::ChaCha::new(key)),
        }
    }

    fn seal(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &mut [u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        match self.wide_for(packet) {
            Some(wide) => wide.seal(seq, packet, tag),
            None => self.narrow.seal(seq, packet, tag),
        }
    }

    fn packet_length(&self, seq: u32, first: [u8; 4]) -> [u8; 4] {
        self.narrow.packet_length(seq, first)
    }

    fn open(
        &self,
        seq: u32,
        packet: &mut [u8],
        tag: &[u8; chacha::TAG_LEN],
    ) -> Result<(), Unspecified> {
        match self.wide_for(packet) {
            Some(wide) => wide.open(seq, packet, tag),
            None => self.narrow.open(seq, packet, tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn both_give_the_same_bytes_and_open_each_others_whatever_the_length() {
        let key = core::array::from_fn(|n| n.to_le_bytes()[0]);
        // Whatever this processor has.
        let both = ChaCha {
            narrow: aead::ChaCha::new(&key),
            wide: Some(chacha_crates::ChaCha::new(&key)),
        };
        let narrow = ChaCha {
            narrow: aead::ChaCha::new(&key),
            wide: None,
        };
        for len in [16, WIDE_FROM - 1, WIDE_FROM, WIDE_FROM + 1, 32 * 1024] {
            assert_eq!(both.wide_for(&vec![0; len]).is_some(), len >= WIDE_FROM);
            // ring asserts that packet_length is there, which is all that it looks at.
            let clear: vec::Vec<u8> = (0..len).map(|n| (n % 251).to_le_bytes()[0]).collect();
            let (mut one, mut other) = (clear.clone(), clear.clone());
            let (mut tag, mut other_tag) = ([0; 16], [0; 16]);
            both.seal(7, &mut one, &mut tag).unwrap();
            narrow.seal(7, &mut other, &mut other_tag).unwrap();
            assert!(one == other && tag == other_tag, "{len}");
            both.open(7, &mut other, &tag).unwrap();
            narrow.open(7, &mut one, &tag).unwrap();
            assert!(one == other && one[4..] == clear[4..], "{len}");
            one[len - 1] ^= 1;
            assert!(both.open(7, &mut one, &tag).is_err(), "{len}");
        }
    }

    #[test]
    fn a_direction_costs_less_than_half_a_kilobyte() {
        assert!(size_of::<ChaCha>() <= 512, "{}", size_of::<ChaCha>());
    }
}
