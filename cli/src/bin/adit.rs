//! `adit`: SSH for port forwarding and nothing else, the client.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use adit::client::command::{self, Command, CommandError, HELP, Purpose, Tunnel, USAGE};
use adit::client::demonstration::become_demo;
use adit::client::merge::{With, merge};
use adit::client::names::ThisMachine;
use adit::client::run;
use adit::exit::Exit;
use adit::file::reason;
use adit::harden;
use adit::inherited;
use adit::me::Me;
use adit::report::{Level, Report};

fn main() -> ExitCode {
    inherited::close_all();
    harden::process();
    let names = ThisMachine::default();
    let exit = match command::parse(std::env::args_os().skip(1), &names) {
        Ok(Command::Tunnel(tunnel)) => tunnel_through(*tunnel, &names),
        Ok(Command::Version) => {
            Report::stderr(Level::Info).info(run::version());
            Exit::Done
        }
        Ok(Command::Help) => {
            // Nobody reading it is no failure.
            let _ = writeln!(std::io::stdout(), "{USAGE}\n{HELP}");
            Exit::Done
        }
        Ok(Command::Demo(demo)) => {
            let report = Report::stderr(Level::Info);
            become_demo(demo)
                .lines()
                .for_each(|line| report.fatal(line));
            Exit::Failed
        }
        Err(error) => {
            let report = Report::stderr(Level::Info);
            match error {
                CommandError::Refused(text) => text.lines().for_each(|line| report.fatal(line)),
                CommandError::Usage(line) => {
                    line.into_iter().for_each(|line| report.fatal(line));
                    report.fatal(USAGE);
                }
            }
            Exit::Failed
        }
    };
    exit.code()
}

fn tunnel_through(tunnel: Tunnel, names: &ThisMachine) -> Exit {
    let level = tunnel.options.log_level.unwrap_or_default();
    let report = match &tunnel.log_file {
        None if tunnel.options.syslog => match Report::syslog(level, "adit") {
            Ok(report) => report,
            Err(error) => {
                Report::stderr(Level::Info).fatal(format_args!("syslog: {}", reason(&error)));
                return Exit::Failed;
            }
        },
        None => Report::stderr(level),
        Some(path) => match Report::file(level, path) {
            Ok(report) => report,
            Err(error) => {
                Report::stderr(Level::Info).fatal(format_args!(
                    "Couldn't open logfile {}: {}",
                    path.display(),
                    reason(&error)
                ));
                return Exit::Failed;
            }
        },
    };
    report.verbose(run::version());
    let me = Me::find();
    let done = merge(tunnel, &With::disk(&me, names, &report));
    let failed = match done {
        Ok(tunnel) if tunnel.purpose == Purpose::Print => match run::print(&tunnel, &me) {
            Ok(text) => {
                let _ = std::io::stdout().write_all(text.as_bytes());
                return Exit::Done;
            }
            Err(failed) => failed,
        },
        Ok(tunnel) => {
            let report = report.at(tunnel.options.log_level.unwrap_or_default());
            return run::run(&tunnel, &me, names, &Arc::new(report));
        }
        Err(failed) => failed,
    };
    failed.0.lines().for_each(|line| report.fatal(line));
    Exit::Failed
}
