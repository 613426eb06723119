//! What is measured: each case so many times, for each program that can do it.

mod bulk;
pub mod figures;
mod idle;
mod once;
mod paths;
mod sessions;
mod stall;
mod trips;

use std::io;
use std::time::Duration;

use crate::lab::Lab;
use crate::options::Options;
use crate::peers::{Peer, TUNNELS, WITH_AES};
use crate::samples::Samples;
use crate::tunnel::Tunnel;
use crate::world::World;

pub use bulk::WAYS;

/// One case, one program, one round.
pub struct Turn<'a> {
    pub lab: &'a Lab,
    /// On loopback, the two ends on a core each.
    pub world: &'a World<'a>,
    pub options: &'a Options,
    pub peer: Peer,
    pub round: usize,
    pub samples: &'a mut Samples,
}

impl Turn<'_> {
    pub fn keep(&mut self, figure: &str, value: f64) {
        self.samples.keep(figure, self.peer, self.round, value);
    }
}

/// How often something is measured, unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    adit: usize,
    others: usize,
}

impl Rounds {
    pub fn of(self, peer: Peer) -> usize {
        match peer {
            Peer::Adit => self.adit,
            Peer::OpenSsh | Peer::Russh | Peer::Dropbear | Peer::Plain => self.others,
        }
    }
}

pub struct Case {
    /// What `--only` knows it by.
    pub name: &'static str,
    pub peers: &'static [Peer],
    pub rounds: Rounds,
    pub run: fn(&mut Turn<'_>) -> io::Result<()>,
    loads: f64,
    rest: f64,
}

impl Case {
    /// About how many seconds a turn takes where a load lasts so long.
    pub fn takes(&self, load: f64) -> f64 {
        self.loads * load + self.rest
    }
}

/// `loads` is how many loads a turn has, in their full length, and `rest` the seconds beside them.
const fn case(
    name: &'static str,
    run: fn(&mut Turn<'_>) -> io::Result<()>,
    peers: &'static [Peer],
    rounds: Rounds,
    [loads, rest]: [f64; 2],
) -> Case {
    Case {
        name,
        peers,
        rounds,
        run,
        loads,
        rest,
    }
}

const ADIT: [Peer; 1] = [Peer::Adit];
const CLIENTS: [Peer; 2] = [Peer::Adit, Peer::OpenSsh];
const CROWD: [Peer; 2] = [Peer::Adit, Peer::Russh];
const PATH: [Peer; 2] = [Peer::Plain, Peer::Adit];
/// What is compared within each round.
const OFTEN: Rounds = Rounds { adit: 7, others: 7 };
/// What adit is to reach by itself, with the others to look at.
const OWN: Rounds = Rounds { adit: 5, others: 2 };
/// What takes long, or is the same each time.
const TWICE: Rounds = Rounds { adit: 2, others: 2 };
const ONCE: Rounds = Rounds { adit: 1, others: 1 };

pub const CASES: [Case; 17] = [
    case("aes", bulk::aes, &WITH_AES, OFTEN, [2.0, 1.0]),
    case("chacha", bulk::chacha, &TUNNELS, OFTEN, [2.0, 1.0]),
    case("aes8", bulk::aes_of_many, &WITH_AES, OFTEN, [2.0, 1.0]),
    case("ping", trips::ping, &TUNNELS, OFTEN, [1.1, 0.2]),
    case("onecore", trips::on_one_core, &TUNNELS, OFTEN, [1.1, 0.2]),
    case("rate", trips::rate, &TUNNELS, OFTEN, [2.2, 0.4]),
    case("first", once::first_byte, &TUNNELS, OFTEN, [0.0, 0.5]),
    case("sshd", once::of_sshd, &CLIENTS, OFTEN, [0.0, 0.7]),
    case("rss", once::resident, &TUNNELS, TWICE, [0.0, 0.6]),
    case("size", once::size, &TUNNELS, ONCE, [0.0, 0.1]),
    case("idle", idle::thousand, &WITH_AES, OWN, [6.8, 3.0]),
    case("idle10000", idle::ten_thousand, &CROWD, OWN, [6.8, 7.0]),
    case("stall", stall::one_stopped, &WITH_AES, OWN, [10.0, 4.0]),
    case("sessions", sessions::eight, &ADIT, OFTEN, [2.0, 0.5]),
    case("interactive", paths::narrow, &WITH_AES, TWICE, [12.0, 9.0]),
    case("path100", paths::long, &PATH, TWICE, [12.0, 3.0]),
    case("path200", paths::longer, &PATH, TWICE, [12.0, 4.0]),
];

/// Memory that is given back is given back by then.
const SETTLED: Duration = Duration::from_millis(300);

/// The same on two tunnels in turn, so many times; each of them is the first as often as the other.
fn in_turn<T>(
    pairs: usize,
    [one, other]: &[Tunnel; 2],
    measure: impl Fn(&Tunnel) -> io::Result<T>,
) -> io::Result<Vec<[T; 2]>> {
    let both = |pair: usize| {
        if pair.is_multiple_of(2) {
            return Ok([measure(one)?, measure(other)?]);
        }
        let after = measure(other)?;
        Ok([measure(one)?, after])
    };
    (0..pairs).map(both).collect()
}
