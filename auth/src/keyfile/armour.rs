//! The text around a key: marks, base64 between them (RFC 7468), and the headers that PEM may have.
//!
//! ```text
//!   anything, such as another tool's words, or a block that is no private key
//!   -----BEGIN RSA PRIVATE KEY-----
//!   Proc-Type: 4,ENCRYPTED              RFC 1421 headers, only where it is encrypted
//!   DEK-Info: AES-128-CBC,…
//!
//!   base64
//!   -----END RSA PRIVATE KEY-----
//!   anything
//! ```

use alloc::vec;
use alloc::vec::Vec;

use adit_crypto::Secret;
use adit_proto::Malformed;
use zeroize::Zeroizing;

use super::error::KeyFileError;
use crate::base64;
use crate::public_key::trim_start;

/// The label of OpenSSH's own format.
pub(super) const OPENSSH: &[u8] = b"OPENSSH PRIVATE KEY";

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// What every label of a private key ends with.
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY";
/// Some editors put it in front of a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Characters in a line of the text that ssh-keygen writes.
const TEXT_WIDTH: usize = 70;

/// What stands between two marks.
#[derive(Clone, Copy)]
pub(super) struct Armour<'a> {
    /// `OPENSSH PRIVATE KEY`, …
    pub(super) label: &'a [u8],
    body: &'a [u8],
}

impl<'a> Armour<'a> {
    /// The first private key of a text; `None` when it has none.
    pub(super) fn find(text: &'a [u8]) -> Option<Result<Self, Malformed>> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        text.split_inclusive(|b| *b == b'\n')
            .scan(text, |rest, line| {
                let from_here = *rest;
                *rest = rest.get(line.len()..).unwrap_or_default();
                Some(from_here)
            })
            .find_map(Self::at)
    }

    /// If a private key begins here.
    fn at(text: &'a [u8]) -> Option<Result<Self, Malformed>> {
        let behind = trim_start(text).strip_prefix(BEGIN)?;
        let line = behind.split(|b| *b == b'\n').next()?;
        let label = line.get(..position(line, DASHES)?)?;
        if !label.ends_with(PRIVATE_KEY) {
            return None;
        }
        let body = behind.get(label.len() + DASHES.len()..)?;
        let ends = |text: &[u8]| {
            text.strip_prefix(END)
                .and_then(|text| text.strip_prefix(label))
                .is_some_and(|text| text.starts_with(DASHES))
        };
        // The first dashes must be the end's: base64 has none.
        let Some(end) = position(body, DASHES) else {
            return Some(Err(Malformed::TooShort));
        };
        let (body, behind) = body.split_at_checked(end)?;
        Some(if ends(behind) {
            Ok(Self { label, body })
        } else {
            Err(Malformed::BadName)
        })
    }

    /// The bytes. What is left of a buffer when they are fewer than it was made for is wiped too.
    pub(super) fn decode(self) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        if position(self.body, b"Proc-Type:").is_some() {
            return Err(KeyFileError::EncryptedPem);
        }
        let characters = self.body.iter().filter(|b| !b.is_ascii_whitespace());
        let mut out = Zeroizing::new(vec![0; self.body.len() / 4 * 3]);
        let n =
            base64::decode_into(characters.copied(), &mut out).ok_or(KeyFileError::BadBase64)?;
        // Shortens without moving: nothing of it stays behind unwiped.
        out.truncate(n);
        Ok(out)
    }
}

/// The text of a file with these bytes in it.
pub(super) fn text(bytes: &[u8]) -> Secret {
    let base64 = Secret::new(base64::encode(bytes).into_bytes());
    let base64 = base64.expose();
    let line_ends = base64.len().div_ceil(TEXT_WIDTH);
    let marks = [BEGIN, END]
        .map(|mark| mark.len() + OPENSSH.len() + DASHES.len() + 1)
        .iter()
        .sum::<usize>();
    // As long as the result, so that it never moves and leaves a copy behind.
    let mut text = Vec::with_capacity(marks + base64.len() + line_ends);
    let mark = |text: &mut Vec<u8>, mark| {
        for part in [mark, OPENSSH, DASHES, b"\n"] {
            text.extend_from_slice(part);
        }
    };
    mark(&mut text, BEGIN);
    for line in base64.chunks(TEXT_WIDTH) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    mark(&mut text, END);
    Secret::new(text)
}

fn position(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
