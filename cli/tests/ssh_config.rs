//! The same configuration files for `ssh -G` and `adit -G`: what both know must come to the same.
//! Without ssh on this machine there is nothing to compare with, and the tests say so.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod directory;

use adit_testkit::dice::Dice;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use directory::Directory;

/// Where the defaults of both differ, or depend on the home directory: each file ends with these.
const TAIL: &str = "\nMatch all\nServerAliveInterval 7\nIdentityFile last\nRekeyLimit 1G 1h\n\
                    UserKnownHostsFile /last\n";

/// Lists of algorithms are each program's own, and the last keyword came with OpenSSH 10.1.
const NOT_COMPARED: [&str; 5] = [
    "ciphers",
    "hostkeyalgorithms",
    "kexalgorithms",
    "macs",
    "warnweakcrypto",
];

struct Files(Directory);

impl Files {
    fn new() -> Self {
        Self(Directory::new())
    }

    /// Writes a file; `DIR` in it is where the others are.
    fn write(&self, name: &str, text: &str) {
        let text = text.replace("DIR", self.0.to_str().unwrap());
        fs::write(self.0.join(name), text).unwrap();
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        Command::new(program)
            .args(["-G", "-F"])
            .arg(self.0.join("config"))
            .args(args)
            .env("HOME", &*self.0)
            .env("VARIABLE", "value")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What both say of a destination. `args` end with it.
    fn assert_same(&self, args: &[&str]) {
        let ssh = self.run("ssh", args);
        let adit = self.run(env!("CARGO_BIN_EXE_adit"), args);
        let file = || fs::read_to_string(self.0.join("config")).unwrap();
        assert_eq!(
            adit.status.code(),
            ssh.status.code(),
            "{args:?}\n{}\nadit: {}\nssh: {}",
            file(),
            text(&adit.stderr),
            text(&ssh.stderr),
        );
        let adit = lines(&adit.stdout);
        let keyword = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let known: Vec<String> = adit.iter().map(|line| keyword(line)).collect();
        let (mut theirs, mut ours) = (lines(&ssh.stdout), adit);
        theirs.retain(|line| known.contains(&keyword(line)));
        for list in [&mut theirs, &mut ours] {
            list.retain(|line| !NOT_COMPARED.contains(&keyword(line).as_str()));
            // The order of keywords says nothing, that of one keyword's values does.
            list.sort_by_key(|line| keyword(line));
        }
        assert_eq!(ours, theirs, "{args:?}\n{}", file());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    text(bytes).lines().map(str::to_owned).collect()
}

/// Whether there is an ssh that prints its options as this test knows them.
fn has_ssh() -> bool {
    let version = Command::new("ssh").arg("-V").output();
    let is_there = version.is_ok_and(|out| text(&out.stderr).starts_with("OpenSSH"));
    if !is_there {
        println!("skip: no OpenSSH client to compare configuration files with");
    }
    is_there
}

#[test]
fn hosts_come_to_the_same_as_with_ssh() {
    if !has_ssh() {
        return;
    }
    let files = Files::new();
    files.write(
        "inner.conf",
        "Host nick\nPort 7\nHost *\nIdentityFile inner\n",
    );
    files.write(
        "other.conf",
        "IdentityFile other\nMatch all\nConnectTimeout 3\n",
    );
    for config in [
        "",
        "# comment\n\n   \t\n#\n",
        "Host nick\n HostName real.example\n Port 2222\n User you\n",
        "Host nick other\n Port 1\nHost *\n Port 2\n User u\n",
        "Host * !nick\n Port 1\nHost !nick *\n Port 2\nHost !other\n Port 3\n",
        "host NICK\nport 1\nHOST nick\nPORT 2\n",
        "Host ni?k\n Port 1\nHost n*\n User n\nHost *.example\n User e\n",
        "Host \"ni\"ck\nPort=1\nUser = \"a b\" # comment\nIdentityFile='x y'\n",
        "Host=nick\nPort\t=\t1\nUser==a\n",
        "User a\\ b\nIdentityFile \"a\\\"b\"\nIdentityAgent C:\\x\n",
        "Port 22 # comment\nUser a#b\nIdentityFile a #b\n",
        "Port 1\r\nUser u\r\n",
        "Port 1 \t\x0c\nUser u\x0c\n",
        "HostName %h.example\nHostKeyAlias Alias\n",
        "HostName a%%%h\n",
        "Host nick\nHostName Upper.Example\nMatch host upper.example\nUser lower\n",
        "Match originalhost nick host nick\nUser o\nMatch user root,you\nPort 5\n",
        "Match !host nick\nUser not\nMatch host n*,!nick\nPort 1\nMatch user you\nPort 2\n",
        "Match !all\nPort 1\nMatch all # comment\nUser all\n",
        "Match final all\nPort 9\nMatch host nick all\nUser u\nMatch host x all\nUser x\n",
        "Match final\nPort 9\nMatch canonical\nUser c\n",
        "Host nick\nHostName nick.example\nMatch final host *.example\nUser final\nHost *.example\nPort 8\n",
        "LocalForward 8080 inner:80\nLocalForward [::1]:81 [::1]:80\nLocalForward *:82 a:1\n",
        "LocalForward 8080 a:1\nLocalForward 8080 a:1\nLocalForward 127.0.0.1:8080 a:1\n",
        "LocalForward localhost:8080 a:1\nLocalForward 80 b:http\nClearAllForwardings no\n",
        "LocalForward 8080 a:1\nClearAllForwardings yes\n",
        "ServerAliveInterval 1m30\nServerAliveCountMax 0\nConnectTimeout 1h\nRekeyLimit 16K 1m\n",
        "StrictHostKeyChecking off\nHashKnownHosts TRUE\nUserKnownHostsFile a \"b c\" d\n",
        "GlobalKnownHostsFile none\nUserKnownHostsFile none\nNumberOfPasswordPrompts 0\n",
        "PubkeyAuthentication host-bound\nDSAAuthentication no\nChallengeResponseAuthentication no\n",
        "SessionType none\nForkAfterAuthentication yes\nGatewayPorts yes\nAddressFamily inet6\n",
        "LogLevel debug2\nPreferredAuthentications password,publickey\nExitOnForwardFailure yes\n",
        "IgnoreUnknown foo,Bar*\nFoo 1\nbarely \"x\" y\nPort 1\n",
        "Include DIR/inner.conf\nPort 1\n",
        "Include DIR/*.conf DIR/none DIR/n*ne\nPort 1\n",
        "Host other\nInclude DIR/*.conf\nHost nick\nUser u\nInclude DIR/[a-m]*.conf\nPort 9\n",
        "Host nick\nInclude DIR/other.conf\nPort 9\n",
        "SendEnv LANG\nForwardX11 yes\nProxyJump none\nControlMaster no\nVisualHostKey yes\n",
        "Protocol 2\nUseRoaming no\nCompression no\nTCPKeepAlive no\nAddKeysToAgent yes\n",
        "IdentityFile a\nIdentityFile a\nIdentityFile2 b\nIdentityFile none\n",
    ] {
        files.write("config", &format!("{config}{TAIL}"));
        for args in [
            &["nick"][..],
            &["other"],
            &["you@nick.example"],
            &["-p", "99", "-l", "me", "-oIdentityFile=first", "Nick"],
            &["-o", "HostName=1.2.3.4", "-L", "5:h:6", "nick"],
        ] {
            files.assert_same(args);
        }
    }
}

#[test]
fn mistakes_are_refused_in_the_words_of_ssh() {
    if !has_ssh() {
        return;
    }
    let files = Files::new();
    files.write("bad.conf", "Host x\nBad 1\n");
    for config in [
        "Foo 1\n",
        "Foo\n",
        "Foo \"\"\n",
        "Port\n",
        "\n\nHost other\nPort x\nUser a b\n",
        "Port 0\nPort 65536\nPort -1\n",
        "User \"a\n",
        "Host\nMatch\nInclude\n",
        "Host a \"\" b\n",
        "Match all host x\n",
        "Match host x user y all\n",
        "BatchMode maybe\nAddressFamily inet4\nSessionType x\nPubkeyAuthentication x\n",
        "ConnectTimeout 1x\nServerAliveInterval -1\n",
        "ServerAliveCountMax x\nServerAliveCountMax -1\nNumberOfPasswordPrompts 1m\n",
        "LogLevel debug9\n",
        "RekeyLimit 15\n",
        "LocalForward 80\n",
        "UserKnownHostsFile \"\"\n",
        "UserKnownHostsFile a \"\"\nGlobalKnownHostsFile none a\n",
        "IgnoreUnknown a b\n",
        "UseKeychain yes\nIgnoreUnknown UseKeychain\n",
        "Host x\nIgnoreUnknown UseKeychain\nUseKeychain yes\n",
        "Include DIR/bad.conf\n",
        "Host x\nInclude DIR/bad.conf\n",
    ] {
        files.write("config", config);
        let ssh = files.run("ssh", &["h"]);
        let adit = files.run(env!("CARGO_BIN_EXE_adit"), &["h"]);
        assert_eq!(ssh.status.code(), Some(255), "{config}");
        assert_eq!(adit.status.code(), Some(255), "{config}");
        assert_eq!(
            text(&adit.stderr),
            text(&ssh.stderr).replace('\r', ""),
            "{config}"
        );
    }
}

#[test]
fn files_put_together_at_random_come_to_the_same() {
    if !has_ssh() {
        return;
    }
    let files = Files::new();
    let mut random = Dice::new(0x5eed);
    let blocks = [
        "Host nick",
        "Host other",
        "Host *",
        "Host n* !nick",
        "Host ni?k x",
        "Host !x nick",
        "Match all",
        "Match host nick",
        "Match host real",
        "Match originalhost n*",
        "Match user u",
        "Match !user u",
        "Match final",
        "Match !final",
        "Match user you host real",
        "Match !all",
    ];
    let settings = [
        "Port 1",
        "Port=2",
        "User u",
        "User \"you\"",
        "HostName real",
        "HostName %h.x",
        "IdentityFile a",
        "IdentityFile \"b c\"",
        "LocalForward 1 h:2",
        "LocalForward *:1 h:2",
        "LocalForward localhost:1 [::1]:2",
        "BatchMode yes",
        "BatchMode no # x",
        "HashKnownHosts yes",
        "StrictHostKeyChecking no",
        "StrictHostKeyChecking accept-new",
        "ServerAliveInterval 1m",
        "ConnectTimeout 10",
        "LogLevel verbose",
        "UserKnownHostsFile x y",
        "ClearAllForwardings yes",
        "GatewayPorts yes",
        "IgnoreUnknown Un*",
        "SendEnv LANG",
        "Include DIR/a",
        "Include DIR/*",
        "HostKeyAlias A",
        "PreferredAuthentications publickey",
        "# comment",
        "",
        "IdentitiesOnly yes",
    ];
    let mut file = |lines: usize, includes: bool| {
        let mut text = String::new();
        for _ in 0..random.below(lines) + 1 {
            let from: &[&str] = match random.below(3) {
                0 => &blocks,
                _ => &settings,
            };
            let line = from[random.below(from.len())];
            if includes || !line.starts_with("Include") {
                text.extend([line, "\n"]);
            }
        }
        text
    };
    for _ in 0..60 {
        for name in ["a", "b"] {
            files.write(name, &file(6, false));
        }
        let config = file(16, true).replace("DIR/*", "DIR/[ab]");
        files.write("config", &format!("{config}{TAIL}"));
        files.assert_same(&["nick"]);
        files.assert_same(&["you@other"]);
    }
}

#[test]
fn others_may_not_write_to_what_is_included() {
    use std::os::unix::fs::PermissionsExt as _;
    if !has_ssh() {
        return;
    }
    let files = Files::new();
    files.write("config", "Include DIR/open\n");
    files.write("open", "Port 1\n");
    let set_mode = |name: &str, mode| {
        let path: &Path = &files.0.join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (mode, code) in [(0o600, 0), (0o604, 0), (0o602, 255), (0o666, 255)] {
        set_mode("open", mode);
        // Named with -F, it may be open to everybody.
        set_mode("config", 0o666);
        for program in ["ssh", env!("CARGO_BIN_EXE_adit")] {
            let output = files.run(program, &["h"]);
            assert_eq!(output.status.code(), Some(code), "{program} {mode:o}");
            let bad = format!("Bad owner or permissions on {}/open", files.0.display());
            assert_eq!(text(&output.stderr).contains(&bad), code != 0, "{program}");
        }
    }
}
