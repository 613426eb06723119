//! As many bytes as go through, and what they cost both ends.

use std::io;

use crate::cases::{Turn, figures};
use crate::peers::Cipher;
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

fn both_ways(turn: &mut Turn<'_>, cipher: Cipher, streams: usize) -> io::Result<()> {
    let world = turn.world;
    for way in WAYS {
        let start = |turn: &Turn<'_>| {
            let targets = [world.targets.sink, world.targets.source];
            let tunnel = Tunnel::start(world, turn.peer, cipher, &targets)?;
            Moved::through(world, &tunnel, way, WARM, streams)?;
            Ok(tunnel)
        };
        turn.in_slices(start, |turn, tunnel| {
            let moved = Moved::through(world, tunnel, way, turn.slice(), streams)?;
            let cost = figures::cpu_per_gigabyte(cipher, way, streams);
            turn.keep(&cost, moved.seconds_per_gigabyte());
            turn.keep(&figures::gigabits(cipher, way, streams), moved.gigabits);
            Ok(())
        })?;
    }
    Ok(())
}

/// What a load has moved and what it has cost.
pub struct Moved {
    pub gigabits: f64,
    /// CPU seconds per GB at the client and at the server.
    pub per_gigabyte: [f64; 2],
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
        let used = tunnel.cpu_since(before);
        let gigabytes = done.of("bytes") / 1e9;
        let gigabits = 8.0 * gigabytes / done.of("seconds");
        Ok(Self {
            gigabits,
            per_gigabyte: used.map(|seconds| seconds / gigabytes),
        })
    }

    pub fn seconds_per_gigabyte(&self) -> f64 {
        self.per_gigabyte.iter().sum()
    }
}
