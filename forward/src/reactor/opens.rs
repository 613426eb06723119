//! Channels that the peer asks for, on their way: looked up and connected, on both sides; and on a
//! server's whether that is allowed (RFC 4254 §7.2). What a server hands on is in
//! [`asked`](super::asked).

use core::time::Duration;
use std::collections::BTreeSet;
use std::io;

use adit_auth::{Permissions, UserAuthenticated};
use adit_connection::ChannelId;
use adit_proto::Decode;
use adit_proto::msg::{DirectStreamlocal, DirectTcpip};
use adit_proto::reason::OpenFailure;
use nix::errno::Errno;

use super::Source;
use super::asking::Asks;
use super::context::{OwnedDial, Owner};
use super::desk::Desk;
use super::dial::{Connected, Dial, Failed, Progress, Where};
use super::inbox::Note;
use super::limits::is_shortage;
use super::local::{Direct, Ending, Local, LookUp, Socket, Subject, Way};
use super::resolve::{self, Resolved, Target, Wanted};
use super::state::Letter;
use crate::error::Error;
use crate::observer::{Event as Told, OpenError, OpenQuestion};
use crate::session::{Session, Span};

/// From the first attempt to connect to the answer.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A session's look-ups, each with the time at which it gets an answer in any case: that is their
/// order, too.
#[derive(Default)]
pub(super) struct LookUps {
    in_flight: usize,
    /// Those that the resolver has not heard of yet.
    waiting: BTreeSet<(Duration, ChannelId)>,
    /// All that have no answer.
    deadlines: BTreeSet<(Duration, ChannelId)>,
}

impl LookUps {
    /// When the next one has taken too long.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Nobody waits for it any more: it has its answer, or its channel is over. Not left to its
    /// time: a peer that asks and closes, or that hears at once that the resolver has no room, would
    /// pile them up as fast as it asks. Nor searched for: a peer may have thousands.
    pub(super) fn forget(&mut self, look_up: &LookUp, id: ChannelId) {
        self.waiting.remove(&(look_up.until, id));
        self.deadlines.remove(&(look_up.until, id));
    }

    /// How many wait for the resolver, and for an answer.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.waiting.len(), self.deadlines.len())
    }
}

