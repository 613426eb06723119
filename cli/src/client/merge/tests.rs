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

/// The way as `user@host:port`, the last one being the server.
fn way(tunnel: &Tunnel) -> Vec<String> {
    let all = tunnel.jumps.iter().chain([tunnel]);
    all.map(|hop| {
        let user = hop.options.user.as_deref().unwrap_or("me");
        format!("{user}@{}:{}", hop.host, hop.options.port.unwrap_or(22))
    })
    .collect()
}

#[test]
fn hosts_on_the_way_are_looked_up_under_their_own_names() {
    for (line, file, expected) in [
        ("-N h", "", "me@h:22"),
        ("-N -J j h", "", "me@j:22 me@h:22"),
        (
            "-N -J u@j:2222,[::1]:23 h",
            "",
            "u@j:2222 me@::1:23 me@h:22",
        ),
        (
            "-N h",
            "Host h\nProxyJump ssh://u@j:24/ # there",
            "u@j:24 me@h:22",
        ),
        ("-N -p 5 -l you -oHostName=x -J j h", "", "me@j:22 you@x:5"),
        (
            "-N -J j h",
            "Host j\nHostName J.Example\nUser them\nPort 77\nHost h\nPort 78",
            "them@j.example:77 me@h:78",
        ),
        // The first host's own way, and only that one's.
        (
            "-N -J j h",
            "Host j\nProxyJump k",
            "me@k:22 me@j:22 me@h:22",
        ),
        (
            "-N -J i,j h",
            "Host j\nProxyJump k",
            "me@i:22 me@j:22 me@h:22",
        ),
        (
            "-N -J i,j h",
            "Host i\nProxyJump k,l",
            "me@k:22 me@l:22 me@i:22 me@j:22 me@h:22",
        ),
        // What was said first counts.
        ("-N h", "ProxyJump none\nProxyCommand x", "me@h:22"),
        ("-N h", "ProxyCommand x\nProxyJump j", "me@h:22"),
        ("-N -oProxyJump=none h", "ProxyJump j", "me@h:22"),
        ("-N -J none h", "ProxyJump j", "me@h:22"),
        ("-N -oProxyCommand=none h", "ProxyJump j", "me@h:22"),
        ("-N -J j -oProxyCommand=x h", "", "me@j:22 me@h:22"),
        ("-N h", "Host other\nProxyJump j", "me@h:22"),
        ("-N h", "Host !j *\nProxyJump j", "me@j:22 me@h:22"),
    ] {
        let tunnel = merged(line, file).unwrap();
        assert_eq!(way(&tunnel).join(" "), expected, "{line} {file}");
    }
}

#[test]
fn a_way_that_leads_to_itself_is_refused() {
    for (line, file, host) in [
        ("-N h", "ProxyJump j", "j"),
        ("-N -J h h", "", "h"),
        ("-N -J j,j h", "", "j"),
        ("-N h", "Host h\nProxyJump j\nHost j\nProxyJump h", "h"),
        (
            "-N h",
            "Host h\nProxyJump j\nHost j\nProxyJump k\nHost k\nProxyJump j",
            "j",
        ),
    ] {
        let refused = merged(line, file).unwrap_err();
        assert_eq!(
            refused,
            format!("jumphost loop via {host}"),
            "{line} {file}"
        );
    }
    // Another port or user is another server.
    for line in ["-N -J h:23 h", "-N -J u@h h"] {
        assert_eq!(merged(line, "").unwrap().jumps.len(), 1, "{line}");
    }
}

#[test]
fn a_way_has_as_many_hosts_as_may_be_and_no_more() {
    for (n, is_taken) in [(7, true), (8, true), (9, false)] {
        let hosts: Vec<String> = (0..n).map(|n| format!("j{n}")).collect();
        let end = merged(&format!("-N -J {} h", hosts.join(",")), "");
        match end {
            Ok(tunnel) => assert!(is_taken && tunnel.jumps.len() == n),
            Err(text) => {
                assert!(!is_taken);
                assert_eq!(text, "Too many jump hosts (max 8).");
            }
        }
    }
}

#[test]
fn a_host_on_the_way_has_nothing_of_what_the_command_line_says_of_the_last() {
    let line = "-v -i key -4 -L 1:h:2 -oBatchMode=yes -oServerAliveInterval=9 -J j h";
    let tunnel = merged(line, "LocalForward 3 h:4\nBatchMode no").unwrap();
    let jump = &tunnel.jumps[0].options;
    assert_eq!(tunnel.options.local_forwards.len(), 2);
    assert_eq!(tunnel.options.batch_mode, Some(true));
    assert!(jump.local_forwards.is_empty() && jump.identity_files.is_empty());
    assert_eq!(jump.batch_mode, Some(false));
    assert_eq!(jump.server_alive_interval, None);
    assert_eq!(jump.address_family, None);
    assert_eq!(jump.log_level, tunnel.options.log_level);
}

#[test]
fn with_stdio_forwards_are_left_out_unless_they_are_asked_for() {
    let tunnel = merged("-W h:1 h", "LocalForward 3 h:4").unwrap();
    assert!(tunnel.options.local_forwards.is_empty());
    assert!(tunnel.options.exits_on_forward_failure());
    let line = "-W h:1 -oClearAllForwardings=no -oExitOnForwardFailure=no h";
    let tunnel = merged(line, "LocalForward 3 h:4").unwrap();
    assert_eq!(tunnel.options.local_forwards.len(), 1);
    assert_eq!(tunnel.options.exit_on_forward_failure, Some(false));
    assert!(merged("-f -W h:1 h", "").unwrap_err().contains("-W"));
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
