//! A program that asks, where there is no terminal.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, PASSPHRASE};
use crate::terminal::{PATIENCE, Terminal};

/// `adit` without a terminal, which asks by `askpass`.
fn without_terminal(lab: &Lab, askpass: &str, args: &[&str]) -> Child {
    let adit = lab.adit(args);
    let mut leader = Command::new("setsid");
    leader.arg(adit.get_program()).args(adit.get_args());
    leader.current_dir(&*lab.home).env("HOME", &*lab.home);
    leader.env_remove("SSH_AUTH_SOCK");
    leader.env_remove("SSH_ASKPASS_REQUIRE");
    leader.env("DISPLAY", ":0").env("SSH_ASKPASS", askpass);
    let log = fs::File::create(lab.home.join("log")).unwrap();
    leader.stdin(Stdio::null()).stderr(log).spawn().unwrap()
}

fn wait_for_log(lab: &Lab, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = fs::read_to_string(lab.home.join("log")).unwrap();
        if log.contains(text) {
            return;
        }
        assert!(Instant::now() < deadline, "{text} is not in {log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn end(mut child: Child) -> Option<i32> {
    let _ = kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGTERM,
    );
    child.wait().unwrap().code()
}

#[test]
fn it_is_given_the_prompt_and_its_first_line_is_the_passphrase() {
    let lab = Lab::new();
    let script = format!("echo \"$# $1\" > asked\necho '{PASSPHRASE}'\necho more");
    let askpass = lab.script("ask", &script);
    let child = without_terminal(&lab, &askpass, &["-N", "-v", "-i", ".ssh/locked"]);
    wait_for_log(&lab, "Authenticated to ");
    let asked = lab.wait_for_file("asked");
    assert_eq!(asked, "1 Enter passphrase for key '.ssh/locked': \n");
    assert_eq!(end(child), Some(0));
}

#[test]
fn one_that_fails_or_is_not_there_gives_no_answer() {
    let lab = Lab::new();
    let failing = lab.script("ask", &format!("echo '{PASSPHRASE}'\nexit 1"));
    let missing = lab.path("none");
    for (askpass, why) in [
        (&failing, "there was no answer".to_owned()),
        (
            &missing,
            format!("ssh_askpass: exec({missing}): No such file or directory"),
        ),
    ] {
        let mut child = without_terminal(&lab, askpass, &["-N", "-i", ".ssh/locked"]);
        assert_eq!(child.wait().unwrap().code(), Some(255));
        wait_for_log(&lab, &format!("encrypted with a passphrase, and {why}\n"));
    }
}

#[test]
fn it_ends_with_the_program() {
    let lab = Lab::new();
    let askpass = lab.script("ask", "echo $$ > asked\nexec sleep 1000");
    let child = without_terminal(&lab, &askpass, &["-N", "-i", ".ssh/locked"]);
    let pid = lab.wait_for_file("asked");
    // By the signal.
    assert_eq!(end(child), None);
    let process = format!("/proc/{}", pid.trim());
    assert!(!fs::exists(process).unwrap());
}

#[test]
fn a_terminal_is_preferred_unless_the_environment_prefers_the_program() {
    let lab = Lab::new();
    let askpass = lab.script("ask", &format!("echo '{PASSPHRASE}'"));
    for (require, by_program) in [(None, false), (Some("prefer"), true), (Some("force"), true)] {
        let mut adit = lab.adit(&["-N", "-v", "-i", ".ssh/locked"]);
        adit.env("DISPLAY", ":0").env("SSH_ASKPASS", &askpass);
        if let Some(require) = require {
            adit.env("SSH_ASKPASS_REQUIRE", require);
        }
        let mut terminal = Terminal::run(&mut adit);
        if !by_program {
            terminal.wait_for("Enter passphrase for key '.ssh/locked': ");
            terminal.types(&format!("{PASSPHRASE}\n"));
        }
        terminal.wait_for("Authenticated to ");
        terminal.signal(Signal::SIGTERM);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(0));
        assert_eq!(shown.contains("Enter passphrase"), !by_program, "{shown}");
    }
}
