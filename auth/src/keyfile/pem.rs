//! Private keys as other programs keep them in PEM: PKCS#1 (RFC 8017 §A.1.2), SEC 1 (RFC 5915) and
//! PKCS#8 (RFC 5958, with RFC 8410 for Ed25519), none of them encrypted.

use adit_crypto::{KeyLoader, NistCurve, RsaPrivate, Secret, SecureRandom, Unspecified, equal};
use adit_proto::Malformed;

use super::armour::Armour;
use super::der::{Der, Tag, whole_bytes};
use super::error::KeyFileError;
use super::parts::{P521, Parts};

/// 1.2.840.113549.1.1.1, rsaEncryption (RFC 8017 §A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.113549.1.1.10, id-RSASSA-PSS: a key that may not sign as SSH does.
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// 1.2.840.10040.4.1, id-dsa (RFC 3279 §2.3.2).
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
/// 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 §2.1.1).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.3.101.112 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.3.101.113 (RFC 8410 §3).
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1).
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34 (RFC 5480 §2.1.1.1).
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// 1.3.132.0.35 (RFC 5480 §2.1.1.1).
const SECP521R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// RFC 8017 §A.1.2: the version of a key of two primes.
const TWO_PRIMES: u8 = 0;
/// RFC 5915 §3: ecPrivkeyVer1.
const EC_VERSION: u8 = 1;
/// RFC 5958 §2: v2, where a public key may follow.
const PKCS8_V2: u8 = 1;

/// The key between two marks, whatever its label says it is. `keys` computes the public half that
/// version 1 of PKCS#8 has no place for.
pub(super) fn read(armour: Armour<'_>, keys: &dyn KeyLoader) -> Result<Parts, KeyFileError> {
    let unsupported = |label| Err(KeyFileError::UnsupportedType(label));
    match armour.label {
        b"RSA PRIVATE KEY" => pkcs1(&armour.decode()?),
        b"EC PRIVATE KEY" => sec1(&armour.decode()?, None),
        b"PRIVATE KEY" => pkcs8(&armour.decode()?, keys),
        b"ENCRYPTED PRIVATE KEY" => Err(KeyFileError::EncryptedPem),
        b"DSA PRIVATE KEY" => unsupported("DSA"),
        _ => unsupported("unknown"),
    }
}

/// RSAPrivateKey. What the Chinese remainder theorem needs besides is computed from the rest.
fn pkcs1(der: &[u8]) -> Result<Parts, KeyFileError> {
    let mut key = Der::only_sequence(der)?;
    if key.version()? != TWO_PRIMES {
        return Err(KeyFileError::UnsupportedType("multi-prime RSA"));
    }
    let (n, e, d) = (key.integer()?, key.integer()?, key.integer()?);
    let (p, q) = (key.integer()?, key.integer()?);
    let _exponents = (key.integer()?, key.integer()?);
    let iqmp = key.integer()?;
    key.finish()?;
    Parts::rsa(&RsaPrivate {
        n,
        e,
        d,
        p,
        q,
        iqmp,
    })
}

/// ECPrivateKey. `curve` is what PKCS#8 says around it; it may then be left out inside.
fn sec1(der: &[u8], curve: Option<NistCurve>) -> Result<Parts, KeyFileError> {
    let mut key = Der::only_sequence(der)?;
    if key.version()? != EC_VERSION {
        return Err(Malformed::BadInteger.into());
    }
    let private = key.value(Tag::OCTET_STRING)?;
    let inside = key
        .optional(Tag::CONSTRUCTED_0)?
        .map(|parameters| named_curve(Der::new(parameters)))
        .transpose()?;
    let curve = match (curve, inside) {
        (Some(outside), Some(inside)) if outside != inside => {
            return Err(KeyFileError::HalvesDiffer);
        }
        (outside, inside) => outside.or(inside).ok_or(Malformed::TooShort)?,
    };
    let public = key.optional(Tag::CONSTRUCTED_1)?;
    key.finish()?;
    let mut public = Der::new(public.ok_or(KeyFileError::NoPublicHalf)?);
    let point = whole_bytes(public.value(Tag::BIT_STRING)?)?;
    public.finish()?;
    Parts::ecdsa(curve, private, point)
}

