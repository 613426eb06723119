//! One line of a file of known hosts: whether it is about a host, and what it says.
//!
//! Nearly all lines are about other hosts, so the names come first, and nothing else of a line is
//! looked at unless they are ours.

use adit_crypto::{Provider, equal};
use adit_proto::pattern::{Case, Match, match_list};

use super::HostName;
use crate::base64;
use crate::public_key::{PublicKey, split_word, trim_start};

/// What a hashed name begins with: HMAC-SHA1, and nothing newer was ever defined.
pub(super) const HASHED: &str = "|1|";
/// Length of a SHA-1, and of the salt that goes with it.
pub(super) const SHA1_LEN: usize = 20;

/// What a line does with the hosts it names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Marker {
    None,
    Revoked,
    /// Their keys are certified by this one. Certificates are not read yet.
    CertAuthority,
}

/// How a line names the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scope {
    Exact,
    WithoutPort,
}

/// A line in its parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) marker: Marker,
    pub(super) hosts: &'a [u8],
    /// Key type, key and comment.
    pub(super) key: &'a [u8],
}

impl<'a> Line<'a> {
    /// `None`: empty, a comment, or with a marker that nobody knows.
    pub(super) fn split(text: &'a [u8]) -> Option<Self> {
        let (first, rest) = split_word(text);
        let marker = match first {
            [] | [b'#', ..] => return None,
            b"@revoked" => Marker::Revoked,
            b"@cert-authority" => Marker::CertAuthority,
            [b'@', ..] => return None,
            hosts => {
                return Some(Self {
                    marker: Marker::None,
                    hosts,
                    key: rest,
                });
            }
        };
        let (hosts, key) = split_word(rest);
        Some(Self { marker, hosts, key })
    }

    /// Whether it is this key. A line of another length is not decoded.
    pub(super) fn has_key(&self, key_blob: &[u8]) -> bool {
        let (_, rest) = split_word(self.key);
        let (text, _) = split_word(rest);
        text.len() == base64::encoded_len(key_blob.len())
            && PublicKey::parse(self.key).is_ok_and(|key| key.blob == key_blob)
    }
}

/// The names of one host, as lines are looked through for them.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) provider: &'static Provider,
    pub(super) host: &'a HostName,
}

impl Names<'_> {
    /// Whether a line may be about the host. Cheap: it takes names one by one as far as they go, and
    /// leaves patterns, markers and hashes to [`Self::scope`].
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let mut rest = trim_start(text);
        match rest.first() {
            None | Some(b'#') => return false,
            Some(b'|' | b'@') => return true,
            Some(_) => {}
        }
        loop {
            let end = rest.iter().position(|b| stops(*b));
            let (name, behind) = rest
                .split_at_checked(end.unwrap_or(rest.len()))
                .unwrap_or((rest, &[]));
            let is = |ours: &[u8]| ours.eq_ignore_ascii_case(name);
            if is(&self.host.name) || self.host.without_port.as_deref().is_some_and(is) {
                return true;
            }
            match behind.split_first() {
                Some((b',', next)) => rest = next,
                Some((b'*' | b'?' | b'!', _)) => return true,
                Some(_) | None => return false,
            }
        }
    }

    /// How the hosts of a line name ours.
    pub(super) fn scope(&self, hosts: &[u8]) -> Option<Scope> {
        let host = self.host;
        let without_port = host.without_port.as_deref();
        let is_ours: &dyn Fn(&[u8]) -> bool = if hosts.first() == Some(&b'|') {
            let hashed = Hashed::parse(hosts)?;
            &move |name| hashed.is(&(self.provider.hmac_sha1)(&hashed.salt, name))
        } else {
            &|name| match_list(hosts, name, Case::Folded) == Match::Yes
        };
        if is_ours(&host.name) {
            Some(Scope::Exact)
        } else if without_port.is_some_and(is_ours) {
            Some(Scope::WithoutPort)
        } else {
            None
        }
    }
}

/// Whether a name ends before this byte, or is a pattern with it.
const fn stops(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'\t' | b'*' | b'?' | b'!')
}

/// A hashed name: the salt, and the text of the hash. That is decoded only where it may be the one
/// that is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hashed<'a> {
    salt: [u8; SHA1_LEN],
    hash: &'a [u8],
}

impl<'a> Hashed<'a> {
    pub(super) fn parse(hosts: &'a [u8]) -> Option<Self> {
        let rest = hosts.strip_prefix(HASHED.as_bytes())?;
        let (salt, hash) = rest.split_at_checked(base64::encoded_len(SHA1_LEN))?;
        let hash = hash.strip_prefix(b"|")?;
        let salt = decode(salt)?;
        (hash.len() == base64::encoded_len(SHA1_LEN)).then_some(Self { salt, hash })
    }

    fn is(&self, hash: &[u8; SHA1_LEN]) -> bool {
        // Its first bytes alone tell nearly every other name apart.
        let mut first = [0; 3];
        let text = self.hash.iter().copied().take(4);
        base64::decode_into(text, &mut first).is_some_and(|n| n == first.len())
            && hash.starts_with(&first)
            && decode(self.hash).is_some_and(|known| equal(&known, hash))
    }
}

fn decode(text: &[u8]) -> Option<[u8; SHA1_LEN]> {
    let mut bytes = [0; SHA1_LEN];
    let n = base64::decode_into(text.iter().copied(), &mut bytes)?;
    (n == SHA1_LEN).then_some(bytes)
}
