//! ecdh-sha2-nistp256 and ecdh-sha2-nistp384 (RFC 5656 §4) over a provider's curves.
//!
//! ```text
//!   share = 04 | x | y     the uncompressed form of a point (SEC 1 §2.3.3)
//!   K     = x of the point that both have, as a number
//! ```
//!
//! Of the forms of a point only the uncompressed one is taken, here for all providers; that it is on
//! the curve is the provider's to see (SEC 1 §3.2.2.1).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use adit_proto::blob::NistCurve;

use crate::hash::Hash;
use crate::kex::{ActiveKex, Kex, SecretEncoding, SharedSecret};
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;

/// SEC 1 §2.3.3: what the uncompressed form begins with. It is also what keeps the point at
/// infinity out, whose form is one zero.
const UNCOMPRESSED: u8 = 4;

/// Diffie-Hellman on one curve, as a provider does it.
pub(crate) trait Ecdh: Send + Sync + 'static {
    /// The curve.
    const CURVE: NistCurve;
    /// A private key that is used once, and wiped by its own drop where the library can.
    type Private: Send + 'static;
    /// A new private key and its public share, in the uncompressed form.
    fn generate(random: &dyn SecureRandom) -> Result<(Self::Private, Vec<u8>), Unspecified>;
    /// x of the point that both have, as long as the curve says. `peer` has the length and the
    /// first byte of the uncompressed form.
    ///
    /// # Errors
    /// When `peer` is no point of the curve.
    fn agree(private: Self::Private, peer: &[u8]) -> Result<Secret, Unspecified>;
}

/// The key exchange method of one curve.
pub(crate) struct EcdhSha2<E> {
    hash: &'static dyn Hash,
    backend: PhantomData<fn() -> E>,
}

impl<E> EcdhSha2<E> {
    /// With the hash that RFC 5656 §6.2.1 gives the curve.
    pub(crate) const fn new(hash: &'static dyn Hash) -> Self {
        Self {
            hash,
            backend: PhantomData,
        }
    }
}

impl<E: Ecdh> Kex for EcdhSha2<E> {
    fn name(&self) -> &'static str {
        match E::CURVE {
            NistCurve::P256 => "ecdh-sha2-nistp256",
            NistCurve::P384 => "ecdh-sha2-nistp384",
        }
    }

    fn is_post_quantum(&self) -> bool {
        false
    }

    fn hash(&self) -> &'static dyn Hash {
        self.hash
    }

    fn client_share_len(&self) -> usize {
        E::CURVE.point_len()
    }

    fn server_share_len(&self) -> usize {
        E::CURVE.point_len()
    }

    fn start(&self, random: &dyn SecureRandom) -> Result<Box<dyn ActiveKex>, Unspecified> {
        let (private, share) = E::generate(random)?;
        Ok(Box::new(Active::<E> { private, share }))
    }

    fn answer(
        &self,
        random: &dyn SecureRandom,
        client_share: &[u8],
    ) -> Result<(Vec<u8>, SharedSecret), Unspecified> {
        // Before anything is computed for a stranger.
        check_form::<E>(client_share)?;
        let (private, share) = E::generate(random)?;
        Ok((share, agree::<E>(private, client_share)?))
    }
}

struct Active<E: Ecdh> {
    private: E::Private,
    share: Vec<u8>,
}

impl<E: Ecdh> ActiveKex for Active<E> {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Unspecified> {
        agree::<E>(self.private, server_share)
    }
}

fn check_form<E: Ecdh>(share: &[u8]) -> Result<(), Unspecified> {
    if share.len() == E::CURVE.point_len() && share.first() == Some(&UNCOMPRESSED) {
        Ok(())
    } else {
        Err(Unspecified)
    }
}

/// The curves have a prime number of points, so of those that are on them none but the point at
/// infinity, which has no uncompressed form, gives a secret that a stranger could foresee.
fn agree<E: Ecdh>(private: E::Private, peer: &[u8]) -> Result<SharedSecret, Unspecified> {
    check_form::<E>(peer)?;
    Ok(SharedSecret {
        bytes: E::agree(private, peer)?,
        encoding: SecretEncoding::Mpint,
    })
}
