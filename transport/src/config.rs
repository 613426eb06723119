//! What a transport is made with: algorithms in order of preference, limits, sizes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::iter::once;
use core::time::Duration;

use adit_crypto::{Cipher, Kex, Provider, SecureRandom};
use adit_proto::Ident;
use adit_proto::pattern::{self, Case};

/// Everything that a [`crate::Transport`] is made with.
pub struct Config {
    /// Where verifiers are looked up.
    pub provider: &'static Provider,
    /// Cookies, key exchange secrets, padding.
    pub random: &'static dyn SecureRandom,
    /// Our identification.
    pub ident: Ident,
    /// What is offered.
    pub algorithms: Algorithms,
    /// When keys are changed.
    pub rekey: RekeyLimits,
    /// Sizes after authentication.
    pub buffers: Buffers,
}

/// What is offered, in order of preference.
#[derive(Clone)]
pub struct Algorithms {
    /// Key exchange methods.
    pub kex: Vec<&'static dyn Kex>,
    /// Signature algorithms of host keys. A server offers those that one of its keys has.
    pub host_keys: Vec<&'static str>,
    /// Ciphers, one value for each (cipher, MAC) pair.
    pub ciphers: Vec<&'static dyn Cipher>,
    /// Signature algorithms that a server takes from users: it names them in server-sig-algs.
    pub user_keys: Vec<&'static str>,
}

/// When keys are changed. 2^31 packets always (RFC 4344 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RekeyLimits {
    /// Bytes in one direction. `None`: what the cipher allows, and more is never taken.
    pub bytes: Option<u64>,
    /// Time since the last exchange. `None` or zero: no limit.
    pub time: Option<Duration>,
}

impl Default for RekeyLimits {
    /// What the cipher allows, and one hour (RFC 4253 §9 recommends both 1 GiB and an hour).
    fn default() -> Self {
        Self {
            bytes: None,
            time: Some(Duration::from_secs(3600)),
        }
    }
}

/// Sizes of the buffers after authentication; before it they are small and fixed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Buffers {
    /// Receive buffer. One that could not hold the largest packet is made that large.
    pub recv: usize,
    /// How many sealed bytes may wait before no more data is taken. The buffer itself is larger
    /// by one packet and the room for control messages and a key exchange.
    pub send: usize,
}

impl Default for Buffers {
    /// Where throughput over loopback stopped growing with size.
    fn default() -> Self {
        Self {
            recv: 256 * 1024,
            send: 256 * 1024,
        }
    }
}

/// Which kind of AEAD goes first: AES-GCM where the processor has AES instructions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AeadFirst {
    /// aes256-gcm@openssh.com, aes128-gcm@openssh.com, then chacha20-poly1305@openssh.com.
    Aes,
    /// chacha20-poly1305@openssh.com first.
    ChaCha,
}

const KEX: [&str; 5] = [
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
];
const HOST_KEYS: [&str; 5] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "rsa-sha2-512",
    "rsa-sha2-256",
];
const CHACHA: &str = "chacha20-poly1305@openssh.com";
const AES_GCM: [&str; 2] = ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"];
const AES_CTR: [&str; 3] = ["aes256-ctr", "aes192-ctr", "aes128-ctr"];
/// Encrypt-then-MAC alone: with the other order a peer's packet is deciphered before it is known to
/// be the peer's.
pub(crate) const MACS: [&str; 2] = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
];

impl Algorithms {
    /// What `provider` has of the default lists, in their order.
    #[must_use]
    pub fn defaults(provider: &Provider, first: AeadFirst) -> Self {
        let (before, after) = match first {
            AeadFirst::Aes => (None, Some(CHACHA)),
            AeadFirst::ChaCha => (Some(CHACHA), None),
        };
        let ciphers = before
            .into_iter()
            .chain(AES_GCM)
            .chain(after)
            .chain(AES_CTR);
        let signatures: Vec<&str> = HOST_KEYS
            .iter()
            .filter_map(|n| provider.verifier(n.as_bytes()))
            .map(adit_crypto::Verifier::algorithm)
            .collect();
        Self {
            kex: KEX
                .iter()
                .filter_map(|n| provider.kex(n.as_bytes()))
                .collect(),
            user_keys: signatures.clone(),
            host_keys: signatures,
            ciphers: ciphers
                .flat_map(|name| with_macs(provider, name, &MACS))
                .collect(),
        }
    }

