//! One end of a connection, and the direction towards it.

use core::fmt;
use core::net::SocketAddr;
use std::io::ErrorKind;

use super::{Bytes, Calls, Host, Tamper, Told};

/// How far connecting is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Connecting {
    /// To this listener, or to nobody.
    Begun(Option<usize>),
    Done,
    /// Nothing that is sent there arrives.
    Lost,
}

/// When what is new is told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum News {
    Now,
    Later,
}

/// See the module.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a bit of TCP's state"
)]
pub(super) struct End {
    pub(super) host: Host,
    /// Somebody has it: it was accepted, or connected from.
    pub(super) is_taken: bool,
    pub(super) is_closed: bool,
    pub(super) connecting: Connecting,
    /// What the other end is bound to, where it said so.
    pub(super) from: Option<SocketAddr>,
    pub(super) token: Option<usize>,
    /// On their way here.
    pub(super) flying: Bytes,
    /// Here, and not read.
    pub(super) arrived: Bytes,
    room: usize,
    /// Behind what is flying.
    pub(super) is_fin_coming: bool,
    pub(super) is_fin_here: bool,
    /// It passes what is flying.
    pub(super) is_reset_coming: bool,
    /// RST came: nothing goes either way.
    pub(super) is_dead: bool,
    /// To be told once.
    pub(super) error: Option<ErrorKind>,
    /// FIN was sent from here.
    pub(super) has_finished: bool,
    /// A write took less than it was given.
    pub(super) awaits_room: bool,
    pub(super) resets_on_close: bool,
    has_news: bool,
    pub(super) tamper: Option<Tamper>,
    pub(super) is_harmed: bool,
    /// Bytes that arrived here, ever.
    count: u64,
    pub(super) calls: Calls,
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("flying", &self.flying.len())
            .field("arrived", &self.arrived.len())
            .field("fin", &(self.is_fin_coming, self.is_fin_here))
            .field("reset", &(self.is_reset_coming, self.is_dead, self.error))
            .field("has_finished", &self.has_finished)
            .field("awaits_room", &self.awaits_room)
            .field("has_news", &self.has_news)
            .finish_non_exhaustive()
    }
}

impl End {
    pub(super) fn new(host: Host, room: usize) -> Self {
        Self {
            host,
            is_taken: false,
            is_closed: false,
            connecting: Connecting::Done,
            from: None,
            token: None,
            flying: Bytes::new(),
            arrived: Bytes::new(),
            room,
            is_fin_coming: false,
            is_fin_here: false,
            is_reset_coming: false,
            is_dead: false,
            error: None,
            has_finished: false,
            awaits_room: false,
            resets_on_close: false,
            has_news: false,
            tamper: None,
            is_harmed: false,
            count: 0,
            calls: Calls::default(),
        }
    }

    /// An event is to come.
    pub(super) fn wake(&mut self) {
        self.has_news = true;
    }

    pub(super) fn has_event(&self) -> bool {
        self.has_news && self.token.is_some() && !self.is_closed
    }

    /// How much more may be sent to this end.
    pub(super) fn free(&self) -> usize {
        let used = self.flying.len() + self.arrived.len();
        self.room.saturating_sub(used)
    }

    /// Whether [`End::take_in`] would change something.
    pub(super) fn is_expecting(&self) -> bool {
        match self.connecting {
            Connecting::Begun(_) => !self.is_closed,
            Connecting::Lost => false,
            Connecting::Done => {
                !(self.is_dead || self.is_silenced())
                    && (!self.flying.is_empty() || self.is_fin_coming || self.is_reset_coming)
            }
        }
    }

    /// Nothing gets here any more. What is sent stays in the sender's buffer.
    pub(super) fn is_silenced(&self) -> bool {
        matches!(self.tamper, Some(Tamper::Silence(at)) if at <= self.count)
            && !(self.is_dead || self.is_closed)
    }

    /// The system gives it up.
    pub(super) fn time_out(&mut self) {
        self.die();
        self.error = Some(ErrorKind::TimedOut);
        self.wake();
    }

    /// The connection could not be made.
    pub(super) fn refuse(&mut self) {
        self.connecting = Connecting::Done;
        self.is_dead = true;
        self.error = Some(ErrorKind::ConnectionRefused);
        self.wake();
    }

    /// At most `n` bytes that are flying arrive, then FIN; or RST does. `true`: the other end is to
    /// get RST.
    pub(super) fn take_in(&mut self, n: usize) -> bool {
        self.wake();
        if self.is_reset_coming {
            self.die();
            return false;
        }
        for _ in 0..n {
            if self.is_silenced() {
                return false;
            }
            let Some(byte) = self.flying.pop_front() else {
                break;
            };
            let at = self.count;
            self.count += 1;
            let place = match self.tamper {
                Some(Tamper::Silence(place)) => Some(place.saturating_sub(1)),
                Some(Tamper::Flip { at, .. } | Tamper::Fin(at) | Tamper::Reset(at)) => Some(at),
                None => None,
            };
            self.is_harmed |= place == Some(at);
            match self.tamper {
                Some(Tamper::Flip { at: place, bit }) if place == at => {
                    self.arrived.push_back(byte ^ (1 << bit));
                }
                Some(Tamper::Fin(place)) if place == at => {
                    self.tamper = Some(Tamper::Silence(place));
                    self.flying.clear();
                    self.is_fin_here = true;
                    return false;
                }
                Some(Tamper::Reset(place)) if place == at => {
                    self.die();
                    return true;
                }
                Some(_) | None => self.arrived.push_back(byte),
            }
        }
        if self.flying.is_empty() && self.is_fin_coming {
            self.is_fin_coming = false;
            self.is_fin_here = true;
        }
        if self.is_closed && !self.arrived.is_empty() {
            self.arrived.clear(); // nobody reads it: RST is the answer
            return true;
        }
        false
    }

    fn die(&mut self) {
        self.flying.clear();
        self.is_reset_coming = false;
        self.is_fin_coming = false;
        self.is_dead = true;
        // Linux: EPIPE where the other side had ended in order before.
        self.error = Some(if self.is_fin_here {
            ErrorKind::BrokenPipe
        } else {
            ErrorKind::ConnectionReset
        });
    }

    /// What epoll would say, if there is something to say. `chance`: bits that are not so, at a
    /// time when nothing is.
    pub(super) fn take_event(
        &mut self,
        room_there: usize,
        news: News,
        chance: Option<u64>,
    ) -> Option<Told> {
        let token = self.token?;
        let has_news = self.has_news && news == News::Now;
        if !has_news && chance.is_none() {
            return None;
        }
        self.has_news &= news == News::Later;
        let chance = chance.unwrap_or(0);
        let is_up = self.connecting == Connecting::Done;
        Some(Told {
            token,
            readable: !self.arrived.is_empty()
                || self.is_fin_here
                || self.is_dead
                || chance & 1 != 0,
            writable: (is_up && room_there > 0) || self.is_dead || chance & 2 != 0,
            read_closed: self.is_fin_here || self.is_dead,
            error: self.error.is_some(),
        })
    }
}
