//! The parts of a private key, of each type, and how OpenSSH's format writes them.
//!
//! Whatever format they came from, they are checked here for what needs no arithmetic: lengths, the
//! range of an RSA key. That the halves belong together is for the provider to compute.

use alloc::vec::Vec;

use adit_crypto::{NistCurve, PrivateKey, RsaPrivate, Secret, encoded};
use adit_proto::blob::{
    EcdsaPublic, OneString, RSA_BITS_MAX, RSA_BITS_MIN, RsaPublic, SSH_ED25519, SSH_RSA, blob_name,
    ecdsa_public, ed25519_public,
};
use adit_proto::{Decode as _, Encode, Field, Malformed, Mpint, Reader, Writer};
use zeroize::Zeroizing;

use super::error::KeyFileError;
use crate::signed::key_type_label;

/// RFC 8032 §5.1.5: length of a seed and of a public key.
pub(super) const ED25519_LEN: usize = 32;
/// Seed and public key in one string.
const ED25519_PAIR_LEN: u32 = 64;
/// SEC 1 §2.3.3: the first byte of a point in full.
const UNCOMPRESSED: u8 = 4;

/// The curve of NIST that adit does not know.
pub(super) const P521: &str = "ECDSA P-521";

/// A private key. What is secret lies on the heap and is wiped: it is never moved, and so leaves no
/// copy behind.
pub(super) enum Parts {
    Ed25519 {
        seed: Secret,
        public: [u8; ED25519_LEN],
    },
    /// Of exactly the lengths of its curve.
    Ecdsa {
        curve: NistCurve,
        private: Secret,
        public: Vec<u8>,
    },
    Rsa(Rsa),
}

/// Big-endian, without leading zeros.
pub(super) struct Rsa {
    n: Vec<u8>,
    e: Vec<u8>,
    d: Secret,
    p: Secret,
    q: Secret,
    iqmp: Secret,
}

impl Parts {
    pub(super) fn ed25519(seed: &[u8], public: &[u8]) -> Result<Self, KeyFileError> {
        if seed.len() != ED25519_LEN {
            return Err(Malformed::BadLength.into());
        }
        Ok(Self::Ed25519 {
            seed: Secret::copy_of(seed),
            public: public.try_into().map_err(|_| Malformed::BadLength)?,
        })
    }

    /// `private` may lack leading zeros, which some programs leave out.
    pub(super) fn ecdsa(
        curve: NistCurve,
        private: &[u8],
        public: &[u8],
    ) -> Result<Self, KeyFileError> {
        if public.len() != curve.point_len() || public.first() != Some(&UNCOMPRESSED) {
            return Err(Malformed::BadLength.into());
        }
        let mut padded = Zeroizing::new(alloc::vec![0; curve.field_len()]);
        let missing = padded.len().checked_sub(private.len());
        missing
            .and_then(|n| padded.get_mut(n..))
            .ok_or(Malformed::BadLength)?
            .copy_from_slice(private);
        Ok(Self::Ecdsa {
            curve,
            private: Secret::new(core::mem::take(&mut *padded)),
            public: public.to_vec(),
        })
    }

    pub(super) fn rsa(parts: &RsaPrivate<'_>) -> Result<Self, KeyFileError> {
        let RsaPrivate {
            n,
            e,
            d,
            p,
            q,
            iqmp,
        } = *parts;
        rsa_public(e, n)?;
        // Whoever computes with them need not ask whether they are numbers.
        if [d, p, q, iqmp]
            .iter()
            .any(|part| part.is_empty() || part.len() > n.len())
        {
            return Err(Malformed::BadInteger.into());
        }
        Ok(Self::Rsa(Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
            d: Secret::copy_of(d),
            p: Secret::copy_of(p),
            q: Secret::copy_of(q),
            iqmp: Secret::copy_of(iqmp),
        }))
    }

    /// From a private section in OpenSSH's format, behind its check numbers, for a public key of
    /// this type.
    pub(super) fn read(reader: &mut Reader<'_>, key_type: &[u8]) -> Result<Self, KeyFileError> {
        if reader.string()? != key_type {
            return Err(KeyFileError::HalvesDiffer);
        }
        if let Some(curve) = NistCurve::of_key_type(key_type) {
            if reader.string()? != curve.identifier().as_bytes() {
                return Err(Malformed::WrongNumber.into());
            }
            let (public, private) = (reader.string()?, reader.mpint()?);
            return Self::ecdsa(curve, private.magnitude(), public);
        }
        match key_type {
            SSH_ED25519 => {
                let (public, pair) = (reader.string()?, reader.string()?);
                let (seed, again) = pair
                    .split_first_chunk::<ED25519_LEN>()
                    .ok_or(Malformed::BadLength)?;
                if again != public {
                    return Err(KeyFileError::HalvesDiffer);
                }
                Self::ed25519(seed, public)
            }
            SSH_RSA => {
                let mut number = || reader.mpint().map(Mpint::magnitude);
                let (n, e, d) = (number()?, number()?, number()?);
                let (iqmp, p, q) = (number()?, number()?, number()?);
                Self::rsa(&RsaPrivate {
                    n,
                    e,
                    d,
                    p,
                    q,
                    iqmp,
                })
            }
            other => Err(unsupported(other)),
        }
    }

    pub(super) const fn key_type(&self) -> &'static str {
        match self {
            Self::Ed25519 { .. } => "ssh-ed25519",
            Self::Ecdsa { curve, .. } => curve.key_type(),
            Self::Rsa(_) => "ssh-rsa",
        }
    }

    pub(super) fn public_blob(&self) -> Vec<u8> {
        match self {
            Self::Ed25519 { public, .. } => encoded(&OneString {
                name: SSH_ED25519,
                value: public,
            }),
            Self::Ecdsa { curve, public, .. } => encoded(&EcdsaPublic {
                curve: *curve,
                point: public,
            }),
            Self::Rsa(Rsa { n, e, .. }) => encoded(&RsaPublic { e, n }),
        }
    }

    /// For a provider. `None` never: seeds have their length.
    pub(super) fn private_key(&self) -> Option<PrivateKey<'_>> {
        Some(match self {
            Self::Ed25519 { seed, public } => PrivateKey::Ed25519 {
                seed: seed.expose().try_into().ok()?,
                public,
            },
            Self::Ecdsa {
                curve,
                private,
                public,
            } => PrivateKey::Ecdsa {
                curve: *curve,
                private: private.expose(),
                public,
            },
            Self::Rsa(rsa) => PrivateKey::Rsa(RsaPrivate {
                n: &rsa.n,
                e: &rsa.e,
                d: rsa.d.expose(),
                p: rsa.p.expose(),
                q: rsa.q.expose(),
                iqmp: rsa.iqmp.expose(),
            }),
        })
    }
}

