//! The client and its ssh-agent: which keys there are, and signatures with them.

use core::time::Duration;
use std::io::{self, ErrorKind};

use adit_crypto::Unspecified;
use mio::event::Event as Readiness;

use super::agent::{Agent, Said};
use super::client::AgentsKeys;
use super::state::Letter;
use super::timer::Timer;
use super::{Reactor, Side};
use crate::observer::{Event, Program};

/// An agent that has not said which keys it has by then is left out.
const AGENT_PATIENCE: Duration = Duration::from_secs(10);

impl Reactor {
    pub(super) fn ask_for_keys(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let config = client.config.as_ref();
        let Some(agent) = config.and_then(|c| c.identities.agent.as_ref()) else {
            return;
        };
        match Agent::connect(&agent.socket, &mut self.context) {
            Ok(agent) => {
                client.agent = Some(agent);
                client.keys = AgentsKeys::Awaited;
                let due = self.context.now.saturating_add(AGENT_PATIENCE);
                let timers = &mut self.context.timers;
                timers.arm(Timer::Agent, &mut client.agent_timer, Some(due));
            }
            Err(error) => program.observe(&Event::AgentFailed { error: &error }),
        }
    }

    pub(super) fn agent_event(&mut self, event: &Readiness, program: &mut dyn Program) {
        if let Side::Client(client) = &mut self.side
            && let Some(agent) = &mut client.agent
        {
            agent.note(event);
        }
        self.agent_turn(program);
    }

    pub(super) fn agent_turn(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(agent) = &mut client.agent else {
            return;
        };
        let mut heard = Vec::new();
        if let Err(error) = agent.turn(&mut |said| heard.push(said)) {
            program.observe(&Event::AgentFailed { error: &error });
            self.close_agent(&mut heard);
        }
        for said in heard {
            self.agent_said(said, program);
        }
    }

    pub(super) fn close_agent(&mut self, heard: &mut Vec<Said>) {
        if let Side::Client(client) = &mut self.side
            && let Some(agent) = client.agent.take()
        {
            self.context.sources.remove(agent.source());
            heard.extend(agent.close());
        }
    }

    pub(super) fn agent_said(&mut self, said: Said, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        match said {
            Said::Identities(keys) => {
                let timers = &mut self.context.timers;
                timers.disarm(Timer::Agent, &mut client.agent_timer);
                client.keys = AgentsKeys::Known(keys);
                self.make_session(program);
            }
            Said::Signature(key, signature) => {
                if let Some(slot) = client.peer
                    && let Some(peer) = self.peers.get_mut(slot)
                {
                    peer.state.letters.push_back(Letter::Signed(key, signature));
                    self.schedule(slot);
                }
            }
        }
    }

    pub(super) fn agent_too_slow(&mut self, program: &mut dyn Program) {
        if let Side::Client(client) = &mut self.side {
            client.agent_timer.fired();
        }
        let error = io::Error::from(ErrorKind::TimedOut);
        program.observe(&Event::AgentFailed { error: &error });
        let mut heard = Vec::new();
        self.close_agent(&mut heard);
        for said in heard {
            self.agent_said(said, program);
        }
    }

    /// Passes on what only the agent can sign.
    pub(super) fn ask_agent(&mut self, slot: usize, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        let Some(wanted) = peer.state.for_agent.take() else {
            return;
        };
        let key = usize::try_from(wanted.key.0)
            .ok()
            .and_then(|n| peer.state.keys.get(n));
        let asked = client.agent.as_mut().zip(key).and_then(|(agent, key)| {
            agent.sign(
                wanted.key,
                &key.public_blob,
                wanted.algorithm,
                &wanted.message,
            )
        });
        if asked.is_none() {
            let letter = Letter::Signed(wanted.key, Err(Unspecified));
            peer.state.letters.push_back(letter);
            self.schedule(slot);
        }
        self.agent_turn(program); // its socket is idle, so no event will come
    }
}
