//! Files with very many lines.

use super::*;

/// 100 000 lines, a third each of Ed25519, ECDSA and RSA: a hundred servers' worth for a thousand
/// users, or one for each of a large company's machines.
fn crowd(host: &str, key: &[u8]) -> String {
    let mut ecdsa = Vec::new();
    for part in [&b"ecdsa-sha2-nistp256"[..], b"nistp256", &[4; 65]] {
        ecdsa.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        ecdsa.extend(part);
    }
    let keys = [new_key(), ecdsa, rsa_key()];
    let keys = keys.map(|key| line("", 22, &key));
    let lines = (0..100_000_usize).map(|i| {
        let key = &keys[i % 3];
        match i % 5 {
            0 => format!("[host{i}.example.com]:2222{key}"),
            1 => format!("host{i},host{i}.example.com,192.0.2.{}{key}", i % 256),
            _ => format!("host{i}.example.com,192.0.2.{}{key}", i % 256),
        }
    });
    lines.collect::<String>() + &line(host, 2222, key)
}

#[test]
fn a_hundred_thousand_known_hosts_are_no_hindrance() {
    let key = new_key();
    let case = Case::new(Yes, &crowd("hostb", &key));
    let times = (0..5).map(|_| {
        let start = Instant::now();
        let trust = case.trust();
        let time = start.elapsed();
        let address = "192.0.2.1:2222".parse().ok();
        assert!(matches!(trust.decide(address, &key), Answer::Now(Trusted)));
        time
    });
    let best = times.min().unwrap();
    println!("figure: known_hosts of 100 000 lines read in {best:?}");
    let limit = if cfg!(debug_assertions) { 3000 } else { 20 };
    assert!(best < Duration::from_millis(limit), "{best:?}");
}

#[test]
fn hashed_names_are_found_wherever_a_file_is_cut_for_two_threads() {
    let n = if cfg!(debug_assertions) {
        3_000
    } else {
        100_000
    };
    let (key, other) = (new_key(), new_key());
    let hashed = |host: &str, key: &[u8]| {
        let name = HostName::new(host.as_bytes(), 2222);
        known_hosts::line(PROVIDER, &name, key, Form::Hashed(PROVIDER.random)).unwrap()
    };
    let crowd: Vec<_> = (0..n).map(|i| hashed(&format!("h{i}"), &other)).collect();
    for at in [0, 1, n / 3, n / 2, n - 1] {
        let mut lines = crowd.clone();
        lines.insert(at, hashed("hostb", &key));
        let mut case = Case::new(Yes, &lines.concat());
        case.report = Arc::new(Report::memory(Level::Debug1));
        let start = Instant::now();
        assert_eq!(case.decide(&key), Trusted);
        println!(
            "figure: {n} hashed known hosts read in {:?}",
            start.elapsed()
        );
        assert!(case.said(&format!("known_hosts:{}", at + 1)), "{at}");
    }
}
