//! A command line and one file in memory.

use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::client::command::{self, Command};
use crate::client::config::{Checks, Directories, ReadError};
use crate::report::Level;
use crate::testing::NoNames;

struct OneFile<'a>(&'a str);
impl Directories for OneFile<'_> {
    fn names(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }
    fn exists(&self, _: &Path) -> bool {
        false
    }
}
impl Files for OneFile<'_> {
    fn read(&self, path: &Path, _: Checks) -> Result<Vec<u8>, ReadError> {
        match path.starts_with("/home/me") {
            true => Ok(self.0.as_bytes().to_vec()),
            false => Err(ReadError::Missing),
        }
    }
}

fn merged(line: &str, file: &str) -> Result<Tunnel, String> {
    let args = line.split_whitespace().map(OsString::from);
    let Ok(Command::Tunnel(tunnel)) = command::parse(args, &NoNames) else {
        panic!("{line}");
    };
    let me = Me {
        home: "/home/me".into(),
        name: Some("me".to_owned()),
        uid: 1000,
    };
    let report = Report::memory(Level::Info);
    let files = OneFile(file);
    let with = With {
        me: &me,
        names: &NoNames,
        files: &files,
        report: &report,
    };
    merge(*tunnel, &with).map_err(|fatal| fatal.0)
}

const CONFIG: &str = "/home/me/.ssh/config";

#[test]
fn a_nickname_becomes_the_host_that_it_stands_for() {
    let file = "Host nick\nHostName HostB.Example\nPort 2222\nUser you\nLocalForward 1 h:2\n";
    let tunnel = merged("nick", file).unwrap();
    assert_eq!(tunnel.host, "hostb.example");
    assert_eq!(tunnel.original_host, "nick");
    assert_eq!(tunnel.options.port, Some(2222));
    assert_eq!(tunnel.options.user.as_deref(), Some("you"));
    let tunnel = merged("-l a -p 1 -oHostName=c nick", file).unwrap();
    assert_eq!(tunnel.host, "c");
    assert_eq!(tunnel.options.port, Some(1));
    assert_eq!(tunnel.options.user.as_deref(), Some("a"));
    for bad in ["a,b", "-x", "a;b", "a*b\"", "%%", "x y"] {
        let end = merged("-N nick", &format!("HostName '{bad}'"));
        if bad == "%%" {
            assert_eq!(end.unwrap().host, "%");
        } else {
            assert_eq!(
                end.unwrap_err(),
                "hostname contains invalid characters",
                "{bad}"
            );
        }
    }
}

#[test]
fn names_are_in_lower_case_from_there_on() {
    let tunnel = merged("-N HostB", "HostKeyAlias Known\nHost hostb\nPort 1").unwrap();
    assert_eq!(tunnel.host, "hostb");
    assert_eq!(tunnel.original_host, "HostB");
    assert_eq!(tunnel.options.host_key_alias.as_deref(), Some("known"));
    assert_eq!(tunnel.options.port, None);
}

#[test]
fn a_forward_or_n_is_needed_wherever_it_is_said() {
    for (line, file, is_enough) in [
        ("h", "", false),
        ("-N h", "", true),
        ("-L 1:h:2 h", "", true),
        ("h", "LocalForward 1 h:2", true),
        ("h", "Host other\nLocalForward 1 h:2", false),
        ("h", "SessionType none", true),
        ("h", "SessionType default", false),
        ("-oSessionType=none h", "", true),
        ("-L 1:h:2 h", "ClearAllForwardings yes", false),
        ("-N -L 1:h:2 h", "ClearAllForwardings yes", true),
        ("-oClearAllForwardings=yes h", "LocalForward 1 h:2", false),
        (
            "-oClearAllForwardings=no h",
            "LocalForward 1 h:2\nClearAllForwardings yes",
            true,
        ),
    ] {
        match merged(line, file) {
            Ok(_) => assert!(is_enough, "{line} {file}"),
            Err(text) => {
                assert!(!is_enough, "{line} {file}");
                assert!(text.contains("-L"), "{text}");
            }
        }
    }
    let tunnel = merged("-N -L 1:h:2 h", "ClearAllForwardings yes").unwrap();
    assert_eq!(tunnel.options.local_forwards, []);
}

