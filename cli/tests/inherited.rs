//! Descriptors that were open where `adit` and `aditd` were started: neither keeps them.
#![forbid(unsafe_code)]
#![cfg(all(test, feature = "client", feature = "server", feature = "keygen"))]
#![expect(
    clippy::unwrap_used,
    reason = "a failure of a helper is a failure of its test"
)]

mod directory;

use std::io::{Read as _, pipe};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use directory::Directory;

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that still runs; killed with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program with descriptors 3 and 9 open. It lets them go, and runs on.
fn assert_let_go(program: &str, args: &[&str], home: &Directory) {
    let (mut kept, writer) = pipe().unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .args([
            "-c",
            "exec 3>&1 9>&1 1>/dev/null; exec \"$0\" \"$@\"",
            program,
        ])
        .args(args)
        .env("HOME", &**home)
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    drop(command); // it has the writing end
    let (sender, ended) = channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = kept.read_to_end(&mut all);
        let _ = sender.send(all);
    });
    let all = ended.recv_timeout(PATIENCE);
    assert_eq!(all.as_deref(), Ok(&[][..]), "{program} keeps them");
    assert!(
        running.0.try_wait().unwrap().is_none(),
        "{program} has ended"
    );
}

#[test]
fn a_server_keeps_no_descriptor_that_it_was_started_with() {
    let home = Directory::new();
    let key = home.join("key");
    let made = Command::new(env!("CARGO_BIN_EXE_adit-keygen"))
        .args(["-q", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let key = key.to_str().unwrap();
    let args = ["-h", key, "-o", "ListenAddress=127.0.0.1:0"];
    assert_let_go(env!("CARGO_BIN_EXE_aditd"), &args, &home);
}

#[test]
fn a_client_keeps_none_and_neither_does_its_proxy_command() {
    let home = Directory::new();
    let proxy = "-oProxyCommand=sleep 1000";
    let args = ["-F", "none", "-N", proxy, "somewhere.invalid"];
    assert_let_go(env!("CARGO_BIN_EXE_adit"), &args, &home);
}
