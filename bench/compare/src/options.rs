//! What the command line says.

use std::path::PathBuf;

pub const USAGE: &str = "\
bench/run [quick] [--rounds N] [--seconds S] [--only CASE,CASE] [--out FOLDER]

  quick        two rounds of short loads: a look, not a measurement
  --rounds     how often everything is measured, the programs in turn (5)
  --seconds    how long each load lasts (2)
  --only       these cases alone; the table then goes to standard output, not into a file
  --out        where table, plot and samples go (docs/performance)";

/// Rounds and seconds of the whole, and of a look.
const WHOLE: (usize, f64) = (5, 2.0);
const QUICK: (usize, f64) = (2, 1.0);

pub struct Options {
    pub rounds: usize,
    pub seconds: f64,
    /// Empty for all.
    pub only: Vec<String>,
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
            rounds: WHOLE.0,
            seconds: WHOLE.1,
            only: Vec::new(),
            programs: PathBuf::new(),
            tools: PathBuf::new(),
            root: PathBuf::new(),
            out: None,
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            if arg == "quick" || arg == "--quick" {
                (options.rounds, options.seconds) = QUICK;
                continue;
            }
            let value = args.next()?;
            match arg.as_str() {
                "--rounds" => options.rounds = value.parse().ok().filter(|rounds| *rounds > 0)?,
                "--seconds" => options.seconds = value.parse().ok().filter(|time| *time > 0.0)?,
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
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
        self.only.is_empty() || self.only.iter().any(|name| name == case)
    }
}
