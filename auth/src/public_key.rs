//! A public key as people keep it: `ssh-ed25519 AAAA… comment`, in a `.pub` file, in
//! authorized_keys and, behind the host names, in known_hosts.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use adit_proto::blob::{
    NistCurve, RsaKeyBlob, RsaPublic, SSH_ED25519, SSH_RSA, blob_name, ecdsa_public, ed25519_public,
};
use adit_proto::{Decode as _, Reader, is_name};

use crate::base64;

/// A public key and what is written behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey<'a> {
    /// `ssh-ed25519`, …; the blob's own name, too.
    pub key_type: &'a [u8],
    /// The key.
    pub blob: Vec<u8>,
    /// The rest of the line, without the blanks around it.
    pub comment: &'a [u8],
}

/// Why some text is no public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadPublicKey {
    /// The second word is not base64.
    BadBase64,
    /// The key itself is not one of its type.
    BadKey,
    /// There are no two words, or the first cannot be a key type.
    NoKey,
    /// The key says that it is of another type than the line does.
    TypeMismatch,
}

impl<'a> PublicKey<'a> {
    /// From one line without its end. Blanks in front are skipped.
    ///
    /// # Errors
    /// [`BadPublicKey`].
    pub fn parse(line: &'a [u8]) -> Result<Self, BadPublicKey> {
        let (key_type, rest) = split_word(line);
        let (text, comment) = split_word(rest);
        if !is_name(key_type) || text.is_empty() {
            return Err(BadPublicKey::NoKey);
        }
        let blob = base64::decode(text).ok_or(BadPublicKey::BadBase64)?;
        if blob_name(&blob).map_err(|_| BadPublicKey::BadKey)? != key_type {
            return Err(BadPublicKey::TypeMismatch);
        }
        if key_type == SSH_ED25519 && ed25519_public(&blob).is_err() {
            return Err(BadPublicKey::BadKey);
        }
        Ok(Self {
            key_type,
            blob,
            comment: trim(comment),
        })
    }

    /// From a `.pub` file: its first line that is neither empty nor a comment.
    ///
    /// # Errors
    /// [`BadPublicKey`].
    pub fn parse_file(content: &'a [u8]) -> Result<Self, BadPublicKey> {
        let line = lines(content)
            .map(|(_, line)| line)
            .find(|line| !is_idle(line));
        Self::parse(line.ok_or(BadPublicKey::NoKey)?)
    }
}

/// The line of a key, with its end. What is not printable in the comment is left out.
///
/// # Errors
/// [`BadPublicKey::BadKey`] when the blob has no type.
pub fn to_line(key_blob: &[u8], comment: &str) -> Result<String, BadPublicKey> {
    let key_type = blob_name(key_blob)
        .ok()
        .and_then(|name| core::str::from_utf8(name).ok())
        .ok_or(BadPublicKey::BadKey)?;
    let mut line = String::from(key_type);
    line.push(' ');
    line.push_str(&base64::encode(key_blob));
    let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
    let comment = comment.trim();
    if !comment.is_empty() {
        line.push(' ');
        line.push_str(comment);
    }
    line.push('\n');
    Ok(line)
}

/// How many bits a key has, as `ssh-keygen -l` counts them: the curve's, or those of the number that
/// an RSA or DSA key is as strong as. `None` for a type that is not known, and a key that is not of
/// its type's form.
#[must_use]
pub fn bits(key_blob: &[u8]) -> Option<usize> {
    let name = blob_name(key_blob).ok()?;
    if NistCurve::of_key_type(name).is_some() {
        let curve = ecdsa_public(key_blob).ok()?.curve;
        return Some(curve.field_len().saturating_mul(8));
    }
    Some(match name {
        SSH_ED25519 => ed25519_public(key_blob).ok()?.len().saturating_mul(8),
        b"sk-ssh-ed25519@openssh.com" | b"sk-ecdsa-sha2-nistp256@openssh.com" => 256,
        b"ecdsa-sha2-nistp521" => 521,
        SSH_RSA => {
            let RsaKeyBlob { e, n, .. } = RsaKeyBlob::decode(key_blob).ok()?;
            let (e, n) = (e.magnitude(), n.magnitude());
            RsaPublic { e, n }.bits()
        }
        b"ssh-dss" => {
            let mut reader = Reader::new(key_blob);
            let _name = reader.string().ok()?;
            let p = reader.mpint().ok()?.magnitude();
            RsaPublic { e: &[], n: p }.bits()
        }
        _ => return None,
    })
}

