//! One receiver has stopped reading: what the other channels and the memory feel of it.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use crate::cases::Turn;
use crate::cases::bulk::{Moved, WAYS, Way};
use crate::peers::Cipher;
use crate::tunnel::{Tunnel, since};

const SOURCE: usize = 1;
const STALL: usize = 2;
const SETTLED: Duration = Duration::from_millis(300);

pub fn one_receiver_stopped(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = turn.world;
    let targets = [
        world.targets.sink,
        world.targets.source,
        world.targets.stall,
    ];
    for way in WAYS {
        let tunnel = Tunnel::start(world, turn.peer, Cipher::Aes128Gcm, &targets)?;
        let seconds = turn.options.seconds / 2.0;
        let measure =
            || Moved::through(world, &tunnel, way, seconds, 1).map(|moved| moved.gigabits);
        let before = measure()?;
        sleep(SETTLED);
        let memory = tunnel.resident();
        let held = match way {
            Way::Up => world.hold(&format!("flood {}", tunnel.client.to(STALL)))?,
            Way::Down => world.hold(&format!("hang {}", tunnel.client.to(SOURCE)))?,
        };
        sleep(SETTLED);
        let grown = since(tunnel.resident(), memory);
        // Where all of them stop, the load gives up: nothing was moved.
        let with_one_stopped = measure().unwrap_or(0.0);
        drop(held);
        sleep(SETTLED);
        let after = measure().unwrap_or(before);
        let of_alone = 2.0 * with_one_stopped / (before + after);
        turn.keep(
            &format!("Gbit/s with one stopped {}, of alone", way.name()),
            of_alone,
        );
        turn.keep(
            &format!("MiB grown with one stopped {}", way.name()),
            grown.iter().sum::<f64>() / 1024.0,
        );
    }
    Ok(())
}
