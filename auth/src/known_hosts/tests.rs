mod hostile;
mod others;
mod written;

use std::string::{String, ToString};
use std::time::{Duration, Instant};
use std::vec;

use adit_crypto::{PURE, RING, SecureRandom, Unspecified};
use adit_testkit::dice::Dice;
use adit_testkit::on_every_provider;

use super::reading::Hashed;
use super::*;
use crate::base64;
use crate::public_key::to_line;
use crate::tests::{ed25519_blob, mutate};

const HASHED_FILE: &[u8] = include_bytes!("../../tests/data/known_hosts_hashed");
const KEY_FILE: &[u8] = include_bytes!("../../tests/data/ed25519.pub");

/// `keytype base64` of key number `seed`.
fn key(seed: u8) -> String {
    to_line(&ed25519_blob(seed), "").unwrap().trim_end().into()
}

/// The same for a key of a type that adit does not verify.
fn rsa(seed: u8) -> String {
    let blob = [&b"\0\0\0\x07ssh-rsa\0\0\0\x01"[..], &[seed]].concat();
    to_line(&blob, "").unwrap().trim_end().into()
}

fn dsa(seed: u8) -> String {
    rsa(seed)
        .replace("ssh-rsa", "ssh-dss")
        .replace("B3NzaC1yc2E", "B3NzaC1kc3M")
}

/// What both providers say of it, which is the same.
fn verdict(files: &[&str], host: &HostName, seed: u8) -> Verdict {
    let verdicts = [&RING, &PURE].map(|provider| {
        let mut known = KnownHosts::new(provider, host.clone());
        for file in files {
            known.add_file(file.as_bytes());
        }
        known.verdict(&ed25519_blob(seed))
    });
    assert_eq!(verdicts[0], verdicts[1]);
    verdicts[0]
}

fn known(file: usize, line: usize) -> Verdict {
    Verdict::Known(Place { file, line })
}

fn revoked(file: usize, line: usize) -> Verdict {
    Verdict::Revoked(Place { file, line })
}

fn changed(file: usize, line: usize, key_type: &'static str) -> Verdict {
    Verdict::Changed {
        place: Place { file, line },
        key_type,
    }
}

