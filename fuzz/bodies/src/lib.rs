//! What each fuzz target does with its bytes.
//!
//! A body must not panic on any input, and it also checks what must be true of what it got: that a
//! value comes back as it was written, that two providers agree, that a budget adds up. The same
//! bodies run under libFuzzer (`../fuzz_targets`) and, with mutated seeds and a bound on time, under
//! `cargo test` (`tests/smoke.rs`).

#![forbid(unsafe_code)]

mod args;
mod crypto;
mod mutate;
mod proto;
mod seeds;
mod spec;

pub use mutate::{Random, mutate};
pub use seeds::{bytes, string};

/// A fuzz target: the name of its file, its body, and inputs to begin with.
pub struct Target {
    /// As in `../fuzz_targets`.
    pub name: &'static str,
    /// Checks one input. Panics when something is wrong.
    pub run: fn(&[u8]),
    /// Inputs that reach far into it, made by code so that they follow the formats.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "args",
        run: args::run,
        seeds: args::seeds,
    },
    Target {
        name: "blob",
        run: proto::blob,
        seeds: proto::blob_seeds,
    },
    Target {
        name: "ext_info",
        run: proto::ext_info,
        seeds: proto::ext_info_seeds,
    },
    Target {
        name: "forward_spec",
        run: spec::forward,
        seeds: spec::forward_seeds,
    },
    Target {
        name: "ident",
        run: proto::ident,
        seeds: proto::ident_seeds,
    },
    Target {
        name: "kex_share",
        run: crypto::kex_share,
        seeds: crypto::kex_share_seeds,
    },
    Target {
        name: "message",
        run: proto::message,
        seeds: proto::message_seeds,
    },
    Target {
        name: "mpint",
        run: proto::mpint,
        seeds: proto::mpint_seeds,
    },
    Target {
        name: "name_list",
        run: proto::name_list,
        seeds: proto::name_list_seeds,
    },
    Target {
        name: "packet_open",
        run: crypto::packet_open,
        seeds: crypto::packet_open_seeds,
    },
    Target {
        name: "permit_open",
        run: spec::permit_open,
        seeds: spec::permit_open_seeds,
    },
    Target {
        name: "signature",
        run: crypto::signature,
        seeds: crypto::signature_seeds,
    },
    Target {
        name: "wire",
        run: proto::wire,
        seeds: proto::wire_seeds,
    },
];

/// The body of the target of that name, for `../fuzz_targets`.
///
/// # Panics
/// When there is no such target, or its body finds something wrong.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of TARGETS").run)(data);
}
