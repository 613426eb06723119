//! curve25519-sha256 (RFC 8731) over a provider's X25519 (RFC 7748).
//!
//! Lengths and the all-zero result are refused here, once for all providers.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::hash::Hash;
use crate::kex::{ActiveKex, Kex, SecretEncoding, SharedSecret};
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::{Secret, equal};

/// Length of a share and of the result (RFC 7748 §5).
pub(crate) const SHARE_LEN: usize = 32;

/// X25519 as a provider does it.
pub(crate) trait X25519: Send + Sync + 'static {
    /// A private key that is used once, and wiped by its own drop where the library can.
    type Private: Send + 'static;
    /// A new private key and its public share.
    fn generate(random: &dyn SecureRandom)
    -> Result<(Self::Private, [u8; SHARE_LEN]), Unspecified>;
    /// The result with the peer's share. It may be all zeros: the caller looks.
    fn agree(private: Self::Private, peer: &[u8; SHARE_LEN]) -> Result<Secret, Unspecified>;
}

/// The key exchange method, under one of its two names.
pub(crate) struct Curve25519<B> {
    name: &'static str,
    sha256: &'static dyn Hash,
    backend: PhantomData<fn() -> B>,
}

impl<B> Curve25519<B> {
    pub(crate) const fn new(name: &'static str, sha256: &'static dyn Hash) -> Self {
        Self {
            name,
            sha256,
            backend: PhantomData,
        }
    }
}

impl<B: X25519> Kex for Curve25519<B> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_post_quantum(&self) -> bool {
        false
    }

    fn hash(&self) -> &'static dyn Hash {
        self.sha256
    }

    fn client_share_len(&self) -> usize {
        SHARE_LEN
    }

    fn server_share_len(&self) -> usize {
        SHARE_LEN
    }

    fn start(&self, random: &dyn SecureRandom) -> Result<Box<dyn ActiveKex>, Unspecified> {
        let (private, share) = B::generate(random)?;
        Ok(Box::new(Active::<B> { private, share }))
    }

    fn answer(
        &self,
        random: &dyn SecureRandom,
        client_share: &[u8],
    ) -> Result<(Vec<u8>, SharedSecret), Unspecified> {
        let peer = client_share.try_into().map_err(|_| Unspecified)?;
        let (private, share) = B::generate(random)?;
        Ok((share.to_vec(), agree::<B>(private, peer)?))
    }
}

struct Active<B: X25519> {
    private: B::Private,
    share: [u8; SHARE_LEN],
}

impl<B: X25519> ActiveKex for Active<B> {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Unspecified> {
        agree::<B>(
            self.private,
            server_share.try_into().map_err(|_| Unspecified)?,
        )
    }
}

fn agree<B: X25519>(
    private: B::Private,
    peer: &[u8; SHARE_LEN],
) -> Result<SharedSecret, Unspecified> {
    let bytes = B::agree(private, peer)?;
    // RFC 8731 §3: a share of small order gives zero, whatever our key is. It must end the exchange.
    if equal(bytes.expose(), &[0; SHARE_LEN]) {
        return Err(Unspecified);
    }
    Ok(SharedSecret {
        bytes,
        encoding: SecretEncoding::Mpint,
    })
}
