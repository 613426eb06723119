//! The command line of `adit`: ssh's letters, those that have a meaning without a shell.

use std::ffi::OsString;
use std::path::PathBuf;

use adit_forward::spec::{Family, GatewayPorts, Names};

use crate::args::{Arg, Args};
use crate::client::config::ConfigFiles;
use crate::client::demonstration::Demo;
use crate::client::destination::{Destination, DestinationError};
use crate::client::jump;
use crate::client::keywords::port_number;
use crate::client::options::{NamedBy, Options, Route, first};
use crate::report::Level;

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Show the main job on this machine alone.
    Demo(Demo),
    /// Print what there is.
    Help,
    /// Log in and forward.
    Tunnel(Box<Tunnel>),
    /// Print the version.
    Version,
}

/// A connection to make.
#[derive(Debug)]
pub struct Tunnel {
    /// The server, as written; once the configuration is read, as `HostName` has it.
    pub host: String,
    /// The server, as written.
    pub original_host: String,
    /// Everything else.
    pub options: Options,
    /// `-E`.
    pub log_file: Option<PathBuf>,
    /// `-F`.
    pub config: ConfigFiles,
    /// `-G`.
    pub purpose: Purpose,
    /// `-N`: being connected is enough.
    pub without_forwards: WithoutForwards,
    /// The hosts to go through, in that order, each with options of its own.
    pub jumps: Vec<Self>,
    /// What to warn of.
    pub warnings: Vec<String>,
}

/// What is done with the options in the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// The tunnel is made.
    Connect,
    /// They are printed.
    Print,
}

/// What to make of a command line that forwards nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WithoutForwards {
    /// `-N` was given: stay connected.
    Connect,
    /// A mistake, most likely.
    Refuse,
}

/// A command line that cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommandError {
    /// This line, and no usage.
    Refused(String),
    /// The usage, after this line if there is one.
    Usage(Option<String>),
}

/// What `adit` prints for a wrong command line. Lines of at most 80 characters.
pub const USAGE: &str = "\
usage: adit [-46CfGgkNnqTvVxy] [-c cipher_spec] [-D [bind_address:]port]
            [-E log_file] [-F config_file] [-i identity_file] [-J destination]
            [-L address] [-l login_name] [-m mac_spec] [-o option] [-p port]
            [-R address] [-W host:port] destination
       adit --demo | --demo=once";

/// What `--help` adds to it.
pub const HELP: &str = "
adit forwards ports and Unix sockets over SSH and does nothing else: no shell.

  adit -L 2222:localhost:222 user@HostB   port 2222 here is port 222 on HostB
  adit -L 2222:HostC:222 user@HostB       port 2222 here is port 222 on HostC,
                                          as HostB reaches it
  adit -R 8080:localhost:80 user@HostB    port 8080 on HostB is port 80 here
  adit -D 1080 user@HostB                 SOCKS and HTTP CONNECT on port 1080
  -L, -R and -D take what they take with ssh(1), as often as you like; so do
  all other options.";

/// Letters that `ssh` has as well and that mean something here.
const LETTERS: &str = "46aAb:B:c:CD:e:E:fF:gGI:i:J:kKL:l:m:MNnO:o:p:P:qQ:R:S:sTtvVw:W:XxYy";

/// Words with two hyphens.
const LONG: &[&str] = &["--demo", "--demo=once", "--help"];

/// Reads a command line, without the program's name.
///
/// # Errors
/// [`CommandError`]: whatever is read first from left to right.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    names: &dyn Names,
) -> Result<Command, CommandError> {
    let mut args = Args::new(LETTERS, LONG, args);
    let mut reading = Reading {
        tunnel: Tunnel {
            host: String::new(),
            original_host: String::new(),
            options: Options::default(),
            log_file: None,
            config: ConfigFiles::Usual,
            purpose: Purpose::Connect,
            without_forwards: WithoutForwards::Refuse,
            jumps: Vec::new(),
            warnings: Vec::new(),
        },
        names,
    };
    let mut first_arg = true;
    while let Some(arg) = args
        .next_arg()
        .map_err(|error| CommandError::Usage(Some(error.to_string())))?
    {
        match arg {
            Arg::Operand(word) if !args.terminated() && word.starts_with("--") => {
                let demo = match word.as_str() {
                    "--demo" => Demo::Stay,
                    "--demo=once" => Demo::Once,
                    _ => return Ok(Command::Help),
                };
                // It would follow nothing else of what was asked for.
                if !first_arg || args.next_arg() != Ok(None) {
                    return Err(CommandError::Usage(Some(format!("{word} stands alone"))));
                }
                return Ok(Command::Demo(demo));
            }
            Arg::Flag('V') => return Ok(Command::Version),
            Arg::Flag(letter) => reading.flag(letter)?,
            Arg::Value(letter, value) => reading.value(letter, &value)?,
            Arg::Operand(word) => reading.operand(&word)?,
        }
        first_arg = false;
    }
    reading.finish()
}

