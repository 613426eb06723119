//! Long files, long lines, damaged ones.

use super::*;

/// Lines of other hosts, as many files have: a third each with keys of Ed25519, ECDSA and RSA.
fn crowd(lines: usize) -> String {
    let words = |blob: &[u8]| String::from(to_line(blob, "").unwrap().trim_end());
    let of = |name: &[u8], len: usize| {
        let mut blob = Vec::from(u32::try_from(name.len()).unwrap().to_be_bytes());
        blob.extend(name);
        blob.resize(len, 7);
        words(&blob)
    };
    let keys = [key(2), of(b"ecdsa-sha2-nistp256", 104), of(b"ssh-rsa", 279)];
    (0..lines)
        .map(|i| {
            let key = &keys[i % 3];
            match i % 5 {
                0 => format!("[host{i}.example.com]:2222 {key}\n"),
                1 => format!("host{i},host{i}.example.com,192.0.2.{} {key}\n", i % 256),
                _ => format!("host{i}.example.com,192.0.2.{} {key}\n", i % 256),
            }
        })
        .collect()
}

/// How long the quickest of five readings takes.
fn best(content: &str) -> Duration {
    let times = (0..5).map(|_| {
        let mut known_hosts = KnownHosts::new(&RING, HostName::new(b"host", 2222));
        let start = Instant::now();
        known_hosts.add_file(content.as_bytes());
        let time = start.elapsed();
        assert!(matches!(
            known_hosts.verdict(&ed25519_blob(1)),
            Verdict::Known(_)
        ));
        time
    });
    times.min().unwrap()
}

#[test]
fn a_hundred_thousand_lines_take_no_time_to_speak_of() {
    let time = best(&(crowd(100_000) + &format!("host {}\n", key(1))));
    std::println!("figure: 100 000 lines of known_hosts in {time:?}");
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 2000 } else { 20 });
    assert!(time < limit, "{time:?}");
}

#[test]
fn hashed_names_cost_a_hash_or_two_each() {
    let n = if cfg!(debug_assertions) {
        5_000
    } else {
        100_000
    };
    let salt = |i: u32| {
        let mut salt = [7; 20];
        salt[..4].copy_from_slice(&i.to_be_bytes());
        base64::encode(&salt)
    };
    let key = key(1);
    let content: String = (0..n)
        .map(|i| format!("|1|{}|{} {key}\n", salt(i), salt(i + n)))
        .collect();
    let time = best(&(content + &format!("host {key}\n")));
    std::println!("figure: {n} hashed lines of known_hosts in {time:?}");
    assert!(time < Duration::from_secs(2), "{time:?}");
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
    let mut dice = Dice::new(16);
    let host = HostName::new(b"host", 2222);
    let content = format!(
        "@revoked * {}\n[host]:2222,!a* {}\n{}",
        key(3),
        key(2),
        String::from_utf8_lossy(HASHED_FILE)
    );
    for _ in 0..20_000 {
        let mutated = mutate(&mut dice, content.as_bytes());
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
