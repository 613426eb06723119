//! `adit-keygen`: makes keys for adit, and shows what they are.

#![forbid(unsafe_code)]

use std::env;
use std::io;
use std::process::ExitCode;

use adit::harden;
use adit::keygen::ask::Terminal;
use adit::keygen::command::{self, CommandError, USAGE};
use adit::keygen::run::{Ending, World, run};
use adit::me::Me;
use adit::report::{Level, Report};

fn main() -> ExitCode {
    harden::process();
    let report = Report::stderr(Level::Info);
    let command = match command::parse(env::args_os().skip(1)) {
        Ok(command) => command,
        Err(CommandError::Refused(line)) => {
            report.fatal(line);
            return Ending::Failed.into();
        }
        Err(CommandError::Usage(line)) => {
            report.fatal(line);
            report.fatal(USAGE);
            return Ending::Declined.into();
        }
    };
    let host = nix::unistd::gethostname().unwrap_or_default();
    let mut world = World {
        me: &Me::find(),
        host: host.to_string_lossy().into_owned(),
        person: &mut Terminal,
        out: &mut io::stdout(),
        report: &report,
    };
    run(command, &mut world).into()
}
