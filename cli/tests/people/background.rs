//! `-f`: what the parent's exit code means, and what goes on behind it.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, PASSPHRASE, carries, echo, free_port};
use crate::terminal::{PATIENCE, Terminal};

/// A process that nobody here is the parent of; killed with this.
struct Daemon(Pid);

impl Daemon {
    /// The one that runs with this argument and has left its parent.
    fn find(argument: &str) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let name = entry.file_name();
                let Some(pid) = name.to_str().and_then(|n| n.parse().ok()) else {
                    continue;
                };
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let mut words = line.split(|b| *b == 0);
                if words.any(|word| word == argument.as_bytes()) {
                    return Self(Pid::from_raw(pid));
                }
            }
            assert!(Instant::now() < deadline, "nobody runs with {argument}");
        }
    }

    /// What `/proc/PID/stat` says from the state on: state, ppid, pgrp, session, tty, …
    /// `None`: there is no such process.
    fn stat(&self) -> Option<Vec<String>> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let after_name = text.rsplit(')').next()?;
        Some(after_name.split_whitespace().map(str::to_owned).collect())
    }

    fn ends(&self) {
        let deadline = Instant::now() + PATIENCE;
        // It may be a zombie for as long as init likes.
        while self.stat().is_some_and(|stat| stat[0] != "Z") {
            assert!(Instant::now() < deadline, "{} does not end", self.0);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

/// Runs the parent to its end; nothing of the daemon holds its standard error open.
fn parent(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn the_tunnel_goes_on_alone_and_without_a_terminal() {
    let lab = Lab::new();
    let (port, to) = (free_port(), echo());
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", to.port());
    let log = "log"; // relative, and still the same file afterwards
    let (code, said) = parent(&mut lab.adit(&[
        "-f",
        "-v",
        "-E",
        log,
        "-i",
        ".ssh/plain",
        "-oExitOnForwardFailure=yes",
        "-L",
        &spec,
    ]));
    assert_eq!((code, said.as_str()), (Some(0), ""));
    // The parent's success means that the port can be used now.
    assert!(carries(port));
    let log = fs::read_to_string(lab.home.join(log)).unwrap();
    assert!(log.contains("Authenticated to 127.0.0.1"), "{log}");
    assert!(
        log.contains("debug1: forking to background, from 1 thread\n"),
        "{log}"
    );

    let daemon = Daemon::find(&spec);
    let stat = daemon.stat().unwrap();
    let [ppid, session, tty] = [1, 3, 4].map(|n| stat[n].clone());
    assert_ne!(ppid, std::process::id().to_string());
    assert_eq!((session, tty.as_str()), (daemon.0.to_string(), "0"));
    for fd in 0..3 {
        let file = fs::read_link(format!("/proc/{}/fd/{fd}", daemon.0)).unwrap();
        assert_eq!(file.to_str(), Some("/dev/null"));
    }

    kill(daemon.0, Signal::SIGTERM).unwrap();
    daemon.ends();
    assert!(!carries(port));
    let log = fs::read_to_string(lab.home.join("log")).unwrap();
    assert!(log.contains("Killed by signal 15."), "{log}");
    assert!(
        log.contains("direct") || log.contains("channel 0: "),
        "{log}"
    );
}

#[test]
fn questions_come_before_and_the_terminal_may_close_behind() {
    let lab = Lab::new();
    let (port, to) = (free_port(), echo());
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", to.port());
    let mut terminal = Terminal::run(&mut lab.adit(&["-f", "-i", ".ssh/locked", "-L", &spec]));
    terminal.wait_for("Enter passphrase for key '.ssh/locked': ");
    terminal.types(&format!("{PASSPHRASE}\n"));
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("Ctrl-C"), "{shown}");
    let daemon = Daemon::find(&spec);
    assert!(carries(port));
    assert_eq!(daemon.stat().unwrap()[4], "0");
}

#[test]
fn what_fails_before_is_the_parents_failure() {
    let lab = Lab::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo().port());
    let insist = "-oExitOnForwardFailure=yes";
    for (args, text) in [
        (
            &["-f", "-i", ".ssh/plain", insist, "-L", &spec][..],
            "Could not request local forwarding.",
        ),
        (
            &["-f", "-oIdentityFile=none", "-L", &spec],
            "Permission denied (publickey).",
        ),
        (&["-f", "-N", "-p", "1"], "ssh: connect to host"),
    ] {
        let mut adit = lab.adit(args);
        if args.contains(&"1") {
            adit = Command::new(env!("CARGO_BIN_EXE_adit"));
            adit.args(["-F", "none", "-f", "-N", "-p", "1", "127.0.0.1"]);
        }
        let (code, said) = parent(&mut adit);
        assert_eq!(code, Some(255), "{said}");
        assert!(said.contains(text), "{said}");
    }
    // Without insisting a forward that fails is told of, and the others stand: as ssh.
    let free = free_port();
    let other = format!("127.0.0.1:{free}:127.0.0.1:{}", echo().port());
    let (code, said) =
        parent(&mut lab.adit(&["-f", "-i", ".ssh/plain", "-L", &spec, "-L", &other]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("Could not request local forwarding."),
        "{said}"
    );
    let _daemon = Daemon::find(&other);
    assert!(carries(free));
}

#[test]
fn who_waits_for_the_end_of_another_descriptor_is_not_kept_waiting() {
    let lab = Lab::new();
    let (port, to) = (free_port(), echo());
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", to.port());
    let adit = lab.adit(&["-f", "-i", ".ssh/plain", "-L", &spec]);
    // As a shell has it in `x=$(adit -f ... 3>&1 >/dev/null)`.
    let mut shell = Command::new("/bin/sh");
    let line = "exec 3>&1 1>/dev/null; exec \"$0\" \"$@\"";
    shell.args(["-c", line]).arg(adit.get_program());
    shell.args(adit.get_args()).env("HOME", &*lab.home);
    shell.current_dir(&*lab.home).env_remove("SSH_AUTH_SOCK");
    shell.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut parent = shell.spawn().unwrap();
    assert!(parent.wait().unwrap().success());
    let _daemon = Daemon::find(&spec);
    let mut stdout = parent.stdout.take().unwrap();
    let (sender, ended) = std::sync::mpsc::channel();
    thread::spawn(move || sender.send(stdout.read_to_end(&mut Vec::new()).unwrap()));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(0));
    assert!(carries(port));
}