#[test]
fn each_keyword_that_is_not_here_is_told_of_once() {
    let file = "SendEnv LANG\nControlMaster auto\nControlPath x\nHost h\nControlMaster yes\n\
                CheckHostIP yes\nForwardAgent yes\nCompression no\n\
                Host other\nCertificateFile c\n";
    let warnings = merged("-N h", file).unwrap().warnings;
    assert_eq!(
        warnings,
        [
            format!(
                "{CONFIG} line 2: ControlMaster: adit shares no connections, it makes one of its \
                 own."
            ),
            format!(
                "{CONFIG} line 6: CheckHostIP: a host key is looked up by the host's name alone."
            ),
        ]
    );
    assert_eq!(
        merged("-N -oCompression=yes h", file).unwrap().warnings[0],
        "command-line line 0: Compression: adit does not compress."
    );
}

#[test]
fn every_kind_of_forward_is_enough_and_can_be_cleared() {
    for (line, file) in [
        ("-L /s:h:1 h", ""),
        ("-R 80:h:1 h", ""),
        ("-R 80 h", ""),
        ("-D 1080 h", ""),
        ("h", "LocalForward 1 /s"),
        ("h", "RemoteForward 80 h:1"),
        ("h", "DynamicForward 1080"),
    ] {
        assert!(merged(line, file).is_ok(), "{line} {file}");
        let cleared = merged(&format!("-oClearAllForwardings=yes {line}"), file);
        assert!(cleared.is_err(), "{line} {file}");
    }
}

#[test]
fn nobody_is_connected_past_a_jump_host() {
    for (line, file, place) in [
        (
            "-N h",
            "ProxyJump j",
            Some(format!("{CONFIG} line 1: ProxyJump")),
        ),
        (
            "-N h",
            "\nProxyCommand nc %h %p",
            Some(format!("{CONFIG} line 2: ProxyCommand")),
        ),
        (
            "-N -oProxyJump=j h",
            "",
            Some("command-line line 0: ProxyJump".to_owned()),
        ),
        ("-N h", "ProxyJump none\nProxyCommand x", None),
        ("-N -oProxyJump=none h", "ProxyJump j", None),
        ("-N -oProxyJump=none h", "ProxyCommand x", None),
        ("-N -oProxyCommand=none h", "ProxyJump j", None),
        ("-N h", "Host other\nProxyJump j", None),
        // With -G nobody is connected at all.
        ("-G h", "ProxyJump j", None),
    ] {
        match (merged(line, file), place) {
            (Ok(_), None) => {}
            (Err(text), Some(place)) => {
                assert!(
                    text.starts_with(&format!("{place}: adit cannot go through")),
                    "{text}"
                );
            }
            (end, _) => panic!("{line} {file} {end:?}"),
        }
    }
    let refused = merged("-N h", "RefuseConnection \"gone away\"").unwrap_err();
    assert_eq!(
        refused,
        format!("{CONFIG} line 1: RefuseConnection: gone away")
    );
    assert!(
        merged("-N h", "RevokedHostKeys /x")
            .unwrap_err()
            .contains("@revoked")
    );
    assert!(merged("-N h", "RevokedHostKeys none").is_ok());
}

#[test]
fn a_bad_file_is_the_end() {
    assert_eq!(
        merged("-N h", "Foo x").unwrap_err(),
        format!("{CONFIG}: terminating, 1 bad configuration options")
    );
    assert!(merged("-N -F none h", "Foo x").is_ok());
    assert_eq!(
        merged("-N h", "HostName %x").unwrap_err(),
        "HostName %x: unknown token %x"
    );
}
