//! The fingerprint of a key: SHA-256 of its blob, in the form that `ssh-keygen -l` prints.

use core::fmt;

use adit_crypto::{Provider, digest};

use crate::base64;

/// Length of a SHA-256.
const LEN: usize = 32;
/// Length of its base64 form without padding: 43 characters.
const TEXT_LEN: usize = 43;
const PREFIX: &[u8] = b"SHA256:";

/// `SHA256:…`
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Fingerprint([u8; LEN]);

impl Fingerprint {
    /// Of a public key blob.
    #[must_use]
    pub fn of(provider: &Provider, key_blob: &[u8]) -> Self {
        let hash = digest(provider.sha256, &[key_blob]);
        let mut out = [0; LEN];
        for (to, from) in out.iter_mut().zip(&hash) {
            *to = *from;
        }
        Self(out)
    }

    /// From what a person typed or pasted: `SHA256:` and 43 characters, with or without the `=`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(PREFIX)?;
        let text = text.strip_suffix(b"=").unwrap_or(text);
        let mut padded = [b'='; TEXT_LEN + 1];
        let (characters, _) = padded.split_at_mut_checked(TEXT_LEN)?;
        if text.len() != TEXT_LEN {
            return None;
        }
        characters.copy_from_slice(text);
        let bytes = base64::decode(&padded)?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = base64::encode(&self.0);
        write!(f, "SHA256:{}", text.trim_end_matches('='))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..=255_u8 {
            let fingerprint = Fingerprint([seed; LEN]);
            let text = fingerprint.to_string();
            assert_eq!(text.len(), PREFIX.len() + TEXT_LEN);
            assert_eq!(Fingerprint::parse(text.as_bytes()), Some(fingerprint));
        }
    }

    #[test]
    fn anything_else_is_not_a_fingerprint() {
        let text = Fingerprint([7; LEN]).to_string();
        for n in 0..text.len() {
            assert_eq!(Fingerprint::parse(&text.as_bytes()[..n]), None);
        }
        for wrong in [
            text.to_lowercase(),
            text.clone() + "A",
            text.clone() + "==",
            text.replace("SHA256", "MD5"),
            std::string::String::from("SHA256:") + &"=".repeat(43),
            std::string::String::from("SHA256:") + &"/".repeat(43),
        ] {
            assert_eq!(Fingerprint::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(Fingerprint::parse((text + "=").as_bytes()).is_some());
    }
}
