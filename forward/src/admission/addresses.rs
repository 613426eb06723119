//! A list of addresses, as PerSourcePenaltyExemptList has it: single ones, blocks (`192.0.2.0/24`),
//! patterns (`192.0.2.*`), and each of them with a `!` before it for those that are not meant.
//!
//! A pattern is compared with the address as it is printed. What is neither address, block nor
//! pattern, such as the name of a host, is a mistake: it would exempt nobody without saying so. Of a
//! pattern only the characters are looked at: `999.*` is taken, and nobody has such an address.
//!
//! A connection of IPv4 may come to a socket of IPv6 with an address in `::ffff:0:0/96` (RFC 4291
//! §2.5.5.2), and counts as what it is. A block within that one is therefore the block of IPv4. A
//! shorter one, such as `::/0`, is of IPv6 alone, though it holds those addresses, too: whoever
//! writes it means IPv6, and has `0.0.0.0/0` for the others.

use core::net::IpAddr;

use adit_proto::pattern::{Case, matches};

use super::source::{V4_BITS, V6_BITS, is_in_block};

/// The bits that all IPv4 addresses written as IPv6 share.
const MAPPED_BITS: u8 = V6_BITS - V4_BITS;

/// See the module.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddressList {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    means: Means,
    of: Addresses,
}

/// Whether an entry adds to the list or takes away from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Means {
    In,
    Out,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Addresses {
    Block { first: IpAddr, bits: u8 },
    Pattern(String),
}

/// An entry that is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadAddress;

impl AddressList {
    /// Reads what stands between commas. `none` is the empty list.
    ///
    /// # Errors
    /// [`BadAddress`] for an entry that is empty, not an address, a block with bits behind its
    /// length, a pattern of other characters than those of addresses.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        if text == "none" {
            return Ok(Self::default());
        }
        let entries: Result<Vec<Entry>, BadAddress> = text.split(',').map(entry).collect();
        entries.map(|entries| Self { entries })
    }

    /// Whether `address` is on it. An entry with `!` that matches decides, wherever it stands.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let address = address.to_canonical();
        let printed = address.to_string();
        let mut found = false;
        for entry in &self.entries {
            let matches = match &entry.of {
                Addresses::Block { first, bits } => is_in_block(address, *first, *bits),
                Addresses::Pattern(pattern) => {
                    matches(pattern.as_bytes(), printed.as_bytes(), Case::Folded)
                }
            };
            match (matches, entry.means) {
                (true, Means::Out) => return false,
                (true, Means::In) => found = true,
                (false, _) => {}
            }
        }
        found
    }
}

fn entry(text: &str) -> Result<Entry, BadAddress> {
    let (means, text) = match text.strip_prefix('!') {
        Some(rest) => (Means::Out, rest),
        None => (Means::In, text),
    };
    let is_pattern = text.contains(['*', '?']);
    let of = if is_pattern {
        let may_match = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':' | b'*' | b'?');
        if !text.bytes().all(may_match) {
            return Err(BadAddress);
        }
        Addresses::Pattern(text.to_owned())
    } else {
        block(text)?
    };
    Ok(Entry { means, of })
}

fn block(text: &str) -> Result<Addresses, BadAddress> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let first: IpAddr = address.parse().map_err(|_| BadAddress)?;
    let all = match first {
        IpAddr::V4(_) => V4_BITS,
        IpAddr::V6(_) => V6_BITS,
    };
    let bits = match bits {
        None => all,
        Some(digits) => {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(BadAddress);
            }
            digits.parse().map_err(|_| BadAddress)?
        }
    };
    // Otherwise it is not clear which block is meant; sshd refuses that, too.
    if bits > all || !is_in_block(first, first, bits) {
        return Err(BadAddress);
    }
    Ok(
        match (first.to_canonical(), bits.checked_sub(MAPPED_BITS)) {
            (first @ IpAddr::V4(_), Some(bits)) => Addresses::Block { first, bits },
            _ => Addresses::Block { first, bits },
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(list: &str, address: &str) -> bool {
        let list = AddressList::parse(list).unwrap();
        list.has(address.parse().unwrap())
    }

    #[test]
    fn a_list_has_addresses_blocks_and_patterns() {
        for (list, address, expected) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "192.0.2.1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::1,127.0.0.0/8", "127.1.2.3", true),
            ("192.0.2.*", "192.0.2.77", true),
            ("192.0.2.?", "192.0.2.77", false),
            ("2001:DB8:*", "2001:db8::1", true),
            ("!192.0.2.9,192.0.2.0/24", "192.0.2.9", false),
            ("192.0.2.0/24,!192.0.2.9", "192.0.2.9", false),
            ("192.0.2.0/24,!192.0.2.9", "192.0.2.8", true),
            ("!192.0.2.9", "192.0.2.8", false),
            ("none", "192.0.2.8", false),
        ] {
            assert_eq!(has(list, address), expected, "{address} in {list}");
        }
        assert!(!AddressList::default().has("::".parse().unwrap()));
    }

    #[test]
    fn a_block_of_ipv4_written_as_ipv6_is_one_of_ipv4() {
        for (list, address, expected) in [
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.2", false),
            ("::ffff:c000:200/120", "192.0.2.255", true),
            ("::ffff:c000:200/120", "192.0.3.0", false),
            ("::ffff:0:0/97", "127.255.255.255", true),
            ("::ffff:0:0/97", "128.0.0.0", false),
            ("::ffff:0:0/96", "198.51.100.1", true),
            ("::ffff:0:0/96", "::1", false),
            ("!::ffff:192.0.2.9,192.0.2.0/24", "192.0.2.9", false),
            ("!::ffff:192.0.2.9,192.0.2.0/24", "192.0.2.8", true),
            // A bit shorter: of IPv6, and the addresses beside those of IPv4 are in it.
            ("::fffe:0:0/95", "192.0.2.1", false),
            ("::fffe:0:0/95", "::fffe:0:1", true),
            ("::/80", "192.0.2.1", false),
        ] {
            assert_eq!(has(list, address), expected, "{address} in {list}");
        }
        for list in ["::ffff:192.0.2.1/120", "::ffff:0:0/95", "::ffff:0:0/129"] {
            assert_eq!(AddressList::parse(list), Err(BadAddress), "{list}");
        }
    }

    #[test]
    fn what_is_no_address_block_or_pattern_is_a_mistake() {
        for text in [
            "",
            ",",
            "192.0.2.1,",
            ",192.0.2.1",
            "!",
            "!!192.0.2.1",
            "192.0.2",
            "192.0.2.1/",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+24",
            "192.0.2.0/256",
            "192.0.2.1/24",
            "2001:db8::/129",
            "2001:db8::1/32",
            "fe80::1%eth0",
            "example.com",
            "*.example.com",
            "192.0.2.0/24*",
            " 192.0.2.1",
            "none,192.0.2.1",
        ] {
            assert_eq!(AddressList::parse(text), Err(BadAddress), "{text:?}");
        }
    }
}
