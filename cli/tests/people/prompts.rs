//! Passphrases and questions on a terminal.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::lab::{Lab, PASSPHRASE};
use crate::terminal::Terminal;

const LOCKED: &[&str] = &["-N", "-v", "-i", ".ssh/locked"];
const PROMPT: &str = "\rEnter passphrase for key '.ssh/locked': ";

#[test]
fn a_passphrase_is_typed_without_being_seen() {
    let lab = Lab::new();
    let mut terminal = Terminal::run(&mut lab.adit(LOCKED));
    assert!(terminal.echoes());
    terminal.wait_for(PROMPT);
    assert!(!terminal.echoes());
    terminal.types("wrong\n");
    terminal.wait_for(PROMPT);
    assert!(!terminal.echoes());
    terminal.types(&format!("{PASSPHRASE}\n"));
    terminal.wait_for("Authenticated to 127.0.0.1 ([127.0.0.1]:");
    assert!(terminal.echoes());
    terminal.signal(Signal::SIGTERM);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("wrong") && !shown.contains(PASSPHRASE));
}

#[test]
fn a_key_without_its_passphrase_is_named_at_the_end() {
    let lab = Lab::new();
    for (prompts, typed, why) in [
        (
            "1",
            "wrong\n",
            "incorrect passphrase supplied to decrypt private key",
        ),
        ("3", "\n", "no passphrase was given"),
        (
            "3",
            "\x04",
            "encrypted with a passphrase, and there was no answer",
        ),
    ] {
        let prompts = format!("-oNumberOfPasswordPrompts={prompts}");
        let args = [LOCKED, &[prompts.as_str()]].concat();
        let mut terminal = Terminal::run(&mut lab.adit(&args));
        terminal.wait_for(PROMPT);
        terminal.types(typed);
        terminal.wait_for(&format!("Load key \".ssh/locked\": {why}\r\n"));
        terminal.wait_for("Permission denied (publickey).");
        assert_eq!(terminal.end().0, Some(255));
    }
}

#[test]
fn what_ends_the_program_at_a_prompt_leaves_the_terminal_as_it_was() {
    let lab = Lab::new();
    for (key, signal, by) in [
        ("half\x03", None, Signal::SIGINT),
        ("half", Some(Signal::SIGTERM), Signal::SIGTERM),
        ("half", Some(Signal::SIGHUP), Signal::SIGHUP),
        ("half\x1c", None, Signal::SIGQUIT),
    ] {
        let mut terminal = Terminal::run(&mut lab.adit(LOCKED));
        terminal.wait_for(PROMPT);
        assert!(!terminal.echoes());
        terminal.types(key);
        if let Some(signal) = signal {
            terminal.signal(signal);
        }
        // As ssh, so that a shell does not go on with the next command of a loop.
        assert_eq!(terminal.killed_by(), Some(by as i32), "{key:?} {signal:?}");
    }
}

#[test]
fn a_server_that_waits_no_longer_ends_the_question_once_the_line_is_typed() {
    let lab = Lab::serving("LoginGraceTime=1");
    for rest in ["line\n", "\x04\x04", "\x03"] {
        let mut terminal = Terminal::run(&mut lab.adit(LOCKED));
        terminal.wait_for(PROMPT);
        terminal.types("half");
        terminal.wait_for("\r\n");
        terminal.wait_for("127.0.0.1 port ");
        // Whoever types on is not to be seen by, or tell, the shell.
        assert!(!terminal.echoes());
        terminal.types(rest);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(255), "{rest:?}");
        assert!(
            !shown.contains("half") && !shown.contains("line\r"),
            "{shown}"
        );
    }
}

#[test]
fn a_server_that_waits_no_longer_ends_a_question_that_nobody_answers() {
    let lab = Lab::serving("LoginGraceTime=1");
    let mut terminal = Terminal::run(&mut lab.adit(LOCKED));
    terminal.wait_for(PROMPT);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(255));
    assert!(shown.contains("127.0.0.1 port "), "{shown}");
}

/// A shell with jobs: `script` starts adit as `"$0" "$@"`, and brings it back.
fn shell(lab: &Lab, script: &str) -> Terminal {
    let adit = lab.adit(LOCKED);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("set -m; {script}")]);
    shell.arg(adit.get_program()).args(adit.get_args());
    shell.current_dir(&*lab.home).env("HOME", &*lab.home);
    shell.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
    Terminal::run(&mut shell)
}

