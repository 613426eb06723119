//! Questions of the server to a person (RFC 4256).
//!
//! ```text
//!   request ─► await ─► INFO_REQUEST ─► need Respond ─► INFO_RESPONSE ─► await …
//!                │           └── without prompts ───────────┘
//!                └─► SUCCESS, FAILURE
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use adit_crypto::Secret;
use adit_proto::Decode;
use adit_proto::msg::UserauthInfoRequest;

use super::event::ClientEvent;
use super::offer::{Echo, Prompt};
use crate::error::Error;

/// Most INFO_REQUESTs in one authentication. PAM has up to eight for a password that must be
/// changed, and a person has three tries; OpenSSH has no limit.
pub(super) const INFO_REQUESTS_MAX: u8 = 64;

/// How far the method is.
pub(super) enum Interactive {
    RequestDue,
    AwaitServer(Exchange),
    AwaitPerson(Exchange, Questions),
    ResponsesDue(Exchange, Vec<Secret>),
}

/// What came of one request so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Exchange {
    /// An INFO_REQUEST came.
    pub(super) is_asked: bool,
    /// An answer to at least one prompt was sent.
    pub(super) is_answered: bool,
}

/// An INFO_REQUEST. Its texts are at most as long as the packet that they came in.
#[derive(Debug)]
pub(super) struct Questions {
    pub(super) name: Vec<u8>,
    pub(super) instruction: Vec<u8>,
    pub(super) prompts: Vec<Prompt>,
}

impl Interactive {
    /// What was due was sent.
    pub(super) fn sent(self) -> Self {
        match self {
            Self::RequestDue => Self::AwaitServer(Exchange::default()),
            Self::ResponsesDue(exchange, responses) => Self::AwaitServer(Exchange {
                is_answered: exchange.is_answered || !responses.is_empty(),
                ..exchange
            }),
            other @ (Self::AwaitServer(_) | Self::AwaitPerson(..)) => other,
        }
    }
}

/// The server asks. Where it only tells, which RFC 4256 §3.2 has it do without prompts, an empty
/// answer is due at once.
pub(super) fn asked(
    exchange: Exchange,
    payload: &[u8],
) -> Result<(Interactive, ClientEvent), Error> {
    let request = UserauthInfoRequest::decode(payload)?;
    let prompts: Vec<Prompt> = request
        .prompts()?
        .map(|(text, may_echo)| Prompt {
            text: text.to_vec(),
            echo: if may_echo { Echo::Yes } else { Echo::No },
        })
        .collect();
    let exchange = Exchange {
        is_asked: true,
        ..exchange
    };
    if prompts.is_empty() {
        let (name, instruction) = told(&request);
        let step = Interactive::ResponsesDue(exchange, Vec::new());
        return Ok((step, ClientEvent::Told { name, instruction }));
    }
    let questions = Questions {
        name: request.name.to_vec(),
        instruction: request.instruction.to_vec(),
        prompts,
    };
    let step = Interactive::AwaitPerson(exchange, questions);
    Ok((step, ClientEvent::Quiet))
}

/// Where name and instruction stand in the payload, each behind a uint32.
fn told(request: &UserauthInfoRequest<'_>) -> (Range<usize>, Range<usize>) {
    let name = 5..5 + request.name.len();
    let instruction = name.end + 4..name.end + 4 + request.instruction.len();
    (name, instruction)
}
