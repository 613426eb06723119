//! The server's host key: accepted by the program, by a person who takes their time, or because it
//! is the one that a person accepted before.
//!
//! A server gives a login a minute or two, and a person may need longer to compare a fingerprint.
//! When it has hung up by then, the answer still counts: the client connects once more, and goes on
//! without another question if the same key signs that key exchange, too.

use adit_transport::HostKeyOffer;

use super::desk::Desk;
use super::local::Seen;
use super::peer::Peer;
use super::questions::{Asker, later};
use super::state::{Cause, Letter, Role};
use super::{Reactor, Side};
use crate::observer::{Answer, Event, HostKeyQuestion, HostKeyVerdict, Program};
use crate::session::Session;

/// What is known of a server before its first key exchange is through.
#[derive(Default)]
pub(super) struct Host {
    /// A person accepted this key on a connection that ended meanwhile.
    pub(super) accepted: Option<Vec<u8>>,
    /// A person was asked about this one on this connection.
    asked: Option<Vec<u8>>,
    /// And has not answered yet.
    offer: Option<HostKeyOffer>,
    /// The server is gone.
    hung_up: Option<HungUp>,
}

struct HungUp;

impl Desk<'_> {
    pub(super) fn host_key(&mut self, session: &mut Session, offer: HostKeyOffer) {
        if let Some(accepted) = &self.state.host.accepted {
            return if *accepted == offer.blob {
                session.trust(offer.trust());
            } else {
                self.state.end(Cause::HostKeyChanged);
            };
        }
        let answer = self.program.host_key(&HostKeyQuestion {
            peer: self.state.info(),
            algorithm: offer.algorithm,
            key_blob: &offer.blob,
        });
        match answer {
            Answer::Now(HostKeyVerdict::Trust) => session.trust(offer.trust()),
            Answer::Now(HostKeyVerdict::Refuse) => self.state.end(Cause::HostKeyRefused),
            Answer::Later(work) => {
                let asker = Asker::new(self.state, self.context);
                let fault = || HostKeyVerdict::Refuse;
                match later(&self.context.people, asker, work, fault, Letter::HostKey) {
                    Ok(()) => {
                        // A person thinks as long as they like.
                        self.state.login_deadline = None;
                        self.state.host.asked = Some(offer.blob.clone());
                        self.state.host.offer = Some(offer);
                    }
                    Err(_full) => self.state.end(Cause::HostKeyRefused),
                }
            }
        }
    }

    /// The answer of a person.
    pub(super) fn host_key_answered(&mut self, session: &mut Session, verdict: HostKeyVerdict) {
        let host = &mut self.state.host;
        match (host.offer.take(), verdict) {
            (Some(_), HostKeyVerdict::Trust) if host.hung_up.is_some() => {
                self.state.end(Cause::Closed);
            }
            (Some(offer), HostKeyVerdict::Trust) => session.trust(offer.trust()),
            (Some(_), HostKeyVerdict::Refuse) => self.state.end(Cause::HostKeyRefused),
            (None, _) => {}
        }
    }
}

impl Peer {
    /// Whether a session whose server is gone is kept until a person has decided on its host key.
    pub(super) fn outlasts(&mut self, cause: &Cause) -> Seen {
        if self.state.role == Role::Client && has_left(cause) && self.state.host.offer.is_some() {
            self.state.host.hung_up = Some(HungUp);
            return Seen::Yes;
        }
        Seen::No
    }

    /// The key that a person has accepted of a server which did not wait for it.
    pub(super) fn accepted_in_vain(&mut self, cause: &Cause) -> Option<Vec<u8>> {
        let host = &mut self.state.host;
        if has_left(cause) && host.offer.is_none() {
            host.asked.take()
        } else {
            None
        }
    }
}

/// Whether the server went away by itself.
fn has_left(cause: &Cause) -> bool {
    match cause {
        Cause::Closed | Cause::Disconnected { .. } | Cause::Socket(_) => true,
        Cause::Failed(_)
        | Cause::HostKeyChanged
        | Cause::HostKeyRefused
        | Cause::Panicked
        | Cause::Refused(_)
        | Cause::Stopped
        | Cause::TooSlow => false,
    }
}

impl Reactor {
    /// Connects to the same server again. Once only: nobody is asked about the key this time.
    pub(super) fn connect_again(
        &mut self,
        hop: usize,
        accepted: Vec<u8>,
        program: &mut dyn Program,
    ) {
        let Side::Client(client) = &mut self.side else {
            return;
        };
        program.observe(&Event::Debug {
            peer: None,
            text: "The server hung up while its host key was looked at: connecting again.",
        });
        client.again(hop, accepted);
        match hop.checked_sub(1) {
            None => self.connect(program),
            Some(before) => self.go_on(before, program),
        }
    }
}
