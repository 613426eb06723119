//! Which methods a client may use, in which order, and what it knows when it begins.

use alloc::vec::Vec;

/// How often a person is asked for a password: ssh's NumberOfPasswordPrompts.
const PROMPTS: u32 = 3;

/// A method of authentication that the client has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// A signature (RFC 4252 §7).
    Publickey,
    /// Questions of the server to a person (RFC 4256).
    KeyboardInteractive,
    /// A password (RFC 4252 §8).
    Password,
}

impl Method {
    /// All of them, in ssh's order.
    pub const ALL: [Self; 3] = [Self::Publickey, Self::KeyboardInteractive, Self::Password];

    /// Its name on the wire and in PreferredAuthentications.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publickey => "publickey",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::Password => "password",
        }
    }
}

/// The methods that a client may use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Methods {
    /// In order of preference (PreferredAuthentications), without those that are switched off.
    pub order: Vec<Method>,
    /// How often a person is asked in each of password and keyboard-interactive
    /// (NumberOfPasswordPrompts). 0, as with BatchMode: neither is used.
    pub prompts: u32,
    /// Which of the two forms publickey has (PubkeyAuthentication).
    pub binding: Binding,
}

/// Whether what a key signs names the server's host key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Binding {
    /// Where the server takes publickey-hostbound-v00@openssh.com.
    #[default]
    HostBound,
    /// Never, for an agent that looks at what it signs and does not know that method.
    Unbound,
}

impl Default for Methods {
    /// ssh's.
    fn default() -> Self {
        Self {
            order: Method::ALL.to_vec(),
            prompts: PROMPTS,
            binding: Binding::default(),
        }
    }
}

/// What is known when the service is accepted. Whoever has one has a transport with keys, and a
/// host key that somebody trusts: nothing secret is asked for or sent before.
#[derive(Clone, Copy, Debug)]
pub struct Established<'a> {
    /// RFC 4253 §7.2.
    pub session_id: &'a [u8],
    /// The value of that extension (RFC 8308 §3.1), where the server sent it: keys that go with
    /// none of these algorithms are not tried.
    pub server_sig_algs: Option<&'a [u8]>,
    /// The host key of the first exchange, where the server takes
    /// publickey-hostbound-v00@openssh.com.
    pub hostbound: Option<&'a [u8]>,
}