/// The lines of a file with their numbers from 1, without LF or CR LF.
pub(crate) fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = content;
    let mut number = 0_usize;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = line_len(rest);
        let (line, behind) = rest.split_at_checked(end)?;
        rest = behind.get(1..).unwrap_or_default();
        number = number.saturating_add(1);
        Some((number, line.strip_suffix(b"\r").unwrap_or(line)))
    })
}

/// How many bytes stand before the first LF. Eight at a time, since known_hosts can be long and
/// nothing else of most of its lines is read.
fn line_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    const LFS: u64 = u64::from_ne_bytes([b'\n'; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        // A byte is zero where there is an LF; only then does subtracting borrow from its top bit.
        let zero = u64::from_le_bytes(*word) ^ LFS;
        let found = zero.wrapping_sub(ONES) & !zero & HIGHS;
        if found != 0 {
            let before = usize::try_from(found.trailing_zeros() / 8).unwrap_or_default();
            return i.saturating_mul(8).saturating_add(before);
        }
    }
    let last = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    (bytes.len() - rest.len()).saturating_add(last)
}

/// The first word, between SP and TAB alone, and what is behind it.
pub(crate) fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = trim_start(line);
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    line.split_at_checked(end).unwrap_or((line, &[]))
}

/// Whether a line is empty or a comment.
pub(crate) fn is_idle(line: &[u8]) -> bool {
    matches!(trim_start(line).first(), None | Some(b'#'))
}

const fn is_blank(byte: &u8) -> bool {
    matches!(*byte, b' ' | b'\t')
}

pub(crate) fn trim_start(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = line {
        line = rest;
    }
    line
}

fn trim(line: &[u8]) -> &[u8] {
    let mut line = trim_start(line);
    while let [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

impl fmt::Display for BadPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadBase64 => "the key is not base64",
            Self::BadKey => "the key is malformed",
            Self::NoKey => "no key",
            Self::TypeMismatch => "the key is of another type than the line says",
        })
    }
}

