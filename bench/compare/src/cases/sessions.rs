//! Sessions on one server that has several loops: what eight cost beside one, and whether they feel
//! what another loop does.

use std::collections::BTreeMap;
use std::io;

use crate::cases::bulk::WARM;
use crate::cases::{Turn, figures};
use crate::peers::Cipher;
use crate::tunnel::{Client, Server};
use crate::world::{Cores, Place, Running, World};

const SESSIONS: usize = 8;
const CIPHER: Cipher = Cipher::Aes128Gcm;
/// One alone and all together, so many times: each session is the one alone as often as the others.
const PAIRS: usize = SESSIONS;
/// Part of a load's time.
const BULK: f64 = 0.25;

/// The same server with the same sessions, and of these one or all have something to do: nothing but
/// that lies between the two. Costs are CPU time over bytes of all the loads of a round together.
pub fn eight(turn: &mut Turn<'_>) -> io::Result<()> {
    let world = World::new(turn.lab, Place::loopback(), Cores::Any)?;
    let server = Server::start(&world, turn.peer, CIPHER)?;
    let sink = [world.targets.sink];
    let clients: io::Result<Vec<Client>> = (0..SESSIONS)
        .map(|_| Client::start(&world, &server, CIPHER, &sink))
        .collect();
    let clients = clients?;
    let seconds = BULK * turn.options.seconds;
    // Each alone, so that each has the memory and the windows that it has later.
    for client in &clients {
        Cost::default().add(&world, &server, &[client], WARM)?;
    }
    let all: Vec<&Client> = clients.iter().collect();
    let [mut alone, mut together] = [Cost::default(), Cost::default()];
    for (pair, client) in clients.iter().cycle().take(PAIRS).enumerate() {
        if pair.is_multiple_of(2) {
            alone.add(&world, &server, &[client], seconds)?;
            together.add(&world, &server, &all, seconds)?;
        } else {
            together.add(&world, &server, &all, seconds)?;
            alone.add(&world, &server, &[client], seconds)?;
        }
    }
    let eight_of_one = together.seconds_per_gigabyte() / alone.seconds_per_gigabyte();
    turn.keep(figures::EIGHT_OF_ONE, eight_of_one);
    turn.keep(figures::LESS_BUSY, together.share_of_second());
    Ok(())
}

/// What loads have moved through a server, and what that has cost it.
#[derive(Default)]
struct Cost {
    gigabytes: f64,
    seconds: f64,
    /// Seconds of each thread.
    threads: BTreeMap<u32, f64>,
}

impl Cost {
    /// One load through each client at the same time.
    fn add(
        &mut self,
        world: &World<'_>,
        server: &Server,
        clients: &[&Client],
        seconds: f64,
    ) -> io::Result<()> {
        let (before, threads) = (server.process.cpu(), server.process.cpu_of_threads());
        let pushes: io::Result<Vec<Running>> = clients
            .iter()
            .map(|client| world.begin(&format!("push {} {seconds} 1", client.to(0))))
            .collect();
        for push in pushes? {
            self.gigabytes += push.wait()?.of("bytes") / 1e9;
        }
        self.seconds += server.process.cpu() - before;
        for (tid, after) in server.process.cpu_of_threads() {
            let before = threads.get(&tid).copied().unwrap_or(0.0);
            *self.threads.entry(tid).or_default() += after - before;
        }
        Ok(())
    }

    fn seconds_per_gigabyte(&self) -> f64 {
        self.seconds / self.gigabytes
    }

    /// What the second busiest thread has of what both have.
    fn share_of_second(&self) -> f64 {
        let mut each: Vec<f64> = self.threads.values().copied().collect();
        each.sort_by(|a, b| b.total_cmp(a));
        match each.as_slice() {
            [first, second, ..] => second / (first + second),
            _ => 0.0,
        }
    }
}
