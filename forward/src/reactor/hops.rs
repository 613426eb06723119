//! A client's way over several servers, and standard input and output at its end (`-W`). Both are a
//! channel whose local side is one end of a socket pair:
//!
//! ```text
//!   session 1 ─ channel ─ socket ═ socket ─ session 2 ─ channel ─ socket ═ socket ─ two threads
//! ```
//!
//! Each session has keys, a login and a sign of life of its own, and nothing in it knows of the
//! others. It begins when the one before is logged in, and none outlives another.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream as StdUnixStream;

use adit_connection::{ChannelId, OpenKind, UNKNOWN_ORIGINATOR};
use mio::net::UnixStream;

use super::context::Context;
use super::forwards::To;
use super::local::{Ending, Local, Queued, Seen, Socket, Subject, Way};
use super::peer::Peer;
use super::ready::Ready;
use super::state::Cause;
use super::stream::Stream;
use super::way::StdioForward;
use super::{End, Reactor, Side, Source, stdio};
use crate::observer::{Authenticated, Event, Program};

/// What a joint leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Joint {
    /// The next server.
    Hop,
    /// Standard input and output.
    Stdio,
}

/// What became of a joint's channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum JointNews {
    Refused,
    /// Standard input and output: both sides are done, or it broke off.
    Over(Ending),
}

/// Standard input and output.
#[derive(Debug)]
pub(super) enum Joined {
    Nothing,
    /// To be connected once the last server is logged in to.
    Wanted(StdioForward),
    /// Connected. It is through when the channel is over and everything that came is written.
    Going {
        over: Option<Ending>,
        written: Seen,
    },
}

impl Local {
    /// Whether the program would end with this channel, and the peer has not closed it. Until then
    /// the peer may hold bytes that its destination has not taken; some servers drop them when their
    /// client goes. Standard output is told of the end.
    pub(super) fn awaits_close(&mut self) -> Seen {
        let is_stdio = matches!(
            self.subject,
            Subject::Joint {
                joint: Joint::Stdio,
                ..
            }
        );
        if !is_stdio || self.deaf == Seen::Yes || self.peer_close == Seen::Yes {
            return Seen::No;
        }
        if let Some(socket) = self.socket() {
            // Fails only where the other end is gone, which is no matter any more.
            let _ = socket.stream.shutdown();
        }
        Seen::Yes
    }
}

impl Reactor {
    /// A server is logged in to: the next one, or what all of it is for.
    pub(super) fn logged_in(&mut self, slot: usize, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        // A tunnel stands for days; keys that were not needed go now.
        if let Some(hop) = client.hop() {
            hop.identities = super::Identities::default();
        }
        self.close_agent(&mut Vec::new()); // its questions are answered
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let at = client.slots.iter().position(|there| *there == slot);
        let is_last = client.slots.len() == client.hops.len();
        match at {
            Some(at) if !is_last => self.go_on(at, program),
            Some(_) | None => self.open_forwards(program),
        }
    }

    /// Has the server at that place on the way connect to the next one.
    pub(super) fn go_on(&mut self, at: usize, program: &mut dyn Program) {
        self.connect_agent(program);
        self.set_deadline();
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let slot = client.slots.get(at).copied();
        let to = client.hops.get(at).and_then(|hop| hop.leads_to.clone());
        let (Some(slot), Some(to)) = (slot, to) else {
            return self.stop(End::NotConnected, program);
        };
        match self.join(slot, Joint::Hop, to) {
            Ok(socket) => self.begin_session(UnixStream::from_std(socket), program),
            Err(error) => {
                program.observe(&Event::ProxyFailed { error: &error });
                self.stop(End::NotConnected, program);
            }
        }
    }

    /// Connects standard input and output, if that is wanted.
    pub(super) fn join_stdio(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(slot) = client.peer() else { return };
        let Joined::Wanted(_) = &client.stdio else {
            return;
        };
        let going = Joined::Going {
            over: None,
            written: Seen::No,
        };
        let Joined::Wanted(StdioForward { to, stdio }) =
            core::mem::replace(&mut client.stdio, going)
        else {
            return;
        };
        let notes = self.context.notes.clone();
        let joined = self.join(slot, Joint::Stdio, to).and_then(|socket| {
            socket.set_nonblocking(false)?;
            stdio::join(stdio, socket, notes)
        });
        if let Err(error) = joined {
            program.observe(&Event::StdioFailed { error: &error });
            self.stop(End::StdioBroken, program);
        }
    }

