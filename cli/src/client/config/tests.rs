//! Whole files, from a disk in memory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use adit_testkit::dice::Dice;

use super::*;
use crate::file::FileError;
use crate::report::Level;
use crate::testing::NoNames;

mod mistakes;

mod includes;

/// Files by path, of the person `me` at home in `/home/me`.
#[derive(Default)]
struct Machine {
    files: BTreeMap<String, Vec<u8>>,
    untrusted: &'static str,
    reads: Cell<usize>,
}

impl Machine {
    fn with(mut self, path: impl Into<String>, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.into(), text.as_ref().to_vec());
        self
    }

    fn untrusted(mut self, path: &'static str) -> Self {
        self.untrusted = path;
        self
    }

    fn read_for(&self, host: &str, which: &ConfigFiles, level: Level) -> Outcome {
        let report = Report::memory(level);
        let mut options = Options::default();
        let context = Context {
            host,
            home: Path::new("/home/me"),
            local_user: "me",
            names: &NoNames,
            files: self,
            report: &report,
        };
        let end = read(which, &context, &mut options);
        Outcome {
            options,
            end: end.map_err(|bad| bad.0),
            said: report.kept(),
        }
    }

    fn options(&self, host: &str) -> Options {
        let outcome = self.read_for(host, &ConfigFiles::Usual, Level::Info);
        assert_eq!(outcome.end, Ok(()), "{:?}", outcome.said);
        outcome.options
    }
}

struct Outcome {
    options: Options,
    end: Result<(), String>,
    said: Vec<String>,
}

impl Directories for Machine {
    fn names(&self, directory: &Path) -> Vec<String> {
        let inside = |path: &&String| Path::new(path).parent() == Some(directory);
        let names = self.files.keys().filter(inside);
        names
            .map(|path| path.rsplit('/').next().unwrap().to_owned())
            .collect()
    }

    fn exists(&self, path: &Path) -> bool {
        self.files
            .keys()
            .any(|file| Path::new(file).starts_with(path))
    }
}

impl Files for Machine {
    fn read(&self, path: &Path, checks: Checks) -> Result<Vec<u8>, ReadError> {
        self.reads.set(self.reads.get() + 1);
        let path = path.to_str().unwrap();
        if path == self.untrusted && checks == Checks::Owner {
            return Err(ReadError::Permissions);
        }
        match self.files.get(path).map(Vec::as_slice) {
            Some(b"DEVICE") => Err(ReadError::File(FileError::NotRegular)),
            Some(b"LOCKED") => {
                let error = std::io::Error::from_raw_os_error(13);
                Err(ReadError::File(FileError::Io(error)))
            }
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(ReadError::Missing),
        }
    }
}

const USER: &str = "/home/me/.ssh/config";
const SYSTEM: &str = "/etc/ssh/ssh_config";

fn user(text: impl AsRef<[u8]>) -> Machine {
    Machine::default().with(USER, text)
}

/// What is wrong with a person's file, and how reading ends.
fn wrong(text: impl AsRef<[u8]>) -> (Vec<String>, String) {
    let outcome = user(text).read_for("h", &ConfigFiles::Usual, Level::Info);
    (outcome.said, outcome.end.unwrap_err())
}

#[test]
fn the_first_value_wins_and_lists_gather_over_both_files() {
    let machine = user(
        "Port 1\nIdentityFile a\nLocalForward 1 h:2\n\
         Host h\n Port 2\n User u\n IdentityFile b\nHost other\n User o\n IdentityFile c\n",
    )
    .with(
        SYSTEM,
        "Host *\n User s\n Port 3\n IdentityFile d\n HashKnownHosts yes\n LocalForward 3 h:4\n",
    );
    let options = machine.options("h");
    assert_eq!(options.port, Some(1));
    assert_eq!(options.user.as_deref(), Some("u"));
    assert_eq!(options.hash_known_hosts, Some(true));
    assert_eq!(options.local_forwards.len(), 2);
    let keys: Vec<_> = options
        .identity_files
        .iter()
        .map(|f| f.path.as_str())
        .collect();
    assert_eq!(keys, ["a", "b", "d"]);
}

