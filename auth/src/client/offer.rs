//! Keys to try, and what is asked for: keys, signatures, and what a person knows.

use alloc::vec::Vec;

/// The caller's number for a key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(pub u32);

/// Whether the server is asked about a key before it signs (RFC 4252 §7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Sign at once: the key is loaded, and a signature costs less than a round trip.
    No,
    /// Ask first: an agent may ask a person, for a key that the server would then refuse.
    Yes,
}

/// A key to try.
#[derive(Clone, Debug)]
pub struct OfferedKey {
    /// Its public half.
    pub public_blob: Vec<u8>,
    /// Comes back in [`Need::Sign`].
    pub id: KeyId,
    /// Whether to probe.
    pub ask_first: Probe,
    /// Signature algorithms it can be used with, best first: what its signer says, or
    /// [`crate::signature_algorithms`].
    pub algorithms: &'static [&'static str],
}

/// What the client needs to go on.
#[derive(Debug, Eq, PartialEq)]
pub enum Need<'a> {
    /// Nothing: send what is due, or wait for the server.
    Nothing,
    /// The keys to try; give them to [`crate::Client::offer`]. Asked once, when publickey is the
    /// next method.
    Keys,
    /// A password; give it to [`crate::Client::password`].
    Password {
        /// How many the server has refused before.
        attempt: u32,
    },
    /// Answers of a person; give them to [`crate::Client::respond`]. All texts are a stranger's:
    /// escape them.
    Respond {
        /// Perhaps empty.
        name: &'a [u8],
        /// Perhaps empty.
        instruction: &'a [u8],
        /// At least one.
        prompts: &'a [Prompt],
    },
    /// A signature blob over `message` by this key; give it to [`crate::Client::signed`].
    Sign {
        /// Of the key.
        key: KeyId,
        /// Signature algorithm.
        algorithm: &'static str,
        /// What to sign.
        message: &'a [u8],
    },
}

/// A question of keyboard-interactive (RFC 4256 §3.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prompt {
    /// UTF-8, from a stranger.
    pub text: Vec<u8>,
    /// Whether what is typed may be seen.
    pub echo: Echo,
}

/// Whether what a person types may be seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Echo {
    /// It is a secret.
    No,
    /// It may be.
    Yes,
}

/// What became of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signed {
    /// It is what was asked for; a request with it is due.
    Accepted,
    /// There is none, or it does not verify: the key is given up, and what comes next is due.
    GivenUp,
}
