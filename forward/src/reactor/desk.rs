//! What a session's events lead to: the place where one session, its local sockets, the loop's
//! shared state and the program meet. Everything here happens within one turn.

use adit_auth::{Failed, KeyId};
use adit_connection::{AskedKind, ChannelId};

use super::context::Context;
use super::hops::{Joint, JointNews};
use super::local::{Ending, Local, Needs, Queued, Seen, Subject, Way};
use super::state::{Answering, Cause, State};
use super::stream::Stream;
use crate::error::Error;
use crate::observer::{ChannelEnd, Event as Told, Program};
use crate::relay::{self, Outlet};
use crate::session::{Event, Session, Span};
use crate::spill::Spill;

/// What is done for channels before what came of it is sent: each write, connection or end is some
/// twenty microseconds, and the peer waits for all of them. Measured: a tenth more connections in a
/// second, of 64 at once. More than a fill of the receive buffer has of the largest packets.
pub(super) const CALLS_MAX: usize = 10;

/// See the module.
pub(super) struct Desk<'a> {
    pub(super) state: &'a mut State,
    pub(super) context: &'a mut Context,
    pub(super) program: &'a mut dyn Program,
}

impl Desk<'_> {
    /// Puts a channel in the run queue if its socket may have something to read.
    pub(super) fn queue(&mut self, id: ChannelId) {
        self.queue_reply(id);
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let done = local.local_eof == Seen::Yes || local.queued == Queued::Yes;
        if !done && local.socket().is_some_and(|socket| socket.ready.readable) {
            local.queued = Queued::Yes;
            self.state.run.push_back(id);
        }
    }

    /// After something ended: passes it on, and lets go of the channel when nothing is left to do.
    pub(super) fn settle(&mut self, session: &mut Session, id: ChannelId) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let ended = local.peer_eof == Seen::Yes || local.peer_close == Seen::No;
        if !ended && always_says_eof(session) {
            // At once, with what the socket has not taken: an application that does not read would
            // write for ever to one that is gone. A reset takes such bytes on TCP, too.
            self.end(session, id, ChannelEnd::PeerClosed, Ending::Reset);
        } else if local.settle() == Needs::Nothing {
            if local.awaits_close() == Seen::Yes {
                return session.channels.close(id);
            }
            let why = local.end();
            let ending = match local.deaf {
                Seen::No => Ending::Fin,
                Seen::Yes => Ending::Reset,
            };
            self.end(session, id, why, ending);
        }
    }

    /// The local socket did not take what it was given. What arrived from it before is for the
    /// peer all the same: a server that refuses a long question says so, and closes.
    pub(super) fn unwritable(&mut self, session: &mut Session, id: ChannelId) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        // Behind the peer's CLOSE nothing is sent, and nothing would come back for it.
        let is_over = local.local_eof == Seen::Yes || local.peer_close == Seen::Yes;
        local.deaf = Seen::Yes;
        match local.socket() {
            // Whatever there is, and then how it ends: no event may be left to say so.
            Some(socket) if !is_over => socket.ready.readable = true,
            Some(_) | None => return self.fail(session, id),
        }
        let given_up = local.spill.clear();
        session.channels.delivered(id, given_up, self.context.now);
        self.queue(id);
    }

    /// The local socket failed: CLOSE without EOF, and nothing more is written to it.
    pub(super) fn fail(&mut self, session: &mut Session, id: ChannelId) {
        session.channels.close(id);
        self.end(session, id, ChannelEnd::LocalReset, Ending::Reset);
    }

    pub(super) fn end(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        why: ChannelEnd,
        ending: Ending,
    ) {
        let Some(mut local) = self.state.locals.remove(id) else {
            return;
        };
        if let Some(asking) = local.subject.asking() {
            self.state.askings.forget(asking, id);
        }
        if let Way::LookUp(look_up) = &local.way {
            self.state.look_ups.forget(look_up, id);
        }
        // What it never took is given up; the peer may send as much again, to others.
        let given_up = local.spill.clear();
        session.channels.delivered(id, given_up, self.context.now);
        session.channels.release(id);
        self.tell_closed(&local, why);
        if let Subject::Joint {
            joint: Joint::Stdio,
            ..
        } = local.subject
        {
            self.state.joint_news = Some(JointNews::Over(ending));
        }
        local.close(ending, self.context);
    }

    /// One line for a log.
    pub(super) fn tell_closed(&mut self, local: &Local, why: ChannelEnd) {
        let mut from = String::new();
        let channel = local.told(&self.state.forwards, &mut from, why, self.context.now);
        self.program.observe(&Told::ChannelClosed {
            peer: self.state.info(),
            channel: &channel,
        });
    }

    fn established(&mut self, session: &Session) {
        self.tell_ident(session);
        if let Some(negotiated) = session.transport().negotiated() {
            self.program.observe(&Told::Negotiated {
                peer: self.state.info(),
                negotiated: *negotiated,
            });
        }
        self.state.established();
    }

    /// Tells of the peer's identification, once.
    pub(super) fn tell_ident(&mut self, session: &Session) {
        if self.state.ident_told == Seen::No
            && let Some(ident) = session.transport().peer_ident()
        {
            self.state.ident_told = Seen::Yes;
            self.program.observe(&Told::IdentReceived {
                peer: self.state.info(),
                ident: ident.as_bytes(),
            });
        }
    }

    fn authenticated(&mut self, session: &Session) {
        let Some(user) = session.user() else { return };
        self.state.authenticated(user.user());
        self.program.observe(&Told::Authenticated {
            peer: self.state.info(),
            how: *user.how(),
        });
    }
}

