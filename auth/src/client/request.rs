//! The requests of a client (RFC 4252 §5.2, §7), written when there is room for them.

use adit_proto::{Encode, Writer};

use super::offer::OfferedKey;
use crate::signed::{NONE, PublickeyRequest, request};

/// A key under way, with the algorithm it is used with.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) key: OfferedKey,
    pub(super) algorithm: &'static str,
}

/// A request that is due.
#[derive(Debug)]
pub struct Request<'a> {
    pub(super) user: &'a [u8],
    pub(super) kind: Kind<'a>,
}

#[derive(Debug)]
pub(super) enum Kind<'a> {
    None,
    Probe(&'a Attempt),
    Signed(&'a Attempt, &'a [u8]),
}

impl Request<'_> {
    fn publickey<'b>(&'b self, attempt: &'b Attempt, has_signature: bool) -> PublickeyRequest<'b> {
        PublickeyRequest {
            user: self.user,
            has_signature,
            algorithm: attempt.algorithm,
            key_blob: &attempt.key.public_blob,
        }
    }
}

impl Encode for Request<'_> {
    fn encoded_len(&self) -> usize {
        match self.kind {
            Kind::None => request(self.user, NONE).encoded_len(),
            Kind::Probe(attempt) => self.publickey(attempt, false).encoded_len(),
            Kind::Signed(attempt, signature) => {
                self.publickey(attempt, true).encoded_len() + 4 + signature.len()
            }
        }
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        match self.kind {
            Kind::None => request(self.user, NONE).encode(writer),
            Kind::Probe(attempt) => self.publickey(attempt, false).encode(writer),
            Kind::Signed(attempt, signature) => {
                self.publickey(attempt, true).encode(writer);
                writer.string(signature);
            }
        }
    }
}
