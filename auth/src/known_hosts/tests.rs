use std::string::{String, ToString};
use std::time::{Duration, Instant};
use std::vec;

use adit_crypto::{PURE, RING, Unspecified};

use super::*;
use crate::tests::{Random, ed25519_blob};

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

#[test]
fn names_hashed_by_ssh_keygen_are_found() {
    let blob = PublicKey::parse_file(KEY_FILE).unwrap().blob;
    for (host, port, line) in [
        ("host.example.com", 22, 1),
        ("HOST.example.com", 22, 1),
        ("host.example.com", 2222, 2),
        ("::1", 22, 3),
    ] {
        for provider in [&RING, &PURE] {
            let mut known_hosts = KnownHosts::new(provider, HostName::new(host.as_bytes(), port));
            known_hosts.add_file(HASHED_FILE);
            assert_eq!(known_hosts.verdict(&blob), known(0, line), "{host} {port}");
        }
    }
    let mut other = KnownHosts::new(&RING, HostName::new(b"other.example.com", 22));
    other.add_file(HASHED_FILE);
    assert_eq!(other.verdict(&blob), Verdict::Unknown);
}

#[test]
fn a_hashed_name_has_exactly_two_parts_of_20_bytes() {
    let first = str::from_utf8(HASHED_FILE).unwrap().lines().next().unwrap();
    let hosts = first.split(' ').next().unwrap();
    assert!(hashed_parts(hosts.as_bytes()).is_some());
    for n in 0..hosts.len() {
        assert_eq!(hashed_parts(&hosts.as_bytes()[..n]), None);
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
        assert_eq!(hashed_parts(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn the_types_that_a_host_is_known_by_come_in_order() {
    let content = format!(
        "host {}\n[host]:2222 {}\n[host]:2222 {}\n@revoked [host]:2222 {}\n",
        key(3),
        rsa(1),
        key(1),
        key(2)
    );
    let mut known = KnownHosts::new(&RING, HostName::new(b"host", 2222));
    known.add_file(content.as_bytes());
    let types: Vec<_> = known.key_types().collect();
    assert_eq!(types, [&b"ssh-rsa"[..], b"ssh-ed25519", b"ssh-ed25519"]);
}

#[test]
fn a_line_that_was_written_is_found_again() {
    for provider in [&RING, &PURE] {
        for (host, port) in [
            ("host", 22),
            ("Host.Example.com", 2222),
            ("::1", 22),
            ("fe80::1%e0", 1),
        ] {
            let host = HostName::new(host.as_bytes(), port);
            let blob = ed25519_blob(1);
            let plain = line(provider, &host, &blob, Form::Plain).unwrap();
            let hashed = line(provider, &host, &blob, Form::Hashed(provider.random)).unwrap();
            let again = line(provider, &host, &blob, Form::Hashed(provider.random)).unwrap();
            let name = str::from_utf8(host.as_bytes()).unwrap();
            assert_eq!(plain, format!("{name} {}\n", key(1)));
            assert!(!hashed.contains(name) && hashed != again);
            for content in [&plain, &hashed] {
                assert_eq!(verdict(&[content], &host, 1), known(0, 1), "{content}");
                assert_eq!(verdict(&[content], &host, 2), changed(0, 1, "ED25519"));
                let other = HostName::new(b"other", 22);
                assert_eq!(verdict(&[content], &other, 1), Verdict::Unknown);
            }
        }
    }
}

#[test]
fn a_name_that_means_something_else_is_never_written() {
    for host in [
        "", "*", "a*b", "a?", "!a", "@revoked", "#a", "a,b", "a b", "a\tb", "a\nb", "[a]", "a|b",
        "\"a\"", "a'", "a\\b", "\u{e4}", "a\0",
    ] {
        for name in [
            HostName::new(host.as_bytes(), 22),
            HostName::new(host.as_bytes(), 2222),
        ] {
            for form in [Form::Plain, Form::Hashed(RING.random)] {
                let written = line(&RING, &name, &ed25519_blob(1), form);
                assert_eq!(written, Err(CannotWrite::BadName), "{host:?}");
            }
        }
    }
    let host = HostName::new(b"host", 22);
    assert_eq!(
        line(&RING, &host, b"", Form::Plain),
        Err(CannotWrite::BadKey)
    );
}

#[test]
fn without_randomness_nothing_is_hashed() {
    struct Empty;
    impl SecureRandom for Empty {
        fn fill(&self, _: &mut [u8]) -> Result<(), Unspecified> {
            Err(Unspecified)
        }
    }
    let host = HostName::new(b"host", 22);
    let written = line(&RING, &host, &ed25519_blob(1), Form::Hashed(&Empty));
    assert_eq!(written, Err(CannotWrite::NoRandomness));
}

#[test]
fn a_line_is_never_glued_to_one_without_an_end() {
    assert_eq!(repair(b""), "");
    assert_eq!(repair(b"a\n"), "");
    assert_eq!(repair(b"a\r\n"), "");
    assert_eq!(repair(b"a"), "\n");
    assert_eq!(repair(b"a\r"), "\n");
    let (host, first) = (HostName::new(b"host", 22), format!("other {}", key(2)));
    let new = line(&RING, &host, &ed25519_blob(1), Form::Plain).unwrap();
    let content = [&first, repair(first.as_bytes()), &new].concat();
    assert_eq!(verdict(&[&content], &host, 1), known(0, 2));
    assert_eq!(
        verdict(&[&content], &HostName::new(b"other", 22), 2),
        known(0, 1)
    );
}

/// Lines of other hosts, as many files have.
fn crowd(lines: usize) -> String {
    let key = key(2);
    (0..lines)
        .map(|i| format!("host{i}.example.com,192.0.2.{} {key}\n", i % 256))
        .collect()
}

#[test]
fn a_hundred_thousand_lines_take_no_time_to_speak_of() {
    let content = crowd(100_000) + &format!("host {}\n", key(1));
    let mut known_hosts = KnownHosts::new(&RING, HostName::new(b"host", 2222));
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            known_hosts.add_file(content.as_bytes());
            start.elapsed()
        })
        .min();
    assert!(matches!(
        known_hosts.verdict(&ed25519_blob(1)),
        Verdict::Known(_)
    ));
    std::println!("figure: 100 000 lines of known_hosts in {best:?}");
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 2000 } else { 20 });
    assert!(best.unwrap() < limit, "{best:?}");
}

