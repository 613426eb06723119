//! SSH user authentication (RFC 4252, RFC 4256), and the files around it.
//!
//! Two machines, [`Client`] and [`Server`], that take messages and say what is due; nobody waits
//! inside them. What they lack (a signature, a password, a decision) they ask for and get when it
//! is there. Beside them stand pure readers and writers of what people keep in files: keys,
//! authorized_keys, known_hosts, and of what an agent says. Bytes and numbers in, verdicts out:
//! this crate opens no file and no socket.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod agent;
mod authenticated;
pub mod authorized_keys;
pub mod base64;
mod client;
mod error;
mod fingerprint;
pub mod keyfile;
pub mod known_hosts;
pub mod permissions;
pub mod permits;
pub mod public_key;
mod server;
mod signed;
#[cfg(test)]
mod tests;
mod user;

pub use authenticated::{How, KeyPolicy, UserAuthenticated};
pub use client::{
    Binding, Client, ClientEvent, Echo, Established, KeyId, Method, Methods, Need, OfferedKey,
    Probe, Prompt, Refused, Request, Signed,
};
pub use error::{Error, Internal, PeerMisbehaved};
pub use fingerprint::Fingerprint;
pub use permits::Permissions;
pub use server::{
    Decision, Failed, FailedKey, FailedSignature, Limits, REQUESTS_MAX, Reply, Server, ServerEvent,
    ServerNeed,
};
pub use signed::{key_type_label, signature_algorithms};
pub use user::{USER_NAME_MAX, is_plain_user_name};