struct Reading<'a> {
    tunnel: Tunnel,
    names: &'a dyn Names,
}

impl Reading<'_> {
    fn flag(&mut self, letter: char) -> Result<(), CommandError> {
        let options = &mut self.tunnel.options;
        match letter {
            '4' => options.address_family = Some(Family::Inet),
            '6' => options.address_family = Some(Family::Inet6),
            'C' => self
                .tunnel
                .warnings
                .push("adit does not compress (-C is ignored).".to_owned()),
            'f' => options.fork_after_authentication = Some(true),
            'g' => options.gateway_ports = Some(GatewayPorts::Yes),
            'G' => self.tunnel.purpose = Purpose::Print,
            'N' => self.tunnel.without_forwards = WithoutForwards::Connect,
            'q' => options.log_level = Some(Level::Quiet),
            'y' => options.syslog = true,
            // The first -v means "debug" whatever was said before, as in ssh.
            'v' => {
                let level = options.log_level.unwrap_or_default();
                options.log_level = Some(level.more());
            }
            // What these turn off is never on here: stdin, a terminal, the agent's, X11's and
            // GSSAPI's forwarding.
            'a' | 'k' | 'n' | 'T' | 'x' => {}
            _ => return refuse(letter),
        }
        Ok(())
    }

    fn value(&mut self, letter: char, text: &str) -> Result<(), CommandError> {
        let options = &mut self.tunnel.options;
        match letter {
            'c' => options.ciphers = Some(text.to_owned()),
            'E' => self.tunnel.log_file = Some(PathBuf::from(text)),
            'F' if text.eq_ignore_ascii_case("none") => self.tunnel.config = ConfigFiles::None,
            'F' => self.tunnel.config = ConfigFiles::Only(PathBuf::from(text)),
            'i' => options.add_identity_file(text, NamedBy::Person),
            'L' => options
                .add_local_forward(text, self.names)
                .map_err(CommandError::Refused)?,
            'D' => options
                .add_dynamic_forward(text, self.names)
                .map_err(CommandError::Refused)?,
            'R' => options
                .add_remote_forward(text, self.names)
                .map_err(CommandError::Refused)?,
            'W' => options
                .set_stdio_forward(text, self.names)
                .map_err(CommandError::Refused)?,
            'J' => jump_hosts(options, text)?,
            'l' => first(&mut options.user, text.to_owned()),
            'm' => options.macs = Some(text.to_owned()),
            'o' => options
                .set(text, self.names)
                .map_err(|error| CommandError::Refused(error.on_command_line()))?,
            'p' => {
                let port = port_number(text, self.names)
                    .ok_or_else(|| CommandError::Refused(format!("Bad port '{text}'")))?;
                first(&mut options.port, port);
            }
            _ => return refuse(letter),
        }
        Ok(())
    }

    fn operand(&mut self, word: &str) -> Result<(), CommandError> {
        if !self.tunnel.host.is_empty() {
            return Err(CommandError::Refused(format!(
                "adit runs no commands ('{word}'), it only forwards ports: use ssh for that."
            )));
        }
        let destination = Destination::parse(word).map_err(|error| match error {
            DestinationError::Form => CommandError::Usage(Some(format!(
                "'{word}' is no destination: write host, user@host or ssh://user@host:port"
            ))),
            DestinationError::Host | DestinationError::User => {
                CommandError::Refused(error.to_string())
            }
        })?;
        self.tunnel.host.clone_from(&destination.host);
        self.tunnel.original_host = destination.host;
        if let Some(user) = destination.user {
            first(&mut self.tunnel.options.user, user);
        }
        if let Some(port) = destination.port {
            first(&mut self.tunnel.options.port, port);
        }
        Ok(())
    }

    fn finish(self) -> Result<Command, CommandError> {
        let Tunnel { host, options, .. } = &self.tunnel;
        if host.is_empty() {
            return Err(CommandError::Usage(None));
        }
        if options.syslog && self.tunnel.log_file.is_some() {
            let text = "Can't specify both -y and -E".to_owned();
            return Err(CommandError::Refused(text));
        }
        // What came by -l or -o User was not looked at yet.
        let user = options.user.as_deref().unwrap_or_default();
        if !crate::client::destination::is_valid_user(user) {
            let text = DestinationError::User.to_string();
            return Err(CommandError::Refused(text));
        }
        Ok(Command::Tunnel(Box::new(self.tunnel)))
    }
}

