//! What each fuzz target does with its bytes.
//!
//! A body must not panic on any input, and it also checks what must be true of what it got: that a
//! value comes back as it was written, that two providers agree, that a budget adds up. The same
//! bodies run under libFuzzer (`../fuzz_targets`) and, with mutated seeds and a bound on time, under
//! `cargo test` (`tests/smoke.rs`).

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a body fails by panicking"
)]

mod args;
mod auth;
mod blobs;
mod config;
mod connection;
mod crypto;
mod files;
mod keys;
mod mutate;
mod permits;
mod proto;
mod seeds;
mod socks;
mod spec;
mod transport;

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

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// All of them, by name.
pub const TARGETS: &[Target] = &[
    target("address_list", spec::address_list, spec::address_list_seeds),
    target("agent_reply", files::agent_reply, files::agent_reply_seeds),
    target("args", args::run, args::seeds),
    target("auth_client", auth::client, auth::client_seeds),
    target("auth_server", auth::server, auth::server_seeds),
    target(
        "authorized_keys",
        files::authorized_keys,
        files::authorized_keys_seeds,
    ),
    target("blob", blobs::blob, blobs::blob_seeds),
    target("channel_pair", connection::pair, connection::pair_seeds),
    target("channel_table", connection::table, connection::table_seeds),
    target(
        "client_option",
        config::client_option,
        config::client_option_seeds,
    ),
    target(
        "command_line",
        config::command_line,
        config::command_line_seeds,
    ),
    target("ext_info", proto::ext_info, proto::ext_info_seeds),
    target(
        "fingerprint_lines",
        keys::fingerprint_lines,
        keys::fingerprint_lines_seeds,
    ),
    target("forward_spec", spec::forward, spec::forward_seeds),
    target("ident", proto::ident, proto::ident_seeds),
    target("kex_share", crypto::kex_share, crypto::kex_share_seeds),
    target("key_file", keys::key_file, keys::key_file_seeds),
    target(
        "key_file_inside",
        keys::key_file_inside,
        keys::key_file_inside_seeds,
    ),
    target(
        "key_options",
        permits::key_options,
        permits::key_options_seeds,
    ),
    target("known_hosts", files::known_hosts, files::known_hosts_seeds),
    target("message", proto::message, proto::message_seeds),
    target("mpint", proto::mpint, proto::mpint_seeds),
    target("name_list", proto::name_list, proto::name_list_seeds),
    target(
        "packet_open",
        crypto::packet_open,
        crypto::packet_open_seeds,
    ),
    target("pem_key", keys::pem_key, keys::pem_key_seeds),
    target(
        "permit_listen",
        permits::permit_listen,
        permits::permit_listen_seeds,
    ),
    target("permit_open", spec::permit_open, spec::permit_open_seeds),
    target(
        "public_key_line",
        files::public_key_line,
        files::public_key_line_seeds,
    ),
    target("signature", blobs::signature, blobs::signature_seeds),
    target("socks_request", socks::request, socks::request_seeds),
    target("ssh_config", config::ssh_config, config::ssh_config_seeds),
    target(
        "sshd_config",
        config::sshd_config,
        config::sshd_config_seeds,
    ),
    target(
        "transport_changed_bit",
        transport::changed_bit,
        transport::changed_bit_seeds,
    ),
    target(
        "transport_client",
        transport::from_server,
        transport::from_server_seeds,
    ),
    target("transport_pair", transport::pair, transport::pair_seeds),
    target(
        "transport_server",
        transport::from_client,
        transport::from_client_seeds,
    ),
    target("wire", proto::wire, proto::wire_seeds),
];

/// The body of the target of that name, for `../fuzz_targets`.
///
/// # Panics
/// When there is no such target, or its body finds something wrong.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of TARGETS").run)(data);
}
