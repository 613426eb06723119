//! Keys and signatures in the blobs of the real ones: whoever sees a public key can sign.

use adit_crypto::{
    KeyLoader, LoadError, PrivateKey, Secret, SecureRandom, SigningKey, Unspecified, Verifier,
    encoded,
};
use adit_proto::Decode;
use adit_proto::blob::{
    Blob, EcdsaPublic, NistCurve, OneString, RsaPublic, ecdsa_public, ed25519_public, rsa_public,
};

use super::hash::expand;

const SSH_ED25519: &str = "ssh-ed25519";
const SSH_RSA: &str = "ssh-rsa";

pub(super) static ED25519: ToyVerifier = ToyVerifier {
    algorithm: SSH_ED25519,
    key_type: SSH_ED25519,
};
pub(super) static RSA_SHA512: ToyVerifier = ToyVerifier {
    algorithm: "rsa-sha2-512",
    key_type: SSH_RSA,
};
pub(super) static RSA_SHA256: ToyVerifier = ToyVerifier {
    algorithm: "rsa-sha2-256",
    key_type: SSH_RSA,
};
pub(super) static NISTP256: ToyVerifier = ToyVerifier::of_curve(NistCurve::P256);
pub(super) static NISTP384: ToyVerifier = ToyVerifier::of_curve(NistCurve::P384);
pub(super) static KEYS: Keys = Keys;

pub(super) struct ToyVerifier {
    algorithm: &'static str,
    key_type: &'static str,
}

impl ToyVerifier {
    const fn of_curve(curve: NistCurve) -> Self {
        Self {
            algorithm: curve.key_type(),
            key_type: curve.key_type(),
        }
    }
}

impl Verifier for ToyVerifier {
    fn algorithm(&self) -> &'static str {
        self.algorithm
    }
    fn key_type(&self) -> &'static str {
        self.key_type
    }
    fn accepts_key(&self, key: &[u8]) -> bool {
        let name = self.key_type.as_bytes();
        match NistCurve::of_key_type(name) {
            Some(curve) => ecdsa_public(key).is_ok_and(|public| public.curve == curve),
            None if self.key_type == SSH_ED25519 => ed25519_public(key).is_ok(),
            None => rsa_public(key).is_ok(),
        }
    }
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        let expected = signature_blob(self.algorithm, key, message)?;
        if signature == expected {
            Ok(())
        } else {
            Err(Unspecified)
        }
    }
}

/// The only signature there is of `message` by the key in `key_blob`.
fn signature_blob(algorithm: &str, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let Blob { name, contents } = Blob::decode(key).map_err(|_| Unspecified)?;
    let len = if name == SSH_ED25519.as_bytes() {
        OneString::decode(key)
            .ok()
            .filter(|k| k.value.len() == 32)
            .ok_or(Unspecified)?;
        64
    } else {
        contents.0.len()
    };
    let mut value = vec![0; len];
    expand(&[algorithm.as_bytes(), key, message], &mut value);
    Ok(encoded(&OneString {
        name: algorithm.as_bytes(),
        value: &value,
    }))
}

struct ToyKey {
    algorithms: &'static [&'static str],
    public_blob: Vec<u8>,
}

impl SigningKey for ToyKey {
    fn algorithms(&self) -> &'static [&'static str] {
        self.algorithms
    }
    fn public_blob(&self) -> &[u8] {
        &self.public_blob
    }
    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        if !self.algorithms.contains(&algorithm) {
            return Err(Unspecified);
        }
        signature_blob(algorithm, &self.public_blob, message)
    }
}

fn public_of(seed: &[u8]) -> [u8; 32] {
    let mut public = [0; 32];
    expand(&[b"public", seed], &mut public);
    public
}

/// A key in the form of ssh-ed25519; another one for each seed.
#[must_use]
pub fn ed25519_key(seed: u8) -> Box<dyn SigningKey> {
    let public = public_of(&[seed; 32]);
    let value = &public;
    let public_blob = encoded(&OneString {
        name: SSH_ED25519.as_bytes(),
        value,
    });
    Box::new(ToyKey {
        algorithms: &[SSH_ED25519],
        public_blob,
    })
}

/// A key in the form of ssh-rsa with that many bytes of modulus.
#[must_use]
pub fn rsa_key(seed: u8, modulus_len: usize) -> Box<dyn SigningKey> {
    let mut n = vec![0; modulus_len];
    expand(&[b"rsa", &[seed]], &mut n);
    n[0] |= 0x80;
    n[modulus_len - 1] |= 1;
    let public = RsaPublic::new(&[1, 0, 1], &n);
    let public_blob = encoded(&public.expect("as many bytes as RSA may have"));
    Box::new(ToyKey {
        algorithms: &["rsa-sha2-512", "rsa-sha2-256"],
        public_blob,
    })
}

/// A key in the form of one of that curve.
#[must_use]
pub fn ecdsa_key(seed: u8, curve: NistCurve) -> Box<dyn SigningKey> {
    const P256: &[&str] = &[NistCurve::P256.key_type()];
    const P384: &[&str] = &[NistCurve::P384.key_type()];
    let mut point = vec![0; curve.point_len()];
    expand(&[b"point", &[seed]], &mut point);
    point[0] = 4;
    let point = &point;
    let public_blob = encoded(&EcdsaPublic { curve, point });
    let algorithms = match curve {
        NistCurve::P256 => P256,
        NistCurve::P384 => P384,
    };
    Box::new(ToyKey {
        algorithms,
        public_blob,
    })
}

pub(super) struct Keys;

impl KeyLoader for Keys {
    fn load(&self, key: &PrivateKey<'_>) -> Result<Box<dyn SigningKey>, LoadError> {
        let PrivateKey::Ed25519 { seed, public } = key else {
            return Err(LoadError::Unsupported);
        };
        if public_of(*seed) != **public {
            return Err(LoadError::HalvesDiffer);
        }
        let name = SSH_ED25519.as_bytes();
        let public_blob = encoded(&OneString {
            name,
            value: *public,
        });
        Ok(Box::new(ToyKey {
            algorithms: &[SSH_ED25519],
            public_blob,
        }))
    }

    fn generate_ed25519(
        &self,
        random: &dyn SecureRandom,
    ) -> Result<(Secret, [u8; 32]), Unspecified> {
        let mut seed = [0; 32];
        random.fill(&mut seed)?;
        Ok((Secret::copy_of(&seed), public_of(&seed)))
    }
}
