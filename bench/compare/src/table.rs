//! The Markdown table.

use crate::peers::{Peer, TUNNELS};
use crate::rows::{Better, Held, ROWS, Row};
use crate::samples::Samples;

/// A row for each figure that was measured.
pub fn table(samples: &Samples) -> String {
    let names: Vec<String> = TUNNELS.iter().map(Peer::to_string).collect();
    let mut text = format!(
        "| figure | {} | no tunnel | bar | aim | measured | met |\n|---|{}---|---|---|---|---|\n",
        names.join(" | "),
        "---|".repeat(names.len()),
    );
    for row in &ROWS {
        if let Some(line) = line(row, samples) {
            text += &line;
        }
    }
    text
}

fn line(row: &Row, samples: &Samples) -> Option<String> {
    let judged = row.judge(samples)?;
    let peers = TUNNELS.iter().chain([&Peer::Plain]);
    let cells: Vec<String> = peers
        .map(|peer| {
            samples
                .median(row.figure, *peer)
                .map_or("-".to_owned(), number)
        })
        .collect();
    let measured = match judged.best {
        Some(best) => format!("{} × {best}", number(judged.value)),
        None => number(judged.value),
    };
    let met = match (judged.bar_met, judged.aim_met) {
        (true, true) => "yes, and the aim",
        (true, false) if row.bar.is_finite() => "yes",
        (true, false) => "not the aim",
        (false, _) => "**no**",
    };
    Some(format!(
        "| {} | {} | {} | {} | {measured} | {met} |\n",
        row.figure,
        cells.join(" | "),
        goal(row, row.bar),
        goal(row, row.aim),
    ))
}

fn goal(row: &Row, goal: f64) -> String {
    if goal.is_infinite() {
        return String::new();
    }
    let sign = match row.better {
        Better::Less => '≤',
        Better::More => '≥',
    };
    let unit = match row.held {
        Held::Beside | Held::BesidePlain => " ×",
        Held::Itself => "",
    };
    format!("{sign} {}{unit}", number(goal))
}

/// Three digits, as many as mean something.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_bar_and_its_aim_are_met() {
        for (value, word) in [(0.5, "yes, and the aim"), (0.6, "| yes |"), (0.7, "**no**")] {
            let mut samples = Samples::default();
            samples.keep("CPU-s/GB aes128-gcm up 1", Peer::Adit, 0, value);
            samples.keep("CPU-s/GB aes128-gcm up 1", Peer::OpenSsh, 0, 1.5);
            samples.keep("CPU-s/GB aes128-gcm up 1", Peer::Russh, 0, 1.0);
            let text = table(&samples);
            assert!(text.contains(word), "{text}");
            assert!(text.contains("× russh"), "{text}");
        }
    }

    #[test]
    fn a_row_that_was_not_measured_is_left_out() {
        assert_eq!(table(&Samples::default()).lines().count(), 2);
    }
}
