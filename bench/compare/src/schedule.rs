//! In which order everything is measured.

use crate::cases::{CASES, Case, Rounds};
use crate::lab::Lab;
use crate::options::Options;
use crate::peers::Peer;

/// What comes next, and who is measured.
pub struct Planned {
    pub round: usize,
    pub case: &'static Case,
    pub peers: Vec<Peer>,
}

impl Planned {
    /// About how many seconds that takes.
    pub fn takes(&self, load: f64) -> f64 {
        self.case.takes(load) * self.peers.len() as f64
    }
}

/// Rounds are the outer loop and programs the inner one, so that whatever else the machine does
/// meets all of them.
pub fn plan(options: &Options, lab: &Lab) -> Vec<Planned> {
    let wanted = || CASES.iter().filter(|case| options.wants(case.name));
    let times = |case: &Case, peer| options.rounds.unwrap_or(case.rounds.of(peer));
    let most = wanted().map(|case| times(case, Peer::Adit)).max();
    let rounds = most.unwrap_or(0);
    let mut turns = Vec::new();
    for round in 0..rounds {
        for case in wanted() {
            let is_due = |peer: &Peer| lab.has(*peer) && due(times(case, *peer), rounds, round);
            let mut peers: Vec<Peer> = case.peers.iter().copied().filter(is_due).collect();
            // Whoever comes first has the machine as the case before left it: not always the same.
            let by = round % peers.len().max(1);
            peers.rotate_left(by);
            let turn = |peers| Planned { round, case, peers };
            match case.rounds {
                Rounds::Together(_) => turns.push(turn(peers)),
                Rounds::Single { .. } => turns.extend(peers.into_iter().map(|one| turn(vec![one]))),
            }
        }
    }
    turns
}

/// Whether one of `times` in so many rounds is this one: they lie as far apart as they can.
fn due(times: usize, rounds: usize, round: usize) -> bool {
    (round + 1) * times / rounds > round * times / rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_due_as_often_as_it_says_over_the_whole_run() {
        for rounds in 1..10 {
            for times in 0..=rounds {
                let due: Vec<usize> = (0..rounds).filter(|at| due(times, rounds, *at)).collect();
                assert_eq!(due.len(), times);
                let apart = due.windows(2).map(|two| two[1] - two[0]);
                assert!(apart.min().is_none_or(|least| least >= rounds / times));
            }
        }
    }
}
