//! The publickey requests of a client, as a server reads them (RFC 4252 §7).

use alloc::vec::Vec;
use core::time::Duration;

use adit_crypto::{Provider, SignatureVerified, Unspecified, verify};
use adit_proto::blob::blob_name;
use adit_proto::msg::{PublickeyHostboundMethod, PublickeyMethod};
use adit_proto::{Decode, Malformed, Reader};

use crate::error::{Error, PeerMisbehaved};
use crate::signed::{PublickeyRequest, SignedData};

/// A request to be decided.
#[derive(Debug)]
pub(super) struct Pending {
    /// When it came.
    pub(super) since: Duration,
    pub(super) algorithm: &'static str,
    pub(super) key_type: &'static str,
    /// A key of that type.
    pub(super) key_blob: Vec<u8>,
    binding: Binding,
    signature: Option<Vec<u8>>,
}

/// A publickey request as it came.
#[derive(Debug)]
pub(super) enum Read<'a> {
    /// To be decided about.
    Pending(Pending),
    /// A key or an algorithm that we do not verify: such a request fails, whoever it is for.
    Unknown,
    /// A key of a type that we verify, and none that we would: an RSA key of too few bits.
    Unsound {
        key_type: &'static str,
        key_blob: &'a [u8],
    },
}

/// Which of the two methods with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Binding {
    /// publickey.
    Session,
    /// publickey-hostbound-v00@openssh.com.
    SessionAndHost,
}

impl Pending {
    /// From the method's own fields. `host_key` is ours, in this session.
    pub(super) fn read<'a>(
        provider: &Provider,
        binding: Binding,
        host_key: &[u8],
        method: &'a [u8],
        now: Duration,
    ) -> Result<Read<'a>, Error> {
        let method = match binding {
            Binding::Session => PublickeyMethod::decode(method)?,
            Binding::SessionAndHost => bound(method, host_key)?,
        };
        let signature = signature(&method)?;
        let Some(verifier) = provider.verifier(method.public_key_algorithm_name) else {
            return Ok(Read::Unknown);
        };
        let key_type = verifier.key_type();
        let key_blob = method.public_key_blob;
        if blob_name(key_blob) != Ok(key_type.as_bytes()) {
            return Ok(Read::Unknown);
        }
        if !verifier.accepts_key(key_blob) {
            return Ok(Read::Unsound { key_type, key_blob });
        }
        Ok(Read::Pending(Self {
            since: now,
            algorithm: verifier.algorithm(),
            key_type,
            key_blob: key_blob.to_vec(),
            binding,
            signature: signature.map(<[u8]>::to_vec),
        }))
    }

    /// Whether its signature is one of this user in this session; `None` without one. The signed
    /// bytes are made anew from what was decided about, never cut from what was received.
    pub(super) fn verify(
        &self,
        provider: &Provider,
        session_id: &[u8],
        host_key: &[u8],
        user: &[u8],
    ) -> Option<Result<SignatureVerified, Unspecified>> {
        let signature = self.signature.as_deref()?;
        let message = SignedData {
            session_id,
            request: PublickeyRequest {
                user,
                has_signature: true,
                algorithm: self.algorithm,
                key_blob: &self.key_blob,
                host_key: match self.binding {
                    Binding::Session => None,
                    Binding::SessionAndHost => Some(host_key),
                },
            },
        }
        .to_bytes();
        let algorithm = self.algorithm.as_bytes();
        Some(verify(
            provider,
            algorithm,
            &self.key_blob,
            &message,
            signature,
        ))
    }
}

/// The fields that both methods have. A request that is bound to another host is not for us: its
/// sender talks to somebody in between.
fn bound<'a>(method: &'a [u8], host_key: &[u8]) -> Result<PublickeyMethod<'a>, Error> {
    let method = PublickeyHostboundMethod::decode(method)?;
    if method.server_host_key != host_key {
        return Err(PeerMisbehaved::OtherHostKey.into());
    }
    Ok(PublickeyMethod {
        has_signature: method.has_signature,
        public_key_algorithm_name: method.public_key_algorithm_name,
        public_key_blob: method.public_key_blob,
        signature: method.signature,
    })
}

/// The signature of a request: one string if it says that it has one, nothing if not.
fn signature<'a>(method: &PublickeyMethod<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    let mut reader = Reader::new(method.signature.0);
    let signature = if method.has_signature {
        Some(reader.string()?)
    } else {
        None
    };
    reader.finish()?;
    Ok(signature)
}
