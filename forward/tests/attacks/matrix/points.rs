//! The points of a connection at which a message may come, and the honest way there.

use adit_auth::Probe;
use adit_crypto::Provider;
use adit_testkit::scripted::{
    REKEY_TIME, Role, Script, Scripted, Step, Strict, minimal, request, string,
};

/// Where a connection is when the message comes. The session under test …
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum At {
    /// … awaits an identification, and gets a packet.
    Ident,
    /// … awaits KEXINIT.
    KexInit,
    /// … awaits the share of the first exchange.
    Share,
    /// … awaits NEWKEYS of the first exchange.
    NewKeys,
    /// … awaits SERVICE_REQUEST or SERVICE_ACCEPT.
    Service,
    /// … has asked which methods there are, or awaits the first request.
    Auth,
    /// … has been asked, or asks, whether a key would do.
    Probe,
    /// Client: has sent a signature.
    Signature,
    /// Client: has sent a password. Server: has refused one.
    Password,
    /// Client: has asked for questions.
    Interactive,
    /// Client: has answered a question.
    Answered,
    /// … is logged in and has no channel.
    Open,
    /// … is logged in and has one channel.
    Channel,
    /// … has sent the KEXINIT of a re-exchange.
    Held,
    /// … awaits the share of a re-exchange.
    RekeyShare,
    /// … awaits NEWKEYS of a re-exchange.
    RekeyNewKeys,
}

use At::{
    Answered, Auth, Channel, Held, Ident, Interactive, KexInit, NewKeys, Open, Password,
    RekeyNewKeys, RekeyShare, Service, Share, Signature,
};

const ALL: [At; 16] = [
    Ident,
    KexInit,
    Share,
    NewKeys,
    Service,
    Auth,
    At::Probe,
    Signature,
    Password,
    Interactive,
    Answered,
    Open,
    Channel,
    Held,
    RekeyShare,
    RekeyNewKeys,
];

/// A peer that has come there.
pub(super) struct Point {
    pub(super) peer: Scripted,
    /// Channels that the victim was about to connect before.
    pub(super) opens: usize,
}

impl At {
    pub(super) fn of(role: Role) -> impl Iterator<Item = Self> {
        let of_clients = [Signature, Interactive, Answered];
        let all = ALL.into_iter();
        all.filter(move |at| role == Role::Client || !of_clients.contains(at))
    }

    pub(super) const fn is_logged_in(self) -> bool {
        matches!(self, Open | Channel | Held | RekeyShare | RekeyNewKeys)
    }

    pub(super) const fn awaits_share(self) -> bool {
        matches!(self, Share | RekeyShare)
    }

    /// Number 60 with the fields that it has in the method under way (RFC 4252 §6).
    pub(super) fn method_specific(self, peer: &Scripted) -> Vec<u8> {
        match self {
            Self::Probe => [
                &[60][..],
                &string(b"ssh-ed25519"),
                &string(peer.key.public_blob()),
            ]
            .concat(),
            Interactive | Answered => question(&[]),
            Ident | KexInit | Share | NewKeys | Service | Auth | Signature | Password | Open
            | Channel | Held | RekeyShare | RekeyNewKeys => minimal(60, 0),
        }
    }

    /// Whether packets are sealed when the message comes.
    pub(super) const fn has_keys(self) -> bool {
        !matches!(self, Ident | KexInit | Share | NewKeys)
    }

    pub(super) fn reach(self, role: Role, strict: Strict, provider: &'static Provider) -> Point {
        let mut script = Script::new(role, provider);
        script.strict = strict;
        script.probe = match self {
            Auth | Password | Interactive | Answered => None,
            Self::Probe => Some(Probe::Yes),
            Ident | KexInit | Share | NewKeys | Service | Signature | Open | Channel | Held
            | RekeyShare | RekeyNewKeys => Some(Probe::No),
        };
        let mut peer = Scripted::at(&script, self.step());
        match (self, role) {
            (Ident | KexInit | Share | NewKeys | Service | Auth | Signature | Open, _)
            | (Self::Probe, Role::Client) => {}
            (Self::Probe, Role::Server) => peer.send(&peer.probe_request()),
            (Password, Role::Client) => {
                peer.types(b"secret");
                peer.fail("password");
            }
            (Password, Role::Server) => {
                let fields = [&[0][..], &string(b"secret")].concat();
                let message = request(b"password", &fields);
                peer.answer_to(&message);
            }
            (Interactive | Answered, _) => {
                peer.types(b"secret");
                peer.fail("keyboard-interactive");
                if self == Answered {
                    peer.send(&question(&["Code: "]));
                }
            }
            (Channel, _) => peer.open(),
            (Held, _) => peer.wait(REKEY_TIME),
            (RekeyShare, _) => peer.kexinit(),
            (RekeyNewKeys, _) => {
                peer.kexinit();
                peer.share();
                peer.forget();
            }
        }
        assert!(peer.victim.is_alive(), "{self:?} {:?}", peer.victim.log);
        let opens = peer.opens();
        Point { peer, opens }
    }

    const fn step(self) -> Step {
        match self {
            Ident => Step::Start,
            KexInit => Step::Ident,
            Share => Step::KexInit,
            NewKeys => Step::Share,
            Service => Step::NewKeys,
            Auth | Self::Probe | Signature | Password | Interactive | Answered => Step::Service,
            Open | Channel | Held | RekeyShare | RekeyNewKeys => Step::Login,
        }
    }
}

/// INFO_REQUEST with these prompts (RFC 4256 §3.2).
fn question(prompts: &[&str]) -> Vec<u8> {
    let count = u32::try_from(prompts.len()).unwrap();
    let texts = prompts.iter().flat_map(|prompt| {
        let mut text = string(prompt.as_bytes());
        text.push(0);
        text
    });
    let texts: Vec<_> = texts.collect();
    [&[60][..], &[0; 12], &count.to_be_bytes(), &texts].concat()
}
