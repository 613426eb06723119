//! What was measured: for each figure and program a value of each round.

use std::collections::BTreeMap;

use crate::peers::Peer;

#[derive(Default)]
pub struct Samples(BTreeMap<(String, Peer), BTreeMap<usize, Vec<f64>>>);

impl Samples {
    pub fn keep(&mut self, figure: &str, peer: Peer, round: usize, value: f64) {
        if value.is_finite() {
            let of = self.0.entry((figure.to_owned(), peer)).or_default();
            of.entry(round).or_default().push(value);
        }
    }

    /// Over everything that was measured.
    pub fn median(&self, figure: &str, peer: Peer) -> Option<f64> {
        let rounds = self.0.get(&(figure.to_owned(), peer))?;
        median(rounds.values().flatten().copied().collect())
    }

    /// One program's value over another's, paired within each round.
    pub fn ratio(&self, figure: &str, over: Peer, under: Peer) -> Option<f64> {
        let of = |peer| self.0.get(&(figure.to_owned(), peer));
        let (above, below) = (of(over)?, of(under)?);
        let ratios = above.iter().filter_map(|(round, values)| {
            let others = below.get(round)?;
            Some(median(values.clone())? / median(others.clone())?)
        });
        median(ratios.collect())
    }

    /// Everything, one value a line.
    pub fn lines(&self) -> String {
        let mut text = String::from("figure\tprogram\tround\tvalue\n");
        for ((figure, peer), rounds) in &self.0 {
            for (round, values) in rounds {
                for value in values {
                    text += &format!("{figure}\t{peer}\t{round}\t{value:.6}\n");
                }
            }
        }
        text
    }
}

/// Of an even number of values the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((upper + values.get(middle.checked_sub(1)?)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_value_in_the_middle_or_between_the_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![7.0]), Some(7.0));
        assert_eq!(median(vec![]), None);
    }

    #[test]
    fn a_ratio_pairs_what_was_measured_in_the_same_round() {
        let mut samples = Samples::default();
        for (round, machine) in [(1, 1.0), (2, 10.0), (3, 3.0)] {
            samples.keep("x", Peer::Adit, round, machine);
            samples.keep("x", Peer::OpenSsh, round, 2.0 * machine);
        }
        samples.keep("x", Peer::Adit, 4, 100.0);
        assert_eq!(samples.ratio("x", Peer::Adit, Peer::OpenSsh), Some(0.5));
    }
}
