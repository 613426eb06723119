//! Tables: what lines come to, and what is said about those that come to nothing.

use adit_forward::policy::Policy;
use adit_testkit::dice::Dice;

use super::words::{LIST_MAX, max_startups};
use super::*;

mod sources;

fn read(text: &str) -> Config {
    let mut config = Config::default();
    config.read("file", text.as_bytes()).unwrap();
    config
}

fn errors(text: &str) -> Vec<String> {
    let errors = Config::default().read("file", text.as_bytes());
    errors
        .unwrap_err()
        .iter()
        .map(ConfigError::to_string)
        .collect()
}

/// The one error of a file with that one line.
fn error(line: &str) -> String {
    let all = errors(line);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].strip_prefix("file line 1: ").unwrap().to_owned()
}

#[test]
fn nothing_said_is_the_default_of_sshd_except_for_life_and_forwarding() {
    let config = read("# nothing\n\n   \n");
    assert_eq!(config.login_grace(), Some(Duration::from_secs(120)));
    assert_eq!(config.max_auth_tries(), 6);
    assert_eq!(config.alive(), Some(ALIVE));
    assert_eq!(config.forwarding.policy(), Policy::default());
    assert!(config.host_keys.is_empty() && config.ports.is_empty() && config.listen.is_empty());
}

#[test]
fn loops_are_as_many_as_there_may_be() {
    for (word, loops) in [("1", 1), ("2", 2), ("64", 64)] {
        let read = read(&format!("Loops {word}")).loops;
        assert_eq!(read.map(LoopCount::get), Some(loops));
    }
    assert_eq!(read("").loops, None);
    for word in ["0", "65", "-1", "all", "18446744073709551616"] {
        assert!(error(&format!("Loops {word}")).contains(word), "{word}");
    }
}

