//! Test vectors of RFCs and standards, and a small reader for them. For tests only.
//!
//! A file is records of `key = hex` lines, divided by empty lines; lines that begin with `#` name
//! the source. `derive.py` made the files, from what was published and with a third implementation.

#![forbid(unsafe_code)]

/// Ed25519 (RFC 8032 §7.1 and more): `seed`, `public`, `message`, `signature`.
pub const ED25519: &str = include_str!("../data/ed25519.txt");
/// Ed25519 signatures whose R is of small order, though the equation holds: `public`, `message`,
/// `signature`.
pub const ED25519_REFUSED: &str = include_str!("../data/ed25519_refused.txt");
/// Ed25519 keys and Rs that have a part of small order: `public`, `message`, `signature`, and in
/// `good` whether the equation holds without cofactor. With one it always does.
pub const ED25519_MIXED: &str = include_str!("../data/ed25519_mixed.txt");
/// ECDSA over P-256 with SHA-256, or over P-384 with SHA-384 (RFC 6979, NIST CAVS): `private` where
/// the signature comes of it by RFC 6979, `public`, `message`, `r`, `s`.
pub const ECDSA: &str = include_str!("../data/ecdsa.txt");
/// ECDSA signatures that do not verify (NIST CAVS): `public`, `message`, `r`, `s`.
pub const ECDSA_REFUSED: &str = include_str!("../data/ecdsa_refused.txt");
/// RSASSA-PKCS1-v1_5 (NIST CAVS): `hash` (256 or 512), `n`, `e`, `message`, `signature`, and for
/// some `d`, `p`, `q`, `iqmp`.
pub const RSA: &str = include_str!("../data/rsa.txt");
/// RSASSA-PKCS1-v1_5 with moduli that do not fill their bytes, and with the least and the greatest
/// `e`: as [`RSA`].
pub const RSA_SIZES: &str = include_str!("../data/rsa_sizes.txt");
/// RSA signatures that do not verify (NIST CAVS): `hash`, `n`, `e`, `message`, `signature`.
pub const RSA_REFUSED: &str = include_str!("../data/rsa_refused.txt");
/// Keys of ssh-keygen and signatures of ssh-agent: `algorithm`, the blobs `key` and `signature`,
/// `message`, and for some the numbers of the private key.
pub const OPENSSH_SIGNATURES: &str = include_str!("../data/openssh_signatures.txt");
/// X25519 (RFC 7748 §5.2): `scalar`, `u`, `result`.
pub const X25519: &str = include_str!("../data/x25519.txt");
/// ECDH on nistp256 and nistp384 (NIST CAVS), told apart by length: `private`, then `share`, `peer`
/// and `k`, or a `refused` peer.
pub const ECDH: &str = include_str!("../data/ecdh.txt");
/// AES-GCM (NIST CAVS): `key`, `nonce`, `associated`, `plain`, `sealed`, `tag`.
pub const AES_GCM: &str = include_str!("../data/aes_gcm.txt");
/// aes128-gcm@openssh.com and aes256-gcm@openssh.com: `key`, `iv`, `packet`, `sealed`, `tag`;
/// records of the same key are packets in a row.
pub const AES_GCM_OPENSSH: &str = include_str!("../data/aes_gcm_openssh.txt");
/// AES-CTR (RFC 3686 §6, and counters that carry): `key`, `iv`, `plain`, `sealed`.
pub const AES_CTR: &str = include_str!("../data/aes_ctr.txt");
/// aes128-ctr, aes192-ctr and aes256-ctr with hmac-sha2-256-etm@openssh.com or
/// hmac-sha2-512-etm@openssh.com, as the length of `mac_key` says: `key`, `iv`, `mac_key`, `seq`,
/// `packet`, `sealed`, `tag`; records of the same keys are packets in a row.
pub const AES_CTR_ETM: &str = include_str!("../data/aes_ctr_etm.txt");
/// chacha20-poly1305@openssh.com: `key`, `seq`, `packet`, `sealed`, `tag`.
pub const CHACHA20_POLY1305_OPENSSH: &str = include_str!("../data/chacha20_poly1305_openssh.txt");
/// Private keys with a passphrase: `passphrase`, `salt`, `rounds`, `sealed`, `plain`.
pub const PASSPHRASE: &str = include_str!("../data/passphrase.txt");
/// SHA-256, SHA-384 and SHA-512 (NIST CAVS): `message`, `digest`.
pub const SHA2: &str = include_str!("../data/sha2.txt");
/// HMAC-SHA1 (RFC 2202 §3): `key`, `message`, `mac`.
pub const HMAC_SHA1: &str = include_str!("../data/hmac_sha1.txt");
/// HMAC-SHA-256 and HMAC-SHA-512 (RFC 4231 §4): `key`, `message`, `mac`.
pub const HMAC_SHA2: &str = include_str!("../data/hmac_sha2.txt");
/// mlkem768x25519-sha256: `seed`, `client_scalar`, `message`, `server_scalar`, `client_share`,
/// then `server_share` or `rejected_share`, and `k`.
pub const MLKEM768_X25519: &str = include_str!("../data/mlkem768x25519.txt");
/// Key exchanges between two of another implementation (RFC 4253 §7.2, §8): `kex`, what enters the
/// exchange hash from `v_c` to `q_s`, `secret`, `h`, `session_id`, and the keys `iv_c`, `iv_s`,
/// `key_c`, `key_s`, `mac_c`, `mac_s`.
pub const EXCHANGE: &str = include_str!("../data/exchange.txt");

