//! The one place where a proof of a verified signature is made.

use adit_proto::blob::blob_name;

use crate::provider::{Provider, Unspecified};

/// A signature was verified. Only [`verify`] makes one; who needs it as a field cannot skip that.
#[derive(Debug)]
#[must_use]
pub struct SignatureVerified(());

/// Verifies `signature_blob` over `message` by the key in `key_blob`, made with `algorithm`.
///
/// The name in the signature must be the algorithm's, and the name in the key the algorithm's key
/// type, to the letter: a key of one type never passes for another.
///
/// # Errors
/// When any of this does not hold.
pub fn verify(
    provider: &Provider,
    algorithm: &[u8],
    key_blob: &[u8],
    message: &[u8],
    signature_blob: &[u8],
) -> Result<SignatureVerified, Unspecified> {
    let verifier = provider.verifier(algorithm).ok_or(Unspecified)?;
    let names_agree = blob_name(signature_blob) == Ok(verifier.algorithm().as_bytes())
        && blob_name(key_blob) == Ok(verifier.key_type().as_bytes());
    if !names_agree {
        return Err(Unspecified);
    }
    verifier.verify(key_blob, message, signature_blob)?;
    Ok(SignatureVerified(()))
}
