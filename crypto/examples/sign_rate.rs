//! What a signature costs: `cargo run --release --all-features --example sign_rate`. Signing includes
//! the verification of what was made.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, not a library"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use adit_crypto::{NistCurve, PrivateKey, Provider, RsaPrivate, SigningKey, verify};
use adit_vectors::{OPENSSH_SIGNATURES, Record, records};

const TIME_EACH: Duration = Duration::from_millis(500);

fn main() {
    let providers: &[&Provider] = &[
        #[cfg(feature = "ring")]
        &adit_crypto::RING,
        #[cfg(feature = "pure-nist")]
        &adit_crypto::PURE,
    ];
    println!("microseconds: load, sign, verify");
    for provider in providers {
        for record in records(OPENSSH_SIGNATURES) {
            let [algorithm, key, message, signature] =
                ["algorithm", "key", "message", "signature"].map(|name| record.bytes(name));
            let name = str::from_utf8(algorithm).unwrap();
            let verify_time = each(|| {
                let verdict = verify(provider, algorithm, key, message, signature);
                assert!(verdict.is_ok());
            });
            let (load_time, sign_time) = match load(provider, &record) {
                Some(key) => {
                    let load_time = each(|| drop(black_box(load(provider, &record))));
                    let sign_time = each(|| drop(black_box(key.sign(name, message).unwrap())));
                    (load_time, sign_time)
                }
                None => (f64::NAN, f64::NAN),
            };
            println!(
                "{:5} {name:20} {:4} byte key {load_time:8.0} {sign_time:8.0} {verify_time:8.0}",
                provider.name,
                key.len(),
            );
        }
    }
}

/// The key of a record that has its numbers, if this provider signs with it.
fn load(provider: &Provider, record: &Record) -> Option<Box<dyn SigningKey>> {
    let key = if let Some(private) = record.find("private") {
        PrivateKey::Ecdsa {
            curve: NistCurve::of_key_type(record.bytes("algorithm"))?,
            private,
            public: record.bytes("public"),
        }
    } else {
        PrivateKey::Rsa(RsaPrivate {
            d: record.find("d")?,
            n: record.bytes("n"),
            e: record.bytes("e"),
            p: record.bytes("p"),
            q: record.bytes("q"),
            iqmp: record.bytes("iqmp"),
        })
    };
    provider.keys.load(&key).ok()
}

/// Microseconds of one call.
fn each(mut step: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut n = 0;
    while start.elapsed() < TIME_EACH {
        step();
        n += 1;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(n)
}
