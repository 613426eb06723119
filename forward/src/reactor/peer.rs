//! One SSH connection on the loop, and its turn: flush, one fill of the receive buffer, control
//! messages, one packet for each channel that has data, flush. Nothing runs until it is dry, so
//! that peers and channels are served alike.

use core::time::Duration;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;

use adit_auth::Decision;
use adit_crypto::Unspecified;
use mio::net::TcpStream;
use nix::sys::socket::{setsockopt, sockopt};

use super::config::KeepAlive;
use super::context::Context;
use super::desk::Desk;
use super::inbox::Note;
use super::local::{Ending, Queued, Seen, Way};
use super::ready::Ready;
use super::state::{Answering, Cause, ForAgent, Letter, Signer, State};
use super::timer::{Armed, Timer};
use crate::error::Error;
use crate::observer::{Answer, Authenticated, ChannelEnd, KeyQuestion, Program};
use crate::relay::{self, Locals as _, Pull};
use crate::session::{Need, Session};
use crate::spill::retry;

/// Sealed bytes from which on a turn seals no more before it has sent some. Measured: less costs
/// writes, more makes what is typed wait behind what is copied.
const FLUSH_MARK: usize = 256 * 1024;
/// Channels looked at in one turn, so that ten thousand with little each delay nobody else.
const VISITS_MAX: usize = 4096;
/// What is read and dropped at the end of a connection, so that closing it does not reset it while
/// our last words are on their way.
const LINGER_MAX: usize = 256 * 1024;

/// How long an ended session's last words may wait for a full socket.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

/// What every connection between SSH peers is set to.
pub(super) fn tune(stream: &TcpStream, alive: Option<KeepAlive>) {
    // At once: otherwise the kernel holds back the second small packet (RFC 896).
    let _ = stream.set_nodelay(true);
    let _ = setsockopt(stream, sockopt::KeepAlive, &true);
    if let Some(KeepAlive { interval, count }) = alive {
        // Bytes without an acknowledgement for so long: the path is gone (RFC 5482).
        let window = interval.saturating_mul(count).as_millis();
        if let Ok(window) = u32::try_from(window) {
            let _ = setsockopt(stream, sockopt::TcpUserTimeout, &window);
        }
    }
}

/// One SSH connection.
pub(super) struct Peer {
    stream: TcpStream,
    source: usize,
    ready: Ready,
    pub(super) session: Session,
    pub(super) state: State,
    armed: Armed,
    /// It has ended, and has this long to send its last words.
    closing: Option<Duration>,
    /// In the loop's run queue.
    pub(super) queued: Queued,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// Whether a session can go on without a new event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    Runnable,
    Wait,
}

/// What one round over the channels came to.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Round {
    Done,
    NoRoom,
}

impl Peer {
    pub(super) fn new(
        stream: TcpStream,
        source: usize,
        ready: Ready,
        session: Session,
        state: State,
    ) -> Self {
        Self {
            stream,
            source,
            ready,
            session,
            state,
            armed: Armed::default(),
            closing: None,
            queued: Queued::No,
            received: 0,
            sent: 0,
        }
    }

    /// What an event says of its socket.
    pub(super) fn note(&mut self, event: &mio::event::Event) {
        self.ready.note(event);
    }

    /// What an event says of a channel's socket.
    pub(super) fn note_local(&mut self, id: adit_connection::ChannelId, event: &mio::event::Event) {
        let Some(local) = self.state.locals.get_mut(id) else {
            return;
        };
        let spilled = !local.spill.is_empty();
        let Some(socket) = local.socket() else { return };
        socket.ready.note(event);
        if socket.ready.writable && spilled {
            self.state.drain.push(id);
        }
        let look = socket.ready.readable || socket.ready.failed;
        if look && local.queued == Queued::No {
            local.queued = Queued::Yes;
            self.state.run.push_back(id);
        }
    }

