//! The figures to reach: what is compared with whom, what must be and what is aimed at.

use crate::cases::{WAYS, figures};
use crate::peers::{Cipher, Peer};
use crate::samples::{Samples, Spread};

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

/// What is held against a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// adit's value over that of the best other program, paired within each round.
    Beside(f64),
    /// adit's value over what there is without a tunnel.
    BesidePlain(f64),
    /// adit's own value.
    Itself(f64),
}

impl Goal {
    pub fn bound(self) -> f64 {
        match self {
            Self::Beside(bound) | Self::BesidePlain(bound) | Self::Itself(bound) => bound,
        }
    }
}

pub struct Row {
    /// What the samples call it.
    pub figure: String,
    pub better: Better,
    /// What must be; empty where nothing must.
    pub bar: Vec<Goal>,
    pub aim: Vec<Goal>,
}

use Better::{Less, More};
use Goal::{Beside, BesidePlain, Itself};

/// The less busy of two loops has so much of what both do: 40/60.
const EVEN: f64 = 0.4;
/// The largest windows, in MiB: what the server may hold of what goes up, and the client of the rest.
const WINDOWS: [f64; 2] = [8.0, 16.0];

/// In the order in which they are shown.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |better, figure: String, bar: &[Goal], aim: &[Goal]| {
        rows.push(Row {
            figure,
            better,
            bar: bar.to_vec(),
            aim: aim.to_vec(),
        });
    };
    for (cipher, bar, aim, own) in [
        (Cipher::Aes128Gcm, 0.68, 0.58, 1.0),
        (Cipher::ChaCha20Poly1305, 0.90, 0.75, 1.85),
    ] {
        for way in WAYS {
            let figure = figures::cpu_per_gigabyte(cipher, way, 1);
            add(Less, figure, &[Beside(bar)], &[Beside(aim), Itself(own)]);
        }
    }
    for streams in [1, figures::MANY] {
        for way in WAYS {
            let figure = figures::gigabits(Cipher::Aes128Gcm, way, streams);
            add(More, figure, &[Beside(1.2)], &[Beside(1.5)]);
        }
    }
    for count in figures::CROWDS {
        let [gigabits, trip] = figures::among(count);
        add(More, gigabits, &[Itself(0.95)], &[Itself(0.95)]);
        add(Less, trip, &[Itself(1.2)], &[Itself(1.2)]);
    }
    for count in figures::CROWDS {
        for figure in figures::ends(&format!("KiB per idle channel of {count}")) {
            add(Less, figure, &[Itself(0.5)], &[Itself(0.25)]);
        }
    }
    for (at_once, bar, aim) in [(1, 1.2, 1.35), (figures::AT_ONCE, 1.4, 1.6)] {
        add(More, figures::rate(at_once), &[Beside(bar)], &[Beside(aim)]);
    }
    for figure in figures::ends(figures::TRIP_CPU) {
        add(Less, figure, &[Itself(20.0)], &[Itself(17.0)]);
    }
    for figure in [figures::TRIP_P50, figures::TRIP_P99] {
        add(Less, figure.into(), &[Beside(1.0)], &[Beside(1.0 / 1.2)]);
    }
    let on_one_core = figures::TRIP_ON_ONE_CORE.into();
    add(Less, on_one_core, &[Beside(1.0)], &[Beside(1.0)]);
    for way in WAYS {
        // The path's round trip and 20 ms.
        let figure = figures::interactive("p99", way);
        add(Less, figure, &[Beside(0.5)], &[Itself(70.0)]);
    }
    let starts = |server| figures::first_byte(server);
    add(Less, starts(""), &[Itself(5.0)], &[Itself(3.5)]);
    add(Less, starts(figures::SSHD), &[Itself(90.0)], &[]);
    let own_share = figures::first_byte_cpu(figures::SSHD);
    add(Less, own_share, &[], &[Itself(4.0)]);
    for way in WAYS {
        let figure = figures::one_stopped(way);
        add(More, figure, &[Itself(0.95)], &[Itself(0.95)]);
    }
    for (way, window) in WAYS.into_iter().zip(WINDOWS) {
        let figure = figures::grown_by_one_stopped(way);
        add(Less, figure, &[Itself(window)], &[Itself(window)]);
    }
    for millis in figures::LONG_PATHS {
        for way in WAYS {
            let figure = figures::over(millis, way);
            add(More, figure, &[BesidePlain(0.8)], &[BesidePlain(0.95)]);
        }
    }
    let share = figures::LESS_BUSY.into();
    add(More, share, &[Itself(EVEN)], &[Itself(EVEN)]);
    let eight = figures::EIGHT_OF_ONE.into();
    add(Less, eight, &[Itself(1.05)], &[Itself(1.05)]);
    // As among idle channels: what another has to do moves it no more than that.
    let beside_held = figures::BESIDE_HELD_LOOP.into();
    add(Less, beside_held, &[Itself(1.2)], &[Itself(1.2)]);
    for figure in [figures::IDLE, figures::IDLE_STATIC]
        .map(figures::ends)
        .as_flattened()
    {
        add(Less, figure.clone(), &[Itself(3.0)], &[Itself(2.3)]);
    }
    add(Less, figures::SIZE.into(), &[Itself(1.5)], &[Itself(1.0)]);
    rows
}

