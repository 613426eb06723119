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
mod schedule;
mod table;
mod tunnel;
mod world;

use std::error::Error;
use std::process::ExitCode;

use crate::cases::{CASES, Turn};
use crate::lab::Lab;
use crate::options::{Options, Task, USAGE};
use crate::peers::Peer;
use crate::progress::Progress;
use crate::report::Report;
use crate::samples::Samples;
use crate::world::{Cores, Place, World};

fn main() -> ExitCode {
    let cases = CASES.map(|case| case.name);
    let options = Options::parse(std::env::args().skip(1));
    let Some(options) = options.filter(|options| options.knows(&cases)) else {
        eprintln!("{USAGE}\n\ncases: {}", cases.join(" "));
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
    let report = Report::new(options);
    if options.task == Task::Render {
        return report.write(&report.samples()?);
    }
    let lab = Lab::new(&options.root, &options.programs, &options.tools)?;
    let samples = measure(options, &lab)?;
    match options.task {
        Task::Only if options.out.is_none() => println!("{}", table::full(&samples)),
        Task::Again => {
            let mut all = report.samples()?;
            all.about = format!("{}; again: {}", all.about, samples.about);
            all.replace(samples);
            report.write(&all)?;
        }
        Task::Everything | Task::Only | Task::Render => report.write(&samples)?,
    }
    Ok(())
}

fn measure(options: &Options, lab: &Lab) -> Result<Samples, Box<dyn Error>> {
    let world = World::new(lab, Place::loopback(), Cores::Apart)?;
    let mut samples = Samples::new(report::about(options, lab));
    let plan = schedule::plan(options, lab);
    let takes = plan.iter().map(|turn| turn.takes(options.seconds));
    let mut progress = Progress::new(takes.sum());
    let mut failed = Vec::new();
    for planned in plan {
        let (round, case) = (planned.round, planned.case);
        let who: Vec<String> = planned.peers.iter().map(Peer::to_string).collect();
        let what = format!("round {}, {}, {}", round + 1, case.name, who.join(" and "));
        progress.step(&what, planned.takes(options.seconds));
        let Some(peer) = planned.peers.first().copied() else {
            continue;
        };
        let mut turn = Turn {
            lab,
            world: &world,
            options,
            peers: planned.peers,
            peer,
            round,
            samples: &mut samples,
        };
        // One that fails is one that lacks in the table; the others are worth having.
        if let Err(error) = (case.run)(&mut turn) {
            failed.push(format!("{what}: {error}"));
        }
    }
    progress.end();
    for line in failed {
        eprintln!("failed: {line}");
    }
    Ok(samples)
}