/// `-J`.
fn jump_hosts(options: &mut Options, text: &str) -> Result<(), CommandError> {
    let why = match (&options.proxy, jump::route(text.trim_ascii())) {
        (Some(Route::Jump(_)), _) => {
            "Only a single -J option is permitted (use commas to separate multiple jump hops)"
                .to_owned()
        }
        (Some(Route::Command(_) | Route::Direct), _) => {
            "Cannot specify -J with ProxyCommand".to_owned()
        }
        (None, Err(why)) => why.above("Invalid -J argument"),
        (None, Ok(route)) => {
            options.proxy = Some(route);
            return Ok(());
        }
    };
    Err(CommandError::Refused(why))
}

/// ssh has this letter; adit has not, and says why and what to use.
fn refuse(letter: char) -> Result<(), CommandError> {
    let why = match letter {
        'A' => "adit never forwards the agent: whoever is root there could use your keys. Use ssh.",
        'X' | 'Y' => "adit does not forward X11: use ssh.",
        't' => "adit gives no terminal, it only forwards ports: use ssh.",
        'w' => "adit has no tunnel devices: use ssh, or -L for each port.",
        's' => "adit has no subsystems, it only forwards ports: use ssh or sftp.",
        'M' | 'O' | 'S' => "adit shares no connections: use ssh.",
        _ => "ssh has this option and adit has not.",
    };
    Err(CommandError::Refused(format!("-{letter}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ssh;
    impl Names for Ssh {
        fn variable(&self, _: &str) -> Option<String> {
            None
        }
        fn service(&self, name: &str) -> Option<u16> {
            (name == "ssh").then_some(22)
        }
    }

    fn read(line: &str) -> Result<Command, CommandError> {
        parse(line.split_whitespace().map(OsString::from), &Ssh)
    }

    fn tunnel(line: &str) -> Tunnel {
        match read(line) {
            Ok(Command::Tunnel(tunnel)) => *tunnel,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refused(line: &str) -> String {
        match read(line) {
            Err(CommandError::Refused(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_main_job_is_understood() {
        let tunnel = tunnel("-L 2222:localhost:222 user@HostB");
        assert_eq!(tunnel.host, "HostB");
        assert_eq!(tunnel.options.user.as_deref(), Some("user"));
        let forwards = tunnel.options.local_forwards;
        assert_eq!(forwards.len(), 1);
        assert_eq!(forwards[0].to_string(), "2222:localhost:222");
    }

    #[test]
    fn letters_are_clustered_attached_and_may_follow_the_host() {
        let tunnel = tunnel(
            "-gNp22 -L1:h:2 host -L 3:h:4 -oUser=u -i key -vv -E log -4 -F none -C -ax -k -n -T",
        );
        assert_eq!(tunnel.host, "host");
        assert_eq!(tunnel.options.port, Some(22));
        assert_eq!(tunnel.options.local_forwards.len(), 2);
        assert_eq!(tunnel.options.user.as_deref(), Some("u"));
        assert_eq!(tunnel.options.identity_files[0].path, "key");
        assert_eq!(tunnel.options.log_level, Some(Level::Debug2));
        assert_eq!(tunnel.options.gateway_ports, Some(GatewayPorts::Yes));
        assert_eq!(tunnel.options.address_family, Some(Family::Inet));
        assert_eq!(tunnel.log_file, Some(PathBuf::from("log")));
        assert_eq!(tunnel.config, ConfigFiles::None);
        assert_eq!(tunnel.without_forwards, WithoutForwards::Connect);
        assert_eq!(tunnel.warnings.len(), 1);
    }

    #[test]
    fn letters_that_are_keywords_elsewhere_do_the_same() {
        let with = tunnel("-fyN h").options;
        assert_eq!(with.fork_after_authentication, Some(true));
        assert!(with.syslog);
        let without = tunnel("-N h").options;
        assert_eq!(without.fork_after_authentication, None);
        assert!(!without.syslog);
        assert_eq!(refused("-y -E log -N h"), "Can't specify both -y and -E");
    }

    #[test]
    fn the_first_that_names_user_or_port_wins() {
        for (line, user, port) in [
            ("-N u@h", Some("u"), None),
            ("-N -l a u@h", Some("a"), None),
            ("-N u@h -l a", Some("u"), None),
            ("-N -o User=a -l b u@h", Some("a"), None),
            ("-N ssh://u@h:1", Some("u"), Some(1)),
            ("-N -p 2 ssh://u@h:1", Some("u"), Some(2)),
            ("-N ssh://u@h:1 -p 2", Some("u"), Some(1)),
            ("-N -p 2 -oPort=3 h", None, Some(2)),
            ("-N -oPort=3 -p 2 h", None, Some(3)),
            ("-N -p ssh h", None, Some(22)),
            ("-N -oPort=ssh h", None, Some(22)),
        ] {
            let options = tunnel(line).options;
            assert_eq!(
                (options.user.as_deref(), options.port),
                (user, port),
                "{line}"
            );
        }
    }

    #[test]
    fn the_last_configuration_file_named_is_the_one() {
        let file = |path: &str| ConfigFiles::Only(PathBuf::from(path));
        for (line, expected) in [
            ("-N h", ConfigFiles::Usual),
            ("-F a -N h", file("a")),
            ("-Fa -F b -N h", file("b")),
            ("-F a -F None -N h", ConfigFiles::None),
            ("-F none -F a -N h", file("a")),
        ] {
            assert_eq!(tunnel(line).config, expected, "{line}");
        }
        assert_eq!(tunnel("-G h").purpose, Purpose::Print);
        assert_eq!(tunnel("h").purpose, Purpose::Connect);
    }

    #[test]
    fn how_much_is_said_follows_the_letters_in_order() {
        for (line, level) in [
            ("-N h", None),
            ("-N -v h", Some(Level::Debug1)),
            ("-N -vv h", Some(Level::Debug2)),
            ("-N -v -v -v -v h", Some(Level::Debug3)),
            ("-N -q h", Some(Level::Quiet)),
            ("-N -q -v h", Some(Level::Debug1)),
            ("-N -v -q h", Some(Level::Quiet)),
            ("-N -v -oLogLevel=error h", Some(Level::Debug1)),
            ("-N -oLogLevel=error h", Some(Level::Error)),
        ] {
            assert_eq!(tunnel(line).options.log_level, level, "{line}");
        }
    }

    #[test]
    fn double_hyphen_ends_the_options() {
        assert_eq!(refused("-N -- -h"), "hostname contains invalid characters");
        assert_eq!(tunnel("-N -- h").host, "h");
        assert!(refused("-N -- h -v").contains("'-v'"));
        assert!(refused("-N h -- --demo").contains("'--demo'"));
    }

    #[test]
    fn what_needs_a_shell_is_refused_with_what_to_use() {
        for line in [
            "-A h",
            "-X h",
            "-Y h",
            "-t h",
            "-w 0 h",
            "-NtL 1:h:2 h",
            "-N h ls",
            "-N h ls -l",
            "-s h",
            "-M h",
        ] {
            let text = refused(line);
            assert!(text.contains("use"), "{line}: {text}");
        }
        for letter in LETTERS.chars().filter(|c| *c != ':') {
            let known = "46acCDEfFgGikLlmNnopqRTvVWxy".contains(letter);
            let Err(CommandError::Refused(text)) = read(&format!("-{letter} none h")) else {
                continue;
            };
            assert_eq!(text.starts_with(&format!("-{letter}: ")), !known, "{text}");
        }
    }

    #[test]
    fn wrong_lines_get_a_message_or_the_usage() {
        for (line, text) in [
            ("-p abc h", "Bad port 'abc'"),
            ("-p 0 h", "Bad port '0'"),
            ("-p 65536 h", "Bad port '65536'"),
            (
                "-oFoo=1 h",
                "command-line: line 0: Bad configuration option: foo",
            ),
            (
                "-L 1 h",
                "Bad local forwarding specification '1': \
                 [bind_address:]port:host:hostport is needed",
            ),
            ("-l -x -N h", "remote username contains invalid characters"),
            ("-N a;b", "hostname contains invalid characters"),
        ] {
            assert_eq!(refused(line), text, "{line}");
        }
        for (line, text) in [
            ("", None),
            ("-N", None),
            (
                "-N @h",
                Some("'@h' is no destination: write host, user@host or ssh://user@host:port"),
            ),
            (
                "-N ssh://h:0",
                Some(
                    "'ssh://h:0' is no destination: write host, user@host or ssh://user@host:port",
                ),
            ),
            ("-Z", Some("unknown option -- Z")),
            ("--frob", Some("unknown option -- --frob")),
            ("--demo -N h", Some("--demo stands alone")),
            ("-v --demo=once", Some("--demo=once stands alone")),
            ("--demo -Z", Some("--demo stands alone")),
            ("-p", Some("option requires an argument -- p")),
        ] {
            let expected = CommandError::Usage(text.map(String::from));
            assert_eq!(read(line).map(|_| ()), Err(expected), "{line}");
        }
    }

    #[test]
    fn whole_words_ask_for_other_things() {
        assert!(matches!(read("--demo"), Ok(Command::Demo(Demo::Stay))));
        assert!(matches!(read("--demo=once"), Ok(Command::Demo(Demo::Once))));
        assert!(matches!(read("--help"), Ok(Command::Help)));
        assert!(matches!(read("-V"), Ok(Command::Version)));
        assert!(matches!(read("-vV -Z"), Ok(Command::Version)));
    }

    #[test]
    fn the_usage_fits_a_terminal() {
        for line in USAGE.lines().chain(HELP.lines()) {
            assert!(line.len() <= 80, "{line}");
        }
    }
}