    /// One fair share of work.
    pub(super) fn turn(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<Next, Cause> {
        self.timeouts(context, program)?;
        self.read_letters(context, program)?;
        self.flush()?; // frees room first
        self.drain(context, program);
        self.receive(context, program)?;
        self.answer(context, program)?;
        self.send_due(context, program)?;
        let round = self.pull_round(context, program)?;
        self.send_due(context, program)?;
        self.flush()?;
        self.arm(context);
        Ok(self.next(round))
    }

    /// A peer that is held, or whose socket is full while there is no room, waits for its event,
    /// or the loop would spin.
    fn next(&mut self, round: Round) -> Next {
        let held = self.session.transport.tx().is_held();
        let pending = self.pending();
        let can_read = self.ready.readable && self.session.recv_space().is_some();
        let can_pull = !self.state.run.is_empty()
            && !held
            && (self.ready.writable || (round == Round::Done && pending < FLUSH_MARK));
        let can_send = self.ready.writable && (pending > 0 || (!held && self.session.has_due()));
        if can_read || can_pull || can_send || !self.state.drain.is_empty() {
            Next::Runnable
        } else {
            Next::Wait
        }
    }

    fn pending(&self) -> usize {
        let [a, b] = self.session.send_pending();
        a.len() + b.len()
    }

    fn flush(&mut self) -> Result<(), Cause> {
        if self.ready.writable {
            let before = self.pending();
            let flushed = relay::flush(&mut self.session, &mut self.stream);
            self.ready.writable = flushed.map_err(Cause::Socket)?;
            self.sent = self.sent.saturating_add((before - self.pending()) as u64);
        }
        Ok(())
    }

    /// Gives local sockets more of what they did not take.
    fn drain(&mut self, context: &mut Context, program: &mut dyn Program) {
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
                    self.session.delivered(id, n);
                    desk.took(id, n);
                    if more {
                        desk.state.drain.push(id);
                    }
                    desk.settle(&mut self.session, id);
                }
                Err(_) => desk.fail(&mut self.session, id),
            }
        }
    }

    /// One fill of the receive buffer, and all that is complete in it.
    fn receive(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        let now = context.now;
        if self.ready.readable
            && let Some(space) = self.session.recv_space()
        {
            let room = space.len();
            match retry(|| self.stream.read(space)) {
                Ok(0) => return Err(Cause::Closed),
                Ok(n) => {
                    self.received = self.received.saturating_add(n as u64);
                    self.session.recv_filled(n, now);
                    if n < room {
                        self.ready.read_short();
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.ready.read_blocked(),
                Err(e) => return Err(Cause::Socket(e)),
            }
        }
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        let pushed = relay::push(&mut self.session, now, &mut desk);
        desk.tell_ident(&self.session);
        self.checked(pushed)
    }

    /// Turns what the layers say into the end of the session, the peer's own words first.
    fn checked(&mut self, result: Result<(), Error>) -> Result<(), Cause> {
        if let Some(cause) = self.state.cause.take() {
            return Err(cause);
        }
        result.map_err(Cause::Failed)
    }

    /// Gives authentication what it lacks, or asks for it where that may wait.
    fn answer(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        while self.state.asked == Answering::Nobody {
            match self.session.need() {
                Need::Nothing => break,
                Need::Authorize {
                    user,
                    algorithm,
                    key_blob,
                } => {
                    let answer = program.authorize(&KeyQuestion {
                        peer: self.state.info(),
                        user,
                        algorithm,
                        key_blob,
                    });
                    self.state.asked = Answering::Somebody;
                    let decision = match answer {
                        Answer::Now(decision) => decision,
                        Answer::Later(work) => {
                            let (peer, slot) = (self.state.id, self.state.slot);
                            let notes = context.notes.clone();
                            let submitted = context.files.submit(move || {
                                let letter = Letter::Authorized(work());
                                notes.send(Note::Letter { peer, slot, letter });
                            });
                            match submitted {
                                Ok(()) => return Ok(()),
                                Err(_full) => Decision::Refused,
                            }
                        }
                    };
                    self.authorized(decision, context, program)?;
                }
                Need::Sign {
                    key,
                    algorithm,
                    message,
                } => {
                    let index = usize::try_from(key.0).unwrap_or(usize::MAX);
                    let signature = match self.state.keys.get(index).map(|k| &k.signer) {
                        Some(Signer::Loaded(signer)) => signer.sign(algorithm, message),
                        Some(Signer::Agent) => {
                            let message = message.to_vec();
                            self.state.for_agent = Some(ForAgent {
                                key,
                                algorithm,
                                message,
                            });
                            self.state.asked = Answering::Somebody;
                            return Ok(());
                        }
                        None => Err(Unspecified),
                    };
                    let _ = self.session.signed(key, signature);
                }
            }
        }
        Ok(())
    }

    /// What was found out elsewhere since the last turn.
    fn read_letters(
        &mut self,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<(), Cause> {
        for letter in core::mem::take(&mut self.state.letters) {
            let mut desk = Desk {
                state: &mut self.state,
                context,
                program,
            };
            match letter {
                Letter::Authorized(decision) => self.authorized(decision, context, program)?,
                Letter::Dialled(id, progress) => desk.dialled(&mut self.session, id, progress),
                Letter::HostKey(verdict) => desk.host_key_answered(&mut self.session, verdict),
                Letter::Resolved(id, resolved) => desk.resolved(&mut self.session, id, resolved),
                Letter::Signed(key, signature) => {
                    self.state.asked = Answering::Nobody;
                    let _ = self.session.signed(key, signature);
                }
            }
        }
        self.checked(Ok(()))
    }

    /// The answer to whether a key may log in.
    fn authorized(
        &mut self,
        decision: Decision,
        context: &mut Context,
        program: &mut dyn Program,
    ) -> Result<(), Cause> {
        self.state.asked = Answering::Nobody;
        let event = self.session.authorize(decision, context.now)?;
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        let told = event.map_or(Ok(()), |event| desk.event(&mut self.session, event));
        self.checked(told)
    }

    fn send_due(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        while let Some(event) = self.session.send_due(context.now)? {
            let mut desk = Desk {
                state: &mut self.state,
                context,
                program,
            };
            let told = desk.event(&mut self.session, event);
            self.checked(told)?;
        }
        Ok(())
    }

    /// One packet for each channel that has data, round and round up to the flush mark.
    fn pull_round(
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
            let Some(local) = self.state.locals.get_mut(id) else {
                continue;
            };
            local.queued = Queued::No;
            let ended = local.local_eof == Seen::Yes;
            let Way::Socket(socket) = &mut local.way else {
                continue;
            };
            let failed = socket.ready.failed;
            let pulled = if ended {
                Pull::NoWindow
            } else if socket.ready.readable {
                relay::pull(&mut self.session, id, &mut socket.stream)?
            } else {
                continue;
            };
            match pulled {
                Pull::Moved { n, filled } => {
                    local.sent = local.sent.saturating_add(n as u64);
                    if !filled {
                        socket.ready.read_short();
                    }
                    if socket.ready.readable {
                        local.queued = Queued::Yes;
                        self.state.run.push_back(id);
                    }
                    continue;
                }
                Pull::NoRoom => {
                    local.queued = Queued::Yes;
                    self.state.run.push_front(id);
                    return Ok(Round::NoRoom);
                }
                Pull::NotReady => {
                    socket.ready.read_blocked();
                    continue;
                }
                // Parked until its window opens, unless its socket is broken: nobody would come
                // back for it.
                Pull::NoWindow if !failed => continue,
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
        }
        Ok(Round::Done)
    }

    fn timeouts(&mut self, context: &mut Context, program: &mut dyn Program) -> Result<(), Cause> {
        let now = context.now;
        if self.state.login_deadline.is_some_and(|at| now >= at) {
            return Err(Cause::TooSlow);
        }
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        desk.expire_look_ups(&mut self.session);
        if self.session.deadline().is_some_and(|at| now >= at) {
            self.session.handle_timeout(now)?;
        }
        Ok(())
    }

    fn arm(&mut self, context: &mut Context) {
        let due = [
            self.session.deadline(),
            self.state.login_deadline,
            self.state.look_ups.deadline(),
        ];
        let due = due.into_iter().flatten().min();
        context
            .timers
            .arm(Timer::Peer(self.state.slot), &mut self.armed, due);
    }

    /// Its timer fired; a turn follows.
    pub(super) fn fired(&mut self) {
        self.armed.fired();
    }

    /// Seals the last words, if the peer is to hear any, and ends every local socket with RST.
    pub(super) fn end(&mut self, cause: &Cause, context: &mut Context, program: &mut dyn Program) {
        if let Cause::Failed(error) = cause {
            self.session.fail(*error);
        } else if let Some((reason, text)) = cause.last_words() {
            self.session.disconnect(reason, text);
        }
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        for local in desk.state.locals.take_all() {
            if matches!(local.way, Way::Socket(_)) {
                desk.tell_closed(&local, ChannelEnd::SessionEnded);
            }
            local.close(Ending::Reset, desk.context);
        }
        context
            .timers
            .disarm(Timer::Peer(self.state.slot), &mut self.armed);
    }

    /// After [`Peer::end`]: sends what is left. `Next::Wait` when the socket is full and there is
    /// time; `Next::Runnable` when nothing more is to be done.
    pub(super) fn last_flush(&mut self, context: &mut Context) -> Next {
        let until = *self
            .closing
            .get_or_insert(context.now.saturating_add(LAST_WORDS_TIME));
        let timer = Timer::Peer(self.state.slot);
        if self.flush().is_ok() && self.pending() > 0 && context.now < until {
            context.timers.arm(timer, &mut self.armed, Some(until));
            return Next::Wait;
        }
        context.timers.disarm(timer, &mut self.armed);
        // A close with unread bytes resets the connection, and the peer may lose our last words.
        let _ = self.stream.shutdown(Shutdown::Write);
        let mut scratch = [0; 16 * 1024];
        for _ in 0..LINGER_MAX / scratch.len() {
            match self.stream.read(&mut scratch) {
                Ok(n) if n > 0 => {}
                Ok(_) | Err(_) => break,
            }
        }
        Next::Runnable
    }

    /// It has ended, and only its last words wait.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether its user is authenticated.
    pub(super) fn authenticated(&self) -> Authenticated {
        match self.state.user {
            Some(_) => Authenticated::Yes,
            None => Authenticated::No,
        }
    }

    /// Whether a channel is over since this was last asked.
    pub(super) fn take_freed(&mut self) -> Seen {
        core::mem::replace(&mut self.state.freed, Seen::No)
    }

    /// Whether authentication succeeded since this was last asked.
    pub(super) fn take_authenticated(&mut self) -> Seen {
        core::mem::replace(&mut self.state.news, Seen::No)
    }

    /// Its socket's place among the sources.
    pub(super) fn source(&self) -> usize {
        self.source
    }
}
