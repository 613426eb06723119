//! Bytes between a session and its local sockets, each channel in its turn.

use std::io::{self, ErrorKind, Read};

use adit_connection::ChannelId;

use super::context::Context;
use super::desk::Desk;
use super::local::{Local, Queued, Seen, Way};
use super::peer::{FLUSH_MARK, Peer};
use super::state::Cause;
use super::stream::{ShortReads, Stream};
use crate::error::Error;
use crate::observer::Program;
use crate::relay::{self, Locals as _, Pull};
use crate::session::Session;

/// Channels looked at in one turn, so that ten thousand with little each delay nobody else.
const VISITS_MAX: usize = 4096;

/// What one round over the channels came to.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Round {
    Done,
    NoRoom,
}

impl Peer {
    /// Gives local sockets more of what they did not take.
    pub(super) fn drain(&mut self, context: &mut Context, program: &mut dyn Program) {
        for id in core::mem::take(&mut self.state.drain) {
            let mut desk = Desk {
                state: &mut self.state,
                context,
                program,
            };
            let Some(mut outlet) = desk.outlet(id) else {
                continue;
            };
            match outlet.drain() {
                Ok(n) => {
                    let more = *outlet.writable && !outlet.spill.is_empty();
                    self.session.delivered(id, n, desk.context.now);
                    desk.took(id, n);
                    if more {
                        desk.state.drain.push(id);
                    }
                    desk.settle(&mut self.session, id);
                }
                Err(_) => desk.unwritable(&mut self.session, id),
            }
        }
    }

    /// One packet for each channel that has data, round and round up to the flush mark.
    pub(super) fn pull_round(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<Round, Cause> {
        for _ in 0..VISITS_MAX {
            if self.pending() >= FLUSH_MARK {
                break;
            }
            let Some(id) = self.state.run.pop_front() else {
                break;
            };
            if self.visit(id, context, program)? == Round::NoRoom {
                if let Some(local) = self.state.locals.get_mut(id) {
                    local.queued = Queued::Yes;
                    self.state.run.push_front(id);
                }
                return Ok(Round::NoRoom);
            }
        }
        Ok(Round::Done)
    }

    /// One packet of one channel, which goes to the end of the row if it may have more. A channel
    /// that is left out of the row waits for its socket, its window or its end.
    fn visit(
        &mut self,
        id: ChannelId,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<Round, Cause> {
        let Some(local) = self.state.locals.get_mut(id) else {
            return Ok(Round::Done);
        };
        local.queued = Queued::No;
        if local.subject.asking().is_some_and(|a| a.has_reply()) {
            return self.visit_reply(id, context, program);
        }
        let pulled = pull(&mut self.session, local)?;
        let Way::Socket(socket) = &mut local.way else {
            return Ok(Round::Done);
        };
        match pulled {
            Pull::Moved { n, filled } => {
                local.sent = local.sent.saturating_add(n as u64);
                if !filled && socket.stream.short_reads() == ShortReads::Empty {
                    socket.ready.read_short();
                }
                if socket.ready.readable {
                    local.queued = Queued::Yes;
                    self.state.run.push_back(id);
                }
                return Ok(Round::Done);
            }
            Pull::NoRoom => return Ok(Round::NoRoom),
            Pull::NotReady => {
                socket.ready.read_blocked();
                if local.deaf == Seen::No {
                    return Ok(Round::Done);
                }
            }
            // Parked until its window opens, unless its socket is broken: nobody would come back
            // for it.
            Pull::NoWindow if !socket.ready.failed => return Ok(Round::Done),
            Pull::Ended => local.local_eof = Seen::Yes,
            Pull::NoWindow | Pull::Failed(_) => {}
        }
        let over = matches!(pulled, Pull::Ended);
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        if over {
            desk.settle(&mut self.session, id);
        } else {
            desk.fail(&mut self.session, id);
        }
        Ok(Round::Done)
    }

    /// The same of a channel that has an answer of ours to send before anything else.
    fn visit_reply(
        &mut self,
        id: ChannelId,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<Round, Cause> {
        let local = self.state.locals.get_mut(id);
        let Some(asking) = local.and_then(|local| local.subject.asking()) else {
            return Ok(Round::Done);
        };
        match relay::pull(&mut self.session, id, asking)? {
            Pull::NoRoom => return Ok(Round::NoRoom),
            Pull::Moved { .. } => {
                let mut desk = Desk {
                    state: &mut self.state,
                    context,
                    program,
                };
                desk.queue_or_finish(&mut self.session, id);
            }
            // Parked until its window opens.
            Pull::Ended | Pull::Failed(_) | Pull::NotReady | Pull::NoWindow => {}
        }
        Ok(Round::Done)
    }
}

/// One packet of what a channel's socket has, if it may have something.
fn pull(session: &mut Session, local: &mut Local) -> Result<Pull, Error> {
    let Way::Socket(socket) = &mut local.way else {
        return Ok(Pull::NotReady);
    };
    if local.local_eof == Seen::Yes {
        Ok(Pull::NoWindow)
    } else if local.deaf == Seen::Yes {
        relay::pull(session, local.channel, &mut Broken(&mut socket.stream))
    } else if socket.ready.readable {
        relay::pull(session, local.channel, &mut socket.stream)
    } else {
        Ok(Pull::NotReady)
    }
}

/// What a socket that takes nothing any more had sent before. A write has heard its error already,
/// and a read then gives 0: that is no end in order.
struct Broken<'a>(&'a mut Stream);

impl Read for Broken<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.0.read(space) {
            Ok(0) => Err(ErrorKind::ConnectionReset.into()),
            read => read,
        }
    }
}
