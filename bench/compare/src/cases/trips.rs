//! Single bytes there and back, and connections of one byte.

use std::io;

use crate::cases::{TUNNELS_A_ROUND, Turn, figures};
use crate::peers::Cipher;
use crate::tunnel::Tunnel;
use crate::world::{Cores, Figures, Place, World};

pub fn ping(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = turn.world;
    let start = |turn: &Turn<'_>| to_echo(turn, world);
    let mut outcome = Ok(());
    for _ in 0..TUNNELS_A_ROUND {
        let done = turn.in_slices(start, |turn, tunnel| {
            let (_, done) = trips(turn, world, tunnel)?;
            turn.keep(figures::TRIP_P50, done.of("p50"));
            turn.keep(figures::TRIP_P99, done.of("p99"));
            Ok(())
        });
        outcome = outcome.and(done);
    }
    outcome
}

/// Where no other core can take over work, what both ends do is what there is to wait for.
pub fn on_one_core(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = World::new(turn.lab, Place::loopback(), Cores::One)?;
    let start = |turn: &Turn<'_>| to_echo(turn, &world);
    turn.in_slices(start, |turn, tunnel| {
        let (used, done) = trips(turn, &world, tunnel)?;
        for (figure, used) in figures::ends(figures::TRIP_CPU).iter().zip(used) {
            turn.keep(figure, used * 1e6 / done.of("all"));
        }
        turn.keep(figures::TRIP_ON_ONE_CORE, done.of("p50"));
        Ok(())
    })
}

fn to_echo(turn: &Turn<'_>, world: &World<'_>) -> io::Result<Tunnel> {
    let cipher = turn.peer.nearest(Cipher::Aes128Gcm);
    Tunnel::start(world, turn.peer, cipher, &[world.targets.echo])
}

/// CPU seconds of both ends, and what the load says.
fn trips(turn: &Turn<'_>, world: &World<'_>, tunnel: &Tunnel) -> io::Result<([f64; 2], Figures)> {
    let before = tunnel.cpu();
    let done = world.load(&format!("ping {} {}", tunnel.client.to(0), turn.slice()))?;
    Ok((tunnel.cpu_since(before), done))
}

pub fn rate(turn: &mut Turn<'_>) -> io::Result<()> {
    let lab = turn.lab;
    for at_once in [1, figures::AT_ONCE] {
        // A destination for each: to one that was used a moment ago few free ports are left.
        let start = |turn: &Turn<'_>| {
            let world = World::new(lab, Place::loopback(), Cores::Apart)?;
            let tunnel = to_echo(turn, &world)?;
            Ok((world, tunnel))
        };
        turn.in_slices(start, |turn, (world, tunnel)| {
            let (to, seconds) = (tunnel.client.to(0), turn.slice());
            let done = world.load(&format!("rate {to} {seconds} {at_once}"))?;
            let figure = figures::rate(at_once);
            turn.keep(&figure, done.of("count") / done.of("seconds"));
            turn.keep(&format!("{figure}: failed"), done.of("failed"));
            Ok(())
        })?;
    }
    Ok(())
}