#[test]
fn the_key_that_stops_a_job_stops_it_with_echo_on_and_fg_asks_again() {
    let lab = Lab::new();
    let mut terminal = shell(
        &lab,
        "\"$0\" \"$@\"; echo shell; read line; echo got $line; fg",
    );
    terminal.wait_for(PROMPT);
    terminal.types("half\x1a");
    terminal.wait_for("shell\r\n");
    assert!(terminal.echoes());
    terminal.types("seen\n");
    terminal.wait_for("seen\r\n");
    terminal.wait_for("got seen\r\n");
    terminal.wait_for(PROMPT);
    assert!(!terminal.echoes());
    terminal.types(&format!("{PASSPHRASE}\n"));
    terminal.wait_for("Authenticated to ");
    assert!(terminal.echoes());
    terminal.types("\x03");
    assert_eq!(terminal.end().0, Some(255));
}

#[test]
fn a_job_that_was_stopped_from_elsewhere_does_not_show_what_is_typed_after_fg() {
    let lab = Lab::new();
    let mut terminal = shell(&lab, "\"$0\" \"$@\"; stty echo; echo shell; fg");
    terminal.wait_for(PROMPT);
    assert!(!terminal.echoes());
    let adit = Command::new("pgrep")
        .args(["-P", &terminal.pid().to_string()])
        .output();
    let adit: i32 = String::from_utf8(adit.unwrap().stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(adit), Signal::SIGSTOP).unwrap();
    terminal.wait_for("shell\r\n");
    terminal.wait_until_silent();
    terminal.types(&format!("{PASSPHRASE}\n"));
    terminal.wait_for("Authenticated to ");
    terminal.types("\x03");
    assert_eq!(terminal.end().0, Some(255));
}

/// Until the shell's last job is stopped.
const STOPPED: &str =
    "while ! grep -q '^State:.*T' /proc/$!/status; do sleep 0.02; done; echo stopped";

#[test]
fn a_question_in_the_background_stops_the_job_until_fg() {
    let lab = Lab::new();
    let script = format!("\"$0\" \"$@\" & {STOPPED}; bg; {STOPPED}; fg");
    let mut terminal = shell(&lab, &script);
    for _ in 0..2 {
        terminal.wait_for("stopped\r\n");
        assert!(terminal.echoes());
    }
    terminal.wait_for(PROMPT);
    assert!(!terminal.echoes());
    terminal.types(&format!("{PASSPHRASE}\n"));
    terminal.wait_for("Authenticated to ");
    terminal.types("\x03");
    assert_eq!(terminal.end().0, Some(255));
}

#[test]
fn a_job_that_waits_for_the_foreground_can_be_ended() {
    let lab = Lab::new();
    let gone = "while grep -q '^State:.*[^Z] (' /proc/$!/status; do sleep 0.02; done; echo gone";
    let script = format!("\"$0\" \"$@\" & {STOPPED}; kill %1; kill -CONT $!; {gone}");
    let mut terminal = shell(&lab, &script);
    terminal.wait_for("stopped\r\n");
    terminal.wait_for("Killed by signal 15.\r\n");
    terminal.wait_for("gone\r\n");
    terminal.end();
}

#[test]
fn a_host_key_is_asked_about_and_what_is_typed_is_seen() {
    let lab = Lab::new();
    for (typed, code) in [("what\nno\n", 255), ("yes\n", 0)] {
        let args = ["-N", "-v", "-i", ".ssh/plain"];
        let mut adit = lab.checking("StrictHostKeyChecking=ask", &args);
        let mut terminal = Terminal::run(&mut adit);
        terminal.wait_for("can't be established.\r\n");
        terminal.wait_for("ED25519 key fingerprint is: SHA256:");
        terminal.wait_for("(yes/no/[fingerprint])? ");
        assert!(terminal.echoes());
        terminal.types(typed);
        if code == 0 {
            terminal.wait_for("yes\r\n");
            terminal.wait_for("Authenticated to ");
            terminal.signal(Signal::SIGTERM);
        } else {
            terminal.wait_for("Please type 'yes', 'no' or the fingerprint: ");
            terminal.wait_for("Host key verification failed.");
        }
        assert_eq!(terminal.end().0, Some(code));
    }
}

#[test]
fn without_a_terminal_or_in_a_batch_nobody_is_asked() {
    let lab = Lab::new();
    let batch = [LOCKED, &["-oBatchMode=yes"]].concat();
    for (args, why) in [
        (
            LOCKED,
            "encrypted with a passphrase, and there is nobody to ask",
        ),
        (
            &batch,
            "encrypted with a passphrase, and nobody may be asked (BatchMode)",
        ),
    ] {
        let adit = lab.adit(args);
        let mut leader = Command::new("setsid");
        leader
            .arg("--wait")
            .arg(adit.get_program())
            .args(adit.get_args());
        leader.current_dir(&*lab.home).env("HOME", &*lab.home);
        leader.env_remove("DISPLAY").env_remove("SSH_AUTH_SOCK");
        let output = leader.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let line = format!("Load key \".ssh/locked\": {why}\n");
        assert!(said.contains(&line), "{said}");
        assert_eq!(output.status.code(), Some(255));
    }
}
