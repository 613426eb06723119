//! Single bytes there and back, and connections of one byte.

use std::io;

use crate::cases::{Turn, figures};
use crate::peers::Cipher;
use crate::tunnel::Tunnel;
use crate::world::{Cores, Figures, Place, World};

pub fn ping(turn: &mut Turn<'_>) -> io::Result<()> {
    let (_, done) = trips(turn, turn.world)?;
    turn.keep(figures::TRIP_P50, done.of("p50"));
    turn.keep(figures::TRIP_P99, done.of("p99"));
    Ok(())
}

/// Where no other core can take over work, what both ends do is what there is to wait for.
pub fn on_one_core(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = World::new(turn.lab, Place::loopback(), Cores::One)?;
    let (used, done) = trips(turn, &world)?;
    for (figure, used) in figures::ends(figures::TRIP_CPU).iter().zip(used) {
        turn.keep(figure, used * 1e6 / done.of("all"));
    }
    turn.keep(figures::TRIP_ON_ONE_CORE, done.of("p50"));
    Ok(())
}

/// CPU seconds of both ends, and what the load says.
fn trips(turn: &Turn<'_>, world: &World<'_>) -> io::Result<([f64; 2], Figures)> {
    let tunnel = to_echo(turn, world)?;
    let before = tunnel.cpu();
    let load = format!("ping {} {}", tunnel.client.to(0), turn.options.seconds);
    let done = world.load(&load)?;
    Ok((tunnel.cpu_since(before), done))
}

fn to_echo(turn: &Turn<'_>, world: &World<'_>) -> io::Result<Tunnel> {
    let cipher = turn.peer.nearest(Cipher::Aes128Gcm);
    Tunnel::start(world, turn.peer, cipher, &[world.targets.echo])
}

pub fn rate(turn: &mut Turn<'_>) -> io::Result<()> {
    for at_once in [1, figures::AT_ONCE] {
        // A destination of its own: to one that was used a moment ago few free ports are left.
        let world = World::new(turn.lab, Place::loopback(), Cores::Apart)?;
        let tunnel = to_echo(turn, &world)?;
        let (to, seconds) = (tunnel.client.to(0), turn.options.seconds);
        let done = world.load(&format!("rate {to} {seconds} {at_once}"))?;
        let figure = figures::rate(at_once);
        turn.keep(&figure, done.of("count") / done.of("seconds"));
        turn.keep(&format!("{figure}: failed"), done.of("failed"));
    }
    Ok(())
}
