//! How a session ends: last words to the peer, RST to every local socket.

use core::time::Duration;
use std::io::Read;

use super::context::Context;
use super::desk::Desk;
use super::dial::Progress;
use super::local::{Ending, Way};
use super::peer::{Next, Peer};
use super::state::{Cause, Letter};
use super::timer::Timer;
use crate::observer::{ChannelEnd, Program};
use crate::retry::retry;

/// What is read and dropped at the end of a connection, so that closing it does not reset it while
/// our last words are on their way.
const LINGER_MAX: usize = 256 * 1024;
/// How long an ended session's last words may wait for a full socket.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

impl Peer {
    /// Seals the last words, if the peer is to hear any, and ends every local socket with RST.
    pub(super) fn end(&mut self, cause: &Cause, context: &mut Context, program: &mut dyn Program) {
        if let Cause::Failed(error) = cause {
            self.session.fail(*error);
        } else if let Some((reason, text)) = cause.last_words(self.state.role) {
            self.cancel_listening(context);
            self.session.disconnect(reason, text);
        }
        let mut desk = Desk {
            state: &mut self.state,
            context,
            program,
        };
        for letter in desk.state.letters.drain(..) {
            // Connected in this batch, and nobody's yet.
            if let Letter::Dialled(_, Progress::Connected(connected)) = letter {
                connected.give_up(desk.context);
            }
        }
        desk.state.remotes.close(desk.context);
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
        let _ = self.stream.shutdown();
        let mut scratch = [0; 16 * 1024];
        for _ in 0..LINGER_MAX / scratch.len() {
            match retry(|| self.stream.read(&mut scratch)) {
                Ok(n) if n > 0 => {}
                Ok(_) | Err(_) => break,
            }
        }
        Next::Runnable
    }
}
