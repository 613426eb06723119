//! Configuration and command lines of the two programs.

use std::ffi::OsString;

use adit::client::command;
use adit::client::destination::{Destination, is_valid_host, is_valid_user};
use adit::client::options::Options;
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
        "# comment\n  Ciphers=aes256-gcm@openssh.com\nMatch all\nKey \"unbalanced\n",
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
    }
}

pub(crate) fn command_line_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "-L\n2222:localhost:222\nuser@HostB",
        "-NTv\n-L8080:[::1]:80\n-p\n22\nssh://user@host:2222",
        "-o\nPort=22\n-o\nUser x\nhost\n-i\nkey\n--",
        "--demo=once",
        "-A\nhost\nls",
        "-g\n-L\n*:80:h:80\n-c\naes256-gcm@openssh.com\nhost\n-l\nuser",
    ])
}