impl Desk<'_> {
    /// A client asks for a connection to a host.
    pub(super) fn direct_tcpip(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        data: Span,
    ) -> Result<(), Error> {
        let direct = Direct::tcp(&DirectTcpip::decode(session.bytes(data))?);
        self.open_if_permitted(session, id, direct);
        Ok(())
    }

    /// A client asks for a connection to a Unix socket.
    pub(super) fn direct_streamlocal(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        data: Span,
    ) -> Result<(), Error> {
        let direct = Direct::streamlocal(&DirectStreamlocal::decode(session.bytes(data))?);
        self.open_if_permitted(session, id, direct);
        Ok(())
    }

    fn open_if_permitted(&mut self, session: &mut Session, id: ChannelId, direct: Direct) {
        let verdict = self.program.may_open(&OpenQuestion {
            peer: self.state.info(),
            to: direct.to(),
            originator: direct.originator(),
            permissions: session
                .user()
                .map_or(&Permissions::NONE, UserAuthenticated::permissions),
        });
        let permitted = match verdict {
            Ok(permitted) => permitted,
            Err(why) => {
                session.refuse(id, why.reason(), why.text());
                self.program.observe(&Told::OpenDenied {
                    peer: self.state.info(),
                    to: direct.to(),
                    originator: direct.originator(),
                    why,
                });
                return;
            }
        };
        let subject = Subject::Direct(Box::new(direct));
        self.reach(session, id, subject, Target::from(&permitted));
    }

    /// Begins to connect to where a channel of the peer's goes; accepts or refuses it once it is
    /// known whether somebody is there.
    pub(super) fn reach(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        subject: Subject,
        target: Target,
    ) {
        let local = Local::new(id, Way::Nowhere, subject, self.context.now);
        self.state.locals.insert(local);
        self.set_out(session, id, target);
    }

    /// The same of one that has its place already.
    pub(super) fn set_out(&mut self, session: &mut Session, id: ChannelId, target: Target) {
        match target {
            Target::Known(address) => self.dial(session, id, Where::Addresses(&[address])),
            Target::Path(path) => self.dial(session, id, Where::Path(&path)),
            Target::Name(name, port) => {
                let wanted = Wanted::default();
                let until = self.context.now.saturating_add(resolve::TIMEOUT);
                if let Some(local) = self.state.locals.get_mut(id) {
                    local.way = Way::LookUp(Box::new(LookUp {
                        name,
                        port,
                        wanted,
                        until,
                    }));
                }
                let look_ups = &mut self.state.look_ups;
                look_ups.waiting.insert((until, id));
                look_ups.deadlines.insert((until, id));
                self.look_up_more(session);
            }
        }
    }

    /// Hands names to the resolver, as many as one session may.
    fn look_up_more(&mut self, session: &mut Session) {
        while self.state.look_ups.in_flight < resolve::PER_SESSION_MAX {
            let Some((_, channel)) = self.state.look_ups.waiting.pop_first() else {
                return;
            };
            let Some(Way::LookUp(look_up)) = self.state.locals.get(channel).map(|l| &l.way) else {
                continue; // not reached: who gives up is forgotten
            };
            let (name, port, wanted) = (look_up.name.clone(), look_up.port, look_up.wanted.clone());
            let (notes, peer, slot) = (self.context.notes.clone(), self.state.id, self.state.slot);
            let submitted = self.context.names.submit(move || {
                let resolved = resolve::look_up(&name, port, &wanted);
                let letter = Letter::Resolved(channel, resolved);
                notes.send(Note::Letter { peer, slot, letter });
            });
            match submitted {
                Ok(()) => self.state.look_ups.in_flight += 1,
                Err(_full) => {
                    let text = "too many names are being looked up";
                    self.not_reached(session, channel, OpenError::Shortage, text);
                }
            }
        }
    }

    /// A look-up ended: its thread is free, and perhaps somebody still waits for the answer.
    pub(super) fn resolved(&mut self, session: &mut Session, id: ChannelId, resolved: Resolved) {
        self.state.look_ups.in_flight = self.state.look_ups.in_flight.saturating_sub(1);
        self.look_up_more(session);
        let Some(Way::LookUp(look_up)) = self.state.locals.get(id).map(|l| &l.way) else {
            return;
        };
        self.state.look_ups.forget(look_up, id);
        match resolved {
            Ok(addresses) => self.dial(session, id, Where::Addresses(&addresses)),
            Err(words) => {
                self.not_reached(session, id, OpenError::Name(&words), name_error(&words));
            }
        }
    }

    /// Look-ups that took too long.
    pub(super) fn expire_look_ups(&mut self, session: &mut Session) {
        let deadlines = |look_ups: &LookUps| look_ups.deadlines.first().copied();
        while let Some((until, id)) = deadlines(&self.state.look_ups)
            && until <= self.context.now
        {
            self.state.look_ups.deadlines.remove(&(until, id));
            let text = "the name could not be looked up in time";
            self.not_reached(session, id, OpenError::TimedOut, text);
        }
    }

    fn dial(&mut self, session: &mut Session, id: ChannelId, to: Where<'_>) {
        let deadline = self.context.now.saturating_add(CONNECT_TIMEOUT);
        let owner = Owner::Channel {
            peer: self.state.slot,
            id: self.state.id,
            channel: id,
        };
        let dial = Dial::new(to, Some(deadline));
        let (slot, progress) = self.context.dial(OwnedDial { owner, dial }, &mut |_, _| {});
        if let Some(local) = self.state.locals.get_mut(id) {
            local.way = Way::Dial(slot);
        }
        self.dialled(session, id, progress);
    }

    /// A connection attempt got further.
    pub(super) fn dialled(&mut self, session: &mut Session, id: ChannelId, progress: Progress) {
        match progress {
            Progress::Pending => {}
            Progress::Connected(connected) => self.reached(session, id, connected),
            Progress::Failed(Failed::TooLate) => {
                let text = "connection timed out";
                self.not_reached(session, id, OpenError::TimedOut, text);
            }
            Progress::Failed(Failed::Connect(error)) if is_shortage(&error) => {
                let text = "no descriptors are left here";
                self.not_reached(session, id, OpenError::Shortage, text);
            }
            Progress::Failed(Failed::Connect(error)) => {
                self.not_reached(
                    session,
                    id,
                    OpenError::Connect(&error),
                    connect_error(&error),
                );
            }
        }
    }

    fn reached(&mut self, session: &mut Session, id: ChannelId, connected: Connected) {
        let Some(local) = self.state.locals.get_mut(id) else {
            connected.give_up(self.context);
            return;
        };
        let Connected {
            stream,
            address,
            source,
            ready,
        } = connected;
        stream.adopt(address);
        local.way = Way::Socket(Socket {
            stream,
            source,
            ready,
        });
        if let Some(entry) = self.context.sources.get_mut(source) {
            *entry = Source::Local {
                peer: self.state.slot,
                channel: id,
            };
        }
        if self.asked_and_reached(session, id) == Asks::No {
            session.accept(id);
        }
        if let Some(Subject::Forwarded(forwarded)) =
            self.state.locals.get_mut(id).map(|l| &mut l.subject)
        {
            forwarded.is_there_or_given_up();
        }
        if let Some(to) = self.state.locals.get(id).and_then(|l| l.subject.reached()) {
            self.program.observe(&Told::ChannelOpened {
                peer: self.state.info(),
                channel: id.slot().into(),
                to,
                address,
            });
        }
        self.queue(id);
    }

    /// There is no connection: says so to the peer, in its way, and lets go of the channel.
    pub(super) fn not_reached(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        error: OpenError<'_>,
        text: &'static str,
    ) {
        let Some(local) = self.state.locals.get(id) else {
            return;
        };
        if let Way::LookUp(look_up) = &local.way {
            self.state.look_ups.forget(look_up, id);
        }
        let reason = match &error {
            OpenError::Shortage => OpenFailure::ResourceShortage,
            OpenError::Connect(_) | OpenError::Name(_) | OpenError::TimedOut => {
                OpenFailure::ConnectFailed
            }
        };
        if let Some(to) = local.subject.reached() {
            self.program.observe(&Told::OpenFailed {
                peer: self.state.info(),
                to,
                error,
            });
        }
        if self.asked_in_vain(session, id, reason.code(), text) == Asks::Yes {
            return;
        }
        session.refuse(id, reason, text);
        if let Some(local) = self.state.locals.remove(id) {
            local.close(Ending::Fin, self.context);
        }
    }
}

/// The system's words, which are static: replies are kept by reference until there is room.
fn connect_error(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        // Only of a Unix socket, and for as long as was waited.
        Some(errno) if errno == Errno::EAGAIN as i32 => "nobody accepts its connections",
        Some(errno) => Errno::from_raw(errno).desc(),
        None => "connection failed",
    }
}

/// The resolver's words, where they are one of those that getaddrinfo(3) has.
fn name_error(words: &str) -> &'static str {
    [
        "Name or service not known",
        "No address associated with hostname",
        "Temporary failure in name resolution",
        "Non-recoverable failure in name resolution",
    ]
    .into_iter()
    .find(|known| *known == words)
    .unwrap_or("the name could not be looked up")
}
