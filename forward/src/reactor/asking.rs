//! Connections at the server whose destination they choose themselves (`-R` with a port alone): the
//! request comes in over the channel, and what it names is connected to from here.
//!
//! The channel is open from the beginning, so what comes behind the request waits in its spill, and
//! replies go to the peer ahead of what the destination sends.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io::{self, Read};

use adit_auth::Permissions;
use adit_connection::ChannelId;

use super::asked::TOO_MANY;
use super::desk::Desk;
use super::guests::{LEAVE_TIME, REQUEST_TIME};
use super::local::{Ending, Local, Queued, Subject, Way};
use super::resolve::Target;
use crate::observer::{ChannelEnd, Event as Told, OpenError};
use crate::policy::{Denied, PermitOpen, Policy};
use crate::session::Session;
use crate::socks::{Answer, Greeting, Refusal, Request, Step};

/// Connections of one session whose request is not through: as many as a port of `-D` has of them.
/// One more, and the one whose time is over first goes. They are apart from those that are on their
/// way, so that whoever says nothing on one port is in nobody's way on another.
pub(super) const ASKING_MAX: usize = 256;

/// What a connection has said so far, and what it is to be told.
#[derive(Debug)]
pub(super) struct Asking {
    greeting: Greeting,
    pub(super) request: Option<Request>,
    /// For the peer, ahead of everything else.
    reply: Vec<u8>,
    stage: Stage,
    until: Duration,
}

/// How far one is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// What it says counts.
    Heard,
    /// The channel ends behind the reply.
    Leaving,
}

/// Whether a channel is one of those that say themselves where to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asks {
    No,
    Yes,
}

/// Those of one session that are timed, first whose time is over first.
#[derive(Debug, Default)]
pub(super) struct Askings {
    /// Until the request is through; at most [`ASKING_MAX`].
    asking: BTreeSet<(Duration, ChannelId)>,
    /// Until the reply has gone that says why there is no connection; as many.
    leaving: BTreeSet<(Duration, ChannelId)>,
}

impl Askings {
    /// When the next one has taken too long.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let first = [&self.asking, &self.leaving].map(|all| all.first());
        first.into_iter().flatten().map(|(at, _)| *at).min()
    }

    pub(super) fn forget(&mut self, asking: &Asking, id: ChannelId) {
        self.asking.remove(&(asking.until, id));
        self.leaving.remove(&(asking.until, id));
    }

    /// How many ask, and how many are told why not.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.asking.len(), self.leaving.len())
    }
}

/// Takes out the first one, if its time is over.
fn pop_due(all: &mut BTreeSet<(Duration, ChannelId)>, now: Duration) -> Option<ChannelId> {
    let due = all.first().is_some_and(|(until, _)| *until <= now);
    let (_, id) = due.then(|| all.pop_first())??;
    Some(id)
}

impl Asking {
    /// Whether there is something to be sent to the peer before all else.
    pub(super) fn has_reply(&self) -> bool {
        !self.reply.is_empty()
    }

    /// Whether nothing is left but to end the channel.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Leaving && self.reply.is_empty()
    }

    /// Whether what the peer sends is to be kept.
    pub(super) fn is_kept(&self) -> bool {
        self.stage == Stage::Heard
    }
}

impl Read for Asking {
    /// The reply. Not to be called when there is none: that would be the end.
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let n = self.reply.as_slice().read(space)?;
        self.reply.drain(..n);
        Ok(n)
    }
}

/// PermitRemoteOpen (ssh_config(5)), which says what such connections may lead to.
fn permitted(permits: &PermitOpen, request: &Request) -> Result<Target, Refusal> {
    let policy = Policy::new(None, Some(permits.clone()));
    match policy.direct_tcpip(&request.host, u32::from(request.port), &Permissions::ALL) {
        Ok(permitted) => Ok(Target::from(&permitted)),
        Err(Denied::BadHost) => Err(Refusal::BadHost),
        Err(_) => Err(Refusal::NotPermitted),
    }
}

