//! Which cryptography this build has.

use adit_crypto::Provider;
use adit_forward::AeadFirst;

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