/// The figures of the short form.
pub fn shown_first() -> Vec<String> {
    let mut figures = Vec::new();
    for cipher in [Cipher::Aes128Gcm, Cipher::ChaCha20Poly1305] {
        figures.extend(WAYS.map(|way| figures::cpu_per_gigabyte(cipher, way, 1)));
    }
    figures.extend(WAYS.map(|way| figures::gigabits(Cipher::Aes128Gcm, way, 1)));
    figures.extend(figures::CROWDS.map(figures::among).into_iter().flatten());
    let [crowd, _] = figures::CROWDS;
    figures.extend(figures::ends(&format!("KiB per idle channel of {crowd}")));
    figures.extend([1, figures::AT_ONCE].map(figures::rate));
    figures.extend([figures::TRIP_P50, figures::TRIP_P99].map(str::to_owned));
    figures.extend(WAYS.map(|way| figures::interactive("p99", way)));
    figures.extend(["", figures::SSHD].map(figures::first_byte));
    figures.extend(WAYS.map(figures::one_stopped));
    figures.extend(figures::LONG_PATHS.map(|millis| figures::over(millis, WAYS[1])));
    figures.extend(figures::ends(figures::IDLE));
    figures.push(figures::SIZE.to_owned());
    figures
}

/// What was measured for a goal.
#[derive(Clone, Copy)]
pub struct Judged {
    pub spread: Spread,
    /// Whose value adit's was held against.
    pub best: Option<Peer>,
    pub met: bool,
}

impl Row {
    /// None where it was not measured.
    pub fn judge(&self, goal: Goal, samples: &Samples) -> Option<Judged> {
        let best = match goal {
            Beside(_) => Some(best_other(samples, self)?),
            BesidePlain(_) => Some(Peer::Plain),
            Itself(_) => None,
        };
        let spread = match best {
            Some(peer) => samples.ratio(&self.figure, Peer::Adit, peer)?,
            None => samples.spread(&self.figure, Peer::Adit)?,
        };
        Some(Judged {
            spread,
            best,
            met: self.better.reached(spread.median, goal.bound()),
        })
    }

    /// Whether each of them is met; None where one was not measured.
    pub fn meets(&self, goals: &[Goal], samples: &Samples) -> Option<bool> {
        let judged = goals.iter().map(|goal| self.judge(*goal, samples));
        let met: Option<Vec<bool>> = judged.map(|one| Some(one?.met)).collect();
        Some(met?.into_iter().all(|met| met))
    }
}

/// Whose median is the best.
fn best_other(samples: &Samples, row: &Row) -> Option<Peer> {
    let others = [Peer::OpenSsh, Peer::Russh, Peer::Dropbear].into_iter();
    let medians = others.filter_map(|peer| Some((peer, samples.median(&row.figure, peer)?)));
    let best = medians.reduce(|one, other| {
        if row.better.reached(one.1, other.1) {
            one
        } else {
            other
        }
    })?;
    Some(best.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_figure_to_reach_has_one_row_and_a_goal() {
        let rows = rows();
        let names: BTreeSet<&str> = rows.iter().map(|row| row.figure.as_str()).collect();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            assert!(row.bar.len() + row.aim.len() > 0, "{}", row.figure);
        }
    }

    #[test]
    fn the_short_form_has_rows_of_the_long_one() {
        let rows = rows();
        for figure in shown_first() {
            assert!(rows.iter().any(|row| row.figure == figure), "{figure}");
        }
    }

    #[test]
    fn the_best_other_program_is_the_one_to_be_held_against() {
        let mut samples = Samples::default();
        let figure = figures::rate(1);
        for (peer, value) in [
            (Peer::Adit, 6.0),
            (Peer::OpenSsh, 2.0),
            (Peer::Russh, 3.0),
            (Peer::Dropbear, 1.0),
            (Peer::Plain, 9.0),
        ] {
            samples.keep(&figure, peer, 0, value);
        }
        let rows = rows();
        let row = rows.iter().find(|row| row.figure == figure).unwrap();
        let judged = row.judge(row.bar[0], &samples).unwrap();
        assert_eq!(
            (judged.best, judged.spread.median),
            (Some(Peer::Russh), 2.0)
        );
    }
}
