//! What is measured: each case so many times, for each program that can do it.

mod bulk;
pub mod figures;
mod idle;
mod loops;
mod once;
mod paths;
mod profile;
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

/// One case, one round.
pub struct Turn<'a> {
    pub lab: &'a Lab,
    /// On loopback, the two ends on a core each.
    pub world: &'a World<'a>,
    pub options: &'a Options,
    /// All that are measured in this turn.
    pub peers: Vec<Peer>,
    /// The one that is being measured.
    pub peer: Peer,
    pub round: usize,
    pub samples: &'a mut Samples,
}

impl Turn<'_> {
    pub fn keep(&mut self, figure: &str, value: f64) {
        self.samples.keep(figure, self.peer, self.round, value);
    }

    /// Of a load that is one of [`SLICES`].
    pub fn slice(&self) -> f64 {
        self.options.seconds / SLICES as f64
    }

    /// Starts something for each program and then measures all of them in slices, one after the other
    /// and back: what the machine does meanwhile lasts longer than a slice, and meets all of them.
    /// One that fails is left out, and said at the end.
    fn in_slices<T>(
        &mut self,
        start: impl Fn(&Self) -> io::Result<T>,
        measure: impl Fn(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut failure = Ok(());
        let mut started = Vec::new();
        for peer in self.peers.clone() {
            self.peer = peer;
            match start(self) {
                Ok(one) => started.push((peer, one)),
                Err(error) => failure = Err(told(peer, &error)),
            }
        }
        for _ in 0..SLICES {
            started.retain(|(peer, one)| {
                self.peer = *peer;
                let done = measure(self, one);
                if let Err(error) = &done {
                    failure = Err(told(*peer, error));
                }
                done.is_ok()
            });
            started.reverse();
        }
        failure
    }
}

fn told(peer: Peer, error: &io::Error) -> io::Error {
    io::Error::other(format!("{peer}: {error}"))
}

/// In so many parts a load is cut.
const SLICES: usize = 4;

/// How many tunnels a program has in a round, one after the other, where that matters: what they cost
/// differs more from one to the next than from one load of the same to its next.
const TUNNELS_A_ROUND: usize = 2;

/// How often something is measured, unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub enum Rounds {
    /// All programs in one turn, in slices.
    Together(usize),
    /// Each in a turn of its own, and adit, where it is to reach something by itself, more often.
    Single { adit: usize, others: usize },
}

impl Rounds {
    pub fn of(self, peer: Peer) -> usize {
        match (self, peer) {
            (Self::Together(rounds), _) => rounds,
            (Self::Single { adit, .. }, Peer::Adit) => adit,
            (Self::Single { others, .. }, _) => others,
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
    /// About how many seconds a turn of one program takes where a load lasts so long.
    pub fn takes(&self, load: f64) -> f64 {
        self.loads * load + self.rest
    }
}

/// `loads` is how many loads such a turn has, in their full length, and `rest` the seconds beside them.
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
const OFTEN: Rounds = Rounds::Together(7);
/// What adit is to reach by itself; the others are there to be looked at.
const OWN: Rounds = Rounds::Single { adit: 4, others: 1 };
/// What takes long, or is the same each time.
const TWICE: Rounds = Rounds::Single { adit: 2, others: 2 };
const ONCE: Rounds = Rounds::Single { adit: 1, others: 1 };

pub const CASES: [Case; 19] = [
    case("aes", bulk::aes, &WITH_AES, OFTEN, [2.4, 1.4]),
    case("chacha", bulk::chacha, &TUNNELS, OFTEN, [2.4, 1.4]),
    case("aes8", bulk::aes_of_many, &WITH_AES, OFTEN, [2.4, 1.4]),
    case("ping", trips::ping, &TUNNELS, OFTEN, [2.2, 0.4]),
    case("onecore", trips::on_one_core, &TUNNELS, OFTEN, [1.1, 0.2]),
    case("rate", trips::rate, &TUNNELS, OFTEN, [2.2, 0.4]),
    case("first", once::first_byte, &TUNNELS, OFTEN, [0.0, 0.5]),
    case("sshd", once::of_sshd, &CLIENTS, OFTEN, [0.0, 0.7]),
    case("rss", once::resident, &TUNNELS, TWICE, [0.0, 0.6]),
    case("size", once::size, &TUNNELS, ONCE, [0.0, 0.1]),
    case("idle", idle::thousand, &WITH_AES, OWN, [5.4, 6.0]),
    case("idle10000", idle::ten_thousand, &CROWD, OWN, [5.4, 9.0]),
    case("stall", stall::one_stopped, &WITH_AES, OWN, [8.2, 7.0]),
    case("sessions", sessions::eight, &ADIT, OFTEN, [4.0, 3.0]),
    case("loops", loops::one_held, &ADIT, OWN, [6.4, 3.5]),
    case("interactive", paths::narrow, &WITH_AES, TWICE, [10.0, 9.0]),
    case("path100", paths::long, &PATH, TWICE, [12.0, 3.0]),
    case("path200", paths::longer, &PATH, TWICE, [12.0, 4.0]),
    case("profile", profile::shares, &ADIT, TWICE, [4.0, 4.8]),
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
