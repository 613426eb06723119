//! Configuration and command lines of the two programs.

use std::ffi::OsString;
use std::path::Path;

use adit::client::command;
use adit::client::config::{
    self, Checks, ConfigFiles, Context, Directories, Files, Place, ReadError,
};
use adit::client::destination::{Destination, is_valid_host, is_valid_user};
use adit::client::jump;
use adit::client::options::{Options, Route};
use adit::report::{Level, Report};
use adit::server::config::Config;
use adit_forward::spec::Names;

use crate::seeds::texts;

struct Nothing;

impl Names for Nothing {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn service(&self, _name: &str) -> Option<u16> {
        None
    }
}

/// A file that is good line by line is good as a whole, and what is wrong has its line.
pub(crate) fn sshd_config(data: &[u8]) {
    let whole = Config::default().read("file", data);
    if let Err(errors) = whole {
        assert!(!errors.is_empty());
        let lines = data.split(|b| *b == b'\n').count();
        assert!(errors.len() <= lines);
        for error in errors {
            let text = error.to_string();
            let number = text
                .strip_prefix("file line ")
                .and_then(|t| t.split(':').next());
            assert!(
                number
                    .and_then(|n| n.parse().ok())
                    .is_some_and(|n| (1..=lines).contains(&n))
            );
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let mut config = Config::default();
        if config.option(text.lines().next().unwrap_or("")).is_ok() {
            assert!(config.max_auth_tries() > 0 || text.to_lowercase().contains("maxauthtries"));
        }
    }
}

pub(crate) fn sshd_config_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "Port 2222\nListenAddress 127.0.0.1\nHostKey /etc/key\nAllowTcpForwarding yes\n",
        "PermitOpen localhost:80 [::1]:*\nMaxStartups 10:30:100\nLoginGraceTime 2m\n",
        "AuthorizedKeysFile %h/.ssh/authorized_keys\nStrictModes no\nLogLevel DEBUG1\n",
        "ClientAliveInterval 15\nClientAliveCountMax 3\nRekeyLimit 1G 1h\nMaxAuthTries 6\n",
        "PerSourcePenalties crash:2m authfail:3 max-sources6:9 overflow:deny-all\nPerSourcePenalties no\n",
        "PerSourceMaxStartups 3\nPerSourceNetBlockSize 24:64\nPerSourcePenaltyExemptList ::1,!10.0.0.0/8\n",
        "# comment\n  Ciphers=aes256-gcm@openssh.com\nMatch all\nKey \"unbalanced\n",
    ])
}

/// A disk with a person's configuration, and the same other file under every other name.
struct TwoFiles<'a> {
    first: &'a [u8],
    other: &'a [u8],
}

const FIRST: &str = "/home/me/.ssh/config";

impl Directories for TwoFiles<'_> {
    fn names(&self, _: &Path) -> Vec<String> {
        ["a", "b.conf", ".c"].map(str::to_owned).to_vec()
    }

    fn exists(&self, path: &Path) -> bool {
        !path.ends_with("missing")
    }
}

impl Files for TwoFiles<'_> {
    fn read(&self, path: &Path, _: Checks) -> Result<Vec<u8>, ReadError> {
        if path == Path::new(FIRST) {
            Ok(self.first.to_vec())
        } else if path == Path::new("/etc/ssh/ssh_config") || path.ends_with("missing") {
            Err(ReadError::Missing)
        } else {
            Ok(self.other.to_vec())
        }
    }
}

fn read_ssh_config(first: &[u8], other: &[u8]) -> Result<String, String> {
    let report = Report::memory(Level::Debug3);
    let mut options = Options::default();
    let about = Context {
        host: "Nick",
        home: Path::new("/home/me"),
        local_user: "me",
        names: &Nothing,
        files: &TwoFiles { first, other },
        report: &report,
    };
    let end = config::read(&ConfigFiles::Usual, &about, &mut options);
    for line in report.kept() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    for there in &mut options.not_here {
        assert_ne!(there.place, Place::CommandLine);
    }
    match end {
        Ok(()) => Ok(format!("{options:?}")),
        Err(bad) => {
            assert!(!bad.to_string().is_empty());
            assert!(!bad.to_string().contains(char::is_control), "{bad:?}");
            Err(bad.to_string())
        }
    }
}

