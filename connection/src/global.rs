//! Global requests of the peer (RFC 4254 §4): to listen somewhere for it (§7.1; OpenSSH, PROTOCOL
//! §2.4), which is the caller's to decide, and all others, which are answered here.

use core::ops::Range;

use adit_proto::msg::{GlobalRequest, StreamlocalForward, TcpipForward};
use adit_proto::{Decode, Malformed};

use crate::channels::Channels;
use crate::error::Error;
use crate::event::{Event, ForwardKind};
use crate::open::{self, Accepts};
use crate::owed::Reply;

/// The peer promises to ask for no more sessions; it gets none anyway (OpenSSH, PROTOCOL §2.2).
const NO_MORE_SESSIONS: &[u8] = b"no-more-sessions@openssh.com";

/// Whether the peer waits for the answer to a request that the caller decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WantReply {
    No,
    Yes,
}

impl Channels {
    /// The peer is listened for as it asked, or no longer. `port` when the choice was ours.
    pub fn grant_forward(&mut self, port: Option<u16>) {
        self.forward_decided(Reply::RequestSuccess { port });
    }

    /// It is not. Does nothing when nothing was asked.
    pub fn refuse_forward(&mut self) {
        self.forward_decided(Reply::RequestFailure);
    }

    fn forward_decided(&mut self, reply: Reply) {
        if self.forward_asked.take() == Some(WantReply::Yes) {
            self.owed.decided();
            self.owed.push(reply);
        }
    }

    /// A request of the peer's. Each is answered before the next is looked at, so that the answers
    /// go out in the order of the requests (§4).
    ///
    /// Those that are none of a server's business are refused where they want an answer:
    /// `keepalive@openssh.com` is answered like an unknown one everywhere, and
    /// `hostkeys-00@openssh.com` tells what we do not want to know.
    pub(crate) fn global_request(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let request = GlobalRequest::decode(payload)?;
        if request.want_reply {
            self.owed.check()?;
        }
        if self.accepts == Accepts::Direct
            && let Some(kind) = ForwardKind::of(request.request_name)
            && let Some(data) = check(payload, &request, kind)?
        {
            self.forward_asked = Some(if request.want_reply {
                self.owed.wait();
                WantReply::Yes
            } else {
                WantReply::No
            });
            return Ok(Event::ForwardAsked { kind, data });
        }
        if request.want_reply {
            self.owed.push(if request.request_name == NO_MORE_SESSIONS {
                Reply::RequestSuccess { port: None }
            } else {
                Reply::RequestFailure
            });
        }
        Ok(Event::Quiet)
    }
}

/// Where the data of a request is in the payload; `None` where nobody could do what it asks.
///
/// # Errors
/// Bytes that are not what the name says.
fn check(
    payload: &[u8],
    request: &GlobalRequest<'_>,
    kind: ForwardKind,
) -> Result<Option<Range<usize>>, Malformed> {
    let is_possible = match kind {
        ForwardKind::CancelStreamlocalForward | ForwardKind::StreamlocalForward => {
            let streamlocal = StreamlocalForward::decode(request.data.0)?;
            open::is_plausible_path(streamlocal.socket_path)
        }
        ForwardKind::CancelTcpipForward | ForwardKind::TcpipForward => {
            let tcpip = TcpipForward::decode(request.data.0)?;
            // A port of our choice that nobody hears of is of no use. OpenSSH refuses it too.
            let is_heard_of = tcpip.port_number_to_bind != 0 || request.want_reply;
            is_heard_of
                && u16::try_from(tcpip.port_number_to_bind).is_ok()
                && open::is_plausible_address(tcpip.address_to_bind)
        }
    };
    // The data is the end of the payload.
    let start = payload.len().saturating_sub(request.data.0.len());
    Ok(is_possible.then_some(start..payload.len()))
}
