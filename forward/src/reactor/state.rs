//! What a loop keeps of one session beside the session itself and its socket.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use adit_auth::{Decision, KeyId, OfferedKey, Refused};
use adit_connection::ChannelId;
use adit_crypto::{Secret, SigningKey, Unspecified};
use adit_proto::reason::Disconnect;

use super::asked::RemoteForwards;
use super::asking::Askings;
use super::dial::Progress;
use super::door::Startup;
use super::forwards::{Forward, StreamLocalBind};
use super::hops::JointNews;
use super::host::Host;
use super::local::Seen;
use super::locals::Locals;
use super::opens::LookUps;
use super::remotes::Remotes;
use super::resolve::Resolved;
use super::spread::Burden;
use crate::error::Error;
use crate::observer::{Gone, HostKeyVerdict, PeerId, PeerInfo};
use crate::policy::PermitOpen;
use crate::session::Session;

/// Why a session ends.
#[derive(Debug)]
pub(super) enum Cause {
    Closed,
    Disconnected {
        reason_code: u32,
        description: Vec<u8>,
        keys_tried: usize,
    },
    Failed(Error),
    HostKeyChanged,
    HostKeyRefused,
    Panicked,
    Refused(Refused),
    Socket(io::Error),
    Stopped,
    TooSlow,
}

impl Cause {
    /// What the peer is told at the end; `role` is ours.
    pub(super) fn last_words(&self, role: Role) -> Option<(Disconnect, &'static str)> {
        match self {
            Self::Closed | Self::Disconnected { .. } | Self::Panicked | Self::Socket(_) => None,
            Self::Failed(_) => None, // the session has its own words
            Self::HostKeyChanged | Self::HostKeyRefused => {
                Some((Disconnect::HostKeyNotVerifiable, "host key not accepted"))
            }
            Self::Refused(_) => Some((
                Disconnect::NoMoreAuthMethodsAvailable,
                "no more keys to try",
            )),
            Self::Stopped => Some(match role {
                // OpenSSH's words.
                Role::Client => (Disconnect::ByApplication, "disconnected by user"),
                Role::Server => (Disconnect::ByApplication, "the server is shutting down"),
            }),
            Self::TooSlow => Some((Disconnect::ByApplication, "authentication took too long")),
        }
    }

    /// For the program.
    pub(super) fn told<'a>(&'a self, session: &'a Session, text: &'a mut String) -> Gone<'a> {
        match self {
            Self::Closed => Gone::Closed,
            Self::Disconnected {
                reason_code,
                description,
                keys_tried,
            } => Gone::Disconnected {
                reason_code: *reason_code,
                description,
                keys_tried: *keys_tried,
            },
            Self::Failed(Error::Silent) => Gone::Silent,
            Self::Failed(Error::Transport(adit_transport::Error::NoCommon(list))) => {
                Gone::NoCommon {
                    what: list.noun(),
                    offer: session.transport().peer_offer(*list),
                }
            }
            Self::Failed(Error::Transport(adit_transport::Error::NoStrictKex { cipher })) => {
                Gone::NoStrictKex { cipher }
            }
            Self::Failed(error) => {
                *text = error.to_string();
                Gone::Error(text)
            }
            Self::HostKeyChanged => Gone::HostKeyChanged,
            Self::HostKeyRefused => Gone::HostKeyRefused,
            Self::Panicked => Gone::Panicked,
            Self::Refused(refused) => Gone::AuthenticationRefused(refused),
            Self::Socket(error) => Gone::Socket(error),
            Self::Stopped => Gone::Stopped,
            Self::TooSlow => Gone::TooSlow,
        }
    }
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Who signs with a key.
pub(super) enum Signer {
    Agent,
    Loaded(Box<dyn SigningKey>),
    /// Whoever knows the passphrase.
    Locked,
    /// Nobody: it was not unlocked.
    Nobody,
}

/// A key of the client, by its [`KeyId`].
pub(super) struct ClientKey {
    /// File name, or the agent's comment.
    pub(super) name: String,
    pub(super) public_blob: Vec<u8>,
    pub(super) signer: Signer,
}

/// What only the agent knows.
pub(super) enum ForAgent {
    /// Which keys it has, once it knows which session they are for.
    Keys,
    /// A signature.
    Signature {
        key: KeyId,
        algorithm: &'static str,
        message: Vec<u8>,
    },
}

/// What others found out for a session; its next turn takes it.
pub(super) enum Letter {
    Authorized(Decision),
    Dialled(ChannelId, Progress),
    HostKey(HostKeyVerdict),
    Keys(Vec<OfferedKey>, Vec<ClientKey>),
    Password(Option<Secret>),
    Resolved(ChannelId, Resolved),
    Responses(Option<Vec<Secret>>),
    Signed(KeyId, Result<Vec<u8>, Unspecified>),
    Unlocked(KeyId, Option<Box<dyn SigningKey>>),
}

/// Whether somebody outside the loop has been asked what authentication needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answering {
    Nobody,
    Somebody,
}

