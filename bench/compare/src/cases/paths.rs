//! Over paths that are long or narrow.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use crate::cases::{Turn, WAYS, figures};
use crate::path::{Bad, Path};
use crate::peers::{Cipher, Peer};
use crate::tunnel::Tunnel;
use crate::world::{Cores, World};

const CIPHER: Cipher = Cipher::Aes128Gcm;
/// 20 Mbit/s, 50 ms there and back. Packets wait instead of being dropped: where a queue forms is
/// what is measured, not what TCP makes of losses.
const NARROW: Bad = Bad {
    delay: Duration::from_millis(25),
    rate: 20e6,
    queue: Duration::from_secs(10),
    mtu: 1500,
};
/// As fast as a process that carries packets can; long packets, so that it is fast.
const LONG: Bad = Bad {
    delay: Duration::ZERO,
    rate: 0.0,
    queue: Duration::from_secs(10),
    mtu: 9000,
};
const ECHO: usize = 2;
/// So much longer than the others does a load last here: a round trip is a tenth of a second.
const LONGER: f64 = 6.0;
const LONG_ENOUGH: f64 = 5.0;
/// Bulk has filled what it fills by then.
const FILLED: Duration = Duration::from_secs(2);

/// A round trip after the other beside a bulk channel of the same session, each way.
pub fn narrow(turn: &mut Turn<'_>) -> io::Result<()> {
    for way in WAYS {
        let path = Path::new(turn.lab, NARROW)?;
        let world = World::new(turn.lab, path.place.clone(), Cores::Apart)?;
        let targets = [world.targets.sink, world.targets.source, world.targets.echo];
        let tunnel = Tunnel::start(&world, turn.peer, CIPHER, &targets)?;
        let seconds = LONG_ENOUGH * turn.options.seconds;
        let (bulk, echo) = (tunnel.client.to(way as usize), tunnel.client.to(ECHO));
        let longer = seconds + 2.0 * FILLED.as_secs_f64();
        let push = world.begin(&format!("{} {bulk} {longer} 1", way.load()))?;
        sleep(FILLED);
        let done = world.load(&format!("ping {echo} {seconds}"))?;
        for part in ["p50", "p99"] {
            turn.keep(&figures::interactive(part, way), done.of(part) / 1e3);
        }
        let moved = push.wait()?;
        let rate = moved.of("bytes") * 8e-6 / moved.of("seconds");
        let figure = format!("Mbit/s of bulk {} on a narrow path", way.name());
        turn.keep(&figure, rate);
    }
    Ok(())
}

pub fn long(turn: &mut Turn<'_>) -> io::Result<()> {
    over(turn, figures::LONG_PATHS[0])
}

pub fn longer(turn: &mut Turn<'_>) -> io::Result<()> {
    over(turn, figures::LONG_PATHS[1])
}

/// From the first byte on, so that the windows' growth is in it.
fn over(turn: &mut Turn<'_>, millis: u64) -> io::Result<()> {
    for way in WAYS {
        let path = Path::new(
            turn.lab,
            Bad {
                delay: Duration::from_millis(millis / 2),
                ..LONG
            },
        )?;
        let world = World::new(turn.lab, path.place.clone(), Cores::Apart)?;
        let targets = [world.targets.sink, world.targets.source];
        let tunnel = match turn.peer {
            Peer::Plain => None,
            peer => Some(Tunnel::start(&world, peer, CIPHER, &targets)?),
        };
        let to = match &tunnel {
            Some(tunnel) => tunnel.client.to(way as usize),
            None => format!("{}:{}", world.place.host, targets[way as usize]),
        };
        let seconds = LONGER * turn.options.seconds;
        let done = world.load(&format!("{} {to} {seconds} 1", way.load()))?;
        let rate = done.of("bytes") * 8e-6 / done.of("seconds");
        turn.keep(&figures::over(millis, way), rate);
    }
    Ok(())
}
