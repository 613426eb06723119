//! The door of a server: who may begin a session, counted over all its loops.
//!
//! It is the one thing beside counters that loops share, and it is asked once or twice for each
//! connection and never about data. Nothing waits while it is locked.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::admission::{
    AddressAndBits, Admission, Charged, Dice, Dropped, MaxStartups, Offence, PerSource,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Door(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    admission: Admission,
    /// Loops look at the clock each for itself, and come here in any order.
    latest: Duration,
}

/// Who is not let in, and how many were in then that are not authenticated yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TurnedAway {
    pub(super) why: Dropped,
    pub(super) startups: u32,
}

/// A connection that is not authenticated yet: it counts until this is dropped.
#[derive(Debug)]
pub(super) struct Startup {
    door: Arc<Door>,
    address: IpAddr,
}

impl Door {
    pub(super) fn new(max_startups: MaxStartups, per_source: PerSource) -> Self {
        Self(Mutex::new(Inside {
            admission: Admission::new(max_startups, per_source),
            latest: Duration::ZERO,
        }))
    }

    /// Whether a connection from there may become a session. It is counted at once, so that no two
    /// have the same last place.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        dice: Dice,
        now: Duration,
    ) -> Result<Startup, TurnedAway> {
        let mut inside = self.lock();
        let now = inside.at_least(now);
        let admission = &mut inside.admission;
        if let Err(why) = admission.check(address, dice, now) {
            let startups = admission.startups();
            return Err(TurnedAway { why, startups });
        }
        admission.begin(address);
        let door = Arc::clone(self);
        Ok(Startup { door, address })
    }

    /// A session's end is charged to its source. `None` when it costs nothing.
    pub(super) fn charge(
        &self,
        address: IpAddr,
        offence: Offence,
        now: Duration,
    ) -> Option<(AddressAndBits, Charged)> {
        let mut inside = self.lock();
        let now = inside.at_least(now);
        let charged = inside.admission.charge(address, offence, now)?;
        Some((inside.admission.told(address), charged))
    }

    /// What is done under the lock is arithmetic. Should it panic all the same, a count may be off
    /// by one, which is better than a server that lets nobody in.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn at_least(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }
}

impl Drop for Startup {
    fn drop(&mut self) {
        self.door.lock().admission.over(self.address);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::admission::Penalties;

    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);

    fn door(full: u32, per_source: PerSource) -> Arc<Door> {
        let most = MaxStartups {
            start: full,
            rate: 100,
            full,
        };
        Arc::new(Door::new(most, per_source))
    }

    fn admit(door: &Arc<Door>) -> Result<Startup, TurnedAway> {
        door.admit(HERE, Dice::of(99), Duration::ZERO)
    }

    #[test]
    fn a_place_is_free_again_when_whoever_had_it_is_dropped_wherever_that_is() {
        let door = door(2, PerSource::unlimited());
        let places = [admit(&door).unwrap(), admit(&door).unwrap()];
        let full = TurnedAway {
            why: Dropped::PastMaxStartups,
            startups: 2,
        };
        assert_eq!(admit(&door).unwrap_err(), full);
        thread::spawn(move || drop(places)).join().unwrap();
        let _one = admit(&door).unwrap();
        let _two = admit(&door).unwrap();
        assert_eq!(admit(&door).unwrap_err(), full);
    }

    #[test]
    fn no_more_are_let_in_than_may_however_many_ask_at_once() {
        let door = door(10, PerSource::unlimited());
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let door = Arc::clone(&door);
                thread::spawn(move || {
                    let all = (0..100).map(|_| admit(&door));
                    all.filter_map(Result::ok).collect::<Vec<_>>()
                })
            })
            .collect();
        let places: Vec<_> = asking
            .into_iter()
            .flat_map(|asked| asked.join().unwrap())
            .collect();
        assert_eq!(places.len(), 10);
    }

    #[test]
    fn a_loop_whose_clock_is_behind_makes_no_penalty_last_longer() {
        let costs = Penalties {
            crash: Duration::from_secs(20),
            ..Penalties::default()
        };
        let penalised = PerSource {
            penalties: Some(costs),
            ..PerSource::default()
        };
        let door = door(10, penalised);
        let at = Duration::from_secs;
        door.charge(HERE, Offence::Crash, at(100)).unwrap();
        assert!(door.admit(HERE, Dice::of(0), at(120)).is_err());
        assert!(door.admit(HERE, Dice::of(0), at(121)).is_ok());
        assert!(door.admit(HERE, Dice::of(0), at(119)).is_ok(), "it is 121");
    }
}
