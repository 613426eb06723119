//! Forward specifications as ssh(1) has them for `-L`, `-R`, `-D` and `-W`, and what a bind address
//! means. Pure: variables and service names are asked of the caller, nothing is resolved.
//!
//! ```text
//! spec  = field *3( ":" field )
//! field = "[" *(any but "]") "]"               used as it is; ":" or the end must follow
//!       / *( "\" any / any but ":" )           "\" quotes the next character
//! ```
//!
//! A field with a "/" that is not quoted is the path of a Unix socket. Their number says the rest:
//!
//! ```text
//! port             /path              listen there; who connects says where to     -D -R
//! bind:port                           the same                                     -D -R
//! /a:/b            port:/b            from either to a Unix socket                 -L -R
//! /a:host:port     bind:port:/b                                                    -L -R
//! port:host:port   bind:port:host:port                                             -L -R
//! host:port        /path              nobody listens                               -W
//! ```

mod bind;
mod error;
mod fields;
mod forwards;
mod shown;
#[cfg(test)]
mod tests;

pub use bind::{Bind, Family, GatewayPorts, ListenOn};
pub use error::SpecError;
pub use fields::{HOST_MAX, SOCKET_PATH_MAX, VARIABLE_MAX};
pub use forwards::{
    DynamicForward, Listen, LocalForward, RemoteForward, RemoteListen, StdioForward, Target,
};

/// What a specification may refer to.
pub trait Names {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The port of a TCP service by name.
    fn service(&self, name: &str) -> Option<u16>;
}

/// Adds a forward unless the same is there already; ssh drops repetitions without a word, because
/// a configuration file and a command line often say the same.
pub fn add<T: PartialEq>(forwards: &mut Vec<T>, forward: T) {
    if !forwards.contains(&forward) {
        forwards.push(forward);
    }
}
