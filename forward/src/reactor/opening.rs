//! A client that is logged in opens its forwards: those that listen here, and those that the server
//! is asked for.

use std::sync::Arc;

use super::accept::For;
use super::asked::Outcome;
use super::config::OnForwardFailure;
use super::forwards::To;
use super::local::Seen;
use super::{End, Reactor, Side};
use crate::observer::{Event, Program};

impl Reactor {
    /// The user is authenticated on the last server: listen.
    pub(super) fn open_forwards(&mut self, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        let (forwards, on_failure) = (Arc::clone(&client.forwards), client.on_forward_failure);
        let how = client.stream_local_bind;
        for (n, forward) in forwards.iter().enumerate() {
            let purpose = match forward.to {
                To::Dynamic => For::Guests(n),
                To::Tcp { .. } | To::Unix(_) => For::Forward(n),
            };
            let opened = self.context.listen_for(&forward.listen, how, purpose);
            match opened {
                Ok(opened) => {
                    for (at, _) in opened {
                        program.observe(&Event::Listening {
                            address: at.place(),
                            forward: Some(n),
                        });
                    }
                }
                Err((at, error)) => {
                    program.observe(&Event::ListenFailed {
                        address: at.place(),
                        forward: n,
                        error: &error,
                    });
                    if on_failure == OnForwardFailure::End {
                        return self.stop(End::ForwardFailed, program);
                    }
                }
            }
        }
        let Side::Client(client) = &mut self.side else {
            return;
        };
        if let Some(slot) = client.peer()
            && let Some(peer) = self.peers.get_mut(slot)
        {
            let forwards = Arc::clone(&client.remote_forwards);
            peer.state.permit_remote_open = client.permit_remote_open.clone();
            peer.ask_to_listen(forwards, &mut self.context, program);
            self.schedule(slot);
            self.listened_for(slot, program);
        }
        self.join_stdio(program);
    }

    /// The server has answered what it was asked to listen on, or not yet all of it. As with ssh,
    /// a program goes to the background without the answers unless they matter to it.
    pub(super) fn listened_for(&mut self, slot: usize, program: &mut dyn Program) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        if client.peer() != Some(slot) {
            return;
        }
        let Some(peer) = self.peers.get(slot) else {
            return;
        };
        match (
            peer.state.remote_forwards.outcome(),
            client.on_forward_failure,
        ) {
            (Outcome::Granted, _) | (_, OnForwardFailure::GoOn) => {
                client.forwards_tried = Seen::Yes;
            }
            (Outcome::Open, OnForwardFailure::End) => {}
            (Outcome::Refused, OnForwardFailure::End) if self.ending.is_none() => {
                self.stop(End::ForwardFailed, program);
            }
            (Outcome::Refused, OnForwardFailure::End) => {}
        }
    }
}