/// One vector.
#[derive(Debug, Eq, PartialEq)]
pub struct Record {
    /// The line it begins on, for messages.
    pub line: usize,
    fields: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// The bytes of that field, if it has it.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, bytes)| bytes.as_slice())
    }

    /// The bytes of that field.
    ///
    /// # Panics
    /// When it has none: the test, or the file, is wrong.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "the reader of tests, which fail by panicking")]
    pub fn bytes(&self, key: &str) -> &[u8] {
        let Some(bytes) = self.find(key) else {
            panic!("the record on line {} has no {key}", self.line)
        };
        bytes
    }
}

/// The records of a file.
///
/// # Panics
/// When it is not as this crate's files are.
#[must_use]
#[expect(clippy::panic, reason = "the reader of tests, which fail by panicking")]
pub fn records(text: &str) -> Vec<Record> {
    match read(text) {
        Ok(records) => records,
        Err(line) => panic!("line {line} is not `key = hex`"),
    }
}

/// The records, or the line that is none of it.
fn read(text: &str) -> Result<Vec<Record>, usize> {
    let mut records = Vec::new();
    let mut fields = Vec::new();
    let mut first = 0;
    // One empty line more, so that the last record ends as the others do.
    for (line, content) in (1..).zip(text.lines().chain([""])) {
        if content.is_empty() {
            if !fields.is_empty() {
                let fields = std::mem::take(&mut fields);
                records.push(Record {
                    line: first,
                    fields,
                });
            }
        } else if !content.starts_with('#') {
            let (key, value) = content.split_once('=').ok_or(line)?;
            if fields.is_empty() {
                first = line;
            }
            fields.push((key.trim().into(), unhex(value.trim()).ok_or(line)?));
        }
    }
    Ok(records)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?))
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|n| u8::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_divided_by_empty_lines() {
        let records = records("# source\n\na = 00ff\nb =\n\n\na = 7f\n");
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].line, 3);
        assert_eq!(records[0].bytes("a"), [0, 255]);
        assert_eq!(records[0].bytes("b"), []);
        assert_eq!(records[1].line, 7);
        assert_eq!(records[1].find("b"), None);
    }

    #[test]
    fn what_is_not_a_record_is_named_by_its_line() {
        assert_eq!(read("a = 00\nb"), Err(2));
        assert_eq!(read("a = 0"), Err(1));
        assert_eq!(read("a = 0g"), Err(1));
        assert_eq!(read("a = é0"), Err(1));
    }

    #[test]
    fn every_file_names_its_source_and_has_records() {
        for file in [
            ED25519,
            ED25519_REFUSED,
            ECDSA,
            ECDSA_REFUSED,
            RSA,
            RSA_REFUSED,
            OPENSSH_SIGNATURES,
            X25519,
            ECDH,
            AES_GCM,
            AES_GCM_OPENSSH,
            AES_CTR,
            AES_CTR_ETM,
            CHACHA20_POLY1305_OPENSSH,
            PASSPHRASE,
            SHA2,
            HMAC_SHA1,
            HMAC_SHA2,
            MLKEM768_X25519,
        ] {
            assert!(file.starts_with("# "));
            assert!(records(file).len() >= 3);
        }
    }
}
