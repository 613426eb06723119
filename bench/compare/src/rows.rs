//! The figures to reach: what is compared with whom, what must be and what is aimed at.

use crate::peers::Peer;
use crate::samples::Samples;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Better {
    Less,
    More,
}

impl Better {
    /// Whether the one is as good as the other.
    pub fn reached(self, value: f64, goal: f64) -> bool {
        match self {
            Self::Less => value <= goal,
            Self::More => value >= goal,
        }
    }
}

/// What is held against the bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Held {
    /// adit's value over that of the best other program, paired within each round.
    Beside,
    /// adit's value over what there is without a tunnel.
    BesidePlain,
    /// adit's own value.
    Itself,
}

pub struct Row {
    /// What the samples call it.
    pub figure: &'static str,
    pub better: Better,
    pub held: Held,
    pub bar: f64,
    pub aim: f64,
}

const fn row(figure: &'static str, better: Better, held: Held, bar: f64, aim: f64) -> Row {
    Row {
        figure,
        better,
        held,
        bar,
        aim,
    }
}

use Better::{Less, More};
use Held::{Beside, BesidePlain, Itself};

/// The less busy of two loops has so much of what both do: 40/60.
const EVEN: f64 = 0.4;
/// The largest windows, in MiB: what the server may hold of what goes up, and the client of the rest.
const WINDOW_UP: f64 = 8.0;
const WINDOW_DOWN: f64 = 16.0;

pub const ROWS: [Row; 47] = [
    row("CPU-s/GB aes128-gcm up 1", Less, Beside, 0.68, 0.58),
    row("CPU-s/GB aes128-gcm down 1", Less, Beside, 0.68, 0.58),
    row("CPU-s/GB chacha20-poly1305 up 1", Less, Beside, 0.90, 0.75),
    row(
        "CPU-s/GB chacha20-poly1305 down 1",
        Less,
        Beside,
        0.90,
        0.75,
    ),
    row("Gbit/s aes128-gcm up 1", More, Beside, 1.2, 1.5),
    row("Gbit/s aes128-gcm down 1", More, Beside, 1.2, 1.5),
    row("Gbit/s aes128-gcm up 8", More, Beside, 1.2, 1.5),
    row("Gbit/s aes128-gcm down 8", More, Beside, 1.2, 1.5),
    row("Gbit/s among 1000, of alone", More, Itself, 0.95, 0.95),
    row("Gbit/s among 10000, of alone", More, Itself, 0.95, 0.95),
    row("round trip among 1000, of alone", Less, Itself, 1.2, 1.2),
    row("round trip among 10000, of alone", Less, Itself, 1.2, 1.2),
    row(
        "KiB per idle channel of 1000, client",
        Less,
        Itself,
        0.5,
        0.25,
    ),
    row(
        "KiB per idle channel of 1000, server",
        Less,
        Itself,
        0.5,
        0.25,
    ),
    row(
        "KiB per idle channel of 10000, client",
        Less,
        Itself,
        0.5,
        0.25,
    ),
    row(
        "KiB per idle channel of 10000, server",
        Less,
        Itself,
        0.5,
        0.25,
    ),
    row("connections/s, 1 at once", More, Beside, 1.2, 1.35),
    row("connections/s, 64 at once", More, Beside, 1.4, 1.6),
    row("CPU us per round trip, client", Less, Itself, 20.0, 17.0),
    row("CPU us per round trip, server", Less, Itself, 20.0, 17.0),
    row("round trip p50", Less, Beside, 1.0, 1.0 / 1.2),
    row("round trip p99", Less, Beside, 1.0, 1.0 / 1.2),
    row("interactive p99 ms beside bulk up", Less, Beside, 0.5, 0.5),
    row(
        "interactive p99 ms beside bulk up",
        Less,
        Itself,
        f64::INFINITY,
        70.0,
    ),
    row(
        "interactive p99 ms beside bulk down",
        Less,
        Beside,
        0.5,
        0.5,
    ),
    row(
        "interactive p99 ms beside bulk down",
        Less,
        Itself,
        f64::INFINITY,
        70.0,
    ),
    row("first byte, ms", Less, Itself, 5.0, 3.5),
    row("first byte from sshd, ms", Less, Itself, 90.0, 90.0),
    row(
        "first byte from sshd, client's CPU ms",
        Less,
        Itself,
        f64::INFINITY,
        4.0,
    ),
    row(
        "Gbit/s with one stopped up, of alone",
        More,
        Itself,
        0.95,
        0.95,
    ),
    row(
        "Gbit/s with one stopped down, of alone",
        More,
        Itself,
        0.95,
        0.95,
    ),
    row(
        "MiB grown with one stopped up",
        Less,
        Itself,
        WINDOW_UP,
        WINDOW_UP,
    ),
    row(
        "MiB grown with one stopped down",
        Less,
        Itself,
        WINDOW_DOWN,
        WINDOW_DOWN,
    ),
    row("Mbit/s over 100 ms up", More, BesidePlain, 0.8, 0.95),
    row("Mbit/s over 100 ms down", More, BesidePlain, 0.8, 0.95),
    row("Mbit/s over 200 ms up", More, BesidePlain, 0.8, 0.95),
    row("Mbit/s over 200 ms down", More, BesidePlain, 0.8, 0.95),
    row("share of the less busy loop", More, Itself, EVEN, EVEN),
    row(
        "CPU-s/GB of eight sessions, of one",
        Less,
        Itself,
        1.05,
        1.05,
    ),
    row("idle RSS MiB, client", Less, Itself, 3.0, 2.3),
    row("idle RSS MiB, server", Less, Itself, 3.0, 2.3),
    row("stripped client, MB", Less, Itself, 1.5, 1.0),
    row("CPU-s/GB aes128-gcm up 1", Less, Itself, f64::INFINITY, 1.0),
    row(
        "CPU-s/GB aes128-gcm down 1",
        Less,
        Itself,
        f64::INFINITY,
        1.0,
    ),
    row(
        "CPU-s/GB chacha20-poly1305 up 1",
        Less,
        Itself,
        f64::INFINITY,
        1.85,
    ),
    row(
        "CPU-s/GB chacha20-poly1305 down 1",
        Less,
        Itself,
        f64::INFINITY,
        1.85,
    ),
    row("round trip p50 on one core", Less, Beside, 1.0, 1.0),
];

/// A row and what was measured for it.
pub struct Judged {
    pub value: f64,
    /// Whose value adit's was held against.
    pub best: Option<Peer>,
    pub bar_met: bool,
    pub aim_met: bool,
}

impl Row {
    /// None where it was not measured.
    pub fn judge(&self, samples: &Samples) -> Option<Judged> {
        let best = match self.held {
            Beside => Some(best_other(samples, self)?),
            BesidePlain => Some(Peer::Plain),
            Itself => None,
        };
        let value = match best {
            Some(peer) => samples.ratio(self.figure, Peer::Adit, peer)?,
            None => samples.median(self.figure, Peer::Adit)?,
        };
        let reached = |goal| self.better.reached(value, goal);
        Some(Judged {
            value,
            best,
            bar_met: reached(self.bar),
            aim_met: reached(self.aim),
        })
    }
}

/// Whose median is the best.
fn best_other(samples: &Samples, row: &Row) -> Option<Peer> {
    let others = [Peer::OpenSsh, Peer::Russh, Peer::Dropbear].into_iter();
    let medians = others.filter_map(|peer| Some((peer, samples.median(row.figure, peer)?)));
    let best = medians.reduce(|one, other| {
        if row.better.reached(one.1, other.1) {
            one
        } else {
            other
        }
    })?;
    Some(best.0)
}