    /// Opens a channel whose local side is one end of a socket pair; the other end is given back.
    fn join(&mut self, slot: usize, joint: Joint, to: To) -> io::Result<StdUnixStream> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let peer = self.peers.get_mut(slot).ok_or_else(gone)?;
        let (originator, originator_port) = UNKNOWN_ORIGINATOR;
        let opened = peer.session.open(match &to {
            To::Tcp { host, port } => OpenKind::DirectTcpip {
                host: host.as_bytes(),
                port: *port,
                originator,
                originator_port,
            },
            To::Unix(path) => OpenKind::DirectStreamlocal {
                path: path.as_os_str().as_bytes(),
            },
            To::Dynamic => return Err(io::ErrorKind::InvalidInput.into()),
        });
        let channel = opened.map_err(|_| gone())?;
        let mut stream = Stream::Unix(UnixStream::from_std(ours));
        let source = Source::Local {
            peer: slot,
            channel,
        };
        let registered = self.context.register(&mut stream, source);
        let source = registered.inspect_err(|_| {
            peer.session.close(channel);
            peer.session.release(channel);
        })?;
        let way = Way::Socket(Socket {
            stream,
            source,
            ready: Ready::writable(),
        });
        let to = Box::new(to);
        let subject = Subject::Joint { joint, to };
        let local = Local::new(channel, way, subject, self.context.now);
        peer.state.locals.insert(local);
        if joint == Joint::Hop {
            peer.state.leads_on = Some(channel);
        }
        self.schedule(slot);
        Ok(theirs)
    }

    /// What became of a joint in the turn of a session.
    pub(super) fn joint_news(&mut self, news: JointNews, program: &mut dyn Program) {
        if self.ending.is_some() {
            return;
        }
        match news {
            JointNews::Refused => self.stop(End::NotOpened, program),
            JointNews::Over(ending) => {
                if let Side::Client(client) = &mut self.side
                    && let Joined::Going { over, .. } = &mut client.stdio
                {
                    over.get_or_insert(ending);
                }
                self.stdio_through(program);
            }
        }
    }

    /// Standard output has everything, or takes no more.
    pub(super) fn stdio_written(&mut self, result: io::Result<()>, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Joined::Going { written, .. } = &mut client.stdio else {
            return;
        };
        *written = Seen::Yes;
        match result {
            Ok(()) => self.stdio_through(program),
            Err(error) => {
                program.observe(&Event::StdioFailed { error: &error });
                // Whoever read it has seen enough, as `head` does: no failure of anybody's.
                let end = if error.kind() == io::ErrorKind::BrokenPipe {
                    End::StdioDone
                } else {
                    End::StdioBroken
                };
                self.stop(end, program);
            }
        }
    }

    fn stdio_through(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &self.side else {
            return;
        };
        if let Joined::Going {
            over: Some(ending),
            written: Seen::Yes,
        } = &client.stdio
        {
            let end = match ending {
                Ending::Fin => End::StdioDone,
                Ending::Reset => End::StdioBroken,
            };
            self.stop(end, program);
        }
    }

    /// Whether the session that ended had no more to do than to be ended, while standard output
    /// still has something to take: then the program ends when it has.
    pub(super) fn outlived_by_stdio(&self) -> Seen {
        match &self.side {
            Side::Client(client) => match &client.stdio {
                Joined::Going {
                    over: Some(Ending::Fin),
                    written: Seen::No,
                } => Seen::Yes,
                Joined::Going { .. } | Joined::Nothing | Joined::Wanted(_) => Seen::No,
            },
            Side::Server(_) => Seen::No,
        }
    }

    /// All sessions in the order in which they are to end: what a server at the end of a way is
    /// told last goes through the others.
    pub(super) fn last_first(&self) -> Vec<usize> {
        match &self.side {
            Side::Client(client) => {
                let last_first = client.slots.iter().rev().copied();
                let on_the_way: Vec<usize> = last_first.collect();
                let others = self.peers.numbers().into_iter();
                let others = others.filter(|slot| !on_the_way.contains(slot));
                on_the_way.iter().copied().chain(others).collect()
            }
            Side::Server(_) => self.peers.numbers(),
        }
    }

    /// The program that led to the first server is over with its session.
    pub(super) fn end_child(
        &mut self,
        cause: &Cause,
        authenticated: Authenticated,
        program: &mut dyn Program,
    ) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(mut child) = client.child.take() else {
            return;
        };
        // Who ended first? A program that was not there, or could not connect, has said so.
        if let (Cause::Closed | Cause::Socket(_), Authenticated::No) = (cause, authenticated)
            && let Some(end) = child.ended()
        {
            return program.observe(&Event::ProxyEnded { end });
        }
        child.end();
    }
}

impl Peer {
    /// Takes what the next session on the way has sent last into this one.
    pub(super) fn carry_last_words(&mut self, context: &mut Context, program: &mut dyn Program) {
        let Some(id) = self.state.leads_on else {
            return;
        };
        self.note_readable(id);
        // What fails here ends with the session anyway.
        let _ = self.pull_round(context, program);
    }

    /// The event that says so may be in the next batch only.
    fn note_readable(&mut self, id: ChannelId) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let queued = local.queued;
        let Some(socket) = local.socket() else { return };
        socket.ready.readable = true;
        if queued == Queued::No {
            local.queued = Queued::Yes;
            self.state.run.push_back(id);
        }
    }
}
