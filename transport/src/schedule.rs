//! When keys are changed (RFC 4253 §9) and how long that may take.

use core::time::Duration;

use crate::error::{Error, TimedOut};
use crate::exchange::Exchange;
use crate::rekey::{ASLEEP, EXCHANGE_MAX, EXCHANGE_TERMS_MAX};
use crate::{Life, Stage, Transport};

impl Transport {
    /// When [`Transport::handle_timeout`] must be called, which may be in the past.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.life != Life::Running || self.stage != Stage::Open {
            return None;
        }
        match (self.exchange_deadline(), self.rest_deadline()) {
            (Some(exchange), Some(rest)) => Some(exchange.min(rest)),
            (exchange, rest) => exchange.or(rest),
        }
    }

    pub(crate) fn exchange_deadline(&self) -> Option<Duration> {
        if !matches!(self.exchange, Exchange::Idle) {
            return Some(self.exchange_began.saturating_add(EXCHANGE_MAX));
        }
        // Without room an exchange starts when some was flushed.
        if !self.tx.has_kex_room() {
            return None;
        }
        if self.is_rekey_wanted() {
            return Some(self.exchange_ended);
        }
        self.rekey_time()
    }

    /// The time of [`Transport::deadline`] has come.
    ///
    /// # Errors
    /// [`TimedOut::Exchange`], or what starting an exchange runs into.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        if self.life != Life::Running || self.stage != Stage::Open {
            return Ok(());
        }
        let late = self.exchange_began.saturating_add(EXCHANGE_MAX) <= now;
        let result = if late && !matches!(self.exchange, Exchange::Idle) {
            self.extend_exchange(now)
        } else {
            self.rekey_if_due(now)
        };
        if let Err(error) = result {
            self.fail(error);
        }
        self.rest_if_due(now);
        result
    }

    /// Where our KEXINIT waits behind data, or the peer's does, that data alone may take longer on a
    /// slow line than an exchange may. As long as some of it moves there is another term. Their
    /// number has a limit: nothing more is taken here meanwhile and no window is granted, but what
    /// comes in may be messages that need none. A machine that slept has another term too: it could
    /// not hear meanwhile whether its peer is there.
    fn extend_exchange(&mut self, now: Duration) -> Result<(), Error> {
        let (gone, come) = (self.tx.total(), self.rx.total());
        let is_sending = self.exchange_behind.is_some_and(|before| before != gone);
        let is_receiving =
            matches!(self.exchange, Exchange::KexInit(_)) && self.exchange_ahead != come;
        self.exchange_terms = self.exchange_terms.saturating_add(1);
        let due = self.exchange_began.saturating_add(EXCHANGE_MAX);
        let has_slept = now.saturating_sub(due) >= ASLEEP;
        let may_go_on = is_sending || is_receiving || has_slept;
        if !may_go_on || self.exchange_terms >= EXCHANGE_TERMS_MAX {
            return Err(Error::TimedOut(TimedOut::Exchange));
        }
        self.exchange_began = now;
        self.exchange_behind = self.exchange_behind.map(|_| gone);
        self.exchange_ahead = come;
        Ok(())
    }

    /// Asks for new keys, now or as soon as an exchange may start.
    ///
    /// # Errors
    /// As [`Transport::handle_timeout`].
    pub fn start_rekey(&mut self, now: Duration) -> Result<(), Error> {
        self.rekey_wanted = true;
        self.handle_timeout(now)
    }

    /// Whether a key exchange holds back whatever else is to be sent. Only the peer's part of it
    /// ends that, so the peer has to be read meanwhile, even where answers are owed that wait.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.tx.is_held()
    }

    fn is_rekey_wanted(&self) -> bool {
        self.rekey_wanted || self.tx.usage().is_due() || self.rx.usage().is_due()
    }

    fn rekey_time(&self) -> Option<Duration> {
        let time = self.config.rekey.time.filter(|time| !time.is_zero())?;
        self.exchange_ended.checked_add(time)
    }

    /// Starts an exchange when one is due and may start: not before authentication, not in another
    /// one, and only when a whole flight of ours has room, so that it can end.
    pub(crate) fn rekey_if_due(&mut self, now: Duration) -> Result<(), Error> {
        let may = self.stage == Stage::Open
            && matches!(self.exchange, Exchange::Idle)
            && self.tx.has_kex_room();
        let due = self.is_rekey_wanted() || self.rekey_time().is_some_and(|at| at <= now);
        if !(may && due) {
            return Ok(());
        }
        self.rekey_wanted = false;
        self.exchange_began = now;
        self.begin_exchange()
    }
}
