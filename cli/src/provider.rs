//! Which cryptography this build has, and how much room its sessions.

use adit_crypto::Provider;
use adit_forward::reactor::Room;
use adit_forward::{AeadFirst, Algorithms, BadSelection};

use crate::elsewhere;

#[cfg(all(not(feature = "ring"), feature = "pure-small"))]
use adit_crypto::PURE as BUILT_IN;
#[cfg(feature = "ring")]
use adit_crypto::RING as BUILT_IN;

/// `ring` where it is built in, else `pure`.
pub static PROVIDER: &Provider = &BUILT_IN;

/// How much a client's sessions may hold.
#[cfg(feature = "roomy")]
pub const ROOM: Room = Room::Large;
/// How much a client's sessions may hold.
#[cfg(not(feature = "roomy"))]
pub const ROOM: Room = Room::Small;

/// AES-GCM goes first where the processor has instructions for both of its halves; without them
/// ChaCha20-Poly1305 is several times faster.
#[must_use]
pub fn aead_first() -> AeadFirst {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    let has_aes = std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    let has_aes = std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
    let has_aes = false;
    if has_aes {
        AeadFirst::Aes
    } else {
        AeadFirst::ChaCha
    }
}

/// How both programs present themselves (RFC 4253 §4.2).
pub const IDENT: &str = concat!("SSH-2.0-adit_", env!("CARGO_PKG_VERSION"));

/// A user's lists of algorithms: `None` where nothing was said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lists<'a> {
    /// KexAlgorithms.
    pub kex: Option<&'a str>,
    /// HostKeyAlgorithms.
    pub host_keys: Option<&'a str>,
    /// Ciphers.
    pub ciphers: Option<&'a str>,
    /// MACs.
    pub macs: Option<&'a str>,
    /// PubkeyAcceptedAlgorithms.
    pub user_keys: Option<&'a str>,
}

/// What is offered: the defaults, changed as the lists say, less what only others have.
///
/// # Errors
/// The list that names what nobody has, and what that is.
pub fn algorithms<'a>(lists: &Lists<'a>) -> Result<Algorithms, (&'a str, BadSelection)> {
    let mut out = Algorithms::defaults(PROVIDER, aead_first());
    if let Some(list) = lists.kex {
        let left = elsewhere::kex(list);
        out.select_kex(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.host_keys {
        let left = elsewhere::signatures(list);
        out.select_host_keys(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.ciphers {
        let left = elsewhere::ciphers(list);
        out.select_ciphers(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.macs {
        match elsewhere::macs(list) {
            Some(left) => out.select_macs(PROVIDER, &left),
            None => out.without_macs(),
        }
        .map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.user_keys {
        let left = elsewhere::signatures(list);
        out.select_user_keys(PROVIDER, left.as_deref().unwrap_or(list))
            .map_err(|bad| (list, bad))?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identification_is_one() {
        assert!(adit_proto::Ident::new(IDENT.as_bytes()).is_ok());
    }

    #[test]
    fn the_lists_of_a_hardening_guide_are_followed_as_far_as_they_go() {
        let lists = Lists {
            kex: Some(
                "sntrup761x25519-sha512@openssh.com,curve25519-sha256,diffie-hellman-group16-sha512",
            ),
            host_keys: Some(
                "ssh-ed25519-cert-v01@openssh.com,sk-ssh-ed25519@openssh.com,ssh-ed25519,rsa-sha2-*",
            ),
            ciphers: Some("chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-cbc"),
            macs: Some("hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512"),
            user_keys: Some("ssh-ed25519*,webauthn-sk-ecdsa-sha2-nistp256@openssh.com"),
        };
        let offered = algorithms(&lists).unwrap();
        assert_eq!(offered.kex.len(), 1);
        let keys = ["ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512"];
        assert!(offered.host_keys.iter().all(|name| keys.contains(name)));
        assert_eq!(offered.ciphers.len(), 2);
        assert_eq!(offered.user_keys, ["ssh-ed25519"]);
        for lists in [
            Lists {
                kex: Some("diffie-hellman-group16-sha512"),
                ..Lists::default()
            },
            Lists {
                user_keys: Some("ssh-rsa"),
                ..Lists::default()
            },
            Lists {
                macs: Some("+hmac-nonsense"),
                ..Lists::default()
            },
        ] {
            assert!(algorithms(&lists).is_err(), "{lists:?}");
        }
    }

    #[test]
    fn lists_change_the_defaults() {
        let all = algorithms(&Lists::default()).unwrap();
        let lists = Lists {
            kex: Some("curve25519-sha256"),
            ciphers: Some("^chacha20-poly1305@openssh.com"),
            ..Lists::default()
        };
        let some = algorithms(&lists).unwrap();
        assert_eq!(some.kex.len(), 1);
        assert_eq!(some.ciphers[0].name(), "chacha20-poly1305@openssh.com");
        assert_eq!(some.ciphers.len(), all.ciphers.len());
        assert_eq!(some.host_keys, all.host_keys);
        #[cfg(feature = "ctr")]
        {
            let lists = Lists {
                macs: Some("-*256*"),
                ..Lists::default()
            };
            let some = algorithms(&lists).unwrap();
            assert_eq!(some.ciphers.len(), all.ciphers.len() - 3);
        }
        let lists = Lists {
            ciphers: Some("rot13"),
            ..Lists::default()
        };
        let (list, bad) = algorithms(&lists).err().unwrap();
        assert_eq!(
            (list, bad),
            ("rot13", BadSelection::Unknown("rot13".into()))
        );
    }
}
