//! Host names as applications give them.

use core::net::Ipv6Addr;

use super::Refusal;

/// Longest name. A byte counts its length in SOCKS 5 (RFC 1928 §5), and DNS has names of 253
/// (RFC 1035 §2.3.4).
pub const NAME_MAX: usize = 255;

/// Takes what could be a host's name or address. It is not looked up here and the server decides what
/// it means; but a blank or a control character is in none, and would be in lines of a log.
pub(super) fn host(name: &[u8]) -> Result<Box<[u8]>, Refusal> {
    let name = unbracketed(name);
    let is_fit = |byte: &u8| *byte > b' ' && *byte != 0x7f;
    if !(1..=NAME_MAX).contains(&name.len()) || !name.iter().all(is_fit) {
        return Err(Refusal::BadHost);
    }
    Ok(name.into())
}

/// An IPv6 address without the brackets that it has in a URL, which some applications leave there.
fn unbracketed(name: &[u8]) -> &[u8] {
    let inside = name.strip_prefix(b"[").and_then(|n| n.strip_suffix(b"]"));
    inside.filter(|text| is_ipv6(text)).unwrap_or(name)
}

pub(super) fn is_ipv6(text: &[u8]) -> bool {
    core::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// A port that can be connected to.
pub(super) fn port(port: u16) -> Result<u16, Refusal> {
    match port {
        0 => Err(Refusal::BadPort),
        port => Ok(port),
    }
}