/// OneAsymmetricKey, once PrivateKeyInfo.
fn pkcs8(der: &[u8], keys: &dyn KeyLoader) -> Result<Parts, KeyFileError> {
    let mut info = Der::only_sequence(der)?;
    let version = info.version()?;
    if version > PKCS8_V2 {
        return Err(Malformed::BadInteger.into());
    }
    let mut algorithm = info.sequence()?;
    let private = info.value(Tag::OCTET_STRING)?;
    // What others know about the key, such as its name in a browser.
    let _attributes = info.optional(Tag::CONSTRUCTED_0)?;
    let public = match version {
        PKCS8_V2 => info.optional(Tag::PRIMITIVE_1)?,
        _ => None,
    };
    info.finish()?;
    let public = public.map(whole_bytes).transpose()?;
    match algorithm.value(Tag::OBJECT_IDENTIFIER)? {
        RSA => {
            // RFC 8017 §A.1: the parameters are NULL.
            if !algorithm.value(Tag::NULL)?.is_empty() {
                return Err(Malformed::BadLength.into());
            }
            algorithm.finish()?;
            pkcs1(private)
        }
        EC => sec1(private, Some(named_curve(algorithm)?)),
        ED25519 => {
            // RFC 8410 §3: there are no parameters.
            algorithm.finish()?;
            ed25519(private, public, keys)
        }
        DSA => Err(KeyFileError::UnsupportedType("DSA")),
        RSA_PSS => Err(KeyFileError::UnsupportedType("RSA-PSS")),
        ED448 => Err(KeyFileError::UnsupportedType("ED448")),
        _ => Err(KeyFileError::UnsupportedType("unknown")),
    }
}

/// CurvePrivateKey (RFC 8410 §7): an OCTET STRING inside the OCTET STRING.
fn ed25519(
    private: &[u8],
    public: Option<&[u8]>,
    keys: &dyn KeyLoader,
) -> Result<Parts, KeyFileError> {
    let mut private = Der::new(private);
    let seed = private.value(Tag::OCTET_STRING)?;
    private.finish()?;
    match public {
        Some(public) => Parts::ed25519(seed, public),
        None => Parts::ed25519(seed, &public_of(seed, keys)?),
    }
}

/// ECParameters (RFC 5480 §2.1.1): the name of a curve, and no curve of somebody's own.
fn named_curve(mut parameters: Der<'_>) -> Result<NistCurve, KeyFileError> {
    let unsupported = KeyFileError::UnsupportedType("other ECDSA");
    let Some(name) = parameters.optional(Tag::OBJECT_IDENTIFIER)? else {
        return Err(unsupported);
    };
    parameters.finish()?;
    match name {
        SECP256R1 => Ok(NistCurve::P256),
        SECP384R1 => Ok(NistCurve::P384),
        SECP521R1 => Err(KeyFileError::UnsupportedType(P521)),
        _ => Err(unsupported),
    }
}

/// The public half of an Ed25519 seed: a key that is made of that randomness has that seed.
fn public_of(seed: &[u8], keys: &dyn KeyLoader) -> Result<[u8; 32], KeyFileError> {
    let seed = Given(Secret::copy_of(seed));
    let (made, public) = keys
        .generate_ed25519(&seed)
        .map_err(|Unspecified| Malformed::BadLength)?;
    if !equal(made.expose(), seed.0.expose()) {
        return Err(KeyFileError::Unsigned);
    }
    Ok(public)
}

/// Randomness that was drawn elsewhere.
struct Given(Secret);

impl SecureRandom for Given {
    fn fill(&self, out: &mut [u8]) -> Result<(), Unspecified> {
        if out.len() != self.0.expose().len() {
            return Err(Unspecified);
        }
        out.copy_from_slice(self.0.expose());
        Ok(())
    }
}
