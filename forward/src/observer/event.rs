//! What a program is told.

use core::net::SocketAddr;
use std::io;

use adit_auth::{Failed, How};
use adit_transport::Negotiated;

use super::{
    Authenticated, ClosedChannel, Destination, Gone, KeyHolder, OpenError, PeerInfo, Place,
    ProxyEnd,
};
use crate::admission::{AddressAndBits, Charged, Dropped, Offence};
use crate::policy::Denied;
use crate::socks::{Refusal, Version};

/// What happened. `#[non_exhaustive]`: a program prints those that it knows.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    // -- connecting and authenticating --
    /// The client tries this address.
    Connecting {
        /// Where to.
        address: SocketAddr,
    },
    /// That address did not work; the next one is tried, if there is one.
    ConnectFailed {
        /// Where to.
        address: SocketAddr,
        /// Why.
        error: &'a io::Error,
    },
    /// A TCP connection exists: made (client) or accepted (server).
    Connected {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Our end of it.
        local: Option<SocketAddr>,
    },
    /// The peer's identification line arrived, without its line end.
    IdentReceived {
        /// The peer.
        peer: PeerInfo<'a>,
        /// `SSH-2.0-...`
        ident: &'a [u8],
    },
    /// The first key exchange is complete.
    Negotiated {
        /// The peer.
        peer: PeerInfo<'a>,
        /// What was agreed on.
        negotiated: Negotiated,
    },
    /// Another key exchange is complete.
    Rekeyed {
        /// The peer.
        peer: PeerInfo<'a>,
    },
    /// The agent could not be used; authentication goes on without it.
    AgentFailed {
        /// Why.
        error: &'a io::Error,
    },
    /// The agent has this key and gave no signature with it: somebody said no, or it is locked.
    AgentRefused {
        /// The peer.
        peer: PeerInfo<'a>,
        /// File name or the agent's comment.
        name: &'a str,
        /// The public key.
        key_blob: &'a [u8],
    },
    /// A key that the client will try; told of all of them, in their order, before the first.
    KeyFound {
        /// The peer.
        peer: PeerInfo<'a>,
        /// File name or the agent's comment.
        name: &'a str,
        /// The public key.
        key_blob: &'a [u8],
        /// Who has it.
        holder: KeyHolder,
    },
    /// The client asks the server about this key, or gives a signature with it.
    OfferingKey {
        /// The peer.
        peer: PeerInfo<'a>,
        /// File name or the agent's comment.
        name: &'a str,
        /// The public key.
        key_blob: &'a [u8],
    },
    /// The server accepts that method, and asks for another one too (RFC 4252 §5.1).
    PartialSuccess {
        /// The peer.
        peer: PeerInfo<'a>,
        /// `publickey`, …
        method: &'static str,
    },
    /// The server would have the password changed, which adit does not do.
    PasswordExpired {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The server's words.
        message: &'a [u8],
    },
    /// Text that the server wants shown before authentication (RFC 4252 §5.4).
    Banner {
        /// The peer.
        peer: PeerInfo<'a>,
        /// UTF-8 if the peer keeps the rule.
        message: &'a [u8],
    },
    /// The user is authenticated.
    Authenticated {
        /// The peer; its `user` is set.
        peer: PeerInfo<'a>,
        /// By what.
        how: How,
    },
    /// Server: a request was refused.
    AuthenticationFailed {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The user that was asked for.
        user: &'a [u8],
        /// Method and key.
        failed: &'a Failed,
    },

    /// Client: what leads to the first server, or on to the next one, could not be made.
    ProxyFailed {
        /// Why.
        error: &'a io::Error,
    },
    /// Client: the program that led to the first server has ended before its session.
    ProxyEnded {
        /// How.
        end: ProxyEnd,
    },
    /// Client: standard output takes no more.
    StdioFailed {
        /// Why.
        error: &'a io::Error,
    },

    // -- forwarding --
    /// A listening socket is open.
    Listening {
        /// The real address, its port chosen by the system where 0 was asked for.
        address: Place<'a>,
        /// The forward it belongs to, by its place in the configuration; `None` where SSH clients are expected.
        forward: Option<usize>,
    },
    /// A listening socket could not be opened. All sockets of that forward are closed again.
    ListenFailed {
        /// What was asked for.
        address: Place<'a>,
        /// The forward, by its place in the configuration.
        forward: usize,
        /// Why.
        error: &'a io::Error,
    },
    /// Client: the server listens as it was asked to.
    RemoteListening {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The remote forward, by its place in the configuration.
        forward: usize,
        /// The server's choice, where it had one.
        port: Option<u16>,
    },
    /// Client: the server does not listen as it was asked to, and says no more about it.
    RemoteListenFailed {
        /// The peer.
        peer: PeerInfo<'a>,
        /// As above.
        forward: usize,
    },
    /// Client: somebody connected to what the server listens on for us; its destination is
    /// connected to.
    RemoteConnection {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// As above.
        forward: usize,
        /// Who connected, as the server says.
        originator: Destination<'a>,
    },
    /// Client: the server opened a channel for something that it was not asked to listen on, or has
    /// not granted. It is refused.
    RemoteUnknown {
        /// The peer.
        peer: PeerInfo<'a>,
        /// What for.
        at: Destination<'a>,
    },
    /// Accepting is paused because accept(2) failed, mostly for want of descriptors; said at most
    /// once a second.
    AcceptPaused {
        /// The listening socket.
        address: Place<'a>,
        /// Why.
        error: &'a io::Error,
    },
    /// Server: a connection was closed as soon as it was accepted.
    Dropped {
        /// Who.
        address: SocketAddr,
        /// Our end of it.
        local: Option<SocketAddr>,
        /// How many were not authenticated yet, without this one.
        startups: u32,
        /// Why.
        why: Dropped,
    },
    /// Server: a session ended in a way that its source is penalised for.
    Penalised {
        /// From where.
        source: AddressAndBits,
        /// For what.
        offence: Offence,
        /// And so.
        charged: Charged,
    },
    /// An application connected to a forwarded port (client).
    Accepted {
        /// The peer it will be carried to.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// Who connected; `None` over a Unix socket, where nobody has an address.
        from: Option<SocketAddr>,
        /// The forward, by its place in the configuration.
        forward: usize,
    },
    /// An application said where to, and a channel is asked for (client).
    Requested {
        /// The peer it will be carried to.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// Who connected; `None` over a Unix socket, where nobody has an address.
        from: Option<SocketAddr>,
        /// The forward, by its place in the configuration.
        forward: usize,
        /// How it said so.
        version: Version,
        /// Where to.
        to: Destination<'a>,
    },
    /// A connection at the server that was to say where to is not followed (client). It is told so.
    RemoteGuestRefused {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// Who connected, as the server says.
        originator: Destination<'a>,
        /// What it spoke, as far as that was known.
        version: Option<Version>,
        /// Why.
        why: Refusal,
    },
    /// An application that was to say where to gets no connection (client). It is told so, and no
    /// channel was asked for.
    GuestRefused {
        /// Who connected; `None` over a Unix socket, where nobody has an address.
        from: Option<SocketAddr>,
        /// The forward, by its place in the configuration.
        forward: usize,
        /// What it spoke, as far as that was known.
        version: Option<Version>,
        /// Why.
        why: Refusal,
    },
    /// The other side of a channel is reached; bytes flow.
    ChannelOpened {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// Where to.
        to: Destination<'a>,
        /// Server: the address that was reached, over TCP.
        address: Option<SocketAddr>,
    },
    /// Client: the server would not open a channel. The application's connection is reset.
    OpenRefused {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// Where to.
        to: Destination<'a>,
        /// RFC 4254 §5.1, as received.
        reason_code: u32,
        /// The server's words.
        description: &'a [u8],
    },
    /// Server: the policy does not allow it to listen there for its client, which is refused.
    ListenDenied {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Where, as asked for.
        at: Destination<'a>,
        /// Why not.
        why: Denied,
    },
    /// Server: one of the sockets of what its client asked it to listen on does.
    ListenGranted {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Where, as asked for; the port is the one that is bound.
        at: Destination<'a>,
        /// Where it really is.
        address: Place<'a>,
    },
    /// Server: it may listen there, and cannot. The client is refused.
    ListenRefused {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Where, as asked for.
        at: Destination<'a>,
        /// Which socket, where it is one's fault.
        address: Option<Place<'a>>,
        /// Why.
        error: &'a io::Error,
    },
    /// Server: it listens there no longer, since its client has said so.
    ListenCancelled {
        /// The peer.
        peer: PeerInfo<'a>,
        /// As it was asked for.
        at: Destination<'a>,
    },
    /// Server: a connection came to what it listens on for its client, which is offered a channel.
    ListenAccepted {
        /// The peer.
        peer: PeerInfo<'a>,
        /// The channel's slot at this side: a small number that another one has later.
        channel: u32,
        /// Where it came to, as asked for.
        at: Destination<'a>,
        /// Who connected; `None` over a Unix socket, where nobody has an address.
        from: Option<SocketAddr>,
    },
    /// Server: the policy does not allow that destination.
    OpenDenied {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Where to.
        to: Destination<'a>,
        /// Who asked, as the client says.
        originator: Destination<'a>,
        /// Why not.
        why: Denied,
    },
    /// Server: the destination was not reached, and the client is told so.
    OpenFailed {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Where to.
        to: Destination<'a>,
        /// Why.
        error: OpenError<'a>,
    },
    /// A channel that had been opened is over.
    ChannelClosed {
        /// The peer.
        peer: PeerInfo<'a>,
        /// What it was.
        channel: &'a ClosedChannel<'a>,
    },

    // -- the end --
    /// A timer, a signal or the peer ended this session.
    PeerGone {
        /// The peer.
        peer: PeerInfo<'a>,
        /// Why.
        why: Gone<'a>,
        /// Whether it had been authenticated.
        authenticated: Authenticated,
        /// Bytes of SSH received.
        received: u64,
        /// Bytes of SSH sent.
        sent: u64,
    },
    /// Something that does not stop anything but that a careful reader wants to know.
    Debug {
        /// About whom.
        peer: Option<PeerInfo<'a>>,
        /// What.
        text: &'a str,
    },
}
