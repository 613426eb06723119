//! What was measured: for each figure and program the values of each round.

use std::collections::BTreeMap;

use crate::peers::{PEERS, Peer};

#[derive(Debug, Default, PartialEq)]
pub struct Samples {
    /// Where and how, in a sentence.
    pub about: String,
    values: BTreeMap<(String, Peer), BTreeMap<usize, Vec<f64>>>,
}

/// The value of a figure, and between what it was in single rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    fn of(mut rounds: Vec<f64>) -> Option<Self> {
        let median = median(&mut rounds)?;
        Some(Self {
            median,
            least: *rounds.first()?,
            most: *rounds.last()?,
        })
    }
}

const COLUMNS: &str = "figure\tprogram\tround\tvalue";

impl Samples {
    pub fn new(about: String) -> Self {
        Self {
            about,
            values: BTreeMap::new(),
        }
    }

    pub fn keep(&mut self, figure: &str, peer: Peer, round: usize, value: f64) {
        if value.is_finite() {
            let of = self.values.entry((figure.to_owned(), peer)).or_default();
            of.entry(round).or_default().push(value);
        }
    }

    /// The median of what each round's median is.
    pub fn median(&self, figure: &str, peer: Peer) -> Option<f64> {
        Some(self.spread(figure, peer)?.median)
    }

    pub fn spread(&self, figure: &str, peer: Peer) -> Option<Spread> {
        let rounds = self.rounds(figure, peer)?;
        Spread::of(rounds.map(|(_, value)| value).collect())
    }

    /// One program's value over another's, paired within each round, and there each with the one that
    /// was measured next to it.
    pub fn ratio(&self, figure: &str, over: Peer, under: Peer) -> Option<Spread> {
        let of = |peer| self.values.get(&(figure.to_owned(), peer));
        let (above, below) = (of(over)?, of(under)?);
        let ratios = above.iter().filter_map(|(round, values)| {
            let others = below.get(round)?;
            if values.len() != others.len() {
                return Some(median(&mut values.clone())? / median(&mut others.clone())?);
            }
            let pairs = values.iter().zip(others);
            median(&mut pairs.map(|(one, other)| one / other).collect::<Vec<f64>>())
        });
        Spread::of(ratios.collect())
    }

    fn rounds(&self, figure: &str, peer: Peer) -> Option<impl Iterator<Item = (usize, f64)>> {
        let rounds = self.values.get(&(figure.to_owned(), peer))?.iter();
        Some(rounds.filter_map(|(round, values)| Some((*round, median(&mut values.clone())?))))
    }

    /// What was measured again takes the place of what was.
    pub fn replace(&mut self, again: Self) {
        self.values.extend(again.values);
    }

    /// Everything, one value a line.
    pub fn lines(&self) -> String {
        let mut text = format!("# {}\n{COLUMNS}\n", self.about);
        for ((figure, peer), rounds) in &self.values {
            for (round, values) in rounds {
                for value in values {
                    text += &format!("{figure}\t{peer}\t{round}\t{value:.6}\n");
                }
            }
        }
        text
    }

    /// What [`Self::lines`] wrote; None where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (about, rest) = text.strip_prefix("# ")?.split_once('\n')?;
        let mut samples = Self::new(about.to_owned());
        for line in rest.strip_prefix(COLUMNS)?.lines().skip(1) {
            let mut fields = line.split('\t');
            let (figure, program) = (fields.next()?, fields.next()?);
            let peer = PEERS.into_iter().find(|peer| peer.to_string() == program)?;
            let (round, value) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            samples.keep(figure, peer, round, value);
        }
        Some(samples)
    }
}

/// Of an even number of values the mean of the two in the middle. They are in order afterwards.
pub fn median(values: &mut [f64]) -> Option<f64> {
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
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut [7.0]), Some(7.0));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn a_ratio_pairs_what_was_measured_in_the_same_round() {
        let mut samples = Samples::default();
        for (round, machine) in [(1, 1.0), (2, 10.0), (3, 3.0)] {
            samples.keep("x", Peer::Adit, round, machine);
            samples.keep("x", Peer::OpenSsh, round, 2.0 * machine);
        }
        samples.keep("x", Peer::Adit, 4, 100.0);
        let ratio = samples.ratio("x", Peer::Adit, Peer::OpenSsh).unwrap();
        assert_eq!((ratio.least, ratio.median, ratio.most), (0.5, 0.5, 0.5));
    }

    #[test]
    fn a_ratio_pairs_what_was_measured_next_to_each_other() {
        let mut samples = Samples::default();
        for machine in [1.0, 7.0, 2.0, 5.0] {
            samples.keep("x", Peer::Adit, 1, machine);
            samples.keep("x", Peer::OpenSsh, 1, 2.0 * machine);
        }
        let ratio = |samples: &Samples| samples.ratio("x", Peer::Adit, Peer::OpenSsh).unwrap();
        assert_eq!(ratio(&samples).median, 0.5);
        samples.keep("x", Peer::Adit, 1, 8.0);
        assert_eq!(
            ratio(&samples).median,
            5.0 / 7.0,
            "one more than there are of the other"
        );
    }

    #[test]
    fn a_round_counts_once_however_often_it_was_measured_in_it() {
        let mut samples = Samples::default();
        for value in [1.0, 1.0, 1.0, 4.0, 5.0] {
            samples.keep("x", Peer::Adit, 1, value);
        }
        samples.keep("x", Peer::Adit, 2, 3.0);
        let spread = samples.spread("x", Peer::Adit).unwrap();
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
    }

    #[test]
    fn samples_are_read_as_they_were_written() {
        let mut samples = Samples::new("here".to_owned());
        samples.keep("x, y", Peer::Plain, 0, 1.5);
        samples.keep("x, y", Peer::Adit, 3, 0.25);
        assert_eq!(Samples::parse(&samples.lines()), Some(samples));
        assert_eq!(Samples::parse("figure\tprogram\n"), None);
    }

    #[test]
    fn what_is_measured_again_replaces_what_was() {
        let [mut samples, mut again] = [Samples::default(), Samples::default()];
        samples.keep("x", Peer::Adit, 0, 1.0);
        samples.keep("y", Peer::Adit, 0, 2.0);
        again.keep("x", Peer::Adit, 0, 3.0);
        samples.replace(again);
        let values = ["x", "y"].map(|figure| samples.median(figure, Peer::Adit));
        assert_eq!(values, [Some(3.0), Some(2.0)]);
    }
}