/// The same files come to the same, and a block for another host changes nothing.
pub(crate) fn ssh_config(data: &[u8]) {
    let cut = data.windows(2).position(|pair| pair == b"%%");
    let (first, other) = cut.map_or((data, &b""[..]), |at| (&data[..at], &data[at + 2..]));
    let once = read_ssh_config(first, other);
    assert_eq!(read_ssh_config(first, other), once);
    let end = b"\nHost another\nPort 9\nIdentityFile z\nProxyJump j\nIgnoreUnknown *\n";
    let longer = read_ssh_config(&[first, end].concat(), other);
    match once {
        Ok(_) => assert_eq!(longer, once),
        Err(_) => assert!(longer.is_err()),
    }
}

pub(crate) fn ssh_config_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "Host Nick\n HostName %h.example\n Port 2222\n User you\nHost * !x\nIdentityFile ~/.ssh/id\n",
        "Include ~/a conf.d/*.conf /x/[a-c]?\nPort 1\n%%Host Ni*\nUser you\nInclude missing\n",
        "Match host Nick,!x user me\nLocalForward 80 h:80\nMatch final all\nPort 2\n",
        "Match exec \"true\" host x\nPort 1\nMatch all\nBatchMode yes\n",
        "IgnoreUnknown Use*\nUseKeychain yes\nProxyJump none\nControlMaster auto\nSendEnv *\n",
        "User \"a b\" # c\nHost=Nick\nPort\t=\t1\nUserKnownHostsFile a 'b c'\nKexAlgorithms -x*\n",
        "Include a a\n%%Include b b\n",
        "Foo x\nPort x\nUser \"a\nHost\n\0\n\u{fc}\n",
    ])
}

/// An option that is refused changes nothing, and one that is taken is taken again.
pub(crate) fn client_option(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut options = Options::default();
    for line in text.split('\n') {
        let before = format!("{options:?}");
        match options.set(line, &Nothing) {
            Err(error) => {
                assert!(!error.on_command_line().is_empty());
                assert_eq!(
                    format!("{options:?}"),
                    before,
                    "a refused option changed something"
                );
            }
            Ok(()) => {
                let once = format!("{options:?}");
                assert!(options.set(line, &Nothing).is_ok());
                assert_eq!(format!("{options:?}"), once, "the first value does not win");
            }
        }
    }
}

pub(crate) fn client_option_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "Port=22\nUser name\nBatchMode yes\nLocalForward 80 h:80",
        "Ciphers +aes128-gcm@openssh.com\nKexAlgorithms -curve*\nMACs x\nHostKeyAlgorithms ^ssh-ed25519",
        "StrictHostKeyChecking accept-new\nUserKnownHostsFile \"a b\" c\nRekeyLimit 1M 1h",
        "ConnectTimeout 10\nServerAliveInterval 15\nServerAliveCountMax 3\nLogLevel DEBUG",
        "Unknown thing\nPort 99999\nAddressFamily inet6\nGatewayPorts yes",
    ])
}

/// A whole command line, an argument a line.
pub(crate) fn command_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = command::parse(text.split('\n').map(OsString::from), &Nothing);
    for word in text.split('\n') {
        if let Ok(destination) = Destination::parse(word) {
            assert!(is_valid_host(&destination.host), "{word}");
            assert!(
                destination.user.as_deref().is_none_or(is_valid_user),
                "{word}"
            );
            assert_ne!(destination.port, Some(0));
        }
        if let Ok(Route::Jump(hosts)) = jump::route(word) {
            assert_eq!(hosts.len(), word.split(',').count(), "{word}");
            for host in hosts {
                assert!(is_valid_host(&host.host), "{word}");
                assert!(host.user.as_deref().is_none_or(is_valid_user), "{word}");
                assert_ne!(host.port, Some(0));
            }
        }
    }
}

pub(crate) fn command_line_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "-L\n2222:localhost:222\nuser@HostB",
        "-NTv\n-L8080:[::1]:80\n-p\n22\nssh://user@host:2222",
        "-o\nPort=22\n-o\nUser x\nhost\n-i\nkey\n--",
        "--demo=once",
        "-A\nhost\nls",
        "-J\nu@j:2222,[::1]:23,ssh://k:24/\n-W\nh:80\nhost\n-oProxyCommand=nc %h %p",
        "-g\n-L\n*:80:h:80\n-c\naes256-gcm@openssh.com\nhost\n-l\nuser",
    ])
}
