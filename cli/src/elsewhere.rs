//! Lists of algorithms that name what SSH has and these programs have not, such as the whole of a
//! hardening guide's: that is passed over, as long as something is left. A name that nobody has is
//! left in, to be told of as the mistake that it is.

use adit_proto::pattern::{self, Case};

use crate::provider::PROVIDER;

const KEX_ELSEWHERE: &[&str] = &[
    "curve448-sha512",
    "diffie-hellman-*",
    "ecdh-sha2-nistp521",
    "mlkem1024nistp384-sha384",
    "mlkem768nistp256-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
];
const HOST_KEYS_ELSEWHERE: &[&str] = &[
    "*-cert-v01@openssh.com",
    "ecdsa-sha2-nistp*",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "sk-*@openssh.com",
    "ssh-dss",
    "ssh-rsa",
    "webauthn-*@openssh.com",
];
const CIPHERS_ELSEWHERE: &[&str] = &[
    "3des-cbc",
    "aes*-cbc",
    "aes*-ctr",
    "arcfour*",
    "blowfish-cbc",
    "cast128-cbc",
    "rijndael-cbc@lysator.liu.se",
];
const MACS_ELSEWHERE: &[&str] = &[
    "hmac-md5*",
    "hmac-ripemd160*",
    "hmac-sha1*",
    "hmac-sha2-256*",
    "hmac-sha2-512*",
    "umac-*@openssh.com",
];

/// What is left of a list for KexAlgorithms. `None`, here and below: it would replace the defaults,
/// and nothing is left of it.
pub(crate) fn kex(list: &str) -> Option<String> {
    left(list, KEX_ELSEWHERE, |name| PROVIDER.kex(name).is_some())
}

/// Of one for HostKeyAlgorithms or PubkeyAcceptedAlgorithms, which may have patterns.
pub(crate) fn signatures(list: &str) -> Option<String> {
    let has = |name: &[u8]| PROVIDER.verifier(name).is_some();
    left(&named(list), HOST_KEYS_ELSEWHERE, has)
}

/// Of one for Ciphers.
pub(crate) fn ciphers(list: &str) -> Option<String> {
    let has = |name: &[u8]| PROVIDER.ciphers.iter().any(|c| c.name().as_bytes() == name);
    left(list, CIPHERS_ELSEWHERE, has)
}

/// Of one for MACs. What authenticates by itself needs none of them.
pub(crate) fn macs(list: &str) -> Option<String> {
    let has = |name: &[u8]| {
        let mut macs = PROVIDER.ciphers.iter().filter_map(|c| c.mac());
        macs.any(|mac| mac.as_bytes() == name)
    };
    left(list, MACS_ELSEWHERE, has)
}

/// Patterns among the names of signature algorithms stand for what there is of them.
fn named(list: &str) -> String {
    // What is taken away is compared with patterns anyway.
    if list.starts_with('-') || !list.contains(['*', '?']) {
        return list.to_owned();
    }
    let (form, names) = match list.strip_prefix(['+', '^']) {
        Some(names) => (list.get(..1).unwrap_or_default(), names),
        None => ("", list),
    };
    let mut out: Vec<&str> = Vec::new();
    for name in names.split(',') {
        if !name.contains(['*', '?']) {
            out.push(name);
            continue;
        }
        let all = PROVIDER
            .verifiers
            .iter()
            .map(|verifier| verifier.algorithm());
        out.extend(all.filter(|a| pattern::matches(name.as_bytes(), a.as_bytes(), Case::Exact)));
    }
    [form, &out.join(",")].concat()
}

/// A list without what only others have.
fn left(list: &str, elsewhere: &[&str], has: impl Fn(&[u8]) -> bool) -> Option<String> {
    // What is taken away need not be there.
    if list.starts_with('-') {
        return Some(list.to_owned());
    }
    let (form, names) = match list.strip_prefix(['+', '^']) {
        Some(names) => (list.get(..1).unwrap_or_default(), names),
        None => ("", list),
    };
    let is_elsewhere = |name: &str| {
        let name = name.as_bytes();
        let matches = |p: &&str| pattern::matches(p.as_bytes(), name, Case::Exact);
        !has(name) && elsewhere.iter().any(matches)
    };
    let left: Vec<&str> = names
        .split(',')
        .filter(|name| !is_elsewhere(name))
        .collect();
    (!left.is_empty() || !form.is_empty()).then(|| [form, &left.join(",")].concat())
}
