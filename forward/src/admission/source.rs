//! Where a connection comes from: its address, or the block that it lies in (sshd's
//! PerSourceNetBlockSize). Arithmetic only.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits of an IPv4 address.
pub const V4_BITS: u8 = 32;
/// Bits of an IPv6 address.
pub const V6_BITS: u8 = 128;

/// How many leading bits of an address tell sources apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NetBlocks {
    v4: u8,
    v6: u8,
}

impl Default for NetBlocks {
    /// sshd's 32:128: each address is a source of its own.
    fn default() -> Self {
        Self {
            v4: V4_BITS,
            v6: V6_BITS,
        }
    }
}

impl NetBlocks {
    /// `None` when an address has not as many bits. With 0 a whole family is one source.
    #[must_use]
    pub const fn new(v4: u8, v6: u8) -> Option<Self> {
        if v4 <= V4_BITS && v6 <= V6_BITS {
            Some(Self { v4, v6 })
        } else {
            None
        }
    }

    /// The source of a connection from `address`. An IPv4 address written as one of IPv6 is the
    /// same source as itself.
    #[must_use]
    pub fn source(self, address: IpAddr) -> Source {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let host_bits = u32::from(V4_BITS - self.v4);
                Source::V4(block_v4(address.to_bits(), host_bits))
            }
            IpAddr::V6(address) => {
                let host_bits = u32::from(V6_BITS - self.v6);
                Source::V6(block_v6(address.to_bits(), host_bits))
            }
        }
    }

    /// `192.0.2.1/32`: an address and how much of it counts, as sshd's log has it.
    #[must_use]
    pub fn told(self, address: IpAddr) -> AddressAndBits {
        let address = address.to_canonical();
        let bits = match address {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        };
        AddressAndBits { address, bits }
    }
}

// A shift by all bits is none in Rust: `checked_shl` says so.
fn block_v4(bits: u32, host_bits: u32) -> u32 {
    u32::MAX.checked_shl(host_bits).unwrap_or(0) & bits
}

fn block_v6(bits: u128, host_bits: u32) -> u128 {
    u128::MAX.checked_shl(host_bits).unwrap_or(0) & bits
}

/// The first address of a block: the key under which a source is counted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// Of IPv4.
    V4(u32),
    /// Of IPv6.
    V6(u128),
}

/// An address and how many of its bits count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressAndBits {
    /// The whole address.
    pub address: IpAddr,
    /// The leading bits that count.
    pub bits: u8,
}

impl fmt::Display for AddressAndBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Whether an address lies in the block of another's first bits, and of its family.
pub(super) fn is_in_block(address: IpAddr, block: IpAddr, bits: u8) -> bool {
    match (address, block) {
        (IpAddr::V4(address), IpAddr::V4(block)) => {
            let host_bits = u32::from(V4_BITS.saturating_sub(bits));
            block_v4(address.to_bits(), host_bits) == block.to_bits()
        }
        (IpAddr::V6(address), IpAddr::V6(block)) => {
            let host_bits = u32::from(V6_BITS.saturating_sub(bits));
            block_v6(address.to_bits(), host_bits) == block.to_bits()
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

impl Source {
    /// The first address of the block.
    #[must_use]
    pub const fn first_address(self) -> IpAddr {
        match self {
            Self::V4(bits) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            Self::V6(bits) => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(v4: u8, v6: u8, address: &str) -> String {
        let blocks = NetBlocks::new(v4, v6).unwrap();
        let source = blocks.source(address.parse().unwrap());
        source.first_address().to_string()
    }

    #[test]
    fn a_source_is_the_block_that_an_address_lies_in() {
        for (v4, v6, address, expected) in [
            (32, 128, "192.0.2.255", "192.0.2.255"),
            (31, 128, "192.0.2.255", "192.0.2.254"),
            (24, 128, "192.0.2.255", "192.0.2.0"),
            (1, 128, "192.0.2.255", "128.0.0.0"),
            (0, 128, "192.0.2.255", "0.0.0.0"),
            (32, 128, "2001:db8::ffff", "2001:db8::ffff"),
            (32, 127, "2001:db8::ffff", "2001:db8::fffe"),
            (32, 64, "2001:db8:0:1:2:3:4:5", "2001:db8:0:1::"),
            (32, 1, "ffff::", "8000::"),
            (32, 0, "ffff::", "::"),
            (24, 64, "::ffff:192.0.2.255", "192.0.2.0"),
        ] {
            assert_eq!(first(v4, v6, address), expected, "{address} /{v4} /{v6}");
        }
    }

    #[test]
    fn the_families_never_meet() {
        let blocks = NetBlocks::new(0, 0).unwrap();
        let source = |address: &str| blocks.source(address.parse().unwrap());
        assert_ne!(source("0.0.0.0"), source("::"));
        assert_eq!(source("1.2.3.4"), source("200.1.1.1"));
        assert_eq!(source("::1"), source("fe80::1"));
    }

    #[test]
    fn a_block_has_as_many_bits_as_an_address_at_most() {
        assert!(NetBlocks::new(32, 128).is_some());
        assert!(NetBlocks::new(33, 128).is_none());
        assert!(NetBlocks::new(32, 129).is_none());
        assert_eq!(NetBlocks::new(32, 128), Some(NetBlocks::default()));
    }
}
