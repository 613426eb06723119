//! The two programs of the demonstration: they answer the event loops and tell the story what
//! happened.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use adit_auth::{Decision, KeyPolicy};
use adit_forward::observer::{
    Answer, Event, HostKeyQuestion, HostKeyVerdict, How, KeyQuestion, OpenQuestion, Place, Program,
};
use adit_forward::policy::{Denied, Permitted, Policy};

/// What the story waits for.
#[derive(Debug)]
pub(super) enum News {
    /// The client checked the host key: it is the one it was told of.
    HostKeyKnown,
    /// Key exchange method, cipher, and whether key exchange is strict.
    Negotiated {
        kex: String,
        cipher: String,
        strict: bool,
    },
    /// The server let somebody in, by a key with this fingerprint.
    LoggedIn { user: String, fingerprint: String },
    /// The client's port is open.
    Listening(SocketAddr),
    /// The client's loop has ended; what it said last, if anything.
    ClientEnded(Option<String>),
}

/// `aditd`: one key may log in, one destination may be opened.
pub(super) struct Server {
    pub(super) user_key: Vec<u8>,
    pub(super) policy: Policy,
    pub(super) news: Sender<News>,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only some events are part of the story"
)]
impl Program for Server {
    fn observe(&mut self, event: &Event<'_>) {
        let news = match event {
            Event::Authenticated {
                peer,
                how: How::Publickey { fingerprint, .. },
            } => News::LoggedIn {
                user: String::from_utf8_lossy(peer.user.unwrap_or_default()).into_owned(),
                fingerprint: fingerprint.to_string(),
            },
            _ => return,
        };
        let _ = self.news.send(news);
    }

    fn authorize(&mut self, question: &KeyQuestion<'_>) -> Answer<Decision> {
        Answer::Now(if question.key_blob == self.user_key {
            Decision::Allowed(KeyPolicy::unrestricted(0, 1))
        } else {
            Decision::Refused
        })
    }

    fn may_open(&mut self, question: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        question.under(&self.policy)
    }
}

/// `adit`: trusts one host key.
pub(super) struct Client {
    pub(super) host_key: Vec<u8>,
    pub(super) news: Sender<News>,
    /// The last thing that went wrong.
    pub(super) complaint: Option<String>,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only some events are part of the story"
)]
impl Program for Client {
    fn observe(&mut self, event: &Event<'_>) {
        let news = match event {
            Event::Negotiated { negotiated, .. } => News::Negotiated {
                kex: negotiated.kex.to_owned(),
                cipher: negotiated.cipher_to_server.to_owned(),
                strict: negotiated.strict_kex,
            },
            Event::Listening {
                address: Place::Tcp(address),
                ..
            } => News::Listening(*address),
            Event::ConnectFailed { error, .. } | Event::ListenFailed { error, .. } => {
                self.complaint = Some(error.to_string());
                return;
            }
            Event::PeerGone { why, .. } => {
                self.complaint = Some(format!("{why:?}"));
                return;
            }
            _ => return,
        };
        let _ = self.news.send(news);
    }

    fn host_key(&mut self, question: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        if question.key_blob != self.host_key {
            return Answer::Now(HostKeyVerdict::Refuse);
        }
        let _ = self.news.send(News::HostKeyKnown);
        Answer::Now(HostKeyVerdict::Trust)
    }
}
