//! What is measured: each case once a round for each program that can do it.

mod bulk;
mod idle;
mod once;
mod paths;
mod sessions;
mod stall;
mod trips;

use std::io;

use crate::lab::Lab;
use crate::options::Options;
use crate::peers::{Peer, TUNNELS, WITH_AES};
use crate::samples::Samples;
use crate::world::World;

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

pub struct Case {
    /// What `--only` knows it by.
    pub name: &'static str,
    pub peers: &'static [Peer],
    /// How often at most.
    pub rounds: usize,
    pub run: fn(&mut Turn<'_>) -> io::Result<()>,
    /// About how many seconds a turn takes where each load lasts so long.
    pub takes: fn(f64) -> f64,
}

const ADIT: [Peer; 1] = [Peer::Adit];
const OFTEN: usize = usize::MAX;
/// What hardly changes from round to round, or takes long.
const SELDOM: usize = 3;
const TWICE: usize = 2;

pub const CASES: [Case; 17] = [
    Case {
        name: "aes",
        peers: &WITH_AES,
        rounds: OFTEN,
        run: bulk::aes,
        takes: |s| 2.0 * s + 0.6,
    },
    Case {
        name: "chacha",
        peers: &TUNNELS,
        rounds: OFTEN,
        run: bulk::chacha,
        takes: |s| 2.0 * s + 0.6,
    },
    Case {
        name: "aes8",
        peers: &WITH_AES,
        rounds: OFTEN,
        run: bulk::aes_of_eight,
        takes: |s| 2.0 * s + 0.6,
    },
    Case {
        name: "ping",
        peers: &TUNNELS,
        rounds: OFTEN,
        run: trips::ping,
        takes: |s| s + 0.5,
    },
    Case {
        name: "onecore",
        peers: &TUNNELS,
        rounds: OFTEN,
        run: trips::on_one_core,
        takes: |s| s + 0.5,
    },
    Case {
        name: "rate",
        peers: &TUNNELS,
        rounds: OFTEN,
        run: trips::rate,
        takes: |s| 1.2 * s + 0.4,
    },
    Case {
        name: "first",
        peers: &TUNNELS,
        rounds: OFTEN,
        run: once::first_byte,
        takes: |_| 1.0,
    },
    Case {
        name: "sshd",
        peers: &[Peer::Adit, Peer::OpenSsh],
        rounds: OFTEN,
        run: once::first_byte_of_sshd,
        takes: |_| 1.0,
    },
    Case {
        name: "rss",
        peers: &TUNNELS,
        rounds: SELDOM,
        run: once::resident,
        takes: |_| 1.0,
    },
    Case {
        name: "size",
        peers: &TUNNELS,
        rounds: 1,
        run: once::size,
        takes: |_| 0.1,
    },
    Case {
        name: "idle",
        peers: &WITH_AES,
        rounds: SELDOM,
        run: idle::thousand,
        takes: |s| 3.5 * s + 2.0,
    },
    Case {
        name: "idle10000",
        peers: &[Peer::Adit, Peer::Russh],
        rounds: SELDOM,
        run: idle::ten_thousand,
        takes: |s| 3.5 * s + 6.0,
    },
    Case {
        name: "stall",
        peers: &WITH_AES,
        rounds: SELDOM,
        run: stall::one_receiver_stopped,
        takes: |s| 4.0 * s + 4.0,
    },
    Case {
        name: "sessions",
        peers: &ADIT,
        rounds: SELDOM,
        run: sessions::eight,
        takes: |s| 2.0 * s + 1.0,
    },
    Case {
        name: "interactive",
        peers: &WITH_AES,
        rounds: TWICE,
        run: paths::interactive,
        takes: |s| 6.0 * s + 4.0,
    },
    Case {
        name: "path100",
        peers: &[Peer::Plain, Peer::Adit],
        rounds: TWICE,
        run: paths::tenth_of_a_second,
        takes: |s| 8.0 * s + 2.0,
    },
    Case {
        name: "path200",
        peers: &[Peer::Plain, Peer::Adit],
        rounds: TWICE,
        run: paths::fifth_of_a_second,
        takes: |s| 8.0 * s + 2.0,
    },
];