#[test]
fn lines_say_what_ssh_reads_in_them() {
    use Verdict::Unknown;
    let (k1, k2, r) = (key(1), key(2), rsa(1));
    // Each verdict for key 1 of host.example.com:22, as ssh 9.2 has it, save that ssh does not take
    // a tab for the end of a marker, and then goes on with a revoked key.
    for (content, expected) in [
        (String::new(), Unknown),
        (format!("host.example.com {k1}"), known(0, 1)),
        (format!("host.example.com {k1} comment here\n"), known(0, 1)),
        (format!("host.example.com {k1}\r\n"), known(0, 1)),
        (format!("  \thost.example.com\t {k1}\n"), known(0, 1)),
        (
            format!("# host.example.com {k2}\n\nHOST.Example.COM {k1}"),
            known(0, 3),
        ),
        (format!("host.example.com {k2}"), changed(0, 1, "ED25519")),
        (format!("host.example.com {r}"), changed(0, 1, "RSA")),
        (
            format!("host.example.com {r}\nhost.example.com {k2}"),
            changed(0, 2, "ED25519"),
        ),
        (
            format!("host.example.com {k2}\nhost.example.com {k1}"),
            known(0, 2),
        ),
        (
            format!("host.example.com {r}\nhost.example.com {k1}"),
            known(0, 2),
        ),
        (format!("other,host.example.com {k1}"), known(0, 1)),
        (format!("other, host.example.com {k1}"), Unknown),
        (format!("example.com {k1}"), Unknown),
        (format!("[host.example.com]:22 {k1}"), Unknown),
        (format!("[host.example.com]:2222 {k1}"), Unknown),
        (format!("*.example.com {k1}"), known(0, 1)),
        (format!("host?example?com {k1}"), known(0, 1)),
        (format!("*.EXAMPLE.com,!other.* {k1}"), known(0, 1)),
        (format!("*.example.com,!host.* {k1}"), Unknown),
        (format!("!host.*,*.example.com {k1}"), Unknown),
        (format!("!other {k1}"), Unknown),
        (format!("@revoked host.example.com {k1}"), revoked(0, 1)),
        (
            format!("@revoked * {k1}\nhost.example.com {k1}"),
            revoked(0, 1),
        ),
        (
            format!("host.example.com {k1}\n@revoked * {k1}"),
            revoked(0, 2),
        ),
        (
            format!("@revoked * {k2}\nhost.example.com {k1}"),
            known(0, 2),
        ),
        (format!("@revoked * {k2}"), Unknown),
        (format!("@revoked other {k1}"), Unknown),
        (format!("@cert-authority * {k1}"), Unknown),
        (
            format!("@cert-authority * {k2}\nhost.example.com {k1}"),
            known(0, 2),
        ),
        (format!("@never-heard-of * {k1}"), Unknown),
        (format!("@revoked\thost.example.com\t{k1}"), revoked(0, 1)),
        // The declared type is not the key's, so the line says nothing at all.
        (
            format!("host.example.com {}", k1.replace("ssh-ed25519", "ssh-rsa")),
            Unknown,
        ),
        (
            format!("host.example.com {}", k2.replace("AAAA", "A*AA")),
            Unknown,
        ),
        ("host.example.com".into(), Unknown),
        ("host.example.com ssh-ed25519".into(), Unknown),
        (format!("host.example.com 256 35 {k1}"), Unknown),
        ("|1|".into(), Unknown),
        (format!("|1|x|y {k1}"), Unknown),
        (format!("|2|x|y {k1}"), Unknown),
        ("\0\0\u{feff}".into(), Unknown),
    ] {
        let host = HostName::new(b"Host.Example.Com", 22);
        assert_eq!(verdict(&[&content], &host, 1), expected, "{content:?}");
    }
}

#[test]
fn another_port_is_another_host_unless_the_key_is_the_same() {
    use Verdict::Unknown;
    let (k1, k2) = (key(1), key(2));
    for (content, expected) in [
        (format!("[host]:2222 {k1}"), known(0, 1)),
        (format!("[HOST]:2222 {k1}"), known(0, 1)),
        (format!("[host]:2222 {k2}"), changed(0, 1, "ED25519")),
        (format!("[host]:222 {k1}"), Unknown),
        (format!("host {k1}"), known(0, 1)),
        // What is on port 22 has another key: that is no reason to be alarmed.
        (format!("host {k2}"), Unknown),
        // But what is known of this very port counts alone.
        (
            format!("host {k1}\n[host]:2222 {k2}"),
            changed(0, 2, "ED25519"),
        ),
        (format!("host {k2}\n[host]:2222 {k1}"), known(0, 2)),
        (format!("[host]:* {k1}"), known(0, 1)),
        // Stricter than ssh, which looks at the bare name only when nothing else is known.
        (
            format!("@revoked host {k1}\n[host]:2222 {k1}"),
            revoked(0, 1),
        ),
        (
            format!("@revoked [host]:2222 {k1}\nhost {k1}"),
            revoked(0, 1),
        ),
    ] {
        let host = HostName::new(b"host", 2222);
        assert_eq!(verdict(&[&content], &host, 1), expected, "{content:?}");
    }
}

#[test]
fn an_alias_stands_for_the_host_on_any_port() {
    let (k1, k2) = (key(1), key(2));
    let alias = HostName::alias(b"Alias");
    assert_eq!(verdict(&[&format!("alias {k1}")], &alias, 1), known(0, 1));
    assert_eq!(
        verdict(&[&format!("alias {k2}")], &alias, 1),
        changed(0, 1, "ED25519")
    );
}

