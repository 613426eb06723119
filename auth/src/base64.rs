//! base64 as in key files (RFC 4648 §4): standard alphabet, padded, and canonical, so that one
//! value has one form.
//!
//! Private keys pass through here, so characters are turned into values by arithmetic: no table
//! is indexed by a secret, and all of a decoded value is written into one buffer of its final size.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// How long the text of `len` bytes is.
#[must_use]
pub const fn encoded_len(len: usize) -> usize {
    len.div_ceil(3).saturating_mul(4)
}

/// The text of these bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(encoded_len(bytes.len()));
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        for (to, from) in group.iter_mut().zip(chunk) {
            *to = *from;
        }
        let [a, b, c] = group;
        let sextets = [a >> 2, (a << 4) | (b >> 4), (b << 2) | (c >> 6), c];
        for (i, sextet) in sextets.into_iter().enumerate() {
            // 1 byte gives 2 characters, 2 give 3, 3 give 4.
            let is_padding = i > chunk.len();
            text.push(if is_padding {
                '='
            } else {
                character(sextet & 0x3f)
            });
        }
    }
    text
}

/// The bytes of this text; `None` unless it is exactly what [`encode`] makes of them.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; text.len() / 4 * 3];
    let len = decode_into(text.iter().copied(), &mut out)?;
    out.truncate(len);
    Some(out)
}

/// Decodes characters into a buffer that has room for them, and returns how many bytes it wrote.
/// `None` when the text is not base64, or the buffer is too short; it is then part filled.
pub(crate) fn decode_into(text: impl IntoIterator<Item = u8>, out: &mut [u8]) -> Option<usize> {
    let mut text = text.into_iter();
    let mut out = out.iter_mut();
    let mut len = 0_usize;
    let mut put = |byte: u8| {
        *out.next()? = byte;
        len += 1;
        Some(())
    };
    loop {
        let Some(first) = text.next() else {
            return Some(len);
        };
        let (first, second) = (value(first)?, value(text.next()?)?);
        let (third, fourth) = (text.next()?, text.next()?);
        put((first << 2) | (second >> 4))?;
        if third == b'=' {
            // Bits that no byte takes must be zero, or two texts would mean the same.
            let is_end = fourth == b'=' && second & 0x0f == 0 && text.next().is_none();
            return is_end.then_some(len);
        }
        let third = value(third)?;
        put((second << 4) | (third >> 2))?;
        if fourth == b'=' {
            let is_end = third & 0x03 == 0 && text.next().is_none();
            return is_end.then_some(len);
        }
        put((third << 6) | value(fourth)?)?;
    }
}

/// The character of a value below 64.
fn character(sextet: u8) -> char {
    // Each step adds the gap between two ranges of the alphabet once the value lies past it.
    let past = |limit: u8, gap: u8| is_less(limit, sextet) & gap;
    let code = sextet
        .wrapping_add(b'A')
        .wrapping_add(past(25, b'a' - b'Z' - 1))
        .wrapping_add(past(51, b'0'.wrapping_sub(b'z' + 1)))
        .wrapping_add(past(61, b'+'.wrapping_sub(b'9' + 1)))
        .wrapping_add(past(62, b'/' - b'+' - 1));
    char::from(code)
}

/// The value of a character of the alphabet.
fn value(character: u8) -> Option<u8> {
    let within = |first: u8, last: u8, value: u8| {
        let is_within = !is_less(character, first) & !is_less(last, character);
        is_within
            & character
                .wrapping_sub(first)
                .wrapping_add(value)
                .wrapping_add(1)
    };
    // At most one of these is not zero; values are one more than they mean, so that 0 is none.
    let found = within(b'A', b'Z', 0)
        | within(b'a', b'z', 26)
        | within(b'0', b'9', 52)
        | within(b'+', b'+', 62)
        | within(b'/', b'/', 63);
    found.checked_sub(1)
}

/// All ones when `a < b`, else zero, without a branch.
const fn is_less(a: u8, b: u8) -> u8 {
    let [high, _] = (a as u16).wrapping_sub(b as u16).to_be_bytes();
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).unwrap(), bytes.as_bytes());
            assert_eq!(encoded_len(bytes.len()), text.len());
        }
    }

    #[test]
    fn every_character_of_the_alphabet_has_its_value_and_no_other_has_one() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for character in 0..=255 {
            let at = alphabet.iter().position(|a| *a == character);
            assert_eq!(value(character).map(usize::from), at, "{character}");
        }
        for (i, expected) in (0..64).zip(alphabet) {
            assert_eq!(character(i), char::from(*expected));
        }
    }

    #[test]
    fn every_length_comes_back_and_no_truncation_does() {
        let bytes: Vec<u8> = (0..=255).collect();
        for n in 0..bytes.len() {
            let text = encode(&bytes[..n]);
            assert_eq!(decode(text.as_bytes()).unwrap(), &bytes[..n]);
            for cut in 0..text.len() {
                let shorter = decode(&text.as_bytes()[..cut]);
                assert!(shorter.is_none_or(|s| cut % 4 == 0 && s == bytes[..cut / 4 * 3]));
            }
        }
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        for wrong in [
            "Zg=", "Zg", "Z", "Zg===", "Zh==", "Zm9=", "Zg==Zg==", "====", "Z===", "=g==", "Zm 9v",
            "Zm9v\n", "Zm-_", "Zm8=Z", "Zm8=Zm9v",
        ] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_buffer_too_short_is_an_error() {
        assert_eq!(decode_into(*b"Zm9v", &mut [0; 2]), None);
        assert_eq!(decode_into(*b"Zm9v", &mut [0; 3]), Some(3));
        assert_eq!(decode_into(*b"Zm9v", &mut [0; 4]), Some(3));
    }
}
