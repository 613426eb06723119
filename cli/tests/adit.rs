//! The program `adit` as a person meets it when something is wrong: what it prints, how it ends.
//! Nothing here leaves this machine.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod directory;
#[cfg(target_os = "linux")]
mod hardened;

use std::fs;
use std::io::Read as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use directory::Directory;

/// A home directory for one test.
struct Home(Directory);

impl Home {
    fn new() -> Self {
        let home = Self(Directory::new());
        fs::create_dir(home.0.join(".ssh")).unwrap();
        home
    }

    fn adit(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_adit"))
            .args(args)
            .env("HOME", &*self.0)
            .env_remove("SSH_AUTH_SOCK")
            .env("WHERE", "inside")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn adit(args: &[&str]) -> Output {
    Home::new().adit(args)
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// It ended with 255, and printed this and nothing else.
fn assert_fails(args: &[&str], text: &str) {
    let output = adit(args);
    assert_eq!(stderr(&output), format!("{text}\n"), "{args:?}");
    assert_eq!(output.status.code(), Some(255), "{args:?}");
    assert_eq!(output.stdout, b"", "{args:?}");
}

#[test]
fn the_version_goes_to_stderr_and_is_a_success() {
    let output = adit(&["-V"]);
    assert!(stderr(&output).starts_with("adit 0.1.0, "));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"");
}

#[test]
fn help_goes_to_stdout_and_is_a_success() {
    let output = adit(&["--help"]);
    assert!(output.stdout.starts_with(b"usage: adit "));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_wrong_option_gets_the_usage() {
    for (args, first) in [
        (&[][..], "usage: adit "),
        (&["-N"], "usage: adit "),
        (&["-Z"], "unknown option -- Z\nusage: adit "),
        (
            &["-N", "-p"],
            "option requires an argument -- p\nusage: adit ",
        ),
        (&["--frob"], "unknown option -- --frob\nusage: adit "),
    ] {
        let output = adit(args);
        assert!(stderr(&output).starts_with(first), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(255));
    }
}

#[test]
fn bad_values_are_named_as_ssh_names_them() {
    assert_fails(
        &["-oFoo=1", "h"],
        "command-line: line 0: Bad configuration option: foo",
    );
    assert_fails(
        &["-o", "StrictHostKeyChecking maybe", "h"],
        "command-line line 0: unsupported option \"maybe\".",
    );
    assert_fails(&["-p", "abc", "h"], "Bad port 'abc'");
    assert_fails(
        &["-m", "+rot13", "-N", "h"],
        "command-line line 0: Bad SSH2 MAC spec '+rot13': unknown or unsupported algorithm \
         \"rot13\".",
    );
    assert_fails(
        &["-c", "rot13", "-N", "h"],
        "command-line line 0: Bad SSH2 cipher spec 'rot13': unknown or unsupported algorithm \
         \"rot13\".",
    );
    assert_fails(
        &["-N", "-oProxyCommand"],
        "command-line line 0: no argument after keyword \"proxycommand\"",
    );
    assert_fails(
        &["-N", "--", "-oProxyCommand=x"],
        "hostname contains invalid characters",
    );
}

#[test]
fn a_bad_specification_says_which_field() {
    for (spec, why) in [
        ("8080", "[bind_address:]port:host:hostport is needed"),
        (
            "65536:h:80",
            "the port to listen on, '65536', is not a number from 0 to 65535 or a service",
        ),
        (
            "1:h:none-such",
            "the destination's port, 'none-such', is not a number from 1 to 65535 or a service",
        ),
        ("1:${NOWHERE}:2", "environment variable NOWHERE is not set"),
        ("/run/a:/run/b:80", "'/run/b' is a path where none can be"),
    ] {
        assert_fails(
            &["-L", spec, "h"],
            &format!("Bad local forwarding specification '{spec}': {why}"),
        );
    }
}

#[test]
fn a_bad_specification_of_any_kind_is_named() {
    for (letter, kind, spec, why) in [
        (
            "-R",
            "remote",
            "80:h:0",
            "the destination's port, '0', is not",
        ),
        ("-R", "remote", "x", "the port to listen on, 'x', is not"),
        (
            "-D",
            "dynamic",
            "80:h:1",
            "more fields than [bind_address:]port;",
        ),
        (
            "-D",
            "dynamic",
            "65536",
            "the port to listen on, '65536', is",
        ),
        ("-W", "stdio", "22", "host:port is needed"),
        ("-W", "stdio", "h:0", "the destination's port, '0', is not"),
    ] {
        let output = adit(&[letter, spec, "h"]);
        let text = stderr(&output);
        let expected = format!("Bad {kind} forwarding specification '{spec}': {why}");
        assert!(text.starts_with(&expected), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(output.status.code(), Some(255));
    }
}

#[test]
fn variables_in_a_specification_are_replaced() {
    let output = adit(&["-6", "-L", "1:${WHERE}:2", "127.0.0.1"]);
    assert!(stderr(&output).starts_with("ssh: Could not resolve hostname 127.0.0.1"));
}

#[test]
fn what_needs_a_shell_is_refused() {
    for args in [&["-t", "h"][..], &["-N", "h", "ls"], &["-A", "h"], &["h"]] {
        let output = adit(args);
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(255));
    }
}

#[test]
fn an_address_of_the_wrong_family_is_not_connected_to() {
    assert_fails(
        &["-4", "-N", "::1"],
        "ssh: Could not resolve hostname ::1: Address family for hostname not supported",
    );
}

#[test]
fn a_missing_identity_is_warned_of() {
    let output = adit(&["-i", "/none/such", "-4", "-N", "::1"]);
    let warning = "Warning: Identity file /none/such not accessible: No such file or directory.\n";
    assert!(stderr(&output).starts_with(warning), "{}", stderr(&output));
}

#[test]
fn what_the_configuration_file_says_is_followed() {
    let home = Home::new();
    let config = home.0.join(".ssh/config");
    let said = |args: &[&str]| stderr(&home.adit(args));
    fs::write(
        &config,
        "Host nick\nHostName ::1\nSessionType none\nAddressFamily inet\n",
    )
    .unwrap();
    let cannot = "ssh: Could not resolve hostname ::1: Address family for hostname not supported\n";
    assert_eq!(said(&["nick"]), cannot);
    assert!(said(&["-F", "none", "nick"]).starts_with("adit only forwards ports"));
    assert!(said(&["-F", "/dev/null", "nick"]).starts_with("adit only forwards ports"));
    assert_eq!(said(&["-q", "nick"]), "");
    fs::write(
        &config,
        "LogLevel quiet\nSessionType none\nAddressFamily inet\n",
    )
    .unwrap();
    assert_eq!(said(&["::1"]), "");
    fs::write(&config, "Prot 22\n").unwrap();
    let path = config.display();
    assert_eq!(
        said(&["-N", "h"]),
        format!(
            "{path}: line 1: Bad configuration option: prot\n\
             {path}: terminating, 1 bad configuration options\n"
        )
    );
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).unwrap();
    let bad = format!("Bad owner or permissions on {path}\n");
    assert_eq!(said(&["-N", "h"]), bad);
    let other = home.0.join("other");
    let other = other.to_str().unwrap();
    fs::write(other, "RevokedHostKeys j\n").unwrap();
    let text = said(&["-F", other, "-N", "h"]);
    assert!(
        text.starts_with(&format!("{other} line 1: RevokedHostKeys: ")),
        "{text}"
    );
    assert_eq!(
        said(&["-F", "/none/such", "-N", "h"]),
        "Can't open user config file /none/such: No such file or directory\n"
    );
    let output = home.adit(&["-F", "/none/such", "-N", "h"]);
    assert_eq!(output.status.code(), Some(255));
}

#[test]
fn what_is_no_configuration_stops_it_at_once() {
    let home = Home::new();
    let path = |name: &str| home.0.join(name).to_str().unwrap().to_owned();
    let (fifo, huge, looped, binary) = (path("fifo"), path("huge"), path("loop"), path("binary"));
    let made = Command::new("mkfifo").arg(&fifo).status();
    let fifo = match made {
        Ok(status) if status.success() => fifo,
        _ => "/dev/zero".to_owned(),
    };
    let file = fs::File::create(&huge).unwrap();
    file.set_len(4 << 30).unwrap();
    symlink(&looped, &looped).unwrap();
    fs::write(
        &binary,
        [b"\x7fELF\0\xff\n".repeat(1000), vec![0; 1 << 16]].concat(),
    )
    .unwrap();
    for (file, why) in [
        (&*fifo, "Not a regular file"),
        ("/dev/zero", "Not a regular file"),
        (&huge, "File too large"),
        (&looped, "symbolic links"),
        (&binary, "terminating, 1001 bad configuration options"),
    ] {
        let output = home.adit(&["-F", file, "-N", "-4", "::1"]);
        let said = stderr(&output);
        assert!(said.contains(why) && said.contains(file), "{said}");
        assert!(said.lines().count() <= 21, "{said}");
        assert_eq!(output.status.code(), Some(255));
        // Where it usually is, too. What cannot be opened is passed over there, as with ssh.
        let usual = home.0.join(".ssh/config");
        let _ = fs::remove_file(&usual);
        symlink(file, &usual).unwrap();
        let said = stderr(&home.adit(&["-N", "-4", "::1"]));
        assert!(said.contains(why), "{said}");
        let goes_on = said.contains("Could not resolve hostname");
        assert_eq!(goes_on, why == "symbolic links", "{said}");
    }
}

#[test]
fn compression_is_warned_of_and_the_tunnel_goes_on() {
    let text = stderr(&adit(&["-C", "-N", "-4", "::1"]));
    assert!(
        text.starts_with("Warning: adit does not compress"),
        "{text}"
    );
    assert!(
        text.contains("ssh: Could not resolve hostname ::1"),
        "{text}"
    );
}

#[test]
fn a_log_file_takes_what_stderr_would_show() {
    let home = Home::new();
    let log = home.0.join("log");
    let output = home.adit(&["-N", "-4", "-E", log.to_str().unwrap(), "::1"]);
    assert_eq!(stderr(&output), "");
    assert!(
        fs::read_to_string(&log)
            .unwrap()
            .starts_with("ssh: Could not resolve")
    );
    let output = home.adit(&["-N", "-4", "-E", "/none/such/log", "::1"]);
    assert_eq!(
        stderr(&output),
        "Couldn't open logfile /none/such/log: No such file or directory\n"
    );
}

#[test]
fn quiet_is_quiet() {
    let output = adit(&["-q", "-N", "-4", "::1"]);
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(255));
}

#[test]
fn a_fifo_or_a_directory_as_a_key_does_not_stop_it() {
    let home = Home::new();
    let fifo = home.0.join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    let fifo = match made {
        Ok(status) if status.success() => fifo,
        _ => Path::new("/dev/zero").to_path_buf(),
    };
    let output = home.adit(&["-N", "-4", "-i", fifo.to_str().unwrap(), "-i", "/", "::1"]);
    assert_eq!(stderr(&output).matches("Not a regular file").count(), 2);
}

#[test]
fn a_server_that_leaves_without_a_word_is_told_of_as_ssh_does() {
    let leave: [fn(TcpStream); 2] = [
        |mut stream| {
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        },
        // What is closed with something unread in it is reset.
        |mut stream| stream.read_exact(&mut [0]).unwrap(),
    ];
    let said = [
        "Connection closed by remote host",
        "read: Connection reset by peer",
    ];
    let then = ["Connection closed by", "Connection reset by"];
    for (leave, (said, then)) in leave.into_iter().zip(said.into_iter().zip(then)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let server = thread::spawn(move || leave(listener.accept().unwrap().0));
        assert_fails(
            &["-N", "-p", &port, "me@127.0.0.1"],
            &format!("kex_exchange_identification: {said}\n{then} 127.0.0.1 port {port}"),
        );
        server.join().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_can_dump_no_core_and_gain_no_rights() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut client = Command::new(env!("CARGO_BIN_EXE_adit"))
        .args(["-F", "none", "-N", "-p", &port, "me@127.0.0.1"])
        .env("HOME", &*home.0)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (stream, _) = listener.accept().unwrap();
    assert!(hardened::is_hardened(client.id()));
    drop(stream);
    assert_eq!(client.wait().unwrap().code(), Some(255));
}
