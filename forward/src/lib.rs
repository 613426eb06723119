//! Sessions joined from the layers below, the relay, and the event loop.

pub mod policy;
