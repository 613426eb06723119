//! The command line of `aditd`: sshd's letters where it has them.

use std::ffi::OsString;
use std::path::PathBuf;

use adit_forward::spec::Family;

use crate::args::{Arg, Args};
use crate::report::Level;
use crate::server::config::{Config, ConfigError, PortsFrom};
use crate::value;

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Print what there is.
    Help,
    /// Print the version.
    Version,
    /// `-t`: look at configuration and keys, and end.
    Test(Box<Options>),
    /// Serve.
    Serve(Box<Options>),
}

/// The rest of it.
#[derive(Debug, Default)]
pub struct Options {
    /// `-f`; without it no file is read.
    pub config_file: Option<PathBuf>,
    /// What `-o`, `-p`, `-4` and `-6` say; it comes before the file.
    pub config: Config,
    /// `-h`: made when they are missing.
    pub host_keys: Vec<PathBuf>,
    /// `-E`; without it standard error.
    pub log_file: Option<PathBuf>,
    /// `-q` or `-d`; it comes before LogLevel.
    pub level: Option<Level>,
}

/// A command line that cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommandError {
    /// This line, and no usage.
    Refused(String),
    /// This line, and the usage.
    Usage(String),
}

/// What `aditd` prints for a wrong command line. Lines of at most 80 characters.
pub const USAGE: &str = "\
usage: aditd [-46DdeqtV] [-E log_file] [-f config_file] [-h host_key_file]
             [-o option] [-p port]";

/// What `--help` adds to it.
pub const HELP: &str = "
aditd lets clients in by public key and forwards ports and Unix sockets for them
(-L, -R, -D, -W and -J of ssh and adit). It runs no commands, and any user can
run it. Until a keyword says what may be opened and listened on, nothing may be.

  aditd -p 2222 -o AllowTcpForwarding=yes
  aditd -p 2222 -o 'PermitOpen=localhost:5432 /run/db.sock'
  aditd -p 2222 -o 'PermitListen=8080' -o GatewayPorts=clientspecified

Options mean what they mean to sshd(8), except:
  -D  It always stays in the foreground; the option is accepted.
  -d  Logs more (-d -d: more still), and serves on as without it.
  -e  It always logs to standard error unless -E names a file.
  -f  Without it no file is read. Keywords are those of sshd_config(5); one that
      this server does not follow is an error. There is no Match yet. Lists of
      algorithms may name what only others have; that is passed over.
  -h  A key without a passphrase, of any type; one of each type can be given. If
      the file is missing an Ed25519 key is made. Default:
      ~/.ssh/aditd_host_ed25519_key
  -p  Port 0, here and in ListenAddress, lets the system choose; the log says
      what it chose.

Keys are looked for in ~/.ssh/authorized_keys of the user that runs aditd, or
where AuthorizedKeysFile says. A login name is a label: it stands for %u there,
and in the log. Log lines are sshd's, on standard error as bare as those of
sshd -e; in the file of -E each begins with time, program, process and the
number of the connection: aditd[4711.3]. fail2ban's filter for sshd reads that
file as it is.";

const LETTERS: &str = "46DdE:ef:h:o:p:qtV";

/// Reads a command line, without the program's name.
///
/// # Errors
/// [`CommandError`]: whatever is read first from left to right.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, CommandError> {
    let mut args = Args::new(LETTERS, &["--help"], args);
    let mut options = Options::default();
    let mut only_test = false;
    let wrong = |text: &dyn ToString| CommandError::Usage(text.to_string());
    while let Some(arg) = args.next_arg().map_err(|error| wrong(&error))? {
        match arg {
            Arg::Operand(word) if word == "--help" && !args.terminated() => {
                return Ok(Command::Help);
            }
            Arg::Operand(word) => return Err(wrong(&format!("Extra argument {word}."))),
            Arg::Flag('V') => return Ok(Command::Version),
            Arg::Flag('t') => only_test = true,
            Arg::Flag('4') => options.config.family = Some(Family::Inet),
            Arg::Flag('6') => options.config.family = Some(Family::Inet6),
            Arg::Flag('q') => options.level = Some(Level::Quiet),
            Arg::Flag('d') => options.level = Some(options.level.unwrap_or_default().more()),
            // What it does anyway: -D and -e.
            Arg::Flag(_) => {}
            Arg::Value(letter, word) => options.value(letter, word)?,
        }
    }
    let options = Box::new(options);
    Ok(if only_test {
        Command::Test(options)
    } else {
        Command::Serve(options)
    })
}