    /// Key exchange methods from a user's list, as `KexAlgorithms` of ssh_config(5) reads it.
    ///
    /// # Errors
    /// The first name that `provider` does not have; nothing is then changed.
    pub fn select_kex(&mut self, provider: &Provider, list: &str) -> Result<(), BadSelection> {
        let named = |all: &[&'static dyn Kex]| -> Vec<_> { all.iter().map(|k| k.name()).collect() };
        let names = select(list, &named(&self.kex), &named(provider.kex))?;
        self.kex = names
            .iter()
            .filter_map(|name| provider.kex(name.as_bytes()))
            .collect();
        Ok(())
    }

    /// Ciphers from a user's list, as `Ciphers` of ssh_config(5) reads it, each with all its MACs:
    /// [`Algorithms::select_macs`] comes after this.
    ///
    /// # Errors
    /// As [`Algorithms::select_kex`].
    pub fn select_ciphers(&mut self, provider: &Provider, list: &str) -> Result<(), BadSelection> {
        let defaults = distinct(self.ciphers.iter().map(|c| c.name()));
        let all = distinct(provider.ciphers.iter().map(|c| c.name()));
        let names = select(list, &defaults, &all)?;
        let macs = macs(provider);
        self.ciphers = names
            .into_iter()
            .flat_map(|name| with_macs(provider, name, &macs))
            .collect();
        Ok(())
    }

    /// MACs from a user's list, as `MACs` of ssh_config(5) reads it. A cipher that authenticates
    /// by itself needs none and stays; any other stays with the MACs that were chosen.
    ///
    /// # Errors
    /// As [`Algorithms::select_kex`], and when no cipher is left.
    pub fn select_macs(&mut self, provider: &Provider, list: &str) -> Result<(), BadSelection> {
        let all = macs(provider);
        let defaults: Vec<_> = all.iter().copied().filter(|m| MACS.contains(m)).collect();
        let macs = select(list, &defaults, &all)?;
        let ciphers: Vec<_> = distinct(self.ciphers.iter().map(|c| c.name()))
            .into_iter()
            .flat_map(|name| with_macs(provider, name, &macs))
            .collect();
        if ciphers.is_empty() {
            return Err(BadSelection::Empty);
        }
        self.ciphers = ciphers;
        Ok(())
    }

    /// Leaves only the ciphers that need no MAC.
    ///
    /// # Errors
    /// When there is none; nothing is then changed.
    pub fn without_macs(&mut self) -> Result<(), BadSelection> {
        if self.ciphers.iter().all(|cipher| cipher.mac().is_some()) {
            return Err(BadSelection::Empty);
        }
        self.ciphers.retain(|cipher| cipher.mac().is_none());
        Ok(())
    }

    /// Host key algorithms from a user's list, as `HostKeyAlgorithms` of ssh_config(5) reads it.
    ///
    /// # Errors
    /// As [`Algorithms::select_kex`].
    pub fn select_host_keys(
        &mut self,
        provider: &Provider,
        list: &str,
    ) -> Result<(), BadSelection> {
        let all: Vec<_> = provider.verifiers.iter().map(|v| v.algorithm()).collect();
        self.host_keys = select(list, &self.host_keys, &all)?;
        Ok(())
    }

    /// Signature algorithms of users from a list, as `PubkeyAcceptedAlgorithms` of sshd_config(5)
    /// reads it.
    ///
    /// # Errors
    /// As [`Algorithms::select_kex`].
    pub fn select_user_keys(
        &mut self,
        provider: &Provider,
        list: &str,
    ) -> Result<(), BadSelection> {
        let all: Vec<_> = provider.verifiers.iter().map(|v| v.algorithm()).collect();
        self.user_keys = select(list, &self.user_keys, &all)?;
        Ok(())
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Algorithms")
            .field(
                "kex",
                &self.kex.iter().map(|k| k.name()).collect::<Vec<_>>(),
            )
            .field("host_keys", &self.host_keys)
            .field("user_keys", &self.user_keys)
            .field(
                "ciphers",
                &self
                    .ciphers
                    .iter()
                    .map(|c| (c.name(), c.mac()))
                    .collect::<Vec<_>>(),
            )
            .finish()
    }
}

/// The cipher of that name, or what there is of it with these MACs, in their order.
fn with_macs(
    provider: &Provider,
    name: &'static str,
    macs: &[&str],
) -> impl Iterator<Item = &'static dyn Cipher> {
    let macs = macs.iter().map(|&mac| Some(mac));
    once(None).chain(macs).filter_map(move |mac| {
        let mut all = provider.ciphers.iter().copied();
        all.find(|c| c.name() == name && c.mac() == mac)
    })
}

/// All MACs of a provider: those of the defaults first, in their order.
fn macs(provider: &Provider) -> Vec<&'static str> {
    let there = distinct(provider.ciphers.iter().filter_map(|c| c.mac()));
    let usual = MACS.into_iter().filter(|mac| there.contains(mac));
    distinct(usual.chain(there.iter().copied()))
}

/// Names without repetition.
pub(crate) fn distinct(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// A user's list that cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BadSelection {
    /// Nothing would be left to offer.
    Empty,
    /// A name that the provider does not have.
    Unknown(String),
}

