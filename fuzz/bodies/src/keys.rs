//! Private key files, in each format.

use adit::keygen::show;
use adit_auth::keyfile::{self, KeyFile, Parsed, ROUNDS_DEFAULT};
use adit_auth::public_key::to_line;
use adit_auth::{Fingerprint, base64};
use adit_crypto::Secret;
use adit_proto::Mpint;
use adit_testkit::toy;

use crate::seeds::{string, texts};

/// What the seeds are protected with.
fn passphrase() -> Secret {
    Secret::copy_of(b"secret")
}

/// What parses is written in forms that parse to the same key, with a passphrase and without.
pub(crate) fn key_file(data: &[u8]) {
    let provider = &toy::PROVIDER;
    let public = keyfile::public_blob(data);
    let key = match KeyFile::parse(data, provider.keys) {
        Ok(Parsed::Plain(key)) => key,
        Ok(Parsed::Locked(locked)) => {
            assert_eq!(public.as_deref(), Ok(locked.public_blob()));
            let Ok(key) = locked.unlock(&passphrase(), provider) else {
                return;
            };
            assert_eq!(key.key_type(), locked.key_type());
            key
        }
        Err(_) => return,
    };
    // Only OpenSSH's format has it in the clear.
    assert!(public.is_err() || public == Ok(key.public_blob()));
    assert!(!key.algorithms().is_empty());
    let plain = key.to_text(provider.random).expect("randomness");
    let locked = key
        .to_locked_text(&passphrase(), ROUNDS_DEFAULT, provider, provider.random)
        .expect("randomness");
    let same = |again: KeyFile| {
        assert_eq!(again.key_type(), key.key_type());
        assert_eq!(again.public_blob(), key.public_blob());
        assert_eq!(again.comment(), key.comment());
        assert_eq!(
            again.load(provider.keys).is_ok(),
            key.load(provider.keys).is_ok()
        );
    };
    match KeyFile::parse(plain.expose(), provider.keys) {
        Ok(Parsed::Plain(again)) => same(again),
        _ => panic!("what was written cannot be read"),
    }
    match KeyFile::parse(locked.expose(), provider.keys) {
        Ok(Parsed::Locked(again)) => match again.unlock(&passphrase(), provider) {
            Ok(again) => same(again),
            Err(error) => panic!("{error}"),
        },
        _ => panic!("what was written cannot be read"),
    }
}

pub(crate) fn key_file_seeds() -> Vec<Vec<u8>> {
    let random = toy::random(7);
    let make = |comment| KeyFile::generate(&toy::PROVIDER, random, comment).expect("randomness");
    let plain = |comment| make(comment).to_text(random).expect("randomness");
    let locked = make("user@host")
        .to_locked_text(&passphrase(), ROUNDS_DEFAULT, &toy::PROVIDER, random)
        .expect("randomness");
    let mut seeds: Vec<Vec<u8>> = [plain(""), plain("user@host"), locked]
        .map(|text| text.expose().to_vec())
        .into();
    seeds.extend(pem_seeds().iter().map(|seed| armoured(seed)));
    seeds.extend(texts(&[
        "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "PuTTY-User-Key-File-3: ssh-ed25519",
        "ssh-ed25519 AAAA",
    ]));
    seeds
}

/// The bytes inside the armour, so that mutation reaches them.
pub(crate) fn key_file_inside(data: &[u8]) {
    key_file(&armour("OPENSSH PRIVATE KEY", data));
}

pub(crate) fn key_file_inside_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = key_file_seeds()[..3]
        .iter()
        .map(|text| inside(text))
        .collect();
    let seeds_of_others = [
        [
            string(b"ecdsa-sha2-nistp256"),
            string(b"nistp256"),
            string(&[&[4][..], &[7; 64]].concat()),
        ]
        .concat(),
        [string(b"ssh-rsa"), mpint(&[3]), mpint(&[0xff; 256])].concat(),
    ];
    let parts = [
        [&seeds_of_others[0][..], &mpint(&[7; 32])].concat(),
        [
            string(b"ssh-rsa"),
            mpint(&[0xff; 256]),
            mpint(&[3]),
            mpint(&[9; 256]),
            mpint(&[9; 128]),
            mpint(&[9; 128]),
            mpint(&[9; 128]),
        ]
        .concat(),
    ];
    for (blob, parts) in seeds_of_others.iter().zip(parts) {
        let mut section = [&[7; 8][..], &parts, &string(b"comment")].concat();
        for byte in (1..=u8::MAX).take(section.len().next_multiple_of(8) - section.len()) {
            section.push(byte);
        }
        let file = [
            b"openssh-key-v1\0".to_vec(),
            string(b"none"),
            string(b"none"),
            string(b""),
            vec![0, 0, 0, 1],
            string(blob),
            string(&section),
        ];
        seeds.push(file.concat());
    }
    seeds
}

/// The first byte chooses the label, the rest is DER.
pub(crate) fn pem_key(data: &[u8]) {
    key_file(&armoured(data));
}

pub(crate) fn pem_key_seeds() -> Vec<Vec<u8>> {
    pem_seeds()
}

