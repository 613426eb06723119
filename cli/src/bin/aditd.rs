//! `aditd`: a server for port forwarding over SSH, and for nothing else.

#![forbid(unsafe_code)]

use std::env;
use std::io::Write as _;
use std::process::ExitCode;

use adit::exit::Exit;
use adit::inherited;
use adit::provider::{IDENT, PROVIDER};
use adit::report::{Level, Report};
use adit::server::command::{self, Command, CommandError, HELP, USAGE};
use adit::server::run;

fn main() -> ExitCode {
    inherited::close_all();
    let stderr = Report::stderr(Level::Info);
    match command::parse(env::args_os().skip(1)) {
        Ok(Command::Serve(options)) => run::serve(*options),
        Ok(Command::Test(options)) => run::test(*options),
        Ok(Command::Help) => {
            // Nobody reading it is no failure.
            let _ = writeln!(std::io::stdout(), "{USAGE}\n{HELP}");
            Exit::Done
        }
        Ok(Command::Version) => {
            let version = IDENT.trim_start_matches("SSH-2.0-");
            stderr.info(format_args!("{version}, {}", PROVIDER.name));
            Exit::Done
        }
        Err(CommandError::Refused(text)) => {
            stderr.fatal(text);
            Exit::Failed
        }
        Err(CommandError::Usage(text)) => {
            stderr.fatal(text);
            stderr.fatal(USAGE);
            Exit::Failed
        }
    }
    .code()
}
