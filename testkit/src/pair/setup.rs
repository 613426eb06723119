//! What a pair is made with.

use adit_crypto::{Provider, SecureRandom};
use adit_forward::Patience;
use adit_forward::session::Config;
use adit_proto::Ident;
use adit_transport::{AeadFirst, Algorithms, Buffers, RekeyLimits};

/// What a pair is made with.
pub struct Setup {
    /// Of both ends.
    pub provider: &'static Provider,
    /// Of both ends, and of their keys. The same source makes the same session, byte for byte, where
    /// the provider takes all of its randomness from it.
    pub random: &'static dyn SecureRandom,
    /// Of both ends.
    pub limits: adit_connection::Limits,
    /// Of both ends.
    pub rekey: RekeyLimits,
    /// Of both ends.
    pub patience: Option<Patience>,
    /// Of both ends.
    pub buffers: Buffers,
    /// Only this cipher, where it is set.
    pub cipher: Option<&'static str>,
    /// Only this MAC, where it is set.
    pub mac: Option<&'static str>,
    /// Only this key exchange method, where it is set.
    pub kex: Option<&'static str>,
    /// Whether the server accepts the client's key and then every channel.
    pub server: Willing,
    /// Most bytes that one step of the wire carries.
    pub chunk: usize,
    /// How many bytes the wire holds in each direction before it is full.
    pub wire: usize,
}

/// What a test's server does when asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Willing {
    /// Accepts the key and every channel.
    All,
    /// Accepts the key and no channel.
    NoChannels,
    /// Accepts the key, and leaves the test to say what becomes of a channel.
    Undecided,
    /// Refuses the key.
    Nobody,
}

impl Setup {
    /// A server that accepts everything, ordinary sizes.
    #[must_use]
    pub fn new(provider: &'static Provider) -> Self {
        Self {
            provider,
            random: provider.random,
            limits: adit_connection::Limits {
                max_channels: 64,
                window_budget: 8 << 20,
            },
            rekey: RekeyLimits {
                bytes: None,
                time: None,
            },
            patience: None,
            buffers: Buffers::default(),
            cipher: None,
            mac: None,
            kex: None,
            server: Willing::All,
            chunk: usize::MAX,
            wire: 1 << 20,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let mut algorithms = Algorithms::defaults(self.provider, AeadFirst::Aes);
        if let Some(cipher) = self.cipher {
            algorithms
                .select_ciphers(self.provider, cipher)
                .expect("a cipher of this provider");
        }
        if let Some(mac) = self.mac {
            algorithms
                .select_macs(self.provider, mac)
                .expect("a MAC of this provider, and a cipher with it");
        }
        if let Some(kex) = self.kex {
            algorithms
                .select_kex(self.provider, kex)
                .expect("a method of this provider");
        }
        Config {
            transport: adit_transport::Config {
                provider: self.provider,
                random: self.random,
                ident: Ident::new(b"SSH-2.0-adit_test").expect("an identification"),
                algorithms,
                rekey: self.rekey,
                buffers: self.buffers,
            },
            limits: self.limits,
            patience: self.patience,
        }
    }
}
