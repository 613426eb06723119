//! The Markdown tables: all figures with what they are to reach, and the short form.

use std::mem::discriminant;

use crate::cases::{WAYS, figures};
use crate::peers::{Cipher, Peer, TUNNELS};
use crate::rows::{Better, Goal, Row, rows, shown_first};
use crate::samples::Samples;

/// A row for each figure that was measured.
pub fn full(samples: &Samples) -> String {
    let mut text = heading(&["measured", "bar", "aim", "met"]);
    for row in rows() {
        if let Some(measured) = measured(&row, samples) {
            let [bar, aim] = [&row.bar, &row.aim].map(|goals| listed(&row, goals));
            let met = met(&row, samples).unwrap_or("-");
            let values = values(&row, samples, &|_, value| value);
            text += &format!("| {values} | {measured} | {bar} | {aim} | {met} |\n");
        }
    }
    text
}

/// Some figures, with the best program's of each in bold, where that is not each one's part of its
/// own.
pub fn short(samples: &Samples) -> String {
    let mut text = heading(&[]);
    let chosen = shown_first();
    for row in rows().iter().filter(|row| chosen.contains(&row.figure)) {
        let of = |peer: &Peer| samples.median(&row.figure, *peer);
        let better = |one, other| match row.better.reached(one, other) {
            true => one,
            false => other,
        };
        let best = TUNNELS.iter().filter_map(of).reduce(better);
        let compared = !row.figure.ends_with(figures::OF_ALONE);
        let bold = |peer: Peer, text: String| match compared && of(&peer) == best {
            true if peer != Peer::Plain => format!("**{text}**"),
            true | false => text,
        };
        if best.is_some() {
            text += &format!("| {} |\n", values(row, samples, &bold));
        }
    }
    text
}

/// Where the CPU time goes; nothing where that was not measured.
pub fn shares(samples: &Samples) -> String {
    let mut rows = String::new();
    for cipher in [Cipher::Aes128Gcm, Cipher::ChaCha20Poly1305] {
        for way in WAYS {
            let share =
                |part: &&str| samples.median(&figures::share(part, cipher, way), Peer::Adit);
            let shares: Option<Vec<f64>> = figures::PARTS.iter().map(share).collect();
            if let Some(shares) = shares {
                let cells: Vec<String> = shares.into_iter().map(number).collect();
                let (cipher, way) = (cipher.short(), way.name());
                rows += &format!("| {cipher}, {way} | {} |\n", cells.join(" | "));
            }
        }
    }
    if rows.is_empty() {
        return rows;
    }
    let parts = figures::PARTS.join(" | ");
    format!("\n| % of the CPU time of both ends | {parts} |\n|---|---|---|---|---|\n{rows}")
}

/// How many are met, of those that were measured.
pub fn tally(samples: &Samples) -> String {
    let rows = rows();
    let count = |goals: fn(&Row) -> &Vec<Goal>| {
        let met: Vec<bool> = rows
            .iter()
            .filter(|row| !goals(row).is_empty())
            .filter_map(|row| row.meets(goals(row), samples))
            .collect();
        (met.iter().filter(|met| **met).count(), met.len())
    };
    let (bars, of_bars) = count(|row| &row.bar);
    let (aims, of_aims) = count(|row| &row.aim);
    let lacking = rows.iter().filter(|row| measured(row, samples).is_none());
    let lacking: Vec<&str> = lacking.map(|row| row.figure.as_str()).collect();
    let mut text = format!("{bars} of {of_bars} bars are met, and {aims} of {of_aims} aims");
    if !lacking.is_empty() {
        text += &format!("; not measured: {}", lacking.join("; "));
    }
    text
}

