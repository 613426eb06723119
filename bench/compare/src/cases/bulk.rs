//! As many bytes as go through, and what they cost both ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use crate::cases::{TUNNELS_A_ROUND, Turn, figures};
use crate::peers::{Cipher, Peer};
use crate::tunnel::Tunnel;
use crate::world::World;

/// From the client's application to the destination, or the other way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    Up,
    Down,
}

pub const WAYS: [Way; 2] = [Way::Up, Way::Down];
/// Seconds after which a tunnel is as fast as it gets on loopback: its memory is there, the windows
/// have grown.
pub const WARM: f64 = 0.2;

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    pub fn load(self) -> &'static str {
        match self {
            Self::Up => "push",
            Self::Down => "pull",
        }
    }
}

pub fn aes(turn: &mut Turn<'_>) -> io::Result<()> {
    both_ways(turn, Cipher::Aes128Gcm, 1)
}

pub fn chacha(turn: &mut Turn<'_>) -> io::Result<()> {
    both_ways(turn, Cipher::ChaCha20Poly1305, 1)
}

pub fn aes_of_many(turn: &mut Turn<'_>) -> io::Result<()> {
    both_ways(turn, Cipher::Aes128Gcm, figures::MANY)
}

/// Part of a load's time, of which there are as many as a turn has slices.
const BULK: f64 = 0.15;

fn both_ways(turn: &mut Turn<'_>, cipher: Cipher, streams: usize) -> io::Result<()> {
    let world = turn.world;
    let mut outcome = Ok(());
    for way in WAYS {
        let sums = RefCell::new(BTreeMap::<Peer, Moved>::new());
        let start = |turn: &Turn<'_>| {
            let targets = [world.targets.sink, world.targets.source];
            let tunnel = Tunnel::start(world, turn.peer, cipher, &targets)?;
            Moved::through(world, &tunnel, way, WARM, streams)?;
            Ok(tunnel)
        };
        for _ in 0..TUNNELS_A_ROUND {
            let done = turn.in_slices(start, |turn, tunnel| {
                let seconds = BULK * turn.options.seconds;
                let moved = Moved::through(world, tunnel, way, seconds, streams)?;
                turn.keep(&figures::gigabits(cipher, way, streams), moved.gigabits());
                sums.borrow_mut().entry(turn.peer).or_default().add(&moved);
                Ok(())
            });
            outcome = outcome.and(done);
        }
        let cost = figures::cpu_per_gigabyte(cipher, way, streams);
        for (peer, moved) in sums.into_inner() {
            turn.peer = peer;
            turn.keep(&cost, moved.seconds_per_gigabyte());
        }
    }
    outcome
}

/// What loads have moved and what that has cost both ends.
#[derive(Default)]
pub struct Moved {
    gigabytes: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Moved {
    /// Through a tunnel whose first two targets are a sink and a source.
    pub fn through(
        world: &World<'_>,
        tunnel: &Tunnel,
        way: Way,
        seconds: f64,
        streams: usize,
    ) -> io::Result<Self> {
        let to = tunnel.client.to(way as usize);
        let before = tunnel.cpu();
        let done = world.load(&format!("{} {to} {seconds} {streams}", way.load()))?;
        Ok(Self {
            gigabytes: done.of("bytes") / 1e9,
            seconds: done.of("seconds"),
            cpu_seconds: tunnel.cpu_since(before).iter().sum(),
        })
    }

    fn add(&mut self, other: &Self) {
        self.gigabytes += other.gigabytes;
        self.seconds += other.seconds;
        self.cpu_seconds += other.cpu_seconds;
    }

    pub fn gigabits(&self) -> f64 {
        8.0 * self.gigabytes / self.seconds
    }

    fn seconds_per_gigabyte(&self) -> f64 {
        self.cpu_seconds / self.gigabytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loads_cost_is_all_of_it_over_all_that_was_moved() {
        let mut sum = Moved::default();
        for (gigabytes, cpu_seconds) in [(3.0, 3.0), (1.0, 2.0)] {
            sum.add(&Moved {
                gigabytes,
                seconds: 4.0,
                cpu_seconds,
            });
        }
        assert_eq!((sum.seconds_per_gigabyte(), sum.gigabits()), (1.25, 4.0));
    }
}
