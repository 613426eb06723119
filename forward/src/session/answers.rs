//! Authentication's questions, the answers to them, and who it is that came of it.

use core::time::Duration;

use adit_auth::{Decision, KeyId, OfferedKey, ServerNeed, Signed, UserAuthenticated};
use adit_crypto::{Secret, Unspecified};
use adit_transport::HostKeyTrusted;

use super::{Event, Need, Phase, Session};
use crate::error::Error;

impl Session {
    /// What authentication lacks.
    #[must_use]
    pub fn need(&self) -> Need<'_> {
        match &self.phase {
            Phase::ClientAuth(client) => match client.need() {
                adit_auth::Need::Keys => Need::Keys,
                adit_auth::Need::Nothing => Need::Nothing,
                adit_auth::Need::Password { attempt } => Need::Password { attempt },
                adit_auth::Need::Respond {
                    name,
                    instruction,
                    prompts,
                } => Need::Respond {
                    name,
                    instruction,
                    prompts,
                },
                adit_auth::Need::Sign {
                    key,
                    algorithm,
                    message,
                } => Need::Sign {
                    key,
                    algorithm,
                    message,
                },
            },
            Phase::ServerAuth(server) => match server.need() {
                ServerNeed::Nothing => Need::Nothing,
                ServerNeed::Authorize {
                    user,
                    algorithm,
                    key_blob,
                } => Need::Authorize {
                    user,
                    algorithm,
                    key_blob,
                },
            },
            Phase::Open(_) | Phase::ServerAwaitKeys(_) | Phase::Over => Need::Nothing,
        }
    }

    /// The answer to [`Event::HostKey`].
    pub fn trust(&mut self, key: HostKeyTrusted) {
        self.transport.trust(key);
    }

    /// The answer to [`Need::Keys`], in the order in which they are to be tried; there may be none.
    /// An answer to nothing changes nothing, here and below.
    pub fn offer_keys(&mut self, keys: Vec<OfferedKey>) {
        if let Phase::ClientAuth(client) = &mut self.phase {
            client.offer(keys);
        }
    }

    /// The answer to [`Need::Password`]; `None` when nobody answers: the method is given up.
    pub fn password(&mut self, password: Option<Secret>) {
        if let Phase::ClientAuth(client) = &mut self.phase {
            client.password(password);
        }
    }

    /// The answer to [`Need::Respond`], one for each prompt; `None` when nobody answers: the method
    /// is given up.
    pub fn respond(&mut self, responses: Option<Vec<Secret>>) {
        if let Phase::ClientAuth(client) = &mut self.phase {
            client.respond(responses);
        }
    }

    /// The answer to [`Need::Sign`]; an answer to nothing changes nothing.
    pub fn signed(&mut self, key: KeyId, signature: Result<Vec<u8>, Unspecified>) -> Signed {
        match &mut self.phase {
            Phase::ClientAuth(client) => client.signed(key, signature),
            Phase::Open(_) | Phase::ServerAuth(_) | Phase::ServerAwaitKeys(_) | Phase::Over => {
                Signed::GivenUp
            }
        }
    }

    /// The answer to [`Need::Authorize`], and perhaps a failure for the log.
    ///
    /// # Errors
    /// When it was not asked for.
    pub fn authorize(&mut self, decision: Decision, now: Duration) -> Result<Option<Event>, Error> {
        let Phase::ServerAuth(server) = &mut self.phase else {
            return Ok(None);
        };
        let event = server.authorize(decision, now)?;
        Ok(self.server_event(event, now))
    }

    /// The user, as a client's own or as a server's peer, once authenticated.
    #[must_use]
    pub const fn user(&self) -> Option<&UserAuthenticated> {
        match &self.phase {
            Phase::Open(user) => Some(user),
            Phase::ClientAuth(_)
            | Phase::ServerAuth(_)
            | Phase::ServerAwaitKeys(_)
            | Phase::Over => None,
        }
    }

    /// Server: the user name that is being asked for, from a stranger.
    #[must_use]
    pub fn claimed_user(&self) -> Option<&[u8]> {
        match &self.phase {
            Phase::ServerAuth(server) => server.user(),
            Phase::Open(user) => Some(user.user()),
            Phase::ClientAuth(_) | Phase::ServerAwaitKeys(_) | Phase::Over => None,
        }
    }
}
