//! Every fuzz target on its seeds, on what libFuzzer found (`fuzz/corpus`, where there is one), and
//! on mutations of both for a bounded time. Needs no nightly compiler.
//!
//! `ADIT_FUZZ_SECONDS` is the time for each target, `ADIT_FUZZ_SEED` repeats a run, and
//! `ADIT_FUZZ_TARGET` chooses one target.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adit_fuzz_bodies::{Random, TARGETS, Target, mutate};

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut inputs = (target.seeds)();
    let corpus = fuzz_folder().join("corpus").join(target.name);
    for entry in fs::read_dir(corpus)
        .into_iter()
        .flatten()
        .flatten()
        .take(5_000)
    {
        inputs.extend(fs::read(entry.path()));
    }
    inputs
}

/// Runs one input, and says which it was when it fails.
fn run(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!(
            "target {} fails on \"{}\"",
            target.name,
            input.escape_ascii()
        );
        resume_unwind(panic);
    }
}

fn some<'a>(inputs: &'a [Vec<u8>], random: &mut Random) -> &'a Vec<u8> {
    &inputs[random.below(inputs.len())]
}

fn smoke(target: &Target) {
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "{} has no seeds", target.name);
    for input in &inputs {
        run(target, input);
        // Every truncation of what is small, and one byte too many.
        for short in (0..input.len())
            .take(400)
            .filter_map(|len| input.get(..len))
        {
            run(target, short);
        }
        run(target, &[&input[..], &[0]].concat());
    }
    let mut random = Random::new(number("ADIT_FUZZ_SEED", 1));
    let end = Instant::now() + Duration::from_secs(number("ADIT_FUZZ_SECONDS", 1));
    let mut data = Vec::new();
    let mut count = 0_u64;
    while Instant::now() < end {
        // A few rounds on one seed reach further than one round on each.
        if count.is_multiple_of(4) {
            data.clone_from(some(&inputs, &mut random));
        }
        let other = some(&inputs, &mut random);
        mutate(&mut random, &mut data, other);
        run(target, &data);
        count += 1;
    }
    println!("{}: {} seeds, {count} mutations", target.name, inputs.len());
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            if env::var("ADIT_FUZZ_TARGET").is_ok_and(|only| only != stringify!($name)) {
                return;
            }
            let target = TARGETS.iter().find(|target| target.name == stringify!($name));
            smoke(target.expect("a target of TARGETS"));
        })*

        const HERE: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    address_list
    agent_reply
    args
    auth_client
    auth_server
    authorized_keys
    blob
    channel_pair
    channel_table
    client_option
    command_line
    ext_info
    fingerprint_lines
    forward_spec
    ident
    kex_share
    key_file
    key_file_inside
    key_options
    known_hosts
    message
    mpint
    name_list
    packet_open
    pem_key
    permit_listen
    permit_open
    public_key_line
    signature
    socks_request
    ssh_config
    sshd_config
    transport_changed_bit
    transport_client
    transport_pair
    transport_server
    wire
}

#[test]
fn every_target_has_a_test_and_a_file_for_libfuzzer() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert!(names.is_sorted());
    assert_eq!(names, HERE);
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).expect("a manifest");
    for name in names {
        let file = fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs")));
        let call = format!("adit_fuzz_bodies::run(\"{name}\", data)");
        assert!(
            file.is_ok_and(|text| text.contains(&call)),
            "no fuzz_targets/{name}.rs"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is no [[bin]]"
        );
    }
}
