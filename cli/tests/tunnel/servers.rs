//! Servers that go away, are not there, say nothing, or mean harm; and the one of `--demo`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::home::{Home, OPEN, connect, echo, free_port};

#[test]
fn a_server_that_goes_away_ends_the_client() {
    let home = Home::new();
    let (server, address) = home.aditd(OPEN);
    let (client, port) = home.tunnel(address, echo());
    let mut stream = connect(port);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    drop(server);
    // Killed, so without a word: an end of its connection, or a reset when bytes were on their way.
    client.fails(&["127.0.0.1", "onnection"]);
    assert!(stream.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let home = Home::new();
    let closed: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()).into();
    let port = closed.port();
    home.adit(closed, &["-N"]).fails(&[&format!(
        "ssh: connect to host 127.0.0.1 port {port}: Connection refused"
    )]);
}

#[test]
fn what_a_hostile_server_says_is_escaped() {
    let home = Home::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // RFC 4253 §4.2: lines may come before the identification.
        stream
            .write_all(b"\x1b]0;owned\x07\r\nSSH-2.0-evil_\xc2\x9b31m\r\n")
            .unwrap();
        // §11.1, before any key exchange: reason 2, a text, no language.
        let text = "\x1b[2J\r\nnot a line of its own\u{202e}".as_bytes();
        let mut payload = vec![1, 0, 0, 0, 2, 0, 0, 0, u8::try_from(text.len()).unwrap()];
        payload.extend(text);
        payload.extend([0; 4]);
        let padding = 8 - (5 + payload.len()) % 8 + 8;
        let len = u32::try_from(1 + payload.len() + padding).unwrap();
        let mut packet = len.to_be_bytes().to_vec();
        packet.push(u8::try_from(padding).unwrap());
        packet.extend(payload);
        packet.extend(vec![0; padding]);
        stream.write_all(&packet).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (code, said) = home.adit(address, &["-N", "-vvv"]).end();
    serve.join().unwrap();
    assert_eq!(code, Some(255));
    let harmless = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
    assert!(said.chars().all(harmless), "{said:?}");
    assert!(
        !said.lines().any(|line| line.starts_with("not a line")),
        "{said}"
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let home = Home::new();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let started = Instant::now();
    home.adit(address, &["-N", "-oConnectTimeout=1"])
        .fails(&["timed out"]);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[cfg(feature = "demo")]
#[test]
fn the_demonstration_shows_the_main_job_and_ends() {
    for (program, word) in [
        (env!("CARGO_BIN_EXE_adit"), "--demo=once"),
        (env!("CARGO_BIN_EXE_adit-demo"), "--once"),
    ] {
        let home = Home::new();
        let output = Command::new(program)
            .arg(word)
            .env("HOME", &*home.0)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{:?}", output.stderr);
        for text in [
            "200 OK",
            "every byte checked",
            "SHA256:",
            "listens on 127.0.0.1:",
        ] {
            assert!(said.contains(text), "{said}");
        }
        // Nothing was made or changed where the user keeps such things.
        assert!(!home.ssh("known_hosts").exists());
    }
}

#[test]
fn without_the_program_of_the_demonstration_adit_says_how_to_get_it() {
    let home = Home::new();
    let alone = home.0.join("adit");
    fs::copy(env!("CARGO_BIN_EXE_adit"), &alone).unwrap();
    // One on the way of PATH is not what is meant.
    let elsewhere = home.ssh("adit-demo");
    fs::write(&elsewhere, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(&alone)
        .arg("--demo")
        .env("PATH", elsewhere.parent().unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
    let expected = format!(
        "The demonstration is a program of its own, and there is no {}.\n\
         In adit's sources: cargo run --release --bin adit-demo\n",
        home.0.join("adit-demo").display()
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}