impl fmt::Display for BadSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no algorithm is left"),
            Self::Unknown(name) => write!(f, "unknown or unsupported algorithm \"{name}\""),
        }
    }
}

impl core::error::Error for BadSelection {}

/// ssh_config(5): `+list` appends to the defaults, `^list` puts in front of them, `-list` takes
/// away (with `*` and `?`), and anything else replaces them.
fn select(
    list: &str,
    defaults: &[&'static str],
    all: &[&'static str],
) -> Result<Vec<&'static str>, BadSelection> {
    let (form, names) = match list.as_bytes().first() {
        Some(form @ (b'+' | b'-' | b'^')) => (Some(*form), list.get(1..).unwrap_or("")),
        _ => (None, list),
    };
    let mut chosen = Vec::new();
    if form == Some(b'-') {
        let gone = |name: &str| {
            names
                .split(',')
                .any(|p| pattern::matches(p.as_bytes(), name.as_bytes(), Case::Exact))
        };
        chosen.extend(defaults.iter().filter(|name| !gone(name)));
    } else {
        let mut named = Vec::new();
        for name in names.split(',').filter(|n| !n.is_empty()) {
            let Some(known) = all.iter().find(|known| **known == name) else {
                return Err(BadSelection::Unknown(name.into()));
            };
            named.push(*known);
        }
        let parts: [&[&str]; 2] = match form {
            Some(b'+') => [defaults, &named],
            Some(_) => [&named, defaults],
            None => [&named, &[]],
        };
        // Twice the same name is harmless: it would never be chosen the second time.
        chosen = distinct(parts.into_iter().flatten().copied());
    }
    if chosen.is_empty() {
        return Err(BadSelection::Empty);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use adit_testkit::on_every_provider;

    use super::*;

    fn pick(list: &str) -> Result<Vec<&'static str>, BadSelection> {
        select(list, &["a1", "a2", "b1"], &["a1", "a2", "b1", "c1"])
    }

    #[test]
    fn a_list_replaces_appends_takes_away_or_goes_in_front() {
        assert_eq!(pick("c1,a2"), Ok(["c1", "a2"].to_vec()));
        assert_eq!(pick("+c1"), Ok(["a1", "a2", "b1", "c1"].to_vec()));
        assert_eq!(pick("+a1,c1"), Ok(["a1", "a2", "b1", "c1"].to_vec()));
        assert_eq!(pick("^c1,b1"), Ok(["c1", "b1", "a1", "a2"].to_vec()));
        assert_eq!(pick("-a*"), Ok(["b1"].to_vec()));
        assert_eq!(pick("-a1,nonsense"), Ok(["a2", "b1"].to_vec()));
    }

    #[test]
    fn an_unknown_name_is_named_and_nothing_left_is_an_error() {
        assert_eq!(pick("a1,zz"), Err(BadSelection::Unknown("zz".into())));
        assert_eq!(pick("+zz"), Err(BadSelection::Unknown("zz".into())));
        assert_eq!(pick("-*"), Err(BadSelection::Empty));
        assert_eq!(pick(""), Err(BadSelection::Empty));
    }

    fn defaults_are_what_the_provider_has_in_our_order(provider: &'static Provider) {
        let names = |first| -> Vec<&str> {
            let ciphers = Algorithms::defaults(provider, first).ciphers;
            ciphers.iter().map(|c| c.name()).take(3).collect()
        };
        let [aes256, aes128] = AES_GCM;
        assert_eq!(names(AeadFirst::Aes), [aes256, aes128, CHACHA]);
        assert_eq!(names(AeadFirst::ChaCha), [CHACHA, aes256, aes128]);
        let algorithms = Algorithms::defaults(provider, AeadFirst::Aes);
        let kex: Vec<_> = algorithms.kex.iter().map(|k| k.name()).take(3).collect();
        assert_eq!(kex, KEX[..3]);
        assert_eq!(algorithms.host_keys[0], "ssh-ed25519");
    }

    #[test]
    fn users_keys_have_a_list_of_their_own() {
        let provider = &adit_crypto::PURE;
        let mut algorithms = Algorithms::defaults(provider, AeadFirst::Aes);
        assert_eq!(algorithms.user_keys, algorithms.host_keys);
        algorithms.select_user_keys(provider, "-rsa*").unwrap();
        assert_eq!(algorithms.user_keys, HOST_KEYS[..3]);
        assert_eq!(algorithms.host_keys, HOST_KEYS);
        let unknown = algorithms.select_user_keys(provider, "ssh-dss");
        assert_eq!(unknown, Err(BadSelection::Unknown("ssh-dss".into())));
    }

    fn counter_mode_comes_last_and_with_encrypt_then_mac_alone(provider: &'static Provider) {
        for first in [AeadFirst::Aes, AeadFirst::ChaCha] {
            let ciphers = Algorithms::defaults(provider, first).ciphers;
            let pairs: Vec<_> = ciphers.iter().map(|c| (c.name(), c.mac())).collect();
            assert_eq!(pairs.len(), 9);
            assert!(pairs[..3].iter().all(|(_, mac)| mac.is_none()));
            let [sha256, sha512] = MACS.map(Some);
            let expected = AES_CTR.map(|name| [(name, sha256), (name, sha512)]);
            assert_eq!(pairs[3..], *expected.as_flattened());
        }
    }

    #[test]
    fn a_list_of_macs_chooses_and_orders_them() {
        let provider = &adit_crypto::PURE;
        let pick = |list| {
            let mut algorithms = Algorithms::defaults(provider, AeadFirst::Aes);
            let macs = algorithms.select_macs(provider, list);
            let aead = algorithms.ciphers.iter().filter(|c| c.mac().is_none());
            assert_eq!(aead.count(), 3, "{list}");
            let of = |name| {
                let named = algorithms.ciphers.iter().filter(|c| c.name() == name);
                named.map(|c| c.mac().unwrap()).collect::<Vec<_>>()
            };
            let [a, b, c] = AES_CTR.map(of);
            assert!(a == b && b == c);
            macs.map(|()| a)
        };
        let [sha256, sha512] = MACS;
        for (list, expected) in [
            ("hmac-sha2-512-etm@openssh.com", &[sha512][..]),
            (
                "hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com",
                &[sha512, sha256],
            ),
            ("^hmac-sha2-512-etm@openssh.com", &[sha512, sha256]),
            ("+hmac-sha2-512-etm@openssh.com", &[sha256, sha512]),
            ("-*256*", &[sha512]),
        ] {
            assert_eq!(pick(list).as_deref(), Ok(expected), "{list}");
        }
        assert_eq!(pick("-*"), Err(BadSelection::Empty));
        assert_eq!(pick(""), Err(BadSelection::Empty));
        let unknown = |name: &str| Err(BadSelection::Unknown(name.into()));
        assert_eq!(pick("hmac-sha1"), unknown("hmac-sha1"));
        assert_eq!(pick("+hmac-md5"), unknown("hmac-md5"));
    }

    #[test]
    fn a_cipher_without_a_mac_is_not_offered() {
        let provider = &adit_testkit::toy::PROVIDER;
        let mut algorithms = Algorithms::defaults(provider, AeadFirst::Aes);
        algorithms
            .select_ciphers(provider, "aes192-ctr,aes256-gcm@openssh.com")
            .unwrap();
        // The toy has this cipher with another MAC alone.
        algorithms
            .select_macs(provider, "hmac-sha2-256-etm@openssh.com")
            .unwrap();
        let names: Vec<_> = algorithms.ciphers.iter().map(|c| c.name()).collect();
        assert_eq!(names, ["aes256-gcm@openssh.com"]);
        algorithms.select_ciphers(provider, "aes192-ctr").unwrap();
        assert_eq!(
            algorithms.select_macs(provider, "hmac-sha2-256-etm@openssh.com"),
            Err(BadSelection::Empty)
        );
        assert_eq!(algorithms.without_macs(), Err(BadSelection::Empty));
        assert_eq!(algorithms.ciphers.len(), 1, "an error changes nothing");
        let mut algorithms = Algorithms::defaults(provider, AeadFirst::Aes);
        algorithms.without_macs().unwrap();
        assert_eq!(algorithms.ciphers.len(), 3);
    }

    #[test]
    fn a_cipher_is_chosen_with_all_its_macs() {
        let provider = &adit_testkit::toy::PROVIDER;
        let mut algorithms = Algorithms::defaults(provider, AeadFirst::Aes);
        let before = algorithms.ciphers.len();
        algorithms.select_ciphers(provider, "+aes256-ctr").unwrap();
        assert_eq!(algorithms.ciphers.len(), before);
        algorithms.select_ciphers(provider, "aes256-ctr").unwrap();
        let macs: Vec<_> = algorithms
            .ciphers
            .iter()
            .map(|c| c.mac().unwrap())
            .collect();
        assert_eq!(
            macs,
            [
                "hmac-sha2-256-etm@openssh.com",
                "hmac-sha2-512-etm@openssh.com"
            ]
        );
        let unknown = BadSelection::Unknown("3des-cbc".into());
        assert_eq!(
            algorithms.select_ciphers(provider, "3des-cbc"),
            Err(unknown)
        );
        assert_eq!(algorithms.ciphers.len(), 2, "an error changes nothing");
    }

    on_every_provider! {
        defaults_are_what_the_provider_has_in_our_order;
        real: counter_mode_comes_last_and_with_encrypt_then_mac_alone
    }
}
