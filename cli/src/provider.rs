//! Which cryptography this build has.

use adit_crypto::Provider;
use adit_forward::{AeadFirst, Algorithms, BadSelection};

#[cfg(all(not(feature = "ring"), feature = "pure"))]
use adit_crypto::PURE as BUILT_IN;
#[cfg(feature = "ring")]
use adit_crypto::RING as BUILT_IN;

/// `ring` where it is built in, else `pure`.
pub static PROVIDER: &Provider = &BUILT_IN;

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

/// What is offered: the defaults, changed as the lists say.
///
/// # Errors
/// The list that names what this build does not have, and what that is.
pub fn algorithms<'a>(lists: &Lists<'a>) -> Result<Algorithms, (&'a str, BadSelection)> {
    let mut out = Algorithms::defaults(PROVIDER, aead_first());
    if let Some(list) = lists.kex {
        out.select_kex(PROVIDER, list).map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.host_keys {
        out.select_host_keys(PROVIDER, list)
            .map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.ciphers {
        out.select_ciphers(PROVIDER, list)
            .map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.macs {
        out.select_macs(PROVIDER, list).map_err(|bad| (list, bad))?;
    }
    if let Some(list) = lists.user_keys {
        out.select_user_keys(PROVIDER, list)
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