#[test]
fn windows_have_as_much_as_is_said_and_no_less_than_some_channels_need() {
    for (word, bytes) in [("1M", 1 << 20), ("1048577", (1 << 20) + 1), ("3g", 3 << 30)] {
        let read = read(&format!("WindowMemory {word}")).window_memory;
        assert_eq!(read.map(WindowMemory::get), Some(bytes));
    }
    for word in ["0", "1048575", "1023k", "all"] {
        let error = error(&format!("WindowMemory {word}"));
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn each_keyword_sets_its_value() {
    let config = read(
        concat!(
            "Port 2222\nport=23\nPORT \"24\"\n",
            "ListenAddress 127.0.0.1:0\nListenAddress [::1]:5\nListenAddress = ::\n",
            "AddressFamily inet6\n",
            "HostKey /etc/a key\n# no: two words\n",
        )
        .replace("/etc/a key", "\"/etc/a key\"")
        .as_str(),
    );
    assert_eq!(config.ports, [2222, 23, 24]);
    assert_eq!(config.listen.len(), 3);
    assert_eq!(config.family, Some(Family::Inet6));
    assert_eq!(config.host_keys, [PathBuf::from("/etc/a key")]);

    let config = read(concat!(
        "AuthorizedKeysFile .ssh/keys /etc/keys/%u # both\n",
        "LoginGraceTime 1m30s\nMaxAuthTries 3\nMaxStartups 5:50:20\n",
        "ClientAliveInterval 1m\nClientAliveCountMax 2\nStrictModes no\nLogLevel verbose\n",
        "Ciphers aes256-gcm@openssh.com\nKexAlgorithms -curve25519-*\nHostKeyAlgorithms ssh-ed25519\n",
        "RekeyLimit 1G 1h\n",
    ));
    let files = [".ssh/keys".to_owned(), "/etc/keys/%u".to_owned()];
    assert_eq!(config.authorized_keys.as_deref(), Some(&files[..]));
    assert_eq!(config.login_grace(), Some(Duration::from_secs(90)));
    assert_eq!(config.max_auth_tries(), 3);
    let (start, rate, full) = (5, 50, 20);
    assert_eq!(config.max_startups, Some(MaxStartups { start, rate, full }));
    let (interval, count) = (Duration::from_secs(60), 2);
    assert_eq!(config.alive(), Some(KeepAlive { interval, count }));
    assert_eq!(config.strict_modes, Some(StrictModes::No));
    assert_eq!(config.level, Some(Level::Verbose));
    assert_eq!(config.ciphers.as_deref(), Some("aes256-gcm@openssh.com"));
    assert_eq!(config.kex.as_deref(), Some("-curve25519-*"));
    assert_eq!(config.host_key_algorithms.as_deref(), Some("ssh-ed25519"));
    let (bytes, time) = (Some(1 << 30), Some(Duration::from_secs(3600)));
    assert_eq!(config.rekey, Some(RekeyLimits { bytes, time }));
}

#[test]
fn the_first_value_wins_and_later_ones_are_still_read() {
    let config = read("MaxAuthTries 3\nMaxAuthTries 4\nPermitOpen a:1\nPermitOpen b:2\n");
    assert_eq!(config.max_auth_tries(), 3);
    assert_eq!(
        config.forwarding.policy().opens().to_string(),
        "Clients may open a:1"
    );
    assert_eq!(
        errors("MaxAuthTries 3\nMaxAuthTries none\n"),
        ["file line 2: unsupported option \"none\"."]
    );
}

#[test]
fn the_command_line_comes_before_the_file() {
    let mut config = Config::default();
    config.option("MaxAuthTries=2").unwrap();
    config.option("Port 1").unwrap();
    config.read("file", b"MaxAuthTries 5\nPort 2\n").unwrap();
    assert_eq!((config.max_auth_tries(), &*config.ports), (2, &[1, 2][..]));

    let mut config = Config {
        ports: vec![9],
        ports_from: PortsFrom::CommandLine,
        ..Config::default()
    };
    config.read("file", b"Port 2\n").unwrap();
    assert_eq!(config.ports, [9], "-p overrides Port");
    let bad = config.option("frob=1").unwrap_err().to_string();
    assert_eq!(bad, "command-line line 0: Bad configuration option: frob");
}

#[test]
fn forwarding_comes_to_a_policy() {
    for (text, policy) in [
        ("AllowTcpForwarding yes", "any destination"),
        ("AllowTcpForwarding ALL", "any destination"),
        ("AllowTcpForwarding local", "any destination"),
        (
            "AllowTcpForwarding no\nPermitOpen a:1",
            "nothing (AllowTcpForwarding no)",
        ),
        (
            "AllowTcpForwarding remote",
            "nothing (AllowTcpForwarding remote)",
        ),
        ("PermitOpen any", "any destination"),
        ("PermitOpen none", "nothing (PermitOpen none)"),
        ("PermitOpen a:1 [::1]:* \"*:80\"", "a:1, [::1]:*, *:80"),
        ("AllowTcpForwarding yes\nPermitOpen a:1", "a:1"),
        ("", "nothing: set AllowTcpForwarding or PermitOpen"),
    ] {
        let expected = format!("Clients may open {policy}");
        assert_eq!(
            read(text).forwarding.policy().opens().to_string(),
            expected,
            "{text:?}"
        );
    }
}

#[test]
fn rekey_limits_left_out_are_ours() {
    let hour = Some(Duration::from_secs(3600));
    for (line, bytes, time) in [
        ("RekeyLimit default", None, hour),
        ("RekeyLimit 1M", Some(1 << 20), hour),
        ("RekeyLimit default none", None, None),
        ("RekeyLimit none 5m", None, Some(Duration::from_secs(300))),
        ("RekeyLimit 16", Some(16), hour),
    ] {
        assert_eq!(
            read(line).rekey,
            Some(RekeyLimits { bytes, time }),
            "{line}"
        );
    }
}

#[test]
fn zero_means_never() {
    assert_eq!(read("LoginGraceTime 0").login_grace(), None);
    assert_eq!(read("ClientAliveInterval 0").alive(), None);
    assert_eq!(read("ClientAliveCountMax 0").alive(), None);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    assert_eq!(
        errors("Port 22\nFrob yes\n\nPort x\n"),
        [
            "file line 2: Bad configuration option: Frob",
            "file line 4: Badly formatted port number."
        ]
    );
    for (line, what) in [
        ("Port", "no argument after keyword \"Port\""),
        ("Port 1 2", "keyword Port extra arguments at end of line"),
        ("Port 65536", "Badly formatted port number."),
        ("Port -1", "Badly formatted port number."),
        ("Port \"1", "unbalanced quotes"),
        ("AddressFamily v4", "unsupported option \"v4\"."),
        ("AllowTcpForwarding maybe", "unsupported option \"maybe\"."),
        ("ListenAddress [::1", "bad address or port: [::1"),
        ("LoginGraceTime soon", "unsupported option \"soon\"."),
        ("LogLevel loud", "unsupported option \"loud\"."),
        ("MaxAuthTries 0", "unsupported option \"0\"."),
        ("MaxStartups 10:30", "Illegal MaxStartups spec."),
        ("MaxStartups 10:0:100", "Illegal MaxStartups spec."),
        ("MaxStartups 10:101:100", "Illegal MaxStartups spec."),
        ("MaxStartups 11:30:10", "Illegal MaxStartups spec."),
        ("MaxStartups 0", "Illegal MaxStartups spec."),
        ("MaxStartups 1:1:1:1", "Illegal MaxStartups spec."),
        ("HostKey \"\"", "unsupported option \"\"."),
        ("StrictModes sometimes", "unsupported option \"sometimes\"."),
        ("RekeyLimit 15", "rekeylimit too small"),
        ("RekeyLimit lots", "unsupported option \"lots\"."),
        ("RekeyLimit 1G soon", "invalid time value."),
        ("RekeyLimit 1G 0", "invalid time value."),
        (
            "Ciphers aes128-cbc",
            "Bad Ciphers 'aes128-cbc': unknown or unsupported algorithm \"aes128-cbc\"",
        ),
        (
            "MACs hmac-nonsense",
            "Bad MACs 'hmac-nonsense': unknown or unsupported algorithm \"hmac-nonsense\"",
        ),
        (
            "KexAlgorithms -*",
            "Bad KexAlgorithms '-*': no algorithm is left",
        ),
        (
            "HostKeyAlgorithms",
            "no argument after keyword \"HostKeyAlgorithms\"",
        ),
        ("PermitOpen", "no argument after keyword \"PermitOpen\""),
        ("PermitOpen a", "PermitOpen a: missing port"),
        ("PermitOpen a:1 b:x", "PermitOpen b:x: bad port number"),
        (
            "PermitOpen a:1 any",
            "PermitOpen any: \"any\" and \"none\" stand alone",
        ),
        (
            "PermitOpen ::1:80",
            "PermitOpen ::1:80: an IPv6 address needs [] around it",
        ),
        ("\u{1b}[2J yes", "Bad configuration option: \\u{1b}[2J"),
    ] {
        assert_eq!(error(line), what, "{line:?}");
    }
    let all = Config::default()
        .read("file", b"Port 22\n\xff\n")
        .unwrap_err();
    assert_eq!(all[0].to_string(), "file line 2: not UTF-8");
}

#[cfg(feature = "ctr")]
#[test]
fn macs_are_read_as_ciphers_are() {
    let config = read("MACs ^hmac-sha2-512-etm@openssh.com\nMACs -*512*\n");
    assert_eq!(config.lists().macs, Some("^hmac-sha2-512-etm@openssh.com"));
    let offered = crate::provider::algorithms(&config.lists()).unwrap();
    let macs: Vec<_> = offered.ciphers.iter().filter_map(|c| c.mac()).collect();
    assert_eq!(macs[0], "hmac-sha2-512-etm@openssh.com");
    // None of the MACs here: what needs none is left.
    let config = read("MACs hmac-sha1\n");
    let offered = crate::provider::algorithms(&config.lists()).unwrap();
    assert!(offered.ciphers.iter().all(|c| c.mac().is_none()));
}

#[test]
fn what_this_server_does_not_do_cannot_be_switched_on() {
    for line in [
        "Subsystem sftp /usr/lib/openssh/sftp-server",
        "ForceCommand /bin/true",
        "PermitTTY yes",
        "AcceptEnv LANG LC_*",
    ] {
        assert!(error(line).contains("runs no commands"), "{line}");
    }
    for (line, why) in [
        ("X11Forwarding yes", "not X11 (only \"no\" is accepted)"),
        ("PermitTunnel point-to-point", "not network devices"),
        ("AllowAgentForwarding yes", "not agents"),
        ("UsePAM yes", "a login name is a label here"),
        ("ChrootDirectory /var/empty", "starts no processes"),
        ("PasswordAuthentication yes", "public key alone"),
        ("Match User alice", "run one aditd for each policy"),
        ("Include /etc/ssh/sshd_config.d/*.conf", "not implemented"),
        ("AllowUsers alice", "not implemented"),
        ("X11Forwarding", "not X11"),
        ("UsePAM no no", "a login name"),
    ] {
        let what = error(line);
        assert!(
            what.starts_with("Unsupported option ") && what.contains(why),
            "{what}"
        );
    }
}

#[test]
fn what_this_server_keeps_to_anyway_may_be_written() {
    read(concat!(
        "x11forwarding NO\nPermitTTY no\nPermitTunnel=no\nAllowAgentForwarding no\nUsePAM no\n",
        "ChrootDirectory none\nForceCommand none\nPasswordAuthentication no\nUseDNS no\n",
        "PubkeyAuthentication yes\nPermitListen none\nCompression no\nMaxSessions 0\n",
    ));
}

#[test]
fn a_list_has_at_most_64_lines() {
    let lines = |n: usize| "Port 1\n".repeat(n);
    assert_eq!(read(&lines(LIST_MAX)).ports.len(), LIST_MAX);
    assert_eq!(
        errors(&lines(LIST_MAX + 1)),
        ["file line 65: too many Port lines"]
    );
}

#[test]
fn max_startups_is_three_numbers_or_the_last() {
    let (start, rate, full) = (7, 100, 7);
    assert_eq!(max_startups("7"), Some(MaxStartups { start, rate, full }));
    for (word, sound) in [
        ("10:30:100", true),
        ("1:1:1", true),
        ("10:100:10", true),
        ("", false),
        ("::", false),
        ("a:b:c", false),
        ("4294967296", false),
    ] {
        assert_eq!(max_startups(word).is_some(), sound, "{word:?}");
    }
}

#[test]
fn no_bytes_whatever_end_the_program() {
    let mut dice = Dice::new(1);
    let alphabet = b"Port ListenAddress=PermitOpen\"'\\#[]:*0123\n\t\xff\0";
    for _ in 0..2000 {
        let bytes: Vec<u8> = (0..80).map(|_| dice.pick(alphabet)).collect();
        let _ = Config::default().read("file", &bytes);
    }
}

#[test]
fn algorithms_of_users_are_a_list_of_their_own() {
    for name in ["PubkeyAcceptedAlgorithms", "pubkeyacceptedkeytypes"] {
        let config = read(&format!("{name} -rsa*\n{name} rsa-sha2-256\n"));
        assert_eq!(config.lists().user_keys, Some("-rsa*"));
        let offered = crate::provider::algorithms(&config.lists()).unwrap();
        let ours = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"];
        assert_eq!(offered.user_keys, ours);
        assert_eq!(offered.host_keys.len(), 5);
    }
    assert_eq!(
        error("PubkeyAcceptedAlgorithms ssh-rsa"),
        "Bad PubkeyAcceptedAlgorithms 'ssh-rsa': unknown or unsupported algorithm \"ssh-rsa\""
    );
}

#[test]
fn what_sshd_no_longer_follows_is_said_to_be_that() {
    let gone = "Unsupported option KeyRegenerationInterval: sshd itself has not followed it for \
                years: leave it out";
    assert_eq!(error("KeyRegenerationInterval 3600"), gone);
    assert_eq!(
        read("RequiredRSASize 2048\nSkeyAuthentication no\n").ports,
        []
    );
    let size = error("RequiredRSASize 3072");
    assert!(
        size.contains("RSA keys need at least 2048 bits here"),
        "{size}"
    );
}
