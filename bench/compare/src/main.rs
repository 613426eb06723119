//! adit and aditd beside other programs that do the same, in one run: see the README beside this.

mod cases;
mod lab;
mod options;
mod path;
mod peers;
mod plot;
mod process;
mod progress;
mod report;
mod rows;
mod samples;
mod table;
mod tunnel;
mod world;

use std::error::Error;
use std::process::ExitCode;

use crate::cases::{CASES, Case, Turn};
use crate::lab::Lab;
use crate::options::{Options, USAGE};
use crate::peers::Peer;
use crate::progress::Progress;
use crate::samples::Samples;
use crate::world::{Cores, Place, World};

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!(
            "{USAGE}\n\ncases: {}",
            CASES.map(|case| case.name).join(" ")
        );
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let lab = Lab::new(&options.root, &options.programs, &options.tools)?;
    let samples = measure(options, &lab)?;
    report::write(options, &lab, &samples)
}

/// Rounds are the outer loop and programs the inner one, so that whatever else the machine does
/// meets all of them.
fn measure(options: &Options, lab: &Lab) -> Result<Samples, Box<dyn Error>> {
    let world = World::new(lab, Place::loopback(), Cores::Apart)?;
    let mut samples = Samples::default();
    let mut turns: Vec<(usize, &Case, Peer)> = Vec::new();
    for round in 0..options.rounds {
        let due = CASES
            .iter()
            .filter(|case| options.wants(case.name) && round < case.rounds);
        for case in due {
            // Whoever comes first has the machine as the case before left it: not always the same.
            let mut peers: Vec<Peer> = case
                .peers
                .iter()
                .copied()
                .filter(|peer| lab.has(*peer))
                .collect();
            let by = round % peers.len().max(1);
            peers.rotate_left(by);
            turns.extend(peers.into_iter().map(|peer| (round, case, peer)));
        }
    }
    let takes = |case: &Case| (case.takes)(options.seconds);
    let mut progress = Progress::new(turns.iter().map(|(_, case, _)| takes(case)).sum());
    for (round, case, peer) in turns {
        progress.step(
            &format!("round {}, {}, {peer}", round + 1, case.name),
            takes(case),
        );
        let samples = &mut samples;
        let mut turn = Turn {
            lab,
            world: &world,
            options,
            peer,
            round,
            samples,
        };
        // One that fails is one that lacks in the table; the others are worth having.
        if let Err(error) = (case.run)(&mut turn) {
            eprintln!("\n{}, {peer}: {error}", case.name);
        }
    }
    progress.end();
    Ok(samples)
}