#[test]
fn what_was_said_before_the_files_wins() {
    let machine = user("Port 1\nLocalForward 1 h:2");
    let report = Report::memory(Level::Info);
    let mut options = Options::default();
    options.set("Port 7", &NoNames).unwrap();
    options.add_local_forward("3:h:4", &NoNames).unwrap();
    let context = Context {
        host: "h",
        home: Path::new("/home/me"),
        local_user: "me",
        names: &NoNames,
        files: &machine,
        report: &report,
    };
    read(&ConfigFiles::Usual, &context, &mut options).unwrap();
    assert_eq!(options.port, Some(7));
    let forwards: Vec<_> = options
        .local_forwards
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(forwards, ["3:h:4", "1:h:2"]);
}

#[test]
fn a_named_file_is_the_only_one_and_must_be_there() {
    let machine = user("Port 1")
        .with(SYSTEM, "User s")
        .with("/f", "LogLevel debug");
    let only = |path: &str| ConfigFiles::Only(path.into());
    let read = |which: &ConfigFiles| machine.read_for("h", which, Level::Info);
    let outcome = read(&only("/f"));
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.options.port, None);
    assert_eq!(outcome.options.user, None);
    assert_eq!(outcome.options.log_level, Some(Level::Debug1));
    assert_eq!(
        read(&only("/none")).end,
        Err("Can't open user config file /none: No such file or directory".to_owned())
    );
    let outcome = read(&ConfigFiles::None);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.options.port, None);
    // And no usual one needs to be there.
    assert_eq!(Machine::default().options("h").port, None);
}

#[test]
fn a_usual_file_that_cannot_be_opened_is_told_of_and_one_that_is_no_file_is_fatal() {
    let outcome =
        user("LOCKED")
            .with(SYSTEM, "Port 1")
            .read_for("h", &ConfigFiles::Usual, Level::Info);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.options.port, Some(1));
    assert_eq!(
        outcome.said,
        [format!(
            "Warning: Can't open user config file {USER}: Permission denied"
        )]
    );
    let (said, end) = wrong("DEVICE");
    assert_eq!(said, [""; 0]);
    assert_eq!(
        end,
        format!("Can't open user config file {USER}: Not a regular file")
    );
}

#[test]
fn a_file_that_others_can_write_is_fatal_unless_it_was_named() {
    let machine = user("Port 1").untrusted(USER);
    let read = |which| machine.read_for("h", &which, Level::Info);
    assert_eq!(
        read(ConfigFiles::Usual).end,
        Err(format!("Bad owner or permissions on {USER}"))
    );
    assert_eq!(read(ConfigFiles::Only(USER.into())).options.port, Some(1));
    // What is included is looked at, whoever includes it.
    for (file, which) in [
        (USER, ConfigFiles::Usual),
        (SYSTEM, ConfigFiles::Usual),
        ("/f", ConfigFiles::Only("/f".into())),
    ] {
        let machine = Machine::default()
            .with(file, "Include /x")
            .with("/x", "")
            .untrusted("/x");
        let end = machine.read_for("h", &which, Level::Info).end;
        assert_eq!(
            end,
            Err("Bad owner or permissions on /x".to_owned()),
            "{file}"
        );
    }
}

#[test]
fn blocks_are_for_the_host_as_typed() {
    let machine = user(
        "Host nick\n HostName Real.Example\nHost Real.Example real.example\n Port 1\n\
         Match host real.example\n User by-host\nMatch originalhost nick\n ConnectTimeout 7\n",
    );
    let options = machine.options("nick");
    assert_eq!(options.port, None);
    assert_eq!(options.user.as_deref(), Some("by-host"));
    assert_eq!(options.connect_timeout.map(|t| t.as_secs()), Some(7));
    assert_eq!(host_name(&options, "nick").as_deref(), Ok("real.example"));
    assert_eq!(machine.options("Real.Example").port, Some(1));
}

#[test]
fn match_final_reads_again_with_the_hosts_real_name() {
    let machine = user(
        "Host nick\n HostName %h.example\n User first\n LocalForward 1 h:2\nMatch final\n User last\n \
         ConnectTimeout 9\n ServerAliveCountMax 2\nHost nick.example\n Port 1\n",
    );
    let options = machine.options("nick");
    assert_eq!(options.user.as_deref(), Some("first"));
    assert_eq!(options.server_alive_count_max, Some(2));
    assert_eq!(options.port, Some(1));
    assert_eq!(options.local_forwards.len(), 1);
    assert_eq!(host_name(&options, "nick").as_deref(), Ok("nick.example"));
    assert_eq!(user("Match canonical\nPort 1").options("h").port, None);
}

