//! What the command line says.

use std::path::PathBuf;

pub const USAGE: &str = "\
bench/run [quick] [--only CASE,CASE] [--again CASE,CASE] [--rounds N] [--seconds S] [--out FOLDER]
bench/run --render

  quick        two rounds of short loads: a look, not a measurement
  --only       these cases alone; the table then goes to standard output, unless there is a folder for it
  --again      these cases once more, in place of what the files have of them
  --rounds     how often each case is measured (each has its own number)
  --seconds    how long a load lasts (1)
  --out        where table, plot and samples go (docs/performance, and the table's short form into README.md)
  --render     measures nothing, and writes table and plot from the samples that are there";

const SECONDS: f64 = 1.0;
/// Rounds and seconds of a look.
const QUICK: (usize, f64) = (2, 0.5);

/// What is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Task {
    Everything,
    /// Some cases, for who asks.
    Only,
    /// Some cases, in place of what there is.
    Again,
    Render,
}

pub struct Options {
    pub task: Task,
    /// In place of each case's own number.
    pub rounds: Option<usize>,
    pub seconds: f64,
    cases: Vec<String>,
    /// Where adit and aditd are.
    pub programs: PathBuf,
    /// Where this workspace's programs are.
    pub tools: PathBuf,
    pub root: PathBuf,
    pub out: Option<PathBuf>,
}

impl Options {
    /// None where they cannot be understood.
    pub fn parse(args: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            task: Task::Everything,
            rounds: None,
            seconds: SECONDS,
            cases: Vec::new(),
            programs: PathBuf::new(),
            tools: PathBuf::new(),
            root: PathBuf::new(),
            out: None,
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            if arg == "quick" {
                (options.rounds, options.seconds) = (Some(QUICK.0), QUICK.1);
                continue;
            }
            if arg == "--render" {
                options.task = Task::Render;
                continue;
            }
            let value = args.next()?;
            let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number > 0.0);
            match arg.as_str() {
                "--only" | "--again" => {
                    let only = arg == "--only";
                    options.task = if only { Task::Only } else { Task::Again };
                    options.cases = value.split(',').map(str::to_owned).collect();
                }
                "--rounds" => options.rounds = Some(number(&value)?.ceil() as usize),
                "--seconds" => options.seconds = number(&value)?,
                "--programs" => options.programs = value.into(),
                "--tools" => options.tools = value.into(),
                "--root" => options.root = value.into(),
                "--out" => options.out = Some(value.into()),
                _ => return None,
            }
        }
        Some(options)
    }

    pub fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|name| name == case)
    }

    /// Whether each case that is named is one.
    pub fn knows(&self, cases: &[&str]) -> bool {
        self.cases.iter().all(|name| cases.contains(&name.as_str()))
    }
}
