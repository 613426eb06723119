//! The client and its ssh-agent: which keys there are, and signatures with them.

use core::mem;
use core::time::Duration;
use std::io::{self, ErrorKind};

use adit_auth::agent::SessionBind;
use adit_auth::{Method, OfferedKey};
use adit_crypto::Unspecified;
use adit_transport::SessionId;

use super::agent::{Agent, Said};
use super::config::{AgentKeys, Identities};
use super::keys;
use super::ready::Readiness;
use super::state::{ForAgent, Letter, Signer};
use super::timer::Timer;
use super::{Reactor, Side};
use crate::observer::{Event, KeyHolder, Program};

/// An agent that has not said which keys it has by then is left out.
pub(super) const AGENT_PATIENCE: Duration = Duration::from_secs(10);

impl Reactor {
    /// Early, so that it is connected when there is something to ask.
    pub(super) fn connect_agent(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(hop) = client.hops.get(client.slots.len()) else {
            return;
        };
        let Some(agent) = &hop.identities.agent else {
            return;
        };
        if !hop.methods.order.contains(&Method::Publickey) {
            return;
        }
        match Agent::connect(&agent.socket, &mut self.context) {
            Ok(agent) => client.agent = Some(agent),
            Err(error) => program.observe(&Event::AgentFailed { error: &error }),
        }
    }

    pub(super) fn agent_event(&mut self, event: Readiness, program: &mut dyn Program) {
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
                self.keys_known(keys, program);
            }
            Said::Signature(key, signature) => {
                if let Some(slot) = client.slots.last().copied()
                    && let Some(peer) = self.peers.get_mut(slot)
                {
                    if signature.is_err()
                        && let Some(refused) = peer.state.key(key)
                    {
                        program.observe(&Event::AgentRefused {
                            peer: peer.state.info(),
                            name: &refused.name,
                            key_blob: &refused.public_blob,
                        });
                    }
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

    /// Passes on what only the agent knows.
    pub(super) fn ask_agent(&mut self, slot: usize, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        match peer.state.for_agent.take() {
            None => return,
            Some(ForAgent::Keys) => {
                let Some(agent) = &mut client.agent else {
                    return self.keys_known(Vec::new(), program);
                };
                let transport = peer.session.transport();
                let session_id = transport.session_id();
                agent.ask_for_keys(&SessionBind {
                    host_key: transport.initial_host_key(),
                    session_id: session_id.map(SessionId::as_bytes).unwrap_or_default(),
                    signature: transport.initial_signature(),
                });
                let due = self.context.now.saturating_add(client.agent_patience);
                let timers = &mut self.context.timers;
                timers.arm(Timer::Agent, &mut client.agent_timer, Some(due));
                wait(program, "asking ssh-agent for its keys");
            }
            Some(ForAgent::Signature {
                key,
                algorithm,
                message,
            }) => {
                let found = client.agent.as_mut().zip(peer.state.key(key));
                let asked = found.and_then(|(agent, found)| {
                    agent.sign(key, &found.public_blob, algorithm, &message)
                });
                if asked.is_some() {
                    wait(program, "asking ssh-agent for a signature");
                } else {
                    let letter = Letter::Signed(key, Err(Unspecified));
                    peer.state.letters.push_back(letter);
                    self.schedule(slot);
                }
            }
        }
        self.agent_turn(program); // its socket is idle, so no event will come
    }

    /// All that can be known of keys is known: the session gets those it may offer.
    fn keys_known(&mut self, of_agent: Vec<(OfferedKey, String)>, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let Some(slot) = client.slots.last().copied() else {
            return;
        };
        let (Some(peer), Some(hop)) = (self.peers.get_mut(slot), client.hop()) else {
            return;
        };
        let Identities { files, agent } = mem::take(&mut hop.identities);
        let allowed = agent.map_or(AgentKeys::All, |agent| agent.keys);
        let (offers, keys) = keys::order(of_agent, allowed, files);
        for key in &keys {
            program.observe(&Event::KeyFound {
                peer: peer.state.info(),
                name: &key.name,
                key_blob: &key.public_blob,
                holder: match key.signer {
                    Signer::Agent => KeyHolder::Agent,
                    Signer::Loaded(_) | Signer::Locked | Signer::Nobody => KeyHolder::File,
                },
            });
        }
        peer.state.letters.push_back(Letter::Keys(offers, keys));
        self.schedule(slot);
    }
}

/// Says what everything waits for now, so that a person who sees nothing happen knows.
fn wait(program: &mut dyn Program, text: &str) {
    program.observe(&Event::Debug { peer: None, text });
}
