//! What a client tells of its authentication.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::methods::Method;
use super::offer::KeyId;
use crate::authenticated::UserAuthenticated;

/// What a message of the server meant.
#[derive(Debug)]
pub enum ClientEvent {
    /// Nothing to tell.
    Quiet,
    /// Text to show a person, from a stranger: escape it.
    Banner {
        /// Where in the payload.
        message: Range<usize>,
    },
    /// A request with this key was sent, its first one.
    KeyOffered(KeyId),
    /// The server accepted that method and asks for another one too.
    PartialSuccess(Method),
    /// The server would have the password changed, which adit does not do: the method is given up.
    /// Text to show a person, from a stranger: escape it.
    PasswordExpired {
        /// Where in the payload.
        message: Range<usize>,
    },
    /// The server tells something and asks nothing (RFC 4256 §3.2). Texts to show a person, from a
    /// stranger, either of them perhaps empty: escape them.
    Told {
        /// Where in the payload.
        name: Range<usize>,
        /// Where in the payload.
        instruction: Range<usize>,
    },
    /// Done: the connection protocol begins.
    Authenticated(UserAuthenticated),
    /// Done: there is nothing left to try.
    Refused(Refused),
}

/// Nothing was good. Shown as ssh does: `Permission denied (publickey,password).`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Methods that the server would go on with, comma-separated; printable ASCII.
    pub methods: Vec<u8>,
    /// How many keys the server was asked about or given a signature of.
    pub tried_keys: usize,
    /// How many keys were not tried, since the server does not take their algorithms or no
    /// signature could be had.
    pub skipped_keys: usize,
    /// How many passwords the server refused.
    pub passwords_tried: u32,
    /// A key or an answer was good, and the server asks for more than adit can give.
    pub partial_success: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = core::str::from_utf8(&self.methods).unwrap_or_default();
        write!(f, "Permission denied ({methods}).")
    }
}
