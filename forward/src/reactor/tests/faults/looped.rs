//! One program of a run: its loop, its clock, and what is checked after each of its turns.

use core::time::Duration;
use std::collections::BTreeSet;

use adit_auth::{Decision, KeyPolicy};
use adit_connection::ChannelId;
use adit_testkit::dice::Dice;
use adit_testkit::net::{Host, Net};

use super::super::super::Reactor;
use super::super::super::ready::Readiness;
use super::{Clock, Plan};
use crate::observer::{
    Answer, Event, HostKeyQuestion, HostKeyVerdict, KeyQuestion, ListenQuestion, OpenQuestion,
    Program,
};
use crate::policy::{AllowForwarding, Denied, GatewayPorts, Permitted, PermittedListen, Policy};

/// Turns of a loop that say that there is more to do, and do nothing.
const IDLE_MAX: u32 = 64;

pub(super) struct Answers {
    pub(super) told: Vec<String>,
}

impl Program for Answers {
    fn observe(&mut self, event: &Event<'_>) {
        if let Event::PeerGone { why, .. } = event {
            self.told.push(format!("{why:?}"));
        }
    }
    fn host_key(&mut self, _: &HostKeyQuestion<'_>) -> Answer<HostKeyVerdict> {
        Answer::Now(HostKeyVerdict::Trust)
    }
    fn authorize(&mut self, _: &KeyQuestion<'_>) -> Answer<Decision> {
        Answer::Now(Decision::Allowed(KeyPolicy::unrestricted(0, 1)))
    }
    fn may_open(&mut self, question: &OpenQuestion<'_>) -> Result<Permitted, Denied> {
        question.under(&everything())
    }
    fn may_listen(&mut self, question: &ListenQuestion<'_>) -> Result<PermittedListen, Denied> {
        question.under(&everything())
    }
}

fn everything() -> Policy {
    Policy {
        allow_streamlocal: Some(AllowForwarding::Yes),
        gateway_ports: GatewayPorts::ClientSpecified,
        ..Policy::new(Some(AllowForwarding::Yes), None)
    }
}

/// One program.
pub(super) struct Looped {
    pub(super) host: Host,
    pub(super) reactor: Reactor,
    pub(super) program: Answers,
    pub(super) now: Duration,
    pub(super) idle: u32,
    /// Channels that it ever had.
    pub(super) channels: BTreeSet<ChannelId>,
    pub(super) budget: u32,
}

impl Looped {
    pub(super) fn describe(&self) -> String {
        let mut text = format!(
            "{:?} told {:?}, due in {:?}, runs {:?}, can accept {}\n",
            self.host,
            self.program.told,
            self.until_due(),
            self.reactor.run,
            self.reactor.can_accept(),
        );
        for peer in self.reactor.peers.iter() {
            text += &format!(
                "  {} channels, {} pending, due {}, run {:?} drain {:?} {:?}\n",
                peer.session.channels().len(),
                peer.pending(),
                peer.session.has_due(),
                peer.state.run,
                peer.state.drain,
                peer.session.deadline(),
            );
        }
        text
    }

    pub(super) fn until_due(&self) -> Option<Duration> {
        self.reactor.patience(self.now)
    }

    pub(super) fn is_due(&self, net: &Net) -> bool {
        net.has_events(self.host) || self.until_due() == Some(Duration::ZERO)
    }

    /// Events, and what follows from them.
    pub(super) fn turn(&mut self, net: &Net, plan: &Plan, dice: &mut Dice) {
        let before = net.progress();
        net.run_as(self.host);
        let events = net.events(self.host);
        if events.is_empty() && self.until_due() != Some(Duration::ZERO) {
            return; // they come later
        }
        let now = self.tick(plan, dice);
        let events: Vec<Readiness> = events
            .iter()
            .map(|told| Readiness {
                source: told.token,
                readable: told.readable,
                writable: told.writable,
                read_closed: told.read_closed,
                error: told.error,
                priority: false,
            })
            .collect();
        let quiet = events.is_empty();
        if dice.one_in(plan.rekey_now) {
            self.rekey();
        }
        self.reactor
            .batch(events.into_iter(), now, &mut self.program);
        if quiet && net.progress() == before {
            self.idle += 1;
            assert!(self.idle < IDLE_MAX, "it spins: {}", self.describe());
        } else {
            self.idle = 0;
        }
        self.check_books();
    }

    /// Time passes. What this turn is told of it.
    pub(super) fn tick(&mut self, plan: &Plan, dice: &mut Dice) -> Duration {
        let little = Duration::from_micros(dice.next() % 50);
        let much = Duration::from_secs(dice.next() % 36_000);
        // Rarer than twenty times in an exchange, which is as often as one goes on.
        let seldom = dice.one_in(1500);
        match plan.clock {
            Clock::Stands => {}
            Clock::Jumps if seldom && self.is_up() => self.now += much,
            Clock::Stumbles if seldom => return self.now.saturating_sub(much),
            Clock::Steady | Clock::Jumps | Clock::Stumbles => self.now += little,
        }
        self.now
    }

    /// Whether its session is authenticated.
    pub(super) fn is_up(&self) -> bool {
        let mut peers = self.reactor.peers.iter();
        peers.any(|peer| peer.state.user.is_some())
    }

    pub(super) fn rekey(&mut self) {
        for slot in self.reactor.peers.numbers() {
            if let Some(peer) = self.reactor.peers.get_mut(slot) {
                let _ = peer.session.transport.start_rekey(self.now);
            }
            self.reactor.schedule(slot);
        }
    }

    /// What is lent and what is left is the limit.
    pub(super) fn check_books(&mut self) {
        // One that has ended has let go of its channels, of those too that it just got.
        for peer in self.reactor.peers.iter().filter(|peer| !peer.is_closing()) {
            self.channels.extend(peer.state.locals.ids());
            let channels = peer.session.channels();
            let lent: u32 = self.channels.iter().map(|id| channels.loan(*id)).sum();
            assert_eq!(lent + channels.left(), self.budget, "{:?}", self.host);
        }
    }

    pub(super) fn check_nothing_left(&mut self, net: &Net) {
        for peer in self.reactor.peers.iter() {
            assert_eq!(peer.session.channels().len(), 0, "{:?}", self.host);
            assert_eq!(peer.session.channels().left(), self.budget);
            assert_eq!(peer.state.locals.ids().count(), 0);
            assert!(!peer.session.has_due());
        }
        assert!(self.reactor.context.dials.is_empty());
        let peers = self.reactor.peers.iter().count();
        assert_eq!(net.open_sockets(self.host), peers, "{:?}", self.host);
    }
}
