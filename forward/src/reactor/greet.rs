//! What becomes of an application when the server has answered its channel.

use std::io::{self, IoSlice};

use adit_connection::ChannelId;

use super::desk::Desk;
use super::forwards::Forward;
use super::hops::JointNews;
use super::local::{Ending, Local, Socket, Subject, Way};
use super::state::Role;
use super::whither::{destination, destination_of, whither};
use crate::observer::{Destination, Event as Told};
use crate::session::{Session, Span};
use crate::socks::Answer;
use crate::spill::{Spill, write_some};

impl Desk<'_> {
    /// The server reached where the channel leads to. Who said itself where that is hears of it
    /// before anything else.
    pub(super) fn confirmed(&mut self, session: &mut Session, id: ChannelId) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let greeted = match (&local.subject, &mut local.way) {
            (Subject::Guest(guest), Way::Socket(socket)) => {
                let reply = guest.1.version.answer(Answer::Connected);
                greet(socket, &mut local.spill, &reply)
            }
            _ => Ok(()),
        };
        let subject = self.state.locals.get(id).map(|local| &local.subject);
        if self.state.role == Role::Client
            && let Some(to) = subject.and_then(|subject| asked_for(&self.state.forwards, subject))
        {
            self.program.observe(&Told::ChannelOpened {
                peer: self.state.info(),
                channel: id.slot().into(),
                to,
                address: None,
            });
        }
        match greeted {
            Ok(()) => self.queue(id),
            Err(_) => self.unwritable(session, id),
        }
    }

    /// The server did not. Who said itself where to is told why; to others there is no way to say
    /// it but to reset their connection.
    pub(super) fn refused(
        &mut self,
        session: &mut Session,
        id: ChannelId,
        reason_code: u32,
        text: Span,
    ) {
        let Some(local) = self.state.locals.remove(id) else {
            return;
        };
        let description = session.bytes(text);
        if let Some(to) = asked_for(&self.state.forwards, &local.subject) {
            self.program.observe(&Told::OpenRefused {
                peer: self.state.info(),
                channel: id.slot().into(),
                to,
                reason_code,
                description,
            });
        }
        if let Subject::Joint { .. } = &local.subject {
            self.state.joint_news = Some(JointNews::Refused);
        }
        match *local {
            Local {
                subject: Subject::Guest(guest),
                way: Way::Socket(socket),
                ..
            } => {
                let (about, request) = *guest;
                let reply = request.version.answer(Answer::Failed {
                    reason_code,
                    description,
                });
                self.context.see_off(socket, about, reply, self.program);
            }
            local => local.close(Ending::Reset, self.context),
        }
        session.channels.release(id);
    }
}

/// Where a channel of ours leads to.
fn asked_for<'a>(forwards: &'a [Forward], subject: &'a Subject) -> Option<Destination<'a>> {
    match subject {
        Subject::Guest(guest) => Some(destination_of(&guest.1)),
        Subject::Direct(_) | Subject::Forwarded(_) => None,
        Subject::Forward { forward, .. } => Some(destination(forwards, *forward)),
        Subject::Joint { to, .. } => Some(whither(to)),
        Subject::Remote { at, .. } => Some(at.at()),
    }
}

/// Writes a reply. What a full socket does not take goes ahead of what the peer sends.
fn greet(socket: &mut Socket, spill: &mut Spill, reply: &[u8]) -> io::Result<()> {
    let mut left = reply;
    if socket.ready.writable {
        let taken = write_some(&mut socket.stream, &[IoSlice::new(reply)])?;
        left = reply.get(taken..).unwrap_or(&[]);
    }
    if !left.is_empty() {
        socket.ready.writable = false;
        spill.begin(left);
    }
    Ok(())
}
