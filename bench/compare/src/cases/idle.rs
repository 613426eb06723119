//! Among very many connections that do nothing: what each costs, and what the others feel of it.

use std::io;
use std::thread::sleep;

use crate::cases::bulk::{Moved, Way};
use crate::cases::{SETTLED, Turn, figures, in_turn};
use crate::peers::Cipher;
use crate::tunnel::{Tunnel, since};

const ECHO: usize = 2;
const PAIRS: usize = 14;
/// Parts of a load's time.
const BULK: f64 = 0.12;
const TRIPS: f64 = 0.06;

pub fn thousand(turn: &mut Turn<'_>) -> io::Result<()> {
    among(turn, figures::CROWDS[0])
}

pub fn ten_thousand(turn: &mut Turn<'_>) -> io::Result<()> {
    among(turn, figures::CROWDS[1])
}

/// Beside a tunnel that has the crowd there is one that has none, and they are measured in turn:
/// what the machine does meanwhile meets both.
fn among(turn: &mut Turn<'_>, count: usize) -> io::Result<()> {
    let world = turn.world;
    let targets = [world.targets.sink, world.targets.source, world.targets.echo];
    let start = || Tunnel::start(world, turn.peer, Cipher::Aes128Gcm, &targets);
    let tunnels = [start()?, start()?];
    let [_, crowded] = &tunnels;
    let seconds = turn.options.seconds;
    let felt = |tunnel: &Tunnel| -> io::Result<[f64; 2]> {
        let moved = Moved::through(world, tunnel, Way::Up, BULK * seconds, 1)?;
        let load = format!("ping {} {}", tunnel.client.to(ECHO), TRIPS * seconds);
        Ok([moved.gigabits(), world.load(&load)?.of("p50")])
    };
    // As many at once as are opened at once later, so that what grows once has grown.
    for tunnel in &tunnels {
        world.load(&format!("rate {} 0.1 64", tunnel.client.to(ECHO)))?;
        felt(tunnel)?;
    }
    sleep(SETTLED);
    let before = crowded.resident();
    let held = world.hold(&format!("idle {} {count}", crowded.client.to(ECHO)))?;
    sleep(SETTLED);
    let grown = since(crowded.resident(), before);
    let per_channel = figures::ends(&format!("KiB per idle channel of {count}"));
    for (figure, grown) in per_channel.iter().zip(grown) {
        turn.keep(figure, grown / count as f64);
    }
    for [alone, among] in in_turn(PAIRS, &tunnels, felt)? {
        for (which, figure) in figures::among(count).iter().enumerate() {
            turn.keep(figure, among[which] / alone[which]);
        }
    }
    drop(held);
    Ok(())
}
