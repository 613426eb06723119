//! What a session does by the clock: signs of life, new keys, delayed answers.

use core::time::Duration;

use adit_transport::Sent;

use super::{Phase, Session};
use crate::error::Error;
use crate::life::Step;

impl Session {
    /// The next time at which [`Session::handle_timeout`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let auth = match &self.phase {
            Phase::ServerAuth(server) => server.deadline(),
            Phase::Open(_) | Phase::ClientAuth(_) | Phase::ServerAwaitKeys(_) | Phase::Over => None,
        };
        [self.transport.deadline(), self.life.deadline(), auth]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due by now. Early calls do nothing.
    ///
    /// # Errors
    /// What ends the session, silence of the peer among it.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        self.transport.handle_timeout(now)?;
        if let Phase::ServerAuth(server) = &mut self.phase {
            server.handle_timeout(now)?;
        }
        match self.life.timeout(now) {
            Step::Wait => Ok(()),
            Step::Dead => Err(Error::Silent),
            Step::Ask => {
                self.ask_for_life(now);
                Ok(())
            }
        }
    }

    /// ping@openssh.com where it is offered, keepalive@openssh.com where it is not. A PING that
    /// finds no room is dropped: bytes that wait to be sent will be answered too.
    fn ask_for_life(&mut self, now: Duration) {
        match self.transport.ping(now) {
            Sent::Yes | Sent::NotNow => {}
            Sent::NotOffered => self.channels.keepalive(),
        }
    }
}