/// What some events lead to.
impl Desk<'_> {
    fn authentication_failed(&mut self, session: &Session, failed: &Failed) {
        self.state.asked = Answering::Nobody;
        self.state.tried = Seen::Yes;
        self.program.observe(&Told::AuthenticationFailed {
            peer: self.state.info(),
            user: session.claimed_user().unwrap_or_default(),
            failed,
        });
    }

    fn banner(&mut self, session: &Session, message: Span) {
        self.program.observe(&Told::Banner {
            peer: self.state.info(),
            message: session.bytes(message),
        });
    }

    fn debug(&mut self, session: &Session, message: Span) {
        let text = String::from_utf8_lossy(session.bytes(message));
        self.program.observe(&Told::Debug {
            peer: Some(self.state.info()),
            text: &text,
        });
    }

    fn key_offered(&mut self, id: KeyId) {
        self.state.keys_tried = self.state.keys_tried.saturating_add(1);
        if let Some(key) = self.state.key(id) {
            self.program.observe(&Told::OfferingKey {
                peer: self.state.info(),
                name: &key.name,
                key_blob: &key.public_blob,
            });
        }
    }

    fn peer_closed(&mut self, session: &mut Session, id: ChannelId) {
        if let Some(local) = self.state.locals.get_mut(id) {
            local.peer_close = Seen::Yes;
        }
        self.settle(session, id);
    }

    fn peer_eof(&mut self, session: &mut Session, id: ChannelId) {
        if let Some(local) = self.state.locals.get_mut(id) {
            local.peer_eof = Seen::Yes;
        }
        self.asks_no_more(session, id);
        self.settle(session, id);
    }
}

/// Whether CLOSE without EOF from this peer means that its local side broke. SSH has no message for
/// a reset. adit sends EOF for an end in order and for nothing else; other programs leave it out when
/// both directions are done, and there a reset would take bytes from applications that were to end
/// well.
fn always_says_eof(session: &Session) -> bool {
    session
        .transport()
        .peer_ident()
        .is_some_and(|ident| ident.as_bytes().starts_with(b"SSH-2.0-adit_"))
}