impl Options {
    fn value(&mut self, letter: char, word: String) -> Result<(), CommandError> {
        match letter {
            'E' => self.log_file = Some(word.into()),
            'f' => self.config_file = Some(word.into()),
            'h' => self.host_keys.push(word.into()),
            'o' => self
                .config
                .option(&word)
                .map_err(|error: ConfigError| CommandError::Refused(error.to_string()))?,
            'p' => {
                let port = value::number(&word)
                    .ok_or_else(|| CommandError::Refused("Bad port number.".to_owned()))?;
                self.config.ports.push(port);
                self.config.ports_from = PortsFrom::CommandLine;
            }
            other => return Err(CommandError::Usage(format!("unknown option -- {other}"))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(args: &[&str]) -> Result<Command, CommandError> {
        parse(args.iter().map(OsString::from))
    }

    fn served(args: &[&str]) -> Options {
        match read(args) {
            Ok(Command::Serve(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn letters_mean_what_they_mean_to_sshd() {
        let options = served(&[
            "-De4", "-p2222", "-p", "0", "-h", "key1", "-hkey2", "-f", "conf", "-E", "log",
        ]);
        assert_eq!(options.config.ports, [2222, 0]);
        assert_eq!(options.config.family, Some(Family::Inet));
        assert_eq!(options.host_keys, [PathBuf::from("key1"), "key2".into()]);
        assert_eq!(options.config_file, Some("conf".into()));
        assert_eq!(options.log_file, Some("log".into()));
        assert_eq!(served(&["-6"]).config.family, Some(Family::Inet6));
        assert!(matches!(read(&["-t"]), Ok(Command::Test(_))));
        assert!(matches!(read(&["-V"]), Ok(Command::Version)));
        assert!(matches!(read(&["--help"]), Ok(Command::Help)));
    }

    #[test]
    fn levels_come_from_letters() {
        assert_eq!(served(&[]).level, None);
        assert_eq!(served(&["-q"]).level, Some(Level::Quiet));
        assert_eq!(served(&["-d"]).level, Some(Level::Debug1));
        assert_eq!(served(&["-ddd"]).level, Some(Level::Debug3));
    }

    #[test]
    fn options_are_lines_of_the_file() {
        let config = served(&["-o", "LoginGraceTime=5", "-oPermitOpen a:1"]).config;
        assert_eq!(config.login_grace(), Some(Duration::from_secs(5)));
        assert_eq!(
            config.forwarding.policy().opens().to_string(),
            "Clients may open a:1"
        );
    }

    #[test]
    fn ports_of_the_command_line_override_those_of_the_file() {
        let mut config = served(&["-p", "1"]).config;
        config.read("file", b"Port 2\n").unwrap();
        assert_eq!(config.ports, [1]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |text: &str| CommandError::Refused(text.to_owned());
        let usage = |text: &str| CommandError::Usage(text.to_owned());
        for (args, error) in [
            (&["-p", "x"][..], refused("Bad port number.")),
            (&["-p", "65536"], refused("Bad port number.")),
            (
                &["-o", "frob=1"],
                refused("command-line line 0: Bad configuration option: frob"),
            ),
            (&["-z"], usage("unknown option -- z")),
            (&["-p"], usage("option requires an argument -- p")),
            (&["host"], usage("Extra argument host.")),
            (&["--", "--help"], usage("Extra argument --help.")),
        ] {
            assert_eq!(read(args).unwrap_err(), error, "{args:?}");
        }
    }

    #[test]
    fn what_is_printed_fits_a_terminal() {
        for line in USAGE.lines().chain(HELP.lines()) {
            assert!(line.len() <= 80, "{line}");
        }
        for letter in LETTERS.chars().filter(|c| *c != ':') {
            let in_usage = USAGE.contains(letter) || HELP.contains(&format!("-{letter}"));
            assert!(in_usage, "-{letter} is not in the usage");
        }
    }
}
