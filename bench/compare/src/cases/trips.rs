//! Single bytes there and back, and connections of one byte.

use std::io;

use crate::cases::Turn;
use crate::peers::Cipher;
use crate::tunnel::Tunnel;
use crate::world::{Cores, Place, World};

/// So many more connections a second of load where they are not one by one.
const AT_ONCE: usize = 64;
/// A second's worth of them, or nearly so.
const ONE_BY_ONE_COUNT: f64 = 1200.0;
const AT_ONCE_COUNT: f64 = 4000.0;

pub fn ping(turn: &mut Turn<'_>) -> io::Result<()> {
    let (world, cipher) = (turn.world, turn.peer.nearest(Cipher::Aes128Gcm));
    let tunnel = Tunnel::start(world, turn.peer, cipher, &[world.targets.echo])?;
    let done = world.load(&format!(
        "ping {} {}",
        tunnel.client.to(0),
        turn.options.seconds
    ))?;
    turn.keep("round trip p50", done.of("p50"));
    turn.keep("round trip p99", done.of("p99"));
    Ok(())
}

/// Where no other core can take over work, what both ends do is what there is to wait for.
pub fn on_one_core(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = World::new(turn.lab, Place::loopback(), Cores::One)?;
    let cipher = turn.peer.nearest(Cipher::Aes128Gcm);
    let tunnel = Tunnel::start(&world, turn.peer, cipher, &[world.targets.echo])?;
    let before = tunnel.cpu();
    let seconds = turn.options.seconds;
    let done = world.load(&format!("ping {} {seconds}", tunnel.client.to(0)))?;
    let [client, server] = tunnel.cpu_since(before);
    // The load warms up for a tenth of the time.
    let count = done.of("count") * 1.1;
    turn.keep("CPU us per round trip, client", client * 1e6 / count);
    turn.keep("CPU us per round trip, server", server * 1e6 / count);
    turn.keep("round trip p50 on one core", done.of("p50"));
    Ok(())
}

pub fn rate(turn: &mut Turn<'_>) -> io::Result<()> {
    let (world, cipher) = (turn.world, turn.peer.nearest(Cipher::Aes128Gcm));
    for (at_once, count) in [(1, ONE_BY_ONE_COUNT), (AT_ONCE, AT_ONCE_COUNT)] {
        let tunnel = Tunnel::start(world, turn.peer, cipher, &[world.targets.echo])?;
        let count = (count * turn.options.seconds) as usize;
        let done = world.load(&format!("rate {} {count} {at_once}", tunnel.client.to(0)))?;
        let figure = format!("connections/s, {at_once} at once");
        turn.keep(&figure, done.of("count") / done.of("seconds"));
        turn.keep(&format!("{figure}: failed"), done.of("failed"));
    }
    Ok(())
}
