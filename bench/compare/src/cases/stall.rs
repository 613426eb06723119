//! One receiver has stopped reading: what the other channels and the memory feel of it.

use std::io;
use std::thread::sleep;

use crate::cases::bulk::{Moved, WAYS, Way};
use crate::cases::{SETTLED, Turn, figures, in_turn};
use crate::peers::Cipher;
use crate::tunnel::{Tunnel, since};

const SOURCE: usize = 1;
const STALL: usize = 2;
const PAIRS: usize = 16;
/// Part of a load's time.
const BULK: f64 = 0.12;

/// Beside a tunnel with a receiver that has stopped there is one without, and they are measured in
/// turn: what the machine does meanwhile meets both.
pub fn one_stopped(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = turn.world;
    let targets = [
        world.targets.sink,
        world.targets.source,
        world.targets.stall,
    ];
    for way in WAYS {
        let start = || Tunnel::start(world, turn.peer, Cipher::Aes128Gcm, &targets);
        let tunnels = [start()?, start()?];
        let [alone, stopped] = &tunnels;
        let seconds = BULK * turn.options.seconds;
        let gigabits = |tunnel: &Tunnel| {
            Moved::through(world, tunnel, way, seconds, 1).map(|moved| moved.gigabits())
        };
        for tunnel in &tunnels {
            gigabits(tunnel)?;
        }
        sleep(SETTLED);
        let memory = stopped.resident();
        let held = match way {
            Way::Up => world.hold(&format!("flood {}", stopped.client.to(STALL)))?,
            Way::Down => world.hold(&format!("hang {}", stopped.client.to(SOURCE)))?,
        };
        sleep(SETTLED);
        let grown = since(stopped.resident(), memory).iter().sum::<f64>() / 1024.0;
        turn.keep(&figures::grown_by_one_stopped(way), grown);
        let figure = figures::one_stopped(way);
        match in_turn(PAIRS, &tunnels, gigabits) {
            Ok(pairs) => {
                for [alone, beside] in pairs {
                    turn.keep(&figure, beside / alone);
                }
            }
            // Where all of them stop, the load gives up: nothing was moved.
            Err(_) if gigabits(alone).is_ok() => turn.keep(&figure, 0.0),
            Err(error) => return Err(error),
        }
        drop(held);
    }
    Ok(())
}
