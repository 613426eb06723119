//! The least that is well-formed of each message number.

use adit_crypto::encoded;
use adit_proto::msg::KexEcdhInit;

use super::channels::{Sizes, open};
use super::login::request;

/// `string` (RFC 4251 §5).
#[must_use]
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("a length");
    [&len.to_be_bytes(), bytes].concat()
}

/// The messages whose last field is whatever is left, so that more bytes are still one. The data
/// of CHANNEL_OPEN has an end, but only who knows the channel's type knows where.
pub const IS_OPEN_ENDED: &[u8] = &[50, 80, 81, 90, 91, 98];

/// A message of that number with the least that it must hold: empty strings and lists, and
/// `channel` where there is one. Numbers that no RFC here defines hold an empty string. KEXINIT and
/// KEX_ECDH_REPLY cannot be made up; what is here is garbled.
#[must_use]
pub fn minimal(number: u8, channel: u32) -> Vec<u8> {
    let id = channel.to_be_bytes();
    let empty: &[u8] = &[0; 4];
    let fields: &[&[u8]] = match number {
        // Reason and two strings; two strings and a boolean, and so on.
        1 => &[&11_u32.to_be_bytes(), empty, empty],
        4 => &[&[0], empty, empty],
        5 | 6 => &[&string(b"ssh-userauth")],
        20 => &[&[0; 16], &[0; 40], &[0; 5]],
        21 | 52 | 82 => &[],
        30 => return encoded(&KexEcdhInit { q_c: &[7; 32] }),
        31 => &[empty, &string(&[7; 32]), empty],
        50 => return request(b"none", b""),
        51 => &[empty, &[0]],
        53 => &[empty, empty],
        // PK_OK and PASSWD_CHANGEREQ are two strings.
        60 => &[empty, empty],
        80 => &[&string(b"x"), &[1]],
        81 => &[],
        90 => return open(7, Sizes::USUAL),
        91 => &[&id, &7_u32.to_be_bytes(), &[0, 0, 1, 0], &[0, 0, 1, 0]],
        92 => &[&id, &1_u32.to_be_bytes(), empty, empty],
        93 => &[&id, &1_u32.to_be_bytes()],
        94 => &[&id, empty],
        95 => &[&id, &1_u32.to_be_bytes(), empty],
        96 | 97 | 99 | 100 => &[&id],
        98 => &[&id, &string(b"x"), &[1]],
        _ => &[empty],
    };
    [&[number][..], &fields.concat()].concat()
}