#[test]
fn a_line_of_a_mebibyte_is_harmless() {
    let start = Instant::now();
    let host = HostName::new(b"host", 22);
    let long = 1024 * 1024;
    for hosts in [
        "a".repeat(long),
        "*a".repeat(long / 2),
        "*".repeat(long),
        ",".repeat(long),
        "a,".repeat(long / 2),
        "!*x,".repeat(long / 4),
        format!("|1|{}", "A".repeat(long)),
        " ".repeat(long),
        "@".repeat(long),
    ] {
        let content = format!("{hosts} {}\nhost {}\n", key(2), key(1));
        assert_eq!(verdict(&[&content], &host, 1), known(0, 2));
    }
    let content = format!("host ssh-ed25519 {}\nhost {}", "A".repeat(long), key(1));
    assert_eq!(verdict(&[&content], &host, 1), known(0, 2));
    let content = format!("host {} {}", key(1), "comment ".repeat(long / 8));
    assert_eq!(verdict(&[&content], &host, 1), known(0, 1));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn mutated_files_never_panic_and_a_damaged_key_is_never_the_key() {
    let mut random = Random::new(16);
    let host = HostName::new(b"host", 2222);
    let content = format!(
        "@revoked * {}\n[host]:2222,!a* {}\n{}",
        key(3),
        key(2),
        String::from_utf8_lossy(HASHED_FILE)
    );
    for _ in 0..20_000 {
        let mutated = random.mutate(content.as_bytes());
        let mut known_hosts = KnownHosts::new(&RING, host.clone());
        known_hosts.add_file(&mutated);
        // Key 1 is in none of these lines, whatever becomes of them.
        let verdict = known_hosts.verdict(&ed25519_blob(1));
        assert!(!matches!(verdict, Verdict::Known(_) | Verdict::Revoked(_)));
    }
}

#[test]
fn the_longest_file_is_only_read_as_far_as_it_goes() {
    let no_end = vec![b'a'; 1000];
    let mut known_hosts = KnownHosts::new(&RING, HostName::new(b"host", 22));
    known_hosts.add_file(&no_end);
    known_hosts.add_file(&[]);
    assert_eq!(known_hosts.verdict(&ed25519_blob(1)), Verdict::Unknown);
    assert_eq!(CannotWrite::BadKey.to_string(), "the key has no type");
}