/// Which end of the session this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Client,
    Server,
}

/// See the module.
pub(super) struct State {
    pub(super) id: PeerId,
    pub(super) slot: usize,
    pub(super) role: Role,
    pub(super) address: Option<SocketAddr>,
    /// Its place on a client's way.
    pub(super) hop: usize,
    pub(super) user: Option<Vec<u8>>,
    pub(super) ident_told: Seen,
    /// When the peer must have got so far: to the end of the first exchange (client), or of
    /// authentication (server).
    pub(super) login_deadline: Option<Duration>,
    pub(super) asked: Answering,
    /// A server's session: its place among those that are not authenticated.
    pub(super) startup: Option<Startup>,
    /// A server's session: its part of its loop's load.
    pub(super) burden: Option<Burden>,
    /// A client asked for more than the list of methods.
    pub(super) tried: Seen,
    /// Whom a client logs in as.
    pub(super) login_name: Arc<str>,
    /// What is known of a client's server.
    pub(super) host: Host,
    pub(super) keys: Vec<ClientKey>,
    pub(super) keys_tried: usize,
    pub(super) for_agent: Option<ForAgent>,
    pub(super) locals: Locals,
    /// Channels whose socket may have something to read, longest waiting first.
    pub(super) run: VecDeque<ChannelId>,
    /// Channels whose socket takes more of what it did not take before.
    pub(super) drain: Vec<ChannelId>,
    pub(super) look_ups: LookUps,
    /// What the client's forwards are, by their place in its configuration.
    pub(super) forwards: Arc<[Forward]>,
    /// What a server listens on for its client.
    pub(super) remotes: Remotes,
    /// How it makes Unix sockets for it.
    pub(super) stream_local_bind: StreamLocalBind,
    /// What a client's server is to listen on.
    pub(super) remote_forwards: RemoteForwards,
    /// PermitRemoteOpen.
    pub(super) permit_remote_open: PermitOpen,
    /// Connections at the server that have not said where to.
    pub(super) askings: Askings,
    /// Authentication succeeded since the loop last looked.
    pub(super) news: Seen,
    /// A channel is over since the listeners last looked.
    pub(super) freed: Seen,
    /// Calls for channels since more was read from the peer, or since it was left at that.
    pub(super) calls: usize,
    /// Not all that was read has been looked at.
    pub(super) behind: Seen,
    /// The channel that leads to the next server on a client's way.
    pub(super) leads_on: Option<ChannelId>,
    /// What became of a joint since the loop last looked.
    pub(super) joint_news: Option<JointNews>,
    pub(super) letters: VecDeque<Letter>,
    pub(super) cause: Option<Cause>,
}

impl State {
    pub(super) fn new(
        id: PeerId,
        slot: usize,
        role: Role,
        address: Option<SocketAddr>,
        login_deadline: Option<Duration>,
    ) -> Self {
        Self {
            id,
            slot,
            role,
            address,
            hop: 0,
            user: None,
            ident_told: Seen::No,
            login_deadline,
            asked: Answering::Nobody,
            startup: None,
            burden: None,
            tried: Seen::No,
            login_name: Arc::from(""),
            host: Host::default(),
            keys: Vec::new(),
            keys_tried: 0,
            for_agent: None,
            locals: Locals::default(),
            run: VecDeque::new(),
            drain: Vec::new(),
            look_ups: LookUps::default(),
            forwards: Arc::new([]),
            remotes: Remotes::default(),
            stream_local_bind: StreamLocalBind::default(),
            remote_forwards: RemoteForwards::default(),
            permit_remote_open: PermitOpen::Nothing,
            askings: Askings::default(),
            news: Seen::No,
            freed: Seen::No,
            calls: 0,
            behind: Seen::No,
            leads_on: None,
            joint_news: None,
            letters: VecDeque::new(),
            cause: None,
        }
    }

    /// A key of the client.
    pub(super) fn key(&self, id: KeyId) -> Option<&ClientKey> {
        self.keys.get(usize::try_from(id.0).ok()?)
    }

    pub(super) fn key_mut(&mut self, id: KeyId) -> Option<&mut ClientKey> {
        self.keys.get_mut(usize::try_from(id.0).ok()?)
    }

    /// For events.
    pub(super) fn info(&self) -> PeerInfo<'_> {
        PeerInfo {
            id: self.id,
            address: self.address,
            hop: self.hop,
            user: self.user.as_deref(),
        }
    }

    /// The session is to end. The first cause counts.
    pub(super) fn end(&mut self, cause: Cause) {
        self.cause.get_or_insert(cause);
    }

    /// ConnectTimeout covers the key exchange, LoginGraceTime authentication too.
    pub(super) fn established(&mut self) {
        if self.role == Role::Client {
            self.login_deadline = None;
            self.host = Host::default();
        }
    }

    pub(super) fn authenticated(&mut self, user: &[u8]) {
        self.user = Some(user.to_vec());
        self.login_deadline = None;
        self.startup = None;
        self.keys = Vec::new();
        self.news = Seen::Yes;
    }
}
