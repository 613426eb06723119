//! What happened, and to whom it is told: readiness, notes of other threads, timers.

use super::accept::Listening;
use super::client::tell_of;
use super::context::Owner;
use super::dial::Progress;
use super::inbox::Note;
use super::ready::Readiness;
use super::signal::Signals;
use super::state::Letter;
use super::timer::Timer;
use super::{End, Ending, Reactor, Source};
use crate::observer::Program;

impl Reactor {
    pub(super) fn note(&mut self, event: Readiness, program: &mut dyn Program) {
        let Some(source) = self.context.sources.get(event.source).copied() else {
            return; // closed earlier in this batch
        };
        match source {
            Source::Agent => self.agent_event(event, program),
            Source::Alarm => self.alarm.rang(), // the loop looks at its timers in any case
            Source::Attempt(slot) => self.dial_event(slot, event, program),
            Source::Guest(slot) => self.context.guest_event(slot, event, program),
            Source::Listener(slot) => {
                self.context.look_at(slot, Listening::note);
            }
            Source::Local { peer, channel } => {
                if let Some(found) = self.peers.get_mut(peer) {
                    found.note_local(channel, event);
                    self.schedule(peer);
                }
            }
            Source::Peer(peer) => {
                if let Some(found) = self.peers.get_mut(peer) {
                    found.note(event);
                    self.schedule(peer);
                }
            }
            Source::Signals => self.signalled(program),
            Source::Waker => self.read_notes(program),
        }
    }

    pub(super) fn signalled(&mut self, program: &mut dyn Program) {
        while let Some(signal) = self.signals.as_ref().and_then(Signals::next) {
            let end = End::Signal(signal);
            if self.ending.is_some() {
                self.ending = Some(Ending::AtOnce(end));
                return;
            }
            self.stop(end, program);
        }
    }

    pub(super) fn read_notes(&mut self, program: &mut dyn Program) {
        while let Some(note) = self.inbox.next() {
            match note {
                Note::Letter { peer, slot, letter } => {
                    if let Some(found) = self.peers.get_mut(slot)
                        && found.state.id == peer
                    {
                        found.state.letters.push_back(letter);
                        self.schedule(slot);
                    }
                }
                Note::LoopOver(how) => self.loop_over(how),
                Note::Newcomer(newcomer, burden) => self.welcome(newcomer, burden, program),
                Note::Stop if self.ending.is_none() => self.stop(End::Stopped, program),
                Note::Stop => {}
                Note::StopNow => self.ending = Some(Ending::AtOnce(End::Stopped)),
                Note::Written(written) => self.stdio_written(written, program),
            }
        }
    }

    pub(super) fn fired(&mut self, timer: Timer, program: &mut dyn Program) {
        match timer {
            Timer::Agent => self.agent_too_slow(program),
            Timer::Close => {
                if let Some(Ending::InOrder(end)) = self.ending {
                    self.ending = Some(Ending::AtOnce(end));
                }
            }
            Timer::Dial(slot) => {
                if let Some(owned) = self.context.dials.get_mut(slot) {
                    owned.dial.fired();
                    let owner = owned.owner;
                    let progress = match owner {
                        Owner::Client => self.context.advance(slot, &mut tell_of(program)),
                        Owner::Channel { .. } => self.context.advance(slot, &mut |_, _| {}),
                    };
                    self.dialled(owner, progress, program);
                }
            }
            Timer::Guest(slot) => self.context.guest_too_slow(slot, program),
            Timer::Listener(slot) => {
                self.context.look_at(slot, Listening::fired);
            }
            Timer::Peer(slot) => {
                if let Some(peer) = self.peers.get_mut(slot) {
                    peer.fired();
                    self.schedule(slot);
                }
            }
            Timer::Retry => self.connect(program),
        }
    }

    pub(super) fn dial_event(&mut self, slot: usize, event: Readiness, program: &mut dyn Program) {
        let Some(owned) = self.context.dials.get(slot) else {
            return;
        };
        let owner = owned.owner;
        let progress = match owner {
            Owner::Client => {
                let tell = &mut tell_of(program);
                self.context.dial_event(slot, event, tell)
            }
            Owner::Channel { .. } => self.context.dial_event(slot, event, &mut |_, _| {}),
        };
        self.dialled(owner, progress, program);
    }

    pub(super) fn dialled(&mut self, owner: Owner, progress: Progress, program: &mut dyn Program) {
        match owner {
            Owner::Client => self.client_dialled(progress, program),
            Owner::Channel { peer, id, channel } => match self.peers.get_mut(peer) {
                Some(found) if found.state.id == id => {
                    if !matches!(progress, Progress::Pending) {
                        let letter = Letter::Dialled(channel, progress);
                        found.state.letters.push_back(letter);
                        self.schedule(peer);
                    }
                }
                Some(_) | None => {
                    if let Progress::Connected(connected) = progress {
                        connected.give_up(&mut self.context);
                    }
                }
            },
        }
    }
}