impl relay::Locals for Desk<'_> {
    type Sink = Stream;

    fn outlet(&mut self, id: ChannelId) -> Option<Outlet<'_, Self::Sink>> {
        let local = self.state.locals.get_mut(id)?;
        match &mut local.way {
            Way::Socket(_) if local.deaf == Seen::Yes => None,
            Way::Socket(socket) => Some(Outlet {
                sink: &mut socket.stream,
                spill: &mut local.spill,
                writable: &mut socket.ready.writable,
            }),
            Way::Dial(_) | Way::LookUp(_) | Way::Nowhere => None,
        }
    }

    fn keep(&mut self, id: ChannelId) -> Option<&mut Spill> {
        let local = self.state.locals.get_mut(id)?;
        let asking = local.subject.asking()?;
        match &local.way {
            Way::Dial(_) | Way::LookUp(_) | Way::Nowhere if asking.is_kept() => {
                Some(&mut local.spill)
            }
            Way::Dial(_) | Way::LookUp(_) | Way::Nowhere | Way::Socket(_) => None,
        }
    }

    fn kept(&mut self, session: &mut Session, id: ChannelId) {
        let local = self.state.locals.get_mut(id);
        let asking = local.and_then(|local| local.subject.asking());
        if asking.is_some_and(|asking| asking.request.is_none()) {
            self.hear(session, id);
        }
    }

    fn pauses(&mut self) -> bool {
        let pauses = self.state.calls >= CALLS_MAX;
        if pauses {
            self.state.behind = Seen::Yes;
        }
        pauses
    }

    fn took(&mut self, id: ChannelId, n: usize) {
        self.state.calls += 1;
        if let Some(local) = self.state.locals.get_mut(id) {
            local.received = local.received.saturating_add(n as u64);
        }
    }

    fn failed(&mut self, session: &mut Session, id: ChannelId, _error: std::io::Error) {
        self.unwritable(session, id);
    }

    fn event(&mut self, session: &mut Session, event: Event) -> Result<(), Error> {
        if let Event::Closed(_) | Event::Eof(_) | Event::OpenAsked { .. } = event {
            self.state.calls += 1;
        }
        match event {
            Event::Alive | Event::Data { .. } => {}
            Event::Authenticated => self.authenticated(session),
            Event::AuthFailed(failed) => self.authentication_failed(session, &failed),
            Event::Banner(message) => self.banner(session, message),
            Event::Closed(id) => self.peer_closed(session, id),
            Event::Debug { message, .. } => self.debug(session, message),
            Event::Disconnected {
                reason_code,
                description,
            } => self.state.end(Cause::Disconnected {
                reason_code,
                description: session.bytes(description).to_vec(),
                keys_tried: self.state.keys_tried,
            }),
            Event::Eof(id) => self.peer_eof(session, id),
            Event::Established => self.established(session),
            Event::ForwardAsked { kind, data } => self.forward_asked(session, kind, data)?,
            Event::HostKey(offer) => self.host_key(session, offer),
            Event::KeyOffered(id) => self.key_offered(id),
            Event::OpenAsked { id, kind, data } => match kind {
                AskedKind::DirectStreamlocal => self.direct_streamlocal(session, id, data)?,
                AskedKind::DirectTcpip => self.direct_tcpip(session, id, data)?,
                AskedKind::ForwardedStreamlocal => self.forwarded_streamlocal(session, id, data)?,
                AskedKind::ForwardedTcpip => self.forwarded_tcpip(session, id, data)?,
            },
            Event::OpenConfirmed(id) => self.confirmed(session, id),
            Event::OpenRefused {
                id,
                reason_code,
                description,
            } => self.refused(session, id, reason_code, description),
            Event::PartialSuccess(method) => self.program.observe(&Told::PartialSuccess {
                peer: self.state.info(),
                method: method.name(),
            }),
            Event::PasswordExpired(message) => self.program.observe(&Told::PasswordExpired {
                peer: self.state.info(),
                message: session.bytes(message),
            }),
            Event::Refused(refused) => self.state.end(Cause::Refused(refused)),
            Event::Rekeyed => self.program.observe(&Told::Rekeyed {
                peer: self.state.info(),
            }),
            Event::RequestAnswered { id, answer } => self.request_answered(session, id, answer),
            Event::Told { name, instruction } => {
                for text in [name, instruction] {
                    if !text.is_empty() {
                        self.banner(session, text);
                    }
                }
            }
            Event::WindowOpened(id) => self.queue(id),
        }
        Ok(())
    }
}