#[test]
fn several_files_give_one_verdict() {
    let host = HostName::new(b"host", 22);
    let (k1, k2) = (format!("host {}\n", key(1)), format!("host {}\n", key(2)));
    let bad = format!("@revoked * {}\n", key(1));
    assert_eq!(verdict(&["", &k1], &host, 1), known(1, 1));
    assert_eq!(verdict(&[&k2, &k1], &host, 1), known(1, 1));
    assert_eq!(verdict(&[&k1, &k2], &host, 1), known(0, 1));
    assert_eq!(verdict(&["", &k2, ""], &host, 1), changed(1, 1, "ED25519"));
    assert_eq!(verdict(&[&k1, "", &bad], &host, 1), revoked(2, 1));
    assert_eq!(verdict(&["", ""], &host, 1), Verdict::Unknown);
}

fn names_hashed_by_ssh_keygen_are_found(provider: &'static Provider) {
    let blob = PublicKey::parse_file(KEY_FILE).unwrap().blob;
    for (host, port, line) in [
        ("host.example.com", 22, 1),
        ("HOST.example.com", 22, 1),
        ("host.example.com", 2222, 2),
        ("::1", 22, 3),
    ] {
        let mut known_hosts = KnownHosts::new(provider, HostName::new(host.as_bytes(), port));
        known_hosts.add_file(HASHED_FILE);
        assert_eq!(known_hosts.verdict(&blob), known(0, line), "{host} {port}");
    }
    let mut other = KnownHosts::new(provider, HostName::new(b"other.example.com", 22));
    other.add_file(HASHED_FILE);
    assert_eq!(other.verdict(&blob), Verdict::Unknown);
}

on_every_provider! { real: names_hashed_by_ssh_keygen_are_found }

#[test]
fn a_hashed_name_has_exactly_two_parts_of_20_bytes() {
    let first = str::from_utf8(HASHED_FILE).unwrap().lines().next().unwrap();
    let hosts = first.split(' ').next().unwrap();
    assert!(Hashed::parse(hosts.as_bytes()).is_some());
    for n in 0..hosts.len() {
        assert_eq!(Hashed::parse(&hosts.as_bytes()[..n]), None);
    }
    let [_, _, salt, hash] = hosts.split('|').collect::<Vec<_>>()[..] else {
        unreachable!()
    };
    for wrong in [
        format!("{hosts}|"),
        format!("{hosts}|{hash}"),
        format!("|1|{salt}A|{hash}"),
        format!("|1|{}|{hash}", base64::encode(&[7; 19])),
        format!("|1|{}|{hash}", base64::encode(&[7; 21])),
        format!("|1|{salt}|{}", base64::encode(&[7; 22])),
        format!("|2|{salt}|{hash}"),
    ] {
        assert_eq!(Hashed::parse(wrong.as_bytes()), None, "{wrong}");
    }
    // As long as a hash, and none.
    let host = HostName::new(b"host.example.com", 22);
    for wrong in [
        format!("|1|{salt}|{}", hash.replace('=', "A")),
        format!("|1|{salt}|{}", base64::encode(&[7; 19])),
        format!("|1|{salt}|{}{}", &hash[..4], "=".repeat(24)),
    ] {
        let line = format!("{wrong} {}", key(1));
        assert_eq!(verdict(&[&line], &host, 1), Verdict::Unknown, "{line}");
    }
}

#[test]
fn a_type_that_the_host_itself_has_comes_before_one_that_it_has_on_port_22() {
    use Familiarity::{Known, KnownWithoutPort, Unknown};
    let content = format!(
        "[host]:2222 {}\nhost {}\n@revoked [host]:2222 {}\n@cert-authority * {}\n",
        rsa(1),
        key(1),
        dsa(1),
        dsa(2),
    );
    let mut known = KnownHosts::new(&RING, HostName::new(b"host", 2222));
    known.add_file(content.as_bytes());
    assert_eq!(known.familiarity(b"ssh-rsa"), Known);
    assert_eq!(known.familiarity(b"ssh-ed25519"), KnownWithoutPort);
    assert_eq!(known.familiarity(b"ssh-dss"), Unknown);
    assert!(Known < KnownWithoutPort && KnownWithoutPort < Unknown);
}