/// As in a private section in OpenSSH's format, behind its check numbers.
impl Encode for Parts {
    fn encoded_len(&self) -> usize {
        let key_type = self.key_type().as_bytes().field_len();
        key_type
            + match self {
                Self::Ed25519 { seed, public } => {
                    4 + public.len() + 4 + seed.expose().len() + public.len()
                }
                Self::Ecdsa {
                    curve,
                    private,
                    public,
                } => {
                    let private = Mpint::from_unsigned(private.expose());
                    let identifier = curve.identifier().as_bytes();
                    identifier.field_len() + public.as_slice().field_len() + private.field_len()
                }
                Self::Rsa(rsa) => rsa.numbers().iter().map(Field::field_len).sum(),
            }
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.key_type().as_bytes());
        match self {
            Self::Ed25519 { seed, public } => {
                writer.string(public);
                // One string of both, which is never put together anywhere else.
                writer.u32(ED25519_PAIR_LEN);
                writer.bytes(seed.expose());
                writer.bytes(public);
            }
            Self::Ecdsa {
                curve,
                private,
                public,
            } => {
                writer.string(curve.identifier().as_bytes());
                writer.string(public);
                Mpint::from_unsigned(private.expose()).write(writer);
            }
            Self::Rsa(rsa) => rsa.numbers().iter().for_each(|n| n.write(writer)),
        }
    }
}

impl Rsa {
    fn numbers(&self) -> [Mpint<'_>; 6] {
        let Self {
            n,
            e,
            d,
            p,
            q,
            iqmp,
        } = self;
        [n, e, d.expose(), iqmp.expose(), p.expose(), q.expose()].map(Mpint::from_unsigned)
    }
}

/// The type of a public key blob, if it is one that adit signs with and in that type's form.
pub(super) fn checked_type(blob: &[u8]) -> Result<&'static str, KeyFileError> {
    let name = blob_name(blob)?;
    if name == SSH_ED25519 {
        ed25519_public(blob)?;
        return Ok("ssh-ed25519");
    }
    if NistCurve::of_key_type(name).is_some() {
        return Ok(ecdsa_public(blob)?.curve.key_type());
    }
    if name == SSH_RSA {
        let key = adit_proto::blob::RsaKeyBlob::decode(blob)?;
        rsa_public(key.e.magnitude(), key.n.magnitude())?;
        return Ok("ssh-rsa");
    }
    Err(unsupported(name))
}

const fn unsupported(key_type: &[u8]) -> KeyFileError {
    KeyFileError::UnsupportedType(match key_type {
        b"ecdsa-sha2-nistp521" => P521,
        other => key_type_label(other),
    })
}

fn rsa_public(e: &[u8], n: &[u8]) -> Result<(), KeyFileError> {
    let bits = RsaPublic { e, n }.bits();
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(KeyFileError::RsaBits(
            u32::try_from(bits).unwrap_or(u32::MAX),
        ));
    }
    if n.last().is_none_or(|last| last & 1 == 0) {
        return Err(Malformed::BadInteger.into());
    }
    RsaPublic::new(e, n)
        .map(drop)
        .map_err(|_| KeyFileError::RsaExponent)
}
