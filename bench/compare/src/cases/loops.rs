//! A loop that is held for a tenth of a second at a time: whether the sessions of another one feel it.

use std::io;
use std::thread::sleep;

use crate::cases::{SETTLED, Turn, figures};
use crate::peers::{Cipher, words};
use crate::process::Process;
use crate::samples::median;
use crate::tunnel::{Client, Server};
use crate::world::World;

const CIPHER: Cipher = Cipher::Aes128Gcm;
const TWO_LOOPS: &str = "-o Loops=2";
/// Microseconds for which a loop is held each time it would wait for something to happen.
const HOLD: u32 = 100_000;
const PAIRS: usize = 6;
/// Part of a load's time.
const TRIPS: f64 = 0.2;
/// The load on the loop that is held goes on for so many seconds more than it is held.
const LONGER: f64 = 1.0;

/// Two servers with two loops and a session on each. One loop of the second server is held, by strace,
/// whenever it would wait: work that keeps it busy for as long would have to take the core from somebody,
/// and what was felt then would be the system's scheduler. Round trips on its other loop take turns with
/// those on the same loop of the first server. Of the two loops the one that is felt more counts.
pub fn one_held(turn: &mut Turn<'_>) -> io::Result<()> {
    let lab = turn.lab;
    if lab.strace.is_empty() || lab.user != "root" {
        return Ok(());
    }
    let world = turn.world;
    let [free, held] = [Pair::start(turn)?, Pair::start(turn)?];
    let seconds = TRIPS * turn.options.seconds;
    let mut worst = f64::NAN;
    for (busy, other) in [(0, 1), (1, 0)] {
        let log = lab.path("strace.log");
        let line = format!(
            "{} -qq -o {} -p {} -e trace=?epoll_wait,?epoll_pwait \
             -e inject=?epoll_wait,?epoll_pwait:delay_enter={HOLD}",
            lab.strace,
            lab.path("strace.out"),
            held.threads[busy]
        );
        let mut strace = Process::start(&words(&line), log.as_ref())?;
        let all = 2.0 * PAIRS as f64 * (seconds + LONGER / 10.0) + LONGER;
        let load = world.begin(&format!("ping {} {all}", held.clients[busy].to(0)))?;
        sleep(SETTLED);
        strace.alive()?;
        let mut ratios = Vec::new();
        for pair in 0..PAIRS {
            let trips = |pair: &Pair| pair.p99(world, other, seconds);
            let [alone, beside] = if pair.is_multiple_of(2) {
                [trips(&free)?, trips(&held)?]
            } else {
                let beside = trips(&held)?;
                [trips(&free)?, beside]
            };
            ratios.push(beside / alone);
        }
        let felt_there = load.wait()?.of("p50");
        drop(strace);
        if felt_there.is_nan() || felt_there < f64::from(HOLD) {
            return Err(io::Error::other(format!("not held: {felt_there} µs")));
        }
        turn.keep(figures::TRIP_ON_HELD_LOOP, felt_there / 1e3);
        worst = worst.max(median(&mut ratios).unwrap_or(f64::NAN));
    }
    turn.keep(figures::BESIDE_HELD_LOOP, worst);
    Ok(())
}

/// A server with two loops, and a session on each.
struct Pair {
    clients: [Client; 2],
    /// The loops' threads, in the order of the clients.
    threads: [u32; 2],
    _server: Server,
}

impl Pair {
    fn start(turn: &Turn<'_>) -> io::Result<Self> {
        let world = turn.world;
        let server = Server::start_with(world, turn.peer, CIPHER, TWO_LOOPS)?;
        let start = || Client::start(world, &server, CIPHER, &[world.targets.echo]);
        let clients = [start()?, start()?];
        let busiest = |client: &Client| -> io::Result<u32> {
            let before = server.process.cpu_of_threads();
            let seconds = TRIPS * turn.options.seconds;
            world.load(&format!("ping {} {seconds}", client.to(0)))?;
            let after = server.process.cpu_of_threads().into_iter();
            let grown = after.map(|(tid, now)| (tid, now - before.get(&tid).unwrap_or(&0.0)));
            let most = grown.max_by(|a, b| a.1.total_cmp(&b.1));
            Ok(most.map(|(tid, _)| tid).unwrap_or_default())
        };
        let threads = [busiest(&clients[0])?, busiest(&clients[1])?];
        if threads[0] == threads[1] {
            return Err(io::Error::other("both sessions are on one loop"));
        }
        Ok(Self {
            clients,
            threads,
            _server: server,
        })
    }

    fn p99(&self, world: &World<'_>, session: usize, seconds: f64) -> io::Result<f64> {
        let done = world.load(&format!("ping {} {seconds}", self.clients[session].to(0)))?;
        Ok(done.of("p99"))
    }
}