impl Desk<'_> {
    /// A connection whose destination is not known yet. Its channel is opened, so that it can say.
    pub(super) fn ask(&mut self, session: &mut Session, id: ChannelId, subject: Subject) {
        self.make_room(session);
        let until = self.context.now.saturating_add(REQUEST_TIME);
        let mut local = Local::new(id, Way::Nowhere, subject, self.context.now);
        if let Some(asking) = local.subject.asking_slot() {
            *asking = Some(Box::new(Asking {
                greeting: Greeting::default(),
                request: None,
                reply: Vec::new(),
                stage: Stage::Heard,
                until,
            }));
        }
        self.state.locals.insert(local);
        self.state.askings.asking.insert((until, id));
        session.accept(id);
    }

    /// For one more that asks, at the cost of whose time is over first: it had most of it. It is
    /// told so, unless as many are being told already.
    fn make_room(&mut self, session: &mut Session) {
        while self.state.askings.asking.len() >= ASKING_MAX
            && let Some((_, first)) = self.state.askings.asking.pop_first()
        {
            self.turn_away(session, first, Refusal::Crowded);
        }
        while self.state.askings.leaving.len() > ASKING_MAX
            && let Some((_, first)) = self.state.askings.leaving.pop_first()
        {
            self.fail(session, first);
        }
    }

    /// More of what it says is in the spill.
    pub(super) fn hear(&mut self, session: &mut Session, id: ChannelId) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let mut read = 0;
        let mut ended = None;
        if let Some(asking) = local.subject.asking() {
            while asking.request.is_none() && asking.is_kept() && !local.spill.is_empty() {
                let (n, step) = asking.greeting.handle(local.spill.front());
                local.spill.forget(n);
                read += n;
                match step {
                    None => {}
                    Some(Step::Reply(reply)) => asking.reply.extend_from_slice(reply),
                    Some(Step::Asked(request)) => asking.request = Some(request),
                    Some(Step::Refused(why)) => ended = Some(why),
                }
                if ended.is_some() {
                    break;
                }
            }
        }
        session.channels.delivered(id, read, self.context.now);
        if let Some(why) = ended {
            return self.turn_away(session, id, why);
        }
        let local = self.state.locals.get_mut(id);
        let Some(asking) = local.and_then(|local| local.subject.asking()) else {
            return;
        };
        let Some(request) = &asking.request else {
            return self.queue(id);
        };
        self.state.askings.forget(asking, id);
        match permitted(&self.state.permit_remote_open, request) {
            Ok(target) => {
                self.queue(id);
                self.follow(session, id, target);
            }
            Err(why) => self.turn_away(session, id, why),
        }
    }

    /// Goes where it said, as one of those that are on their way.
    fn follow(&mut self, session: &mut Session, id: ChannelId, target: Target) {
        let Some(opening) = self.state.remote_forwards.begin() else {
            return self.not_reached(session, id, OpenError::Shortage, TOO_MANY);
        };
        if let Some(Subject::Forwarded(forwarded)) = self
            .state
            .locals
            .get_mut(id)
            .map(|local| &mut local.subject)
        {
            forwarded.begun(opening);
        }
        self.set_out(session, id, target);
    }

    /// It has ended. Without a request by now there will be none.
    pub(super) fn asks_no_more(&mut self, session: &mut Session, id: ChannelId) {
        let local = self.state.locals.get_mut(id);
        let asking = local.and_then(|local| local.subject.asking());
        if asking.is_some_and(|asking| asking.request.is_none() && asking.stage == Stage::Heard) {
            self.dismiss(session, id, &[]);
        }
    }

    /// What it said is not followed.
    fn turn_away(&mut self, session: &mut Session, id: ChannelId, why: Refusal) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let Some(asking) = local.subject.asking() else {
            return;
        };
        let reply = asking.greeting.refuse(why);
        let version = asking.greeting.version();
        if let Some(Subject::Forwarded(forwarded)) =
            self.state.locals.get(id).map(|local| &local.subject)
        {
            self.program.observe(&Told::RemoteGuestRefused {
                peer: self.state.info(),
                channel: id.slot().into(),
                originator: forwarded.originator(),
                version,
                why,
            });
        }
        self.dismiss(session, id, &reply);
    }

    /// Where it would go was reached.
    pub(super) fn asked_and_reached(&mut self, session: &mut Session, id: ChannelId) -> Asks {
        let local = self.state.locals.get_mut(id);
        let Some(asking) = local.and_then(|local| local.subject.asking()) else {
            return Asks::No;
        };
        if let Some(request) = &asking.request {
            asking
                .reply
                .extend(request.version.answer(Answer::Connected));
        }
        self.state.drain.push(id);
        self.queue(id);
        self.settle(session, id);
        Asks::Yes
    }

    /// Where it would go was not reached.
    pub(super) fn asked_in_vain(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        reason_code: u32,
        text: &str,
    ) -> Asks {
        let Some(local) = self.state.locals.get_mut(id) else {
            return Asks::No;
        };
        let Some(asking) = local.subject.asking() else {
            return Asks::No;
        };
        let reply = asking.request.as_ref().map(|request| {
            request.version.answer(Answer::Failed {
                reason_code,
                description: text.as_bytes(),
            })
        });
        local.way = Way::Nowhere;
        if let Subject::Forwarded(forwarded) = &mut local.subject {
            forwarded.is_there_or_given_up();
        }
        self.dismiss(session, id, &reply.unwrap_or_default());
        Asks::Yes
    }

    /// The channel ends behind this reply.
    fn dismiss(&mut self, session: &mut Session, id: ChannelId, reply: &[u8]) {
        let until = self.context.now.saturating_add(LEAVE_TIME);
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let given_up = local.spill.clear();
        if let Some(asking) = local.subject.asking() {
            asking.reply.extend_from_slice(reply);
            asking.stage = Stage::Leaving;
            self.state.askings.forget(asking, id);
            asking.until = until;
            self.state.askings.leaving.insert((until, id));
        }
        session.channels.delivered(id, given_up, self.context.now);
        self.queue_or_finish(session, id);
    }

    /// Behind the last byte of a reply.
    pub(super) fn queue_or_finish(&mut self, session: &mut Session, id: ChannelId) {
        let local = self.state.locals.get_mut(id);
        let Some(asking) = local.and_then(|local| local.subject.asking()) else {
            return self.queue(id);
        };
        if asking.is_done() {
            session.channels.finish_sending(id);
            self.end(session, id, ChannelEnd::Finished, Ending::Fin);
        } else {
            self.queue(id);
        }
    }

    /// Requests that took too long, and replies that nobody took.
    pub(super) fn expire_askings(&mut self, session: &mut Session) {
        let now = self.context.now;
        while let Some(id) = pop_due(&mut self.state.askings.asking, now) {
            self.turn_away(session, id, Refusal::TooSlow);
        }
        while let Some(id) = pop_due(&mut self.state.askings.leaving, now) {
            self.fail(session, id);
        }
    }

    /// In the run queue for its reply.
    pub(super) fn queue_reply(&mut self, id: ChannelId) {
        if let Some(local) = self.state.locals.get_mut(id)
            && local.queued == Queued::No
            && local.subject.asking().is_some_and(|a| a.has_reply())
        {
            local.queued = Queued::Yes;
            self.state.run.push_back(id);
        }
    }
}
