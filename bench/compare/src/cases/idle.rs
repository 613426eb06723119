//! Among very many connections that do nothing: what each costs, and what the others feel of it.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use crate::cases::Turn;
use crate::cases::bulk::{Moved, Way};
use crate::peers::Cipher;
use crate::tunnel::{Tunnel, since};

/// Memory that is given back is given back by then.
const SETTLED: Duration = Duration::from_millis(300);
const ECHO: usize = 2;

pub fn thousand(turn: &mut Turn<'_>) -> io::Result<()> {
    among(turn, 1000)
}

pub fn ten_thousand(turn: &mut Turn<'_>) -> io::Result<()> {
    among(turn, 10_000)
}

fn among(turn: &mut Turn<'_>, count: usize) -> io::Result<()> {
    let world = turn.world;
    let targets = [world.targets.sink, world.targets.source, world.targets.echo];
    let tunnel = Tunnel::start(world, turn.peer, Cipher::Aes128Gcm, &targets)?;
    let echo = tunnel.client.to(ECHO);
    let seconds = turn.options.seconds;
    let felt = || -> io::Result<[f64; 2]> {
        let moved = Moved::through(world, &tunnel, Way::Up, seconds / 2.0, 1)?;
        let done = world.load(&format!("ping {echo} {}", seconds / 2.0))?;
        Ok([moved.gigabits, done.of("p50")])
    };
    // As many at once as are opened at once later, so that what grows once has grown.
    world.load(&format!("rate {echo} 256 64"))?;
    let alone_before = felt()?;
    sleep(SETTLED);
    let before = tunnel.resident();
    let held = world.hold(&format!("idle {echo} {count}"))?;
    sleep(SETTLED);
    let grown = since(tunnel.resident(), before);
    let [gigabits, trip] = felt()?;
    drop(held);
    sleep(SETTLED);
    // What was before and what is after, because the machine changes as well.
    let alone_after = felt()?;
    let [alone_gigabits, alone_trip] =
        [0, 1].map(|which| (alone_before[which] + alone_after[which]) / 2.0);
    turn.keep(
        &format!("KiB per idle channel of {count}, client"),
        grown[0] / count as f64,
    );
    turn.keep(
        &format!("KiB per idle channel of {count}, server"),
        grown[1] / count as f64,
    );
    turn.keep(&format!("round trip among {count}"), trip);
    turn.keep(&format!("Gbit/s among {count}"), gigabits);
    turn.keep(
        &format!("Gbit/s among {count}, of alone"),
        gigabits / alone_gigabits,
    );
    turn.keep(
        &format!("round trip among {count}, of alone"),
        trip / alone_trip,
    );
    Ok(())
}