fn heading(more: &[&str]) -> String {
    let mut names = vec!["figure".to_owned()];
    names.extend(TUNNELS.iter().chain([&Peer::Plain]).map(Peer::to_string));
    names.extend(more.iter().map(|name| (*name).to_owned()));
    format!(
        "| {} |\n|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    )
}

/// The figure's name and each program's median.
fn values(row: &Row, samples: &Samples, dress: &dyn Fn(Peer, String) -> String) -> String {
    let mut cells = vec![row.figure.clone()];
    for peer in TUNNELS.iter().chain([&Peer::Plain]) {
        let value = samples.median(&row.figure, *peer).map(number);
        cells.push(value.map_or("-".to_owned(), |value| dress(*peer, value)));
    }
    cells.join(" | ")
}

/// What is held against its goals, and between what it was in single rounds.
fn measured(row: &Row, samples: &Samples) -> Option<String> {
    let mut parts = Vec::new();
    let mut kinds = Vec::new();
    for goal in row.bar.iter().chain(&row.aim) {
        if kinds.contains(&discriminant(goal)) {
            continue;
        }
        kinds.push(discriminant(goal));
        let judged = row.judge(*goal, samples)?;
        let beside = judged.best.map(|peer| format!(" × {peer}"));
        let spread = judged.spread;
        let [mut median, least, most] = [spread.median, spread.least, spread.most].map(number);
        // Not met, and no more than rounding away from it: then that is said.
        if !judged.met && median == number(goal.bound()) {
            median = format!("{:.3}", spread.median);
        }
        let mut part = format!("{median}{}", beside.unwrap_or_default());
        if least != most {
            part += &format!(" ({least} to {most})");
        }
        parts.push(part);
    }
    Some(parts.join("; "))
}

fn met(row: &Row, samples: &Samples) -> Option<&'static str> {
    let aim = row.meets(&row.aim, samples)?;
    Some(match (row.meets(&row.bar, samples)?, aim) {
        (false, _) => "**no**",
        (true, true) if row.bar.is_empty() => "the aim",
        (true, false) if row.bar.is_empty() => "not the aim",
        (true, true) if !row.aim.is_empty() => "yes, and the aim",
        (true, _) => "yes",
    })
}

fn listed(row: &Row, goals: &[Goal]) -> String {
    let sign = match row.better {
        Better::Less => '≤',
        Better::More => '≥',
    };
    let one = |goal: &Goal| {
        let times = if matches!(goal, Goal::Itself(_)) {
            ""
        } else {
            " ×"
        };
        format!("{sign} {}{times}", number(goal.bound()))
    };
    goals.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Three digits, as many as mean something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURE: &str = "CPU-s/GB, aes128-gcm, up";

    fn measured_as(value: f64) -> Samples {
        let mut samples = Samples::default();
        samples.keep(FIGURE, Peer::Adit, 0, value);
        samples.keep(FIGURE, Peer::OpenSsh, 0, 1.5);
        samples.keep(FIGURE, Peer::Russh, 0, 1.0);
        samples
    }

    #[test]
    fn a_row_says_whether_its_bar_and_its_aim_are_met() {
        for (value, word) in [(0.5, "yes, and the aim"), (0.6, "| yes |"), (0.7, "**no**")] {
            let text = full(&measured_as(value));
            assert!(text.contains(word), "{text}");
            assert!(text.contains("× russh"), "{text}");
        }
    }

    #[test]
    fn what_misses_its_bar_by_less_than_is_shown_is_shown_with_more() {
        let text = full(&measured_as(0.681));
        assert!(text.contains("| 0.681 × russh; 0.68 | ≤ 0.68 ×"), "{text}");
    }

    #[test]
    fn an_aim_with_two_parts_is_met_when_both_are() {
        let mut samples = Samples::default();
        samples.keep(FIGURE, Peer::Adit, 0, 1.1);
        samples.keep(FIGURE, Peer::OpenSsh, 0, 2.2);
        let text = full(&samples);
        assert!(
            text.contains("| 0.50 × OpenSSH; 1.10 | ≤ 0.68 × | ≤ 0.58 ×, ≤ 1.00 | yes |"),
            "{text}"
        );
    }

    #[test]
    fn a_row_says_between_what_single_rounds_were() {
        let mut samples = measured_as(0.5);
        samples.keep(FIGURE, Peer::Adit, 1, 0.75);
        samples.keep(FIGURE, Peer::Russh, 1, 1.0);
        let text = full(&samples);
        assert!(text.contains("0.62 × russh (0.50 to 0.75)"), "{text}");
    }

    #[test]
    fn a_row_that_was_not_measured_is_left_out_and_said() {
        assert_eq!(full(&Samples::default()).lines().count(), 2);
        assert!(tally(&measured_as(0.5)).contains("not measured: CPU-s/GB, aes128-gcm, down;"));
    }

    #[test]
    fn the_short_form_shows_the_best_in_bold() {
        let text = short(&measured_as(1.2));
        assert!(
            text.contains("up | 1.20 | 1.50 | **1.00** | - | - |\n"),
            "{text}"
        );
    }
}
