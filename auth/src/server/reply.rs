//! The replies of a server (RFC 4252 §5.1, §7), written when there is room for them.

use adit_proto::msg::{UserauthFailure, UserauthPkOk, UserauthSuccess};
use adit_proto::{Encode, NameList, Writer};

use super::request::Pending;
use crate::signed::PUBLICKEY;

/// A reply that is due.
#[derive(Debug)]
pub struct Reply<'a>(pub(super) ReplyKind<'a>);

#[derive(Debug)]
pub(super) enum ReplyKind<'a> {
    Failure,
    PkOk(&'a Pending),
    Success,
}

impl ReplyKind<'_> {
    fn failure() -> UserauthFailure<'static> {
        UserauthFailure {
            authentications_that_can_continue: NameList::parse(PUBLICKEY)
                .unwrap_or(NameList::EMPTY),
            partial_success: false,
        }
    }
}

impl<'a> From<&'a Pending> for UserauthPkOk<'a> {
    fn from(pending: &'a Pending) -> Self {
        Self {
            public_key_algorithm_name: pending.algorithm.as_bytes(),
            public_key_blob: &pending.key_blob,
        }
    }
}

impl Encode for Reply<'_> {
    fn encoded_len(&self) -> usize {
        match self.0 {
            ReplyKind::Failure => ReplyKind::failure().encoded_len(),
            ReplyKind::PkOk(pending) => UserauthPkOk::from(pending).encoded_len(),
            ReplyKind::Success => UserauthSuccess {}.encoded_len(),
        }
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        match self.0 {
            ReplyKind::Failure => ReplyKind::failure().encode(writer),
            ReplyKind::PkOk(pending) => UserauthPkOk::from(pending).encode(writer),
            ReplyKind::Success => UserauthSuccess {}.encode(writer),
        }
    }
}
