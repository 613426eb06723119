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

use super::desk::Desk;
use super::guests::{LEAVE_TIME, REQUEST_TIME};
use super::local::{Ending, Local, Queued, Seen, Subject, Way};
use super::resolve::Target;
use crate::observer::{ChannelEnd, Event as Told};
use crate::policy::{Denied, PermitOpen, Policy};
use crate::session::Session;
use crate::socks::{Answer, Greeting, Refusal, Request, Step};

/// What a connection has said so far, and what it is to be told.
#[derive(Debug)]
pub(super) struct Asking {
    greeting: Greeting,
    pub(super) request: Option<Request>,
    /// For the peer, ahead of everything else.
    reply: Vec<u8>,
    /// The channel ends behind the reply.
    over: Seen,
    until: Duration,
}

/// Those of one session that are timed: until their request is through, and when they are to leave.
#[derive(Debug, Default)]
pub(super) struct Askings(BTreeSet<(Duration, ChannelId)>);

impl Askings {
    /// When the next one has taken too long.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(super) fn forget(&mut self, asking: &Asking, id: ChannelId) {
        self.0.remove(&(asking.until, id));
    }
}

impl Asking {
    /// Whether there is something to be sent to the peer before all else.
    pub(super) fn has_reply(&self) -> bool {
        !self.reply.is_empty()
    }

    /// Whether nothing is left but to end the channel.
    pub(super) fn is_done(&self) -> bool {
        self.over == Seen::Yes && self.reply.is_empty()
    }

    /// Whether what the peer sends is to be kept.
    pub(super) fn is_kept(&self) -> bool {
        self.over == Seen::No
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
        let until = self.context.now.saturating_add(REQUEST_TIME);
        let mut local = Local::new(id, Way::Dial(usize::MAX), subject, self.context.now);
        if let Some(asking) = local.subject.asking_slot() {
            *asking = Some(Box::new(Asking {
                greeting: Greeting::default(),
                request: None,
                reply: Vec::new(),
                over: Seen::No,
                until,
            }));
        }
        self.state.locals.insert(local);
        self.state.askings.0.insert((until, id));
        session.accept(id);
    }

    /// More of what it says is in the spill.
    pub(super) fn hear(&mut self, session: &mut Session, id: ChannelId) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let mut read = 0;
        let mut ended = None;
        if let Some(asking) = local.subject.asking() {
            while asking.request.is_none() && asking.over == Seen::No && !local.spill.is_empty() {
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
        let asking = self.state.locals.get_mut(id).and_then(|local| {
            let asking = local.subject.asking()?;
            asking
                .request
                .clone()
                .map(|request| (request, asking.until))
        });
        let Some((request, until)) = asking else {
            return self.queue(id);
        };
        self.state.askings.0.remove(&(until, id));
        match permitted(&self.state.permit_remote_open, &request) {
            Ok(target) => {
                self.queue(id);
                self.set_out(session, id, target);
            }
            Err(why) => self.turn_away(session, id, why),
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
                channel: id.number(),
                originator: forwarded.originator(),
                version,
                why,
            });
        }
        self.dismiss(session, id, &reply);
    }

    /// Where it would go was reached. `Seen::No`: this is none of those.
    pub(super) fn asked_and_reached(&mut self, session: &mut Session, id: ChannelId) -> Seen {
        let Some(local) = self.state.locals.get_mut(id) else {
            return Seen::No;
        };
        let Some(asking) = local.subject.asking() else {
            return Seen::No;
        };
        if let Some(request) = &asking.request {
            asking
                .reply
                .extend(request.version.answer(Answer::Connected));
        }
        self.state.drain.push(id);
        self.queue(id);
        self.settle(session, id);
        Seen::Yes
    }

    /// Where it would go was not reached. `Seen::No`: this is none of those.
    pub(super) fn asked_in_vain(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        reason_code: u32,
        text: &str,
    ) -> Seen {
        let Some(local) = self.state.locals.get_mut(id) else {
            return Seen::No;
        };
        let Some(asking) = local.subject.asking() else {
            return Seen::No;
        };
        let reply = asking.request.as_ref().map(|request| {
            request.version.answer(Answer::Failed {
                reason_code,
                description: text.as_bytes(),
            })
        });
        local.way = Way::Dial(usize::MAX);
        self.dismiss(session, id, &reply.unwrap_or_default());
        Seen::Yes
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
            asking.over = Seen::Yes;
            self.state.askings.0.remove(&(asking.until, id));
            asking.until = until;
            self.state.askings.0.insert((until, id));
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
        while let Some((until, id)) = self.state.askings.0.first().copied()
            && until <= self.context.now
        {
            self.state.askings.0.remove(&(until, id));
            let local = self.state.locals.get_mut(id);
            let over = local.and_then(|l| l.subject.asking()).map(|a| a.over);
            match over {
                Some(Seen::No) => self.turn_away(session, id, Refusal::TooSlow),
                Some(Seen::Yes) => self.fail(session, id),
                None => {}
            }
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