/// Whatever holds keys gives one printable line for each, and at most one for each of its own.
pub(crate) fn fingerprint_lines(data: &[u8]) {
    let lines: Vec<String> = show::lines(data).collect();
    assert!(lines.len() <= data.split(|b| *b == b'\n').count());
    for line in lines {
        assert!(!line.contains(char::is_control), "{line:?}");
        let mut words = line.split(' ');
        let bits = words.next().and_then(|bits| bits.parse::<usize>().ok());
        assert!(bits.is_some_and(|bits| bits <= data.len() * 8), "{line:?}");
        let fingerprint = words.next().unwrap_or_default();
        assert!(
            Fingerprint::parse(fingerprint.as_bytes()).is_some(),
            "{line:?}"
        );
        assert!(line.ends_with(')'), "{line:?}");
    }
}

pub(crate) fn fingerprint_lines_seeds() -> Vec<Vec<u8>> {
    let key = toy::ed25519_key(1);
    let line = to_line(key.public_blob(), "someone").expect("a good key");
    let rsa = [string(b"ssh-rsa"), mpint(&[3]), mpint(&[0xff; 256])].concat();
    let rsa = to_line(&rsa, "").expect("a key in form");
    texts(&[
        &line,
        &format!("# a comment\r\n\n[host]:22,other {rsa}@revoked *.x {line}"),
        &format!("no-pty,command=\"a \\\" b\" {line}"),
        &rsa,
    ])
}

const LABELS: [&str; 3] = ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"];

fn armoured(data: &[u8]) -> Vec<u8> {
    let (first, der) = data.split_first().unwrap_or((&0, &[]));
    armour(LABELS[usize::from(*first) % LABELS.len()], der)
}

fn armour(label: &str, bytes: &[u8]) -> Vec<u8> {
    let base64 = base64::encode(bytes);
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").into_bytes()
}

fn inside(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|b| *b == b'\n');
    let base64: Vec<&[u8]> = lines.filter(|line| !line.starts_with(b"-")).collect();
    base64::decode(&base64.concat()).expect("our own text")
}

fn mpint(magnitude: &[u8]) -> Vec<u8> {
    let value = Mpint::from_unsigned(magnitude).magnitude();
    match value.first() {
        Some(first) if first & 0x80 != 0 => string(&[&[0], value].concat()),
        _ => string(value),
    }
}

fn pem_seeds() -> Vec<Vec<u8>> {
    let rsa = {
        let n = [&[0][..], &[0xff; 256]].concat();
        let half = [7; 128];
        let numbers: Vec<Vec<u8>> = [
            &[0][..],
            &n,
            &[3],
            &[9; 256],
            &half,
            &half,
            &half,
            &half,
            &half,
        ]
        .iter()
        .map(|number| der(2, number))
        .collect();
        der(0x30, &numbers.concat())
    };
    let curve = der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let point = der(3, &[&[0, 4][..], &[7; 64]].concat());
    let ec = |parameters: &[u8]| {
        let private = der(4, &[7; 32]);
        der(
            0x30,
            &[&der(2, &[1]), &private, parameters, &der(0xa1, &point)].concat(),
        )
    };
    let pkcs8 = |version: u8, algorithm: &[u8], private: &[u8], behind: &[u8]| {
        let version = der(2, &[version]);
        let algorithm = der(0x30, algorithm);
        der(
            0x30,
            &[&version, &algorithm, &der(4, private), behind].concat(),
        )
    };
    let rsa_name = [
        &der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1])[..],
        &[5, 0],
    ]
    .concat();
    let ec_name = [&der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1])[..], &curve].concat();
    let ed25519_name = der(6, &[0x2b, 0x65, 0x70]);
    let seed = der(4, &[7; 32]);
    let public = der(0x81, &[&[0][..], &[7; 32]].concat());
    [
        (2, pkcs8(0, &rsa_name, &rsa, &[])),
        (2, pkcs8(0, &ec_name, &ec(&[]), &[])),
        (2, pkcs8(0, &ed25519_name, &seed, &[])),
        (2, pkcs8(1, &ed25519_name, &seed, &public)),
        (1, ec(&der(0xa0, &curve))),
        (0, rsa),
    ]
    .map(|(label, der)| [&[label], &der[..]].concat())
    .into()
}

/// A value of DER.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let length = match u8::try_from(len) {
        Ok(len) if len < 0x80 => vec![len],
        Ok(len) => vec![0x81, len],
        Err(_) => {
            let len = u16::try_from(len).expect("a short seed");
            [&[0x82], &len.to_be_bytes()[..]].concat()
        }
    };
    [&[tag], &length[..], contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed that is refused at its first byte would test nothing.
    #[test]
    fn seeds_reach_their_end() {
        for seed in pem_seeds() {
            assert!(
                KeyFile::parse(&armoured(&seed), toy::PROVIDER.keys).is_ok(),
                "{seed:x?}"
            );
        }
        for seed in key_file_inside_seeds() {
            let text = armour("OPENSSH PRIVATE KEY", &seed);
            assert!(
                KeyFile::parse(&text, toy::PROVIDER.keys).is_ok(),
                "{seed:x?}"
            );
        }
    }
}
