//! Global requests (RFC 4254 §4): the peer's, and the one that we send.

use adit_proto::Rest;
use adit_proto::msg::GlobalRequest;

use crate::owed::Reply;

/// Asks for nothing but an answer, which every SSH implementation gives, if only to refuse.
const KEEPALIVE: &[u8] = b"keepalive@openssh.com";
/// The peer promises to ask for no more sessions; it gets none anyway (OpenSSH, PROTOCOL §2.2).
const NO_MORE_SESSIONS: &[u8] = b"no-more-sessions@openssh.com";

/// What to answer the peer's request with, if it wants an answer.
///
/// All but one are refused: `keepalive@openssh.com` is answered like an unknown one everywhere, and
/// `hostkeys-00@openssh.com` tells what we do not want to know.
pub(crate) fn reply(request: &GlobalRequest<'_>) -> Option<Reply> {
    if !request.want_reply {
        None
    } else if request.request_name == NO_MORE_SESSIONS {
        Some(Reply::RequestSuccess)
    } else {
        Some(Reply::RequestFailure)
    }
}

/// Our keepalive: at most one at a time.
#[derive(Debug)]
pub(crate) enum Keepalive {
    Idle,
    Due,
    AwaitReply,
}

impl Keepalive {
    /// As it goes out.
    pub(crate) const REQUEST: GlobalRequest<'static> = GlobalRequest {
        request_name: KEEPALIVE,
        want_reply: true,
        data: Rest(&[]),
    };

    /// One is wanted.
    pub(crate) const fn ask(&mut self) {
        if matches!(self, Self::Idle) {
            *self = Self::Due;
        }
    }

    pub(crate) const fn is_due(&self) -> bool {
        matches!(self, Self::Due)
    }

    /// It was sent.
    pub(crate) const fn sent(&mut self) {
        *self = Self::AwaitReply;
    }

    /// A reply came. Whether it is to ours: it is the only request that we ever send.
    pub(crate) const fn replied(&mut self) -> bool {
        let is_ours = matches!(self, Self::AwaitReply);
        if is_ours {
            *self = Self::Idle;
        }
        is_ours
    }
}
