//! The messages, one table a protocol, fields in the order and by the names of the RFCs.
//!
//! A server's message is a type of its own, and so is a client's: what a role cannot receive it
//! has no reason to decode.

mod auth;
mod connection;
mod forwarding;
mod kex;
mod transport;

pub use auth::*;
pub use connection::*;
pub use forwarding::*;
pub use kex::*;
pub use transport::*;

#[cfg(test)]
mod tests;
