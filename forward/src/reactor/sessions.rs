//! The sessions' turns, and their end.

use core::time::Duration;
use std::panic::{self, AssertUnwindSafe};

use super::local::{Queued, Seen};
use super::peer::{Next, Peer};
use super::state::{Cause, Role};
use super::timer::Timer;
use super::{End, Ending, Reactor, Side};
use crate::observer::{Authenticated, Event, Program};

/// Sessions get this long to send their last words when the loop ends.
const CLOSE_TIME: Duration = Duration::from_secs(1);

impl Reactor {
    /// Gives a session a turn in this batch or the next.
    pub(super) fn schedule(&mut self, slot: usize) {
        if let Some(peer) = self.peers.get_mut(slot)
            && peer.queued == Queued::No
        {
            peer.queued = Queued::Yes;
            self.run.push_back(slot);
        }
    }

    pub(super) fn run_peers(&mut self, program: &mut dyn Program) {
        for _ in 0..self.run.len() {
            let Some(slot) = self.run.pop_front() else {
                break;
            };
            let Some(mut peer) = self.peers.take(slot) else {
                continue;
            };
            peer.queued = Queued::No;
            if peer.is_closing() {
                self.finish(slot, peer);
                continue;
            }
            let context = &mut self.context;
            // A fault in one session's turn ends that session alone.
            let turn = panic::catch_unwind(AssertUnwindSafe(|| peer.turn(context, program)));
            match turn.unwrap_or(Err(Cause::Panicked)) {
                Ok(next) => {
                    self.peers.put(slot, peer);
                    if next == Next::Runnable {
                        self.schedule(slot);
                    }
                    self.after_turn(slot, program);
                }
                Err(cause) if peer.outlasts(&cause) == Seen::Yes => self.peers.put(slot, peer),
                Err(cause) => match peer.accepted_in_vain(&cause) {
                    Some(accepted) => {
                        let hop = peer.state.hop;
                        peer.end(&cause, &mut self.context, program);
                        self.finish(slot, peer);
                        self.connect_again(hop, accepted, program);
                    }
                    None => self.end_peer(slot, peer, &cause, program),
                },
            }
        }
    }

    /// What a turn left to do outside its session.
    pub(super) fn after_turn(&mut self, slot: usize, program: &mut dyn Program) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let freed = peer.take_freed();
        if freed == Seen::Yes {
            self.channel_freed(slot);
        }
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let news = peer.take_authenticated();
        let joint = peer.state.joint_news.take();
        let answered = peer.state.remote_forwards.take_answered();
        match &mut self.side {
            Side::Client(_) => {
                self.ask_agent(slot, program);
                if news == Seen::Yes {
                    self.logged_in(slot, program);
                }
                if let Some(joint) = joint {
                    self.joint_news(joint, program);
                }
                if answered == Seen::Yes {
                    self.listened_for(slot, program);
                }
            }
            Side::Server(_) => {}
        }
        if freed == Seen::Yes {
            self.admit_guests(program);
        }
    }

    /// A session is over: last words, resets, and the line for the log.
    pub(super) fn end_peer(
        &mut self,
        slot: usize,
        mut peer: Box<Peer>,
        cause: &Cause,
        program: &mut dyn Program,
    ) {
        if peer.state.role == Role::Client {
            peer.carry_last_words(&mut self.context, program);
        }
        peer.end(cause, &mut self.context, program);
        let authenticated = peer.authenticated();
        let hop = peer.state.hop;
        if peer.state.role == Role::Client && hop == 0 {
            self.end_child(cause, authenticated, program);
        }
        // Its place is free before anybody hears that it is gone.
        (peer.state.startup, peer.state.burden) = (None, None);
        let mut text = String::new();
        program.observe(&Event::PeerGone {
            peer: peer.state.info(),
            why: cause.told(&peer.session, &mut text),
            authenticated,
            received: peer.received,
            sent: peer.sent,
        });
        let (address, tried) = (peer.state.address, peer.state.tried);
        self.finish(slot, peer);
        match &mut self.side {
            Side::Client(_) => {
                let end = match authenticated {
                    Authenticated::No => End::NotAuthenticated,
                    Authenticated::Yes => End::SessionEnded,
                };
                if self.ending.is_none() && self.outlived_by_stdio() == Seen::No {
                    self.stop(end, program);
                }
            }
            Side::Server(server) => {
                let Some(address) = address else { return };
                let now = self.context.now;
                server.charge(address, (cause, authenticated, tried), now, program);
            }
        }
    }

    /// Lets go of a session that has ended, once its last words are sent or nobody takes them.
    pub(super) fn finish(&mut self, slot: usize, mut peer: Box<Peer>) {
        match peer.last_flush(&mut self.context) {
            Next::Runnable => {
                self.context.sources.remove(peer.source());
                self.peers.release(slot);
            }
            Next::Wait => self.peers.put(slot, peer),
        }
    }

    /// Ends all: nothing is accepted any more, every peer is told, and it is over within a second.
    pub(super) fn stop(&mut self, end: End, program: &mut dyn Program) {
        self.ending = Some(Ending::InOrder(end));
        self.close_listeners();
        self.stop_client();
        self.stop_others();
        for slot in self.last_first() {
            if self.peers.get(slot).is_some_and(|peer| !peer.is_closing())
                && let Some(peer) = self.peers.take(slot)
            {
                self.end_peer(slot, peer, &Cause::Stopped, program);
            }
        }
        let due = self.context.now.saturating_add(CLOSE_TIME);
        let timers = &mut self.context.timers;
        timers.arm(Timer::Close, &mut self.close_timer, Some(due));
    }
}