impl core::error::Error for BadPublicKey {}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::tests::{ed25519_blob, mutate};
    use adit_testkit::dice::Dice;

    #[test]
    fn a_line_comes_back_as_written() {
        let blob = ed25519_blob(7);
        for (comment, expected) in [("", ""), ("bob@host", "bob@host"), ("a b\nc", "a bc")] {
            let line = to_line(&blob, comment).unwrap();
            let key = PublicKey::parse_file(line.as_bytes()).unwrap();
            assert_eq!(key.key_type, b"ssh-ed25519");
            assert_eq!(key.blob, blob);
            assert_eq!(key.comment, expected.as_bytes());
        }
    }

    #[test]
    fn blanks_comments_and_line_ends_are_no_hindrance() {
        let line = to_line(&ed25519_blob(7), "").unwrap();
        let line = line.trim_end();
        for content in [
            format!("# comment\r\n\r\n \t{line}\r\n"),
            format!("\n\n{line}"),
            line.replace(' ', "\t \t"),
            format!("{line} \t"),
        ] {
            let key = PublicKey::parse_file(content.as_bytes()).unwrap();
            assert_eq!((key.blob, key.comment), (ed25519_blob(7), &b""[..]));
        }
    }

    #[test]
    fn a_key_of_any_type_is_read_and_has_its_bits() {
        for (file, key_type, count) in [
            (
                include_bytes!("../tests/data/ecdsa256.pub").as_slice(),
                "ecdsa-sha2-nistp256",
                256,
            ),
            (
                include_bytes!("../tests/data/ecdsa384.pub"),
                "ecdsa-sha2-nistp384",
                384,
            ),
            (include_bytes!("../tests/data/rsa.pub"), "ssh-rsa", 2048),
        ] {
            let key = PublicKey::parse_file(file).unwrap();
            assert_eq!(key.key_type, key_type.as_bytes());
            assert_eq!(key.comment, b"bob@example.com");
            assert_eq!(bits(&key.blob), Some(count));
            // Of another form than its type has: a byte more, a byte less.
            for blob in [
                &[&key.blob[..], &[0]].concat(),
                &key.blob[..key.blob.len() - 1],
            ] {
                let line = format!("{key_type} {}", base64::encode(blob));
                let parsed = PublicKey::parse(line.as_bytes());
                assert!(
                    parsed.is_ok_and(|key| bits(&key.blob).is_none()),
                    "{key_type}"
                );
            }
        }
        for (file, count) in [
            (include_bytes!("../tests/data/dsa").as_slice(), 1024),
            (include_bytes!("../tests/data/rsa1024"), 1024),
            (include_bytes!("../tests/data/ecdsa521"), 521),
        ] {
            let blob = crate::keyfile::public_blob(file).unwrap();
            let line = to_line(&blob, "").unwrap();
            let key = PublicKey::parse_file(line.as_bytes()).unwrap();
            assert_eq!(bits(&key.blob), Some(count));
        }
        assert_eq!(bits(&ed25519_blob(7)), Some(256));
        // Some other type is some other program's to understand.
        let line = format!("other {}", base64::encode(b"\0\0\0\x05otherany"));
        let key = PublicKey::parse(line.as_bytes()).unwrap();
        assert_eq!(bits(&key.blob), None);
    }

    #[test]
    fn only_space_and_tab_separate() {
        let line = to_line(&ed25519_blob(7), "").unwrap();
        for other in ["\u{b}", "\u{c}", "\u{a0}", "\r", "\0"] {
            let line = line.trim_end().replace(' ', other);
            assert!(PublicKey::parse(line.as_bytes()).is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_declared_type_must_be_the_keys_own() {
        let line = to_line(&ed25519_blob(7), "").unwrap();
        for (line, why) in [
            (
                line.replace("ssh-ed25519", "ssh-rsa"),
                BadPublicKey::TypeMismatch,
            ),
            (
                line.replace("ssh-ed25519", "SSH-ED25519"),
                BadPublicKey::TypeMismatch,
            ),
            (line.replace("ssh-ed25519 ", ""), BadPublicKey::NoKey),
            (line.replace("AAAA", "AAA="), BadPublicKey::BadBase64),
            (
                format!("x,y {}", base64::encode(b"\0\0\0\x03x,y")),
                BadPublicKey::NoKey,
            ),
            (
                format!("ssh-ed25519 {}", base64::encode(b"\0\0\0\x0bssh-ed25519")),
                BadPublicKey::BadKey,
            ),
            (
                format!("ssh-ed25519 {}", base64::encode(b"")),
                BadPublicKey::NoKey,
            ),
            (
                format!("ssh-ed25519 {}", base64::encode(b"\0\0")),
                BadPublicKey::BadKey,
            ),
        ] {
            assert_eq!(
                PublicKey::parse(line.trim_end().as_bytes()),
                Err(why),
                "{line}"
            );
        }
    }

    #[test]
    fn no_truncation_is_the_key() {
        let line = to_line(&ed25519_blob(7), "").unwrap();
        let line = line.trim_end().as_bytes();
        for n in 0..line.len() {
            assert!(PublicKey::parse(&line[..n]).is_err());
        }
    }

    #[test]
    fn mutated_lines_never_panic() {
        let mut dice = Dice::new(12);
        let line = to_line(&ed25519_blob(7), "comment").unwrap();
        for _ in 0..20_000 {
            let mutated = mutate(&mut dice, line.as_bytes());
            let _ = PublicKey::parse_file(&mutated);
        }
    }

    #[test]
    fn a_line_ends_at_its_first_lf_wherever_that_is() {
        let mut dice = Dice::new(19);
        for len in 0..64 {
            for _ in 0..200 {
                // Bytes around LF and with the top bit set: what the arithmetic could confuse.
                let line: Vec<u8> = (0..len)
                    .map(|_| b"\n\x09\x0b\x8a\x89\x00\xff\x0a"[dice.below(7 + len % 2)])
                    .collect();
                let expected = line.iter().position(|b| *b == b'\n').unwrap_or(len);
                assert_eq!(line_len(&line), expected);
            }
            let none = alloc::vec![0x8a; len];
            assert_eq!(line_len(&none), len);
        }
    }

    #[test]
    fn lines_are_numbered_from_one_and_the_last_needs_no_end() {
        let numbered: Vec<_> = lines(b"a\n\nb\r\nc").collect();
        assert_eq!(numbered, [(1, &b"a"[..]), (2, b""), (3, b"b"), (4, b"c")]);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"\n").count(), 1);
    }
}
