//! Eight sessions on one server that may use every core.

use std::io;

use crate::cases::{Turn, figures};
use crate::peers::Cipher;
use crate::tunnel::{Client, Server};
use crate::world::{Cores, Place, World};

const SESSIONS: usize = 8;
const CIPHER: Cipher = Cipher::Aes128Gcm;

pub fn eight(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = World::new(turn.lab, Place::loopback(), Cores::Any)?;
    let (one, _) = of(turn, &world, 1)?;
    let (eight, share) = of(turn, &world, SESSIONS)?;
    turn.keep(figures::EIGHT_OF_ONE, eight / one);
    turn.keep(figures::LESS_BUSY, share);
    Ok(())
}

/// The server's CPU seconds per GB, and the part of them of the second busiest thread in both.
fn of(turn: &Turn<'_>, world: &World<'_>, count: usize) -> io::Result<(f64, f64)> {
    let server = Server::start(world, turn.peer, CIPHER)?;
    let sink = [world.targets.sink];
    let clients: io::Result<Vec<Client>> = (0..count)
        .map(|_| Client::start(world, &server, CIPHER, &sink))
        .collect();
    let clients = clients?;
    let (before, threads) = (server.process.cpu(), server.process.cpu_of_threads());
    let pushes: io::Result<Vec<_>> = clients
        .iter()
        .map(|client| world.begin(&format!("push {} {} 1", client.to(0), turn.options.seconds)))
        .collect();
    let mut gigabytes = 0.0;
    for push in pushes? {
        gigabytes += push.wait()?.of("bytes") / 1e9;
    }
    let used = server.process.cpu() - before;
    let then = |tid| threads.get(tid).copied().unwrap_or(0.0);
    let after = server.process.cpu_of_threads();
    let mut each: Vec<f64> = after.iter().map(|(tid, now)| now - then(tid)).collect();
    each.sort_by(|a, b| b.total_cmp(a));
    let share = match each.as_slice() {
        [first, second, ..] => second / (first + second),
        _ => 0.0,
    };
    Ok((used / gigabytes, share))
}