#[test]
fn a_condition_that_is_not_here_is_told_of_with_its_place() {
    let machine = user(
        "Match user you exec \"true\"\nPort 1\nMatch host h exec true\nPort 2\nMatch all\nPort 3",
    );
    let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
    assert_eq!(outcome.options.port, Some(3));
    assert_eq!(
        outcome.said,
        [format!(
            "Warning: {USER} line 3: adit cannot tell whether \"Match exec\" is met: the lines \
             below it do not count."
        )]
    );
}

#[test]
fn conditions_that_are_not_here_are_told_of_once() {
    let machine = user("Match exec true\nMatch exec false\nMatch final\nPort 1\nMatch version 1\n");
    let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
    assert_eq!(outcome.said.len(), 1, "{:?}", outcome.said);
    assert_eq!(outcome.options.port, Some(1));
    let machine = user("Host other\nInclude /x").with("/x", "Match exec true\nPort 1");
    let outcome = machine.read_for("h", &ConfigFiles::Usual, Level::Info);
    assert_eq!(outcome.said, [""; 0]);
}

#[test]
fn host_names_have_two_tokens_and_no_upper_case() {
    for (template, expected) in [
        ("Real", Ok("real")),
        ("FE80::A", Ok("FE80::A")),
        ("%h.example", Ok("typed.example")),
        ("fe80::1%%eth0", Ok("fe80::1%eth0")),
        ("%%h", Ok("%h")),
        ("%n", Err("HostName %n: unknown token %n")),
        ("x%", Err("HostName x%: unknown token %")),
    ] {
        let options = Options {
            host_name: Some(template.to_owned()),
            ..Options::default()
        };
        let expected = expected
            .map(str::to_owned)
            .map_err(|e| BadConfig(e.to_owned()));
        assert_eq!(host_name(&options, "Typed"), expected, "{template}");
    }
    assert_eq!(
        host_name(&Options::default(), "Typed").as_deref(),
        Ok("typed")
    );
}

#[test]
fn unknown_keywords_can_be_ignored_from_there_on() {
    let machine =
        user("IgnoreUnknown use*,Other\nUseKeychain yes\nHost x\nUSEKEYCHAIN\tyes\nother 1\n");
    assert_eq!(machine.options("h").port, None);
    let (said, _) = wrong("UseKeychain yes\nIgnoreUnknown UseKeychain\nUseKeychain yes");
    assert_eq!(
        said,
        [format!(
            "{USER}: line 1: Bad configuration option: usekeychain"
        )]
    );
    // In a block for another host it counts for nobody.
    let (said, _) = wrong("Host other\nIgnoreUnknown *\nUseKeychain yes");
    assert_eq!(said.len(), 1);
}

#[test]
fn what_applies_is_told_of_with_v() {
    let outcome = user("Host h\nInclude none\n").read_for("h", &ConfigFiles::Usual, Level::Debug1);
    let debug: Vec<&str> = outcome.said.iter().map(String::as_str).collect();
    assert_eq!(
        debug,
        [
            format!("debug1: Reading configuration data {USER}"),
            format!("debug1: {USER} line 1: Applying options for h"),
            format!("debug1: {USER} line 2: include none matched no files"),
        ]
    );
}

#[test]
fn a_block_for_others_changes_nothing() {
    let mut dice = Dice::new(7);
    let lines = [
        "Port 1",
        "Port 2",
        "User a",
        "IdentityFile x",
        "LocalForward 1 h:2",
        "ProxyJump j",
        "ControlMaster auto",
        "HostName n",
        "IgnoreUnknown *",
        "StrictHostKeyChecking no",
    ];
    let mut line = || dice.pick(&lines);
    for _ in 0..100 {
        let ours: Vec<&str> = (0..6).map(|_| line()).collect();
        let others: Vec<&str> = (0..6).map(|_| line()).collect();
        let plain = format!(
            "{}\nHost h\n{}\n",
            ours[..3].join("\n"),
            ours[3..].join("\n")
        );
        let with = format!(
            "{}\nHost other\n{}\nHost h\n{}\nMatch host none\n{}\n",
            ours[..3].join("\n"),
            others[..3].join("\n"),
            ours[3..].join("\n"),
            others[3..].join("\n")
        );
        // Only the lines are counted differently.
        let text = |file: &str| {
            let mut options = user(file).options("h");
            for there in &mut options.not_here {
                there.place = Place::CommandLine;
            }
            format!("{options:?}")
        };
        assert_eq!(text(&plain), text(&with), "{with}");
    }
}
