//! mlkem768x25519-sha256: ML-KEM-768 (FIPS 203) beside X25519, so that K holds as long as one of
//! the two does (draft-ietf-sshm-mlkem-hybrid-kex §2).
//!
//! ```text
//!   C_INIT  = encapsulation key (1184) | X25519 share (32)
//!   S_REPLY = ciphertext        (1088) | X25519 share (32)
//!   K       = SHA256(ML-KEM secret | X25519 secret), hashed as a string
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use ml_kem::array::Array;
use ml_kem::kem::KeyExport;
use ml_kem::{B32, Decapsulate, DecapsulationKey, EncapsulationKey, MlKem768, Seed};
use zeroize::{Zeroize, Zeroizing};

use crate::hash::{Hash, digest};
use crate::kex::{ActiveKex, Kex, SecretEncoding, SharedSecret};
use crate::provider::Unspecified;
use crate::random::SecureRandom;
use crate::secret::Secret;
use crate::x25519::SHARE_LEN;

/// FIPS 203 §8, table 3: length of an encapsulation key.
const ENCAPSULATION_KEY_LEN: usize = 1184;
/// FIPS 203 §8, table 3: length of a ciphertext.
const CIPHERTEXT_LEN: usize = 1088;
/// FIPS 203 §7.1: d and z, from which a decapsulation key is made.
const SEED_LEN: usize = 64;
/// FIPS 203 §7.2: m, what is encapsulated.
const MESSAGE_LEN: usize = 32;

/// The key exchange method, from its classical half.
pub(crate) struct MlKem768X25519 {
    x25519: &'static dyn Kex,
}

impl MlKem768X25519 {
    /// `x25519` is curve25519-sha256: it brings the hash, too.
    pub(crate) const fn new(x25519: &'static dyn Kex) -> Self {
        Self { x25519 }
    }
}

impl Kex for MlKem768X25519 {
    fn name(&self) -> &'static str {
        "mlkem768x25519-sha256"
    }

    fn is_post_quantum(&self) -> bool {
        true
    }

    fn hash(&self) -> &'static dyn Hash {
        self.x25519.hash()
    }

    fn client_share_len(&self) -> usize {
        ENCAPSULATION_KEY_LEN + SHARE_LEN
    }

    fn server_share_len(&self) -> usize {
        CIPHERTEXT_LEN + SHARE_LEN
    }

    fn start(&self, random: &dyn SecureRandom) -> Result<Box<dyn ActiveKex>, Unspecified> {
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        random.fill(&mut *seed)?;
        let decapsulation_key = DecapsulationKey::from_seed(Seed::from(*seed));
        let x25519 = self.x25519.start(random)?;
        let mut share = decapsulation_key.encapsulation_key().to_bytes().to_vec();
        share.extend_from_slice(x25519.share());
        Ok(Box::new(Active {
            decapsulation_key,
            x25519,
            share,
            hash: self.hash(),
        }))
    }

    fn answer(
        &self,
        random: &dyn SecureRandom,
        client_share: &[u8],
    ) -> Result<(Vec<u8>, SharedSecret), Unspecified> {
        let (encapsulation_key, client_x25519) = halves::<ENCAPSULATION_KEY_LEN>(client_share)?;
        // FIPS 203 §7.2: `new` is the modulus check; a key that is not reduced is refused.
        let encapsulation_key = EncapsulationKey::<MlKem768>::new(&Array::from(*encapsulation_key))
            .map_err(|_| Unspecified)?;
        let mut message = Zeroizing::new([0; MESSAGE_LEN]);
        random.fill(&mut *message)?;
        let (server_x25519, classical) = self.x25519.answer(random, client_x25519)?;
        let (ciphertext, mut post_quantum) =
            encapsulation_key.encapsulate_deterministic(&B32::from(*message));
        let k = combine(self.hash(), &post_quantum, &classical);
        post_quantum.zeroize();
        let mut share = ciphertext.to_vec();
        share.extend_from_slice(&server_x25519);
        Ok((share, k))
    }
}

struct Active {
    /// Wiped by its own drop.
    decapsulation_key: DecapsulationKey<MlKem768>,
    x25519: Box<dyn ActiveKex>,
    share: Vec<u8>,
    hash: &'static dyn Hash,
}

impl ActiveKex for Active {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Unspecified> {
        let (ciphertext, server_x25519) = halves::<CIPHERTEXT_LEN>(server_share)?;
        let classical = self.x25519.finish(server_x25519)?;
        // A ciphertext that is not ours gives a secret that nobody knows (FIPS 203 §7.3); the host's
        // signature over the exchange hash then does not fit.
        let mut post_quantum = self
            .decapsulation_key
            .decapsulate(&Array::from(*ciphertext));
        let k = combine(self.hash, &post_quantum, &classical);
        post_quantum.zeroize();
        Ok(k)
    }
}

/// A share as its post-quantum part, of `N` bytes, and its X25519 part; exactly.
fn halves<const N: usize>(share: &[u8]) -> Result<(&[u8; N], &[u8]), Unspecified> {
    match share.split_first_chunk() {
        Some((post_quantum, x25519)) if x25519.len() == SHARE_LEN => Ok((post_quantum, x25519)),
        _ => Err(Unspecified),
    }
}

fn combine(hash: &dyn Hash, post_quantum: &[u8], classical: &SharedSecret) -> SharedSecret {
    SharedSecret {
        bytes: Secret::new(digest(hash, &[post_quantum, classical.bytes.expose()])),
        encoding: SecretEncoding::String,
    }
}
