//! Key exchange methods with the lengths of the real ones: whoever sees both shares knows K.

use adit_crypto::{
    ActiveKex, Hash, Kex, Secret, SecretEncoding, SecureRandom, SharedSecret, Unspecified,
};

use super::hash::{HASH32, HASH48, ToyHash, expand};

pub(super) static MLKEM768X25519: ToyKex = ToyKex {
    name: "mlkem768x25519-sha256",
    hash: &HASH32,
    encoding: SecretEncoding::String,
    share_lens: [1216, 1120],
};
pub(super) static CURVE25519: ToyKex = ToyKex {
    name: "curve25519-sha256",
    hash: &HASH32,
    encoding: SecretEncoding::Mpint,
    share_lens: [32, 32],
};
pub(super) static CURVE25519_LIBSSH: ToyKex = ToyKex {
    name: "curve25519-sha256@libssh.org",
    ..CURVE25519
};
pub(super) static NISTP384: ToyKex = ToyKex {
    name: "ecdh-sha2-nistp384",
    hash: &HASH48,
    encoding: SecretEncoding::Mpint,
    share_lens: [97, 97],
};

pub(super) struct ToyKex {
    name: &'static str,
    hash: &'static ToyHash,
    encoding: SecretEncoding,
    /// The client's and the server's.
    share_lens: [usize; 2],
}

impl ToyKex {
    fn secret(&self, q_c: &[u8], q_s: &[u8]) -> Result<SharedSecret, Unspecified> {
        for (share, len) in [q_c, q_s].into_iter().zip(self.share_lens) {
            if share.len() != len || share.iter().all(|b| *b == 0) {
                return Err(Unspecified);
            }
        }
        let mut k = vec![0; 32];
        expand(&[q_c, q_s], &mut k);
        Ok(SharedSecret {
            bytes: Secret::new(k),
            encoding: self.encoding,
        })
    }
}

impl Kex for ToyKex {
    fn name(&self) -> &'static str {
        self.name
    }
    fn is_post_quantum(&self) -> bool {
        self.encoding == SecretEncoding::String
    }
    fn hash(&self) -> &'static dyn Hash {
        self.hash
    }
    fn client_share_len(&self) -> usize {
        self.share_lens[0]
    }
    fn server_share_len(&self) -> usize {
        self.share_lens[1]
    }
    fn start(&self, random: &dyn SecureRandom) -> Result<Box<dyn ActiveKex>, Unspecified> {
        let mut share = vec![0; self.share_lens[0]];
        random.fill(&mut share)?;
        let kex = Self { ..*self };
        Ok(Box::new(Active { kex, share }))
    }
    fn answer(
        &self,
        random: &dyn SecureRandom,
        client_share: &[u8],
    ) -> Result<(Vec<u8>, SharedSecret), Unspecified> {
        let mut share = vec![0; self.share_lens[1]];
        random.fill(&mut share)?;
        let secret = self.secret(client_share, &share)?;
        Ok((share, secret))
    }
}

struct Active {
    kex: ToyKex,
    share: Vec<u8>,
}

impl ActiveKex for Active {
    fn share(&self) -> &[u8] {
        &self.share
    }
    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Unspecified> {
        self.kex.secret(&self.share, server_share)
    }
}
